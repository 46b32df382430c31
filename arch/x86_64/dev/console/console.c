/*
 * The console: output goes to the serial port and to the screen. Either may be missing.
 *
 * Until the first arch_console_refresh(), each write is drawn at once: if the kernel stops during
 * boot, its last line is on the screen.
 */
#include "arch/x86_64/dev/console/console.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/console/keyboard.h"
#include "arch/x86_64/dev/console/screen.h"
#include "arch/x86_64/dev/console/serial.h"
#include "arch/x86_64/dev/smbios/smbios.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

#define NOT_LOCKED (1UL << 63) /* in the flags console_lock() returns */
#define PATIENCE   100000000UL /* turns: a CPU that holds the lock so long is dead */

static spinlock_t lock = SPINLOCK_INIT(LOCK_CONSOLE); /* the devices and all of their state */
static u32 holder;                                    /* of the lock: CPU + 1; 0: none */
static bool refresh_later;

/* Output must work from any context: also after a fault in this code, and when another CPU died
 * with the lock. Then the caller goes on without it: garbled output is better than none. */
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
	smbios_set_efi(boot->efi_system_table);
	serial_early_init();
	screen_init(&boot->fb);
}

void arch_console_describe(char *buf, size_t n)
{
	const struct screen_ops *screen = screen_device();

	if (screen)
		snprintf(buf, n, "%s, %u x %u%s", screen->name, screen->cols, screen->rows,
			 serial_present() ? ", serial port" : "");
	else
		strlcpy(buf, serial_present() ? "serial port, no screen" : "none", n);
}

void arch_console_init(void)
{
	char about[64];

	serial_init();
	keyboard_init();
	arch_console_describe(about, sizeof(about));
	pr_info("console: %s\n", about);
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

/* Is the next character the first of its line? Escape sequences (ESC [ … letter) do not count. */
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

/* Send each byte as if it were typed. On a serial line the terminal at the other end answers. */
static void send_answer(const char *s, size_t n)
{
	for (size_t i = 0; i < n && !serial_present(); i++)
		console_input(s[i]);
}

/* Returns the length of the screen's answer, which goes to buf. */
static size_t write_devices(const char *s, size_t n, bool newlines, char *buf, size_t room)
{
	u64 flags = console_lock();
	size_t answer;

	track_line(s, n);
	serial_write(s, n, newlines);
	screen_write(s, n, newlines);
	if (!refresh_later)
		screen_refresh(true);
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

/* Draws in slices, with interrupts off: the serial port loses input if its interrupt waits for a
 * millisecond. An interrupt handler draws one slice; the next tick goes on. */
void arch_console_refresh(void)
{
	bool more = true;

	while (more) {
		u64 flags;

		if (!irqs_enabled() && spin_is_locked(&lock))
			break; /* a tick does not wait for the CPU that draws or writes */
		flags = console_lock();
		refresh_later = true;
		more = screen_refresh(false);
		console_unlock(flags);
		if (!irqs_enabled())
			break;
	}
}

void arch_console_flush(void)
{
	u64 flags = console_lock();

	refresh_later = false; /* the next line may be the last */
	serial_flush();
	screen_refresh(true);
	console_unlock(flags);
}

/* The terminal at the other end of a serial line is not known; all can do 80 x 24. */
void arch_console_size(unsigned int *rows, unsigned int *cols)
{
	const struct screen_ops *screen = screen_device();
	bool use_screen = screen && !serial_present();

	*rows = use_screen ? screen->rows : 24;
	*cols = use_screen ? screen->cols : 80;
}

bool arch_screen_size(u32 *rows, u32 *cols)
{
	const struct screen_ops *screen = screen_device();

	if (!screen)
		return false;
	*rows = screen->rows;
	*cols = screen->cols;
	return true;
}
