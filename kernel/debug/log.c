/* The kernel log: a ring of 64 KiB of text in which the newest lines push out the oldest, and a
 * copy on the console. log_lock guards the ring; the console drivers have a lock of their own. */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/nsec.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/tunable.h"

#define LOG_SIZE 65536u
#define LOG_LINE 512

static spinlock_t log_lock = SPINLOCK_INIT(LOCK_LOG);
static char ring[LOG_SIZE];
static u64 ring_end; /* bytes ever written; the text is at ring_end - LOG_SIZE … ring_end, modulo
			LOG_SIZE */

static long quiet;
TUNABLE(quiet, "quiet", quiet, 0, 1, NULL, "1: only the log's errors go to the console");

static void ring_append(const char *s, size_t n)
{
	guard_irq(&log_lock);

	for (size_t i = 0; i < n; i++)
		ring[ring_end++ % LOG_SIZE] = s[i];
}

static void log_line(bool show, const char *fmt, va_list ap)
{
	char line[LOG_LINE];
	u64 now = arch_clock_ns();
	int n, room;

	n = scnprintf(line, sizeof(line), "[%5lu.%06lu] ", now / NSEC_PER_SEC,
		      now % NSEC_PER_SEC / NSEC_PER_USEC);
	room = (int)sizeof(line) - n;
	n += MIN(vsnprintf(line + n, room, fmt, ap), room - 1);
	if (line[n - 1] != '\n') { /* cut off, or the caller left it out */
		n = MIN(n, LOG_LINE - 2);
		line[n++] = '\n';
		line[n] = '\0';
	}
	ring_append(line, n);
	if (show)
		arch_console_write(line, n);
}

#define LOG(show)                        \
	do {                             \
		va_list ap;              \
		va_start(ap, fmt);       \
		log_line(show, fmt, ap); \
		va_end(ap);              \
	} while (0)

void pr_info(const char *fmt, ...)
{
	LOG(!quiet);
}

void pr_warn(const char *fmt, ...)
{
	LOG(!quiet);
}

void pr_err(const char *fmt, ...)
{
	LOG(true);
}

void (*console_wait_for_room)(void);

void console_printf(const char *fmt, ...)
{
	char text[LOG_LINE * 2];
	va_list ap;
	int n;

	if (console_wait_for_room)
		console_wait_for_room();
	va_start(ap, fmt);
	n = MIN(vsnprintf(text, sizeof(text), fmt, ap), (int)sizeof(text) - 1);
	va_end(ap);
	arch_console_write(text, n);
}

void panic_printf(const char *fmt, ...)
{
	char text[LOG_LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = MIN(vsnprintf(text, sizeof(text), fmt, ap), (int)sizeof(text) - 1);
	va_end(ap);
	ring_append(text, n);
	arch_console_write(text, n);
}

void log_init(void)
{
	pr_info("log: the last %u KiB are kept for dmesg\n", LOG_SIZE / 1024);
}

/* Copy the line that starts at *pos, which moves behind it. False when there is none left. */
static bool log_next_line(u64 *pos, char *line)
{
	guard_irq(&log_lock);
	size_t n = 0;
	bool any;

	if (ring_end - *pos > LOG_SIZE) { /* overtaken: go on with the oldest whole line */
		*pos = ring_end - LOG_SIZE;
		while (*pos < ring_end && ring[(*pos)++ % LOG_SIZE] != '\n')
			;
	}
	any = *pos < ring_end;
	while (*pos < ring_end && n < LOG_LINE - 1) {
		line[n] = ring[(*pos)++ % LOG_SIZE];
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return any;
}

void log_show(void (*print)(const char *fmt, ...))
{
	char line[LOG_LINE];
	u64 end = ring_end, pos = 0;

	while (pos < end && log_next_line(&pos, line))
		print("%s", line);
}
