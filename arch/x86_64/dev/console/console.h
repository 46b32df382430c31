/* What the console's drivers share: the lock of the output, and the way up to the terminal. */
#pragma once

#include "kernel/lib/types.h"

/* Returns the flags for console_unlock(). Interrupts are off in between. */
u64 __must_check console_lock(void);
void console_unlock(u64 flags);
/* Called in interrupt context: a character was typed; the serial port takes bytes again. */
void console_input(char c);
void console_writable(void);
