/* Between wait.c and kernel/ptrace/wait_tracee.c: one look at a task that wait(2) may report. */
#pragma once

#include "kernel/wait.h"

/* The result of looking at one child. */
enum wait_verdict {
	WAIT_NOT_OURS, /* does not match: does not count against -ECHILD */
	WAIT_LATER,    /* matches, nothing to report yet */
	WAIT_FOUND,    /* *out is filled, or `reap` is set */
	WAIT_RELEASE,  /* *out is filled, and `release` set */
};

struct wait_query {
	enum pid_type type; /* PIDTYPE_MAX: any child */
	pid_t nr;
	struct task *only; /* PIDTYPE_PID: the task with this number, a reference; or NULL */
	int options;
	struct wait_result *out;
	struct task *reap;    /* a zombie that the caller is to release; or NULL */
	struct task *release; /* a thread, or another process's child, that was traced */
};

void fill_result(struct wait_result *out, struct task *p, int code, int status);
void fill_end(struct wait_result *out, struct task *p);
/* The best verdict on the tasks that t traces; for wait on one pid, on this one. `p` is traced by
 * current's process. Caller holds tasklist_lock. */
enum wait_verdict look_at_tracees(struct wait_query *q, struct task *t);
enum wait_verdict look_at_tracee(struct wait_query *q, struct task *p);
