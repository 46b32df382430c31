/* Random numbers that nobody can guess: kernel/lib/random.c. */
#pragma once

#include "kernel/lib/types.h"

void random_init(void); /* once the clocks run */
/* Any context. */
void random_bytes(void *buf, size_t n);
u64 random_u64(void);
/* Something that cannot be foretold has just happened: an interrupt handler says so. */
void random_add_event(void);
/* What a program wrote into /dev/random: stirred in, trusted for nothing. */
void random_stir(const void *data, size_t n);

#define RANDOM_CHUNK 256 /* what the readers below take at a time */
