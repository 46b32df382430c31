/* Which process dies when memory is short: oom.c. */
#pragma once

#include "kernel/lib/types.h"

struct pt_regs;
struct task;

#define OOM_SCORE_ADJ_MIN (-1000)
#define OOM_SCORE_ADJ_MAX 1000
/* What /proc/PID/oom_score shows; caller holds tasklist_lock. */
u64 oom_score(const struct task *leader);
/* WORK_OOM, on the way to user mode: the allocator failed. Kills a process, and has the system call
 * tried again, if it was this that made it return -ENOMEM. */
void oom_work(struct pt_regs *regs);
