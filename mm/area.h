/*
 * The areas of an address space: a sorted array, shared by parent and child after fork until one of
 * them changes it. The rule of the page tables applied to the map that describes them: only who
 * holds the single reference may change a set; areas_reserve() makes it so, and is the only
 * function here that can fail.
 *
 * An empty address space has no set at all: every function takes NULL for it. The caller holds the
 * lock of the mm the set belongs to. Compiles on the host: tests/unit/area_test.c.
 */
#pragma once

#include "mm/mm.h"

struct area_set {
	refcount_t count;
	u32 nr, room;
	u32 last;     /* what area_index() found last: searches come in runs. Any value will do */
	bool watched; /* some area shows an object that is watched */
	struct area
		areas[]; /* by address, none overlapping; each holds a reference to its object */
};

void area_set_get(struct area_set *s);
void area_set_put(struct area_set *s);
void area_get_source(const struct area *a); /* one more reference to its object and its file */

static inline u32 area_count(const struct area_set *s)
{
	return s ? s->nr : 0;
}
u32 area_search(const struct area_set *s, u64 addr); /* area_index(), the long way */
/* Index of the first area that ends above addr; nr when there is none. */
static inline u32 area_index(const struct area_set *s, u64 addr)
{
	u32 i = s ? READ_ONCE(s->last) : 0;

	if (s && i < s->nr && addr < s->areas[i].end && (i == 0 || s->areas[i - 1].end <= addr))
		return i;
	if (!s || !s->nr || s->areas[s->nr - 1].end <= addr)
		return area_count(s); /* most new areas come in order */
	return area_search(s, addr);
}
/* That area, or NULL. */
static inline const struct area *area_find(const struct area_set *s, u64 addr)
{
	u32 i = area_index(s, addr);

	return i < area_count(s) ? &s->areas[i] : NULL;
}
/* True when no area intersects [start, end). */
bool areas_free(const struct area_set *s, u64 start, u64 end);
/* How far the areas go on from `start` without a hole, `end` at most. */
u64 areas_cover_end(const struct area_set *s, u64 start, u64 end);
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

/* Make *set our own, with room for `extra` more areas. 0 or -ENOMEM. */
int areas_reserve(struct area_set **set, u32 extra);

/* ---- changes: the set is our own, with room enough ---- */
/* Remove [start, end). Needs the room that areas_hole() says. */
void areas_remove(struct area_set *s, u64 start, u64 end);
/* Insert where nothing is, in front of area i, as area_index() says of its start. Takes over the
 * references of `a`. Becomes part of a neighbour that is alike. Room for 1. */
void areas_insert(struct area_set *s, const struct area *a, u32 i);
/* Replace the flags in `mask` in [start, end). Needs the room that areas_cuts() says. */
void areas_change(struct area_set *s, u64 start, u64 end, u32 mask, u32 flags);

/* areas_reserve() for an mm, by its limit of areas: mm/map.c. -ENOMEM. */
int mm_reserve_areas(struct mm *mm, u32 extra);
