/*
 * POSIX timers: timer_create(2) and its family.
 *
 * A timer on a wall clock is in the heap of timers, a timer on a CPU clock in its target's process
 * (cpu_timer.c). When it expires kthreadd queues its signal (deferred.c). The entry for the queue
 * is allocated with the timer, so that no signal is lost. A periodic timer then rests until the
 * signal is taken, and counts the periods that ended meanwhile as overruns. So even a very short
 * period costs no more than its owner can handle. A timer whose signal is ignored rests until
 * sigaction(2) changes that.
 *
 * Timers belong to the thread group that made them, are not inherited by fork, and end with exec. A
 * timer and the tree of timers change under deferred_lock and sighand->lock, and are found under
 * either: kthreadd holds the first, a task that dequeues a signal the second. The first is taken
 * before the timer's clock is read, the second after: reading another process's clock takes locks.
 */
#include "kernel/timers/posix_timer.h"

#include "kernel/lib/random.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/treap.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time/timespec.h"
#include "kernel/timers/cpu_timer.h"
#include "kernel/timers/deferred.h"
#include "mm/slab.h"

#define OVERRUN_MAX 0x7fffffffUL

struct posix_timer {
	struct treap_node node; /* sh: in owner->posix_timers */
	struct signal *owner;   /* ro, like the next four */
	int id;
	clockid_t clock;
	int notify;            /* SIGEV_* */
	struct pid *thread;    /* SIGEV_THREAD_ID: a reference; else NULL */
	struct sigqueue queue; /* sh */
	struct due due;
	struct timer timer;   /* on wall clocks */
	struct cpu_timer cpu; /* on CPU clocks; its target is a reference */
	u64 expires;          /* sh: CPU time, or monotonic; 0: not armed */
	u64 interval;         /* sh: ns; 0: once */
	bool fired;           /* sh: rests until its signal is taken */
	bool ignored;         /* sh: rests while its signal is ignored */
	int overrun;          /* sh: of the last signal taken */
};

/* ---- expiring ---- */

/* deferred_lock is held, sighand->lock is not. */
static u64 clock_now(const struct posix_timer *t)
{
	return is_cpu_clock(t->clock) ? cpu_target_time(&t->cpu.target) : ktime_get();
}

static void arm(struct posix_timer *t, u64 now)
{
	if (t->notify == SIGEV_NONE)
		return;
	if (t->expires <= now)
		due_add(&t->due);
	else if (is_cpu_clock(t->clock))
		cpu_timer_start(&t->cpu, t->expires);
	else
		timer_start(&t->timer, t->expires);
}

/* The first end of a period after `now`; *passed: how many ended before. */
static u64 next_expiry(const struct posix_timer *t, u64 now, u64 *passed)
{
	*passed = 0;
	if (t->expires > now)
		return t->expires;
	*passed = time_periods(t->expires, now, t->interval) + 1;
	return time_after(t->expires, t->interval, now);
}

/* The owner's leader, with a reference and its sighand->lock; an owner of timers has threads. */
static struct task *lock_owner(const struct posix_timer *t, u64 *flags)
{
	struct task *p = pid_get_task(t->owner->pid);

	while (!lock_sighand(p, flags)) { /* exec by a thread has just taken its place */
		put_task(p);
		p = pid_get_task(t->owner->pid);
	}
	return p;
}

/* Send the signal to `p` if it is still a task of the owner. A timer whose signal is ignored costs
 * nothing until it is handled: a user may have many such timers. Caller holds sighand->lock. */
static void fire(struct posix_timer *t, struct task *p)
{
	bool sent = p && p->signal == t->owner && p->sighand &&
		    (!list_empty(&t->queue.link) || send_timer_signal(&t->queue, p, !t->thread));

	if (t->interval) {
		t->fired = sent;
		t->ignored = !sent;
	} else {
		t->expires = 0;
	}
}

/* Runs in kthreadd, which holds deferred_lock. */
static void timer_due(struct due *d)
{
	struct posix_timer *t = container_of(d, struct posix_timer, due);
	struct task *thread scoped(put_task) = t->thread ? pid_get_task(t->thread) : NULL;
	u64 now = clock_now(t), flags;
	struct task *leader = lock_owner(t, &flags);

	if (t->fired || t->ignored) {
		/* nothing to do before its signal is taken, or wanted */
	} else if (t->expires && t->expires <= now) {
		fire(t, t->thread ? thread : leader);
	} else if (t->expires) {
		arm(t, now);
	}
	unlock_sighand(leader->sighand, flags);
	put_task(leader);
}

static void wall_expired(struct timer *timer)
{
	due_add(&container_of(timer, struct posix_timer, timer)->due);
}

static void cpu_expired(struct cpu_timer *cpu)
{
	due_add(&container_of(cpu, struct posix_timer, cpu)->due);
}

int posix_timer_taken(struct posix_timer *t)
{
	u64 now, passed;

	t->overrun = 0;
	if (!t->fired)
		return 0;
	t->fired = false;
	if (is_cpu_clock(t->clock) && t->cpu.target.task->signal != t->owner) {
		/* Reading another process's clock takes that process's locks. */
		t->expires = time_add(t->expires, t->interval);
		due_add(&t->due);
		return 0;
	}
	now = is_cpu_clock(t->clock) ? cpu_target_time_locked(&t->cpu.target) : ktime_get();
	t->expires = next_expiry(t, now, &passed);
	t->overrun = passed ? (int)MIN(passed - 1, OVERRUN_MAX) : 0;
	arm(t, now);
	return t->overrun;
}

static void resume_ignored(struct treap_node *n, int sig)
{
	struct posix_timer *t;

	if (!n)
		return;
	t = container_of(n, struct posix_timer, node);
	if (t->ignored && t->queue.info.si_signo == sig) {
		t->ignored = false;
		due_add(&t->due);
	}
	resume_ignored(n->left, sig);
	resume_ignored(n->right, sig);
}

void posix_timers_resume(struct signal *owner, int sig)
{
	resume_ignored(owner->posix_timers, sig);
}

/* ---- arming and reading; both locks are held ---- */

static void disarm(struct posix_timer *t)
{
	timer_cancel(&t->timer);
	cpu_timer_cancel(&t->cpu);
	due_cancel(&t->due);
	t->fired = t->ignored = false;
	t->expires = t->interval = 0;
	t->overrun = 0;
	if (!list_empty(&t->queue.link))
		sigqueue_cancel(&t->queue, t->owner);
}

static void read_timer(const struct posix_timer *t, u64 now, u64 *left, u64 *interval)
{
	u64 expires = t->expires, passed;

	*interval = t->interval;
	if (expires && t->interval)
		expires = next_expiry(t, now, &passed);
	if (expires > now)
		*left = expires - now;
	else /* about to fire: 0 would say that it is not armed */
		*left = expires && t->notify != SIGEV_NONE;
}

static void set_timer(struct posix_timer *t, u64 now, u64 value, u64 interval, bool absolute)
{
	disarm(t);
	if (value == 0)
		return;
	if (!absolute)
		t->expires = time_add(now, value);
	else if (t->clock == CLOCK_REALTIME || t->clock == CLOCK_TAI)
		t->expires = MAX(ktime_of_real(value), 1UL);
	else
		t->expires = value;
	t->interval = interval;
	arm(t, now);
}

/* ---- making and deleting ---- */

int check_timer_clock(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_REALTIME_ALARM: /* need a clock that wakes the machine */
	case CLOCK_BOOTTIME_ALARM:
		return -EOPNOTSUPP;
	default:
		return clock < 0 ? 0 : -EINVAL;
	}
}

static struct pid *own_thread(pid_t tid)
{
	struct pid *pid scoped(put_pid) = find_get_pid(tid);
	struct task *p scoped(put_task) = pid ? pid_get_task(pid) : NULL;

	return p && p->signal == current->signal ? get_pid(pid) : NULL;
}

static int set_notification(struct posix_timer *t, const sigevent_t *ev)
{
	int notify = ev->sigev_notify;

	if (notify != SIGEV_NONE && notify != SIGEV_SIGNAL && notify != SIGEV_THREAD &&
	    notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (notify != SIGEV_NONE && !valid_signal(ev->sigev_signo))
		return -EINVAL;
	if (notify == SIGEV_THREAD_ID && !(t->thread = own_thread(ev->_sigev_un._tid)))
		return -EINVAL;
	t->notify = notify;
	t->queue.info.si_signo = ev->sigev_signo;
	t->queue.info.si_code = SI_TIMER;
	t->queue.info.si_value = ev->sigev_value;
	return 0;
}

/* Free a timer that is not in the tree. */
static void free_timer(struct posix_timer *t)
{
	if (t->cpu.target.task)
		put_task(t->cpu.target.task);
	put_pid(t->thread);
	if (t->queue.user)
		sigqueue_uncharge(t->queue.user);
	kfree(t);
}

/* Make a timer that is not in its owner's tree yet. ERR_PTR(-EAGAIN). */
static struct posix_timer *new_timer(clockid_t clock)
{
	struct posix_timer *t = kzalloc(sizeof(*t));

	if (!t)
		return ERR_PTR(-EAGAIN);
	list_init(&t->queue.link);
	t->queue.timer = t;
	t->queue.user = sigqueue_charge(current, false);
	if (!t->queue.user) {
		kfree(t);
		return ERR_PTR(-EAGAIN);
	}
	t->owner = current->signal;
	t->node.prio = (u32)random_u64();
	t->clock = clock;
	due_init(&t->due, timer_due);
	timer_init(&t->timer, wall_expired);
	cpu_timer_init(&t->cpu, cpu_expired);
	return t;
}

/* The owner chooses neither the numbers nor the priorities. */
static int compare(const void *key, const struct treap_node *n)
{
	int id = *(const int *)key, other = container_of(n, struct posix_timer, node)->id;

	return id < other ? -1 : id > other;
}

static struct posix_timer *find_timer(int id)
{
	struct treap_node *n = treap_find(current->signal->posix_timers, &id, compare);

	return n ? container_of(n, struct posix_timer, node) : NULL;
}

static u64 lock_timers(void)
{
	spin_lock(&deferred_lock);
	return spin_lock_irqsave(&current->sighand->lock);
}

static void unlock_timers(u64 flags)
{
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	spin_unlock(&deferred_lock);
}

/* The timer and what its clock shows, with both locks; NULL: there is none, without them. */
static struct posix_timer *find_and_lock(int id, u64 *now, u64 *flags)
{
	struct posix_timer *t;

	spin_lock(&deferred_lock);
	t = find_timer(id);
	if (!t) {
		spin_unlock(&deferred_lock);
		return NULL;
	}
	*now = clock_now(t);
	*flags = spin_lock_irqsave(&current->sighand->lock);
	return t;
}

/* Give the timer a number and put it into the tree. Numbers are reused only once all were used. */
static int publish(struct posix_timer *t, bool value_is_id)
{
	struct signal *sig = current->signal;
	u64 flags = lock_timers();
	int id;

	while (find_timer(sig->next_timer_id))
		sig->next_timer_id = (sig->next_timer_id + 1) & OVERRUN_MAX;
	id = t->id = t->queue.info.si_tid = sig->next_timer_id;
	sig->next_timer_id = (id + 1) & OVERRUN_MAX;
	if (value_is_id)
		t->queue.info.si_int = id;
	treap_insert(&sig->posix_timers, &t->node, &id, compare);
	unlock_timers(flags);
	return id;
}

/* Delete the timer `*id`, or any for NULL. True if there was one. */
static bool delete_timer(const int *id)
{
	u64 flags = lock_timers();
	struct treap_node **all = &current->signal->posix_timers;
	struct posix_timer *t = NULL;

	if (id)
		t = find_timer(*id);
	else if (*all)
		t = container_of(*all, struct posix_timer, node);
	if (t) {
		disarm(t);
		treap_remove(all, &t->id, compare);
	}
	unlock_timers(flags);
	if (t)
		free_timer(t);
	return t != NULL;
}

void posix_timers_exit(struct task *p)
{
	while (p->signal->posix_timers && delete_timer(NULL))
		;
}

/* ---- system calls ---- */

long sys_timer_create(clockid_t clock, const sigevent_t __user *uevent, int __user *uid)
{
	sigevent_t ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct posix_timer *t;
	int id, err = uevent && copy_from_user(&ev, uevent, sizeof(ev)) ? -EFAULT : 0;

	if (!err)
		err = check_timer_clock(clock);
	if (err)
		return err;
	t = new_timer(clock);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = set_notification(t, &ev);
	if (!err && is_cpu_clock(clock))
		err = cpu_clock_target(clock, false, &t->cpu.target);
	if (err) {
		free_timer(t);
		return err;
	}
	id = publish(t, !uevent); /* another thread may delete it from here on */
	if (put_user(id, uid) == 0)
		return 0;
	delete_timer(&id);
	return -EFAULT;
}

long sys_timer_settime(int id, int timer_flags, const struct itimerspec __user *unew,
		       struct itimerspec __user *uold)
{
	u64 value, interval, old_left = 0, old_interval = 0, now, flags;
	struct posix_timer *t;
	int err = unew ? get_itimerspec(&value, &interval, unew) : -EINVAL;

	if (err)
		return err;
	t = find_and_lock(id, &now, &flags);
	if (!t)
		return -EINVAL;
	read_timer(t, now, &old_left, &old_interval);
	set_timer(t, now, value, interval, timer_flags & TIMER_ABSTIME);
	unlock_timers(flags);
	return uold ? put_itimerspec(uold, old_left, old_interval) : 0;
}

long sys_timer_gettime(int id, struct itimerspec __user *uval)
{
	u64 left, interval, now, flags;
	struct posix_timer *t = find_and_lock(id, &now, &flags);

	if (!t)
		return -EINVAL;
	read_timer(t, now, &left, &interval);
	unlock_timers(flags);
	return put_itimerspec(uval, left, interval);
}

long sys_timer_getoverrun(int id)
{
	guard_irq(&current->sighand->lock);
	struct posix_timer *t = find_timer(id);

	return t ? t->overrun : -EINVAL;
}

long sys_timer_delete(int id)
{
	return delete_timer(&id) ? 0 : -EINVAL;
}
