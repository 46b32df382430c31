/* The exception table: instructions that may fault, and where each then goes on. */
#pragma once

#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/types.h"

bool extable_has(u64 rip); /* has the instruction at `rip` an entry? */
/* Set regs->rip to where its entry says; false if it has none. */
bool extable_fixup(struct pt_regs *regs);
