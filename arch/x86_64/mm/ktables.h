/* Building the kernel half's tables: shared by paging.c and physmap.c. */
#pragma once

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/types.h"

#define PTE_KERNEL (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

struct boot_info;

/* The root for kernel mappings: first the boot tables', then the final one. */
extern pte_t *kernel_root;
extern bool final_tables; /* kernel_root is the final one */

/* Map [va, va + size) to pa in the largest pages that fit; mapped parts stay. 0 or -ENOMEM. */
int map_kernel_range(pte_t *root, u64 va, phys_addr_t pa, u64 size, pte_t flags);
/* Give each root slot of [start, end) a table: no later mapping changes the root. 0 or -ENOMEM. */
int fill_root_slots(pte_t *root, u64 start, u64 end);
/* The entry of the 4 KiB page at va, or NULL. `create` adds the tables on the way. */
pte_t *kernel_leaf(pte_t *root, u64 va, bool create);
pte_t *large_entry(pte_t *root, u64 va); /* likewise, of the 2 MiB page, always with its tables */
bool kernel_mapped(pte_t *root, u64 va); /* is va mapped, in pages of any size? */
phys_addr_t new_kernel_table(void);      /* a zeroed page; 0 without memory */
/* Map RAM, the loader's data and the early device mappings in the final tables' direct map. */
void physmap_init(pte_t *root, const struct boot_info *boot);
