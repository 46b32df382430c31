/*
 * Which CPU a task runs on.
 *
 * A task that wakes goes back to the CPU it ran on, whose caches know it, unless another one is
 * idle and that one is not. A thread starts on the CPU that has least to do; a process starts where
 * its parent is, ahead of it. A CPU that runs out of tasks takes one from the busiest, and so, now
 * and then, does one that has fewer than others; but not one that ran a moment ago.
 *
 * A task in no queue whose state is TASK_RUNNING is on its way to one: whoever took it out, or made
 * it, is the only one who may put it in. Everything else that moves a task holds the locks of both
 * run queues, of which the second is taken in the order of addresses, or only tried for.
 */
#include "kernel/lib/log.h"
#include "kernel/sched/rq.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

#define BALANCE_TICKS 25            /* between two looks at the others by a CPU that has work */
#define HOT_NS        NSEC_PER_MSEC /* a task that ran since then stays where it is */

/* Looked at without the lock: a guess. */
static u32 load_of(u32 cpu)
{
	return READ_ONCE(cpu_rq(cpu)->nr_running);
}

u32 least_loaded_cpu(const struct task *p, u32 prefer)
{
	u32 best = prefer, best_load = cpu_allowed(p, prefer) ? load_of(prefer) : ~0u;

	for (u32 i = 0; i < nr_cpus; i++) {
		if (!cpu_allowed(p, i) || load_of(i) >= best_load)
			continue;
		best = i;
		best_load = load_of(i);
	}
	return best;
}

/* Nothing runs there, or only somebody who wakes his parent as the last thing he does. */
static bool soon_idle(u32 cpu)
{
	u32 load = load_of(cpu);

	return load == 0 || (load == 1 && cpu == this_cpu()->id && (current->flags & PF_EXITING));
}

u32 choose_wake_up_cpu(const struct task *p)
{
	u32 before = p->cpu, best;

	if (cpu_allowed(p, before) && soon_idle(before))
		return before;
	best = least_loaded_cpu(p, before);
	return load_of(best) == 0 || !cpu_allowed(p, before) ? best : before;
}

/* `p` is on its way, and the run queue that p->cpu says is locked. Queue it on `cpu`. Returns the
 * run queue that is locked then. */
struct rq *place_task(struct rq *rq, struct task *p, u32 cpu)
{
	/* While nothing is locked its affinity may change: look again. */
	while (cpu != p->cpu) {
		WRITE_ONCE(p->cpu, cpu);
		spin_unlock(&rq->lock);
		rq = cpu_rq(cpu);
		spin_lock(&rq->lock);
		cpu = cpu_allowed(p, cpu) ? cpu : least_loaded_cpu(p, cpu);
	}
	activate_task(rq, p);
	preempt_if_better(rq, p);
	return rq;
}

/* ---- pulling ---- */

static bool lock_second(struct rq *held, struct rq *rq)
{
	if (rq < held)
		return spin_trylock(&rq->lock);
	spin_lock_nested(&rq->lock);
	return true;
}

/* Most likely it waits for a task that is about to sleep or to end, as a parent for its child: it
 * soon runs where it is, and the caches know it there. */
static bool ran_just_now(const struct task *p)
{
	u64 now = arch_run_clock();

	return now < p->exec_start || arch_run_ns(now - p->exec_start) < HOT_NS;
}

/* The last of the best list: it would have had to wait longest. */
static struct task *movable_in(struct rq *from, struct prio_array *array, u32 to)
{
	struct task *p;

	for (int prio = prio_array_best(array); prio < PRIO_LISTS; prio++)
		for (struct list_head *at = array->queue[prio].prev; at != &array->queue[prio];
		     at = at->prev) {
			p = list_entry(at, struct task, run_list);
			if (p != from->curr && !p->on_cpu && cpu_allowed(p, to) && !ran_just_now(p))
				return p;
		}
	return NULL;
}

/* Expired tasks first: they will not run there for a while, and their caches are cold. */
static struct task *movable_task(struct rq *from, u32 to)
{
	return movable_in(from, from->expired, to) ?: movable_in(from, from->active, to);
}

static bool pull_one(struct rq *rq, struct rq *from)
{
	struct task *p = movable_task(from, rq->cpu->id);

	if (!p)
		return false;
	deactivate_task(from, p);
	WRITE_ONCE(p->cpu, rq->cpu->id);
	activate_task(rq, p);
	preempt_if_better(rq, p);
	return true;
}

static struct rq *busiest_rq(struct rq *rq)
{
	struct rq *busiest = NULL;
	u32 most = rq->nr_running + 1;

	for (u32 i = 0; i < nr_cpus; i++) {
		struct rq *other = cpu_rq(i);

		/* One that is about to switch has a task ready that will run in a moment: after a
		 * fork, the child. */
		if (other == rq || load_of(i) <= most ||
		    (load_of(i) == 2 && READ_ONCE(other->cpu->need_resched)))
			continue;
		busiest = other;
		most = load_of(i);
	}
	return busiest;
}

/* Take what makes the two even. rq->lock is held all the time; the other one may be busy, and then
 * is left alone. */
void load_balance(struct rq *rq)
{
	struct rq *busiest = nr_cpus > 1 ? busiest_rq(rq) : NULL;
	u32 n;

	if (!busiest || !lock_second(rq, busiest))
		return;
	for (n = busiest->nr_running > rq->nr_running ? (busiest->nr_running - rq->nr_running) / 2
						      : 0;
	     n > 0; n--)
		if (!pull_one(rq, busiest))
			break;
	spin_unlock(&busiest->lock);
}

/* Idle CPUs have no tick: one that is busy, and has a task for them, wakes one of them. */
static void wake_idle_cpu(struct rq *rq)
{
	for (u32 i = 0; i < nr_cpus; i++) {
		struct rq *other = cpu_rq(i);

		if (other == rq || load_of(i) != 0 || !movable_task(rq, i))
			continue;
		/* Without its lock: at worst it looks once too often, or is on its way to look
		 * already. */
		WRITE_ONCE(other->cpu->need_resched, 1);
		arch_send_reschedule(i);
		return;
	}
}

/* Each tick of a CPU that has work; rq->lock is held. */
void balance_tick(struct rq *rq)
{
	if (nr_cpus == 1)
		return;
	if (rq->nr_running > 1)
		wake_idle_cpu(rq);
	if (++rq->balance_ticks % BALANCE_TICKS == 0)
		load_balance(rq);
}

/* ---- affinity ---- */

/* `p` was taken off its CPU and out of its queue, because it may not run there any more. */
void push_task(struct task *p)
{
	u64 flags;
	struct rq *rq = task_rq_lock(p, &flags);

	rq = place_task(rq, p, least_loaded_cpu(p, p->cpu));
	spin_unlock_irqrestore(&rq->lock, flags);
}

int sched_set_affinity(struct task *p, u64 mask)
{
	u64 flags;
	struct rq *rq;

	if (!(mask & cpu_online_mask))
		return -EINVAL;
	rq = task_rq_lock(p, &flags);
	p->cpus_mask = mask;
	if (!cpu_allowed(p, p->cpu)) {
		if (rq->curr == p) {
			resched_curr(rq); /* schedule() puts it out */
		} else if (p->array && p->state == TASK_RUNNING) {
			deactivate_task(rq, p);
			rq = place_task(rq, p, least_loaded_cpu(p, p->cpu));
		} /* else the next wake-up places it */
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	/* For current: the unlocking has moved us, if preemption is on. */
	return 0;
}

u64 sched_get_affinity(struct task *p)
{
	return READ_ONCE(p->cpus_mask) & cpu_online_mask;
}

/* `p` runs on another CPU, in user mode perhaps: have it come into the kernel. */
void kick_task(struct task *p)
{
	u32 cpu;

	preempt_disable();
	cpu = READ_ONCE(p->cpu);
	if (cpu != this_cpu()->id && READ_ONCE(p->on_cpu))
		arch_send_reschedule(cpu);
	preempt_enable();
}
