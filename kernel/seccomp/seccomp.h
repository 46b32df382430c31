/*
 * Filters of system calls: seccomp(2).
 *
 * A task that has filters has SYSCALL_SECCOMP in its syscall_work, so that the dispatcher asks
 * seccomp_permits() before each call. Without filters a task pays for a test at fork and at exit.
 */
#pragma once

#include "kernel/lib/uapi_ptrace.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/task.h"

#include <linux/seccomp.h>

struct seccomp_filter;
struct listener;
struct seccomp_metadata;
struct sock_filter;

/* ---- filter.c: chains of filters ---- */

void seccomp_inherit(struct task *child, bool thread);
/* fork: the child gets the filters of current. Cannot fail. Caller holds tasklist_lock; for a
 * thread, sighand->lock as well, so that no SECCOMP_FILTER_FLAG_TSYNC misses it. */
static inline void copy_seccomp(struct task *child, bool thread)
{
	if (unlikely(current->seccomp != NULL))
		seccomp_inherit(child, thread);
}
void seccomp_exit(struct task *p); /* p, which is PF_EXITING, drops its filters */

/* SECCOMP_MODE_*, and the number of filters. Caller holds sighand->lock, or p is current. */
int seccomp_mode(const struct task *p);
u32 seccomp_filters(const struct task *p);

/* 0, or -EINVAL: current has filters already. */
long seccomp_set_strict(void);
/* A new filter with the program that a struct sock_fprog of the caller leads to. ERR_PTR: -EFAULT,
 * -EINVAL (not a program that seccomp(2) allows), -EACCES (no_new_privs is not set), -ENOMEM. */
struct seccomp_filter *seccomp_filter_create(const void __user *uprog, u32 flags);
void seccomp_filter_put(struct seccomp_filter *f); /* NULL is allowed */
SCOPED(seccomp_filter_put, struct seccomp_filter *)
/* Let notifications of the filter go to the listener. Takes a reference of its own. */
void seccomp_filter_listen(struct seccomp_filter *f, struct listener *l);
/* Put the filter before those of current, with SECCOMP_FILTER_FLAG_TSYNC before those of all its
 * threads. Takes over the reference, also on failure. 0, -EINVAL (strict mode), -ENOMEM (the chain
 * would be too long), -EBUSY (the chain has a listener already); the id of a thread that has other
 * filters, or -ESRCH for it; -ERESTARTNOINTR. */
long seccomp_attach(struct seccomp_filter *f, u32 flags);

/* ptrace(2): PTRACE_SECCOMP_GET_FILTER, PTRACE_SECCOMP_GET_METADATA. */
long seccomp_copy_program(struct task *p, u64 index, struct sock_filter __user *to);
long seccomp_copy_metadata(struct task *p, u64 size, struct seccomp_metadata __user *to);

/* ---- enforce.c ---- */

/* PTRACE_O_SUSPEND_SECCOMP: has the tracer of p, which is current, freed it of its filters? */
static inline bool seccomp_suspended(const struct task *p)
{
	return p->traced && (READ_ONCE(p->trace.options) & PTRACE_O_SUSPEND_SECCOMP);
}

/* May current make the call that its registers say? False: it is not made, regs->rax is its result,
 * and a signal may be on its way. May not return. */
bool seccomp_permits(struct pt_regs *regs);

/* ---- actions.c ---- */

/* Write the names of all actions, or of those that are logged, separated by blanks. */
void seccomp_action_names(bool logged, char *buf, size_t n);
#define SECCOMP_NAMES_MAX 96
/* Only the actions in this text are logged from now on. 0 or -EINVAL. Changes the text. */
int seccomp_set_logged(char *names);
bool seccomp_action_exists(u32 action);
/* An action was taken for a call of current: record it if it is to be logged. `wanted`: the filter
 * asks for it by SECCOMP_FILTER_FLAG_LOG. */
void seccomp_log(int nr, u32 action, bool wanted);
