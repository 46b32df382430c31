/*
 * The console: everything goes to the serial port and to the screen at once. Each may be missing.
 *
 * Until the first refresh, which the running system asks for, the screen is drawn as it is written:
 * if we stop on the way, the last line is to be seen.
 */
#include "arch/x86_64/dev/console/console.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/console/keyboard.h"
#include "arch/x86_64/dev/console/screen.h"
#include "arch/x86_64/dev/console/serial.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"

#define NOT_LOCKED (1UL << 63) /* in the flags console_lock() returns */
#define PATIENCE   100000000UL /* turns: whoever holds the lock that long is dead */

static spinlock_t lock = SPINLOCK_INIT(LOCK_CONSOLE); /* the devices and all of their state */
static u32 holder;                                    /* of the lock: CPU + 1; 0: nobody */
static bool refresh_later;

#define EVERYTHING      ~0U
#define CELLS_PER_SLICE 1024

/*
 * Output must come out of any context, also of a fault inside this very code, and while another CPU
 * has died with the lock: then go on without. What may be garbled is better than what is never
 * seen.
 */
u64 console_lock(void)
{
	u64 flags = local_irq_save();

	if (READ_ONCE(holder) == this_cpu()->id + 1)
		return flags | NOT_LOCKED;
	for (u64 i = 0; i < PATIENCE; i++) {
		if (spin_trylock(&lock)) {
			WRITE_ONCE(holder, this_cpu()->id + 1);
			return flags;
		}
		cpu_wait();
	}
	return flags | NOT_LOCKED;
}

void console_unlock(u64 flags)
{
	if (flags & NOT_LOCKED) {
		local_irq_restore(flags & ~NOT_LOCKED);
		return;
	}
	WRITE_ONCE(holder, 0);
	spin_unlock_irqrestore(&lock, flags);
}

void arch_console_early_init(const struct boot_info *boot)
{
	acpi_set_rsdp(boot->rsdp);
	serial_early_init();
	screen_init(&boot->fb);
}

void arch_console_init(void)
{
	const struct screen_ops *screen = screen_device();

	serial_init();
	keyboard_init();
	if (screen)
		pr_info("console: %s, %u x %u%s\n", screen->name, screen->cols, screen->rows,
			serial_present() ? ", serial port" : "");
	else
		pr_info("console: %s\n", serial_present() ? "serial port, no screen" : "none");
}

/* ---- the terminal above ---- */

static const struct console_hooks *terminal; /* NULL: not there yet */

void arch_console_attach(const struct console_hooks *hooks)
{
	terminal = hooks;
}

void console_input(char c)
{
	if (terminal)
		terminal->input(c);
}

void console_writable(void)
{
	if (terminal)
		terminal->writable();
}

/* ---- output ---- */

/* Where the next character goes: what a terminal swallows (ESC [ … letter) does not move it. */
static bool line_start = true, in_escape;

static void track_line(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (in_escape)
			in_escape = s[i] == '[' || s[i] == ';' || s[i] == '?' ||
				    (s[i] >= '0' && s[i] <= '9');
		else if (s[i] == '\033')
			in_escape = true;
		else
			line_start = s[i] == '\n' || s[i] == '\r';
	}
}

bool arch_console_at_line_start(void)
{
	return READ_ONCE(line_start);
}

/* Each byte as if it were typed. With a serial port the terminal at its other end answers. */
static void send_answer(const char *s, size_t n)
{
	for (size_t i = 0; i < n && !serial_present(); i++)
		console_input(s[i]);
}

/* What the screen has to answer goes to buf, if there is one; returns how much. */
static size_t write_devices(const char *s, size_t n, bool newlines, char *buf, size_t room)
{
	u64 flags = console_lock();
	size_t answer;

	track_line(s, n);
	serial_write(s, n, newlines);
	screen_write(s, n, newlines);
	if (!refresh_later)
		screen_refresh(EVERYTHING);
	answer = screen_take_answer(buf, room);
	console_unlock(flags);
	return answer;
}

void arch_console_write(const char *s, size_t n)
{
	write_devices(s, n, true, NULL, 0);
}

void arch_console_write_raw(const char *s, size_t n)
{
	char answer[32];

	send_answer(answer, write_devices(s, n, false, answer, sizeof(answer)));
}

size_t arch_console_room(void)
{
	return serial_room();
}

/* In slices: interrupts are off while one is drawn, and a serial port that nobody attends for a
 * millisecond loses what it received. An interrupt handler draws one slice only, the next tick goes
 * on. */
void arch_console_refresh(void)
{
	bool more = true;

	while (more) {
		u64 flags;

		if (!irqs_enabled() && spin_is_locked(&lock))
			break; /* another CPU draws, or writes: a tick does not wait for it */
		flags = console_lock();
		refresh_later = true;
		more = screen_refresh(CELLS_PER_SLICE);
		console_unlock(flags);
		if (!irqs_enabled())
			break;
	}
}

void arch_console_flush(void)
{
	u64 flags = console_lock();

	refresh_later = false; /* what comes now may be the last */
	serial_flush();
	screen_refresh(EVERYTHING);
	console_unlock(flags);
}

/* What is at the other end of a serial line is not known; 80 x 24 is what everything can do. */
void arch_console_size(unsigned int *rows, unsigned int *cols)
{
	const struct screen_ops *screen = screen_device();
	bool use_screen = screen && !serial_present();

	*rows = use_screen ? screen->rows : 24;
	*cols = use_screen ? screen->cols : 80;
}
