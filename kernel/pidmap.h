/* The bitmap behind the pids. Any number of CPUs may use it at once, without a lock. */
#pragma once

#include "kernel/lib/types.h"

#define PID_MAX_DEFAULT  32768
#define PID_MAX_LIMIT    (4 * 1024 * 1024)
#define RESERVED_PIDS    300 /* not reused after the first lap */
#define PIDMAP_PAGE_BITS (4096 * 8)
#define PIDMAP_PAGES     (PID_MAX_LIMIT / PIDMAP_PAGE_BITS)

struct pidmap {
	int last_pid; /* the number handed out most recently: the next search begins after it */
	int pid_max;  /* numbers are below it */
	u64 *page[PIDMAP_PAGES]; /* allocated when first needed */
};

/* The next free number after last_pid, wrapping at pid_max to RESERVED_PIDS; -EAGAIN, -ENOMEM. */
int pidmap_alloc(struct pidmap *m);
void pidmap_free(struct pidmap *m, int nr);
/* The first number in use from `from` on, or -1. It may be freed meanwhile: look it up again. */
int pidmap_next(const struct pidmap *m, int from);
int pidmap_used(const struct pidmap *m); /* how many numbers are in use, counted */
bool pidmap_test(const struct pidmap *m, int nr);
