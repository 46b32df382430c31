/* What the scheduler's own files share. */
#pragma once

#include "kernel/sched/sched.h"

struct rq *cpu_rq(u32 cpu);
/* All with rq->lock held. */
void enqueue_task(struct task *p, struct prio_array *array);
void dequeue_task(struct task *p);
void deactivate_task(struct rq *rq, struct task *p);
