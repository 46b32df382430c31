/* The kernel log: a ring of 64 KiB of text in which the newest lines push out the oldest, and a
 * copy on the console. Each line begins with its priority, as syslog(2) gives it: "<6>[ time ]
 * text". log_lock guards the ring; the console drivers have a lock of their own. */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/nsec.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/tunable.h"

#define LEVEL_QUIET 4 /* of the console: errors only */

static spinlock_t log_lock = SPINLOCK_INIT(LOCK_LOG);
static char ring[LOG_SIZE];
static u64 ring_end; /* bytes ever written; the text is at ring_end - LOG_SIZE … ring_end, modulo
			LOG_SIZE */
static u64 ring_lines;          /* ever written */
static struct log_place oldest; /* whole line that is kept */

static long quiet;
long console_level = LOG_LEVEL_ALL;

static void quiet_changed(void)
{
	console_level = quiet ? LEVEL_QUIET : LOG_LEVEL_ALL;
}
TUNABLE_HOOKED(quiet, "quiet", quiet, 0, 1, NULL, "1: only the log's errors go to the console",
	       quiet_changed);

/* The oldest line is about to be overwritten. */
static void drop_oldest(void)
{
	while (oldest.pos < ring_end)
		if (ring[oldest.pos++ % LOG_SIZE] == '\n') {
			oldest.line++;
			return;
		}
}

static void ring_append(const char *s, size_t n)
{
	guard_irq(&log_lock);

	for (size_t i = 0; i < n; i++) {
		if (ring_end - oldest.pos == LOG_SIZE)
			drop_oldest();
		ring[ring_end++ % LOG_SIZE] = s[i];
		ring_lines += s[i] == '\n';
	}
}

static void log_line(u32 prio, const char *fmt, va_list ap)
{
	char line[LOG_LINE];
	u64 now = arch_clock_ns();
	int head, n, room;

	head = scnprintf(line, sizeof(line), "<%u>", prio);
	n = head + scnprintf(line + head, sizeof(line) - (size_t)head, "[%5lu.%06lu] ",
			     now / NSEC_PER_SEC, now % NSEC_PER_SEC / NSEC_PER_USEC);
	room = (int)sizeof(line) - n;
	n += MIN(vsnprintf(line + n, room, fmt, ap), room - 1);
	if (line[n - 1] != '\n') { /* cut off, or the caller left it out */
		n = MIN(n, LOG_LINE - 2);
		line[n++] = '\n';
		line[n] = '\0';
	}
	ring_append(line, n);
	if ((prio & LOG_LEVEL_MASK) < READ_ONCE(console_level))
		arch_console_write(line + head, n - head);
}

#define LOG(prio)                        \
	do {                             \
		va_list ap;              \
		va_start(ap, fmt);       \
		log_line(prio, fmt, ap); \
		va_end(ap);              \
	} while (0)

void log_printf(u32 prio, const char *fmt, ...)
{
	LOG(prio);
}

void pr_info(const char *fmt, ...)
{
	LOG(LOG_INFO);
}

void pr_warn(const char *fmt, ...)
{
	LOG(LOG_WARNING);
}

void pr_err(const char *fmt, ...)
{
	LOG(LOG_ERR);
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

struct log_place log_first(void)
{
	guard_irq(&log_lock);
	return oldest;
}

struct log_place log_end(void)
{
	guard_irq(&log_lock);
	return (struct log_place){ring_end, ring_lines};
}

bool log_catch_up(struct log_place *at)
{
	guard_irq(&log_lock);
	if (ring_end - at->pos <= LOG_SIZE)
		return false;
	*at = oldest;
	return true;
}

size_t log_next_line(struct log_place *at, char *line)
{
	size_t n = 0;

	guard_irq(&log_lock);
	if (ring_end - at->pos > LOG_SIZE)
		*at = oldest;
	at->line += at->pos < ring_end;
	while (at->pos < ring_end && n < LOG_LINE - 1) {
		line[n] = ring[at->pos++ % LOG_SIZE];
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return n;
}

u32 log_prio(const char *line, const char **text)
{
	u32 prio = 0;

	*text = line;
	if (*line != '<') /* of a panic */
		return LOG_EMERG;
	for (line++; *line >= '0' && *line <= '9'; line++)
		prio = prio * 10 + (u32)(*line - '0');
	*text = line + 1;
	return prio;
}

void log_show(void (*print)(const char *fmt, ...))
{
	struct log_place at = log_first();
	u64 end = log_end().pos;
	char line[LOG_LINE];
	const char *text;

	while (at.pos < end && log_next_line(&at, line)) {
		log_prio(line, &text);
		print("%s", text);
	}
}
