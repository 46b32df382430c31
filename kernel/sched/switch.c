/*
 * From one task to the next: schedule() and what surrounds the switch of stacks.
 *
 * Every switch happens with interrupts off, the run queue locked and preempt_count at exactly 2
 * (one for schedule(), one for the lock), so that the count is the same on both sides. The lock is
 * taken by the task that leaves and released by the one that arrives.
 */
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/sched/load.h"
#include "kernel/sched/rq.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

static struct task *first_task(const struct prio_array *array, int prio)
{
	return list_first_entry(&array->queue[prio], struct task, run_list);
}

/* The real-time tasks have had their share: the best of the others, or NULL. */
static noinline struct task *pick_other_task(const struct rq *rq)
{
	const struct prio_array *array = rq->active;
	int prio = prio_array_best_from(array, MAX_RT_PRIO);

	if (prio == PRIO_LISTS) {
		array = rq->expired;
		prio = prio_array_best_from(array, MAX_RT_PRIO);
	}
	return prio == PRIO_LISTS ? NULL : first_task(array, prio);
}

static struct task *pick_next_task(struct rq *rq)
{
	struct task *next;
	int prio;

	if (rq->nr_running == 0)
		return rq->idle;
	if (rq->active->nr == 0) {
		struct prio_array *array = rq->active;

		rq->active = rq->expired;
		rq->expired = array;
	}
	prio = prio_array_best(rq->active);
	next = first_task(rq->active, prio);
	if (unlikely(prio < MAX_RT_PRIO) && rq->rt_throttled)
		next = pick_other_task(rq) ?: next;
	return next;
}

/* A kernel thread has no user addresses of its own and goes on with the tables of whoever ran
 * before it: it holds the mm alive by its count, though perhaps without users. When somebody wants
 * them flushed it goes over to the kernel's (arch/x86_64/mm/tlb.c): what is loaded need not be what
 * it borrowed. */
static void switch_mm(struct cpu *cpu, struct task *prev, struct task *next)
{
	struct mm *old = prev->active_mm;

	if (!next->mm) {
		next->active_mm = old;
		mm_grab(old);
	} else if (next->mm != cpu->loaded_mm) {
		arch_load_mm(next->mm);
	}
	if (unlikely(!prev->mm)) {
		prev->active_mm = NULL;
		cpu->rq->prev_mm = old;
	}
}

void leave_borrowed_mm(void)
{
	struct mm *borrowed = NULL;
	u64 flags = local_irq_save(); /* a switch would change what is borrowed */

	if (!current->mm && current->active_mm != &init_mm) {
		borrowed = current->active_mm;
		mm_grab(&init_mm);
		current->active_mm = &init_mm;
		arch_load_mm(&init_mm);
	}
	local_irq_restore(flags);
	if (borrowed)
		mm_drop(borrowed);
}

/* The lock is released. */
static noinline void drop_leftovers(struct rq *rq, struct mm *mm, struct task *misplaced)
{
	rq->prev_mm = NULL;
	rq->misplaced = NULL;
	spin_unlock(&rq->lock);
	if (misplaced)
		push_task(misplaced);
	if (mm)
		mm_drop(mm);
}

/* The first thing that `current` does after a switch: let go of what `prev` left behind. Interrupts
 * are off, and preemption is when it returns. */
static inline void finish_task_switch(struct task *prev)
{
	struct rq *rq = this_cpu()->rq;
	struct mm *mm = rq->prev_mm;
	bool dead = prev->state == TASK_DEAD;
	struct task *misplaced = rq->misplaced;

	prev->on_cpu = false;
	if (DEBUG_CHECKS) {
		lock_order_acquire(&rq->lock, LOCK_RQ, false);
		lock_acquired(&rq->lock, false, finish_task_switch);
	}
	if (unlikely(mm || misplaced))
		drop_leftovers(rq, mm, misplaced);
	else
		spin_unlock_no_resched(&rq->lock); /* we have just been chosen */
	if (unlikely(dead))
		put_task(prev); /* its stack is free from here on: nobody runs on it */
}

void schedule_tail(struct task *prev)
{
	finish_task_switch(prev);
	local_irq_enable();
	preempt_enable();
	if (current->set_child_tid && put_user((int)current->pid_nr, current->set_child_tid) != 0)
		current->set_child_tid = NULL; /* clone(2): a bad address is not an error */
}

static bool signal_ends_sleep(const struct task *p)
{
	if (p->state & TASK_INTERRUPTIBLE)
		return signal_pending(p);
	return (p->state & (TASK_KILLABLE | TASK_STOPPED)) && fatal_signal_pending(p);
}

/* The CPU goes from one to the other: what prev ran is complete, and next's begins. */
static void account_switch(struct task *prev, struct task *next)
{
	u64 now = arch_run_clock();

	if (likely(now > prev->exec_start))
		prev->runtime += now - prev->exec_start;
	next->exec_start = now;
}

enum schedule_why {
	SLEEP_OR_GO_ON, /* by its state */
	PREEMPTED,      /* on its way to sleep perhaps: it has not looked at its condition yet */
	YIELD,
};

/* A real-time task only lets its equals pass; the others wait for everybody. */
static void yield_task(struct rq *rq, struct task *p)
{
	if (rq->nr_running <= 1)
		return;
	requeue_task(p, rt_task(p) ? rq->active : rq->expired);
}

static void leave_queue(struct rq *rq, struct task *prev)
{
	if (unlikely(signal_ends_sleep(prev))) {
		prev->state = TASK_RUNNING;
		return;
	}
	deactivate_task(rq, prev);
	load_sleeps(rq, prev);
	prev->rt_ns = 0;
}

/* Interrupts are off, also when it returns: whoever came by an interrupt must not be interrupted
 * here again, and again. */
static __sched void __schedule(enum schedule_why why)
{
	struct task *prev = current, *next;
	struct cpu *cpu = this_cpu();
	struct rq *rq = cpu->rq;

	preempt_disable();
	spin_lock(&rq->lock);
	if (DEBUG_CHECKS && *(u64 *)prev->stack != STACK_END_MAGIC)
		panic("kernel stack of pid %d was overrun\n", prev->pid_nr);
	if (prev->state != TASK_RUNNING) {
		if (why != PREEMPTED)
			leave_queue(rq, prev);
	} else if (unlikely(!cpu_allowed(prev, cpu->id)) && prev != rq->idle) {
		deactivate_task(rq, prev);
		rq->misplaced = prev;
	} else if (why == YIELD) {
		yield_task(rq, prev);
	}
	if (rq->nr_running == 0)
		load_balance(rq);
	next = pick_next_task(rq);
	cpu->need_resched = 0;
	if (prev == next) {
		spin_unlock_no_resched(&rq->lock);
		preempt_enable_no_resched();
		return;
	}
	if (prev->array)
		prev->nivcsw++; /* it could have gone on */
	else
		prev->nvcsw++;
	trace_sched_switch(prev, next);
	account_switch(prev, next);
	rq->curr = next;
	rq->nr_switches++;
	next->on_cpu = true;
	switch_mm(cpu, prev, next);
	if (DEBUG_CHECKS)
		lock_order_release(&rq->lock);
	prev = switch_to(prev, next);
	finish_task_switch(prev);
	preempt_enable_no_resched();
}

__sched void schedule(void)
{
	if (DEBUG_CHECKS && preempt_count() != 0)
		panic("schedule() with preempt_count %u by pid %d\n", preempt_count(),
		      current->pid_nr);
	if (DEBUG_CHECKS && !irqs_enabled() && current->state != TASK_DEAD) /* which is its end */
		panic("schedule() with interrupts off by pid %d\n", current->pid_nr);
	do {
		local_irq_disable();
		__schedule(SLEEP_OR_GO_ON);
		local_irq_enable();
	} while (need_resched());
}

__sched void sched_yield(void)
{
	local_irq_disable();
	__schedule(YIELD);
	local_irq_enable();
}

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

void preempt_schedule(void)
{
	/* With interrupts off the caller is not to be preempted either. */
	while (need_resched() && preempt_count() == 0 && irqs_enabled()) {
		local_irq_disable();
		__schedule(PREEMPTED);
		local_irq_enable();
	}
}

void preempt_schedule_irq(void)
{
	while (need_resched())
		__schedule(PREEMPTED);
}

void cpu_idle(void)
{
	preempt_disable();
	for (;;) {
		tick_stop();
		while (!need_resched()) {
			local_irq_disable();
			if (need_resched())
				local_irq_enable();
			else
				cpu_idle_wait();
		}
		tick_start();
		preempt_enable_no_resched();
		schedule();
		preempt_disable();
	}
}
