/*
 * Unmap, protect and move ranges of addresses. Each first owns the tables that it will change,
 * which can fail, and then changes them, which cannot.
 */
#include "mm/tree_internal.h"

/* ---- leaves ---- */

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

#define ANY_LEAF (~0u)

/* The address of the first leaf in [start, end) that protect_leaf() would change, or with ANY_LEAF
 * of the first leaf; `end` if there is none. `table` covers the whole range. */
static u64 find_leaf(struct page *table, int level, u64 start, u64 end, u32 area_flags)
{
	for_each_used(i, table, level, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 lo = MAX(start, entry_start(start, level, i));
		u64 hi = MIN(end, entry_start(start, level, i) + pt_span(level)), found;

		if (level == 1) {
			if (area_flags == ANY_LEAF || protect_leaf(e, area_flags) != e)
				return lo;
			continue;
		}
		found = find_leaf(target_of(e), level - 1, lo, hi, area_flags);
		if (found < hi)
			return found;
	}
	return end;
}

/* ---- unmapping ---- */

/* Own the tables on the path to addr, one of the two ends of [start, end), as long as the range
 * covers only a part of what they map and has a leaf in them. A table that the range covers wholly
 * is dropped as a whole and need not be owned. */
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
		table = tree_own_child(&g, table, level, i, addr);
	}
	gather_finish(&g);
	return table ? 0 : -ENOMEM;
}

/* Most changes concern a few pages under one leaf table. */
static bool in_one_table(u64 start, u64 end)
{
	return start >> pt_shift(2) == (end - 1) >> pt_shift(2) && end - start < pt_span(2);
}

int tree_prepare_unmap(struct mm *mm, u64 start, u64 end)
{
	if (start >= end || (in_one_table(start, end) && tree_owned_slot(mm, start)))
		return 0;
	if (own_edge(mm, start, start, end))
		return -ENOMEM;
	return own_edge(mm, end - 1, start, end);
}

/* Uncount what an entry of a table of this level refers to. */
static void uncount(struct mm *mm, struct page *p, int level)
{
	if (level == 1) {
		rss_count(&mm->rss, p, -1);
		return;
	}
	mm->rss.tables--;
	for (unsigned int i = 0; (i = next_used(p, i, PTRS_PER_TABLE)) < PTRS_PER_TABLE; i++)
		uncount(mm, target_of(entries_of(p)[i]), level - 1);
}

/* Clear [start, end) below `table`, which is owned. The edges were owned where they have a leaf to
 * clear; so a read-only entry that is only partly in the range has none and is skipped. Owned
 * tables that end up empty are dropped. */
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
		clear_entry(table, i);
		uncount(g->mm, target_of(e), level);
		gather_drop(g, target_of(e), lo, hi);
	}
}

/* The same for a range under one owned leaf table. */
static void unmap_leaves(struct gather *g, struct page *table, u64 start, u64 end)
{
	for_each_used(i, table, 1, start, end)
	{
		pte_t e = entries_of(table)[i];
		u64 addr = entry_start(start, 1, i);

		clear_entry(table, i);
		rss_count(&g->mm->rss, target_of(e), -1);
		gather_drop(g, target_of(e), addr, addr + PAGE_SIZE);
	}
	if (!table->nr_present)
		unmap_table(g, root_of(g->mm), PT_LEVELS, start, end);
}

int tree_unmap(struct mm *mm, u64 start, u64 end)
{
	const pte_t *slot;
	struct gather g;

	if (start >= end)
		return 0;
	slot = in_one_table(start, end) ? tree_owned_slot(mm, start) : NULL;
	if (!slot && tree_prepare_unmap(mm, start, end))
		return -ENOMEM;
	mm->peak_resident = mm_peak_resident(mm);
	gather_init(&g, mm);
	if (slot)
		unmap_leaves(&g, virt_to_page(slot), start, end);
	else
		unmap_table(&g, root_of(mm), PT_LEVELS, start, end);
	gather_finish(&g);
	return 0;
}

/* ---- protecting ---- */

static int own_leaf_table(struct mm *mm, u64 addr)
{
	struct gather g;
	pte_t *slot;

	gather_init(&g, mm);
	slot = tree_own_path(&g, addr);
	gather_finish(&g);
	return slot ? 0 : -ENOMEM;
}

int tree_prepare_protect(struct mm *mm, u64 start, u64 end, u32 area_flags)
{
	/* Each search starts at the root: owning may have replaced any table on the way. */
	while (start < end) {
		start = find_leaf(root_of(mm), PT_LEVELS, start, end, area_flags);
		if (start < end && own_leaf_table(mm, start))
			return -ENOMEM;
		start = ALIGN_DOWN(start, pt_span(2)) + pt_span(2);
	}
	return 0;
}

/* Every table with a leaf to change is owned: its entries are writable from the root down. */
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

/* Own the old and the new path of every leaf. After a failure tree_move() drops empty tables. */
static int prepare_move(struct mm *mm, u64 from, u64 to, u64 len)
{
	u64 end = from + len;

	for (u64 a = from; (a = next_leaf(mm, a, end)) < end; a += PAGE_SIZE) {
		if (own_leaf_table(mm, a) || own_leaf_table(mm, a - from + to))
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
		pte_t *src = tree_own_path(&g, a), *dst = tree_own_path(&g, a - from + to);
		pte_t e = *src;

		tree_fill_slot(dst, e);
		clear_entry(virt_to_page(src), pt_index(a, 1));
		gather_flush(&g, a, a + PAGE_SIZE);
	}
	gather_finish(&g);
	if (len) { /* drop the empty tables: the old ones, or after a failure the new ones */
		u64 empty = err ? to : from;

		unmap_table(&g, root_of(mm), PT_LEVELS, empty, empty + len);
		gather_finish(&g);
	}
	return err;
}
