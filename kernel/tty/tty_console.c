/* The console terminal. console_input() runs in interrupt context and only puts the byte into a
 * ring. While a program is in front, the kernel thread ktty passes the bytes on to the line
 * discipline, which echoes and sends signals: ^C works even if the program does not read. While the
 * kernel's shell is in front, the shell takes the bytes from the ring. */
#include "kernel/kthread.h"
#include "kernel/time/timer.h"
#include "kernel/tty/tty_internal.h"

#define RAW_SIZE 1024

struct tty console_tty;

/* ---- the ring of raw bytes ---- */

static spinlock_t raw_lock = SPINLOCK_INIT(LOCK_INPUT); /* (irq): the next three */
static u32 raw_head, raw_tail;
static u8 raw[RAW_SIZE]; /* as typed; when full, new bytes are lost */
static struct wait_queue raw_wait = WAIT_QUEUE_INIT(raw_wait); /* ktty, or the shell */
static bool shell_owns = true; /* typed bytes are the shell's; console_tty.lock to write */

static void console_input(char c)
{
	u64 flags = spin_lock_irqsave(&raw_lock);

	if (raw_head - raw_tail < RAW_SIZE)
		raw[raw_head++ % RAW_SIZE] = (u8)c;
	spin_unlock_irqrestore(&raw_lock, flags);
	wake_up_all(&raw_wait);
}

static bool raw_pop(u8 *c)
{
	guard_irq(&raw_lock);
	bool got = raw_head != raw_tail;

	if (got)
		*c = raw[raw_tail++ % RAW_SIZE];
	return got;
}

/* Put a byte back at the front. False: no room. */
static bool raw_unpop(u8 c)
{
	guard_irq(&raw_lock);
	bool room = raw_head - raw_tail < RAW_SIZE;

	if (room)
		raw[--raw_tail % RAW_SIZE] = c;
	return room;
}

static bool raw_waiting(void)
{
	return READ_ONCE(raw_head) != READ_ONCE(raw_tail);
}

static void show(void *ctx __maybe_unused, const char *s, size_t n)
{
	arch_console_write_raw(s, n);
}

static const struct ldisc_ops console_ldisc_ops = {
	.write = show, .signal = tty_key_signal, .stopped = tty_output_stopped};

static void console_flush(struct tty *t __maybe_unused)
{
	guard_irq(&raw_lock);
	if (!shell_owns)
		raw_tail = raw_head;
}

static size_t console_room(struct tty *t __maybe_unused)
{
	return arch_console_room();
}

static void console_writable(void)
{
	wake_up_all(&console_tty.write_wait);
}

static const struct console_hooks console_hooks = {.input = console_input,
						   .writable = console_writable};

#define PAUSE_NS    (2 * NSEC_PER_MSEC)
#define PATIENCE_NS (10 * NSEC_PER_SEC)

/* Wait for room, if the caller may sleep. A stopped terminal costs PATIENCE_NS, once. */
static void wait_for_room(void)
{
	static bool stopped;
	u64 end = 0;

	while (!arch_console_room()) {
		if (READ_ONCE(stopped) || preempt_count() != 0 || !irqs_enabled())
			return;
		if (!end)
			end = arch_clock_ns() + PATIENCE_NS;
		if (arch_clock_ns() > end)
			WRITE_ONCE(stopped, true);
		else
			sleep_ns(PAUSE_NS);
	}
	WRITE_ONCE(stopped, false);
}

static const struct tty_driver console_driver = {
	.ldisc = &console_ldisc_ops, .room = console_room, .flush_input = console_flush};

static void process_input(void)
{
	struct tty *t = &console_tty;
	u8 c;

	mutex_lock(&t->lock);
	/* checked under the lock: once the shell is the owner, ktty takes no more bytes */
	while (!shell_owns && raw_pop(&c))
		ldisc_input(&t->ldisc, c);
	mutex_unlock(&t->lock);
	if (ldisc_readable(&t->ldisc, 1))
		wake_up_all(&t->read_wait);
}

static int __noreturn ktty(void *arg __maybe_unused)
{
	for (;;) {
		wait_event(&raw_wait, raw_waiting() && !READ_ONCE(shell_owns));
		process_input();
	}
}

void console_tty_start(void)
{
	struct task *p = kthread_create(ktty, NULL, "ktty");

	if (IS_ERR(p))
		panic("no memory for ktty\n");
	put_task(p);
}

void console_tty_init(void)
{
	struct tty *t = &console_tty;
	unsigned int rows, cols;

	tty_setup(t, &console_driver, (u32)make_dev(5, 1));
	arch_console_attach(&console_hooks);
	console_wait_for_room = wait_for_room;
	arch_console_size(&rows, &cols);
	t->winsize = (struct winsize){.ws_row = (u16)rows, .ws_col = (u16)cols};
}

int console_getc(void)
{
	u8 c;

	wait_event(&raw_wait, raw_pop(&c));
	return c;
}

bool console_poll_in(void)
{
	return raw_waiting();
}

bool tty_is_shells(const struct tty *t)
{
	return t == &console_tty && READ_ONCE(shell_owns);
}

/* Give the shell what the program has not read: the last byte goes back first. */
static void give_back(struct tty *t)
{
	struct ldisc *ld = &t->ldisc;

	while (ld->head != ld->tail) {
		u8 c = ld->buf[(ld->head - 1) % LDISC_SIZE];

		if (!raw_unpop(c == '\n' ? '\r' : c))
			break;
		ld->head--;
	}
	ldisc_flush(ld);
}

void console_set_owner(bool shell)
{
	struct tty *t = &console_tty;

	mutex_lock(&t->lock);
	if (shell && !shell_owns) {
		give_back(t);
		if (t->ldisc.stopped) {
			t->ldisc.stopped = false;
			tty_output_stopped(t, false);
		}
	}
	WRITE_ONCE(shell_owns, shell);
	mutex_unlock(&t->lock);
	wake_up_all(&raw_wait); /* the bytes may have another reader now */
}
