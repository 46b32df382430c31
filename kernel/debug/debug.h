/* Looking at a running kernel: symbols, the log's ring buffer, counts of absent system calls. */
#pragma once

#include "kernel/lib/types.h"

struct boot_info;

void symbols_init(const struct boot_info *boot);
/* The start of the function that contains `addr`; 0 without symbols. */
u64 symbol_start(u64 addr);
void log_init(void);

/* The log's lines. A priority is a level of syslog(3), and 8 times a facility. */
#define LOG_SIZE       65536u
#define LOG_LINE       512 /* bytes of the longest line, with its priority, time, \n and NUL */
#define LOG_LEVEL_MASK 7u
#define LOG_LEVEL_ALL  8 /* console_level for all messages */
enum log_level {
	LOG_EMERG = 0,
	LOG_ERR = 3,
	LOG_WARNING = 4,
	LOG_INFO = 6,
};
extern long console_level; /* levels below it go to the console */
void log_printf(u32 prio, const char *fmt, ...) __printf(2, 3);

/* A place between two lines: bytes, and lines, since boot. */
struct log_place {
	u64 pos, line;
};
struct log_place log_first(void); /* of the oldest line that is kept */
struct log_place log_end(void);
/* Move a place whose line has been overwritten to the oldest that is kept. True: it was. */
bool log_catch_up(struct log_place *at);
/* Copy the line there, LOG_LINE bytes at most, and move behind it. Its length; 0: there is none. */
size_t log_next_line(struct log_place *at, char *line);
/* Its priority, and the text behind it, which begins with the time. */
u32 log_prio(const char *line, const char **text);
/* Print the ring buffer, oldest line first. */
void log_show(void (*print)(const char *fmt, ...) __printf(1, 2));

/* As console_printf(), and into the log as well. Only panic() and its helpers. */
void panic_printf(const char *fmt, ...) __printf(1, 2);
/* Search this symbol table from now on (symbols_init() calls it; so do tests). */
void symbols_set(const void *table, size_t table_size, const char *strings, size_t strings_size);

/* Fill a fresh kernel stack, but for its end mark, so that its deepest use can be read off. */
#define STACK_FILL 0x57ac57ac57ac57acUL
void stack_poison(void *stack);
/* The most bytes of the stack that were ever in use; 0: it was not filled. */
size_t stack_watermark(const void *stack);

/* Print every tunable, or the one called `name`. -ENOENT. */
int tunables_show(const char *name, void (*print)(const char *fmt, ...) __printf(1, 2));

/* What debug builds know of all locks of a class. */
struct lock_stat {
	u64 contended;          /* how often it was waited for */
	u64 longest;            /* the longest hold; lock_stat_get() gives ns */
	const void *longest_pc; /* where it was taken then */
};
void lock_stat_get(unsigned int class, struct lock_stat *sum);
struct held_lock;
u64 held_lock_ns(const struct held_lock *h); /* since it was taken; 0: not yet */
