/*
 * The real-time interval timer of a process: setitimer(2), getitimer(2), alarm(2).
 *
 * An interrupt must not look for the process a timer belongs to: that takes tasklist_lock. So the
 * timer's callback only puts it on a list, and kthreadd sends the signal. What is armed and
 * when is guarded by tasklist_lock; the list by due_lock, which is taken inside.
 *
 * A timer is not inherited by fork, survives exec, and ends with the last thread.
 */
#include "kernel/time/itimer.h"

#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timespec.h"

static spinlock_t due_lock = SPINLOCK_INIT(LOCK_WAIT); /* (irq) */
static struct list_head due_list = LIST_HEAD_INIT(due_list);

static void itimer_expired(struct timer *t)
{
	struct itimer *it = container_of(t, struct itimer, timer);
	u64 flags = spin_lock_irqsave(&due_lock);

	if (!it->is_due) {
		it->is_due = true;
		list_add_tail(&it->due, &due_list);
	}
	spin_unlock_irqrestore(&due_lock, flags);
	kthreadd_wake();
}

static struct itimer *next_due(void)
{
	struct itimer *it = NULL;
	u64 flags = spin_lock_irqsave(&due_lock);

	if (!list_empty(&due_list)) {
		it = container_of(due_list.next, struct itimer, due);
		list_del(&it->due);
		it->is_due = false;
	}
	spin_unlock_irqrestore(&due_lock, flags);
	return it;
}

/* Caller holds tasklist_lock. Periods that nobody saw end are one signal. */
static void fire(struct itimer *it)
{
	struct signal *sig = container_of(it, struct signal, real_timer);
	u64 now = ktime_get();

	if (!it->expires)
		return;
	if (it->expires > now) { /* armed anew meanwhile */
		timer_start(&it->timer, it->expires);
		return;
	}
	if (it->interval) {
		it->expires += ((now - it->expires) / it->interval + 1) * it->interval;
		timer_start(&it->timer, it->expires);
	} else {
		it->expires = 0;
	}
	send_signal(SIGALRM, NULL, sig->leader, true);
}

static bool fire_next(void)
{
	struct itimer *it;

	spin_lock(&tasklist_lock); /* from taking it off the list on: it cannot go away */
	it = next_due();
	if (it)
		fire(it);
	spin_unlock(&tasklist_lock);
	return it != NULL;
}

bool itimers_due(void)
{
	u64 flags = spin_lock_irqsave(&due_lock);
	bool due = !list_empty(&due_list);

	spin_unlock_irqrestore(&due_lock, flags);
	return due;
}

void itimers_fire(void)
{
	while (fire_next())
		;
}

void itimer_init(struct itimer *it)
{
	*it = (struct itimer){0};
	timer_init(&it->timer, itimer_expired);
	list_init(&it->due);
}

/* Caller holds tasklist_lock. */
static void disarm(struct itimer *it)
{
	u64 flags;

	timer_cancel(&it->timer);
	it->expires = it->interval = 0;
	flags = spin_lock_irqsave(&due_lock);
	if (it->is_due) {
		it->is_due = false;
		list_del(&it->due);
	}
	spin_unlock_irqrestore(&due_lock, flags);
}

void itimer_stop(struct itimer *it)
{
	spin_lock(&tasklist_lock);
	disarm(it);
	spin_unlock(&tasklist_lock);
}

/* ns until it fires and its interval. One that is about to fire has a microsecond left: 0 would say
 * that it is not armed. Caller holds tasklist_lock. */
static void read_timer(const struct itimer *it, u64 *left, u64 *interval)
{
	u64 now = ktime_get();

	*interval = it->interval;
	*left = 0;
	if (it->expires)
		*left = it->expires > now + NSEC_PER_USEC ? it->expires - now : NSEC_PER_USEC;
}

static void swap_timer(u64 value, u64 interval, u64 *old_left, u64 *old_interval)
{
	struct itimer *it = &current->signal->real_timer;

	spin_lock(&tasklist_lock);
	read_timer(it, old_left, old_interval);
	disarm(it);
	if (value) {
		it->expires = time_add(ktime_get(), value);
		it->interval = interval;
		timer_start(&it->timer, it->expires);
	}
	spin_unlock(&tasklist_lock);
}

static int timeval_to_ns(u64 *ns, const struct timeval *tv)
{
	if (tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return -EINVAL;
	return timespec_to_ns(ns, &(struct timespec){.tv_sec = tv->tv_sec,
						     .tv_nsec = tv->tv_usec * NSEC_PER_USEC});
}

static struct timeval ns_to_timeval(u64 ns)
{
	return (struct timeval){.tv_sec = ns / NSEC_PER_SEC,
				.tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
}

static long put_itimerval(struct itimerval __user *uval, u64 left, u64 interval)
{
	struct itimerval val = {.it_value = ns_to_timeval(left),
				.it_interval = ns_to_timeval(interval)};

	return copy_to_user(uval, &val, sizeof(val)) ? -EFAULT : 0;
}

long sys_getitimer(int which, struct itimerval __user *uval)
{
	u64 left, interval;

	if (which != ITIMER_REAL) /* the CPU-time ones: CAVEATS.md */
		return -EINVAL;
	spin_lock(&tasklist_lock);
	read_timer(&current->signal->real_timer, &left, &interval);
	spin_unlock(&tasklist_lock);
	return put_itimerval(uval, left, interval);
}

long sys_setitimer(int which, const struct itimerval __user *uval, struct itimerval __user *uold)
{
	u64 value, interval, old_left, old_interval;
	struct itimerval val = {0}; /* NULL disarms, as on Linux */

	if (uval && copy_from_user(&val, uval, sizeof(val)))
		return -EFAULT;
	if (which != ITIMER_REAL || timeval_to_ns(&value, &val.it_value) ||
	    timeval_to_ns(&interval, &val.it_interval))
		return -EINVAL;
	swap_timer(value, interval, &old_left, &old_interval);
	return uold ? put_itimerval(uold, old_left, old_interval) : 0;
}

/* The seconds an earlier alarm had left, rounded, but never to 0. */
long sys_alarm(unsigned int seconds)
{
	u64 left, interval;

	swap_timer(seconds * NSEC_PER_SEC, 0, &left, &interval);
	if (left && left < NSEC_PER_SEC)
		return 1;
	return (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}
