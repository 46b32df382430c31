/* The serial port COM1. The caller holds the console's lock, except for serial_init(). */
#pragma once

#include "kernel/lib/types.h"

void serial_early_init(void); /* polled */
void serial_init(void);       /* driven by interrupts from here on */
bool serial_present(void);
void serial_write(const char *s, size_t n, bool newlines); /* newlines: \n becomes \r\n */
void serial_flush(void);                                   /* by polling */
