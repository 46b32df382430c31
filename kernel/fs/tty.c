/*
 * The console terminal: from the keyboard to whoever reads.
 *
 * console_input() runs in interrupt context and only puts the byte into a ring. While a program is
 * in front, the kernel thread ktty takes it from there and runs it through the line discipline:
 * echo and signals happen there, so ^C works whether or not the program reads. While the kernel's
 * shell is in front, it takes the bytes itself.
 */
#include "kernel/fs/tty_internal.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"

struct tty console_tty;

/* ---- the ring of raw bytes ---- */

void console_input(char c)
{
	struct tty *t = &console_tty;
	u64 flags = spin_lock_irqsave(&t->raw_lock);

	if (t->raw_head - t->raw_tail < RAW_SIZE)
		t->raw[t->raw_head++ % RAW_SIZE] = (u8)c;
	spin_unlock_irqrestore(&t->raw_lock, flags);
	wake_up_all(&t->raw_wait);
}

static bool raw_pop(struct tty *t, u8 *c)
{
	u64 flags = spin_lock_irqsave(&t->raw_lock);
	bool got = t->raw_head != t->raw_tail;

	if (got)
		*c = t->raw[t->raw_tail++ % RAW_SIZE];
	spin_unlock_irqrestore(&t->raw_lock, flags);
	return got;
}

/* Put back in front what was taken too early. False: no room. */
static bool raw_unpop(struct tty *t, u8 c)
{
	u64 flags = spin_lock_irqsave(&t->raw_lock);
	bool room = t->raw_head - t->raw_tail < RAW_SIZE;

	if (room)
		t->raw[--t->raw_tail % RAW_SIZE] = c;
	spin_unlock_irqrestore(&t->raw_lock, flags);
	return room;
}

static bool raw_waiting(struct tty *t)
{
	return READ_ONCE(t->raw_head) != READ_ONCE(t->raw_tail);
}

static void raw_flush(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->raw_lock);

	t->raw_tail = t->raw_head;
	spin_unlock_irqrestore(&t->raw_lock, flags);
}

/* ---- what the line discipline calls back; the tty's lock is held ---- */

static void show(void *ctx __maybe_unused, const char *s, size_t n)
{
	arch_console_write_raw(s, n);
}

static void key_signal(void *ctx, int sig)
{
	tty_signal_foreground(ctx, sig);
}

static void output_stopped(void *ctx, bool stop)
{
	struct tty *t = ctx;

	WRITE_ONCE(t->output_stopped, stop);
	if (!stop)
		wake_up_all(&t->write_wait);
}

static const struct ldisc_ops console_ldisc_ops = {
	.write = show, .signal = key_signal, .stopped = output_stopped};

/* ---- ktty ---- */

static bool work_for_ktty(struct tty *t)
{
	return raw_waiting(t) && !READ_ONCE(t->shell_owns);
}

static void process_input(struct tty *t)
{
	u8 c;

	mutex_lock(&t->lock);
	/* asked under the lock: once the shell owns the terminal not one byte more is taken from it
	 */
	while (!t->shell_owns && raw_pop(t, &c))
		ldisc_input(&t->ldisc, c);
	mutex_unlock(&t->lock);
	if (ldisc_readable(&t->ldisc, 1))
		wake_up_all(&t->read_wait);
}

static int __noreturn ktty(void *arg)
{
	struct tty *t = arg;

	for (;;) {
		wait_event(&t->raw_wait, work_for_ktty(t));
		process_input(t);
	}
}

void tty_start(void)
{
	struct task *p = kthread_create(ktty, &console_tty, "ktty");

	if (IS_ERR(p))
		panic("no memory for ktty\n");
	put_task(p);
}

void tty_init(void)
{
	struct tty *t = &console_tty;
	unsigned int rows, cols;

	spin_lock_init(&t->raw_lock, LOCK_INPUT);
	mutex_init(&t->lock, LOCK_TTY);
	wait_queue_init(&t->raw_wait);
	wait_queue_init(&t->read_wait);
	wait_queue_init(&t->write_wait);
	ldisc_init(&t->ldisc, &console_ldisc_ops, t);
	t->shell_owns = true;
	arch_console_size(&rows, &cols);
	t->winsize = (struct winsize){.ws_row = (u16)rows, .ws_col = (u16)cols};
}

void tty_flush_input(struct tty *t)
{
	mutex_lock(&t->lock);
	if (!t->shell_owns)
		raw_flush(t);
	ldisc_flush(&t->ldisc);
	mutex_unlock(&t->lock);
}

/* ---- for the shell ---- */

int tty_getc(struct tty *t)
{
	u8 c;

	wait_event(&t->raw_wait, raw_pop(t, &c));
	return c;
}

bool tty_poll_in(struct tty *t)
{
	return raw_waiting(t);
}

void tty_get_termios(struct tty *t, struct termios2 *out)
{
	mutex_lock(&t->lock);
	*out = t->ldisc.t;
	mutex_unlock(&t->lock);
}

void tty_set_termios(struct tty *t, const struct termios2 *in)
{
	mutex_lock(&t->lock);
	ldisc_set_termios(&t->ldisc, in);
	mutex_unlock(&t->lock);
}

/* What was typed while a program ran and it did not read, the shell gets: the last byte goes back
 * first. */
static void give_back(struct tty *t)
{
	struct ldisc *ld = &t->ldisc;

	while (ld->head != ld->tail) {
		u8 c = ld->buf[(ld->head - 1) % LDISC_SIZE];

		if (!raw_unpop(t, c == '\n' ? '\r' : c))
			break;
		ld->head--;
	}
	ldisc_flush(ld);
}

void tty_set_raw_owner(struct tty *t, bool shell_owns)
{
	mutex_lock(&t->lock);
	if (shell_owns && !t->shell_owns) {
		give_back(t);
		if (t->ldisc.stopped) {
			t->ldisc.stopped = false;
			output_stopped(t, false);
		}
	}
	WRITE_ONCE(t->shell_owns, shell_owns);
	mutex_unlock(&t->lock);
	wake_up_all(&t->raw_wait); /* what waits there may be for somebody else now */
}
