/* Becoming a tracer, and ceasing to be one: ptrace(2), "Attaching and detaching". */
#include "kernel/exit.h"
#include "kernel/lib/log.h"
#include "kernel/ptrace/request.h"
#include "kernel/signal/sigqueue.h"

/* Tasks wait here for the end of an exec that may give the program rights. */
static struct wait_queue exec_ended = WAIT_QUEUE_INIT(exec_ended);

/* Caller holds tasklist_lock and p's sighand->lock, or no other task can see p. */
static void link_tracee(struct task *p, struct task *tracer, u32 flags, u32 options)
{
	/* First: on Linux too, a wait for any finds the last one first. */
	list_add(&p->trace.link, &tracer->tracees);
	p->parent = tracer;
	p->traced = flags;
	p->trace.options = options;
	p->trace.code = 0;
	p->trace.message = 0;
	p->trace.info = NULL;
	p->trace.listening = false;
}

/* Why current cannot trace p: -EPERM; -ERESTARTNOINTR: not yet. 0: now it does. A stop of p's group
 * becomes a stop for the tracer: *stopped. */
static int link_if_possible(struct task *p, u32 flags, u32 options, bool *stopped)
{
	guard_spin(&tasklist_lock);

	if (p->exit_state || (p->flags & PF_KTHREAD) || is_traced(p))
		return -EPERM;
	guard_irq(&p->sighand->lock);
	if (p->exec_gains)
		return -ERESTARTNOINTR;
	link_tracee(p, current, flags, options);
	*stopped = p->state == TASK_STOPPED;
	if (*stopped) {
		guarded(p, jobctl) |= JOBCTL_TRAP_STOP;
		signal_wake_up(p, false);
		try_to_wake_up(p, TASK_STOPPED);
	} else if (!(flags & TRACE_SEIZED)) {
		signal_wake_up(p, false);
	}
	if (!(flags & TRACE_SEIZED))
		send_signal_locked(SIGSTOP, NULL, p, false);
	return 0;
}

long ptrace_attach(struct task *p, u32 flags, u32 options)
{
	bool stopped = false;
	long err;

	if (p->signal == current->signal)
		return -EPERM;
	if (cred_is_root(current->cred))
		flags |= TRACE_TRUSTED;
	for (;;) {
		if (!ptrace_may_access(p, ACCESS_BY_UID | ACCESS_ATTACH))
			return -EPERM;
		err = link_if_possible(p, flags, options, &stopped);
		if (err != -ERESTARTNOINTR)
			break;
		if (ptrace_exec_wait(p))
			return -ERESTARTNOINTR;
	}
	if (!err && stopped) /* so that the next wait finds it */
		(void)wait_event_interruptible(&current->signal->wait_chld,
					       !(READ_ONCE(p->jobctl) & JOBCTL_TRAP_STOP) ||
						       READ_ONCE(p->exit_state));
	return err;
}

long ptrace_traceme(void)
{
	struct task *p = current, *parent;
	bool weaker;
	guard_spin(&tasklist_lock);

	parent = p->real_parent;
	if (is_traced(p) || (p->flags & PF_KTHREAD) || (parent->flags & PF_KTHREAD) ||
	    READ_ONCE(ptrace_scope) == 3)
		return -EPERM;
	spin_lock(&parent->lock);
	weaker = !cred_is_root(parent->cred);
	spin_unlock(&parent->lock);
	if (weaker && (cred_is_root(p->cred) || READ_ONCE(ptrace_scope) == 2))
		return -EPERM;
	if (parent->flags & PF_EXITING)
		return 0; /* as on Linux: nobody is left to trace it */
	guard_irq(&p->sighand->lock);
	link_tracee(p, parent, TRACE_ON | (cred_is_root(p->cred) ? TRACE_TRUSTED : 0), 0);
	return 0;
}

/* ---- fork ---- */

u32 ptrace_fork_event(u64 clone_flags, int exit_signal)
{
	u32 event;

	if (clone_flags & CLONE_UNTRACED)
		return 0;
	event = clone_flags & CLONE_VFORK ? PTRACE_EVENT_VFORK
		: exit_signal != SIGCHLD  ? PTRACE_EVENT_CLONE
					  : PTRACE_EVENT_FORK;

	return READ_ONCE(current->trace.options) >> event & 1 ? event : 0;
}

void ptrace_init_task(struct task *child)
{
	const struct task *p = current;

	link_tracee(child, p->parent, p->traced, p->trace.options);
	if (child->traced & TRACE_SEIZED)
		child->jobctl |= JOBCTL_TRAP_STOP;
	else
		child->pending.set |= sigmask(SIGSTOP);
	task_set_work(child, WORK_SIGPENDING);
}

/* ---- exec ---- */

/* A flag rather than a lock: the exec may take long, and must not wait for the tracer. */
bool ptrace_exec_begin(void)
{
	struct task *p = current;
	guard_irq(&p->sighand->lock);

	p->exec_gains = true;
	return p->traced && !(p->traced & TRACE_TRUSTED);
}

void ptrace_exec_end(void)
{
	struct task *p = current;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);

	p->exec_gains = false;
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	wake_up_all(&exec_ended);
}

int ptrace_exec_wait(const struct task *p)
{
	return wait_event_interruptible(&exec_ended, !READ_ONCE(p->exec_gains)) ? -ERESTARTNOINTR
										: 0;
}

/* ---- the end ---- */

void ptrace_unlink(struct task *p)
{
	struct signal *sig = p->signal;

	list_del(&p->trace.link);
	syscall_watch(p, 0, SYSCALL_TRACE | SYSCALL_EMU | SYSCALL_STEP);
	guard_irq(&p->sighand->lock);
	p->parent = p->real_parent;
	p->traced = 0;

	guarded(p, jobctl) &= ~JOBCTL_TRAPS;
	if (!(p->flags & PF_EXITING) && (sig->stopped || sig->stop_count))
		p->jobctl |= JOBCTL_STOP_PENDING; /* from now on it stops with its group */
	if (p->jobctl || (p->state & (TASK_TRACED | TASK_FROZEN))) {
		signal_wake_up(p, false);
		try_to_wake_up(p, TASK_TRACED | TASK_FROZEN);
	}
}

/* Let p go. True when it is a zombie that nobody waits for: unlinked, for forget_task(). */
static bool let_go(struct task *p)
{
	bool mine = p->real_parent->signal == current->signal, zombie;

	ptrace_unlink(p);
	zombie = guarded(p, exit_state) == TASK_ZOMBIE;
	if (!zombie || (thread_group_leader(p) && (p->signal->nr_threads > 1 || mine)))
		return false;
	return !thread_group_leader(p) || do_notify_parent(p, p->exit_signal);
}

long ptrace_detach(struct task *p, int sig)
{
	bool dead;

	ptrace_disable_step(p);
	spin_lock(&tasklist_lock);
	p->trace.code = sig; /* frozen: nobody else writes it */
	dead = let_go(p);
	if (dead) {
		guarded(p, exit_state) = TASK_DEAD;
		task_charge(p);
	}
	spin_unlock(&tasklist_lock);
	if (dead)
		release_task(p);
	return 0;
}

/* One in each hold of tasklist_lock: it is a walk of a process group at worst. */
void exit_ptrace(struct task *p)
{
	struct task *t;
	bool dead;

	for (;;) {
		spin_lock(&tasklist_lock);
		if (list_empty(&p->tracees))
			break;
		t = list_first_entry(&p->tracees, struct task, trace.link);
		if (t->trace.options & PTRACE_O_EXITKILL)
			send_signal(SIGKILL, NULL, t, true);
		dead = let_go(t);
		if (dead) {
			guarded(t, exit_state) = TASK_DEAD;
			task_charge(t);
		}
		spin_unlock(&tasklist_lock);
		if (dead)
			release_task(t);
	}
	spin_unlock(&tasklist_lock);
}
