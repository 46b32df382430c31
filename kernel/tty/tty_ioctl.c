/* ioctl(2) of a terminal: ioctl_tty(2). */
#include "kernel/tty/tty_internal.h"

/* The old structure is the new one without the two speeds. */
_Static_assert(sizeof(struct termios) == 36 &&
		       offsetof(struct termios2, c_cc) == offsetof(struct termios, c_cc),
	       "termios is a prefix of termios2");

static long get_termios(struct tty *t, void __user *out, size_t size)
{
	struct termios2 tio;

	tty_get_termios(t, &tio);
	return copy_to_user(out, &tio, size) ? -EFAULT : 0;
}

/* write() returns when the output is on the screen, so there is nothing to drain. */
static long set_termios(struct tty *t, const void __user *in, size_t size, bool flush)
{
	struct termios2 tio;
	long err = tty_check_job(t, SIGTTOU);

	if (err)
		return err;
	tty_get_termios(t, &tio);
	if (copy_from_user(&tio, in, size))
		return -EFAULT;
	if (flush)
		tty_flush_input(t);
	tty_set_termios(t, &tio);
	wake_up_all(&t->read_wait); /* waiting bytes may be readable now */
	return 0;
}

static long set_winsize(struct tty *t, const struct winsize __user *in)
{
	struct winsize ws;
	bool changed;

	if (copy_from_user(&ws, in, sizeof(ws)))
		return -EFAULT;
	mutex_lock(&t->lock);
	changed = memcmp(&ws, &t->winsize, sizeof(ws)) != 0;
	t->winsize = ws;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	return 0;
}

static long get_winsize(struct tty *t, struct winsize __user *out)
{
	struct winsize ws;

	mutex_lock(&t->lock);
	ws = t->winsize;
	mutex_unlock(&t->lock);
	return copy_to_user(out, &ws, sizeof(ws)) ? -EFAULT : 0;
}

static long flush_queues(struct tty *t, unsigned long which)
{
	long err = tty_check_job(t, SIGTTOU);

	if (err)
		return err;
	if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
		return -EINVAL;
	if (which != TCOFLUSH) /* output is never queued */
		tty_flush_input(t);
	return 0;
}

static void stop_output(struct tty *t, bool stop)
{
	if (t->flow_stopped == stop)
		return;
	t->flow_stopped = t->ldisc.stopped = stop;
	tty_output_stopped(t, stop);
}

/* Send the character that asks the other end to stop or go on. */
static void send_flow_char(struct tty *t, int which)
{
	char c = (char)t->ldisc.t.c_cc[which];

	if (c)
		t->ldisc.ops->write(t->ldisc.ctx, &c, 1);
}

static long flow(struct tty *t, unsigned long action)
{
	long err = tty_check_job(t, SIGTTOU);

	if (err)
		return err;
	guard_mutex(&t->lock);
	switch (action) {
	case TCOOFF:
	case TCOON:
		stop_output(t, action == TCOOFF);
		break;
	case TCIOFF:
		send_flow_char(t, VSTOP);
		break;
	case TCION:
		send_flow_char(t, VSTART);
		break;
	default:
		err = -EINVAL;
	}
	return err;
}

static long job_ioctl(struct tty *t, const struct file *f, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case TIOCGPGRP:
		return tty_get_pgrp(t, (pid_t __user *)arg, false);
	case TIOCGSID:
		return tty_get_sid(t, (pid_t __user *)arg, false);
	case TIOCSCTTY:
		return tty_make_controlling(t, arg == 1, f->mode & FMODE_READ);
	case TIOCNOTTY:
		return tty_give_up(t);
	case TCFLSH:
		return flush_queues(t, arg);
	case TCXONC:
		return flow(t, arg);
	case TCSBRK:
	case TCSBRKP: /* no break signal on a screen, and nothing to drain */
		return tty_check_job(t, SIGTTOU);
	case FIONREAD:
		return put_user((int)ldisc_count(&t->ldisc), (int __user *)arg);
	case TIOCOUTQ:
		return put_user(0, (int __user *)arg);
	default:
		return -ENOTTY;
	}
}

long tty_mode_ioctl(struct tty *t, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TCGETS:
		return get_termios(t, p, sizeof(struct termios));
	case TCGETS2:
		return get_termios(t, p, sizeof(struct termios2));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, p, sizeof(struct termios), cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, p, sizeof(struct termios2), cmd == TCSETSF2);
	case TIOCGWINSZ:
		return get_winsize(t, p);
	case TIOCSWINSZ:
		return set_winsize(t, p);
	case TIOCSPGRP:
		return tty_set_pgrp(t, p);
	default:
		return -ENOTTY;
	}
}

long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty *t = f->private;
	long ret;

	if (READ_ONCE(t->hung_up))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	ret = tty_mode_ioctl(t, cmd, arg);
	return ret == -ENOTTY ? job_ioctl(t, f, cmd, arg) : ret;
}
