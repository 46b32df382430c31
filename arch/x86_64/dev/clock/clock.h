/* Counters that can serve as clock. */
#pragma once

#include "kernel/lib/types.h"

struct clock_source {
	const char *name;
	u64 (*read)(void);
	u64 hz;
	u64 mask; /* of the counter's width */
};

/* Each fills in *c; false, and *c untouched, if there is no such counter. */
bool hpet_init(struct clock_source *c);
bool pm_timer_init(struct clock_source *c);
bool pit_clock_init(struct clock_source *c);
/* The TSC, if it runs at one rate in every state: CPUID's, or measured against `ref`. If that is
 * NULL, there is no other clock, and the TSC is used if CPUID tells its rate at all. */
bool tsc_init(struct clock_source *c, const struct clock_source *ref);
bool clock_counts(u64 (*read)(void)); /* does the counter advance within 100 us? */
/* Read two counters at nearly the same moment: the tightest of a few tries, since a hypervisor may
 * stop this CPU between the two. `outer` is read before and after `inner`, and *out is the middle.
 * Returns the time between the two, which bounds the error. */
u64 clock_read_pair(u64 (*outer)(void), u64 (*inner)(void), u64 *out, u64 *in);

u64 tsc_read(void);
/* Called by two CPUs at once, after the boot CPU has called tsc_compare_init(). Returns by how many
 * cycles the counter was seen to go back between them. `skew` is added to this CPU's readings. */
void tsc_compare_init(void);
u64 tsc_compare(bool boot_cpu, u64 skew);
/* Stop using the TSC, as clock and for CPU time: the CPUs' counters differ. */
void clock_leave_tsc(void);
extern long tsc_skew; /* tunable clock.tsc_skew */

/* ---- the PIT's channel 0 as one-shot timer ---- */
int pit_timer_init(void); /* 0, -ENODEV or -EINVAL */
void pit_timer_program(u64 ns);
