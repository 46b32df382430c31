/*
 * The B+ tree that holds the areas of an address space in its leaves.
 *
 * A process with few areas has a single leaf, which costs no more than a sorted array. With many
 * areas every operation is logarithmic. After fork two trees share their nodes copy-on-write, by
 * the rule of the page tables: a node may be changed only by the tree that holds the single
 * reference to it and to every node above it. A look-up changes nothing but hints.
 *
 * areas_prepare() in area.c copies nodes and makes spare ones for splits before a change; the
 * change itself cannot fail. A node that becomes too empty takes in the slots of a neighbour, which
 * works without an allocation even if the neighbour is shared.
 */
#pragma once

#include "mm/mm.h"

#ifndef AREA_LEAF_MAX /* the unit test has smaller ones */
#define AREA_LEAF_MAX 24
#define AREA_NODE_MAX 32
#endif

/* A node; with level 0, a leaf. */
struct area_set {
	refcount_t count; /* nodes above and address spaces that refer to it */
	u16 nr;           /* areas or children */
	u8 level;
	bool watched; /* an area below maps an object that is watched */
	u32 last;     /* hint: the index found last; any value is correct */
	u32 total;    /* areas below; not kept in a leaf, where nr says it */
	/* Summary of the areas below; not kept in a leaf that is the root. */
	u64 start, end; /* of the first area, of the last */
	u64 low;        /* new mappings end here at most: start, or lower for a stack */
	u64 gap;        /* at least the longest gap between two areas: see areas_gap() */
	/* Root only: nodes for splits, linked by `next_spare`. */
	struct area_set *spare_leaf, *spare_node, *next_spare;
	union {
		struct area areas[AREA_LEAF_MAX]; /* by address, none overlapping; each holds
						     references to its object and file */
		struct area_set *child[AREA_NODE_MAX];
	};
};

void area_tree_init(void); /* caches */

/* The lowest address that new mappings must keep clear of because of this area. */
static inline u64 area_claim(const struct area *a)
{
	if (!(a->flags & AREA_GROWSDOWN))
		return a->start;
	return a->start > STACK_GAP ? a->start - STACK_GAP : 0;
}

/* The end of area or child i. */
static inline u64 slot_end(const struct area_set *n, u32 i)
{
	return n->level ? n->child[i]->end : n->areas[i].end;
}

u32 slot_search(const struct area_set *n, u64 addr); /* without the hint */
/* The index of the first area that ends above addr, or nr. */
static inline u32 leaf_index(const struct area_set *leaf, u64 addr)
{
	u32 i = READ_ONCE(leaf->last), nr = leaf->nr;
	const struct area *a = &leaf->areas[i];

	if (i < nr && addr < a->end && (addr >= a->start || i == 0 || a[-1].end <= addr))
		return i;
	if (!nr || leaf->areas[nr - 1].end <= addr)
		return nr; /* new areas often come in order */
	i = slot_search(leaf, addr);
	WRITE_ONCE(((struct area_set *)leaf)->last, i);
	return i;
}

/* Is child i the first that ends above addr? */
static inline bool is_child_of(const struct area_set *n, u32 i, u64 addr)
{
	return i < n->nr && addr < n->child[i]->end && (i == 0 || n->child[i - 1]->end <= addr);
}

/* The index of the first child that ends above addr, or nr. Kept as a hint, since one system call
 * looks for the same child several times. */
static inline u32 child_index(const struct area_set *n, u64 addr)
{
	u32 i = READ_ONCE(n->last);

	if (!is_child_of(n, i, addr)) {
		i = slot_search(n, addr);
		WRITE_ONCE(((struct area_set *)n)->last, i);
	}
	return i;
}

/* The same without changing the hint: for a neighbour of the child that the call is about. */
static inline u32 child_beside(const struct area_set *n, u64 addr)
{
	u32 i = READ_ONCE(n->last);

	return is_child_of(n, i, addr) ? i : slot_search(n, addr);
}

u64 longest_gap(const struct area_set *n); /* computed from all slots */

/* Take or drop a reference to the object and the file of an area, without telling the watch. */
void area_hold_source(const struct area *a);
void area_drop_source(const struct area *a);
void area_set_release(struct area_set *n); /* drop a reference; NULL is allowed */

/* ---- finding ---- */
const struct area *area_tree_find(const struct area_set *root, u64 addr); /* area_find() */
/* The last area that ends at or below addr, or NULL; and in *above the first that ends above it, or
 * NULL. The tree is not empty. */
const struct area *area_tree_around(const struct area_set *root, u64 addr,
				    const struct area **above);
/* The highest address for len bytes in [low, high) that keeps clear of stacks, or 0. *hole is
 * raised to an upper bound for the gaps above that address. Corrects `gap` in nodes that turn out
 * not to have a gap of that length. NULL is an empty tree. */
u64 areas_gap(const struct area_set *root, u64 len, u64 low, u64 high, u64 *hole);

/* ---- owning: 0, or -ENOMEM with no visible change ---- */
int area_tree_own_root(struct area_set **root); /* an empty tree gets an empty leaf */
/* Own the path to the leaf where an area at addr is, or would be inserted. */
int area_tree_own_path(struct area_set *root, u64 addr, struct area_set **leaf);
/* Make spare nodes: for two splits if `splits`, else a leaf for the case that all is removed. */
int area_tree_spares(struct area_set *root, bool splits);

/* ---- changing: the nodes to be changed are owned ---- */
void area_tree_insert(struct area_set **root, const struct area *a); /* may take spares */
/* Remove the areas in [start, end), none of which reaches out of it. Does not tell the watches. */
void area_tree_remove(struct area_set **root, u64 start, u64 end);
/* Set the bounds of the area of addr. */
void area_resize(struct area_set *root, u64 addr, u64 start, u64 end);
