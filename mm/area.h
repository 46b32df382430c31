/*
 * The areas of an address space: what is mapped where, in address order, none overlapping.
 *
 * Parent and child share them after fork until one of them changes something: mm/area_tree.h.
 * areas_prepare() makes what a change will touch our own and is the only function here that can
 * fail. An empty address space may have no set at all: every function takes NULL for it, but those
 * that change. The caller holds the lock of the mm the set belongs to. Compiles on the host:
 * tests/unit/area_test.c.
 */
#pragma once

#include "mm/area_tree.h"

void area_set_get(struct area_set *s);      /* for another address space */
void area_set_put(struct area_set *s);      /* an address space has ended */
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
/* Each area that intersects [start, end), which is not empty; none of them is changed meanwhile. */
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
/* How far the areas go on from `start` without a hole, `end` at most. */
u64 areas_cover_end(const struct area_set *s, u64 start, u64 end);
/* The highest place for len bytes in [low, high), clear of what stacks claim; or 0. *hole becomes
 * the length of the longest gap above it, or somewhat more, if that is longer. */
static inline u64 areas_gap(const struct area_set *s, u64 len, u64 low, u64 high, u64 *hole)
{
	return area_tree_gap(s, len, low, high, hole);
}
/* Pages of [start, end) that are mapped, and those of them that count for RLIMIT_DATA: private,
 * writable, no stack. */
void areas_pages(const struct area_set *s, u64 start, u64 end, u64 *mapped, u64 *data);
u64 areas_locked(const struct area_set *s, u64 start, u64 end); /* of those, AREA_LOCKED */
bool area_is_data(u32 flags);
/* How many areas more there are once the set is cut at these addresses. */
u32 areas_cuts(const struct area_set *s, u64 start, u64 end);
/* 1 when [start, end) is a hole inside one area, so that removing it leaves one area more; else 0.
 */
u32 areas_hole(const struct area_set *s, u64 start, u64 end);

/*
 * Before a change of [start, end) that leaves at most `extra` areas more, 3 at most: make our own
 * what it touches; without any more, what is below it is not touched. 0 or -ENOMEM.
 */
int areas_prepare_slowly(struct area_set **set, u64 start, u64 end, u32 extra);
static inline int areas_prepare(struct area_set **set, u64 start, u64 end, u32 extra)
{
	struct area_set *s = *set;

	/* Most often it is a leaf of our own, with room. */
	if (s && !s->level && s->nr + extra <= AREA_LEAF_MAX && refcount_read(&s->count) == 1)
		return 0;
	return areas_prepare_slowly(set, start, end, extra);
}
/* The same when all areas inside are to be changed, not just removed. */
int areas_prepare_all(struct area_set **set, u64 start, u64 end, u32 extra);

/* ---- changes: of what was prepared ---- */
/* Remove [start, end). `extra` as areas_hole() says. */
void areas_remove(struct area_set **set, u64 start, u64 end);
/* Insert where nothing is. Takes over the references of `a`. Becomes part of a neighbour that is
 * alike. `extra` 1. */
void areas_insert(struct area_set **set, const struct area *a);
/* Replace the flags in `mask` in [start, end). `extra` as areas_cuts() says. */
void areas_change(struct area_set **set, u64 start, u64 end, u32 mask, u32 flags);
/* The area that holds addr has these bounds from now on. */
static inline void area_resize(struct area_set *s, u64 addr, u64 start, u64 end)
{
	area_tree_resize(s, addr, start, end);
}

/* mm/map.c: areas_prepare_all() for areas_change(), by the limit of areas. -ENOMEM. */
int mm_prepare_change(struct mm *mm, u64 start, u64 end);
