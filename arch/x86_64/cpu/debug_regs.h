/* Hardware breakpoints and watchpoints of a thread: SDM vol. 3B, chapter 17.2. debug_regs.c. */
#pragma once

#include "kernel/lib/types.h"

struct task;
struct pt_regs;

#define NR_DEBUG_REGS 8
/* Of DR6: which addresses were hit; a single step; and a bit of our own. */
#define DR_HIT   0xfUL
#define DR_STEP  (1UL << 14)
#define DR_STALE (1UL << 63) /* only what another task had set was hit */

/* What ptrace(2) shows in struct user. The task does not run. 0; -EIO: no such register; -EINVAL:
 * an address of the kernel's, or one that does not fit its length; -ENOMEM. */
u64 debug_reg_read(const struct task *p, u32 n);
long debug_reg_write(struct task *p, u32 n, u64 value);
/* On the way to user mode, interrupts off, with WORK_DEBUG: load current's, if they are not. */
void debug_regs_load(void);
/* A debug trap: what DR6 says of it, without what does not concern current. */
u64 debug_trap_reason(void);
/* Is one of the hit addresses an instruction, which is still to be executed? */
bool debug_hit_code(u64 reason);
