/* The trace buffer: what the kernel did, in ftrace's text form. Each row of events.def becomes a
 * function trace_NAME(...), which costs one test of a flag while tracing is off. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/types.h"

struct task;

extern bool trace_enabled;
extern atomic_t syscalls_watched;

enum trace_event_id {
#define EVENT(name, proto, args, fmt, ...) TRACE_##name,
#include "kernel/trace/events.def"
#undef EVENT
	TRACE_EVENTS,
};

#define TRACE_NUMBERS 7
#define TRACE_STRING  33 /* bytes kept of a string, with its NUL */
/* Up to two strings, and TRACE_NUMBERS numbers. Any context. */
void trace_record(enum trace_event_id id, const char *str, const char *str2, const u64 *arg);

#define EVENT(name, proto, args, fmt, ...)      \
	void trace_slow_##name proto;           \
	static inline void trace_##name proto   \
	{                                       \
		if (unlikely(trace_enabled))    \
			trace_slow_##name args; \
	}
#include "kernel/trace/events.def"
#undef EVENT

char task_state_char(const struct task *p); /* as in ps and sched_switch: R S D I T t Z X */
/* The user's switch. */
void trace_on(void);
void trace_off(void);
void trace_clear(void);
/* Record even while the user's trace is off: for trace_get(), not trace_show(). Calls nest. */
void trace_watch_begin(void);
void trace_watch_end(void);
/* Print the records, oldest first, through `print`; the last `max` of them (0: all). */
void trace_show(void (*print)(const char *fmt, ...) __printf(1, 2), u64 max);
/* The last `max` records of any kind, without a heading: for panic(). Returns how many. */
u64 trace_show_tail(void (*print)(const char *fmt, ...) __printf(1, 2), u64 max);

/* One decoded record, for tests and for the shell's summaries. */
struct trace_view {
	enum trace_event_id id;
	u64 time, seq;
	u32 cpu;
	pid_t pid;
	u64 arg[TRACE_NUMBERS];
	char str[TRACE_STRING], str2[TRACE_STRING];
};
/* The record with sequence number `seq`; false when it is not (or no longer) there. */
bool trace_get(u64 seq, struct trace_view *out);
u64 trace_next_seq(void);
