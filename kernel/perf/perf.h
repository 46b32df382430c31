/*
 * Counting what tasks do: perf_event_open(2), software events.
 *
 * Nothing is counted for an event while its task runs. The kernel keeps each task's run time,
 * faults, switches and migrations anyway; an event remembers what they were when it began to count.
 * A task that is counted pays at fork, exec and exit; one that is not pays for a test there.
 */
#pragma once

#include "kernel/task.h"

#include <linux/perf_event.h>

struct perf_event;

extern long perf_event_paranoid; /* kernel.perf_event_paranoid */

/* ---- the life of a task that is counted ---- */

int perf_inherit(struct task *child, u64 clone_flags);
void perf_forget(struct task *p);
void perf_exec(struct task *p);

/* fork: count the child, which no other task can see yet, for the events that are inherited.
 * 0 or -ENOMEM. */
static inline int copy_perf(struct task *child, u64 clone_flags)
{
	return unlikely(READ_ONCE(current->perf) != NULL) ? perf_inherit(child, clone_flags) : 0;
}
/* exit, and the undo of copy_perf(): what was counted of p so far stays. */
static inline void exit_perf(struct task *p)
{
	if (unlikely(READ_ONCE(p->perf) != NULL))
		perf_forget(p);
}
/* exec: it has its new memory and credentials. Current only. */
static inline void exec_perf(struct task *p)
{
	if (unlikely(READ_ONCE(p->perf) != NULL))
		perf_exec(p);
}

/* ---- events ---- */

/* Count `p` as `attr`, which has been checked, says. `leader`: of its group, or NULL; the caller
 * has a reference to its file. ERR_PTR: -EACCES, -ESRCH (p ends),
 * -EINVAL (another leader is needed), -E2BIG (too large a group), -ENOMEM (also: its user has too
 * many). */
struct perf_event *perf_event_create(const struct perf_event_attr *attr, struct task *p,
				     struct perf_event *leader);
void perf_event_free(struct perf_event *e);
/* What read(2) gives: at most PERF_READ_MAX bytes, for the caller to kfree(). NULL: no memory. */
u64 *perf_event_read(struct perf_event *e, size_t *bytes);
#define PERF_READ_MAX (16 * 1024UL)
u64 perf_event_id(const struct perf_event *e);
/* The next three: for the event or (group) all of its group, in all tasks that are counted. */
void perf_event_enable(struct perf_event *e, bool group);
void perf_event_disable(struct perf_event *e, bool group);
void perf_event_reset(struct perf_event *e, bool group); /* not what ended tasks have counted */
