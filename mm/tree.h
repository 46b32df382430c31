/*
 * The page-table tree, copy-on-write all the way up: tree.c tells its one rule. The caller holds
 * mm->lock of every mm it passes.
 *
 * Terms: a *leaf* is an entry that maps a page, its *slot* the place of that entry. A path is
 * *owned* when all entries on it are writable. An *area* is a mapped range of addresses (Linux:
 * VMA), an *object* the pages of a file or of shared memory.
 *
 * Compiles on the host: tests/unit/tree_test.c runs it against a flat model.
 */
#pragma once

#include "mm/mm.h"

extern atomic_t nr_table_pages; /* of all trees */

/* An entry of 0 is absent; any other entry refers to a table or a page. A page in an area that
 * forbids all access keeps its address in the leaf, but loses PTE_PRESENT. */

/* Pages and tables that leave a tree, until the TLBs are flushed: once for several changes. */
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

void gather_flush_and_drop(struct gather *g); /* in this order: see tree.c */

/* Flush and drop if there is anything to flush. The gather may be used again. */
static inline void gather_finish(struct gather *g)
{
	if (g->start < g->end)
		gather_flush_and_drop(g);
}

bool tree_create(struct mm *mm);    /* give a new mm its empty root. False without memory */
void tree_free_root(struct mm *mm); /* after tree_destroy() */
/* The permission bits of a leaf in an area with these flags. PTE_WRITE is set for shared areas
 * only: a private page becomes writable in the fault handler, once it is known to be owned. */
pte_t tree_leaf_bits(u32 area_flags);

/* Make dst's empty tree a clone of src's, with the tables down to the level `share` shared, and
 * flush src's TLB. 0, or -ENOMEM: dst is empty again, and src has lost only R/W bits. */
int tree_clone(struct mm *dst, struct mm *src, enum fork_share share);
/* Own every table on the path to addr and make the absent ones; gather those that were copied.
 * Returns the slot of the leaf, or NULL without memory. */
pte_t *tree_own_path(struct gather *g, u64 addr);
/* The same slot if the whole path to it is owned already, else NULL. */
pte_t *tree_owned_slot(struct mm *mm, u64 addr);
/* The leaf entry of addr, with R/W ANDed along the walk as the CPU does it; 0 if absent. */
pte_t tree_walk(struct mm *mm, u64 addr);
/* The address of the first used leaf in [addr, end), or `end`. */
u64 tree_next_leaf(struct mm *mm, u64 addr, u64 end);
/* Put a leaf into an empty slot of an owned table, or replace the leaf there, whose page is
 * gathered. Both take over the caller's reference to the new page. */
void tree_fill_slot(pte_t *slot, pte_t leaf);
void tree_replace_leaf(struct gather *g, pte_t *slot, u64 addr, pte_t leaf);
/* Fill n slots in a row with pages[]; a NULL is skipped. If a slot is not empty, the reference to
 * its page of pages[] is dropped. Returns how many slots were filled. */
u32 tree_fill_slots(pte_t *slot, struct page **pages, u32 n, pte_t bits);
/* Clear [start, end). A subtree that lies wholly inside loses one reference and is not unshared. 0,
 * or -ENOMEM with nothing cleared. Flushes before it drops. */
int tree_unmap(struct mm *mm, u64 start, u64 end);
/* The part of tree_unmap() that can fail, for callers that have more to acquire before they commit:
 * tree_unmap() of the same range then succeeds as long as mm->lock is held. */
int tree_prepare_unmap(struct mm *mm, u64 start, u64 end);
void tree_destroy(struct mm *mm); /* empty the tree of an mm that no CPU has loaded; cannot fail */
/* Give the leaves in [start, end) the permissions of area_flags. R/W is cleared, or set for shared
 * pages; a private page gets it back at the next write fault. Flushes. 0 or -ENOMEM, as above. */
int tree_protect(struct mm *mm, u64 start, u64 end, u32 area_flags);
/* As tree_prepare_unmap(). */
int tree_prepare_protect(struct mm *mm, u64 start, u64 end, u32 area_flags);
/* Move the leaves of [from, from + len) to an empty range elsewhere. 0, or -ENOMEM: none moved. */
int tree_move(struct mm *mm, u64 from, u64 to, u64 len);
/* fault.c, for access.c too. On an owned path: is the mm the only one that uses the page of a
 * private leaf? Replace the page by a copy, as read-only as it was; false without memory. */
bool leaf_is_owned(pte_t leaf);
bool copy_leaf(struct gather *g, pte_t *slot, u64 addr);
void tree_count(struct mm *mm, struct mm_rss *rss); /* visits every page */
/* Panic unless mm->rss equals what tree_count() finds. No task uses the mm any more. */
void tree_check_counts(struct mm *mm);
/* Count n more leaves (fewer if negative) for this page. */
static inline void rss_count(struct mm_rss *rss, const struct page *p, s64 n)
{
	if (p->flags & PG_CACHE)
		rss->shared += n;
	else if (!(p->flags & PG_ZERO))
		rss->anon += n;
}

/* Call fn for each used entry in [start, end), a table before what is below it; fn returns false to
 * skip what is below. For `pt PID` and the tests. */
struct tree_entry {
	int level; /* of the table the entry stands in: 4 … 1 */
	u64 addr;  /* first address it covers */
	pte_t entry;
	u32 count;     /* references to what it points to */
	bool writable; /* R/W ANDed from the root down to this entry */
};
void tree_foreach(struct mm *mm, u64 start, u64 end, bool (*fn)(const struct tree_entry *, void *),
		  void *arg);
