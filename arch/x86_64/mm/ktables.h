/* Building the kernel half's tables: shared by paging.c and physmap.c. */
#pragma once

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/types.h"

#define PTE_KERNEL (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

struct boot_info;

/* The root that kernel mappings go into: the boot loader's stage at first, then the final one. */
extern pte_t *kernel_root;
extern bool final_tables; /* kernel_root is the final one */

/* Map [va, va + size) to pa with the largest pages that fit. What is mapped already stays as it is.
 * 0 or -ENOMEM. */
int map_kernel_range(pte_t *root, u64 va, phys_addr_t pa, u64 size, pte_t flags);
/* Make sure that the slots of [start, end) in the root have a table behind them, so that no later
 * mapping changes the root. */
int fill_root_slots(pte_t *root, u64 start, u64 end);
/* The entry of the 4 KiB page at va, making the tables on the way when `create`; NULL without
 * memory, or absent. */
pte_t *kernel_leaf(pte_t *root, u64 va, bool create);
/* True when something is mapped at va, in pages of whatever size. */
bool kernel_mapped(pte_t *root, u64 va);
/* A zeroed page for a table; 0 without memory. */
phys_addr_t new_kernel_table(void);
/* The direct map of the final tables: RAM, what the loader left, and what drivers asked for before.
 */
void physmap_init(pte_t *root, const struct boot_info *boot);
