/* eventfd(2): a counter that can be waited for. */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

/* eventfd(2): names that the UAPI headers leave to the C library. */
#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK
#define EFD_MOST      (~0UL - 1)

struct eventfd {
	struct mutex lock; /* LOCK_PIPE */
	u64 count;         /* lock to write */
	bool semaphore;    /* constant */
	struct wait_queue read_wait, write_wait;
};

static ssize_t eventfd_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct eventfd *e = f->private;
	u64 value = 0;
	int err = 0;

	if (io->left < sizeof(value))
		return -EINVAL;
	while (!err && !value) {
		mutex_lock(&e->lock);
		if (e->count) {
			value = e->semaphore ? 1 : e->count;
			WRITE_ONCE(e->count, e->count - value);
		}
		mutex_unlock(&e->lock);
		if (!value)
			err = file_wait(f, &e->read_wait, READ_ONCE(e->count));
	}
	if (err)
		return err;
	wake_up_all(&e->write_wait);
	return uio_store(io, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value)
								     : -EFAULT;
}

static bool fits(const struct eventfd *e, u64 value)
{
	return EFD_MOST - READ_ONCE(e->count) >= value;
}

static ssize_t eventfd_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct eventfd *e = f->private;
	bool done = false;
	u64 value;
	int err = 0;

	if (io->left < sizeof(value))
		return -EINVAL;
	if (uio_fetch(io, &value, sizeof(value)) < sizeof(value))
		return -EFAULT;
	if (value > EFD_MOST)
		return -EINVAL;
	while (!err && !done) {
		mutex_lock(&e->lock);
		done = fits(e, value);
		if (done)
			WRITE_ONCE(e->count, e->count + value);
		mutex_unlock(&e->lock);
		if (!done)
			err = file_wait(f, &e->write_wait, fits(e, value));
	}
	if (err)
		return err;
	wake_up_all(&e->read_wait);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	u64 count;

	poll_wait_for(pt, &e->read_wait, POLL_READ);
	poll_wait_for(pt, &e->write_wait, POLL_WRITE);
	count = READ_ONCE(e->count);
	return (count ? POLLIN | POLLRDNORM : 0) | (count < EFD_MOST ? POLLOUT | POLLWRNORM : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->private);
}

static void eventfd_show_fdinfo(struct file *f, struct seq *s)
{
	const struct eventfd *e = f->private;

	seq_printf(s, "eventfd-count: %16lx\neventfd-semaphore: %d\n", READ_ONCE(e->count),
		   e->semaphore);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.lseek = no_lseek, /* as on Linux */
	.poll = eventfd_poll,
	.show_fdinfo = eventfd_show_fdinfo,
	.release = eventfd_release,
};

long sys_eventfd2(unsigned int count, int flags)
{
	struct eventfd *e;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	mutex_init(&e->lock, LOCK_PIPE);
	wait_queue_init(&e->read_wait);
	wait_queue_init(&e->write_wait);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	fd = anon_file_open("[eventfd]", &eventfd_ops, e, flags);
	if (fd < 0)
		kfree(e);
	return fd;
}
