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

u64 tsc_read(void);
/* Called by two CPUs at once, after the first of them has called tsc_compare_init(): by how many
 * cycles the counter was seen to go back from one to the other. `skew` is added to what this one
 * reads. */
void tsc_compare_init(void);
u64 tsc_compare(bool boot_cpu, u64 skew);
/* The TSCs differ: go on with another clock, if the TSC is in use. */
void clock_leave_tsc(void);
extern long tsc_skew; /* tunable clock.tsc_skew */

/* ---- the PIT's channel 0 as one-shot timer ---- */
int pit_timer_init(void); /* 0 or -EINVAL */
void pit_timer_program(u64 ns);
void pit_timer_stop(void);
