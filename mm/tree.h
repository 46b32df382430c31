/*
 * The page-table tree, copy-on-write all the way up.
 *
 *   The one rule. An entry may be writable (R/W = 1) only if it is the only reference to the table
 * or page it points to. Whoever wants to change a table must first own it, and its whole path from
 * the root.
 *
 * The caller holds mm->lock for every mm it passes. A table with a count above 1 is immutable but
 * for the accessed bits. Compiles on the host: tests/unit/tree_test.c runs it against a flat model.
 */
#pragma once

#include "mm/mm.h"

extern atomic_t nr_table_pages; /* of all trees */

/* An entry that is 0 is absent; any other refers to a table or page. The leaf of a page whose area
 * forbids all access keeps its address, but not PTE_PRESENT. */

/* What leaves a tree waits here until no TLB knows it any more. Several changes may share one: they
 * are flushed once. */
#define GATHER_MAX 56

struct gather {
	struct mm *mm;
	u64 start, end; /* addresses to flush */
	unsigned int nr;
	struct page *pages[GATHER_MAX]; /* one reference each */
};

static inline void gather_init(struct gather *g, struct mm *mm)
{
	g->mm = mm;
	g->start = ~0UL;
	g->end = 0;
	g->nr = 0;
}

void gather_flush_and_drop(struct gather *g); /* in this order, never the other way round */

/* The gather may then be used again. */
static inline void gather_finish(struct gather *g)
{
	if (g->start < g->end)
		gather_flush_and_drop(g);
}

/* Give a new mm its empty root. False without memory. */
bool tree_create(struct mm *mm);
void tree_free_root(struct mm *mm); /* after tree_destroy() */
/* The permission bits of a leaf in an area with these flags. PTE_WRITE only for shared areas: a
 * private page becomes writable when its owner is known. */
pte_t tree_leaf_bits(u32 area_flags);

/* dst's tree becomes src's, shared down to `share`. dst's root is empty. 0 or -ENOMEM (dst is then
 * emptied again; src keeps its contents, only with R/W cleared where it was already shared).
 * Flushes src's TLB. */
int tree_clone(struct mm *dst, struct mm *src, enum fork_share share);
/* Own every table on the way to addr, creating absent ones; returns the leaf entry's slot, or NULL
 * without memory. The tables that others keep are gathered. */
pte_t *tree_own_path(struct gather *g, u64 addr);
/* The same slot if the way to it is our own already, else NULL. */
pte_t *tree_owned_slot(struct mm *mm, u64 addr);
/* The leaf entry of addr with R/W as the hardware would AND it along the walk, or 0. Owns nothing.
 */
pte_t tree_walk(struct mm *mm, u64 addr);
/* Both take over the caller's reference to the page that the leaf points to. Put it into an empty
 * slot of an owned table; or in the place of another, which is gathered. */
void tree_fill_slot(pte_t *slot, pte_t leaf);
void tree_replace_leaf(struct gather *g, pte_t *slot, u64 addr, pte_t leaf);
/* Fill n slots in a row, but where pages[i] is NULL; where something is already, the page's
 * reference is dropped. How many were filled. */
u32 tree_fill_slots(pte_t *slot, struct page **pages, u32 n, pte_t bits);
/* Clear [start, end): whole subtrees lose a reference without being unshared. 0 or -ENOMEM (a table
 * at the edge had to be copied; then nothing of that edge was cleared). Flushes before it drops. */
int tree_unmap(struct mm *mm, u64 start, u64 end);
/* The part of tree_unmap() that can fail. After it, and until mm->lock is released, tree_unmap() of
 * the same range cannot: callers that have more to do acquire first, then commit. */
int tree_prepare_unmap(struct mm *mm, u64 start, u64 end);
/* Empty the tree of an mm that no CPU has loaded; cannot fail. */
void tree_destroy(struct mm *mm);
/* Give the leaves in [start, end) the permissions of area_flags: takes R/W away, or gives it to
 * shared pages; private pages get it back by the next write fault. Flushes. 0 or -ENOMEM with
 * nothing changed. */
int tree_protect(struct mm *mm, u64 start, u64 end, u32 area_flags);
int tree_prepare_protect(struct mm *mm, u64 start, u64 end,
			 u32 area_flags); /* as tree_prepare_unmap() */
/* Move the leaves of [from, from + len) to `to`, where nothing is mapped; the ranges do not
 * overlap. 0 or -ENOMEM with nothing moved. */
int tree_move(struct mm *mm, u64 from, u64 to, u64 len);
/* Leaves in the tree; counts tables, not pages. */
u64 tree_resident(struct mm *mm);
void tree_count(struct mm *mm, struct mm_rss *rss); /* looks at every page */
/* Panic unless mm->rss says what tree_count() finds. No task lives in it any more, and it was
 * whole.
 */
void tree_check_counts(struct mm *mm);
/* n leaves more, or less, show this page. */
static inline void tree_count_leaf(struct mm *mm, const struct page *p, s64 n)
{
	if (p->flags & PG_CACHE)
		mm->rss.shared += n;
	else if (!(p->flags & PG_ZERO))
		mm->rss.anon += n;
}

/* What `pt PID` and the tests see: called for each present entry, tables before what is below them.
 * Return false to skip what is below. `writable` is the AND of R/W from the root to here. */
struct tree_entry {
	int level; /* of the table the entry stands in: 4 … 1 */
	u64 addr;  /* first address it covers */
	pte_t entry;
	u32 count; /* references of what it points to */
	bool writable;
};
void tree_foreach(struct mm *mm, u64 start, u64 end, bool (*fn)(const struct tree_entry *, void *),
		  void *arg);
