/* Looking at a running kernel: symbols, the log's ring buffer, counts of absent system calls. */
#pragma once

#include "kernel/lib/types.h"

struct boot_info;

void symbols_init(const struct boot_info *boot);
/* The start of the function that contains `addr`; 0 without symbols. */
u64 symbol_start(u64 addr);
void log_init(void);
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
