/*
 * nanosleep(2), clock_nanosleep(2).
 *
 * A relative sleep that a signal interrupts stores what is left and asks for ERESTART_RESTARTBLOCK:
 * when the signal stopped or continued the task, restart_syscall(2) resumes the sleep until the
 * time that was meant at first; when a handler ran, the program gets EINTR.
 */
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"
#include "kernel/timers/cpu_timer.h"

/* Sleep until monotonic `until`, or until a signal is pending: then the time left, if any. */
static u64 sleep_interruptible(u64 until)
{
	u64 now;

	for (;;) {
		current->state = TASK_INTERRUPTIBLE;
		if (signal_pending(current))
			break;
		if (schedule_until(until) == 0)
			return 0;
	}
	current->state = TASK_RUNNING;
	now = ktime_get();
	return until > now ? until - now : 0;
}

/* restart_arg: [0] monotonic end, [1] where the remaining time goes, or 0. */
static long sleep_relative(struct task *p)
{
	struct timespec __user *rem = (void __user *)p->restart_arg[1];
	u64 left = sleep_interruptible(p->restart_arg[0]);

	if (left == 0)
		return 0;
	if (rem && put_timespec(rem, left) != 0)
		return -EFAULT;
	p->restart_fn = sleep_relative;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_for(u64 ns, struct timespec __user *rem)
{
	current->restart_arg[0] = time_add(ktime_get(), ns);
	current->restart_arg[1] = (u64)rem;
	return sleep_relative(current);
}

/* An absolute end needs no remaining time and no restart block: a restart makes the same call. */
static long sleep_until(clockid_t clock, u64 until)
{
	if (clock == CLOCK_REALTIME || clock == CLOCK_TAI)
		until = ktime_of_real(until);
	return sleep_interruptible(until) == 0 ? 0 : -ERESTARTNOHAND;
}

long sys_nanosleep(const struct timespec __user *req, struct timespec __user *rem)
{
	u64 ns;
	long ret = get_timespec(&ns, req);

	return ret ? ret : sleep_for(ns, rem);
}

long sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec __user *req,
			 struct timespec __user *rem)
{
	u64 ns;
	/* A thread cannot sleep by its own CPU time, which does not pass meanwhile. */
	long ret = clock == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : check_timer_clock(clock);

	if (ret == 0 && (flags & ~TIMER_ABSTIME))
		ret = -EINVAL;
	if (ret == 0)
		ret = get_timespec(&ns, req);
	if (ret != 0)
		return ret;
	if (is_cpu_clock(clock))
		return cpu_clock_sleep(clock, ns, flags & TIMER_ABSTIME, rem);
	return flags & TIMER_ABSTIME ? sleep_until(clock, ns) : sleep_for(ns, rem);
}
