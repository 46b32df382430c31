/* Building the kernel's page tables. Tables are added by compare-and-swap and never removed, so no
 * lock is needed. A leaf is changed only by the code that maps its address. */
#include "arch/x86_64/mm/ktables.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "kernel/lib/uapi.h"
#include "mm/page.h"

#define TABLE_ENTRY (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

/* For a framebuffer above 4 GiB, before free memory is known. */
static u8 first_tables[8][PAGE_SIZE] __aligned(4096);
static u32 first_tables_used;

phys_addr_t new_kernel_table(void)
{
	struct page *page;

	if (!final_tables && early_highest_ram() == 0) {
		if (first_tables_used == ARRAY_SIZE(first_tables))
			return 0;
		return image_to_phys(first_tables[first_tables_used++]);
	}
	if (nr_total_pages() == 0)
		return early_alloc(PAGE_SIZE, PAGE_SIZE);
	page = alloc_page(ALLOC_ZERO);
	return page ? page_to_phys(page) : 0;
}

static noinline pte_t *add_table(pte_t *entry)
{
	phys_addr_t pa = new_kernel_table();
	pte_t expected = 0;

	if (!pa)
		return NULL;
	if (!__atomic_compare_exchange_n(entry, &expected, pa | TABLE_ENTRY, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		put_page(phys_to_page(pa)); /* another CPU was first */
		pa = pte_addr(expected);
	}
	return phys_to_virt(pa);
}

static pte_t *child_table(pte_t *entry, bool create)
{
	pte_t e = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

	if (likely(e & PTE_PRESENT))
		return phys_to_virt(pte_addr(e));
	return create ? add_table(entry) : NULL;
}

/* May an entry of this level map [va, va + len) to pa in one page? */
static bool leaf_fits(int level, u64 va, phys_addr_t pa, u64 len)
{
	int largest = cpu_features.gib_pages ? 3 : 2;

	return level <= largest && ((va | pa) & (pt_span(level) - 1)) == 0 && len == pt_span(level);
}

static int map_level(pte_t *table, int level, u64 va, u64 end, phys_addr_t pa, pte_t flags)
{
	u64 next;

	for (; va < end; pa += next - va, va = next) {
		pte_t *e = &table[pt_index(va, level)], *child;
		int err;

		/* -1 and +1, because the last slot ends at 2^64. */
		next = MIN(end - 1, va | (pt_span(level) - 1)) + 1;
		if ((*e & PTE_PRESENT) && (level == 1 || (*e & PTE_HUGE)))
			continue;
		if (!(*e & PTE_PRESENT) && leaf_fits(level, va, pa, next - va)) {
			*e = pa | flags | PTE_KERNEL | (level > 1 ? PTE_HUGE : 0);
			continue;
		}
		child = child_table(e, true);
		if (!child)
			return -ENOMEM;
		err = map_level(child, level - 1, va, next, pa, flags);
		if (err)
			return err;
	}
	return 0;
}

int map_kernel_range(pte_t *root, u64 va, phys_addr_t pa, u64 size, pte_t flags)
{
	return map_level(root, PT_LEVELS, va, va + size, pa, flags);
}

int fill_root_slots(pte_t *root, u64 start, u64 end)
{
	for (unsigned int i = pt_index(start, 4); i <= pt_index(end - 1, 4); i++)
		if (!child_table(&root[i], true))
			return -ENOMEM;
	return 0;
}

/* Walk to the entry of va that has no table below it: a leaf, a large page, or empty. `create` adds
 * tables down to level 1; NULL without memory. */
static pte_t *descend(pte_t *root, u64 va, bool create, int *level)
{
	pte_t *table = root;

	for (*level = PT_LEVELS;; (*level)--) {
		pte_t *e = &table[pt_index(va, *level)];

		if (*level == 1 || (*e & PTE_HUGE))
			return e;
		table = child_table(e, create);
		if (!table)
			return create ? NULL : e;
	}
}

pte_t *kernel_leaf(pte_t *root, u64 va, bool create)
{
	int level;
	pte_t *e = descend(root, va, create, &level);

	return level == 1 ? e : NULL;
}

pte_t *large_entry(pte_t *root, u64 va)
{
	pte_t *table = child_table(&root[pt_index(va, 4)], true);

	table = table ? child_table(&table[pt_index(va, 3)], true) : NULL;
	return table ? &table[pt_index(va, 2)] : NULL;
}

bool kernel_mapped(pte_t *root, u64 va)
{
	int level;

	return *descend(root, va, false, &level) & PTE_PRESENT;
}
