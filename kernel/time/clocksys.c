/* Reading the clocks: clock_gettime(2), clock_getres(2), gettimeofday(2), time(2). */
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

/* CPU time is counted by the tick, so that is how fine it is. */
static u64 thread_cputime(const struct task *p)
{
	return READ_ONCE(p->utime) + READ_ONCE(p->stime);
}

/* All threads of the current process, those already gone included. */
static u64 process_cputime(void)
{
	struct signal *sig = current->signal;
	struct task *p;
	u64 sum, flags;

	spin_lock(&tasklist_lock);
	flags = spin_lock_irqsave(&current->sighand->lock);
	sum = sig->utime + sig->stime;
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	list_for_each_entry (p, &sig->threads, thread_node)
		sum += thread_cputime(p);
	spin_unlock(&tasklist_lock);
	return sum;
}

/* -EINVAL for a clock that does not exist. */
static int read_clock(clockid_t clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = ktime_get_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME: /* we never suspend */
		*ns = ktime_get();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cputime();
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = thread_cputime(current);
		return 0;
	default:
		return -EINVAL;
	}
}

static int clock_resolution(clockid_t clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		*ns = 1;
		return 0;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = TICK_NS;
		return 0;
	default:
		return -EINVAL;
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
