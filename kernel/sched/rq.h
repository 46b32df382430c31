/* What the files of the scheduler share. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/sched/sched.h"
#include "kernel/task.h"

static inline struct rq *cpu_rq(u32 cpu)
{
	return cpus[cpu].rq;
}
/* Lock and return the run queue of p->cpu. */
static inline struct rq *task_rq_lock(struct task *p, u64 *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(p->cpu);
		struct rq *rq = cpu_rq(cpu);

		*flags = spin_lock_irqsave(&rq->lock);
		if (likely(cpu == READ_ONCE(p->cpu)))
			return rq;
		spin_unlock_irqrestore(&rq->lock, *flags);
	}
}

struct rq_guard {
	struct rq *rq;
	u64 flags;
};

static always_inline struct rq_guard rq_guard_begin(struct task *p)
{
	struct rq_guard g;

	g.rq = task_rq_lock(p, &g.flags);
	return g;
}

static always_inline void scoped_rq(struct rq_guard *g)
{
	spin_unlock_irqrestore(&g->rq->lock, g->flags);
}

/* Lock the run queue of `p` to the end of the block: name.rq. */
#define guard_task_rq(name, p) struct rq_guard __maybe_unused name scoped(rq) = rq_guard_begin(p)

static inline bool rt_task(const struct task *p)
{
	return p->prio < MAX_RT_PRIO;
}

/* All with rq->lock held. */
void resched_curr(struct rq *rq);

static inline void enqueue_task(struct task *p, struct prio_array *array)
{
	prio_array_add(array, &p->run_list, p->prio);
	p->array = array;
}

/* Move `p` to the end of its list in `array`. */
static inline void requeue_task(struct task *p, struct prio_array *array)
{
	int prio = p->prio;

	prio_array_del(p->array, &p->run_list, prio);
	prio_array_add(array, &p->run_list, prio);
	p->array = array;
}

static inline void dequeue_task(struct task *p)
{
	prio_array_del(p->array, &p->run_list, p->prio);
	p->array = NULL;
}

static inline void activate_task(struct rq *rq, struct task *p)
{
	enqueue_task(p, rq->active);
	rq->nr_running++;
}

static inline void deactivate_task(struct rq *rq, struct task *p)
{
	dequeue_task(p);
	rq->nr_running--;
}

static inline void preempt_if_better(struct rq *rq, const struct task *p)
{
	if (p->prio < rq->curr->prio)
		resched_curr(rq);
}

/* The better of the task's own priority and its boost. */
static inline int effective_prio(const struct task *p)
{
	return MIN(p->normal_prio, p->boost);
}
/* Set the priority lent to `p`; MAX_PRIO: none. The caller holds pi_lock. */
void sched_set_boost(struct task *p, int boost);

/* ---- account.c ---- */
/* A tick interrupted `p`; `user`: in user mode. */
void account_tick(struct rq *rq, struct task *p, bool user);
void throttle_tick(struct rq *rq, u64 now);

/* ---- load.c ---- */
/* Kernel threads do not count: they sleep uninterruptibly when idle. */
static inline bool is_load(const struct task *p)
{
	return (p->state & (TASK_UNINTERRUPTIBLE | TASK_KILLABLE)) && !(p->flags & PF_KTHREAD);
}

/* ---- balance.c ---- */
static inline bool cpu_allowed(const struct task *p, u32 cpu)
{
	return !READ_ONCE(p->bound) || cpumask_test(&p->cpus_mask, cpu);
}
u32 least_loaded_cpu(const struct task *p, u32 prefer);
/* The CPU for `p`, which was asleep, if there are several. Interrupts are off. */
u32 choose_wake_up_cpu(const struct task *p);
struct rq *place_task(struct rq *rq, struct task *p, u32 cpu);
void load_balance(struct rq *rq);
void balance_tick(struct rq *rq);
void push_task(struct task *p);
