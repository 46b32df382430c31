/*
 * timerfd_create(2): a timer that is read from a file.
 *
 * An interval timer rests once it has expired: what it would have expired since is counted when
 * a task asks, and then it is started again. So a timer that no task reads costs nothing.
 */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/vfs.h"
#include "kernel/time/timespec.h"
#include "mm/slab.h"

#include <linux/timerfd.h>

struct timerfd {
	struct mutex lock; /* LOCK_PIPE: all below without another mark */
	struct timer timer;
	struct wait_queue wait;
	clockid_t clock; /* constant */
	u64 expires;     /* monotonic; 0: not armed */
	u64 interval;    /* 0: once */
	u64 ticks;       /* expirations that were counted, and not yet read; a word */
	bool fired;      /* a word: it has expired, and is not yet counted */
};

/* In an interrupt. */
static void timer_fired(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	WRITE_ONCE(t->fired, true);
	wake_up_all(&t->wait);
}

static bool has_ticks(const struct timerfd *t)
{
	return READ_ONCE(t->fired) || READ_ONCE(t->ticks);
}

/* Count what has expired until now, and start an interval timer again. */
static void count_ticks(struct timerfd *t)
{
	u64 now = ktime_get();

	if (!READ_ONCE(t->fired))
		return;
	WRITE_ONCE(t->fired, false);
	WRITE_ONCE(t->ticks, t->ticks + 1);
	if (!t->interval) {
		t->expires = 0;
		return;
	}
	WRITE_ONCE(t->ticks, t->ticks + time_periods(t->expires, now, t->interval));
	t->expires = time_after(t->expires, t->interval, now);
	timer_start(&t->timer, t->expires);
}

static u64 take_ticks(struct timerfd *t)
{
	u64 ticks;
	guard_mutex(&t->lock);

	count_ticks(t);
	ticks = t->ticks;
	WRITE_ONCE(t->ticks, 0);
	return ticks;
}

static ssize_t timerfd_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct timerfd *t = f->private;
	u64 ticks;
	int err;

	if (io->left < sizeof(ticks))
		return -EINVAL;
	while ((ticks = take_ticks(t)) == 0) {
		err = file_wait(f, &t->wait, has_ticks(t));
		if (err)
			return err;
	}
	return uio_store(io, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks)
								     : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private;

	poll_wait_for(pt, &t->wait, POLL_READ);
	return has_ticks(t) ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private;

	timer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.lseek = no_lseek,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

/* -EPERM: the clocks that wake a sleeping machine are for root. */
static int check_clock(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return cred_is_root(current->cred) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

long sys_timerfd_create(clockid_t clock, int flags)
{
	struct timerfd *t;
	int fd, err = flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) ? -EINVAL : check_clock(clock);

	if (err)
		return err;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock, LOCK_PIPE);
	wait_queue_init(&t->wait);
	timer_init(&t->timer, timer_fired);
	t->clock = clock;
	fd = anon_file_open("[timerfd]", &timerfd_ops, t, flags);
	if (fd < 0)
		kfree(t);
	return fd;
}

/* The timer of a descriptor, with a reference to its file in *file, which the caller drops. */
static int get_timerfd(int fd, struct file **file)
{
	*file = file_get_io(fd);
	if (!*file)
		return -EBADF;
	return (*file)->ops == &timerfd_ops ? 0 : -EINVAL;
}

static void read_setting(struct timerfd *t, u64 *left, u64 *interval)
{
	u64 now = ktime_get();

	count_ticks(t);
	*interval = t->interval;
	*left = !t->expires ? 0 : t->expires > now ? t->expires - now : 1;
}

/* As monotonic time. It may be in the past. */
static u64 expiry(const struct timerfd *t, u64 value, bool absolute)
{
	if (!absolute)
		return time_add(ktime_get(), value);
	if (t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM)
		value = ktime_of_real(value);
	return MAX(value, 1UL);
}

static void set_timer(struct timerfd *t, u64 value, u64 interval, bool absolute)
{
	timer_cancel(&t->timer);
	WRITE_ONCE(t->fired, false);
	WRITE_ONCE(t->ticks, 0);
	t->interval = interval;
	t->expires = value ? expiry(t, value, absolute) : 0;
	if (t->expires)
		timer_start(&t->timer, t->expires);
}

/* TFD_TIMER_CANCEL_ON_SET has no effect as long as the clock cannot be set. */
long sys_timerfd_settime(int fd, int flags, const struct itimerspec __user *unew,
			 struct itimerspec __user *uold)
{
	u64 value, interval, old_left, old_interval;
	struct file *f scoped(file_put) = NULL;
	struct timerfd *t;
	int err = get_itimerspec(&value, &interval, unew);

	if (!err && (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)))
		err = -EINVAL;
	if (!err)
		err = get_timerfd(fd, &f);
	if (err)
		return err;
	t = f->private;
	mutex_lock(&t->lock);
	read_setting(t, &old_left, &old_interval);
	set_timer(t, value, interval, flags & TFD_TIMER_ABSTIME);
	mutex_unlock(&t->lock);
	return uold ? put_itimerspec(uold, old_left, old_interval) : 0;
}

long sys_timerfd_gettime(int fd, struct itimerspec __user *ucurr)
{
	struct file *f scoped(file_put) = NULL;
	u64 left, interval;
	struct timerfd *t;
	int err = get_timerfd(fd, &f);

	if (err)
		return err;
	t = f->private;
	mutex_lock(&t->lock);
	read_setting(t, &left, &interval);
	mutex_unlock(&t->lock);
	return put_itimerspec(ucurr, left, interval);
}
