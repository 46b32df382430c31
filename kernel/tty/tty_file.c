/* Terminals as files: open, read, write, poll. */
#include "kernel/fs/poll/poll.h"
#include "kernel/tty/tty_internal.h"

#define DECISECOND  (100 * NSEC_PER_MSEC)
#define WRITE_CHUNK 256

void tty_open_as(struct file *f, struct tty *t)
{
	f->ops = &tty_file_ops;
	f->private = tty_get(t);
	guard_mutex(&t->lock);
	if (t->openings++ == 0 && t->driver->opened)
		t->driver->opened(t, true);
}

/* Opening the console never makes it the controlling terminal: that takes TIOCSCTTY. */
static int console_open(struct inode *inode __maybe_unused, struct file *f)
{
	tty_open_as(f, &console_tty);
	return 0;
}

/* /dev/tty: the controlling terminal. tty(4) */
static int ctty_open(struct inode *inode __maybe_unused, struct file *f)
{
	struct tty *t = tty_get_current();

	if (!t)
		return -ENXIO;
	tty_open_as(f, t);
	tty_put(t);
	return 0;
}

static void tty_release(struct file *f)
{
	struct tty *t = f->private;

	mutex_lock(&t->lock);
	if (--t->openings == 0 && t->driver->opened)
		t->driver->opened(t, false);
	mutex_unlock(&t->lock);
	tty_put(t);
}

/* How long a read waits, and for how much: termios(3), "Canonical and noncanonical mode". */
struct patience {
	bool canon;
	size_t need;  /* return when this many bytes are read */
	u64 between;  /* ns from one byte to the next; 0: no limit */
	u64 deadline; /* monotonic; 0: do not wait */
};

static void read_terms(struct tty *t, size_t left, struct patience *p)
{
	const struct termios2 *tio = &t->ldisc.t;
	u64 vtime = tio->c_cc[VTIME] * DECISECOND;
	size_t vmin = tio->c_cc[VMIN];

	*p = (struct patience){.canon = tio->c_lflag & ICANON, .need = 1, .deadline = TIME_FOREVER};
	if (!p->canon && vmin) {
		p->need = MIN(vmin, left);
		p->between = vtime;
	} else if (!p->canon) {
		p->deadline = vtime ? ktime_get() + vtime : 0;
	}
}

/* Sleep until there is input, the deadline passes (the caller looks again), or a signal comes. */
static int wait_for_input(struct tty *t, u64 deadline)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w);
	prepare_to_wait(&t->read_wait, &w, TASK_INTERRUPTIBLE);
	if (!ldisc_readable(&t->ldisc, 1) && !READ_ONCE(t->hung_up)) {
		if (signal_pending(current))
			err = -ERESTARTSYS;
		else
			schedule_until(deadline);
	}
	finish_wait(&t->read_wait, &w);
	return err;
}

/* Move waiting bytes to `io` through `buf`. *over: end of the line or file. */
static ssize_t take_input(struct tty *t, struct uio *io, char *buf, bool *over)
{
	size_t n;
	bool eof;

	mutex_lock(&t->lock);
	n = ldisc_read(&t->ldisc, buf, MIN(io->left, (size_t)PATH_MAX), &eof);
	mutex_unlock(&t->lock);
	if (n && t->driver->input_taken)
		t->driver->input_taken(t);
	*over = eof || READ_ONCE(t->hung_up);
	return uio_store(io, buf, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t read_loop(struct tty *t, struct file *f, struct uio *io, char *buf)
{
	struct patience p;
	size_t done = 0;

	read_terms(t, io->left, &p);
	for (;;) {
		bool over;
		ssize_t got = take_input(t, io, buf, &over);
		int err;

		if (got < 0)
			return got;
		done += (size_t)got;
		if (over || done >= p.need || (p.canon && got))
			return (ssize_t)done;
		if (got && p.between)
			p.deadline = ktime_get() + p.between;
		if (p.deadline == 0 || (p.deadline != TIME_FOREVER && ktime_get() >= p.deadline))
			return (ssize_t)done;
		if (f->flags & O_NONBLOCK)
			return done ? (ssize_t)done : -EAGAIN;
		err = wait_for_input(t, p.deadline);
		if (err)
			return done ? (ssize_t)done : err;
	}
}

static ssize_t tty_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct tty *t = f->private;
	ssize_t ret;

	if (READ_ONCE(t->hung_up) || !io->left)
		return 0;
	ret = tty_check_job(t, SIGTTIN);
	if (ret)
		return ret;
	char *buf scoped(putname) = name_alloc(); /* a page */
	if (!buf)
		return -ENOMEM;
	ret = read_loop(t, f, io, buf);
	/* there may be another line, and another reader */
	if (ret > 0 && ldisc_readable(&t->ldisc, 1))
		wake_up_all(&t->read_wait);
	return ret;
}

/* Bytes that may be written now. */
static size_t room(struct tty *t)
{
	if (READ_ONCE(t->output_stopped))
		return 0;
	return t->driver->room ? t->driver->room(t) : WRITE_CHUNK;
}

static int wait_for_room(struct tty *t, struct file *f)
{
	int err = 0;

	if (!room(t))
		err = file_wait(f, &t->write_wait, room(t) || READ_ONCE(t->hung_up));
	return err ? err : READ_ONCE(t->hung_up) ? -EIO : 0;
}

static ssize_t write_chunk(struct tty *t, struct file *f, struct uio *io)
{
	char buf[WRITE_CHUNK];
	size_t n, some;
	int err = wait_for_room(t, f);

	if (err)
		return err;
	n = uio_fetch(io, buf, MIN(io->left, sizeof(buf)));
	if (!n)
		return -EFAULT;
	for (size_t done = 0; done < n; done += some) {
		mutex_lock(&t->lock);
		some = MIN(room(t), n - done); /* other writers may have taken room */
		ldisc_output(&t->ldisc, buf + done, some);
		mutex_unlock(&t->lock);
		err = done + some < n ? wait_for_room(t, f) : 0;
		if (err)
			return done + some ? (ssize_t)(done + some) : err;
	}
	return (ssize_t)n;
}

static ssize_t tty_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct tty *t = f->private;
	ssize_t done = 0, n = 0;

	if (READ_ONCE(t->hung_up))
		return -EIO;
	if (t->ldisc.t.c_lflag & TOSTOP) {
		n = tty_check_job(t, SIGTTOU);
		if (n)
			return n;
	}
	while (io->left) {
		size_t asked = MIN(io->left, (size_t)WRITE_CHUNK);

		n = write_chunk(t, f, io);
		if (n < 0)
			break;
		done += n;
		if ((size_t)n < asked || fatal_signal_pending(current))
			break;
	}
	return done ? done : n;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private;
	const u8 *cc = t->ldisc.t.c_cc;
	u32 events = 0;

	poll_wait_for(pt, &t->read_wait, POLL_READ);
	poll_wait_for(pt, &t->write_wait, POLL_WRITE);
	if (ldisc_readable(&t->ldisc, cc[VTIME] ? 1 : cc[VMIN]))
		events |= POLLIN | POLLRDNORM;
	if (room(t))
		events |= POLLOUT | POLLWRNORM;
	if (READ_ONCE(t->hung_up))
		events |= POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	return events;
}

const struct file_ops tty_file_ops = {
	.open = console_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
};

const struct file_ops ctty_file_ops = {.open = ctty_open};
