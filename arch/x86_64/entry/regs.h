/* The user's registers at the top of every kernel stack: Linux's struct pt_regs. */
#pragma once

#include "kernel/lib/types.h"

struct pt_regs {
	u64 r15, r14, r13, r12, rbp, rbx; /* callee-saved */
	u64 r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u64 orig_rax;                 /* system call number, or the trap's error code, or -1 */
	u64 rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS   0x2b
#define USER_CS   0x33

static inline bool user_mode(const struct pt_regs *regs)
{
	return regs->cs & 3;
}
