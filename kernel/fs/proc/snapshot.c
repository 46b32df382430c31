/* Taking a snapshot: under the locks at once what changes together, and references to the rest. */
#include "kernel/fs/proc/snapshot.h"

#include "kernel/seccomp/seccomp.h"
#include "kernel/sharing.h"
#include "kernel/trace/trace.h"
#include "kernel/tty/tty.h"

/* Handlers and pending signals; sh->lock is held. */
static void look_at_signals(struct look *l, const struct task *p, const struct sighand *sh)
{
	l->pending = p->pending.set;
	l->shared = p->signal->shared.set;
	l->blocked = p->blocked;
	for (int sig = 1; sig <= _NSIG; sig++) {
		if (signal_handler(sh, sig) == (u64)SIG_IGN)
			l->ignored |= sigmask(sig);
		else if (signal_handler(sh, sig) != (u64)SIG_DFL)
			l->caught |= sigmask(sig);
	}
}

/* The times of one thread, or of its process with all threads; sighand->lock is held. */
static void look_at_usage(struct look *l, struct task *p, bool thread)
{
	if (thread) {
		task_usage(p, &l->used);
		return;
	}
	process_usage(p->signal, &l->used);
	l->children = p->signal->children;
}

/* False: the task has been reaped. */
static bool look_at_task(struct look *l, struct task *p, bool thread)
{
	struct signal *sig = p->signal;
	struct sighand *sh;
	u64 flags;

	sh = lock_sighand(p, &flags);
	if (!sh)
		return false;
	strlcpy(l->comm, p->comm, sizeof(l->comm));
	l->state = task_state_char(p);
	l->kthread = p->flags & PF_KTHREAD;
	l->pid = p->pid_nr;
	l->tgid = p->tgid_nr;
	l->ppid = READ_ONCE(p->ppid_nr);
	l->tracer = p->traced ? p->parent->pid_nr : 0;
	l->pgrp = READ_ONCE(sig->group_nr[PIDTYPE_PGID]);
	l->session = READ_ONCE(sig->group_nr[PIDTYPE_SID]);
	l->threads = sig->nr_threads;
	l->prio = p->prio;
	l->nice = PRIO_TO_NICE(p->static_prio);
	l->policy = p->policy;
	l->rt_priority = p->rt_priority;
	l->exit_signal = p->exit_signal;
	l->exit_code = p->exit_state ? p->exit_code : 0;
	l->cpu = p->cpu;
	l->start = p->start_time;
	l->voluntary = p->nvcsw;
	l->forced = p->nivcsw;
	l->rss_limit = sig->rlim[RLIMIT_RSS].rlim_cur;
	l->no_new_privs = p->no_new_privs;
	l->seccomp = seccomp_mode(p);
	l->nr_filters = seccomp_filters(p);
	l->cred = p->cred;
	refcount_inc(&l->cred->count);
	look_at_usage(l, p, thread);
	look_at_signals(l, p, sh);
	unlock_sighand(sh, flags);
	tty_numbers(sig, &l->tty, &l->tpgid);
	return true;
}

int look_begin(struct look *l, const struct proc_node *node)
{
	struct files *files;

	memset(l, 0, sizeof(*l));
	for (;;) {
		l->task = proc_task(node);
		if (!l->task)
			return -ESRCH;
		if (look_at_task(l, l->task, node->thread))
			break;
		put_task(l->task); /* reaped: another task may have its number by now */
	}
	l->mm = task_get_mm(l->task);
	if (l->mm)
		l->rss = l->mm->rss;
	files = task_get_files(l->task);
	if (files) {
		l->fd_room = files_room(files);
		files_put(files);
	}
	l->has_umask = task_read_fs(l->task, NULL, NULL, &l->umask);
	return 0;
}

void look_end(struct look *l)
{
	if (l->mm)
		mm_put(l->mm);
	put_cred(l->cred);
	put_task(l->task);
}
