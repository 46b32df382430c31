/* The trace buffer: one ring for all CPUs, so that the order of records is known; trace_lock guards
 * it. The newest record overwrites the oldest. Records become text when they are read. */
#include "kernel/trace/trace.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/nsec.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"

#define TRACE_RECORDS 8192

struct record {
	u64 time;
	u64 seq1; /* sequence number + 1; 0: never used */
	u64 arg[TRACE_NUMBERS];
	pid_t pid;
	u16 id;
	u16 cpu;
	u8 preempt; /* depth */
	bool irqs_off, resched, in_irq;
	bool shown; /* the user's trace was on */
	char comm[TASK_COMM_LEN], str[TRACE_STRING], str2[TRACE_STRING];
};

static spinlock_t trace_lock = SPINLOCK_INIT(LOCK_TRACE);
static struct record ring[TRACE_RECORDS];
static u64 next_seq;
static u64 first_seq; /* older ones were cleared */
static bool user_on;
static u32 watchers;

bool trace_enabled;        /* user_on or watchers: what the events test, without the lock */
atomic_t syscalls_watched; /* reasons for all system calls to go through do_syscall() */

char task_state_char(const struct task *p)
{
	if (p->exit_state == TASK_ZOMBIE)
		return 'Z';
	if (p->exit_state == TASK_DEAD || p->state == TASK_DEAD)
		return 'X';
	switch (p->state) {
	case TASK_RUNNING:
		return 'R';
	case TASK_INTERRUPTIBLE:
		return 'S';
	case TASK_STOPPED:
		return 'T';
	case TASK_TRACED:
	case TASK_FROZEN:
		return 't';
	default:
		return p->flags & PF_KTHREAD ? 'I' : 'D'; /* an idle kernel thread is no load */
	}
}

static const char *const event_names[] = {
#define EVENT(name, proto, args, fmt, ...) #name,
#include "kernel/trace/events.def"
#undef EVENT
};
static const char *const event_formats[] = {
#define EVENT(name, proto, args, fmt, ...) fmt,
#include "kernel/trace/events.def"
#undef EVENT
};

static void copy_str(char *out, const char *s, size_t n)
{
	if (s)
		strlcpy(out, s, n);
}

void trace_record(enum trace_event_id id, const char *str, const char *str2, const u64 *arg)
{
	bool irqs_off = !irqs_enabled();
	guard_irq(&trace_lock);
	struct record *r = &ring[next_seq % TRACE_RECORDS];
	const struct cpu *cpu = this_cpu();
	const struct task *task = current; /* NULL early at boot */

	*r = (struct record){
		.time = arch_clock_ns(),
		.seq1 = ++next_seq,
		.pid = task ? task->pid_nr : 0,
		.id = (u16)id,
		.cpu = (u16)cpu->id,
		.preempt = (u8)(cpu->preempt_count - 1), /* not counting trace_lock */
		.irqs_off = irqs_off,
		.resched = cpu->need_resched,
		.in_irq = cpu->irq_depth != 0,
		.shown = user_on,
	};
	memcpy(r->arg, arg, sizeof(r->arg));
	copy_str(r->comm, task ? task->comm : NULL, sizeof(r->comm));
	copy_str(r->str, str, sizeof(r->str));
	copy_str(r->str2, str2, sizeof(r->str2));
}

#define EVENT(name, proto, args, fmt, s1, s2, ...)                                           \
	void trace_slow_##name proto                                                         \
	{                                                                                    \
		trace_record(TRACE_##name, s1, s2, (const u64[TRACE_NUMBERS]){__VA_ARGS__}); \
	}
#include "kernel/trace/events.def"
#undef EVENT

static void change(bool on, int watch)
{
	bool enabled;
	guard_irq(&trace_lock);

	user_on = on;
	watchers += watch;
	enabled = user_on || watchers;
	if (enabled != trace_enabled)
		atomic_add_return(&syscalls_watched, enabled ? 1 : -1);
	WRITE_ONCE(trace_enabled, enabled);
}

void trace_on(void)
{
	change(true, 0);
}

void trace_off(void)
{
	change(false, 0);
}

void trace_watch_begin(void)
{
	change(user_on, 1);
}

void trace_watch_end(void)
{
	change(user_on, -1);
}

void trace_clear(void)
{
	guard_irq(&trace_lock);
	first_seq = next_seq;
}

u64 trace_next_seq(void)
{
	return READ_ONCE(next_seq);
}

static bool get_record(u64 seq, struct record *out)
{
	guard_irq(&trace_lock);
	*out = ring[seq % TRACE_RECORDS];
	return out->seq1 == seq + 1;
}

bool trace_get(u64 seq, struct trace_view *out)
{
	struct record r;

	if (!get_record(seq, &r))
		return false;
	*out = (struct trace_view){
		.id = r.id, .time = r.time, .seq = seq, .cpu = r.cpu, .pid = r.pid};
	memcpy(out->arg, r.arg, sizeof(r.arg));
	memcpy(out->str, r.str, sizeof(r.str));
	memcpy(out->str2, r.str2, sizeof(r.str2));
	return true;
}

/* ---- as text ---- */

/* The end of the conversion that starts at `f`, behind its letter. */
static const char *conversion_end(const char *f)
{
	for (f++; *f && !strchr("diuxXoscp%", *f); f++)
		;
	return *f ? f + 1 : f;
}

/* Format one conversion at a time: the values come from a record, not from arguments. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
static void format_record(const struct record *r, char *out, size_t size)
{
	const char *str[] = {r->str, r->str2};
	size_t n = 0, strings = 0, numbers = 0;

	for (const char *f = event_formats[r->id]; *f && n + 1 < size;) {
		const char *end;
		char one[16];

		if (*f != '%') {
			out[n++] = *f++;
			continue;
		}
		end = conversion_end(f);
		strlcpy(one, f, MIN((size_t)(end - f) + 1, sizeof(one)));
		if (end[-1] == 's')
			n += scnprintf(out + n, size - n, one, str[strings++ % 2]);
		else if (end[-1] == 'c')
			n += scnprintf(out + n, size - n, one,
				       (int)r->arg[numbers++ % TRACE_NUMBERS]);
		else
			n += scnprintf(out + n, size - n, one, r->arg[numbers++ % TRACE_NUMBERS]);
		f = end;
	}
	out[n] = '\0';
}
#pragma GCC diagnostic pop

/* "    comm-pid     [000] d..1.    12.345678: event: details" */
static void show_record(const struct record *r, void (*print)(const char *fmt, ...))
{
	char text[192];
	char depth = r->preempt == 0 ? '.' : r->preempt > 9 ? '#' : (char)('0' + r->preempt);

	format_record(r, text, sizeof(text));
	print("%16s-%-7d [%03u] %c%c%c%c. %5lu.%06lu: %s: %s\n", r->comm[0] ? r->comm : "<...>",
	      r->pid, r->cpu, r->irqs_off ? 'd' : '.', r->resched ? 'N' : '.',
	      r->in_irq ? 'h' : '.', depth, r->time / NSEC_PER_SEC,
	      r->time % NSEC_PER_SEC / NSEC_PER_USEC, event_names[r->id], text);
}

static void show_header(void (*print)(const char *fmt, ...), u64 shown, u64 written)
{
	print("# tracer: nop\n#\n");
	print("# entries-in-buffer/entries-written: %lu/%lu   #P:%u\n#\n", shown, written, nr_cpus);
	print("#                                _-----=> irqs-off/BH-disabled\n");
	print("#                               / _----=> need-resched\n");
	print("#                              | / _---=> hardirq/softirq\n");
	print("#                              || / _--=> preempt-depth\n");
	print("#                              ||| / _-=> migrate-disable\n");
	print("#                              |||| /     delay\n");
	print("#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n");
	print("#              | |         |   |||||     |         |\n");
}

/* Records in [from, end) that the user asked for. */
static u64 count_shown(u64 from, u64 end)
{
	struct record r;
	u64 n = 0;

	for (u64 seq = from; seq < end; seq++)
		n += get_record(seq, &r) && r.shown;
	return n;
}

void trace_show(void (*print)(const char *fmt, ...), u64 max)
{
	u64 end = trace_next_seq();
	u64 from = MAX(first_seq, end > TRACE_RECORDS ? end - TRACE_RECORDS : 0);
	u64 shown = count_shown(from, end), skip = max && shown > max ? shown - max : 0;
	struct record r;

	show_header(print, shown - skip, shown);
	for (u64 seq = from; seq < end; seq++) {
		if (!get_record(seq, &r) || !r.shown)
			continue;
		if (skip)
			skip--;
		else
			show_record(&r, print);
	}
}

u64 trace_show_tail(void (*print)(const char *fmt, ...), u64 max)
{
	u64 end = trace_next_seq(), n = 0;
	struct record r;

	for (u64 seq = end > max ? end - max : 0; seq < end; seq++)
		if (get_record(seq, &r)) {
			show_record(&r, print);
			n++;
		}
	return n;
}
