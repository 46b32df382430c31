/* Where exec puts the parts of an address space. */
#pragma once

#include "kernel/lib/types.h"

struct mm;

struct exec_layout {
	u64 stack_top;  /* the first address above the stack */
	u64 stack_skip; /* bytes left out between the strings and the rest, a multiple of 16 */
	u64 heap_skip;  /* bytes left out between the program and its heap, whole pages */
	u64 bias;       /* what a position-independent program is moved by */
	u64 interp;     /* where the interpreter was put, 0 without one */
	u64 vdso;       /* the vDSO's ELF header */
};

extern long norandmaps; /* tunable norandmaps: all places are fixed */
/* Choose the places, and set mm->mmap_base by mm->limit_stack. */
void layout_choose(struct exec_layout *l, struct mm *mm, bool pie, u32 personality);
