/* Conversions between nanoseconds and struct timespec, and sums that saturate. */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"

/* Saturates: the end of time is TIME_FOREVER. */
static inline u64 time_add(u64 a, u64 b)
{
	return a > TIME_FOREVER - b ? TIME_FOREVER : a + b;
}

static inline u64 time_mul(u64 a, u64 b)
{
	u64 product;

	return __builtin_mul_overflow(a, b, &product) ? TIME_FOREVER : product;
}

/* How often `interval`, which is not 0, fits between `from` and `now`; 0 if `now` is before. */
static inline u64 time_periods(u64 from, u64 now, u64 interval)
{
	return now > from ? (now - from) / interval : 0;
}

/* The first of `from`, `from` + `interval`, … that lies behind `now`. Saturates. */
static inline u64 time_after(u64 from, u64 interval, u64 now)
{
	if (from > now)
		return from;
	return time_add(from, time_mul(time_add(time_periods(from, now, interval), 1), interval));
}

/* -EINVAL for what no clock shows: negative, or a billion nanoseconds and more. Saturates. */
static inline int timespec_to_ns(u64 *ns, const struct timespec *ts)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || (u64)ts->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts->tv_sec >= TIME_FOREVER / NSEC_PER_SEC)
		*ns = TIME_FOREVER;
	else
		*ns = ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
	return 0;
}

static inline struct timespec ns_to_timespec(u64 ns)
{
	return (struct timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
}

/* 0, -EFAULT or -EINVAL. */
static inline int get_timespec(u64 *ns, const struct timespec __user *uts)
{
	struct timespec ts;

	if (copy_from_user(&ts, uts, sizeof(ts)) != 0)
		return -EFAULT;
	return timespec_to_ns(ns, &ts);
}

/* 0 or -EFAULT. */
static inline int put_timespec(struct timespec __user *uts, u64 ns)
{
	struct timespec ts = ns_to_timespec(ns);

	return copy_to_user(uts, &ts, sizeof(ts)) != 0 ? -EFAULT : 0;
}

/* 0, -EFAULT or -EINVAL. */
static inline int get_itimerspec(u64 *value, u64 *interval, const struct itimerspec __user *from)
{
	struct itimerspec its;

	if (copy_from_user(&its, from, sizeof(its)))
		return -EFAULT;
	return timespec_to_ns(value, &its.it_value) ?: timespec_to_ns(interval, &its.it_interval);
}

/* 0 or -EFAULT. */
static inline int put_itimerspec(struct itimerspec __user *to, u64 value, u64 interval)
{
	struct itimerspec its = {.it_value = ns_to_timespec(value),
				 .it_interval = ns_to_timespec(interval)};

	return copy_to_user(to, &its, sizeof(its)) ? -EFAULT : 0;
}
