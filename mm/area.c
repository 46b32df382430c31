/* The set of areas: see area.h. */
#include "mm/area.h"

#include <asm/errno.h>

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define ROOM_MIN 8

static size_t set_bytes(u32 room)
{
	return sizeof(struct area_set) + room * sizeof(struct area);
}

/* References, without a word to who watches. */
static void hold_source(const struct area *a)
{
	if (a->obj)
		object_get(a->obj);
	file_hold(a->file);
}

static void drop_source(const struct area *a)
{
	object_put(a->obj);
	file_put(a->file);
}

static bool watched(const struct area *a)
{
	return a->obj && a->obj->watch;
}

static void tell_watch(const struct area *a, bool more)
{
	if (watched(a))
		a->obj->watch->changed(a->obj->watch, more);
}

/* One address space more or less has all these areas. */
static void tell_watches(const struct area_set *s, bool more)
{
	for (u32 i = 0; s->watched && i < s->nr; i++)
		tell_watch(&s->areas[i], more);
}

static void release_set(struct area_set *s)
{
	if (!refcount_dec_and_test(&s->count))
		return;
	for (u32 i = 0; i < s->nr; i++)
		drop_source(&s->areas[i]);
	kfree(s);
}

void area_set_get(struct area_set *s)
{
	if (!s)
		return;
	refcount_inc(&s->count);
	tell_watches(s, true);
}

void area_set_put(struct area_set *s)
{
	if (!s)
		return;
	tell_watches(s, false);
	release_set(s);
}

void area_get_source(const struct area *a)
{
	hold_source(a);
	tell_watch(a, true);
}

static void put_source(const struct area *a)
{
	tell_watch(a, false);
	drop_source(a);
}

/* ---- looking ---- */

u32 area_search(const struct area_set *s, u64 addr)
{
	u32 low = 0, high = s->nr;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (s->areas[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	WRITE_ONCE(((struct area_set *)s)->last, low);
	return low;
}

bool areas_free(const struct area_set *s, u64 start, u64 end)
{
	const struct area *a = area_find(s, start);

	return !a || a->start >= end;
}

u64 areas_cover_end(const struct area_set *s, u64 start, u64 end)
{
	for (u32 i = area_index(s, start); start < end; i++) {
		if (i >= area_count(s) || s->areas[i].start > start)
			return start;
		start = s->areas[i].end;
	}
	return end;
}

bool area_is_data(u32 flags)
{
	return (flags & (AREA_WRITE | AREA_SHARED | AREA_STACK | AREA_GROWSDOWN)) == AREA_WRITE;
}

void areas_pages(const struct area_set *s, u64 start, u64 end, u64 *mapped, u64 *data)
{
	*mapped = *data = 0;
	for (u32 i = area_index(s, start); i < area_count(s) && s->areas[i].start < end; i++) {
		const struct area *a = &s->areas[i];
		u64 pages = (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;

		*mapped += pages;
		if (area_is_data(a->flags))
			*data += pages;
	}
}

u64 areas_locked(const struct area_set *s, u64 start, u64 end)
{
	u64 pages = 0;

	for (u32 i = area_index(s, start); i < area_count(s) && s->areas[i].start < end; i++) {
		const struct area *a = &s->areas[i];

		if (a->flags & AREA_LOCKED)
			pages += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
	}
	return pages;
}

static bool cuts(const struct area_set *s, u64 addr)
{
	const struct area *a = area_find(s, addr);

	return a && a->start < addr;
}

u32 areas_cuts(const struct area_set *s, u64 start, u64 end)
{
	return cuts(s, start) + cuts(s, end);
}

u32 areas_hole(const struct area_set *s, u64 start, u64 end)
{
	const struct area *a = area_find(s, start);

	return a && a->start < start && a->end > end;
}

/* ---- owning ---- */

static u32 room_for(u32 nr)
{
	u32 room = ROOM_MIN;

	while (room < nr)
		room += room / 2;
	return room;
}

int areas_reserve(struct area_set **set, u32 extra)
{
	struct area_set *old = *set, *s;
	u32 nr = area_count(old);

	if (old && old->room - nr >= extra && refcount_read(&old->count) == 1)
		return 0;
	s = kmalloc(set_bytes(room_for(nr + extra)));
	if (!s)
		return -ENOMEM;
	refcount_set(&s->count, 1);
	s->nr = nr;
	s->last = 0;
	s->room = room_for(nr + extra);
	s->watched = old && old->watched;
	if (old) {
		memcpy(s->areas, old->areas, nr * sizeof(struct area));
		for (u32 i = 0; i < nr; i++)
			hold_source(&s->areas[i]);
		release_set(old); /* we have the copy instead */
	}
	*set = s;
	return 0;
}

/* ---- changing ---- */

/* Make room for one area at index i; its contents are the caller's to fill in. */
static void open_slot(struct area_set *s, u32 i)
{
	DEBUG_ON(s->nr == s->room || refcount_read(&s->count) != 1);
	memmove(&s->areas[i + 1], &s->areas[i], (s->nr - i) * sizeof(struct area));
	s->nr++;
}

static void close_slots(struct area_set *s, u32 i, u32 n)
{
	memmove(&s->areas[i], &s->areas[i + n], (s->nr - i - n) * sizeof(struct area));
	s->nr -= n;
}

static void move_start(struct area *a, u64 start)
{
	if (a->obj)
		a->pgoff += (start - a->start) >> PAGE_SHIFT;
	a->start = start;
}

/* Cut the area that addr lies inside of into two. */
static void cut(struct area_set *s, u64 addr)
{
	u32 i = area_index(s, addr);

	if (i == s->nr || s->areas[i].start >= addr)
		return;
	open_slot(s, i);
	s->areas[i] = s->areas[i + 1];
	area_get_source(&s->areas[i]);
	s->areas[i].end = addr;
	move_start(&s->areas[i + 1], addr);
}

/* Can b, which begins where a ends, become part of a? A stack that grows keeps to itself: its lower
 * edge has a meaning. */
static bool alike(const struct area *a, const struct area *b)
{
	if (a->end != b->start || a->flags != b->flags || a->obj != b->obj || a->file != b->file ||
	    (b->flags & AREA_GROWSDOWN))
		return false;
	return !a->obj || a->pgoff + ((a->end - a->start) >> PAGE_SHIFT) == b->pgoff;
}

/* Merge area i with the one before it, if they are alike. */
static bool merge_back(struct area_set *s, u32 i)
{
	if (i == 0 || i >= s->nr || !alike(&s->areas[i - 1], &s->areas[i]))
		return false;
	s->areas[i - 1].end = s->areas[i].end;
	put_source(&s->areas[i]);
	close_slots(s, i, 1);
	return true;
}

void areas_remove(struct area_set *s, u64 start, u64 end)
{
	u32 first = area_index(s, start), last;
	struct area *a = &s->areas[first];

	if (areas_hole(s, start, end)) {
		cut(s, end);
		s->areas[first].end = start;
		return;
	}
	if (first < s->nr && a->start < start) {
		a->end = start;
		first++;
	}
	for (last = first; last < s->nr && s->areas[last].end <= end; last++)
		put_source(&s->areas[last]);
	if (last < s->nr && s->areas[last].start < end)
		move_start(&s->areas[last], end);
	close_slots(s, first, last - first);
}

void areas_insert(struct area_set *s, const struct area *a, u32 i)
{
	s->watched |= watched(a);
	/* Grow a neighbour in place rather than move the array to and fro. */
	if (i > 0 && alike(&s->areas[i - 1], a)) {
		s->areas[i - 1].end = a->end;
		put_source(a);
		merge_back(s, i);
		return;
	}
	if (i < s->nr && alike(a, &s->areas[i])) {
		s->areas[i].start = a->start;
		s->areas[i].pgoff = a->pgoff;
		put_source(a);
		return;
	}
	open_slot(s, i);
	s->areas[i] = *a;
}

void areas_change(struct area_set *s, u64 start, u64 end, u32 mask, u32 flags)
{
	u32 first, i;

	cut(s, start);
	cut(s, end);
	first = area_index(s, start);
	for (i = first; i < s->nr && s->areas[i].start < end; i++)
		s->areas[i].flags = (s->areas[i].flags & ~mask) | flags;
	while (i > first) /* from the right: a merge moves only what was looked at */
		merge_back(s, i--);
	merge_back(s, first);
}
