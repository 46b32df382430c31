/* The CPU's exceptions. SDM vol. 3A, chapter 6.15. */
#pragma once

#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/types.h"

enum trap {
	TRAP_DIVIDE = 0,
	TRAP_DEBUG = 1,
	TRAP_NMI = 2,
	TRAP_BREAKPOINT = 3,
	TRAP_OVERFLOW = 4,
	TRAP_BOUND = 5,
	TRAP_INVALID_OPCODE = 6,
	TRAP_NO_DEVICE = 7,
	TRAP_DOUBLE_FAULT = 8,
	TRAP_INVALID_TSS = 10,
	TRAP_NO_SEGMENT = 11,
	TRAP_STACK = 12,
	TRAP_PROTECTION = 13,
	TRAP_PAGE_FAULT = 14,
	TRAP_X87 = 16,
	TRAP_ALIGNMENT = 17,
	TRAP_MACHINE_CHECK = 18,
	TRAP_SIMD = 19,
	NR_TRAPS = 32,
};

/* Called by the entry code, interrupts off; vectors from 32 on go to irq_dispatch(). */
void trap_dispatch(struct pt_regs *regs, u64 vector);
void irq_dispatch(struct pt_regs *regs, u8 vector);
/* mm/page_fault.c; interrupts are as they were at the fault. */
void page_fault(struct pt_regs *regs, u64 error, u64 addr);
void trap_note(u64 vector, u64 error, u64 addr); /* for the signal frame */
