/* Page-table entries, SDM vol. 3A chapter 4.5. One type serves all four levels. */
#pragma once

#include "kernel/lib/types.h"

typedef u64 pte_t;

#define PTE_PRESENT  (1UL << 0)
#define PTE_WRITE    (1UL << 1)
#define PTE_USER     (1UL << 2)
#define PTE_PWT      (1UL << 3)
#define PTE_PCD      (1UL << 4)
#define PTE_ACCESSED (1UL << 5)
#define PTE_DIRTY    (1UL << 6)
#define PTE_HUGE     (1UL << 7)
#define PTE_GLOBAL   (1UL << 8)
#define PTE_SHARED   (1UL << 9) /* software: a MAP_SHARED page keeps R/W when its table is copied */
#define PTE_NX       (1UL << 63)

#define PTE_ADDR_MASK 0x000ffffffffff000UL

#define PTRS_PER_TABLE 512
/* Levels count down to the page: 4 is the root (PML4), 1 holds the leaves. */
#define PT_LEVELS 4

static inline unsigned int pt_shift(int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}
static inline unsigned int pt_index(u64 addr, int level)
{
	return (addr >> pt_shift(level)) & (PTRS_PER_TABLE - 1);
}
/* Bytes that one entry of a table of this level covers. */
static inline u64 pt_span(int level)
{
	return 1UL << pt_shift(level);
}
static inline phys_addr_t pte_addr(pte_t e)
{
	return e & PTE_ADDR_MASK;
}

/* The end of the user half: one page short of 2^47, so that no SYSCALL instruction ends at 2^47. A
 * SYSRET to a non-canonical address faults in ring 0 with the user's stack. */
#define TASK_SIZE 0x00007ffffffff000UL

#define KERNEL_SPACE_START 0xffff800000000000UL /* the upper half of the root tables */
#define PHYSMAP_BASE       0xffff888000000000UL
#define VMALLOC_BASE       0xffffc90000000000UL
#define VMALLOC_END        0xffffc98000000000UL
#define PAGE_ARRAY_BASE    0xffffea0000000000UL
#define KERNEL_IMAGE_BASE  0xffffffff80000000UL

#ifndef HOST_TEST
static inline void *phys_to_virt(phys_addr_t pa)
{
	return (void *)(pa + PHYSMAP_BASE);
}
/* For an address in the direct map; image_to_phys() is for the image. */
static inline phys_addr_t virt_to_phys(const void *va)
{
	return (u64)va - PHYSMAP_BASE;
}
static inline phys_addr_t image_to_phys(const void *va)
{
	return (u64)va - KERNEL_IMAGE_BASE;
}
#else
void *phys_to_virt(phys_addr_t pa);
phys_addr_t virt_to_phys(const void *va);
#endif
