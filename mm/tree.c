/*
 * The page-table tree, copy-on-write all the way up.
 *
 * A classic fork copies the page tables and shares the pages. Here the tables are shared as well,
 * by the same rule as the pages:
 *
 *   An entry may be writable (R/W = 1) only if it is the only reference to the table or page it
 *   points to. Whoever wants to change a table must first own it, and its whole path from the root.
 *
 * The CPU ANDs R/W along its walk, so one cleared bit near the root makes everything below it
 * read-only: fork clears a few bits and is done. A later write fault comes down the same path, and
 * own_child() below decides at each step: writable, go on; read-only and the only reference, make
 * it writable; read-only and shared, copy this one table, which shares what is below it one level
 * deeper.
 *
 * Why it is safe. A table whose count is above 1 does not change, but for R/W bits that are taken
 * from it: they mean nothing while an entry above is read-only. Only the holder of the single
 * reference writes into a table, under his mm->lock. Two who copy the same table at once serialise
 * on the table's own lock, and the second looks at the count again. And what was taken out of a
 * tree is dropped only after the TLBs were flushed (struct gather), so no CPU can still walk
 * through a table or use a page that has come to belong to somebody else. INVLPG of any address
 * also empties the caches of upper-level entries (SDM vol. 3A, 4.10.4.1), so flushing the addresses
 * concerned is enough.
 *
 * The file goes: entries and tables; dropping; owning; looking; fork; unmapping; protecting;
 * moving.
 */
#include "mm/tree.h"

#include <asm/errno.h>

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/trace/trace.h"

/* ---- entries and tables ---- */

/* The lower half of a root is the process's; the upper half, the kernel's, never changes. */
#define USER_ROOT_ENTRIES (PTRS_PER_TABLE / 2)

/* Accessed is set beforehand: the CPU then has no reason to write into a table that is shared. */
#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static pte_t *entries_of(const struct page *table)
{
	return page_to_virt(table);
}

static struct page *target_of(pte_t e)
{
	return phys_to_page(pte_addr(e));
}

static struct page *root_of(const struct mm *mm)
{
	return virt_to_page(mm->root);
}

static pte_t table_entry(const struct page *table)
{
	return page_to_phys(table) | TABLE_BITS;
}

atomic_t nr_table_pages;

/* First address that entry i covers, in the table of this level that covers addr. */
static u64 entry_start(u64 addr, int level, unsigned int i)
{
	return ALIGN_DOWN(addr, pt_span(level + 1)) + i * pt_span(level);
}

/* What struct page says of a table that has nothing in it yet. */
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

/* Change one entry of an owned table, and keep its occupancy true. */
static void set_entry(struct page *table, unsigned int i, pte_t e)
{
	pte_t *entries = entries_of(table), *run = &entries[i & ~7u];
	bool was_used = entries[i] != 0;

	WRITE_ONCE(entries[i], e);
	if (e) {
		table->nr_present += !was_used;
		table->used |= 1UL << (i / 8);
		return;
	}
	table->nr_present -= was_used;
	if (!(run[0] | run[1] | run[2] | run[3] | run[4] | run[5] | run[6] | run[7]))
		table->used &= ~(1UL << (i / 8));
}

/* The first used entry in [from, end), or end. Runs of eight that are empty cost nothing. */
static unsigned int next_used(const struct page *table, unsigned int from, unsigned int end)
{
	const pte_t *entries = entries_of(table);

	while (from < end) {
		u64 left = table->used >> (from / 8);

		if (!left)
			return end;
		if (!(left & 1))
			from = (from / 8 + __builtin_ctzl(left)) * 8;
		do {
			if (from >= end || entries[from])
				return MIN(from, end);
		} while (++from % 8);
	}
	return end;
}

/* Visit the used entries of a table that intersect [start, end), which lies in what the table
 * covers. */
#define for_each_used(i, table, level, start, end)                               \
	for (unsigned int i##_end = pt_index((end)-1, level) + 1,                \
			  i = next_used(table, pt_index(start, level), i##_end); \
	     i < i##_end; i = next_used(table, i + 1, i##_end))

bool tree_create(struct mm *mm)
{
	struct page *root = alloc_page(ALLOC_ROOT);

	if (!root)
		return false;
	mm->root = entries_of(root);
	if (!(root->flags & PG_ROOT)) {
		memset(mm->root, 0, USER_ROOT_ENTRIES * sizeof(pte_t));
		arch_init_root(mm->root); /* fills the other half */
	}
	init_table(root, PT_LEVELS);
	return true;
}

/* ---- dropping: what leaves a tree waits here until no TLB knows it any more ---- */

#define GATHER_MAX 56

struct gather {
	struct mm *mm;
	u64 start, end; /* addresses to flush */
	unsigned int nr;
	struct page *pages[GATHER_MAX]; /* one reference each */
};

static void gather_init(struct gather *g, struct mm *mm)
{
	g->mm = mm;
	g->start = ~0UL;
	g->end = 0;
	g->nr = 0;
}

/* It has no entry left (of the user's). */
static void free_table(struct page *t)
{
	atomic_dec(&nr_table_pages);
	free_prepared(t, t->level == PT_LEVELS ? STOCK_ROOT : STOCK_ZEROED);
}

static void drop_table(struct page *table);

/* Drop one reference to a page or table; the last one to a table drops all that it refers to, and
 * leaves it as empty as it was made. */
static void drop(struct page *p)
{
	if (!refcount_dec_and_test(&p->count))
		return;
	if (p->flags & PG_TABLE)
		drop_table(p);
	else
		free_pages(p, 0);
}

static void drop_table(struct page *table)
{
	for (u64 used = table->used; used; used &= used - 1) {
		pte_t *run = entries_of(table) + 8 * __builtin_ctzl(used);

		for (unsigned int i = 0; i < 8; i++) {
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
	free_table(table);
}

/* Flush, then drop: never the other way round. */
static void gather_finish(struct gather *g)
{
	if (g->start < g->end)
		flush_tlb_range(g->mm, g->start, g->end);
	for (unsigned int i = 0; i < g->nr; i++)
		drop(g->pages[i]);
	gather_init(g, g->mm);
}

static void gather_flush(struct gather *g, u64 start, u64 end)
{
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, end);
}

/* `p` was taken out of the tree, where [start, end) led to it. */
static void gather_drop(struct gather *g, struct page *p, u64 start, u64 end)
{
	gather_flush(g, start, end);
	g->pages[g->nr++] = p;
	if (g->nr == GATHER_MAX)
		gather_finish(g);
}

/* ---- owning ---- */

/* Make `to`, which is fresh, a second reference to all that `from` refers to. Nobody may write
 * through either from now on; only the pages of shared mappings stay as they are. */
static void share_entries(struct page *to, struct page *from)
{
	for (u64 used = from->used; used; used &= used - 1) {
		unsigned int first = 8 * __builtin_ctzl(used);
		pte_t *src = entries_of(from) + first, *dst = entries_of(to) + first;

		for (unsigned int i = 0; i < 8; i++) {
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
	if (refcount_read(&old->count) == 1) { /* whoever shared it copied it just now */
		spin_unlock(&old->lock);
		drop(copy);
		set_entry(parent, i, table_entry(old));
		return old;
	}
	share_entries(copy, old);
	spin_unlock(&old->lock);
	set_entry(parent, i, table_entry(copy));
	g->mm->stats.cow_tables++;
	trace_cow_table(addr, copy->level, copy->nr_present);
	gather_drop(g, old, addr, addr + PAGE_SIZE);
	return copy;
}

/* A chain of empty tables for addr, from `level` down to the leaf table. NULL without memory. */
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
			set_entry(t, pt_index(addr, l), table_entry(below));
		below = t;
	}
	return below;
}

/* One step of a path: own the table behind entry i of `parent`, which is owned and of this level.
 */
static struct page *own_child(struct gather *g, struct page *parent, int level, unsigned int i,
			      u64 addr)
{
	pte_t e = entries_of(parent)[i];
	struct page *child;

	if (likely(e & PTE_WRITE))
		return target_of(e);
	if (!e) {
		child = new_branch(level - 1, addr);
		if (child)
			set_entry(parent, i, table_entry(child));
		return child;
	}
	child = target_of(e);
	if (refcount_read(&child->count) > 1)
		return unshare(g, parent, i, addr);
	set_entry(parent, i, table_entry(child));
	return child;
}

static pte_t *own_path(struct mm *mm, u64 addr)
{
	struct page *table = root_of(mm);
	struct gather g;

	gather_init(&g, mm);
	for (int level = PT_LEVELS; level > 1 && table; level--)
		table = own_child(&g, table, level, pt_index(addr, level), addr);
	gather_finish(&g);
	return table ? &entries_of(table)[pt_index(addr, 1)] : NULL;
}

/* Most often all of it is ours already. */
pte_t *tree_own_path(struct mm *mm, u64 addr)
{
	pte_t *table = mm->root;

	for (int level = PT_LEVELS; level > 1; level--) {
		pte_t e = table[pt_index(addr, level)];

		if (unlikely(!(e & PTE_WRITE)))
			return own_path(mm, addr);
		table = phys_to_virt(pte_addr(e));
	}
	return &table[pt_index(addr, 1)];
}

void tree_set_leaf(struct mm *mm, pte_t *slot, u64 addr, pte_t leaf)
{
	pte_t old = *slot;

	set_entry(virt_to_page(slot), pt_index(addr, 1), leaf);
	if (!old)
		return;
	flush_tlb_range(mm, addr, addr + PAGE_SIZE);
	drop(target_of(old));
}

u32 tree_set_absent(pte_t *slot, struct page **pages, u32 n, pte_t bits)
{
	struct page *table = virt_to_page(slot);
	u32 first = ((u64)slot & ~PAGE_MASK) / sizeof(*slot), set = 0;

	for (u32 i = 0; i < n; i++) {
		if (!pages[i])
			continue;
		if (slot[i]) {
			put_page(pages[i]);
			continue;
		}
		WRITE_ONCE(slot[i], page_to_phys(pages[i]) | bits);
		table->used |= 1UL << ((first + i) / 8);
		set++;
	}
	table->nr_present += set;
	return set;
}

/* ---- looking: nothing here owns or changes anything ---- */

pte_t tree_walk(struct mm *mm, u64 addr)
{
	const pte_t *table = mm->root;
	pte_t write = PTE_WRITE;

	for (int level = PT_LEVELS;; level--) {
		pte_t e = READ_ONCE(table[pt_index(addr, level)]);

		if (!e)
			return 0;
		write &= e;
		if (level == 1)
			return (e & ~PTE_WRITE) | write;
		table = phys_to_virt(pte_addr(e));
	}
}

struct foreach {
	bool (*fn)(const struct tree_entry *, void *);
	void *arg;
};

static void foreach_table(const struct foreach *f, struct page *table, int level, u64 start,
			  u64 end, bool writable)
{
	for_each_used(i, table, level, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 lo = entry_start(start, level, i);
		struct tree_entry entry = {
			.level = level,
			.addr = lo,
			.entry = e,
			.count = refcount_read(&target_of(e)->count),
			.writable = writable && (e & PTE_WRITE),
		};

		if (f->fn(&entry, f->arg) && level > 1)
			foreach_table(f, target_of(e), level - 1, MAX(start, lo),
				      MIN(end, lo + pt_span(level)), entry.writable);
	}
}

void tree_foreach(struct mm *mm, u64 start, u64 end, bool (*fn)(const struct tree_entry *, void *),
		  void *arg)
{
	struct foreach f = {fn, arg};

	if (start < end)
		foreach_table(&f, root_of(mm), PT_LEVELS, start, end, true);
}

static u64 count_leaves(struct page *table, int level)
{
	unsigned int size = level == PT_LEVELS ? USER_ROOT_ENTRIES : PTRS_PER_TABLE;
	u64 n = 0;

	if (level == 1)
		return table->nr_present;
	for (unsigned int i = 0; (i = next_used(table, i, size)) < size; i++)
		n += count_leaves(target_of(entries_of(table)[i]), level - 1);
	return n;
}

u64 tree_resident(struct mm *mm)
{
	return count_leaves(root_of(mm), PT_LEVELS);
}

static void count_below(struct page *table, int level, struct mm_rss *rss)
{
	unsigned int size = level == PT_LEVELS ? USER_ROOT_ENTRIES : PTRS_PER_TABLE;

	for (unsigned int i = 0; (i = next_used(table, i, size)) < size; i++) {
		struct page *p = target_of(entries_of(table)[i]);

		if (level > 1) {
			rss->tables++;
			count_below(p, level - 1, rss);
		} else if (p->flags & PG_CACHE) {
			rss->shared++;
		} else if (!(p->flags & PG_ZERO)) {
			rss->anon++;
		}
	}
}

void tree_count(struct mm *mm, struct mm_rss *rss)
{
	count_below(root_of(mm), PT_LEVELS, rss);
}

/* ---- fork ---- */

/*
 * Fill `to`, which is fresh, with what `from` has. Tables of level `shared_level` (0: pages) are
 * shared; those above it are copied. `from` itself may be shared with others: what it refers to
 * cannot change then, and is only walked through here. Returns -ENOMEM with `to` filled in part.
 */
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
		set_entry(to, i, table_entry(copy));
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

	/* The parent lost R/W bits: its CPUs must forget them also if we failed, before the
	 * references that we took are dropped again. */
	flush_tlb_mm(src);
	if (err)
		tree_destroy(dst);
	return err;
}

/* ---- unmapping ---- */

/* Would protect_leaf() change it? Any leaf at all is wanted with ANY_LEAF. */
#define ANY_LEAF (~0u)
static pte_t protect_leaf(pte_t leaf, u32 area_flags);

static bool leaf_wanted(pte_t leaf, u32 area_flags)
{
	return area_flags == ANY_LEAF || protect_leaf(leaf, area_flags) != leaf;
}

/* The address of the first wanted leaf in [start, end), below a table that covers all of it; or
 * end. */
static u64 find_leaf(struct page *table, int level, u64 start, u64 end, u32 area_flags)
{
	for_each_used(i, table, level, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 lo = MAX(start, entry_start(start, level, i));
		u64 hi = MIN(end, entry_start(start, level, i) + pt_span(level)), found;

		if (level == 1) {
			if (leaf_wanted(e, area_flags))
				return lo;
			continue;
		}
		found = find_leaf(target_of(e), level - 1, lo, hi, area_flags);
		if (found < hi)
			return found;
	}
	return end;
}

/* Own the tables at addr's side of [start, end), as far down as the range covers them only in part
 * and has something in them. What it covers whole need not be owned: it is dropped whole. */
static int own_edge(struct mm *mm, u64 addr, u64 start, u64 end)
{
	struct page *table = root_of(mm);
	struct gather g;

	gather_init(&g, mm);
	for (int level = PT_LEVELS; level > 1 && table; level--) {
		unsigned int i = pt_index(addr, level);
		pte_t e = entries_of(table)[i];
		u64 span_lo = entry_start(addr, level, i), span_hi = span_lo + pt_span(level);
		u64 lo = MAX(start, span_lo), hi = MIN(end, span_hi);

		if (!e || (lo == span_lo && hi == span_hi) ||
		    find_leaf(target_of(e), level - 1, lo, hi, ANY_LEAF) == hi)
			break;
		table = own_child(&g, table, level, i, addr);
	}
	gather_finish(&g);
	return table ? 0 : -ENOMEM;
}

/* The leaf table of addr, or NULL. *owned: it is our own, and the way to it. */
static struct page *leaf_table(struct mm *mm, u64 addr, bool *owned)
{
	const pte_t *table = mm->root;
	pte_t write = PTE_WRITE;

	for (int level = PT_LEVELS; level > 1; level--) {
		pte_t e = table[pt_index(addr, level)];

		if (!e)
			return NULL;
		write &= e;
		table = phys_to_virt(pte_addr(e));
	}
	*owned = write;
	return virt_to_page(table);
}

/* Most changes are about a few pages under one leaf table. */
static bool in_one_table(u64 start, u64 end)
{
	return start >> pt_shift(2) == (end - 1) >> pt_shift(2) && end - start < pt_span(2);
}

int tree_prepare_unmap(struct mm *mm, u64 start, u64 end)
{
	struct page *table;
	bool owned;

	if (start >= end)
		return 0;
	if (in_one_table(start, end)) {
		table = leaf_table(mm, start, &owned);
		if (!table || owned || find_leaf(table, 1, start, end, ANY_LEAF) == end)
			return 0;
		return own_path(mm, start) ? 0 : -ENOMEM;
	}
	if (own_edge(mm, start, start, end))
		return -ENOMEM;
	return own_edge(mm, end - 1, start, end);
}

/* The edges are owned where there is something to clear: an entry that is only partly in the range
 * and read-only has nothing of it below. Owned tables that end up empty go too. */
static void unmap_table(struct gather *g, struct page *table, int level, u64 start, u64 end)
{
	for_each_used(i, table, level, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 span_lo = entry_start(start, level, i), span_hi = span_lo + pt_span(level);
		u64 lo = MAX(start, span_lo), hi = MIN(end, span_hi);

		if (lo != span_lo || hi != span_hi) {
			if (!(e & PTE_WRITE))
				continue;
			unmap_table(g, target_of(e), level - 1, lo, hi);
			if (target_of(e)->nr_present)
				continue;
		}
		set_entry(table, i, 0);
		gather_drop(g, target_of(e), lo, hi);
	}
}

/* The same for a range under one leaf table, which is our own. */
static void unmap_leaves(struct gather *g, struct page *table, u64 start, u64 end)
{
	for_each_used(i, table, 1, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 addr = entry_start(start, 1, i);

		set_entry(table, i, 0);
		gather_drop(g, target_of(e), addr, addr + PAGE_SIZE);
	}
	if (!table->nr_present)
		unmap_table(g, root_of(g->mm), PT_LEVELS, start, end);
}

int tree_unmap(struct mm *mm, u64 start, u64 end)
{
	struct page *table;
	struct gather g;
	bool owned;

	if (start >= end)
		return 0;
	gather_init(&g, mm);
	if (in_one_table(start, end)) {
		table = leaf_table(mm, start, &owned);
		if (table && !owned && tree_prepare_unmap(mm, start, end))
			return -ENOMEM;
		if (table && !owned)
			table = leaf_table(mm, start, &owned);
		if (table && owned)
			unmap_leaves(&g, table, start, end);
	} else {
		if (tree_prepare_unmap(mm, start, end))
			return -ENOMEM;
		unmap_table(&g, root_of(mm), PT_LEVELS, start, end);
	}
	gather_finish(&g);
	return 0;
}

/* Another CPU may still have this mm loaded, in a kernel thread that borrowed it: hence the flush.
 */
void tree_destroy(struct mm *mm)
{
	struct page *root = root_of(mm);
	struct gather g;

	gather_init(&g, mm);
	for (u64 used = root->used; used; used &= used - 1) {
		unsigned int first = 8 * __builtin_ctzl(used);

		for (unsigned int i = first; i < first + 8; i++) {
			pte_t e = entries_of(root)[i];

			if (!e)
				continue;
			entries_of(root)[i] = 0;
			gather_drop(&g, target_of(e), entry_start(0, PT_LEVELS, i),
				    entry_start(0, PT_LEVELS, i + 1));
		}
	}
	root->nr_present = 0;
	root->used = 0;
	gather_finish(&g);
}

void tree_free_root(struct mm *mm)
{
	DEBUG_ON(root_of(mm)->nr_present);
	free_table(root_of(mm));
	mm->root = NULL;
}

/* ---- protecting ---- */

pte_t tree_leaf_bits(u32 area_flags)
{
	pte_t bits = 0;

	if (area_flags & AREA_PROT)
		bits |= PTE_PRESENT | PTE_USER | PTE_ACCESSED;
	if (!(area_flags & AREA_EXEC))
		bits |= PTE_NX;
	if (area_flags & AREA_SHARED)
		bits |= PTE_SHARED | (area_flags & AREA_WRITE ? PTE_WRITE : 0);
	return bits;
}

static pte_t protect_leaf(pte_t leaf, u32 area_flags)
{
	leaf &= ~(PTE_PRESENT | PTE_USER | PTE_NX);
	if (!(area_flags & AREA_WRITE))
		leaf &= ~PTE_WRITE;
	return leaf | tree_leaf_bits(area_flags);
}

int tree_prepare_protect(struct mm *mm, u64 start, u64 end, u32 area_flags)
{
	/* One leaf table at a time. Each search starts at the root again, because owning may have
	 * replaced any table on the way. */
	while (start < end) {
		start = find_leaf(root_of(mm), PT_LEVELS, start, end, area_flags);
		if (start < end && !tree_own_path(mm, start))
			return -ENOMEM;
		start = ALIGN_DOWN(start, pt_span(2)) + pt_span(2);
	}
	return 0;
}

/* What has a leaf to change is owned, and therefore writable from the root down. */
static void protect_table(struct gather *g, struct page *table, int level, u64 start, u64 end,
			  u32 area_flags)
{
	for_each_used(i, table, level, start, end)
	{
		pte_t *slot = &entries_of(table)[i], e = *slot;
		u64 lo = MAX(start, entry_start(start, level, i));
		u64 hi = MIN(end, entry_start(start, level, i) + pt_span(level));

		if (level > 1) {
			if (e & PTE_WRITE)
				protect_table(g, target_of(e), level - 1, lo, hi, area_flags);
		} else if (protect_leaf(e, area_flags) != e) {
			WRITE_ONCE(*slot, protect_leaf(e, area_flags));
			gather_flush(g, lo, hi);
		}
	}
}

int tree_protect(struct mm *mm, u64 start, u64 end, u32 area_flags)
{
	struct gather g;

	if (tree_prepare_protect(mm, start, end, area_flags))
		return -ENOMEM;
	if (start >= end)
		return 0;
	gather_init(&g, mm);
	protect_table(&g, root_of(mm), PT_LEVELS, start, end, area_flags);
	gather_finish(&g);
	return 0;
}

/* ---- moving ---- */

static u64 next_leaf(struct mm *mm, u64 start, u64 end)
{
	return start < end ? find_leaf(root_of(mm), PT_LEVELS, start, end, ANY_LEAF) : end;
}

/* Own both ends of every leaf's way. Destination tables that turn out not to be needed are empty;
 * the unmapping of an empty range frees such tables. */
static int prepare_move(struct mm *mm, u64 from, u64 to, u64 len)
{
	u64 end = from + len;

	for (u64 a = from; (a = next_leaf(mm, a, end)) < end; a += PAGE_SIZE) {
		if (!tree_own_path(mm, a) || !tree_own_path(mm, a - from + to))
			return -ENOMEM;
	}
	return 0;
}

int tree_move(struct mm *mm, u64 from, u64 to, u64 len)
{
	int err = prepare_move(mm, from, to, len);
	u64 end = from + len;
	struct gather g;

	gather_init(&g, mm);
	for (u64 a = from; !err && (a = next_leaf(mm, a, end)) < end; a += PAGE_SIZE) {
		pte_t *src = tree_own_path(mm, a), *dst = tree_own_path(mm, a - from + to);
		pte_t e = *src;

		set_entry(virt_to_page(dst), pt_index(a - from + to, 1), e);
		set_entry(virt_to_page(src), pt_index(a, 1), 0);
		gather_flush(&g, a, a + PAGE_SIZE);
	}
	gather_finish(&g);
	if (len) { /* what is empty now: the old tables, or after a failure the new ones */
		u64 empty = err ? to : from;

		unmap_table(&g, root_of(mm), PT_LEVELS, empty, empty + len);
		gather_finish(&g);
	}
	return err;
}
