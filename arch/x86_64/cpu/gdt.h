/* Segments and task-state segments. */
#pragma once

#include "arch/x86_64/cpu/percpu.h"
#include "kernel/lib/types.h"

/* Numbers of the IST stacks in the IDT's gates (0: none). */
enum ist {
	IST_DOUBLE_FAULT = 1,
	IST_NMI = 2,
	IST_MACHINE_CHECK = 3,
	IST_DEBUG = 4,
	NR_IST = 4,
};
#define IST_STACK_SIZE 8192UL
#define IST_TOP_SIZE   16UL /* keeps the first frame aligned */

/* SDM vol. 3A, figure 8-11. */
struct tss {
	u32 reserved0;
	u64 rsp0, rsp1, rsp2;
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, io_map;
} __packed;

/* Each CPU's own tables and stacks for traps and interrupts. */
struct cpu_tables {
	u64 gdt[16];
	struct tss tss __aligned(16);
	u8 ist_stack[NR_IST][IST_STACK_SIZE] __aligned(16);
};

/* What LGDT and LIDT load. */
struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

/* Fill the tables and load them on this CPU, which is `cpu`. */
void cpu_tables_load(struct cpu *cpu, struct cpu_tables *t);
