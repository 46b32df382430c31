/* The O(1) scheduler: one run queue a CPU, two arrays of 140 lists in each. */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/cpumask.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"
#include "kernel/sched/prio_array.h"
#include "kernel/sched/wait_queue.h"

struct task;

/* The task itself writes its state; a waker writes it under the run queue's lock. */
enum task_state {
	TASK_RUNNING = 0,         /* running, or in a run queue */
	TASK_INTERRUPTIBLE = 1,   /* asleep; a signal wakes it */
	TASK_UNINTERRUPTIBLE = 2, /* asleep; only its event wakes it */
	TASK_STOPPED = 4,         /* by SIGSTOP and friends */
	TASK_KILLABLE = 8,        /* asleep; only its event or a fatal signal wakes it */
	TASK_ZOMBIE = 16,         /* only as exit_state */
	TASK_DEAD = 32,           /* state: has left its CPU for good; exit_state: reaped */
	TASK_TRACED = 64,         /* stopped for its tracer: kernel/ptrace/ */
	TASK_FROZEN = 128, /* the same, while a request works on it: not even SIGKILL wakes it */
};

#define MAX_RT_PRIO     100 /* 0 … 99: SCHED_FIFO and SCHED_RR, 0 the best */
#define MAX_PRIO        140 /* 100 … 139: nice -20 … 19 */
#define NICE_TO_PRIO(n) (MAX_RT_PRIO + 20 + (n))
#define PRIO_TO_NICE(p) ((int)(p)-MAX_RT_PRIO - 20)

struct rq {
	spinlock_t lock; /* LOCK_RQ (irq): everything below */
	struct cpu *cpu;
	u32 nr_running;
	u64 nr_switches;
	s64 nr_uninterruptible;          /* load.c: only the sum over all CPUs has a meaning */
	u64 user_ns, nice_ns, system_ns; /* account.c: the CPU's busy time charged so far */
	u64 started;                     /* run clock: when its idle task began */
	u64 rt_period_start, rt_ns;      /* account.c: run time of real-time tasks in this period */
	bool rt_throttled;               /* they have used up their part of the period */
	struct task *curr, *idle;
	struct prio_array *active, *expired;
	struct prio_array arrays[2];
	u32 balance_ticks;
	struct task *misplaced; /* switched out, no longer allowed here: moved after the switch */
	struct mm *prev_mm;     /* borrowed by the thread switched out: dropped after the switch */
};

extern long sched_child_first; /* tunable sched.child_first */
/* /proc/sys/kernel: how long real-time tasks may run per period if others wait; -1: no limit. */
extern long sched_rt_period_us, sched_rt_runtime_us;

void schedule(void);
/* For the way out of an interrupt, with interrupts off, preempt_count 0 and need_resched set. */
void preempt_schedule_irq(void);
u64 task_runtime(struct task *p); /* the run time of `p` until now, in ns. Any context */
/* Charge `p` for all its run time: utime and stime then add up to it, and neither ever decreases.
 * Any context, except under a run queue's lock. */
void task_charge(struct task *p);
void scheduler_tick(u64 now);    /* each TICK_NS, in interrupt context */
void scheduler_look_ahead(void); /* before the next tick: a task of equal priority has woken up */
/* Make `p` runnable if its state is in `mask`. True if it was asleep. Any context. */
bool try_to_wake_up(struct task *p, u32 mask);
bool wake_up_process(struct task *p); /* from any sleep but TASK_STOPPED and _TRACED */
/* Set current->state under the run queue's lock. For a state that is set only once before
 * schedule(): a waker that saw the old state has finished when this returns. */
void set_special_state(u32 state);
/* fork: give the child half of the parent's timeslice, and reset its scheduling state. Interrupts
 * are on. */
void sched_fork(struct task *p);
void sched_unfork(struct task *p); /* its undo: the parent gets the timeslice back */
/* fork: queue the child just ahead of its parent, so that it runs first, unless CLONE_VM. */
void wake_up_new_task(struct task *p, u64 clone_flags);
/* exit: give what is left of the child's first timeslice back to the parent. p has been charged. */
void sched_exit(struct task *p);
void set_user_nice(struct task *p, int nice);
/* sched_setattr(2): 0 or -EINVAL. A real-time policy leaves the nice value as it is. */
int sched_set_attr(struct task *p, int policy, int rt_priority, int nice, bool reset_on_fork);
bool sched_policy_valid(int policy, int rt_priority);
s64 task_timeslice(const struct task *p); /* ns, from the static priority */
/* Set the CPUs that `p` may run on. 0, or -EINVAL if none of them is online. */
int sched_set_affinity(struct task *p, struct cpumask mask);
struct cpumask sched_get_affinity(const struct task *p); /* those that are online */
void kick_task(struct task *p); /* if it runs on another CPU, make it check its signals */
/* A kernel thread borrows page tables and so may keep the root of a dead process. This drops it. */
void leave_borrowed_mm(void);
void cpu_idle(void) __noreturn;
/* Set up the CPU's run queue, empty, and the task that runs when it is. */
void init_idle(struct task *idle, struct cpu *cpu);
/* arch_stack_trace() of a sleeping task, else 0 */
u32 task_stack_trace(struct task *p, u64 *pc, u32 max);
/* Copy up to max entries of a run queue in the order of running; returns how many. For `runq`. */
struct runq_entry {
	pid_t pid;
	int prio;
	bool active, running;
	s64 timeslice; /* ns */
	char comm[16];
};
size_t sched_snapshot(struct cpu *cpu, struct runq_entry *out, size_t max);
