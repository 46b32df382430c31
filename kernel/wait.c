/*
 * Waiting for children: wait4(2), waitid(2).
 *
 * A parent sleeps on its signal->wait_chld; signal/send.c wakes the parent for every end, stop and
 * continue of a child. Each time the parent looks, under tasklist_lock, at the children of all
 * threads of its group, unless the wait names one pid or says __WNOTHREAD.
 *
 * A thread has three lists of children: those that wait to be reaped; its jobs, which are stopped
 * or whose continue is not reported yet; and the rest. So a wait finds its child at the head of a
 * list. Only a search for some of the children (of a group, clones, or stops) walks past others.
 */
#include "kernel/wait.h"

#include "kernel/exit.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/trace/trace.h"
#include "kernel/wait_query.h"

static bool matches(const struct wait_query *q, const struct task *p)
{
	if (q->type == PIDTYPE_PGID && p->pids[PIDTYPE_PGID]->nr != q->nr)
		return false;
	/* A "clone" child is one whose end is not announced by SIGCHLD. */
	if (q->options & __WALL)
		return true;
	return (p->exit_signal != SIGCHLD) == !!(q->options & __WCLONE);
}

void fill_result(struct wait_result *out, struct task *p, int code, int status)
{
	out->pid = p->pid_nr;
	out->code = code;
	out->status = status;
	out->uid = p->cred->uid;
	process_usage(p->signal, &out->usage);
	usage_add(&out->usage, &p->signal->children);
}

int exit_cld_code(int status)
{
	if ((status & 0x7f) == 0)
		return CLD_EXITED;
	return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

/* `p` has ended. */
void fill_end(struct wait_result *out, struct task *p)
{
	int status = p->signal->group_exit ? p->signal->group_exit_code : p->exit_code;

	fill_result(out, p, exit_cld_code(status), status);
}

static enum wait_verdict look_at_zombie(struct wait_query *q, struct task *p)
{
	/* A zombie never stops or continues again, so a wait only for stops and continues ignores
	 * it. */
	if (!(q->options & WEXITED))
		return WAIT_NOT_OURS;
	if (traced_by_stranger(p))
		return WAIT_LATER; /* the tracer is first to see the end */
	if (q->options & WNOWAIT) {
		fill_end(q->out, p);
		return WAIT_FOUND;
	}
	guarded(p, exit_state) = TASK_DEAD; /* no other wait finds it as a zombie now */
	q->reap = p;
	return WAIT_FOUND;
}

/* Take `p` out of the tree. A parent that is another thread may end after this: use it here. */
static void unlink_child(struct task *p)
{
	if (p->real_parent != current) {
		task_charge(p);
		sched_exit(p);
	}
	unlink_task(p);
}

/* Account for `p` and free it. Needs no tasklist_lock: only the pid still leads to `p`. */
static void reap(struct wait_query *q, struct task *p)
{
	u64 flags;

	fill_end(q->out, p);
	flags = spin_lock_irqsave(&current->sighand->lock);
	usage_add(&current->signal->children, &q->out->usage);
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	if (p->real_parent == current)
		sched_exit(p); /* fill_result() has charged it */
	forget_task(p);
}

/* ---- jobs ---- */

void become_job(struct task *p)
{
	if (p->in_jobs)
		return;
	guarded(p, in_jobs) = true;
	move_by_birth(p, &p->real_parent->jobs);
}

static void leave_jobs(struct task *p)
{
	guarded(p, in_jobs) = false;
	list_move_tail(&p->sibling, &p->real_parent->children);
}

/* Stops and continues are reported once. The process of `p` has not ended: `p` lives, or is a
 * leader that exited before its threads. */
static enum wait_verdict look_at_stop(struct wait_query *q, struct task *p)
{
	struct signal *sig = p->signal;
	enum wait_verdict v = WAIT_LATER;
	bool keep = q->options & WNOWAIT;

	if (!(q->options & (WSTOPPED | WCONTINUED)) || (is_traced(p) && !traced_by_stranger(p)))
		return WAIT_LATER; /* of its tracer's process: it sees the stops of the tracee */
	guard_irq(&p->sighand->lock);
	if ((q->options & WSTOPPED) && sig->stopped && !sig->stop_reported) {
		fill_result(q->out, p, CLD_STOPPED, sig->stop_code << 8 | 0x7f);
		sig->stop_reported = !keep;
		v = WAIT_FOUND;
	} else if ((q->options & WCONTINUED) && sig->continued) {
		fill_result(q->out, p, CLD_CONTINUED, 0xffff);
		sig->continued = keep;
		v = WAIT_FOUND;
	}
	/* A wait by pid may see a stop before the child announces it. Waits for any child, perhaps
	 * by a new parent, must then find it too. A child whose stop was reported stays a job:
	 * SIGCONT is sent without tasklist_lock and could not make it one again. */
	if (sig->continued || sig->stopped)
		become_job(p);
	else if (p->in_jobs)
		leave_jobs(p);
	return v;
}

/* ---- walks ---- */

typedef enum wait_verdict (*look_fn)(struct wait_query *q, struct task *p);

/* The best verdict on the tasks of a list that match. The walk ends when `enough` is reached. */
static always_inline enum wait_verdict walk(struct wait_query *q, struct list_head *list,
					    look_fn look, enum wait_verdict enough)
{
	enum wait_verdict best = WAIT_NOT_OURS;
	struct task *p, *n;

	list_for_each_entry_safe (p, n, list, sibling) {
		if (matches(q, p))
			best = MAX(best, look(q, p));
		if (best >= enough)
			break;
	}
	return best;
}

static enum wait_verdict look_at_job(struct wait_query *q, struct task *p)
{
	return p->exit_state != TASK_DEAD ? look_at_stop(q, p) : WAIT_NOT_OURS;
}

/* A child that is not dead is worth waiting for. */
static enum wait_verdict look_at_living(struct wait_query *q __maybe_unused, struct task *p)
{
	return p->exit_state != TASK_DEAD ? WAIT_LATER : WAIT_NOT_OURS;
}

/* Zombies first: most waits are for them. Else one child that matches is a reason to wait. */
static enum wait_verdict look_at_children_of(struct wait_query *q, struct task *t)
{
	enum wait_verdict enough = q->options & (WSTOPPED | WCONTINUED) ? WAIT_FOUND : WAIT_LATER;
	enum wait_verdict v = WAIT_NOT_OURS;

	if (q->options & WEXITED)
		v = walk(q, &guarded(t, zombies), look_at_zombie, WAIT_FOUND);
	if (v < WAIT_FOUND)
		v = MAX(v, walk(q, &guarded(t, jobs), look_at_job, enough));
	if (v < WAIT_LATER)
		v = walk(q, &guarded(t, children), look_at_living, WAIT_LATER);
	if (v < WAIT_FOUND && unlikely(!list_empty(&t->tracees)))
		v = MAX(v, look_at_tracees(q, t));
	return v;
}

static bool is_ours(const struct wait_query *q, const struct task *parent)
{
	return q->options & __WNOTHREAD ? parent == current : parent->signal == current->signal;
}

/* The one child with this number. */
static enum wait_verdict look_at_pid(struct wait_query *q)
{
	struct task *p = q->only;

	/* Since it was found, it was reaped, or a thread of its group has taken over its number by
	 * exec. A dead task may have no parent any more. */
	if (p && guarded(p, exit_state) == TASK_DEAD)
		p = find_in_tree(q->nr);
	if (p && is_traced(p) && is_ours(q, p->parent))
		return look_at_tracee(q, p);
	if (!p || !thread_group_leader(p) || !is_ours(q, p->real_parent) || !matches(q, p))
		return WAIT_NOT_OURS;
	if (p->exit_state == TASK_ZOMBIE && p->signal->nr_threads == 1)
		return look_at_zombie(q, p);
	return look_at_stop(q, p);
}

static enum wait_verdict look_at_children(struct wait_query *q)
{
	enum wait_verdict best = WAIT_NOT_OURS;
	struct task *t;

	if (q->type == PIDTYPE_PID)
		return look_at_pid(q);
	list_for_each_entry (t, &current->signal->threads, thread_node) {
		if ((q->options & __WNOTHREAD) && t != current)
			continue;
		best = MAX(best, look_at_children_of(q, t));
		if (best >= WAIT_FOUND)
			break;
	}
	return best;
}

/* Look once. 1: the result is filled; 0: nothing yet; -ECHILD: there is no such child. */
static int poll_children(struct wait_query *q)
{
	struct task *only scoped(put_task) = q->type == PIDTYPE_PID ? find_get_task(q->nr) : NULL;
	enum wait_verdict v;

	q->reap = NULL;
	q->only = only;
	spin_lock(&tasklist_lock);
	v = look_at_children(q);
	if (q->reap)
		unlink_child(q->reap);
	spin_unlock(&tasklist_lock);
	if (v < WAIT_FOUND)
		return v == WAIT_LATER ? 0 : -ECHILD;
	if (q->reap)
		reap(q, q->reap);
	else if (v == WAIT_RELEASE)
		release_task(q->release);
	trace_sched_process_wait(current, q->out->pid);
	return 1;
}

long do_wait(enum pid_type type, pid_t nr, int options, struct wait_result *out)
{
	struct wait_query q = {.type = type, .nr = nr, .options = options, .out = out};
	int ret = poll_children(&q); /* usually the child has ended by now */

	if (ret == 0 && !(options & WNOHANG) &&
	    wait_event_interruptible(&current->signal->wait_chld, (ret = poll_children(&q)) != 0))
		ret = -ERESTARTSYS;
	return ret > 0 ? out->pid : ret;
}

/* ---- the system calls ---- */

static pid_t own_group(void)
{
	return READ_ONCE(current->signal->group_nr[PIDTYPE_PGID]);
}

long sys_wait4(pid_t upid, int __user *status, int options, struct rusage __user *ru)
{
	enum pid_type type = PIDTYPE_MAX;
	struct wait_result r;
	pid_t nr = 0;
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (upid == (pid_t)0x80000000)
		return -ESRCH; /* -INT_MIN is no pid */
	if (upid < -1 || upid == 0) {
		type = PIDTYPE_PGID;
		nr = upid ? -upid : own_group();
	} else if (upid > 0) {
		type = PIDTYPE_PID;
		nr = upid;
	}
	ret = do_wait(type, nr, options | WEXITED, &r);
	if (ret > 0 && ((status && put_user(r.status, status)) || (ru && put_rusage(ru, &r.usage))))
		return -EFAULT;
	return ret;
}

/* The status as waitid(2) tells it: the bare exit code or signal. */
static int siginfo_status(const struct wait_result *r)
{
	switch (r->code) {
	case CLD_EXITED:
	case CLD_STOPPED:
		return r->status >> 8 & 0xff;
	case CLD_TRAPPED: /* with the event: ptrace(2) */
		return r->status >> 8;
	case CLD_CONTINUED:
		return SIGCONT;
	default:
		return r->status & 0x7f;
	}
}

static int put_wait_info(siginfo_t __user *uinfo, const struct wait_result *r)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	if (r) {
		info.si_signo = SIGCHLD;
		info.si_code = r->code;
		info.si_pid = r->pid;
		info.si_uid = r->uid;
		info.si_status = siginfo_status(r);
	}
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}

/* What the arguments of waitid(2) ask for: 0, or -EINVAL. */
static int parse_waitid(int which, pid_t id, int options, enum pid_type *type, pid_t *nr)
{
	if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			 __WCLONE | __WALL)) ||
	    !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	*nr = id;
	switch (which) {
	case P_ALL:
		*type = PIDTYPE_MAX;
		return 0;
	case P_PID:
		*type = PIDTYPE_PID;
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		*type = PIDTYPE_PGID;
		*nr = id ?: own_group();
		return id >= 0 ? 0 : -EINVAL;
	default:
		return -EINVAL; /* P_PIDFD: there are no pidfds yet */
	}
}

long sys_waitid(int which, pid_t id, siginfo_t __user *uinfo, int options, struct rusage __user *ru)
{
	enum pid_type type;
	struct wait_result r;
	pid_t nr;
	long ret = parse_waitid(which, id, options, &type, &nr) ?: do_wait(type, nr, options, &r);

	if (ret > 0 && ru && put_rusage(ru, &r.usage))
		return -EFAULT;
	/* Without a result, also after an error, the structure is zeroed: as on Linux. */
	if (uinfo && put_wait_info(uinfo, ret > 0 ? &r : NULL))
		return -EFAULT;
	return MIN(ret, 0);
}
