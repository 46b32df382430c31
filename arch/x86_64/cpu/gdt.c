/* The GDT and TSS of a CPU. */
#include "arch/x86_64/cpu/gdt.h"

#include "arch/x86_64/arch.h"

/* Long mode ignores bases and limits. SYSRET adds 8 and 16 to STAR's upper selector (0x23) for SS
 * and CS, which fixes the order of the three user segments (entry 4, 32-bit code, is not used). */
#define SEG_KERNEL_CODE 0x00af9b000000ffffUL
#define SEG_KERNEL_DATA 0x00cf93000000ffffUL
#define SEG_USER_DATA   0x00cff3000000ffffUL
#define SEG_USER_CODE   0x00affb000000ffffUL
#define TSS_INDEX       8
#define TSS_AVAILABLE   0x89UL
/* Its limit is the CPU's number: kernel/vdso/user.c reads it (selector 0x7b, as on Linux). */
#define CPU_INDEX 15
#define SEG_CPU   0x0040f10000000000UL

static void fill_gdt(const struct cpu *cpu, struct cpu_tables *t)
{
	u64 base = (u64)&t->tss, limit = sizeof(t->tss) - 1;

	t->gdt[KERNEL_CS / 8] = SEG_KERNEL_CODE;
	t->gdt[KERNEL_DS / 8] = SEG_KERNEL_DATA;
	t->gdt[USER_DS / 8] = SEG_USER_DATA;
	t->gdt[USER_CS / 8] = SEG_USER_CODE;
	t->gdt[TSS_INDEX] =
		limit | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
	t->gdt[TSS_INDEX + 1] = base >> 32;
	t->gdt[CPU_INDEX] = SEG_CPU | cpu->id;
}

/* Above each IST stack's first frame lies the CPU's own pointer: paranoid_common (entry.asm) has
 * nothing else to find it by. */
static void fill_tss(struct cpu *cpu, struct cpu_tables *t)
{
	t->tss = (struct tss){.io_map = sizeof(t->tss)}; /* past the limit: no ports for users */
	for (int i = 0; i < NR_IST; i++) {
		struct cpu **top = (struct cpu **)(t->ist_stack[i] + IST_STACK_SIZE - IST_TOP_SIZE);

		*top = cpu;
		t->tss.ist[i] = (u64)top;
	}
}

void cpu_tables_load(struct cpu *cpu, struct cpu_tables *t)
{
	struct table_pointer pointer = {sizeof(t->gdt) - 1, (u64)t->gdt};

	fill_gdt(cpu, t);
	fill_tss(cpu, t);
	__asm__ volatile("lgdt %0" ::"m"(pointer));
	/* CS is loaded by a far return. GS is not loaded: that would clear its base. */
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %1, %%ds; movl %1, %%es; movl %1, %%ss"
			 :
			 : "i"(KERNEL_CS), "r"(KERNEL_DS)
			 : "rax", "memory");
	__asm__ volatile("movl %0, %%ds; movl %0, %%es" ::"r"(0));
	/* After reset the LDT is at address 0: a user's selector must not reach it. */
	__asm__ volatile("lldt %w0" ::"r"(0));
	__asm__ volatile("ltr %w0" ::"r"(TSS_INDEX * 8));
	cpu->tss = &t->tss;
}
