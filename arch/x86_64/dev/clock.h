/* Counters that time can be read from. */
#pragma once

#include "kernel/lib/types.h"

struct clock_source {
	const char *name;
	u64 (*read)(void);
	u64 hz;
	u64 mask; /* of the counter's width */
};

/* Each fills in what it found and returns true, or leaves it. */
bool hpet_init(struct clock_source *c);
bool pm_timer_init(struct clock_source *c);
void pit_clock_init(struct clock_source *c); /* always there */
/* The time-stamp counter, when it runs at one rate in every state; measured against `ref` unless
 * CPUID says the rate. */
bool tsc_init(struct clock_source *c, const struct clock_source *ref);

/* ---- the PIT's channel 0 as one-shot timer ---- */
int pit_timer_init(void); /* 0 or -EINVAL */
void pit_timer_program(u64 ns);
void pit_timer_stop(void);
