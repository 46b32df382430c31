/* The kernel's own page tables. */
#pragma once

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/types.h"

enum map_cache {
	MAP_CACHED,       /* ACPI tables, RAM */
	MAP_UNCACHED,     /* device registers */
	MAP_WRITECOMBINE, /* framebuffers */
};

/* Map [pa, pa + size) for good, not executable, and return its address; NULL without memory for
 * tables. Works from arch_early_init() on. */
void *arch_map_physical(phys_addr_t pa, size_t size, enum map_cache cache);
void *arch_map_device(phys_addr_t pa, size_t size); /* uncached */
/* Give page attribute 1 (PTE_PWT alone) the meaning "write-combining" on this CPU. */
void pat_init(void);

/* clear_page() and copy_page() use AVX: set when the CPU is known, by fpu_init(). */
extern bool pages_by_avx;
