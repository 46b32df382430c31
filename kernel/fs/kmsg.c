/*
 * The kernel log for programs: /dev/kmsg, and syslog(2).
 *
 * A message may come in any context, where no task can be woken. While tasks wait for one, a timer
 * looks for news instead; without them it does not run.
 */
#include "kernel/debug/debug.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/vfs.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

#define NEWS_PERIOD   (50 * NSEC_PER_MSEC)
#define FACILITY_USER 8  /* LOG_USER: no program speaks for the kernel */
#define TIME_ROOM     32 /* of the priority and the time in front of a line */

/* syslog(2) */
enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER,
};

u64 dmesg_restrict;

static struct wait_queue news = WAIT_QUEUE_INIT(news);
static spinlock_t news_lock = SPINLOCK_INIT(LOCK_NEWS);
static struct timer news_timer;
static bool armed; /* news_lock: the timer is queued, or will see whether it is needed */
static u64 told;   /* log_end().pos when waiting tasks were last woken; only the timer uses it */

static struct mutex syslog_lock = MUTEX_INIT(syslog_lock, LOCK_SYSLOG);
static struct log_place unread;  /* syslog_lock: of SYSLOG_READ, which all its users share */
static size_t unread_skip;       /* syslog_lock: bytes of that line that were read */
static struct log_place cleared; /* syslog_lock: what SYSLOG_CLEAR has hidden lies before it */
static long level_before_off;    /* syslog_lock: console_level at SYSLOG_CONSOLE_OFF; 0: it is on */

/* In an interrupt. */
static void look_for_news(struct timer *t)
{
	u64 end = log_end().pos;

	if (end != told) {
		told = end;
		wake_up_all(&news);
	}
	guard_irq(&news_lock);
	armed = has_waiters(&news);
	if (armed)
		timer_start(t, ktime_get() + NEWS_PERIOD);
}

/* For a caller that is in the queue. */
static void arm_timer(void)
{
	guard_irq(&news_lock);
	if (!armed)
		timer_start(&news_timer, ktime_get() + NEWS_PERIOD);
	armed = true;
}

void kmsg_init(void)
{
	timer_init(&news_timer, look_for_news);
}

/* Is there a message behind `at`? The caller is in the queue, if it is going to wait. */
static bool has_news(const struct log_place *at)
{
	arm_timer();
	return log_end().pos != at->pos;
}

static bool may_read_log(void)
{
	return !READ_ONCE(dmesg_restrict) || cred_is_root(current->cred);
}

/* ---- /dev/kmsg: Linux, Documentation/ABI/testing/dev-kmsg ---- */

struct kmsg {
	struct mutex lock; /* LOCK_KMSG */
	struct log_place at;
};

static int kmsg_open(struct inode *inode __maybe_unused, struct file *f)
{
	struct kmsg *k;

	if ((f->mode & FMODE_READ) && !may_read_log())
		return -EPERM;
	k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	mutex_init(&k->lock, LOCK_KMSG);
	k->at = log_first();
	f->private = k;
	return 0;
}

static void kmsg_release(struct file *f)
{
	kfree(f->private);
}

/* "[ seconds.micros] text" as microseconds; *text moves to the text. */
static u64 parse_time(const char **text)
{
	u64 us = 0;

	if (**text != '[')
		return 0;
	for (; **text && **text != ']'; ++*text)
		if (**text >= '0' && **text <= '9')
			us = us * 10 + (u64)(**text - '0');
	*text += **text ? 2 : 0;
	return us;
}

/* "priority,number,time,-;text" */
static size_t format_record(char *out, size_t room, const char *line, u64 number)
{
	const char *text;
	u32 prio = log_prio(line, &text);
	u64 us = parse_time(&text);
	size_t n = (size_t)scnprintf(out, room, "%u,%lu,%lu,-;", prio, number, us);

	for (; *text && *text != '\n'; text++) {
		u8 c = (u8)*text;

		if (c < ' ' || c >= 127 || c == '\\')
			n += (size_t)scnprintf(out + n, room - n, "\\x%02x", c);
		else if (n < room - 2)
			out[n++] = (char)c;
	}
	out[n++] = '\n';
	return n;
}

/* Copy the next message, which must fit. Bytes, 0 when there is none, or -errno. */
static ssize_t next_record(struct kmsg *k, struct uio *io)
{
	const size_t room = 2 * LOG_LINE;
	char *line scoped(kfree) = kmalloc(LOG_LINE), *out scoped(kfree) = kmalloc(room);
	struct log_place next;
	size_t n;

	if (!line || !out)
		return -ENOMEM;
	guard_mutex(&k->lock);
	if (log_catch_up(&k->at))
		return -EPIPE;
	next = k->at;
	if (!log_next_line(&next, line))
		return 0;
	n = format_record(out, room, line, k->at.line);
	if (n > io->left)
		return -EINVAL;
	k->at = next;
	return uio_store(io, out, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t kmsg_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct kmsg *k = f->private;

	for (;;) {
		ssize_t n = next_record(k, io);
		int err = n ? 0 : file_wait(f, &news, has_news(&k->at));

		if (n || err)
			return n ?: err;
	}
}

/* Log the text, which may begin with a priority, "<N>". */
static ssize_t kmsg_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	size_t n = io->left;
	char text[LOG_LINE - TIME_ROOM];
	const char *start;
	u32 prio;

	if (n >= sizeof(text))
		return -EINVAL;
	if (uio_fetch(io, text, n) < n)
		return -EFAULT;
	text[n] = '\0';
	prio = *text == '<' ? log_prio(text, &start) : LOG_WARNING;
	if (*text != '<' || start > text + n || start[-1] != '>') {
		start = text;
		prio = LOG_WARNING;
	}
	if (prio <= LOG_LEVEL_MASK)
		prio |= FACILITY_USER;
	log_printf(prio, "%s", start);
	return (ssize_t)n;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg *k = f->private;

	poll_wait(pt, &news);
	return has_news(&k->at) ? POLLIN | POLLRDNORM : 0;
}

/* SEEK_DATA: behind what SYSLOG_CLEAR has hidden. */
static s64 kmsg_lseek(struct file *f, s64 offset, int whence)
{
	struct kmsg *k = f->private;
	struct log_place to;

	if (offset)
		return -ESPIPE;
	if (whence == SEEK_DATA) {
		guard_mutex(&syslog_lock);
		to = cleared;
	} else if (whence == SEEK_SET || whence == SEEK_END) {
		to = whence == SEEK_SET ? log_first() : log_end();
	} else {
		return -EINVAL;
	}
	guard_mutex(&k->lock);
	k->at = to;
	log_catch_up(&k->at);
	return 0;
}

const struct file_ops kmsg_ops = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.lseek = kmsg_lseek,
	.positioned = true, /* as on Linux, though positions mean nothing */
};

/* ---- syslog(2): syslog_lock is held ---- */

/* Copy the lines from *at on, without the first *skip bytes, until `room` is full. Moves both.
 * Bytes, or -EFAULT. */
static long copy_lines(struct log_place *at, size_t *skip, char __user *buf, size_t room)
{
	char line[LOG_LINE];
	size_t done = 0;

	while (done < room) {
		struct log_place next = *at;
		size_t n = log_next_line(&next, line), from = MIN(*skip, n);
		size_t part = MIN(n - from, room - done);

		if (!n)
			break;
		if (copy_to_user(buf + done, line + from, part))
			return done ? (long)done : -EFAULT;
		done += part;
		*skip = from + part < n ? from + part : 0;
		if (!*skip)
			*at = next;
	}
	return (long)done;
}

/* The last lines, as many as fit. */
static long read_all(char __user *buf, size_t room, bool clear)
{
	struct log_place at, end;
	char line[LOG_LINE];
	size_t skip = 0;
	long n;

	guard_mutex(&syslog_lock);
	at = cleared;
	log_catch_up(&at);
	end = log_end();
	while (at.pos < end.pos && end.pos - at.pos > room)
		log_next_line(&at, line);
	n = copy_lines(&at, &skip, buf, room);
	if (clear && n >= 0)
		cleared = end;
	return n;
}

static long read_unread(char __user *buf, size_t room)
{
	for (;;) {
		long n;
		int err;

		mutex_lock(&syslog_lock);
		if (log_catch_up(&unread))
			unread_skip = 0;
		n = copy_lines(&unread, &unread_skip, buf, room);
		mutex_unlock(&syslog_lock);
		if (n)
			return n;
		err = wait_event_interruptible(&news, has_news(&unread));
		if (err)
			return err;
	}
}

static long size_unread(void)
{
	guard_mutex(&syslog_lock);
	if (log_catch_up(&unread))
		unread_skip = 0;
	return (long)(log_end().pos - unread.pos - unread_skip);
}

static long clear_log(void)
{
	guard_mutex(&syslog_lock);
	cleared = log_end();
	return 0;
}

static long set_console(unsigned int type, int level)
{
	guard_mutex(&syslog_lock);
	if (type == SYSLOG_CONSOLE_OFF) {
		level_before_off = level_before_off ?: console_level;
		WRITE_ONCE(console_level, LOG_EMERG + 1);
	} else if (type == SYSLOG_CONSOLE_ON) {
		if (level_before_off)
			WRITE_ONCE(console_level, level_before_off);
		level_before_off = 0;
	} else {
		if (level < 1 || level > LOG_LEVEL_ALL)
			return -EINVAL;
		WRITE_ONCE(console_level, level);
		level_before_off = 0;
	}
	return 0;
}

long sys_syslog(int type, char __user *buf, int len)
{
	bool harmless = type == SYSLOG_READ_ALL || type == SYSLOG_SIZE_BUFFER;

	if (!(harmless ? may_read_log() : cred_is_root(current->cred)))
		return -EPERM;
	if (type >= SYSLOG_READ && type <= SYSLOG_READ_CLEAR) {
		if (!buf || len < 0)
			return -EINVAL;
		if (!len)
			return 0;
	}
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
		return read_unread(buf, (size_t)len);
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return read_all(buf, (size_t)len, type == SYSLOG_READ_CLEAR);
	case SYSLOG_CLEAR:
		return clear_log();
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
	case SYSLOG_CONSOLE_LEVEL:
		return set_console((unsigned int)type, len);
	case SYSLOG_SIZE_UNREAD:
		return size_unread();
	case SYSLOG_SIZE_BUFFER:
		return LOG_SIZE;
	default:
		return -EINVAL;
	}
}
