/*
 * The tree that holds the areas of an address space: a B+ tree, its leaves full of areas.
 *
 * A process with few areas has one leaf and nothing else: it costs what a sorted array costs. With
 * many, everything is logarithmic. Trees share nodes after fork, copy-on-write, by the rule of the
 * page tables: a node may be changed only by the tree that holds the single reference to it and to
 * every node above it. Finding never changes anything but hints.
 *
 * Nodes are copied, and spare ones for splits are made, before a change (areas_prepare() in
 * area.c); the change itself cannot fail. Where nodes become too empty they take in a neighbour,
 * for which nothing has to be copied, even if others share it.
 */
#pragma once

#include "mm/mm.h"

#ifndef AREA_LEAF_MAX /* the unit test has smaller ones */
#define AREA_LEAF_MAX 24
#define AREA_NODE_MAX 32
#endif

/* A node; with level 0, a leaf. */
struct area_set {
	refcount_t count; /* from nodes above, and from address spaces */
	u16 nr;           /* areas or children */
	u8 level;
	bool watched; /* some area below shows an object that is watched */
	u32 last;     /* index that was found last. Any value will do */
	u32 total;    /* areas below; of a leaf, nr counts */
	/* What is below. Not kept for a leaf that is the root. */
	u64 start, end; /* of the first area, of the last */
	u64 low;        /* what new mappings leave alone begins here: start, or below a stack */
	u64 gap;        /* the longest between two areas, or more than that: see area_tree_gap() */
	/* Root: for splits. Linked by `next_spare`. */
	struct area_set *spare_leaf, *spare_node, *next_spare;
	union {
		struct area areas[AREA_LEAF_MAX]; /* by address, none overlapping; each holds
						     references to its object and file */
		struct area_set *child[AREA_NODE_MAX];
	};
};

void area_tree_init(void); /* caches */

/* The lowest address that new mappings leave alone on behalf of this area. */
static inline u64 area_claim(const struct area *a)
{
	if (!(a->flags & AREA_GROWSDOWN))
		return a->start;
	return a->start > STACK_GAP ? a->start - STACK_GAP : 0;
}

u32 leaf_search(const struct area_set *leaf, u64 addr); /* leaf_index(), the long way */
/* Index of the first area that ends above addr; nr when there is none. */
static inline u32 leaf_index(const struct area_set *leaf, u64 addr)
{
	u32 i = READ_ONCE(leaf->last), nr = leaf->nr;
	const struct area *a = &leaf->areas[i];

	if (i < nr && addr < a->end && (addr >= a->start || i == 0 || a[-1].end <= addr))
		return i;
	if (!nr || leaf->areas[nr - 1].end <= addr)
		return nr; /* most new areas come in order */
	return leaf_search(leaf, addr);
}

u32 child_search(const struct area_set *n, u64 addr); /* child_index(), the long way */
/* Is child i the first that ends above addr? */
static inline bool is_child_of(const struct area_set *n, u32 i, u64 addr)
{
	return i < n->nr && addr < n->child[i]->end && (i == 0 || n->child[i - 1]->end <= addr);
}

/* The first child that ends above addr; nr when there is none. It is remembered, since a call asks
 * for the same one several times. */
static inline u32 child_index(const struct area_set *n, u64 addr)
{
	u32 i = READ_ONCE(n->last);

	if (!is_child_of(n, i, addr)) {
		i = child_search(n, addr);
		WRITE_ONCE(((struct area_set *)n)->last, i);
	}
	return i;
}

/* The same, in passing: for what lies beside that which the call is about. */
static inline u32 child_beside(const struct area_set *n, u64 addr)
{
	u32 i = READ_ONCE(n->last);

	return is_child_of(n, i, addr) ? i : child_search(n, addr);
}

u64 longest_gap(const struct area_set *n); /* a look at each slot */

/* What an area refers to: one reference more, or less; the object's watch is not told. */
void area_hold_source(const struct area *a);
void area_drop_source(const struct area *a);
void area_set_release(struct area_set *n); /* drop a reference; NULL is allowed */

/* ---- finding; NULL is an empty tree ---- */
const struct area *area_tree_find(const struct area_set *root, u64 addr); /* area_find() */
/* The last area that ends at or below addr, or NULL; and the first that ends above it, as
 * area_tree_find() does. Not of an empty tree. */
const struct area *area_tree_around(const struct area_set *root, u64 addr,
				    const struct area **above);
/* areas_gap(). Nodes that promise a gap which they turn out not to have are put right on the way.
 */
u64 area_tree_gap(const struct area_set *root, u64 len, u64 low, u64 high, u64 *hole);

/* ---- owning: 0 or -ENOMEM, and then nothing has changed that can be seen ---- */
int area_tree_own_root(struct area_set **root); /* an empty tree gets an empty leaf */
/* The way to the leaf where an area at addr is, or would be put. */
int area_tree_own_path(struct area_set *root, u64 addr, struct area_set **leaf);
/* Spare nodes: as many as two `splits` can need; or the leaf that is left when all is removed. */
int area_tree_spares(struct area_set *root, bool splits);

/* ---- changing: what is changed is owned ---- */
void area_tree_insert(struct area_set **root,
		      const struct area *a); /* there may be spares needed */
/* Every area that intersects [start, end) lies inside it. Drops their references; the watches are
 * not told. */
void area_tree_remove(struct area_set **root, u64 start, u64 end);
/* Move the bounds of the area that holds addr. */
void area_tree_resize(struct area_set *root, u64 addr, u64 start, u64 end);
