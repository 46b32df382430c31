/* The bitmap behind the pids: next-fit, so that a number is reused as late as possible. */
#include "kernel/pidmap.h"

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

/* The first free number in [from, to), `to` when there is none, -ENOMEM. */
static int find_free(struct pidmap *m, int from, int to)
{
	while (from < to) {
		int base = from / PIDMAP_PAGE_BITS * PIDMAP_PAGE_BITS;
		int end = MIN(base + PIDMAP_PAGE_BITS, to);
		u64 **page = &m->page[page_of(from)];
		int found;

		if (!*page)
			*page = kzalloc(PIDMAP_PAGE_BITS / 8);
		if (!*page)
			return -ENOMEM;
		found = base + (int)bitmap_find_clear(*page, end - base, from - base);
		if (found < end)
			return found;
		from = end;
	}
	return to;
}

/* The first free number after the last one that was handed out, -EAGAIN or -ENOMEM. */
static noinline int find_next_free(struct pidmap *m)
{
	/* Laps after the first leave out the low numbers, those of tasks started at boot. */
	int low = MIN(RESERVED_PIDS, m->pid_max - 1);
	int start = m->last_pid + 1;
	int nr;

	if (start >= m->pid_max)
		start = low;
	nr = find_free(m, start, m->pid_max);
	if (nr < m->pid_max)
		return nr;
	nr = find_free(m, low, start);
	return nr < start ? nr : -EAGAIN;
}

int pidmap_alloc(struct pidmap *m)
{
	int nr = m->last_pid + 1;
	const u64 *page = nr < m->pid_max ? m->page[page_of(nr)] : NULL;

	if (unlikely(!page || bitmap_test(page, bit_of(nr)))) {
		nr = find_next_free(m);
		if (nr < 0)
			return nr;
	}
	bitmap_set(m->page[page_of(nr)], bit_of(nr));
	m->nr_used++;
	m->last_pid = nr;
	return nr;
}

void pidmap_free(struct pidmap *m, int nr)
{
	bitmap_clear(m->page[page_of(nr)], bit_of(nr));
	m->nr_used--;
}

bool pidmap_test(const struct pidmap *m, int nr)
{
	const u64 *page = m->page[page_of(nr)];

	return page && bitmap_test(page, bit_of(nr));
}

int pidmap_next(const struct pidmap *m, int from)
{
	while (from < PID_MAX_LIMIT) {
		int base = from / PIDMAP_PAGE_BITS * PIDMAP_PAGE_BITS;
		const u64 *page = m->page[base / PIDMAP_PAGE_BITS];
		int found = page ? base + (int)bitmap_find_set(page, PIDMAP_PAGE_BITS, from - base)
				 : base + PIDMAP_PAGE_BITS;

		if (found < base + PIDMAP_PAGE_BITS)
			return found;
		from = base + PIDMAP_PAGE_BITS;
	}
	return -1;
}
