/*
 * Seeded interleavings: `sched.fuzz=SEED` makes the kernel preempt its tasks where it hurts: after
 * a spinlock is released, around mutexes and in the middle of page faults. The same seed on a
 * machine whose time is its instructions (tools/run --icount) gives the same run.
 */
#pragma once

#include "kernel/lib/types.h"

#ifndef HOST_TEST
extern long sched_fuzz; /* the seed; 0: off */

/* What the fuzzing did since the seed was set, on all CPUs. */
struct fuzz_stats {
	u64 throws, preemptions;
	u64 signature; /* of who was preempted where, in which order: tells runs apart */
};
void sched_fuzz_stats(struct fuzz_stats *sum);

void sched_fuzz_here(void); /* kernel/sched/fuzz.c */

/* A place where the order of things matters: may take the CPU from the caller, if he could lose it
 * here anyway. */
static inline void sched_fuzz_point(void)
{
	if (unlikely(sched_fuzz))
		sched_fuzz_here();
}
#else
static inline void sched_fuzz_point(void)
{
}
#endif
