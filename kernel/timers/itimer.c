/*
 * The interval timers of a process: setitimer(2), getitimer(2), alarm(2).
 *
 * deferred_lock guards the real-time timer, whose signal kthreadd sends (deferred.c). sighand->lock
 * guards the timers on CPU time, which the tick tests (cpu_timer.c).
 *
 * A timer is not inherited by fork, survives exec, and ends with the last thread.
 */
#include "kernel/timers/itimer.h"

#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timespec.h"

static void itimer_expired(struct timer *t)
{
	due_add(&container_of(t, struct itimer, timer)->due);
}

/* The timer is armed, so its process has threads and a leader. When a thread's exec has just taken
 * the leader's place, look the leader up again. */
static void send_to_process(struct signal *sig)
{
	int err;

	do {
		struct task *p = pid_get_task(sig->pid);

		err = send_signal(SIGALRM, NULL, p, true);
		put_task(p);
	} while (err == -ESRCH);
}

/* Send the signal if the timer has expired. As on Linux, periods that end before the signal is
 * taken add no signal, and cost nothing while it is pending or ignored. Under deferred_lock. */
static void fire(struct due *d)
{
	struct itimer *it = container_of(d, struct itimer, due);
	u64 now = ktime_get();

	if (!it->expires)
		return;
	if (it->rests) {
		WRITE_ONCE(it->rests, false);
		it->expires = time_after(it->expires, it->interval, now);
	}
	if (it->expires > now) {
		timer_start(&it->timer, it->expires);
		return;
	}
	WRITE_ONCE(it->rests, it->interval != 0);
	send_to_process(container_of(it, struct signal, real_timer));
	if (!it->interval)
		WRITE_ONCE(it->expires, 0); /* last: itimer_stop() no longer waits for the lock */
}

/* Caller holds deferred_lock, as for disarm(). */
static void arm(struct itimer *it, u64 expires, u64 interval)
{
	timer_init(&it->timer, itimer_expired);
	due_init(&it->due, fire);
	it->expires = expires;
	it->interval = interval;
	WRITE_ONCE(it->rests, false);
	timer_start(&it->timer, expires);
}

/* A thread that dequeues the signal queues the timer under sighand->lock. Once this function has
 * had that lock, due_cancel() finds such a timer. */
static void end_rest(struct itimer *it)
{
	guard_irq(&current->sighand->lock);
	WRITE_ONCE(it->rests, false);
}

static void disarm(struct itimer *it)
{
	if (!it->expires)
		return;
	timer_cancel(&it->timer);
	if (it->rests)
		end_rest(it);
	due_cancel(&it->due);
	WRITE_ONCE(it->expires, 0);
}

void itimer_stop(struct itimer *it)
{
	if (!READ_ONCE(it->expires)) /* no other thread is left to arm it */
		return;
	guard_spin(&deferred_lock);
	disarm(it);
}

/* Read the ns until the timer fires, and its interval. A timer that is about to fire has a
 * microsecond left, since 0 means that it is not armed. Caller holds deferred_lock. */
static void read_timer(const struct itimer *it, u64 *left, u64 *interval)
{
	u64 now = ktime_get();

	*left = *interval = 0;
	if (!it->expires)
		return;
	*left = it->rests                           ? 0
		: it->expires > now + NSEC_PER_USEC ? it->expires - now
						    : NSEC_PER_USEC;
	*interval = it->interval;
}

static void swap_timer(bool set, u64 value, u64 interval, u64 *old_left, u64 *old_interval)
{
	struct itimer *it = &current->signal->real_timer;

	guard_spin(&deferred_lock);
	read_timer(it, old_left, old_interval);
	if (set)
		disarm(it);
	if (value)
		arm(it, time_add(ktime_get(), value), interval);
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

/* ---- ITIMER_VIRTUAL and ITIMER_PROF ---- */

/* A timer that is about to fire has a tick left. */
static void read_cpu_timer(const struct cpu_itimer *it, u64 used, u64 *left, u64 *interval)
{
	*interval = it->interval;
	*left = 0;
	if (it->expires)
		*left = it->expires > used ? it->expires - used : TICK_NS;
}

/* Read the timer, and set it if `set`. The tick may count up to one tick ahead. As on Linux the
 * first period is a tick longer, so that the timer never fires early. */
static void swap_cpu_timer(int which, bool set, u64 value, u64 interval, u64 *old_left,
			   u64 *old_interval)
{
	struct signal *sig = current->signal;
	bool virtual = which == ITIMER_VIRTUAL;
	struct cpu_itimer *it = virtual ? &sig->virtual_timer : &sig->prof_timer;
	guard_irq(&current->sighand->lock);
	u64 used = process_cputime(sig, virtual ? CPU_VIRT : CPU_PROF);

	read_cpu_timer(it, used, old_left, old_interval);
	if (set) {
		it->expires = value ? time_add(used + TICK_NS, value) : 0;
		it->interval = interval;
	}
}

/* ---- the calls ---- */

/* Read the timer, and set it if `set`: then `uold`, which gets what was read, may be NULL. */
static long swap_any(int which, bool set, u64 value, u64 interval, struct itimerval __user *uold)
{
	u64 old_left, old_interval;

	if (which == ITIMER_REAL)
		swap_timer(set, value, interval, &old_left, &old_interval);
	else if (which == ITIMER_VIRTUAL || which == ITIMER_PROF)
		swap_cpu_timer(which, set, value, interval, &old_left, &old_interval);
	else
		return -EINVAL;
	return uold || !set ? put_itimerval(uold, old_left, old_interval) : 0;
}

long sys_getitimer(int which, struct itimerval __user *uval)
{
	return swap_any(which, false, 0, 0, uval);
}

long sys_setitimer(int which, const struct itimerval __user *uval, struct itimerval __user *uold)
{
	u64 value, interval;
	struct itimerval val = {0}; /* NULL disarms, as on Linux */

	if (uval && copy_from_user(&val, uval, sizeof(val)))
		return -EFAULT;
	if (timeval_to_ns(&value, &val.it_value) || timeval_to_ns(&interval, &val.it_interval))
		return -EINVAL;
	return swap_any(which, true, value, interval, uold);
}

/* The seconds an earlier alarm had left, rounded, but never to 0. */
long sys_alarm(unsigned int seconds)
{
	u64 left, interval;

	swap_timer(true, seconds * NSEC_PER_SEC, 0, &left, &interval);
	if (left && left < NSEC_PER_SEC)
		return 1;
	return (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}
