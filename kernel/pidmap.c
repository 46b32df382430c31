/*
 * The bitmap behind the pids: next-fit, so that a number is reused as late as possible.
 *
 * There is no lock. A number belongs to the task that sets its bit; a task that finds the bit just
 * set by another task searches on.
 */
#include "kernel/pidmap.h"

#include "kernel/lib/atomic.h"
#include "kernel/lib/bitmap.h"
#include <asm/errno.h>
#include "mm/slab.h"

static u32 page_of(int nr)
{
	return (u32)nr / PIDMAP_PAGE_BITS;
}

static u32 bit_of(int nr)
{
	return (u32)nr % PIDMAP_PAGE_BITS;
}

/* The words that hold number `nr`, allocated when first needed. */
static u64 *pidmap_page(struct pidmap *m, int nr)
{
	u64 **at = &m->page[page_of(nr)], *page = READ_ONCE(*at), *fresh;

	if (page)
		return page;
	fresh = kzalloc(PIDMAP_PAGE_BITS / 8);
	if (fresh && !__atomic_compare_exchange_n(at, &page, fresh, false, __ATOMIC_SEQ_CST,
						  __ATOMIC_SEQ_CST)) {
		kfree(fresh); /* another CPU was faster */
		return page;
	}
	return fresh ?: READ_ONCE(*at);
}

/* The first free number in [from, to), `to` when there is none, -ENOMEM. */
static int find_free(struct pidmap *m, int from, int to)
{
	while (from < to) {
		int base = from / PIDMAP_PAGE_BITS * PIDMAP_PAGE_BITS;
		int end = MIN(base + PIDMAP_PAGE_BITS, to);
		const u64 *page = pidmap_page(m, from);
		int found;

		if (!page)
			return -ENOMEM;
		found = base + (int)bitmap_find_clear(page, end - base, from - base);
		if (found < end)
			return found;
		from = end;
	}
	return to;
}

/* The first free number after the last one that was handed out, -EAGAIN or -ENOMEM. */
static noinline int find_next_free(struct pidmap *m, int last)
{
	/* Laps after the first leave out the low numbers, those of tasks started at boot. */
	int max = READ_ONCE(m->pid_max);
	int low = MIN(RESERVED_PIDS, max - 1);
	int start = last + 1;
	int nr;

	if (start >= max)
		start = low;
	nr = find_free(m, start, max);
	if (nr < max)
		return nr;
	nr = find_free(m, low, start);
	return nr < start ? nr : -EAGAIN;
}

/* Does `at` lie between `from` and `to`, on a way up that may wrap at pid_max? */
static bool between(int from, int at, int to)
{
	return from < to ? from < at && at < to : from < at || at < to;
}

/* Move last_pid on to `to`, unless another CPU has moved it further: a CPU that was interrupted
 * here must not lead the search back to numbers that have just become free. */
static void advance(struct pidmap *m, int from, int to)
{
	int last = from;

	while (!__atomic_compare_exchange_n(&m->last_pid, &last, to, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED) &&
	       between(from, last, to))
		;
}

int pidmap_alloc(struct pidmap *m)
{
	int last = READ_ONCE(m->last_pid), nr = last;
	u64 *page;

	do {
		page = ++nr < READ_ONCE(m->pid_max) ? READ_ONCE(m->page[page_of(nr)]) : NULL;
		if (unlikely(!page || bitmap_test(page, bit_of(nr)))) {
			nr = find_next_free(m, nr - 1);
			if (nr < 0)
				return nr;
			page = READ_ONCE(m->page[page_of(nr)]);
		}
	} while (unlikely(!bitmap_claim(page, bit_of(nr))));
	advance(m, last, nr);
	return nr;
}

void pidmap_free(struct pidmap *m, int nr)
{
	bitmap_release(m->page[page_of(nr)], bit_of(nr));
}

int pidmap_used(const struct pidmap *m)
{
	int n = 0;

	for (int i = 0; i < PIDMAP_PAGES; i++)
		for (int k = 0; m->page[i] && k < PIDMAP_PAGE_BITS / 64; k++)
			n += __builtin_popcountl(READ_ONCE(m->page[i][k]));
	return n;
}

bool pidmap_test(const struct pidmap *m, int nr)
{
	const u64 *page = READ_ONCE(m->page[page_of(nr)]);

	return page && bitmap_test(page, bit_of(nr));
}

int pidmap_next(const struct pidmap *m, int from)
{
	while (from < PID_MAX_LIMIT) {
		int base = from / PIDMAP_PAGE_BITS * PIDMAP_PAGE_BITS;
		const u64 *page = READ_ONCE(m->page[page_of(base)]);
		int found = page ? base + (int)bitmap_find_set(page, PIDMAP_PAGE_BITS, from - base)
				 : base + PIDMAP_PAGE_BITS;

		if (found < base + PIDMAP_PAGE_BITS)
			return found;
		from = base + PIDMAP_PAGE_BITS;
	}
	return -1;
}
