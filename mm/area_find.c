/* Finding areas, and gaps between them, in their tree, under the lock of its mm: area_tree.h. */
#include "mm/area_tree.h"

#include "kernel/lib/log.h"

/* ---- finding ---- */

u32 slot_search(const struct area_set *n, u64 addr)
{
	u32 low = 0, high = n->nr;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (slot_end(n, mid) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct area *area_tree_find(const struct area_set *n, u64 addr)
{
	u32 i;

	while (n->level) {
		i = child_index(n, addr);
		if (i == n->nr)
			return NULL;
		n = n->child[i];
	}
	i = leaf_index(n, addr);
	return i < n->nr ? &n->areas[i] : NULL;
}

static const struct area *last_area(const struct area_set *n)
{
	while (n->level)
		n = n->child[n->nr - 1];
	return &n->areas[n->nr - 1];
}

const struct area *area_tree_around(const struct area_set *n, u64 addr, const struct area **above)
{
	const struct area_set *left = NULL; /* the nearest subtree to the left of the path */
	u32 i;

	*above = NULL;
	for (; n->level; n = n->child[i]) {
		i = child_index(n, addr);
		if (i > 0)
			left = n->child[i - 1];
		if (i == n->nr)
			return last_area(left);
	}
	i = leaf_index(n, addr);
	if (i < n->nr)
		*above = &n->areas[i];
	if (i > 0)
		return &n->areas[i - 1];
	return left ? last_area(left) : NULL;
}

/* ---- gaps ---- */

/* A search for a gap, from high addresses to low ones. */
struct gap_search {
	u64 len, low;
	u64 top;  /* everything from here up has been searched */
	u64 hole; /* the longest of the gaps that were too short, or more */
};

/* Is the gap between `bottom` and the top long enough? */
static bool gap_fits(struct gap_search *g, u64 bottom)
{
	bottom = MAX(bottom, g->low);
	if (g->top <= bottom)
		return false;
	if (g->top - bottom >= g->len)
		return true;
	g->hole = MAX(g->hole, g->top - bottom);
	return false;
}

static inline bool gap_in_leaf(struct gap_search *g, const struct area_set *n)
{
	u32 i = leaf_index(n, g->top);

	if (i < n->nr)
		g->top = MIN(g->top, area_claim(&n->areas[i]));
	while (i-- > 0) {
		if (gap_fits(g, n->areas[i].end))
			return true;
		g->top = MIN(g->top, area_claim(&n->areas[i]));
		if (g->top <= g->low)
			break;
	}
	return false;
}

static bool gap_below(struct gap_search *g, const struct area_set *n);

/* Search child c, whose `gap` promises a gap that is long enough; correct a false promise. */
static bool gap_in_child(struct gap_search *g, const struct area_set *c)
{
	bool all = g->top >= c->end;

	if (gap_below(g, c))
		return true;
	if (all)
		WRITE_ONCE(((struct area_set *)c)->gap, longest_gap(c));
	return false;
}

/* True: there is a gap right below g->top. */
static bool gap_below(struct gap_search *g, const struct area_set *n)
{
	if (!n->level)
		return gap_in_leaf(g, n);
	for (u32 i = MIN(child_index(n, g->top) + 1, (u32)n->nr); i-- > 0 && g->top > g->low;) {
		const struct area_set *c = n->child[i];

		if (gap_fits(g, c->end))
			return true;
		if (READ_ONCE(c->gap) < g->len)
			g->hole = MAX(g->hole, READ_ONCE(c->gap));
		else if (gap_in_child(g, c))
			return true;
		g->top = MIN(g->top, c->low);
	}
	return false;
}

u64 areas_gap(const struct area_set *root, u64 len, u64 low, u64 high, u64 *hole)
{
	struct gap_search g = {.len = len, .low = low, .top = high, .hole = *hole};
	bool found = (root && root->level ? gap_below(&g, root) : root && gap_in_leaf(&g, root)) ||
		     gap_fits(&g, low);

	*hole = g.hole;
	return found ? g.top - len : 0;
}
