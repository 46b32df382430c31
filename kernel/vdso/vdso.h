/* The vDSO: a shared object that the kernel maps into every program. */
#pragma once

#include "kernel/lib/types.h"

struct mm;

void vdso_init(void); /* once all CPUs run */
/* Map it and its data page. *header is the address of its ELF header. 0 or -ENOMEM. */
long vdso_map(struct mm *mm, u64 *header);
