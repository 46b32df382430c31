/* Reports of what takes too long: made once, and the machine goes on. */
#pragma once

#include "kernel/lib/cpumask.h"
#include "kernel/lib/types.h"

#define STALL_NS      1000000000UL  /* reported */
#define STALL_DEAD_NS 10000000000UL /* debug builds panic, so that a test ends */

struct task;

/* Report what happened, with backtraces of this CPU and the culprit. Any context that may log. */
void stall_report(u32 culprit, const char *fmt, ...) __printf(2, 3);
/* The same for a task, which may run or sleep; the caller keeps the task in place. */
void stall_report_task(const struct task *culprit, const char *fmt, ...) __printf(2, 3);
/* CPUs that may hold this spinlock: preemption is off, and they neither wait for it nor idle. */
struct cpumask stall_suspects(const void *lock);
/* Debug builds, from the tick: look whether the other CPUs still take interrupts. */
void stall_tick(u64 now);
