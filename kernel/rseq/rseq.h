/*
 * Restartable sequences: rseq(2).
 *
 * WORK_RSEQ in task.work says that a registered task must look at its area before it returns to
 * user mode. A task without a registration never gets the bit.
 */
#pragma once

#include "kernel/task.h"

#define RSEQ_FEATURE_SIZE 28 /* AT_RSEQ_FEATURE_SIZE: up to the end of mm_cid */
#define RSEQ_ALIGN        32 /* AT_RSEQ_ALIGN */

/* `p` runs again after a switch, or for the first time. Its critical section, if it was in one,
 * must be restarted. There is none around a system call: rseq(2) forbids it. Interrupts are off. */
static inline void rseq_switched_in(struct task *p)
{
	if (unlikely(p->rseq.area) && (p->rseq.cpu_id != this_cpu()->id || in_trap(p)))
		task_set_work(p, WORK_RSEQ);
}

void rseq_fork_registered(struct task *child, u64 flags);
/* fork: the child has been given the registration of current. With CLONE_VM it does not keep it. */
static inline void rseq_fork(struct task *child, u64 flags)
{
	if (unlikely(child->rseq.area))
		rseq_fork_registered(child, flags);
}

/* On the way to user mode, with WORK_RSEQ: write the ids to the area if they have changed, and
 * restart a critical section. If the area or the section is not as it must be: SIGSEGV. */
void rseq_work(struct pt_regs *regs);
/* Before the frame of a handler is made: restart a critical section. False: as above. */
bool rseq_signal(struct pt_regs *regs);
