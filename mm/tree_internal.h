/*
 * What the files of the page-table tree share. tree.c makes, owns, clones and drops tables;
 * tree_range.c changes ranges of addresses; tree_walk.c only reads.
 */
#pragma once

#include <asm/errno.h>

#include "kernel/lib/log.h"
#include "mm/tree.h"

/* ---- entries and tables ---- */

/* The lower half of a root is the process's; the upper half, the kernel's, never changes. */
#define USER_ROOT_ENTRIES (PTRS_PER_TABLE / 2)

/* Accessed is set in advance, so that the CPU never writes into a table that is shared. */
#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static inline pte_t *entries_of(const struct page *table)
{
	return page_to_virt(table);
}

static inline struct page *target_of(pte_t e)
{
	return phys_to_page(pte_addr(e));
}

static inline struct page *root_of(const struct mm *mm)
{
	return virt_to_page(mm->root);
}

static inline pte_t table_entry(const struct page *table)
{
	return page_to_phys(table) | TABLE_BITS;
}

/* The first address covered by entry i of the table of this level that covers addr. */
static inline u64 entry_start(u64 addr, int level, unsigned int i)
{
	return ALIGN_DOWN(addr, pt_span(level + 1)) + i * pt_span(level);
}

/* One bit of page.used stands for eight entries. Unrolled by hand: the loop doubles the cost. */
#define for_each_in_run(i) _Pragma("GCC unroll 8") for (unsigned int i = 0; i < 8; i++)

/* The eight entries of the lowest bit set in `used`. The empty asm hides where the address comes
 * from; otherwise the compiler computes it again for each entry. */
static inline pte_t *first_run(const struct page *table, u64 used)
{
	pte_t *run = entries_of(table) + 8 * __builtin_ctzl(used);

	__asm__("" : "+r"(run));
	return run;
}

/* Clear a used entry of an owned table, and fill an empty one. Both update nr_present and `used`.
 */
static inline void clear_entry(struct page *table, unsigned int i)
{
	pte_t *entries = entries_of(table), *run = &entries[i & ~7u];

	WRITE_ONCE(entries[i], 0);
	table->nr_present--;
	if (!(run[0] | run[1] | run[2] | run[3] | run[4] | run[5] | run[6] | run[7]))
		table->used &= ~(1UL << (i / 8));
}

static inline void fill_entry(struct page *table, unsigned int i, pte_t e)
{
	WRITE_ONCE(entries_of(table)[i], e);
	table->nr_present++;
	table->used |= 1UL << (i / 8);
}

/* The first used entry in [from, end), or end. Skips empty runs of eight by their bit. */
static inline unsigned int next_used(const struct page *table, unsigned int from, unsigned int end)
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

/* Visit the used entries that intersect [start, end), which lies within what the table covers. */
#define for_each_used(i, table, level, start, end)                               \
	for (unsigned int i##_end = pt_index((end)-1, level) + 1,                \
			  i = next_used(table, pt_index(start, level), i##_end); \
	     i < i##_end; i = next_used(table, i + 1, i##_end))

/* ---- dropping ---- */

static inline void gather_flush(struct gather *g, u64 start, u64 end)
{
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, end);
}

/* Gather `p`, which was taken out of the tree, where the addresses [start, end) led to it. */
void gather_drop(struct gather *g, struct page *p, u64 start, u64 end);

/* ---- owning ---- */

/* One step of tree_own_path(): own the table behind entry i of `parent`, an owned table of this
 * level. Makes it if it is absent. NULL without memory. */
struct page *tree_own_child(struct gather *g, struct page *parent, int level, unsigned int i,
			    u64 addr);
