/* Terminals: what the console and pseudo-terminals have in common. */
#include "kernel/tty/tty_internal.h"

void tty_setup(struct tty *t, const struct tty_driver *driver, u32 dev)
{
	refcount_set(&t->count, 1);
	t->driver = driver;
	t->dev = dev;
	mutex_init(&t->lock, LOCK_TTY);
	wait_queue_init(&t->read_wait);
	wait_queue_init(&t->write_wait);
	ldisc_init(&t->ldisc, driver->ldisc, t);
}

struct tty *tty_get(struct tty *t)
{
	refcount_inc(&t->count);
	return t;
}

void tty_put(struct tty *t)
{
	if (t && refcount_dec_and_test(&t->count))
		t->driver->free(t);
}

/* ---- callbacks of the line discipline, under the tty's lock ---- */

void tty_key_signal(void *ctx, int sig)
{
	tty_signal_foreground(ctx, sig);
}

void tty_output_stopped(void *ctx, bool stop)
{
	struct tty *t = ctx;

	WRITE_ONCE(t->output_stopped, stop || t->flow_stopped);
	if (!stop)
		wake_up_all(&t->write_wait);
}

void tty_get_termios(struct tty *t, struct termios2 *out)
{
	guard_mutex(&t->lock);
	*out = t->ldisc.t;
}

void tty_set_termios(struct tty *t, const struct termios2 *in)
{
	guard_mutex(&t->lock);
	ldisc_set_termios(&t->ldisc, in);
	if (t->driver->set_termios)
		t->driver->set_termios(t);
}

void tty_flush_input(struct tty *t)
{
	mutex_lock(&t->lock);
	if (t->driver->flush_input)
		t->driver->flush_input(t);
	ldisc_flush(&t->ldisc);
	mutex_unlock(&t->lock);
	if (t->driver->input_taken)
		t->driver->input_taken(t);
}

void tty_hangup(struct tty *t)
{
	mutex_lock(&t->lock);
	WRITE_ONCE(t->hung_up, true);
	mutex_unlock(&t->lock);
	wake_up_all(&t->read_wait);
	wake_up_all(&t->write_wait);
	tty_hangup_session(t);
}
