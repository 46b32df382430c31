/*
 * The areas of an address space: what is mapped where, in address order, none overlapping.
 *
 * Parent and child share the set after fork until one of them changes it: mm/area_tree.h.
 * areas_prepare() makes the nodes that a change will touch private; it is the only function here
 * that can fail. An empty address space may have no set at all: functions that only read take NULL.
 * The caller holds the lock of the set's mm. Compiles on the host: tests/unit/area_test.c.
 */
#pragma once

#include "mm/area_tree.h"

void area_set_get(struct area_set *s);      /* for one more address space */
void area_set_put(struct area_set *s);      /* at the end of an address space */
void area_get_source(const struct area *a); /* one more reference to its object and its file */
static inline u32 area_count(const struct area_set *s)
{
	return !s ? 0 : s->level ? s->total : s->nr;
}

/* The first area that ends above addr, or NULL. */
static inline const struct area *area_find(const struct area_set *s, u64 addr)
{
	u32 i;

	if (!s)
		return NULL;
	if (unlikely(s->level))
		return area_tree_find(s, addr);
	i = leaf_index(s, addr);
	return i < s->nr ? &s->areas[i] : NULL;
}

/* The next area that begins below `end`, or NULL. */
static inline const struct area *area_next(const struct area_set *s, const struct area *a, u64 end)
{
	if (a->end >= end)
		return NULL;
	a = area_find(s, a->end);
	return a && a->start < end ? a : NULL;
}
/* Visit each area that intersects [from, to), which is not empty. The set must not change. */
#define for_each_area(a, s, from, to)                                         \
	for (const struct area *a = area_find(s, from); a && a->start < (to); \
	     a = area_next(s, a, to))

/* The last area that ends at or below addr, or NULL. */
static inline const struct area *area_below(const struct area_set *s, u64 addr)
{
	const struct area *above;

	return s ? area_tree_around(s, addr, &above) : NULL;
}
/* True when no area intersects [start, end). */
bool areas_free(const struct area_set *s, u64 start, u64 end);
/* The first address from `start` on that no area covers, or `end`. */
u64 areas_cover_end(const struct area_set *s, u64 start, u64 end);
/* Count the pages of [start, end) that are mapped, and those that count for RLIMIT_DATA: private,
 * writable, not a stack. */
void areas_pages(const struct area_set *s, u64 start, u64 end, u64 *mapped, u64 *data);
u64 areas_locked(const struct area_set *s, u64 start, u64 end); /* of those, AREA_LOCKED */
bool area_is_data(u32 flags);
/* How many more areas there will be once the set is cut at these addresses. */
u32 areas_cuts(const struct area_set *s, u64 start, u64 end);
/* How many more areas there will be without [start, end): 1 if strictly inside one, else 0. */
u32 areas_hole(const struct area_set *s, u64 start, u64 end);

/* Prepare a change of [start, end) that leaves at most `extra` (0 to 3) more areas: make private
 * every node that it will touch, and make spare nodes for splits. With `extra` 0 the area below
 * `start` must not change. 0 or -ENOMEM. */
int areas_prepare_slowly(struct area_set **set, u64 start, u64 end, u32 extra);
static inline int areas_prepare(struct area_set **set, u64 start, u64 end, u32 extra)
{
	struct area_set *s = *set;

	/* Usually the set is a single private leaf with room. */
	if (s && !s->level && s->nr + extra <= AREA_LEAF_MAX && refcount_read(&s->count) == 1)
		return 0;
	return areas_prepare_slowly(set, start, end, extra);
}
/* The same for a change of all areas inside the range, not only their removal. */
int areas_prepare_all(struct area_set **set, u64 start, u64 end, u32 extra);

/* ---- changes, after areas_prepare() ---- */
/* Remove [start, end). `extra` is what areas_hole() returns. */
void areas_remove(struct area_set **set, u64 start, u64 end);
/* Insert an area where there is none, or merge it with a neighbour that matches. Takes over the
 * references of `a`. `extra` is 1. */
void areas_insert(struct area_set **set, const struct area *a);
/* Replace the flags in `mask` in [start, end). `extra` is what areas_cuts() returns. */
void areas_change(struct area_set **set, u64 start, u64 end, u32 mask, u32 flags);

/* mm/map.c: areas_prepare_all() for areas_change(), within the limit of areas. 0 or -ENOMEM. */
int mm_prepare_change(struct mm *mm, u64 start, u64 end);
