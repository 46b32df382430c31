/* Kernel memory that is contiguous only by its addresses; each area has an unmapped guard page
 * below and above. */
#pragma once

#include "kernel/lib/types.h"

void vmalloc_init(void);
void *vmalloc(size_t size); /* NULL without memory */
void vfree(void *p);
/* The bottom of a kernel stack of KERNEL_STACK_SIZE with STACK_END_MAGIC there and a guard page
 * below; uninitialised but for the magic. NULL without memory. */
void *alloc_kernel_stack(void);
void free_kernel_stack(void *stack);
/* Unmap those that are kept for the next who wants one. */
void drain_kernel_stacks(void);
/* So many stacks are to be had without other memory than their own. 0 or -ENOMEM. */
int reserve_kernel_stacks(u64 stacks);
/* True when `addr` is in the guard page below some kernel stack. */
bool is_stack_guard(u64 addr);
