/* The kernel's own page tables. */
#pragma once

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/types.h"

enum map_cache {
	MAP_CACHED,       /* ACPI tables, RAM */
	MAP_UNCACHED,     /* device registers */
	MAP_WRITECOMBINE, /* framebuffers */
};

/*
 * A pointer to the device registers at [pa, pa + size): uncached, never executable, page-aligned
 * mapping behind the scenes. Works from arch_early_init() on (before the final tables exist,
 * everything below 4 GiB is mapped); NULL without memory for tables. Never unmapped.
 */
void *arch_map_device(phys_addr_t pa, size_t size);
/* The same with a choice of caching: tables in memory (ACPI) are MAP_CACHED, a framebuffer
 * MAP_WRITECOMBINE. */
void *arch_map_physical(phys_addr_t pa, size_t size, enum map_cache cache);
/* Give page attribute 1 (PTE_PWT alone) the meaning "write-combining" on this CPU. */
void pat_init(void);

/* clear_page() and copy_page() use AVX: set when the CPU is known, by fpu_init(). */
extern bool pages_by_avx;
