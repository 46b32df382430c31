/* What tasks have used, as getrusage(2) and wait4(2) tell it. */
#pragma once

#include "kernel/lib/types.h"

struct rusage;
struct signal;
struct task;

struct usage {
	u64 utime, stime;  /* ns */
	u64 min_flt;       /* page faults: none of them ever waited for a disk */
	u64 nvcsw, nivcsw; /* voluntary and forced switches */
	u64 max_pages;     /* the most that were resident; of a sum, in any one of them */
};

static inline void usage_add(struct usage *sum, const struct usage *more)
{
	if (!(more->utime | more->stime))
		return; /* often there were no other threads or children, and a task that never
			   ran used nothing */
	sum->utime += more->utime;
	sum->stime += more->stime;
	sum->min_flt += more->min_flt;
	sum->nvcsw += more->nvcsw;
	sum->nivcsw += more->nivcsw;
	sum->max_pages = MAX(sum->max_pages, more->max_pages);
}
/* What one thread has been charged until now: all, if task_charge() was called since its end. */
void add_charged_usage(const struct task *p, struct usage *sum);
/* Of one thread. */
void task_usage(struct task *p, struct usage *out);
/* Of all threads of a process, the living and the gone, without its children. Caller holds
 * tasklist_lock or the sighand->lock of its tasks. */
void process_usage(struct signal *sig, struct usage *out);
/* As getrusage(2) and wait4(2) report it. 0 or -EFAULT. */
int put_rusage(struct rusage __user *ru, const struct usage *used);
