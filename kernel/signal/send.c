/*
 * Sending signals: where a signal is queued, and which thread is woken.
 *
 * A signal for a process goes to the shared set of its thread group, a signal for a thread to the
 * thread's own set. sighand->lock guards both. The thread that is chosen to handle the signal gets
 * WORK_SIGPENDING and is woken; it handles the signal on its way to user mode (deliver.c).
 *
 * A sender has a reference to the task, or holds tasklist_lock. A task keeps its handlers until
 * exec gives it others or until it is reaped: both change p->sighand under p->lock. So the sender
 * takes sighand->lock while it holds p->lock (lock_sighand()), and the handlers stay until it
 * releases sighand->lock.
 */
#include "kernel/exit.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/signal/group_exit.h"
#include "kernel/signal/signal.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/timers/posix_timer.h"
#include "kernel/trace/trace.h"
#include "kernel/wait.h"
#include "mm/slab.h"

static struct kmem_cache *sigqueue_cache;

void sigqueue_init(void)
{
	sigqueue_cache = kmem_cache_create("sigqueue", sizeof(struct sigqueue), 0);
}

static always_inline struct sighand *lock_handlers(struct task *p, u64 *flags)
{
	struct sighand *sh = p->sighand;

	if (p == current) {
		*flags = spin_lock_irqsave(&sh->lock);
		return sh;
	}
	spin_lock(&p->lock);
	sh = p->sighand;
	if (sh)
		*flags = spin_lock_irqsave(&sh->lock);
	spin_unlock(&p->lock);
	return sh;
}

struct sighand *lock_sighand(struct task *p, u64 *flags)
{
	return lock_handlers(p, flags);
}

void unlock_sighand(struct sighand *sh, u64 flags)
{
	spin_unlock_irqrestore(&sh->lock, flags);
}

/* ---- queues ---- */

struct user *sigqueue_charge(struct task *p, bool forced)
{
	u64 limit = forced ? RLIM64_INFINITY : p->signal->rlim[RLIMIT_SIGPENDING].rlim_cur;
	struct user *user = p->cred->user;

	if ((u64)atomic_add_return(&user->sigpending, 1) > limit) {
		atomic_dec(&user->sigpending);
		return NULL;
	}
	refcount_inc(&user->count);
	return user;
}

void sigqueue_uncharge(struct user *user)
{
	atomic_dec(&user->sigpending);
	put_user_struct(user);
}

/* `forced`: a classic signal from the kernel keeps its information even over the limit. */
static inline struct sigqueue *sigqueue_alloc(struct sigpending *pending, struct task *p,
					      bool forced)
{
	struct user *user = sigqueue_charge(p, forced);
	struct sigqueue *q = &pending->spare;
	bool spare = list_empty(&pending->queue);

	if (unlikely(!user))
		return NULL;
	if (unlikely(!spare) && !(q = kmem_cache_alloc(sigqueue_cache))) {
		sigqueue_uncharge(user);
		return NULL;
	}
	q->user = user;
	q->timer = NULL;
	q->spare = spare;
	return q;
}

int sigqueue_free(struct sigqueue *q)
{
	list_del_init(&q->link);
	if (q->timer)
		return posix_timer_taken(q->timer);
	sigqueue_uncharge(q->user);
	if (!q->spare)
		kmem_cache_free(sigqueue_cache, q);
	return 0;
}

/* True if `q` is queued here. Clear the bit of its signal unless another entry has it too. */
static bool cancel_in(struct sigpending *pending, const struct sigqueue *q)
{
	struct sigqueue *other;
	bool here = false, more = false;

	list_for_each_entry (other, &pending->queue, link) {
		if (other == q)
			here = true;
		else if (other->info.si_signo == q->info.si_signo)
			more = true;
	}
	if (here && !more)
		pending->set &= ~sigmask(q->info.si_signo);
	return here;
}

void sigqueue_cancel(struct sigqueue *q, struct signal *sig)
{
	struct task *t;

	if (!cancel_in(&sig->shared, q))
		list_for_each_entry (t, &sig->threads, thread_node)
			if (cancel_in(&t->pending, q))
				break;
	list_del_init(&q->link);
}

void remove_pending(struct sigpending *pending, sigset_t64 mask)
{
	struct sigqueue *q, *n;

	if (!(pending->set & mask))
		return;
	pending->set &= ~mask;
	list_for_each_entry_safe (q, n, &pending->queue, link)
		if (sigmask(q->info.si_signo) & mask)
			sigqueue_free(q);
}

/* ---- which threads are affected ---- */

void signal_wake_up(struct task *p, bool fatal)
{
	u32 states = TASK_INTERRUPTIBLE | (fatal ? TASK_KILLABLE | TASK_STOPPED | TASK_TRACED : 0);
	/* A full barrier: a task about to sleep tests the bit again under its run queue's lock. */
	task_set_work(p, WORK_SIGPENDING);
	if (p == current) /* it tests the bit on its way to user mode */
		return;
	if (!(READ_ONCE(p->state) & states) || !try_to_wake_up(p, states))
		kick_task(p);
}

void zap_other_threads(struct task *p)
{
	struct signal *sig = p->signal;
	struct task *t;

	sig->stop_count = 0;
	list_for_each_entry (t, &sig->threads, thread_node) {
		guarded(t, jobctl) = 0;
		if (t == p || (t->flags & PF_EXITING))
			continue;
		t->pending.set |= sigmask(SIGKILL);
		signal_wake_up(t, true);
	}
}

void retarget_shared_pending(struct task *p, sigset_t64 set)
{
	struct task *t;

	set &= p->signal->shared.set;
	if (!set)
		return;
	list_for_each_entry (t, &p->signal->threads, thread_node)
		if (t != p && !(t->flags & PF_EXITING) && (set & ~t->blocked))
			signal_wake_up(t, false);
}

static u64 handler_of(const struct task *p, int sig)
{
	return signal_handler(p->sighand, sig);
}

static bool is_ignored(const struct task *p, int sig, u64 handler)
{
	if ((p->blocked & sigmask(sig)) || (is_traced(p) && sig != SIGKILL))
		return false; /* the action may change until it is unblocked; a tracer sees all */
	return handler == (u64)SIG_IGN ||
	       (handler == (u64)SIG_DFL && (sigmask(sig) & SIG_DEFAULT_IGNORE));
}

/* Does the signal end its process when it is sent? One with a core dump does when it is handled. */
static bool is_fatal(int sig, u64 handler)
{
	return sig == SIGKILL ||
	       (handler == (u64)SIG_DFL &&
		!(sigmask(sig) & (SIG_DEFAULT_IGNORE | SIG_DEFAULT_STOP | SIG_DEFAULT_CORE)));
}

noinline void remove_from_group(struct task *p, sigset_t64 mask)
{
	struct task *t;

	remove_pending(&p->signal->shared, mask);
	list_for_each_entry (t, &p->signal->threads, thread_node)
		remove_pending(&t->pending, mask);
}

static noinline void continue_group(struct task *p)
{
	struct signal *sig = p->signal;
	struct task *t;

	if (sig->group_exit) /* what its threads have to do at exit stays */
		return;
	remove_from_group(p, SIG_DEFAULT_STOP);
	if (sig->stopped) {
		sig->continued = sig->notify_continued = true;
		guarded(sig, stopped) = false;
	}
	sig->stop_count = 0;
	sig->continues++;
	list_for_each_entry (t, &sig->threads, thread_node) {
		guarded(t, jobctl) &= ~JOBCTL_STOPS;
		if (sig->notify_continued)
			task_set_work(t, WORK_SIGPENDING); /* one thread has to tell the parent */
		if (t->traced & TRACE_SEIZED)
			ptrace_trap_notify(t);
		else if (!try_to_wake_up(t, TASK_STOPPED))
			kick_task(t);
	}
}

/* Stop and continue act when they are sent, not when they are handled: each cancels the other. */
static always_inline void apply_job_control(struct task *p, int sig)
{
	if (likely(!(sigmask(sig) & (SIG_DEFAULT_STOP | sigmask(SIGCONT)))))
		return;
	if (sig == SIGCONT)
		continue_group(p);
	else
		remove_from_group(p, sigmask(SIGCONT));
}

static bool wants_signal(const struct task *t, int sig)
{
	if ((t->blocked & ~t->waited & sigmask(sig)) || (t->flags & PF_EXITING))
		return false;
	return sig == SIGKILL || !(t->state & (TASK_STOPPED | TASK_TRACED | TASK_FROZEN));
}

/* The thread that will handle `sig`; NULL: none now, so the signal stays pending. */
static struct task *choose_thread(struct task *p, int sig, bool group)
{
	struct task *t;

	if (wants_signal(p, sig))
		return p;
	if (group)
		list_for_each_entry (t, &p->signal->threads, thread_node)
			if (wants_signal(t, sig))
				return t;
	return NULL;
}

/* Begin the death of the group. Another thread than `t` may be the first to notice. */
static void begin_death(struct task *t, int sig)
{
	begin_group_exit(t, sig);
	t->pending.set |= sigmask(SIGKILL);
	signal_wake_up(t, true);
}

/* For signalfd(2), also when a thread takes the signal: it may end before it does. */
static void tell_of_arrival(const struct signal *sig)
{
	struct arrivals *a = READ_ONCE(sig->arrivals);

	if (unlikely(a != NULL))
		wake_up_all(&a->wait);
}

static void complete_signal(struct task *p, int sig, u64 handler, bool group)
{
	struct task *t = choose_thread(p, sig, group);

	tell_of_arrival(p->signal);
	if (!t)
		return;
	/* A thread that blocks the signal was chosen because it waits for it: it does not die. */
	if (is_fatal(sig, handler) && !(t->blocked & sigmask(sig)) && !p->signal->group_exit &&
	    (sig == SIGKILL || !is_traced(t)))
		begin_death(t, sig);
	else
		signal_wake_up(t, sig == SIGKILL);
}

/* Put `sig` into the set and choose a thread. A full barrier, as in set_current_blocked(). */
static always_inline void make_pending(struct sigpending *pending, int sig, struct task *p,
				       u64 handler, bool group)
{
	__atomic_or_fetch(&pending->set, sigmask(sig), __ATOMIC_SEQ_CST);
	trace_signal_generate(sig, p);
	complete_signal(p, sig, handler, group);
}

/* Queue what is known of the signal. False: there is no room, and the sender relies on the data. */
static inline bool queue_info(struct sigpending *pending, int sig, const ksiginfo_t *info,
			      struct task *p)
{
	bool forced = sig < SIGRTMIN && (!info || info->si_code >= 0);
	struct sigqueue *q = sigqueue_alloc(pending, p, forced);

	if (unlikely(!q)) /* sigqueue(3) promises its data; kill(2) does not */
		return sig < SIGRTMIN || !info || info->si_code == SI_USER;
	if (info)
		q->info = *info;
	else
		sigqueue_info(&q->info, sig, SI_KERNEL);
	list_add_tail(&q->link, &pending->queue);
	return true;
}

/* The group of p is dying. A thread that has stopped on the way, for PTRACE_EVENT_EXIT, stops no
 * longer: its tracer may wait for another one in the same way. */
static noinline void kill_again(struct task *p)
{
	struct task *t;

	if (p->signal->core) { /* its core dump is cut short */
		begin_death(p, SIGKILL);
		return;
	}
	list_for_each_entry (t, &p->signal->threads, thread_node)
		if (t->state & (TASK_TRACED | TASK_FROZEN)) {
			t->pending.set |= sigmask(SIGKILL);
			signal_wake_up(t, true);
		}
}

/* Send in one function, without a call on the common path. Caller holds sighand->lock. */
static always_inline int send_in_place(int sig, const ksiginfo_t *info, struct task *p, bool group)
{
	struct sigpending *pending = group ? &p->signal->shared : &p->pending;
	u64 handler;

	if (p->flags & PF_KTHREAD)
		return 0;
	apply_job_control(p, sig);
	handler = handler_of(p, sig);
	if (unlikely(p->signal->group_exit)) {
		if (sig == SIGKILL)
			kill_again(p);
		return 0;
	}
	if (is_ignored(p, sig, handler))
		return 0;
	/* The classic signals are flags, only the real-time ones count. */
	if (sig < SIGRTMIN && (pending->set & sigmask(sig)))
		return 0;
	if (sig != SIGKILL && !queue_info(pending, sig, info, p))
		return -EAGAIN;
	make_pending(pending, sig, p, handler, group);
	return 0;
}

/* An out-of-line copy for the few callers that hold the lock already. */
noinline int send_signal_locked(int sig, const ksiginfo_t *info, struct task *p, bool group)
{
	return send_in_place(sig, info, p, group);
}

bool send_timer_signal(struct sigqueue *q, struct task *p, bool group)
{
	struct sigpending *pending = group ? &p->signal->shared : &p->pending;
	int sig = q->info.si_signo;
	u64 handler = handler_of(p, sig);

	apply_job_control(p, sig);
	if (is_ignored(p, sig, handler) || p->signal->group_exit)
		return false;
	list_add_tail(&q->link, &pending->queue);
	make_pending(pending, sig, p, handler, group);
	return true;
}

int send_signal(int sig, const ksiginfo_t *info, struct task *p, bool group)
{
	u64 flags;
	struct sighand *sighand = lock_handlers(p, &flags);
	int err;

	if (!sighand)
		return -ESRCH;
	err = send_in_place(sig, info, p, group);
	spin_unlock_irqrestore(&sighand->lock, flags);
	return err;
}

/* The signal of a fault cannot wait: if blocked or ignored, it gets its default action, death. */
void force_sig_info(const ksiginfo_t *info)
{
	struct task *p = current;
	int sig = info->si_signo;
	guard_irq(&p->sighand->lock);

	if ((p->blocked & sigmask(sig)) || handler_of(p, sig) == (u64)SIG_IGN) {
		set_handler(p->sighand, sig, (u64)SIG_DFL);
		p->blocked &= ~sigmask(sig);
	}
	send_signal_locked(sig, info, p, false);
	recalc_sigpending_of(p);
}

void force_sig_fault(int sig, int code, u64 addr)
{
	ksiginfo_t info;

	sigqueue_info(&info, sig, code);
	info.si_addr = (void *)addr;
	force_sig_info(&info);
}

void sigqueue_info(ksiginfo_t *info, int sig, int code)
{
	*info = (ksiginfo_t){.words = {0}};
	info->si_signo = sig;
	info->si_code = code;
}

void force_sig(int sig)
{
	force_sig_fault(sig, SI_KERNEL, 0);
}

void force_fatal_sig(int sig)
{
	struct task *p = current;
	guard_irq(&p->sighand->lock);

	if (!p->signal->group_exit)
		begin_death(p, sig);
}

void sigqueue_user_info(ksiginfo_t *info, int sig, int code)
{
	sigqueue_info(info, sig, code);
	info->si_pid = current->tgid_nr;
	info->si_uid = current->cred->uid;
}

void send_sig_self(int sig)
{
	ksiginfo_t info;

	sigqueue_user_info(&info, sig, SI_USER);
	send_signal(sig, &info, current, false);
}

int kill_pgrp_locked(struct pid *pgrp, int sig, const ksiginfo_t *info)
{
	int found = -ESRCH;
	struct task *p;

	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID]) {
		send_signal(sig, info, p, true);
		found = 0;
	}
	return found;
}

int kill_pgrp(struct pid *pgrp, int sig, const ksiginfo_t *info)
{
	guard_spin(&tasklist_lock);
	return kill_pgrp_locked(pgrp, sig, info);
}

/* ---- telling the parent ---- */

/* `p` has ended, or the caller holds p->lock, so that the credentials do not change. */
static void fill_child_info(ksiginfo_t *info, const struct task *p, int sig, int code, int status)
{
	struct usage used;

	sigqueue_info(info, sig, code);
	info->si_pid = p->pid_nr;
	info->si_uid = p->cred->uid;
	info->si_status = status;
	process_usage(p->signal, &used);
	info->si_utime = used.utime / (NSEC_PER_SEC / USER_HZ);
	info->si_stime = used.stime / (NSEC_PER_SEC / USER_HZ);
}

/* Caller holds the parent's sighand->lock. */
static void send_exit_signal(const struct task *p, int sig)
{
	int status = p->signal->group_exit ? p->signal->group_exit_code : p->exit_code;
	int killed = status & 0x7f;
	ksiginfo_t info;

	fill_child_info(&info, p, sig, exit_cld_code(status), killed ? killed : status >> 8);
	send_signal_locked(sig, &info, p->parent, true);
}

/* Both sides hold tasklist_lock: the parent queues before it looks for a child with news. */
static void wake_waiting_parent(const struct task *parent)
{
	if (!list_empty(&parent->signal->wait_chld.waiters))
		wake_up_all(&parent->signal->wait_chld);
}

/* True if no action was ever set: SIGCHLD then does nothing, and its sender takes no lock. */
static bool ignores_children(const struct task *parent)
{
	const struct sighand *sh = parent->sighand;

	return !READ_ONCE(sh->set) && (READ_ONCE(sh->defaulted) & sigmask(SIGCHLD)) &&
	       !(READ_ONCE(parent->blocked) & sigmask(SIGCHLD)) && !is_traced(parent);
}

bool do_notify_parent(struct task *p, int sig)
{
	struct task *parent = p->parent;
	bool autoreap = false;
	u64 flags;

	if (sig == SIGCHLD && ignores_children(parent)) {
		wake_waiting_parent(parent);
		return false;
	}
	flags = spin_lock_irqsave(&parent->sighand->lock);
	/* The program that forked chose the signal: it must not reach a program that the parent
	 * has become by exec. */
	if (p->parent_exec_id != parent->self_exec_id)
		sig = SIGCHLD;
	if (sig == SIGCHLD && !is_traced(p)) {
		struct k_sigaction chld;

		signal_action(parent->sighand, SIGCHLD, &chld);
		/* POSIX: a process that ignores SIGCHLD or sets SA_NOCLDWAIT has no zombies. */
		autoreap = chld.handler == (u64)SIG_IGN || (chld.flags & SA_NOCLDWAIT);
		if (chld.handler == (u64)SIG_IGN || is_ignored(parent, SIGCHLD, chld.handler))
			sig = 0;
	}
	if (valid_signal(sig))
		send_exit_signal(p, sig);
	spin_unlock_irqrestore(&parent->sighand->lock, flags);
	wake_waiting_parent(parent);
	return autoreap;
}

/* SIGCHLD for a stop or a continue of `p`, to `parent`. Caller holds tasklist_lock. */
static void send_stop_signal(struct task *p, struct task *parent, int why, int status)
{
	struct k_sigaction chld;
	ksiginfo_t info;
	u64 flags;

	spin_lock(&p->lock);
	fill_child_info(&info, p, SIGCHLD, why, status);
	spin_unlock(&p->lock);
	flags = spin_lock_irqsave(&parent->sighand->lock);
	signal_action(parent->sighand, SIGCHLD, &chld);
	if (chld.handler != (u64)SIG_IGN && !(chld.flags & SA_NOCLDSTOP))
		send_signal_locked(SIGCHLD, &info, parent, true);
	spin_unlock_irqrestore(&parent->sighand->lock, flags);
	wake_waiting_parent(parent);
}

void notify_parent_stop_locked(struct task *p, int why)
{
	struct task *leader = p->group_leader;

	become_job(leader);
	send_stop_signal(leader, leader->real_parent, why,
			 why == CLD_CONTINUED ? SIGCONT : leader->signal->stop_code);
}

void notify_tracer(struct task *p, int why)
{
	const struct signal *sig = p->signal;
	bool seen = sig->stopped ? sig->stop_reported : !sig->stop_count; /* then Linux says 0 */
	int group = seen ? 0 : sig->stop_code;

	send_stop_signal(p, p->parent, why, why == CLD_STOPPED ? group : p->trace.code & 0x7f);
}

void notify_parent_stop(struct task *p, int why)
{
	struct task *leader = p->group_leader;
	guard_spin(&tasklist_lock);

	notify_parent_stop_locked(p, why);
	if (why == CLD_CONTINUED && traced_by_stranger(leader))
		send_stop_signal(leader, leader->parent, why, SIGCONT);
}
