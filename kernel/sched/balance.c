/*
 * Which CPU a task runs on.
 *
 * A task that wakes goes back to the CPU it ran on, whose caches hold its data, unless that CPU is
 * busy and another one is idle. A new thread starts on the least loaded CPU; a new process starts
 * on its parent's CPU, ahead of the parent. A CPU without tasks pulls some from the busiest CPU,
 * and a CPU with fewer tasks does so now and then. A task that ran a moment ago is not pulled.
 *
 * A task in no queue whose state is TASK_RUNNING is on its way to one: only the CPU that took it
 * out, or made it, may queue it. All other code that moves a task holds the locks of both run
 * queues. The second lock is taken in the order of addresses, or only tried.
 */
#include "kernel/sched/rq.h"

#define BALANCE_TICKS 25            /* ticks from one balancing of a busy CPU to the next */
#define HOT_NS        NSEC_PER_MSEC /* a task that ran less than this ago is not pulled */

/* Read without the lock: an estimate. */
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

/* Nothing runs there, or only the current task, which exits and wakes its parent. */
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

/* Queue `p`, which is in no queue, on `cpu`. Unlocks `rq`, that of p->cpu; locks the result. */
struct rq *place_task(struct rq *rq, struct task *p, u32 cpu)
{
	/* The affinity may change while nothing is locked: check it again. */
	while (cpu != p->cpu) {
		p->migrations++;
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

/* A task that ran a moment ago most likely waits for one that is about to sleep or to end, as a
 * parent for its child. It then goes on where it is, with warm caches. */
static bool ran_just_now(const struct task *p)
{
	u64 now = arch_run_clock();

	return now < p->exec_start || arch_run_ns(now - p->exec_start) < HOT_NS;
}

/* Search each list from its end: the last task would wait longest where it is. */
static struct task *movable_in(struct rq *from, struct prio_array *array, u32 to)
{
	for (int prio = prio_array_best(array); prio < PRIO_LISTS; prio++) {
		struct list_head *queue = &array->queue[prio];

		for (struct list_head *at = queue->prev; at != queue; at = at->prev) {
			struct task *p = list_entry(at, struct task, run_list);

			if (p != from->curr && !p->on_cpu && cpu_allowed(p, to) && !ran_just_now(p))
				return p;
		}
	}
	return NULL;
}

/* Expired tasks first: they would not run there for a while, and their caches are cold. */
static struct task *movable_task(struct rq *from, u32 to)
{
	return movable_in(from, from->expired, to) ?: movable_in(from, from->active, to);
}

/* A run queue with at least two tasks more than `rq`, or NULL. */
static struct rq *busiest_rq(struct rq *rq)
{
	struct rq *busiest = NULL;
	u32 most = rq->nr_running + 1;

	for (u32 i = 0; i < nr_cpus; i++) {
		struct rq *other = cpu_rq(i);

		/* A CPU that is about to switch soon runs its second task: the child of a fork. */
		if (other == rq || load_of(i) <= most ||
		    (load_of(i) == 2 && READ_ONCE(other->cpu->need_resched)))
			continue;
		busiest = other;
		most = load_of(i);
	}
	return busiest;
}

/* Pull tasks from the busiest run queue until the two are even. rq->lock stays held, so a lock of a
 * lower address is only tried: if it is taken, nothing is pulled. */
void load_balance(struct rq *rq)
{
	struct rq *busiest = nr_cpus > 1 ? busiest_rq(rq) : NULL;
	struct task *p;

	if (!busiest || !lock_second(rq, busiest))
		return;
	while (busiest->nr_running > rq->nr_running + 1 &&
	       (p = movable_task(busiest, rq->cpu->id))) {
		deactivate_task(busiest, p);
		p->migrations++;
		WRITE_ONCE(p->cpu, rq->cpu->id);
		activate_task(rq, p);
		preempt_if_better(rq, p);
	}
	spin_unlock(&busiest->lock);
}

/* Idle CPUs have no tick: a busy CPU that has a task for one of them wakes it. */
static void wake_idle_cpu(struct rq *rq)
{
	for (u32 i = 0; i < nr_cpus; i++) {
		struct rq *other = cpu_rq(i);

		if (other == rq || load_of(i) != 0 || !movable_task(rq, i))
			continue;
		/* Written without the lock: at worst that CPU looks once too often. */
		WRITE_ONCE(other->cpu->need_resched, 1);
		arch_send_reschedule(i);
		return;
	}
}

/* Runs at each tick of a CPU that has work. The caller holds rq->lock. */
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

/* Queue `p` elsewhere: it was taken out of its queue, because it may not run there any more. */
void push_task(struct task *p)
{
	guard_task_rq(locked, p);
	locked.rq = place_task(locked.rq, p, least_loaded_cpu(p, p->cpu));
}

int sched_set_affinity(struct task *p, struct cpumask mask)
{
	u32 usable = cpumask_common(&mask, &cpu_online_mask);
	guard_task_rq(locked, p);

	if (!usable)
		return -EINVAL;
	p->cpus_mask = mask;
	__atomic_store_n(&p->bound, usable < nr_cpus, __ATOMIC_RELEASE);
	if (cpu_allowed(p, p->cpu))
		return 0;
	if (locked.rq->curr == p) {
		resched_curr(locked.rq); /* schedule() moves it; current: as the lock is released */
	} else if (p->array && p->state == TASK_RUNNING) {
		deactivate_task(locked.rq, p);
		locked.rq = place_task(locked.rq, p, least_loaded_cpu(p, p->cpu));
	} /* else the next wake-up places it */
	return 0;
}

struct cpumask sched_get_affinity(const struct task *p)
{
	return READ_ONCE(p->bound) ? cpumask_and(&p->cpus_mask, &cpu_online_mask) : cpu_online_mask;
}

void kick_task(struct task *p)
{
	u32 cpu;

	preempt_disable();
	cpu = READ_ONCE(p->cpu);
	if (cpu != this_cpu()->id && READ_ONCE(p->on_cpu))
		arch_send_reschedule(cpu);
	preempt_enable();
}
