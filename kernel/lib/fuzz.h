/* Seeded interleavings: `sched.fuzz=SEED` makes the kernel preempt tasks after a spinlock is
 * released, around mutexes and in the middle of page faults. On a machine that counts instructions
 * as time (tools/run --icount) the same seed gives the same run. */
#pragma once

#include "kernel/lib/types.h"

#ifndef HOST_TEST
extern long sched_fuzz; /* the seed; 0: off */

/* What the fuzzing did since the seed was set, on all CPUs. */
struct fuzz_stats {
	u64 throws, preemptions;
	u64 signature; /* of the tasks preempted, the places and their order: tells runs apart */
};
void sched_fuzz_stats(struct fuzz_stats *sum);

void sched_fuzz_here(void); /* kernel/sched/fuzz.c */

/* A place where order matters: the caller may be preempted here, if preemption is on. */
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
