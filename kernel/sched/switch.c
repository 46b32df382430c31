/*
 * Switching from one task to the next: schedule() and the steps around the switch of stacks.
 *
 * Every switch happens with interrupts off, the run queue locked and preempt_count at exactly 2
 * (one for schedule(), one for the lock), so that the count is the same on both sides. The task
 * that is switched out takes the lock, and the task that is switched in releases it.
 */
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/sched/load.h"
#include "kernel/sched/rq.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

static struct task *first_task(const struct prio_array *array, int prio)
{
	return list_first_entry(&array->queue[prio], struct task, run_list);
}

/* The real-time tasks are throttled: the best of the other tasks, or NULL. */
static noinline struct task *pick_other_task(const struct rq *rq)
{
	const struct prio_array *arrays[] = {rq->active, rq->expired};

	for (int i = 0; i < 2; i++)
		for (int prio = MAX_RT_PRIO; prio < PRIO_LISTS; prio++)
			if (!list_empty(&arrays[i]->queue[prio]))
				return first_task(arrays[i], prio);
	return NULL;
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

/* A kernel thread has no user memory and borrows the page tables of the task that ran before it.
 * Its reference to mm->count keeps them alive, even when the mm has no users left. To flush them, a
 * CPU that runs a kernel thread switches to the kernel's own tables (arch/x86_64/mm/tlb.c), so the
 * loaded tables need not be the borrowed ones. */
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
	u64 flags = local_irq_save(); /* a switch would change active_mm */

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

/* Release the run queue's lock, then drop the mm and move the task that the switch left behind. */
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

/* After a switch: release what `prev` left behind. Interrupts and preemption stay off. */
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
		spin_unlock_no_resched(&rq->lock); /* this task has just been chosen */
	if (unlikely(dead))
		put_task(prev); /* no CPU runs on its stack any more */
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
	return (p->state & (TASK_KILLABLE | TASK_STOPPED | TASK_TRACED)) && fatal_signal_pending(p);
}

/* End the run time of prev and begin that of next. */
static void account_switch(struct task *prev, struct task *next)
{
	u64 now = arch_run_clock();

	if (likely(now > prev->exec_start))
		prev->runtime += now - prev->exec_start;
	prev->exec_start = next->exec_start = now;
}

enum schedule_why {
	SLEEP_OR_GO_ON, /* as the task's state says */
	PREEMPTED,      /* stays queued whatever its state: it may be about to check a condition */
	YIELD,
};

static void leave_queue(struct rq *rq, struct task *prev)
{
	if (unlikely(signal_ends_sleep(prev))) {
		prev->state = TASK_RUNNING;
		return;
	}
	deactivate_task(rq, prev);
	rq->nr_uninterruptible += is_load(prev);
	prev->rt_ns = 0;
}

/* Interrupts stay off: a task that comes from an interrupt must not be interrupted endlessly. */
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
	} else if (why == YIELD && rq->nr_running > 1) {
		/* A real-time task goes behind the others of its priority, any other to the expired
		 * array. */
		requeue_task(prev, rt_task(prev) ? rq->active : rq->expired);
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
		prev->nivcsw++; /* still runnable */
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
	DEBUG_ON(preempt_count() != 0);
	DEBUG_ON(!irqs_enabled() && current->state != TASK_DEAD);
	do {
		local_irq_disable();
		__schedule(SLEEP_OR_GO_ON);
		local_irq_enable();
	} while (need_resched());
}

__sched long sys_sched_yield(void)
{
	local_irq_disable();
	__schedule(YIELD);
	local_irq_enable();
	return 0;
}

void preempt_schedule(void)
{
	/* A caller with interrupts off must not be preempted. */
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
