/* The tree of areas: see area_tree.h. The caller holds the lock of the tree's mm. */
#include "mm/area_tree.h"

#include <asm/errno.h>

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

static struct kmem_cache *leaf_cache, *node_cache;

void area_tree_init(void)
{
	leaf_cache = kmem_cache_create("area_leaf", sizeof(struct area_set), 0);
	node_cache = kmem_cache_create(
		"area_node",
		offsetof(struct area_set, child) + AREA_NODE_MAX * sizeof(struct area_set *), 0);
}

/* ---- nodes ---- */

static struct kmem_cache *cache_of(u8 level)
{
	return level ? node_cache : leaf_cache;
}

static struct area_set *new_node(u8 level)
{
	struct area_set *n = kmem_cache_alloc(cache_of(level));

	if (!n)
		return NULL;
	memset(n, 0, offsetof(struct area_set, areas));
	refcount_set(&n->count, 1);
	n->level = level;
	return n;
}

static void free_node(struct area_set *n)
{
	kmem_cache_free(cache_of(n->level), n);
}

static u32 room_of(const struct area_set *n)
{
	return n->level ? AREA_NODE_MAX : AREA_LEAF_MAX;
}

void area_hold_source(const struct area *a)
{
	if (a->obj)
		object_get(a->obj);
	if (a->file)
		mapped_files->hold(a->file);
}

void area_drop_source(const struct area *a)
{
	object_put(a->obj);
	if (a->file)
		mapped_files->put(a->file);
}

static void free_spares(struct area_set *list)
{
	while (list) {
		struct area_set *next = list->next_spare;

		free_node(list);
		list = next;
	}
}

void area_set_release(struct area_set *n)
{
	if (!n || !refcount_dec_and_test(&n->count))
		return;
	if (n->level)
		for (u32 i = 0; i < n->nr; i++)
			area_set_release(n->child[i]);
	else
		for (const struct area *a = n->areas, *end = a + n->nr; a < end; a++)
			area_drop_source(a);
	free_spares(n->spare_leaf);
	free_spares(n->spare_node);
	free_node(n);
}

/* ---- the summary in a node of what is below it ---- */

/* The gap between slot i - 1 and slot i. */
static u64 gap_before(const struct area_set *n, u32 i)
{
	u64 low, below;

	if (i == 0 || i >= n->nr)
		return 0;
	low = n->level ? n->child[i]->low : area_claim(&n->areas[i]);
	below = slot_end(n, i - 1);
	return low > below ? low - below : 0;
}

static u64 gap_inside(const struct area_set *n, u32 i)
{
	return n->level ? READ_ONCE(n->child[i]->gap) : 0;
}

u64 longest_gap(const struct area_set *n)
{
	u64 gap = 0;

	for (u32 i = 0; i < n->nr; i++)
		gap = MAX(gap, MAX(gap_inside(n, i), gap_before(n, i)));
	return gap;
}

static bool slot_watched(const struct area_set *n, u32 i)
{
	const struct area *a = &n->areas[i];

	return n->level ? n->child[i]->watched : a->obj && a->obj->watch;
}

static bool any_watched(const struct area_set *n)
{
	for (u32 i = 0; i < n->nr; i++)
		if (slot_watched(n, i))
			return true;
	return false;
}

static u32 total_of(const struct area_set *n)
{
	return n->level ? n->total : n->nr;
}

static void note_first(struct area_set *n)
{
	const struct area_set *c = n->child[0];
	const struct area *a = &n->areas[0];

	n->start = n->level ? c->start : a->start;
	n->low = n->level ? c->low : area_claim(a);
}

static void note_last(struct area_set *n)
{
	n->end = slot_end(n, n->nr - 1u);
}

/* Update the summary after slot i was added or changed, or the slot behind it removed. `gap` only
 * grows here: to lower it would take a look at every slot. */
static void note_slot(struct area_set *n, u32 i)
{
	u64 gap = MAX(gap_before(n, i), gap_before(n, i + 1));

	n->gap = MAX(n->gap, MAX(gap, gap_inside(n, i)));
	if (i == 0)
		note_first(n);
	if (i + 1 == n->nr)
		note_last(n);
}

/* Compute the whole summary anew. */
static void refresh(struct area_set *n)
{
	n->watched = any_watched(n);
	n->gap = longest_gap(n);
	n->total = 0;
	for (u32 i = 0; n->level && i < n->nr; i++)
		n->total += total_of(n->child[i]);
	note_first(n);
	note_last(n);
}

/* ---- slots ---- */

static size_t slot_size(const struct area_set *n)
{
	return n->level ? sizeof(n->child[0]) : sizeof(n->areas[0]);
}

static char *slot_at(struct area_set *n, u32 i)
{
	return (char *)n->areas + i * slot_size(n);
}

/* Take one more reference to everything that the node refers to. */
static void hold_slots(struct area_set *n)
{
	for (u32 i = 0; i < n->nr; i++)
		if (n->level)
			refcount_inc(&n->child[i]->count);
		else
			area_hold_source(&n->areas[i]);
}

/* ---- owning ---- */

static struct area_set *copy_of(struct area_set *n)
{
	struct area_set *copy = new_node(n->level);

	if (!copy)
		return NULL;
	copy->nr = n->nr;
	copy->watched = n->watched;
	copy->total = n->total;
	copy->start = n->start;
	copy->end = n->end;
	copy->low = n->low;
	copy->gap = READ_ONCE(n->gap);
	memcpy(slot_at(copy, 0), slot_at(n, 0), n->nr * slot_size(n));
	hold_slots(n);
	return copy;
}

/* Own the node at *at: replace it by a copy if it is shared. NULL without memory. */
static struct area_set *own(struct area_set **at)
{
	struct area_set *copy;

	if (refcount_read(&(*at)->count) == 1)
		return *at;
	copy = copy_of(*at);
	if (!copy)
		return NULL;
	area_set_release(*at);
	*at = copy;
	return copy;
}

int area_tree_own_root(struct area_set **root)
{
	if (!*root)
		*root = new_node(0);
	return *root && own(root) ? 0 : -ENOMEM;
}

int area_tree_own_path(struct area_set *n, u64 addr, struct area_set **leaf)
{
	while (n->level) {
		n = own(&n->child[MIN(child_beside(n, addr), n->nr - 1u)]);
		if (!n)
			return -ENOMEM;
	}
	*leaf = n;
	return 0;
}

static bool add_spares(struct area_set **list, u8 level, u32 wanted)
{
	struct area_set *s = *list;

	while (s && wanted) {
		s = s->next_spare;
		wanted--;
	}
	for (; wanted; wanted--) {
		s = new_node(level);
		if (!s)
			return false;
		s->next_spare = *list;
		*list = s;
	}
	return true;
}

/* A split needs one node on each level. Two splits can make the tree one level higher, once. */
int area_tree_spares(struct area_set *root, bool splits)
{
	if (!splits)
		return add_spares(&root->spare_leaf, 0, 1) ? 0 : -ENOMEM;
	return add_spares(&root->spare_leaf, 0, 2) &&
			       add_spares(&root->spare_node, 1, 2U * root->level + 1)
		       ? 0
		       : -ENOMEM;
}

static struct area_set *take_spare(struct area_set *root, u8 level)
{
	struct area_set **list = level ? &root->spare_node : &root->spare_leaf, *s = *list;

	BUG_ON(!s);
	*list = s->next_spare;
	s->next_spare = NULL;
	s->level = level;
	return s;
}

/* The spares belong to the root: move them when another node becomes the root. */
static void move_spares(struct area_set *to, struct area_set *from)
{
	to->spare_leaf = from->spare_leaf;
	to->spare_node = from->spare_node;
	from->spare_leaf = from->spare_node = NULL;
}

/* ---- inserting ---- */

/* Make room for `count` slots at index i, for the caller to fill in. */
static void make_room(struct area_set *n, u32 i, u32 count)
{
	DEBUG_ON(n->nr + count > room_of(n) || refcount_read(&n->count) != 1);
	memmove(slot_at(n, i + count), slot_at(n, i), (n->nr - i) * slot_size(n));
	n->nr += (u16)count;
}

static void take_slots(struct area_set *n, u32 i, u32 count)
{
	DEBUG_ON(refcount_read(&n->count) != 1);
	memmove(slot_at(n, i), slot_at(n, i + count), (n->nr - i - count) * slot_size(n));
	n->nr -= (u16)count;
}

/* Move the upper half of a full node to a new one on its right. */
static struct area_set *split(struct area_set *root, struct area_set *n)
{
	struct area_set *right = take_spare(root, n->level);
	u32 keep = n->nr / 2;

	memcpy(slot_at(right, 0), slot_at(n, keep), (n->nr - keep) * slot_size(n));
	right->nr = (u16)(n->nr - keep);
	n->nr = (u16)keep;
	return right;
}

/* Insert `slot` at index i. A split returns the new node, to be inserted on the right of n. */
static struct area_set *put_slot(struct area_set *root, struct area_set *n, u32 i, const void *slot)
{
	struct area_set *right = n->nr == room_of(n) ? split(root, n) : NULL, *to = n;

	if (right && i > n->nr) {
		to = right;
		i -= n->nr;
	}
	make_room(to, i, 1);
	memcpy(slot_at(to, i), slot, slot_size(to));
	if (right)
		refresh(right);
	return right;
}

static struct area_set *insert_at_leaf(struct area_set *root, struct area_set *n,
				       const struct area *a)
{
	u32 i = leaf_index(n, a->start);
	struct area_set *right = put_slot(root, n, i, a);

	n->watched |= a->obj && a->obj->watch;
	if (right)
		refresh(n);
	else if (n != root)
		note_slot(n, i);
	return right;
}

static struct area_set *insert_below(struct area_set *root, struct area_set *n,
				     const struct area *a)
{
	struct area_set *c, *right;
	u32 i;

	if (!n->level)
		return insert_at_leaf(root, n, a);
	i = MIN(child_index(n, a->start), n->nr - 1u);
	c = n->child[i];
	right = insert_below(root, c, a);
	if (right) {
		right = put_slot(root, n, i + 1, &right);
		refresh(n);
	} else {
		n->total++;
		n->watched |= c->watched;
		note_slot(n, i);
	}
	return right;
}

void area_tree_insert(struct area_set **root, const struct area *a)
{
	struct area_set *left = *root, *right = insert_below(left, left, a), *above;

	if (!right)
		return;
	above = take_spare(left, left->level + 1);
	above->nr = 2;
	above->child[0] = left;
	above->child[1] = right;
	refresh(above);
	move_spares(above, left);
	*root = above;
}

/* ---- removing ---- */

/* Move the slots of a neighbour into n, in front of its own or behind them. A neighbour that is
 * shared keeps its slots, and n takes references of its own. */
static void take_in(struct area_set *n, struct area_set *neighbour, bool in_front)
{
	u32 at = in_front ? 0 : n->nr;
	bool shared = refcount_read(&neighbour->count) > 1;

	make_room(n, at, neighbour->nr);
	memcpy(slot_at(n, at), slot_at(neighbour, 0), neighbour->nr * slot_size(n));
	if (shared)
		hold_slots(neighbour);
	else
		neighbour->nr = 0;
	area_set_release(neighbour);
	refresh(n);
}

static bool fits_into(const struct area_set *a, const struct area_set *b)
{
	return a->nr + b->nr <= room_of(a) * 3 / 4;
}

/* Child i has lost some of its slots: if too few are left, it takes in a neighbour. */
static void mend_child(struct area_set *n, u32 i)
{
	struct area_set *c = n->child[i];

	if (c->nr > room_of(c) / 4)
		return;
	if (i + 1 < n->nr && fits_into(c, n->child[i + 1])) {
		take_in(c, n->child[i + 1], false);
		take_slots(n, i + 1, 1);
		refresh(n);
	} else if (i > 0 && fits_into(c, n->child[i - 1])) {
		take_in(c, n->child[i - 1], true);
		take_slots(n, i - 1, 1);
		refresh(n);
	}
}

/* Update the summary after `lost` areas below n were removed, just in front of slot i. */
static void note_loss(struct area_set *n, u32 i, u32 lost)
{
	n->total -= n->level ? lost : 0;
	if (!n->nr)
		return;
	note_slot(n, i ? i - 1 : 0);
	if (n->watched)
		n->watched = any_watched(n);
}

/* Both return the number of areas removed. */
static u32 drop_from_leaf(struct area_set *n, u64 start, u64 end)
{
	u32 first = leaf_index(n, start), last = first;

	for (; last < n->nr && n->areas[last].start < end; last++)
		area_drop_source(&n->areas[last]);
	take_slots(n, first, last - first);
	note_loss(n, first, last - first);
	return last - first;
}

static u32 remove_below(struct area_set *n, u64 start, u64 end)
{
	bool lower = false, upper; /* the children at the two ends lose a part */
	u32 first, last, lost = 0;

	if (!n->level)
		return drop_from_leaf(n, start, end);
	first = child_index(n, start);
	if (first < n->nr && n->child[first]->start < start) { /* loses its upper part */
		lost += remove_below(n->child[first], start, end);
		first++;
		lower = true;
	}
	for (last = first; last < n->nr && n->child[last]->end <= end; last++) {
		lost += total_of(n->child[last]);
		area_set_release(n->child[last]);
	}
	if (last > first)
		take_slots(n, first, last - first);
	upper = first < n->nr && n->child[first]->start < end; /* loses its lower part */
	if (upper)
		lost += remove_below(n->child[first], start, end);
	note_loss(n, first, lost);
	if (upper)
		mend_child(n, first);
	if (lower)
		mend_child(n, first - 1);
	return lost;
}

/* A root with a single child is replaced by that child. */
static void lower_root(struct area_set **root)
{
	struct area_set *old = *root;

	while (old->level && old->nr <= 1) {
		if (old->nr) {
			*root = old->child[0];
			move_spares(*root, old);
			old->nr = 0;
			area_set_release(old);
			old = *root;
		} else { /* the tree is empty: areas_prepare() has made a leaf for this case */
			struct area_set *leaf = take_spare(old, 0);

			move_spares(leaf, old);
			*root = leaf;
			area_set_release(old);
			return;
		}
	}
}

void area_tree_remove(struct area_set **root, u64 start, u64 end)
{
	remove_below(*root, start, end);
	lower_root(root);
}

/* ---- moving bounds ---- */

static void resize_in_leaf(struct area *a, u64 start, u64 end)
{
	if (a->obj)
		a->pgoff += (s64)(start - a->start) >> PAGE_SHIFT;
	a->start = start;
	a->end = end;
}

static void resize_below(struct area_set *n, u64 addr, u64 start, u64 end)
{
	u32 i;

	if (n->level) {
		i = child_index(n, addr);
		resize_below(n->child[i], addr, start, end);
	} else {
		i = leaf_index(n, addr);
		resize_in_leaf(&n->areas[i], start, end);
	}
	note_slot(n, i);
}

void area_resize(struct area_set *root, u64 addr, u64 start, u64 end)
{
	if (root->level)
		resize_below(root, addr, start, end);
	else
		resize_in_leaf(&root->areas[leaf_index(root, addr)], start, end);
}
