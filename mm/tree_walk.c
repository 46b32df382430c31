/* Reading the page-table tree: nothing here owns or changes a table. */
#include "mm/tree_internal.h"

#include "kernel/lib/string.h"

pte_t tree_walk(struct mm *mm, u64 addr)
{
	const pte_t *table = mm->root;
	pte_t write = PTE_WRITE, e = 0;

#pragma GCC unroll 4 /* half the instructions */
	for (int level = PT_LEVELS; level > 0; level--) {
		e = READ_ONCE(table[pt_index(addr, level)]);
		if (!e)
			return 0;
		write &= e;
		table = phys_to_virt(pte_addr(e));
	}
	return (e & ~PTE_WRITE) | write;
}

u64 tree_next_leaf(struct mm *mm, u64 addr, u64 end)
{
	while (addr < end) {
		const pte_t *table = mm->root;
		int level = PT_LEVELS;
		pte_t e;

		while ((e = READ_ONCE(table[pt_index(addr, level)])) != 0) {
			if (--level == 0)
				return addr;
			table = phys_to_virt(pte_addr(e));
		}
		addr = ALIGN_DOWN(addr, pt_span(level)) + pt_span(level);
	}
	return end;
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

static bool count_entry(const struct tree_entry *e, void *arg)
{
	struct mm_rss *rss = arg;

	if (e->level > 1)
		rss->tables++;
	else
		rss_count(rss, target_of(e->entry), 1);
	return true;
}

void tree_count(struct mm *mm, struct mm_rss *rss)
{
	*rss = (struct mm_rss){};
	tree_foreach(mm, 0, TASK_SIZE, count_entry, rss);
}

void tree_check_counts(struct mm *mm)
{
	struct mm_rss found;

	tree_count(mm, &found);
	if (root_of(mm)->nr_present) /* else a clone failed, and was emptied */
		BUG_ON(memcmp(&found, &mm->rss, sizeof(found)));
}
