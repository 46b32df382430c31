/*
 * Receiving signals: dequeue, stop, die, or call a handler; and what fork copies of signals.
 *
 * do_signal() runs on the way to user mode if WORK_SIGPENDING is set. sighand->lock guards all.
 */
#include "kernel/signal/signal.h"

#include "kernel/exit.h"
#include "kernel/fork.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/rseq/rseq.h"
#include "kernel/signal/core.h"
#include "kernel/signal/orphaned_pgrp.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"
#include "mm/slab.h"

static struct kmem_cache *signal_cache;

void signal_init(void)
{
	signal_cache = kmem_cache_create("signal", sizeof(struct signal), 64);
	sigaction_init();
	sigqueue_init();
}

/* ---- fork ---- */

struct signal *alloc_signal(void)
{
	struct signal *sig = kmem_cache_alloc(signal_cache);

	if (sig) {
		refcount_set(&sig->count, 1);
		sig->arrivals = NULL;
	}
	return sig;
}

int copy_signal(u64 flags, struct task *p)
{
	struct signal *sig = current->signal;
	u64 irq;

	if (flags & CLONE_THREAD) {
		refcount_inc(&sig->count);
		p->signal = sig;
		return 0;
	}
	sig = alloc_signal();
	if (!sig)
		return -ENOMEM;
	memset((char *)sig + SIGNAL_ZERO_START, 0, sizeof(*sig) - SIGNAL_ZERO_START);
	sig->nr_threads = sig->live = 1;
	list_init(&sig->threads);
	wait_queue_init(&sig->wait_chld);
	sigpending_init(&sig->shared);
	itimer_init(&sig->real_timer);
	spin_lock_init(&sig->cpu_timers_lock, LOCK_CPUTIME);
	irq = spin_lock_irqsave(&current->sighand->lock);
	memcpy(sig->rlim, current->signal->rlim, sizeof(sig->rlim));
	spin_unlock_irqrestore(&current->sighand->lock, irq);
	sig->oom_score_adj = current->signal->oom_score_adj;
	sig->oom_score_adj_min = current->signal->oom_score_adj_min;
	p->signal = sig;
	return 0;
}

void put_signal(struct signal *sig)
{
	if (!refcount_dec_and_test(&sig->count))
		return;
	if (unlikely(sig->arrivals != NULL))
		arrivals_put(sig->arrivals);
	kmem_cache_free(signal_cache, sig);
}

/* ---- pending or not ---- */

bool fatal_signal_pending(const struct task *p)
{
	return signal_pending(p) && (p->pending.set & sigmask(SIGKILL));
}

static sigset_t64 all_pending(const struct task *p)
{
	return READ_ONCE(p->pending.set) | READ_ONCE(p->signal->shared.set);
}

static bool has_work(const struct task *p)
{
	return (all_pending(p) & ~p->blocked) || READ_ONCE(p->jobctl) ||
	       READ_ONCE(p->signal->notify_continued);
}

bool signal_to_handle(void)
{
	if (likely(!has_work(current)))
		return false;
	task_set_work(current, WORK_SIGPENDING);
	return true;
}

void recalc_sigpending_of(struct task *p)
{
	if (has_work(p))
		task_set_work(p, WORK_SIGPENDING);
	else if (signal_pending(p))
		task_clear_work(p, WORK_SIGPENDING);
}

static noinline void blocked_changed(struct task *p, sigset_t64 more)
{
	guard_irq(&p->sighand->lock);

	retarget_shared_pending(p, more);
	recalc_sigpending_of(p);
}

/* Takes the lock only when a signal is pending. A sender makes its signal pending, then reads the
 * mask; here it is the reverse, so one of the two sees the other's change. */
void set_current_blocked(sigset_t64 set)
{
	struct task *p = current;
	sigset_t64 old;

	set &= ~SIG_KERNEL_ONLY;
	old = __atomic_exchange_n(&p->blocked, set, __ATOMIC_SEQ_CST);
	if (unlikely(all_pending(p)))
		blocked_changed(p, set & ~old);
}

/* ---- dequeue ---- */

/* The signal of `set` to handle first: SIGKILL, then the task's own faults, then the lowest number.
 * 0: none. */
static int next_signal(sigset_t64 set)
{
	const sigset_t64 sync = sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) |
				sigmask(SIGTRAP) | sigmask(SIGFPE) | sigmask(SIGSYS);

	if (set & sigmask(SIGKILL))
		return SIGKILL;
	if (set & sync)
		set &= sync;
	return set ? __builtin_ctzl(set) + 1 : 0;
}

/* The next entry of `sig` after `at`, or NULL. */
static struct sigqueue *next_queued(struct sigpending *pending, struct list_head *at, int sig)
{
	struct sigqueue *q;

	while ((at = at->next) != &pending->queue) {
		q = list_entry(at, struct sigqueue, link);
		if (q->info.si_signo == sig)
			return q;
	}
	return NULL;
}

/* Fill `info` from the first queued entry of `sig`; the bit stays while another one is queued. */
static always_inline void collect(struct sigpending *pending, int sig, ksiginfo_t *info)
{
	struct sigqueue *q = next_queued(pending, &pending->queue, sig);
	bool is_timer;
	int overrun;

	if (!q || !next_queued(pending, &q->link, sig))
		pending->set &= ~sigmask(sig);
	if (!q) {
		/* There was no room for an entry: only the number is known. */
		sigqueue_info(info, sig, SI_USER);
		return;
	}
	*info = q->info;
	is_timer = q->timer != NULL;
	overrun = sigqueue_free(q);
	if (is_timer)
		info->si_overrun = overrun;
}

static always_inline int take_signal(struct task *p, sigset_t64 blocked, ksiginfo_t *info)
{
	struct sigpending *pending = &p->pending;
	int sig = next_signal(pending->set & ~blocked);

	if (!sig) {
		pending = &p->signal->shared;
		sig = next_signal(pending->set & ~blocked);
	}
	if (sig)
		collect(pending, sig, info);
	if (unlikely(sig == SIGALRM))
		itimer_taken(&p->signal->real_timer);
	recalc_sigpending_of(p);
	return sig;
}

int dequeue_signal(struct task *p, sigset_t64 blocked, ksiginfo_t *info)
{
	return take_signal(p, blocked, info);
}

/* ---- stopping ---- */

static void begin_group_stop(struct task *p, int sig)
{
	struct task *t;

	if (!guarded(p->signal, stopped)) /* else a tracer let p run during a stop */
		p->signal->stop_code = sig;
	guarded(p->signal, stop_count) = 0;
	list_for_each_entry (t, &p->signal->threads, thread_node) {
		if ((t->flags & PF_EXITING) || t->state == TASK_STOPPED)
			continue;
		guarded(t, jobctl) |= JOBCTL_STOPS;
		p->signal->stop_count++;
		if (t->traced & TRACE_SEIZED)
			ptrace_trap_notify(t);
		else if (t != p)
			signal_wake_up(t, false);
	}
}

noinline bool leave_group_stop(struct task *p)
{
	bool counted = guarded(p, jobctl) & JOBCTL_STOP_COUNTED;

	if (p->jobctl & JOBCTL_CORE) {
		core_join(p);
		return false;
	}
	p->jobctl &= ~JOBCTL_STOPS;
	if (!counted || --p->signal->stop_count > 0 || p->signal->stopped)
		return false;
	guarded(p->signal, stopped) = true;
	p->signal->stop_reported = false;
	p->signal->continued = false;
	return true;
}

/* Stop as a part of the group until SIGCONT or SIGKILL. Releases the lock. */
static void stop_here(struct task *p, u64 flags)
{
	bool last = leave_group_stop(p);

	set_special_state(TASK_STOPPED); /* under the lock: a later SIGCONT finds this state */
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	if (last)
		notify_parent_stop(p, CLD_STOPPED);
	schedule();
}

/* A bit of jobctl is set. Releases the lock. */
static void stop_or_trap(struct task *p, u64 flags)
{
	if (is_traced(p))
		ptrace_trap(flags);
	else
		stop_here(p, flags);
}

/* ---- what to do with one signal ---- */

enum signal_step {
	STEP_AGAIN,
	STEP_HANDLER,
	STEP_NOTHING
};

static void die_of(struct task *p, int sig, u64 flags)
{
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	do_group_exit(sig);
}

/* The stop signals of the terminal do nothing to an orphaned group: no shell could continue it. */
static void default_stop(struct task *p, int sig, u64 flags)
{
	if (sig != SIGSTOP) {
		u32 before = p->signal->continues;
		bool orphaned;

		spin_unlock_irqrestore(&p->sighand->lock, flags);
		orphaned = is_current_pgrp_orphaned();
		flags = spin_lock_irqsave(&p->sighand->lock);
		/* A SIGCONT that came while the lock was released has cancelled the stop. */
		if (orphaned || p->signal->group_exit || p->signal->continues != before) {
			spin_unlock_irqrestore(&p->sighand->lock, flags);
			return;
		}
	}
	if (!(guarded(p, jobctl) & JOBCTL_STOP_PENDING))
		begin_group_stop(p, sig);
	stop_or_trap(p, flags);
}

/* Do what the action of a signal says. Releases the lock. */
static always_inline enum signal_step act_on_signal(struct task *p, struct ksignal *ksig, u64 flags)
{
	signal_action(p->sighand, ksig->sig, &ksig->ka);
	trace_signal_deliver(ksig->sig, ksig->ka.handler);
	if (ksig->ka.handler != (u64)SIG_DFL && ksig->ka.handler != (u64)SIG_IGN) {
		if (ksig->ka.flags & SA_RESETHAND)
			set_handler(p->sighand, ksig->sig, (u64)SIG_DFL);
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		return STEP_HANDLER;
	}
	if (ksig->ka.handler == (u64)SIG_IGN || (sigmask(ksig->sig) & SIG_DEFAULT_IGNORE))
		spin_unlock_irqrestore(&p->sighand->lock, flags);
	else if (sigmask(ksig->sig) & SIG_DEFAULT_STOP)
		default_stop(p, ksig->sig, flags);
	else if (sigmask(ksig->sig) & SIG_DEFAULT_CORE)
		die_with_core(&ksig->info, flags);
	else
		die_of(p, ksig->sig, flags);
	return STEP_AGAIN;
}

/* The same after the tracer has decided. */
static noinline enum signal_step traced_signal(struct task *p, struct ksignal *ksig, u64 flags)
{
	ksig->sig = ptrace_signal(ksig->sig, &ksig->info, &flags);
	if (ksig->sig)
		return act_on_signal(p, ksig, flags);
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	return STEP_AGAIN;
}

/* Handle one signal. Takes the lock and releases it, since what follows may sleep. */
static enum signal_step signal_step(struct ksignal *ksig)
{
	struct task *p = current;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);

	if (p->signal->notify_continued) {
		p->signal->notify_continued = false;
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		notify_parent_stop(p, CLD_CONTINUED);
		return STEP_AGAIN;
	}
	if (p->signal->group_exit)
		die_of(p, p->signal->group_exit_code, flags);
	if (p->signal->exec_task && p->signal->exec_task != p) {
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		do_exit(0); /* another thread is in execve(): only this thread ends */
	}
	if (guarded(p, jobctl)) {
		stop_or_trap(p, flags);
		return STEP_AGAIN;
	}

	ksig->sig = take_signal(p, p->blocked, &ksig->info);
	if (!ksig->sig) {
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		return STEP_NOTHING;
	}
	if (is_traced(p) && ksig->sig != SIGKILL)
		return traced_signal(p, ksig, flags);
	return act_on_signal(p, ksig, flags);
}

/* ---- interrupted system calls: signal(7) ---- */

/* Make an interrupted call again, or let it return -EINTR. `ka`: the action of the handler that
 * runs first; NULL: no handler runs. */
static void restart_syscall(struct pt_regs *regs, const struct k_sigaction *ka)
{
	u64 nr = regs->orig_rax;
	bool again = !ka;

	if ((int)nr < 0)
		return;
	switch ((long)regs->rax) {
	case -ERESTARTSYS:
		again = !ka || (ka->flags & SA_RESTART);
		break;
	case -ERESTARTNOINTR:
		again = true;
		break;
	case -ERESTART_RESTARTBLOCK:
		nr = __NR_restart_syscall;
		break;
	case -ERESTARTNOHAND:
		break;
	default:
		return;
	}
	regs->rax = again ? nr : (u64)-EINTR;
	regs->rip -= again ? 2 : 0; /* back to the syscall instruction */
}

static void reset_handler(struct task *p, int sig)
{
	guard_irq(&p->sighand->lock);

	set_handler(p->sighand, sig, (u64)SIG_DFL);
}

/* There is no room for the frame, or rseq(2) has failed: a handler of SIGSEGV must not be tried
 * again. */
static void frame_failed(struct task *p, int sig)
{
	if (sig == SIGSEGV)
		reset_handler(p, SIGSEGV);
	force_sig(SIGSEGV);
}

static void call_handler(struct ksignal *ksig, struct pt_regs *regs)
{
	struct task *p = current;
	sigset_t64 oldset = p->work & WORK_RESTORE_SIGMASK ? p->saved_sigmask : p->blocked;
	sigset_t64 blocked = p->blocked | ksig->ka.mask;

	restart_syscall(regs, &ksig->ka);
	if (unlikely(p->rseq.area) && !rseq_signal(regs))
		frame_failed(p, ksig->sig);
	if (setup_rt_frame(ksig, oldset, regs)) {
		frame_failed(p, ksig->sig);
		return;
	}
	task_clear_work(p, WORK_RESTORE_SIGMASK);
	if (!(ksig->ka.flags & SA_NODEFER))
		blocked |= sigmask(ksig->sig);
	set_current_blocked(blocked);
}

void do_signal(struct pt_regs *regs)
{
	enum signal_step step;
	struct ksignal ksig;

	do
		step = signal_step(&ksig);
	while (step == STEP_AGAIN);
	if (step == STEP_HANDLER) {
		bool step_into = READ_ONCE(current->syscall_work) & SYSCALL_STEP;

		if (unlikely(step_into))
			ptrace_disable_step(current);
		call_handler(&ksig, regs);
		if (unlikely(step_into)) /* the step ends at the handler's first instruction */
			ptrace_step_stop();
		return;
	}
	restart_syscall(regs, NULL);
	if (current->work & WORK_RESTORE_SIGMASK) {
		task_clear_work(current, WORK_RESTORE_SIGMASK);
		set_current_blocked(current->saved_sigmask);
	}
}
