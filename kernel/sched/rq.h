/* What the scheduler's own files share. */
#pragma once

#include "kernel/sched/sched.h"

struct rq *cpu_rq(u32 cpu);
/* The run queue that p->cpu says, locked. */
struct rq *task_rq_lock(struct task *p, u64 *flags);
/* All with rq->lock held. */
void activate_task(struct rq *rq, struct task *p);
void resched_curr(struct rq *rq);
void preempt_if_better(struct rq *rq, const struct task *p);
void enqueue_task(struct task *p, struct prio_array *array);
void dequeue_task(struct task *p);
void deactivate_task(struct rq *rq, struct task *p);
/* What it has of its own, or what those who wait for it lend: whichever is better. */
int effective_prio(const struct task *p);
/* What is lent to `p`, or MAX_PRIO. Caller holds pi_lock. */
void sched_set_boost(struct task *p, int boost);

/* ---- balance.c ---- */
bool cpu_allowed(const struct task *p, u32 cpu);
u32 least_loaded_cpu(const struct task *p, u32 prefer);
u32 wake_up_cpu(const struct task *p);
struct rq *place_task(struct rq *rq, struct task *p, u32 cpu);
void load_balance(struct rq *rq);
void balance_tick(struct rq *rq);
void push_task(struct task *p);
