/* The exception table: instructions that may fault, and where to go on when they do. */
#pragma once

#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/types.h"

/* Has the instruction at `rip` an entry? */
bool extable_has(u64 rip);
/* If so, send regs there. */
bool extable_fixup(struct pt_regs *regs);
