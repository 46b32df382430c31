/* Kernel memory that is contiguous in virtual addresses only, between unmapped guard pages. */
#pragma once

#include "kernel/lib/types.h"

void vmalloc_init(void);
void *vmalloc(size_t size); /* NULL without memory */
void vfree(void *p);
/* A kernel stack of KERNEL_STACK_SIZE bytes with a guard page below. Returns its lowest address,
 * where STACK_END_MAGIC stands; the rest is uninitialised. NULL without memory. */
void *alloc_kernel_stack(void);
void free_kernel_stack(void *stack);
/* Unmap the spare stacks. */
void drain_kernel_stacks(void);
/* Make so many stacks available at the cost of their own pages only: allocate the bitmap and the
 * page tables in advance. 0 or -ENOMEM. */
int reserve_kernel_stacks(u64 stacks);
/* True when `addr` is in the guard page below some kernel stack. */
bool is_stack_guard(u64 addr);
