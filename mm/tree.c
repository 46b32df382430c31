/*
 * The page-table tree, copy-on-write all the way up.
 *
 * A classic fork copies the page tables and shares the pages. Here the tables are shared as well,
 * by the same rule as the pages:
 *
 *   An entry may be writable (R/W = 1) only if it is the only reference to the table or page it
 *   points to. A table may be changed only after it is owned, and with it the whole path from the
 *   root.
 *
 * The CPU ANDs R/W along its walk, so one cleared bit near the root makes everything below it
 * read-only: fork clears a few bits and is done. A later write fault walks down the same path, and
 * tree_own_child() decides at each entry. Writable: go on. Read-only and the only reference: make
 * it writable. Read-only and shared: copy this one table; the sharing then begins one level lower.
 *
 * Why it is safe. A table whose count is above 1 does not change, except that R/W bits may be
 * cleared in it and the CPU sets accessed bits; R/W bits have no effect while an entry above is
 * read-only. An owned table is written only by its mm, under mm->lock. In any other table only R/W
 * bits are cleared, under the table's lock. Two mms that copy the same table at once serialise on
 * the table's own lock, and the second checks the count again. What is taken out of a tree is
 * dropped only after the TLBs are flushed (struct gather), so no CPU can still walk through a
 * table, or use a page, that another mm has come to own. INVLPG of any address also empties the
 * caches of upper-level entries (SDM vol. 3A, 4.10.4.1), so flushing the addresses concerned is
 * enough. A whole tree is freed when no CPU has it loaded any more.
 */
#include "mm/tree_internal.h"

#include "kernel/trace/trace.h"

/* ---- tables ---- */

atomic_t nr_table_pages;

/* Set up the struct page of an empty table. */
static struct page *init_table(struct page *t, int level)
{
	t->flags = PG_TABLE;
	atomic_inc(&nr_table_pages);
	t->level = level;
	t->nr_present = 0;
	t->used = 0;
	spin_lock_init(&t->lock, LOCK_TABLE);
	return t;
}

static struct page *new_table(int level)
{
	struct page *t = alloc_page(ALLOC_ZERO);

	return t ? init_table(t, level) : NULL;
}

bool tree_create(struct mm *mm)
{
	struct page *root = alloc_page(ALLOC_ROOT);

	if (!root)
		return false;
	mm->root = entries_of(root);
	if (!(root->flags & PG_ROOT)) {
		clear_page(mm->root);
		arch_init_root(mm->root);
	}
	init_table(root, PT_LEVELS);
	return true;
}

/* ---- dropping ---- */

/* Free a table that has no user entry left. */
static void free_table(struct page *t)
{
	atomic_dec(&nr_table_pages);
	free_prepared(t, t->level == PT_LEVELS ? STOCK_ROOT : STOCK_ZEROED);
}

static void drop_table(struct page *table);

/* Drop one reference to a page, or to a table, whose last reference drops its entries too. */
static void drop(struct page *p)
{
	if (!refcount_dec_and_test(&p->count))
		return;
	if (p->flags & PG_TABLE)
		drop_table(p);
	else
		free_pages(p, 0);
}

/* Drop everything that a table refers to and leave it all zeroes, as it was made. */
static void drop_entries(struct page *table)
{
	for (u64 used = table->used; used; used &= used - 1) {
		pte_t *run = first_run(table, used);

		for_each_in_run(i)
		{
			struct page *p = target_of(run[i]);

			if (!run[i])
				continue;
			run[i] = 0;
			if (!refcount_dec_and_test(&p->count))
				continue;
			if (table->level > 1)
				drop_table(p);
			else
				free_pages(p, 0);
		}
	}
}

static void drop_table(struct page *table)
{
	drop_entries(table);
	free_table(table);
}

void gather_flush_and_drop(struct gather *g)
{
	flush_tlb_range(g->mm, g->start, g->end);
	for (unsigned int i = 0; i < g->nr; i++)
		drop(g->pages[i]);
	gather_init(g, g->mm);
}

void gather_drop(struct gather *g, struct page *p, u64 start, u64 end)
{
	gather_flush(g, start, end);
	g->pages[g->nr++] = p;
	if (g->nr == GATHER_MAX)
		gather_finish(g);
}

/* ---- owning ---- */

/* Copy all entries of `from` into `to`, a new table, with one more reference for each. R/W is
 * cleared in both tables, except for pages of shared mappings. */
static void share_entries(struct page *to, struct page *from)
{
	for (u64 used = from->used; used; used &= used - 1) {
		pte_t *src = first_run(from, used), *dst = first_run(to, used);

		for_each_in_run(i)
		{
			pte_t e = src[i];

			if (!e)
				continue;
			get_page(target_of(e));
			if ((e & (PTE_WRITE | PTE_SHARED)) == PTE_WRITE) {
				e &= ~PTE_WRITE;
				WRITE_ONCE(src[i], e);
			}
			dst[i] = e;
		}
	}
	to->nr_present = from->nr_present;
	to->used = from->used;
}

/* Replace the shared table behind entry i of `parent` by a copy of our own. NULL without memory. */
static struct page *unshare(struct gather *g, struct page *parent, unsigned int i, u64 addr)
{
	struct page *old = target_of(entries_of(parent)[i]), *copy = new_table(old->level);

	if (!copy)
		return NULL;
	spin_lock(&old->lock);
	if (refcount_read(&old->count) == 1) { /* the other mm has copied it and dropped it */
		spin_unlock(&old->lock);
		drop(copy);
		WRITE_ONCE(entries_of(parent)[i], table_entry(old));
		return old;
	}
	share_entries(copy, old);
	spin_unlock(&old->lock);
	WRITE_ONCE(entries_of(parent)[i], table_entry(copy));
	g->mm->stats.cow_tables++;
	trace_cow_table(addr, copy->level, copy->nr_present);
	gather_drop(g, old, addr, addr + PAGE_SIZE);
	return copy;
}

/* Make the tables for addr from `level` down, each with one entry. NULL without memory. */
static struct page *new_branch(int level, u64 addr)
{
	struct page *below = NULL;

	for (int l = 1; l <= level; l++) {
		struct page *t = new_table(l);

		if (!t) {
			if (below)
				drop(below);
			return NULL;
		}
		if (below)
			fill_entry(t, pt_index(addr, l), table_entry(below));
		below = t;
	}
	return below;
}

struct page *tree_own_child(struct gather *g, struct page *parent, int level, unsigned int i,
			    u64 addr)
{
	pte_t e = entries_of(parent)[i];
	struct page *child;

	if (likely(e & PTE_WRITE))
		return target_of(e);
	if (!e) {
		child = new_branch(level - 1, addr);
		if (child) {
			fill_entry(parent, i, table_entry(child));
			g->mm->rss.tables += level - 1;
		}
		return child;
	}
	child = target_of(e);
	if (refcount_read(&child->count) > 1)
		return unshare(g, parent, i, addr);
	WRITE_ONCE(entries_of(parent)[i], table_entry(child));
	return child;
}

pte_t *tree_own_path(struct gather *g, u64 addr)
{
	struct page *table = root_of(g->mm);

	for (int level = PT_LEVELS; level > 1 && table; level--)
		table = tree_own_child(g, table, level, pt_index(addr, level), addr);
	return table ? &entries_of(table)[pt_index(addr, 1)] : NULL;
}

pte_t *tree_owned_slot(struct mm *mm, u64 addr)
{
	pte_t *table = mm->root;

#pragma GCC unroll 3 /* as in tree_walk() */
	for (int level = PT_LEVELS; level > 1; level--) {
		pte_t e = table[pt_index(addr, level)];

		if (!(e & PTE_WRITE))
			return NULL;
		table = phys_to_virt(pte_addr(e));
	}
	return &table[pt_index(addr, 1)];
}

static u32 slot_index(const pte_t *slot)
{
	return ((u64)slot & ~PAGE_MASK) / sizeof(*slot);
}

void tree_fill_slot(pte_t *slot, pte_t leaf)
{
	fill_entry(virt_to_page(slot), slot_index(slot), leaf);
}

void tree_replace_leaf(struct gather *g, pte_t *slot, u64 addr, pte_t leaf)
{
	struct page *old = target_of(*slot);

	WRITE_ONCE(*slot, leaf);
	gather_drop(g, old, addr, addr + PAGE_SIZE);
}

u32 tree_fill_slots(pte_t *slot, struct page **pages, u32 n, pte_t bits)
{
	struct page *table = virt_to_page(slot);
	u32 first = slot_index(slot), before = table->nr_present;

	for (u32 i = 0; i < n; i++) {
		if (!pages[i])
			continue;
		if (slot[i])
			put_page(pages[i]);
		else
			fill_entry(table, first + i, page_to_phys(pages[i]) | bits);
	}
	return table->nr_present - before;
}

/* ---- fork ---- */

/* Clone `from` into `to`, a new table. Tables of level `shared_level` (0: pages) are shared, tables
 * above it are copied. `from` may itself be shared with other trees; then it does not change while
 * it is walked. 0, or -ENOMEM with `to` filled in part. */
static int clone_table(struct mm *dst, struct page *to, struct page *from, int shared_level)
{
	if (from->level - 1 == shared_level) {
		spin_lock(&from->lock);
		share_entries(to, from);
		spin_unlock(&from->lock);
		if (shared_level)
			dst->stats.tables_shared += to->nr_present;
		else
			dst->stats.pages_shared += to->nr_present;
		return 0;
	}
	for (unsigned int i = 0; (i = next_used(from, i, PTRS_PER_TABLE)) < PTRS_PER_TABLE; i++) {
		struct page *child = target_of(entries_of(from)[i]), *copy;

		copy = new_table(child->level);
		if (!copy)
			return -ENOMEM;
		fill_entry(to, i, table_entry(copy));
		dst->stats.tables_copied++;
		if (clone_table(dst, copy, child, shared_level))
			return -ENOMEM;
	}
	return 0;
}

int tree_clone(struct mm *dst, struct mm *src, enum fork_share share)
{
	static const int shared_level[] = {
		[SHARE_PAGES] = 0, [SHARE_TABLES] = 1, [SHARE_TREE] = PT_LEVELS - 1};
	int err = clone_table(dst, root_of(dst), root_of(src), shared_level[share]);

	/* The parent lost R/W bits. Its CPUs must drop the writable translations even after a
	 * failure, before the references taken here are dropped again. */
	flush_tlb_mm(src);
	if (err)
		tree_destroy(dst);
	return err;
}

/* ---- the end ---- */

void tree_destroy(struct mm *mm)
{
	struct page *root = root_of(mm);

	drop_entries(root);
	root->nr_present = 0;
	root->used = 0;
}

void tree_free_root(struct mm *mm)
{
	DEBUG_ON(root_of(mm)->nr_present);
	free_table(root_of(mm));
	mm->root = NULL;
}
