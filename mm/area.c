/* The areas of an address space, on top of the tree that holds them: see area.h. */
#include "mm/area.h"

#include <asm/errno.h>

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

/* ---- the watches of objects ---- */

static void tell_watch(const struct area *a, bool more)
{
	if (a->obj && a->obj->watch)
		a->obj->watch->changed(a->obj->watch, more);
}

/* Tell the watches of all areas that one more, or one less, address space maps them. */
static void tell_watches(const struct area_set *n, bool more)
{
	for (u32 i = 0; n->watched && i < n->nr; i++)
		if (n->level)
			tell_watches(n->child[i], more);
		else
			tell_watch(&n->areas[i], more);
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
	area_set_release(s);
}

void area_get_source(const struct area *a)
{
	area_hold_source(a);
	tell_watch(a, true);
}

static void put_source(const struct area *a)
{
	tell_watch(a, false);
	area_drop_source(a);
}

/* ---- looking ---- */

bool areas_free(const struct area_set *s, u64 start, u64 end)
{
	const struct area *a = area_find(s, start);

	return !a || a->start >= end;
}

u64 areas_cover_end(const struct area_set *s, u64 start, u64 end)
{
	while (start < end) {
		const struct area *a = area_find(s, start);

		if (!a || a->start > start)
			return start;
		start = a->end;
	}
	return end;
}

bool area_is_data(u32 flags)
{
	return (flags & (AREA_WRITE | AREA_SHARED | AREA_STACK | AREA_GROWSDOWN)) == AREA_WRITE;
}

static u64 pages_inside(const struct area *a, u64 start, u64 end)
{
	return (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
}

void areas_pages(const struct area_set *s, u64 start, u64 end, u64 *mapped, u64 *data)
{
	*mapped = *data = 0;
	for_each_area(a, s, start, end)
	{
		u64 pages = pages_inside(a, start, end);

		*mapped += pages;
		if (area_is_data(a->flags))
			*data += pages;
	}
}

u64 areas_locked(const struct area_set *s, u64 start, u64 end)
{
	u64 pages = 0;

	for_each_area(a, s, start, end)
	{
		if (a->flags & AREA_LOCKED)
			pages += pages_inside(a, start, end);
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

/* Own the path to the leaf of addr. *splits becomes true if it has no room for `extra` areas. */
static int own_leaf(struct area_set *root, u64 addr, u32 extra, struct area_set **leaf,
		    bool *splits)
{
	if (area_tree_own_path(root, addr, leaf))
		return -ENOMEM;
	*splits |= (*leaf)->nr + extra > AREA_LEAF_MAX;
	return 0;
}

/* Own the area below `start` if it is in another leaf than `leaf`, the leaf of start: it may be
 * merged with what is inserted or changed there. */
static int own_below(struct area_set *root, u64 start, u32 extra, struct area_set *leaf,
		     bool *splits)
{
	const struct area *below = leaf_index(leaf, start) ? NULL : area_below(root, start);

	return below ? own_leaf(root, below->start, extra, &leaf, splits) : 0;
}

/* Own the leaves at both ends of the range, and that of the area below it if `below`: everything
 * that is left after the change, or that may be merged with a neighbour. */
static int own_edges(struct area_set *root, u64 start, u64 end, u32 extra, bool below)
{
	struct area_set *leaf, *other;
	bool splits = false;

	if (own_leaf(root, start, extra, &leaf, &splits))
		return -ENOMEM;
	if ((end < leaf->start || end >= leaf->end) && own_leaf(root, end, extra, &other, &splits))
		return -ENOMEM;
	/* If the whole leaf is removed, the leaf of the area below may become the root. */
	if ((below || end >= leaf->end) && own_below(root, start, extra, leaf, &splits))
		return -ENOMEM;
	return area_tree_spares(root, splits);
}

static int prepare_change(struct area_set **set, u64 start, u64 end, u32 extra, bool below)
{
	struct area_set *root;

	if (area_tree_own_root(set))
		return -ENOMEM;
	root = *set;
	if (root->level)
		return own_edges(root, start, end, extra, below);
	return root->nr + extra > AREA_LEAF_MAX ? area_tree_spares(root, true) : 0;
}

int areas_prepare_slowly(struct area_set **set, u64 start, u64 end, u32 extra)
{
	return prepare_change(set, start, end, extra, extra > 0);
}

int areas_prepare_all(struct area_set **set, u64 start, u64 end, u32 extra)
{
	struct area_set *leaf;
	int err = prepare_change(set, start, end, extra, true);

	while (!err && (*set)->level && start < end) {
		err = area_tree_own_path(*set, start, &leaf);
		if (!err && leaf->end <= start)
			break; /* nothing is there */
		start = err ? start : leaf->end;
	}
	return err;
}

/* ---- changing ---- */

/* Cut the area `a` of the set at addr: its lower part becomes a new area in the same leaf. */
static void cut_area(struct area_set **set, const struct area *a, u64 addr)
{
	struct area lower = *a;

	area_get_source(&lower);
	lower.end = addr;
	area_resize(*set, addr, addr, a->end);
	area_tree_insert(set, &lower);
}

/* Cut the area that addr lies inside of, if there is one. */
static void cut(struct area_set **set, u64 addr)
{
	const struct area *a = area_find(*set, addr);

	if (a && a->start < addr)
		cut_area(set, a, addr);
}

/* Can b, which begins where a ends, be merged with a? A growing stack is never merged with the area
 * below it, since it may grow at its lower edge. */
static bool alike(const struct area *a, const struct area *b)
{
	if (a->end != b->start || a->flags != b->flags || a->obj != b->obj || a->file != b->file ||
	    (b->flags & AREA_GROWSDOWN))
		return false;
	return !a->obj || a->pgoff + ((a->end - a->start) >> PAGE_SHIFT) == b->pgoff;
}

/* Merge the area that begins at addr with the one below it, if they are alike. */
static void merge_at(struct area_set **set, u64 addr)
{
	const struct area *b, *a = area_tree_around(*set, addr, &b);
	u64 start, end;

	if (!a || !b || !alike(a, b))
		return;
	start = a->start;
	end = b->end;
	tell_watch(b, false);
	area_tree_remove(set, addr, end);
	area_resize(*set, start, start, end);
}

/* Remove areas from a leaf that is the whole tree. */
static void close_slots(struct area_set *s, u32 i, u32 n)
{
	memmove(&s->areas[i], &s->areas[i + n], (s->nr - i - n) * sizeof(struct area));
	s->nr -= (u16)n;
}

/* areas_remove() in a leaf that is the whole tree. False, nothing done: an area must be cut. */
static bool remove_from_leaf(struct area_set *s, u64 start, u64 end)
{
	u32 first = leaf_index(s, start), last;
	struct area *a = &s->areas[first];

	if (first < s->nr && a->start < start) {
		if (a->end > end)
			return false;
		a->end = start;
		first++;
	}
	for (last = first; last < s->nr && s->areas[last].end <= end; last++)
		put_source(&s->areas[last]);
	a = &s->areas[last];
	if (last < s->nr && a->start < end) {
		if (a->obj)
			a->pgoff += (end - a->start) >> PAGE_SHIFT;
		a->start = end;
	}
	if (last > first)
		close_slots(s, first, last - first);
	return true;
}

/* Cut the areas that reach into [start, end) at its ends. */
static void cut_edges(struct area_set **set, u64 start, u64 end)
{
	const struct area *a = area_find(*set, start);

	if (a->start < start && a->end > end)
		cut_area(set, a, end);
	a = area_find(*set, start);
	if (a->start < start)
		area_resize(*set, start, a->start, start);
	a = area_find(*set, end);
	if (a && a->start < end)
		area_resize(*set, end, end, a->end);
}

void areas_remove(struct area_set **set, u64 start, u64 end)
{
	const struct area *a;

	if (!(*set)->level && remove_from_leaf(*set, start, end))
		return;
	a = area_find(*set, start);
	if (!a || a->start >= end)
		return;
	/* Usually the range is exactly one area. */
	if (a->start < start || a->end != end)
		cut_edges(set, start, end);
	if ((*set)->watched)
		for_each_area(gone, *set, start, end) tell_watch(gone, false);
	area_tree_remove(set, start, end);
}

/* areas_insert() in a leaf that is the whole tree. */
static void insert_into_leaf(struct area_set *s, const struct area *a)
{
	u32 i = leaf_index(s, a->start);

	s->watched |= a->obj && a->obj->watch;
	if (i > 0 && alike(&s->areas[i - 1], a)) {
		s->areas[i - 1].end = a->end;
		put_source(a);
		if (i == s->nr || !alike(&s->areas[i - 1], &s->areas[i]))
			return;
		s->areas[i - 1].end = s->areas[i].end;
		put_source(&s->areas[i]);
		close_slots(s, i, 1);
	} else if (i < s->nr && alike(a, &s->areas[i])) {
		s->areas[i].start = a->start;
		s->areas[i].pgoff = a->pgoff;
		put_source(a);
	} else {
		if (i < s->nr)
			memmove(&s->areas[i + 1], &s->areas[i], (s->nr - i) * sizeof(*a));
		s->areas[i] = *a;
		s->nr++;
	}
}

static noinline void insert_into_tree(struct area_set **set, const struct area *a)
{
	const struct area *next, *below = area_tree_around(*set, a->start, &next);

	/* Grow a neighbour in place. */
	if (below && alike(below, a)) {
		area_resize(*set, below->start, below->start, a->end);
		put_source(a);
		merge_at(set, a->end);
	} else if (next && alike(a, next)) {
		area_resize(*set, next->start, a->start, next->end);
		put_source(a);
	} else {
		area_tree_insert(set, a);
	}
}

void areas_insert(struct area_set **set, const struct area *a)
{
	if ((*set)->level || (*set)->nr == AREA_LEAF_MAX)
		insert_into_tree(set, a);
	else
		insert_into_leaf(*set, a);
}

void areas_change(struct area_set **set, u64 start, u64 end, u32 mask, u32 flags)
{
	u64 next;

	cut(set, start);
	cut(set, end);
	for_each_area(a, *set, start, end)((struct area *)a)->flags = (a->flags & ~mask) | flags;
	for (u64 at = start; at <= end; at = next) {
		const struct area *a = area_find(*set, at);

		if (!a)
			break;
		next = a->end;
		if (a->start == at)
			merge_at(set, at);
	}
}
