/* Unpredictable random numbers: kernel/lib/random.c. */
#pragma once

#include "kernel/lib/types.h"

void random_init(void); /* once the clocks run */
/* Any context. */
void random_bytes(void *buf, size_t n);
u64 random_u64(void);
/* Stir in the time of an unpredictable event. For interrupt handlers. */
void random_add_event(void);
/* Stir in what a program wrote into /dev/random. It is not trusted. */
void random_stir(const void *data, size_t n);

#define RANDOM_CHUNK 256 /* bytes that readers take at a time */
