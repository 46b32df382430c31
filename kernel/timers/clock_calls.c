/* Reading the clocks: clock_gettime(2), clock_getres(2), gettimeofday(2), time(2). */
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"
#include "kernel/timers/cpu_timer.h"

static int read_cpu_clock(clockid_t clock, u64 *ns)
{
	struct cpu_target target;
	int err = cpu_clock_target(clock, true, &target);

	if (err)
		return err;
	*ns = target.thread ? task_cputime(target.task, target.which) : cpu_target_time(&target);
	put_task(target.task);
	return 0;
}

/* -EINVAL for a clock that does not exist. */
static int read_clock(clockid_t clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI: /* leap seconds are not known */
		*ns = ktime_get_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME: /* the machine is never suspended */
		*ns = ktime_get();
		return 0;
	default:
		return is_cpu_clock(clock) ? read_cpu_clock(clock, ns) : -EINVAL;
	}
}

static int clock_resolution(clockid_t clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		*ns = 1;
		return 0;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		*ns = TICK_NS;
		return 0;
	default:
		if (!is_cpu_clock(clock) || read_cpu_clock(clock, ns) != 0)
			return -EINVAL;
		*ns = cpu_clock_resolution(clock);
		return 0;
	}
}

long sys_clock_gettime(clockid_t clock, struct timespec __user *ts)
{
	u64 ns;
	int ret = read_clock(clock, &ns);

	return ret ? ret : put_timespec(ts, ns);
}

long sys_clock_getres(clockid_t clock, struct timespec __user *ts)
{
	u64 ns;
	int ret = clock_resolution(clock, &ns);

	return ret || !ts ? ret : put_timespec(ts, ns);
}

long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz)
{
	u64 ns = ktime_get_real();
	struct timeval t = {.tv_sec = ns / NSEC_PER_SEC,
			    .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
	struct timezone utc = {0};

	if (tv && copy_to_user(tv, &t, sizeof(t)) != 0)
		return -EFAULT;
	if (tz && copy_to_user(tz, &utc, sizeof(utc)) != 0)
		return -EFAULT;
	return 0;
}

long sys_time(long __user *t)
{
	long now = ktime_get_real() / NSEC_PER_SEC;

	if (t && put_user(now, t) != 0)
		return -EFAULT;
	return now;
}
