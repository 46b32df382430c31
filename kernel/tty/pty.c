/* Pseudo-terminals: pty(7), ptmx(4). The slave is a terminal like the console (tty*.c); this file
 * has the master, which is its keyboard and screen. What the master writes goes through the line
 * discipline at once, in the writer's context. What the slave writes, and the echo, waits in a ring
 * for the master to read. The tty's lock guards both. */

#include "kernel/fs/poll/poll.h"
#include "kernel/tty/tty_internal.h"
#include "mm/slab.h"

#define OUT_SIZE    8192
#define INPUT_CHUNK 256
#define MOST_BYTES  8 /* that one written byte may become (a tab) */

struct pty {
	struct tty tty;
	struct dentry *node;         /* the slave's, pinned while the master is open; constant */
	u32 index;                   /* constant */
	bool locked;                 /* tty.lock: TIOCSPTLCK */
	bool typing_stopped;         /* tty.lock to write: by tcflow(3) on the master */
	bool slave_gone;             /* tty.lock to write: the slave was open and is closed */
	u32 out_head, out_tail;      /* tty.lock; head - tail bytes wait for the master */
	struct wait_queue out_wait;  /* the master, for output */
	struct wait_queue room_wait; /* the master, for room in the line discipline */
	u8 out[OUT_SIZE];
};

static struct pty *pty_of(void *tty)
{
	return container_of(tty, struct pty, tty);
}

/* ---- the terminal's side ---- */

static u32 out_used(const struct pty *p)
{
	u32 tail = READ_ONCE(p->out_tail);

	return READ_ONCE(p->out_head) - tail;
}

/* pty_room() holds programs back, so only echo that is not read can overflow. */
static void pty_show(void *ctx, const char *s, size_t n)
{
	struct pty *p = pty_of(ctx);

	for (size_t i = 0; i < n && out_used(p) < OUT_SIZE; i++) {
		p->out[p->out_head % OUT_SIZE] = (u8)s[i];
		WRITE_ONCE(p->out_head, p->out_head + 1);
	}
	wake_up_all(&p->out_wait);
}

static size_t pty_room(struct tty *t)
{
	return (OUT_SIZE - out_used(pty_of(t))) / MOST_BYTES;
}

static void pty_input_taken(struct tty *t)
{
	wake_up_all(&pty_of(t)->room_wait);
}

/* Keep 8 bits without parity: there is no wire. */
static void pty_set_termios(struct tty *t)
{
	struct termios2 *tio = &t->ldisc.t;

	tio->c_cflag = (tio->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
}

static void pty_opened(struct tty *t, bool open)
{
	struct pty *p = pty_of(t);

	WRITE_ONCE(p->slave_gone, !open);
	if (!open)
		wake_up_all(&p->out_wait);
}

static void pty_free(struct tty *t)
{
	kfree(pty_of(t));
}

static const struct ldisc_ops pty_ldisc_ops = {
	.write = pty_show, .signal = tty_key_signal, .stopped = tty_output_stopped};

static const struct tty_driver pty_driver = {
	.ldisc = &pty_ldisc_ops,
	.room = pty_room,
	.input_taken = pty_input_taken,
	.set_termios = pty_set_termios,
	.opened = pty_opened,
	.free = pty_free,
};

static int pts_open(struct inode *inode, struct file *f)
{
	struct tty *t = inode->sb->type == &devpts_type ? READ_ONCE(inode->private) : NULL;

	if (!t || READ_ONCE(pty_of(t)->locked) || READ_ONCE(t->hung_up))
		return -EIO;
	tty_open_as(f, t);
	if (!(f->flags & O_NOCTTY) && (f->mode & FMODE_READ))
		tty_make_controlling(t, false, true); /* may fail: ptmx(4) */
	return 0;
}

const struct file_ops pts_file_ops = {.open = pts_open};

/* ---- the master: open, close ---- */

static struct pty *pty_create(void)
{
	struct pty *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	tty_setup(&p->tty, &pty_driver, 0);
	p->tty.ldisc.t.c_cflag = B38400 | CS8 | CREAD;
	p->locked = true;
	wait_queue_init(&p->out_wait);
	wait_queue_init(&p->room_wait);
	return p;
}

static int ptmx_open(struct inode *inode, struct file *f)
{
	struct dentry *root = devpts_for(inode, f->dentry), *node;
	struct pty *p;

	if (IS_ERR(root))
		return (int)PTR_ERR(root);
	p = pty_create();
	node = p ? devpts_add(root, &p->tty, &p->index) : ERR_PTR(-ENOMEM);
	dentry_put(root);
	if (IS_ERR(node)) {
		tty_put(p ? &p->tty : NULL);
		return (int)PTR_ERR(node);
	}
	p->node = dentry_pin(node);
	dentry_put(node);
	f->private = p;
	return 0;
}

static void ptmx_release(struct file *f)
{
	struct pty *p = f->private;

	devpts_remove(p->node);
	dentry_unpin(p->node);
	tty_hangup(&p->tty);
	tty_put(&p->tty);
}

/* ---- the master: read, write ---- */

/* Move waiting output to `io`, in at most two pieces. Lock held. */
static ssize_t take_output(struct pty *p, struct uio *io)
{
	size_t done = 0;

	while (io->left && out_used(p)) {
		u32 at = p->out_tail % OUT_SIZE;
		size_t n = MIN(MIN((size_t)out_used(p), (size_t)(OUT_SIZE - at)), io->left);
		size_t got = uio_store(io, p->out + at, n);

		WRITE_ONCE(p->out_tail, p->out_tail + (u32)got);
		done += got;
		if (got < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

static ssize_t ptmx_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct pty *p = f->private;
	ssize_t ret = 0;

	if (!io->left)
		return 0;
	mutex_lock(&p->tty.lock);
	while (!ret && !out_used(p)) {
		if (p->slave_gone) {
			ret = -EIO;
			break;
		}
		mutex_unlock(&p->tty.lock);
		ret = file_wait(f, &p->out_wait, out_used(p) || READ_ONCE(p->slave_gone));
		mutex_lock(&p->tty.lock);
	}
	if (!ret)
		ret = take_output(p, io);
	mutex_unlock(&p->tty.lock);
	wake_up_all(&p->tty.write_wait);
	return ret;
}

static bool may_type(struct pty *p)
{
	return !READ_ONCE(p->typing_stopped) && ldisc_room(&p->tty.ldisc);
}

/* Type bytes, as many as there is room for, or all of them if `force`. Returns their number. */
static size_t type_bytes(struct pty *p, const char *s, size_t n, bool force)
{
	size_t done = 0;

	mutex_lock(&p->tty.lock);
	while (done < n && (force || may_type(p)))
		ldisc_input(&p->tty.ldisc, (u8)s[done++]);
	mutex_unlock(&p->tty.lock);
	if (ldisc_readable(&p->tty.ldisc, 1))
		wake_up_all(&p->tty.read_wait);
	return done;
}

static ssize_t type_all(struct pty *p, struct file *f, const char *s, size_t n)
{
	size_t done = 0;
	int err = 0;

	while (!err) {
		done += type_bytes(p, s + done, n - done, false);
		if (done == n)
			break;
		err = file_wait(f, &p->room_wait, may_type(p));
	}
	return done ? (ssize_t)done : err;
}

static ssize_t ptmx_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct pty *p = f->private;
	ssize_t done = 0, n = 0;
	char buf[INPUT_CHUNK];
	size_t some;

	while (io->left) {
		some = uio_fetch(io, buf, MIN(io->left, sizeof(buf)));
		n = some ? type_all(p, f, buf, some) : -EFAULT;
		if (n < 0)
			break;
		done += n;
		if ((size_t)n < some || fatal_signal_pending(current))
			break;
	}
	return done ? done : n;
}

static u32 ptmx_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private;
	u32 events = 0;

	poll_wait_for(pt, &p->out_wait, POLL_READ);
	poll_wait_for(pt, &p->room_wait, POLL_WRITE);
	if (out_used(p))
		events |= POLLIN | POLLRDNORM;
	if (may_type(p))
		events |= POLLOUT | POLLWRNORM;
	if (READ_ONCE(p->slave_gone))
		events |= POLLHUP;
	return events;
}

/* ---- the master: ioctl_tty(2) ---- */

static long set_lock(struct pty *p, const int __user *arg)
{
	int on;

	if (get_user(on, arg))
		return -EFAULT;
	guard_mutex(&p->tty.lock);
	WRITE_ONCE(p->locked, on != 0);
	return 0;
}

/* TIOCPKT: packet mode is always off. */
static long set_packet_mode(const int __user *arg)
{
	int on;

	if (get_user(on, arg))
		return -EFAULT;
	return on ? -EINVAL : 0;
}

/* TIOCGPTPEER: open the slave, even if its name cannot be reached. */
static long open_peer(struct pty *p, int flags)
{
	struct file *f = file_open_dentry(dentry_get(p->node), flags, true);

	return IS_ERR(f) ? PTR_ERR(f) : fd_open(f, 0, flags & O_CLOEXEC);
}

static long flush_from_master(struct pty *p, unsigned long which)
{
	if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
		return -EINVAL;
	if (which != TCIFLUSH)
		tty_flush_input(&p->tty);
	if (which != TCOFLUSH) {
		mutex_lock(&p->tty.lock);
		WRITE_ONCE(p->out_tail, p->out_head);
		mutex_unlock(&p->tty.lock);
		wake_up_all(&p->tty.write_wait);
	}
	return 0;
}

/* tcflow(3): hold the master's own writes, or type ^S or ^Q for the slave. */
static long flow_from_master(struct pty *p, unsigned long action)
{
	switch (action) {
	case TCOOFF:
	case TCOON:
		mutex_lock(&p->tty.lock);
		WRITE_ONCE(p->typing_stopped, action == TCOOFF);
		mutex_unlock(&p->tty.lock);
		wake_up_all(&p->room_wait);
		return 0;
	case TCIOFF:
		type_bytes(p, "\x13", 1, true);
		return 0;
	case TCION:
		type_bytes(p, "\x11", 1, true);
		return 0;
	default:
		return -EINVAL;
	}
}

static long ptmx_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pty *p = f->private;

	switch (cmd) {
	case TIOCGPTN:
		return put_user(p->index, (u32 __user *)arg);
	case TIOCSPTLCK:
		return set_lock(p, (int __user *)arg);
	case TIOCGPTLCK:
		return put_user((int)p->locked, (int __user *)arg);
	case TIOCGPTPEER:
		return open_peer(p, (int)arg);
	case TIOCPKT:
		return set_packet_mode((int __user *)arg);
	case TIOCGPKT:
		return put_user(0, (int __user *)arg);
	case TIOCGPGRP:
		return tty_get_pgrp(&p->tty, (pid_t __user *)arg, true);
	case TIOCGSID:
		return tty_get_sid(&p->tty, (pid_t __user *)arg, true);
	case TIOCSCTTY: /* the slave, which is the terminal */
		return tty_make_controlling(&p->tty, arg == 1, f->mode & FMODE_READ);
	case TCFLSH:
		return flush_from_master(p, arg);
	case TCXONC:
		return flow_from_master(p, arg);
	case FIONREAD:
		return put_user((int)out_used(p), (int __user *)arg);
	case TIOCOUTQ:
		return put_user(0, (int __user *)arg);
	default:
		return tty_mode_ioctl(&p->tty, cmd, arg);
	}
}

const struct file_ops ptmx_file_ops = {
	.open = ptmx_open,
	.read = ptmx_read,
	.write = ptmx_write,
	.poll = ptmx_poll,
	.ioctl = ptmx_ioctl,
	.release = ptmx_release,
};
