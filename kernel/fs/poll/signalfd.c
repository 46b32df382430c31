/*
 * signalfd(2): signals that are read from a file.
 *
 * As on Linux, a task that reads or polls gets its own signals and those of its process, also if
 * another process made the descriptor.
 */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal/sigqueue.h"
#include "mm/slab.h"

#include <linux/signalfd.h>

/* A queue in which an epoll set may wait until the file is released. */
struct pin {
	struct pin *next;
	struct arrivals *queue; /* a reference */
};

struct signalfd {
	sigset_t64 set;   /* a word */
	spinlock_t lock;  /* LOCK_SIGNALFD */
	struct pin *pins; /* lock */
};

static const struct file_ops signalfd_ops;

static bool has_signal(const struct signalfd *s)
{
	return (READ_ONCE(current->pending.set) | READ_ONCE(current->signal->shared.set)) &
	       READ_ONCE(s->set);
}

/* What the siginfo says beside the number, the code and the error, by what sent the signal:
 * sigaction(2). */
static void describe(struct signalfd_siginfo *to, const ksiginfo_t *from)
{
	bool by_code = from->si_code > 0 && from->si_code < SI_KERNEL;

	to->ssi_signo = (u32)from->si_signo;
	to->ssi_errno = from->si_errno;
	to->ssi_code = from->si_code;
	if (from->si_code == SI_TIMER) {
		to->ssi_tid = (u32)from->si_tid;
		to->ssi_overrun = (u32)from->si_overrun;
	} else if (by_code && from->si_signo == SIGCHLD) {
		to->ssi_pid = (u32)from->si_pid;
		to->ssi_uid = from->si_uid;
		to->ssi_status = from->si_status;
		to->ssi_utime = (u64)from->si_utime;
		to->ssi_stime = (u64)from->si_stime;
		return;
	} else if (by_code && (from->si_signo == SIGIO || from->si_code == SI_SIGIO)) {
		to->ssi_band = (u32)from->si_band;
		to->ssi_fd = from->si_fd;
		return;
	} else if (by_code) { /* a fault */
		to->ssi_addr = (u64)from->si_addr;
		return;
	} else {
		to->ssi_pid = (u32)from->si_pid;
		to->ssi_uid = from->si_uid;
	}
	if (from->si_code < 0) {
		to->ssi_ptr = (u64)from->si_ptr;
		to->ssi_int = from->si_int;
	}
}

static bool take_signal(const struct signalfd *s, ksiginfo_t *info)
{
	guard_irq(&current->sighand->lock);
	return dequeue_signal(current, ~READ_ONCE(s->set), info) != 0;
}

/* 0, -EAGAIN, -ERESTARTSYS, -ENOMEM */
static int wait_for_signal(struct file *f)
{
	struct arrivals *a = arrivals_get();
	int err = a ? file_wait(f, &a->wait, has_signal(f->private)) : -ENOMEM;

	if (a)
		arrivals_put(a);
	return err;
}

static ssize_t signalfd_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct signalfd *s = f->private;
	ssize_t done = 0;
	ksiginfo_t info;

	if (io->left < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (io->left >= sizeof(struct signalfd_siginfo)) {
		struct signalfd_siginfo text = {0};

		if (!take_signal(s, &info)) {
			int err = done ? -EAGAIN : wait_for_signal(f);

			if (err)
				return done ? done : err;
			continue;
		}
		describe(&text, &info);
		if (uio_store(io, &text, sizeof(text)) < sizeof(text))
			return done ? done : -EFAULT;
		done += sizeof(text);
	}
	return done;
}

static void unpin(struct pin **at)
{
	struct pin *gone = *at;

	*at = gone->next;
	arrivals_put(gone->queue);
	kfree(gone);
}

/* Drop the queues of processes that are gone, in which no set waits. The lock is held. */
static void drop_stale_pins(struct signalfd *s)
{
	for (struct pin **at = &s->pins; *at;) {
		const struct arrivals *a = (*at)->queue;

		if (refcount_read(&a->count) == 1 && list_empty(&a->wait.waiters))
			unpin(at);
		else
			at = &(*at)->next;
	}
}

/* The queue of current's process, which stays until the file is released. NULL without memory. */
static struct arrivals *pinned_queue(struct signalfd *s)
{
	struct arrivals *a = arrivals_get();
	struct pin *pin;
	guard_spin(&s->lock);

	if (!a)
		return NULL;
	for (pin = s->pins; pin && pin->queue != a; pin = pin->next)
		;
	if (pin) {
		arrivals_put(a);
		return a;
	}
	drop_stale_pins(s);
	pin = kmalloc(sizeof(*pin));
	if (!pin) {
		arrivals_put(a);
		return NULL;
	}
	*pin = (struct pin){s->pins, a};
	s->pins = pin;
	return a;
}

/* Without memory it is an error, rather than a wait without end. */
static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	if (pt && pt->join) {
		struct arrivals *a = pinned_queue(f->private);

		if (!a)
			return POLLERR;
		poll_wait_for(pt, &a->wait, POLL_READ);
	}
	return has_signal(f->private) ? POLLIN | POLLRDNORM : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->private;

	while (s->pins)
		unpin(&s->pins);
	kfree(s);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.lseek = no_lseek,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

/* A new descriptor. */
static int open_signalfd(sigset_t64 set, int flags)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	int fd;

	if (!s)
		return -ENOMEM;
	s->set = set;
	spin_lock_init(&s->lock, LOCK_SIGNALFD);
	fd = anon_file_open("[signalfd]", &signalfd_ops, s, flags);
	if (fd < 0)
		kfree(s);
	return fd;
}

/* Readers that wait look again: one of the new signals may be pending. */
static int change_signalfd(int fd, sigset_t64 set)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	struct signalfd *s;

	if (!f || f->ops != &signalfd_ops)
		return f ? -EINVAL : -EBADF;
	s = f->private;
	WRITE_ONCE(s->set, set);
	guard_spin(&s->lock);
	for (const struct pin *pin = s->pins; pin; pin = pin->next)
		wake_up_all(&pin->queue->wait);
	return fd;
}

long sys_signalfd4(int fd, const sigset_t64 __user *uset, size_t size, int flags)
{
	sigset_t64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	set &= ~SIG_KERNEL_ONLY;
	return fd == -1 ? open_signalfd(set, flags) : change_signalfd(fd, set);
}
