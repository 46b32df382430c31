/*
 * What a host unit test needs: check macros that print TAP, and stand-ins for the few kernel
 * services that pure code calls. So the kernel's own .c files compile here with -DHOST_TEST.
 *
 * A test file includes this first and then the kernel's .c files it tests:
 *
 *	#include "tests/unit/host.h"
 *	#include "kernel/lib/bitmap.c"
 *
 *	TEST(empty_map) { CHECK_EQ(bitmap_find_set(map, 0, 0), 0); }
 *	TEST_MAIN
 *
 * The C library's headers that clash with the UAPI headers of kernel/lib/uapi.h (<stdlib.h>,
 * <time.h>, <signal.h>) are not included. What the tests use of them is declared here.
 */
#pragma once

#ifndef HOST_TEST
#error "compile host tests with -DHOST_TEST"
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *malloc(size_t);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void *aligned_alloc(size_t, size_t);
void free(void *);
void abort(void) __attribute__((noreturn));
void exit(int) __attribute__((noreturn));
char *getenv(const char *);
unsigned long strtoul(const char *, char **, int);

#include "arch/x86_64/cpu/percpu.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"

#define HOST_STUB __attribute__((weak))

/* ---- the test runner ---- */
struct host_test {
	const char *name;
	void (*fn)(void);
	struct host_test *next;
};
extern struct host_test *host_tests, **host_tests_end;
extern int host_failures; /* of the test that runs */

#define TEST(name_)                                                               \
	static void test_##name_(void);                                           \
	__attribute__((constructor)) static void register_##name_(void)           \
	{                                                                         \
		static struct host_test t = {.name = #name_, .fn = test_##name_}; \
		*host_tests_end = &t;                                             \
		host_tests_end = &t.next;                                         \
	}                                                                         \
	static void test_##name_(void)

/* A failed check prints a diagnostic and goes on. Each macro evaluates to its condition. */
#define CHECK(cond)                                                                  \
	({                                                                           \
		bool __ok = (cond);                                                  \
		if (!__ok) {                                                         \
			host_failures++;                                             \
			fprintf(stdout, "# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
		}                                                                    \
		__ok;                                                                \
	})
#define CHECK_EQ(a, b)                                                                        \
	({                                                                                    \
		long long __x = (long long)(a), __y = (long long)(b);                         \
		if (__x != __y) {                                                             \
			host_failures++;                                                      \
			fprintf(stdout, "# %s:%d: %s == %s: %lld (%#llx) and %lld (%#llx)\n", \
				__FILE__, __LINE__, #a, #b, __x, __x, __y, __y);              \
		}                                                                             \
		__x == __y;                                                                   \
	})
#define CHECK_STR(a, b)                                                                          \
	({                                                                                       \
		const char *__x = (a), *__y = (b);                                               \
		bool __ok = strcmp(__x, __y) == 0;                                               \
		if (!__ok) {                                                                     \
			host_failures++;                                                         \
			fprintf(stdout, "# %s:%d: \"%s\" and \"%s\"\n", __FILE__, __LINE__, __x, \
				__y);                                                            \
		}                                                                                \
		__ok;                                                                            \
	})

/* A small generator of random numbers, seeded by TEST_SEED in the environment: each run can be
 * repeated. */
extern uint64_t host_seed;
static inline uint64_t host_random(void)
{
	host_seed ^= host_seed << 13;
	host_seed ^= host_seed >> 7;
	host_seed ^= host_seed << 17;
	return host_seed;
}
/* In [0, n). */
static inline uint64_t host_random_below(uint64_t n)
{
	return host_random() % n;
}

HOST_STUB struct host_test *host_tests, **host_tests_end = &host_tests;
HOST_STUB int host_failures;
HOST_STUB uint64_t host_seed = 0x9e3779b97f4a7c15;

static inline int host_run_tests(void)
{
	int n = 0, bad = 0;

	if (getenv("TEST_SEED") && strtoul(getenv("TEST_SEED"), NULL, 0))
		host_seed = strtoul(getenv("TEST_SEED"), NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct host_test *t = host_tests; t; t = t->next)
		n++;
	fprintf(stdout, "TAP version 13\n1..%d\n", n);
	n = 0;
	for (struct host_test *t = host_tests; t; t = t->next) {
		uint64_t seed = host_seed;

		host_failures = 0;
		t->fn();
		if (host_failures)
			fprintf(stdout, "# repeat with TEST_SEED=%#llx\n",
				(unsigned long long)seed);
		fprintf(stdout, "%s %d - %s\n", host_failures ? "not ok" : "ok", ++n, t->name);
		bad += host_failures != 0;
	}
	return bad ? 1 : 0;
}
#define TEST_MAIN                        \
	int main(void)                   \
	{                                \
		return host_run_tests(); \
	}

/* ---- stand-ins for the kernel. Weak: a test may define its own ---- */
HOST_STUB struct cpu host_cpu = {.self = &host_cpu};
HOST_STUB u32 nr_cpus = 1;
HOST_STUB bool locks_off;

/* Locks only check that they are not taken twice, and not released while free. */
HOST_STUB void spin_lock(spinlock_t *l)
{
	if (l->owner_cpu)
		abort();
	l->owner_cpu = 1;
}
HOST_STUB void spin_lock_nested(spinlock_t *l)
{
	spin_lock(l);
}
HOST_STUB bool spin_trylock(spinlock_t *l)
{
	if (l->owner_cpu)
		return false;
	l->owner_cpu = 1;
	return true;
}
HOST_STUB void spin_unlock(spinlock_t *l)
{
	if (!l->owner_cpu)
		abort();
	l->owner_cpu = 0;
}
HOST_STUB void spin_unlock_irqrestore(spinlock_t *l, u64 flags)
{
	(void)flags;
	spin_unlock(l);
}
HOST_STUB bool spin_is_locked(const spinlock_t *l)
{
	return l->owner_cpu != 0;
}
HOST_STUB void mutex_init(struct mutex *m, enum lock_class class)
{
	*m = (struct mutex)MUTEX_INIT(*m, class);
}
HOST_STUB void mutex_lock(struct mutex *m)
{
	spin_lock(&m->wait_lock);
}
HOST_STUB void mutex_lock_nested(struct mutex *m)
{
	spin_lock(&m->wait_lock);
}
HOST_STUB void mutex_unlock(struct mutex *m)
{
	spin_unlock(&m->wait_lock);
}
HOST_STUB void might_sleep(void)
{
}

static inline void host_print(FILE *to, const char *fmt, va_list ap)
{
	fputs("# ", to);
	vfprintf(to, fmt, ap);
}
#define HOST_PRINT                             \
	do {                                   \
		va_list __ap;                  \
		va_start(__ap, fmt);           \
		host_print(stdout, fmt, __ap); \
		va_end(__ap);                  \
	} while (0)

HOST_STUB void pr_info(const char *fmt, ...)
{
	HOST_PRINT;
}
HOST_STUB void pr_warn(const char *fmt, ...)
{
	HOST_PRINT;
}
HOST_STUB void pr_err(const char *fmt, ...)
{
	HOST_PRINT;
}
HOST_STUB void console_printf(const char *fmt, ...)
{
	HOST_PRINT;
}
HOST_STUB void panic(const char *fmt, ...)
{
	HOST_PRINT;
	abort();
}
HOST_STUB void refcount_underflow(const void *where)
{
	panic("reference count at %p dropped below zero\n", where);
}
