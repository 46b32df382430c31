/* How busy the machine is: what each CPU has done with its time, and the load averages. */
#pragma once

#include "kernel/lib/types.h"

struct rq;
struct task;

/* Of one CPU, in ns since its start. Idle time and the sum of the rest are exact; none shrinks. */
struct cpu_times {
	u64 user, nice, system, idle;
};
void cpu_times(u32 cpu, struct cpu_times *out); /* account.c */
u64 nr_context_switches(void);
u64 nr_running_tasks(void);

/* Averages over 1, 5 and 15 minutes, as fixed-point numbers. */
#define LOAD_SHIFT 11
#define LOAD_ONE   (1UL << LOAD_SHIFT)
#define NR_LOADS   3
void load_averages(u64 out[NR_LOADS]);

/* ---- for the scheduler ---- */
/* Take the samples that are due, in the tick of a busy CPU, or (`idle`) when a CPU ends idling. */
void load_sample(u64 now, bool idle);
