/* CPU time: what tasks and processes have used, and what happens when it reaches a value. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/heap.h"

struct task;
struct signal;

/* The three ways to count; the numbers are those in a dynamic clock id (clock_getcpuclockid(3)). */
enum cpu_clock {
	CPU_PROF,  /* user and system time */
	CPU_VIRT,  /* user time */
	CPU_SCHED, /* all of it: the same as CPU_PROF, and its timers too go by the tick */
	CPU_CLOCKS
};

/* ns. Of a process: caller holds tasklist_lock or the sighand->lock of its tasks. */
u64 task_cputime(struct task *p, enum cpu_clock which);
u64 process_cputime(struct signal *sig, enum cpu_clock which);

/* What a CPU clock's id names. */
struct cpu_target {
	struct task *task; /* a reference */
	enum cpu_clock which;
	bool thread; /* the task alone, not its process */
};

/* May a timer or a sleep use this clock? 0, -EINVAL (no clock), -EOPNOTSUPP. */
int check_timer_clock(clockid_t clock);
static inline bool is_cpu_clock(clockid_t clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}
/* 0 or -EINVAL. `reading`: the thread that asks may name its process by its own number. */
int cpu_clock_target(clockid_t clock, bool reading, struct cpu_target *target);
u64 cpu_target_time(const struct cpu_target *target);
u64 cpu_target_time_locked(const struct cpu_target *target); /* as process_cputime() */
u64 cpu_clock_resolution(clockid_t clock);

/* Something to do when a CPU clock has reached a value. The owner keeps it in memory while it is
 * armed, and holds the reference to its target. */
struct cpu_timer {
	struct heap_node node; /* ct: in a heap of its target; its key: when it expires */
	bool armed;            /* ct: it is in there */
	struct cpu_target target;
	void (*fn)(struct cpu_timer *); /* in the tick, the lock held; no longer armed */
};

/* The timers armed on the clocks of a task or a process: a heap for user time, and one for all of
 * it. "ct": the cpu_timers_lock of the target's process. */
struct cpu_timers {
	struct heap_node *user, *all;
};

void cpu_timer_init(struct cpu_timer *t, void (*fn)(struct cpu_timer *));
void cpu_timer_start(struct cpu_timer *t, u64 expires);
void cpu_timer_cancel(struct cpu_timer *t); /* on return its function does not run */

/* ITIMER_VIRTUAL and ITIMER_PROF. */
struct cpu_itimer {
	u64 expires;  /* on CPU_VIRT or CPU_PROF; 0: not armed */
	u64 interval; /* ns; 0: once */
};

/* The tick interrupted `p`, current. No lock is held. */
void cpu_time_tick(struct task *p);
/* clock_nanosleep(2) on a CPU clock; a relative one puts what is left in `rem`, if not NULL. */
long cpu_clock_sleep(clockid_t clock, u64 ns, bool absolute, struct timespec __user *rem);
