/*
 * One task observes and controls another: ptrace(2).
 *
 * A tracee has `traced` set. Its `parent` is the tracer, which hears of it and may wait for it;
 * `real_parent` is still the one that forked it. A task that is not traced pays for a test of
 * `traced` where a signal is handled, at fork, exec and exit, and for nothing at a system call.
 */
#pragma once

#include "kernel/lib/uapi_ptrace.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/task.h"

/* Without READ_ONCE(), which would cost each fork and exit a few instructions. */
static inline bool is_traced(const struct task *p)
{
	return unlikely(p->traced != 0);
}

/* Is p traced by another process than its real parent? Caller holds tasklist_lock. */
static inline bool traced_by_stranger(const struct task *p)
{
	return is_traced(p) && p->parent->signal != p->real_parent->signal;
}

/* ---- access.c ---- */

enum access_mode {
	ACCESS_BY_FSUID = 0, /* PTRACE_MODE_FSCREDS: through /proc */
	ACCESS_BY_UID = 1,   /* PTRACE_MODE_REALCREDS */
	ACCESS_ATTACH = 2,   /* Yama has a say too */
};
/* "Ptrace access mode checking" of ptrace(2): may current see or change the private data of p? */
bool ptrace_may_access(struct task *p, u32 access_mode);
/* PR_SET_PTRACER: allow the process `nr`, any (-1) or none (0) to trace current. 0 or -EINVAL. */
long ptrace_allow(unsigned long nr);
extern long ptrace_scope; /* kernel.yama.ptrace_scope */

/* ---- attach.c ---- */

/* fork by a traced task: the event that its tracer wants to hear of, or 0. */
u32 ptrace_fork_event(u64 clone_flags, int exit_signal);
/* fork by a traced task: trace the child too. Caller holds tasklist_lock, and no other task can see
 * the child. */
void ptrace_init_task(struct task *child);
/* Undo the tie between p and its tracer. Caller holds tasklist_lock. */
void ptrace_unlink(struct task *p);
void exit_ptrace(struct task *p); /* p ends: let go of its tracees */
/* exec: from begin to end nobody can attach to current. Is it traced by one without privilege? */
bool ptrace_exec_begin(void);
void ptrace_exec_end(void);
/* Wait until p is in no such exec. 0 or -ERESTARTNOINTR. */
int ptrace_exec_wait(const struct task *p);

/* ---- stop.c ---- */

/* Stop for the tracer; sighand->lock is held with `flags`, and released. `why`: CLD_*. Returns the
 * signal to go on with. A tracee that is being killed does not stop. */
int ptrace_stop(int code, int why, u64 message, ksiginfo_t *info, u64 flags);
/* Stop by PTRACE_INTERRUPT, for a group stop or its end. The lock as above. */
void ptrace_trap(u64 flags);
/* A signal was taken off the queue: the tracer decides. The signal to act on, or 0. The lock is
 * held with *flags, and again when this returns. */
int ptrace_signal(int sig, ksiginfo_t *info, u64 *flags);
/* Tell the tracer of an event (PTRACE_EVENT_*) that it asked for, and wait until it has seen it. */
void ptrace_tell_event(int event, u64 message);
static inline void ptrace_event(int event, u64 message)
{
	if (is_traced(current))
		ptrace_tell_event(event, message);
}
void ptrace_exec_event(pid_t old_tid);
/* exit: the task is about to end with this code, or (group) all of its group. */
void ptrace_exit_event(int code, bool group);
/* SIGCONT, or another change of the group stop, for a seized thread. Caller: sighand->lock. */
void ptrace_trap_notify(struct task *p);
/* PTRACE_SINGLESTEP, and its end. p does not run, or is current. */
void ptrace_enable_step(struct task *p);
void ptrace_disable_step(struct task *p);
void ptrace_step_stop(void); /* a step has led to the first instruction of a handler */
/* A stop at a system call: PTRACE_EVENTMSG_SYSCALL_ENTRY or _EXIT. */
void ptrace_call_stop(u64 which);
/* Set and clear bits of p->syscall_work. */
void syscall_watch(struct task *p, u32 set, u32 clear);

/* ---- request.c ---- */

/* Copy from or to p's memory for its tracer, also to what p itself may not write. Returns the bytes
 * copied. */
size_t ptrace_access_memory(struct task *p, u64 addr, void *buf, size_t n, bool write);
