/* Bringing up the boot CPU. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/cpu/idt.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/cpumask.h"
#include "kernel/task.h"

struct cpu cpus[MAX_CPUS];
u32 nr_cpus = 1;
u32 nr_cpu_words = 1;
struct cpumask cpu_online_mask = {{1}};

static struct cpu_tables boot_cpu_tables;

void syscall_entry(void); /* entry/entry.asm */

/* Enable SYSCALL: SDM vol. 2B. The entry clears the flags that a user must not bring into the
 * kernel: above all IF, DF, and AC, which would undo SMAP. start.asm cannot enable it: in 32-bit
 * mode Intel's CPUs do not report SYSCALL. */
void syscall_init(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (u64)(USER_DS - 8) << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_FMASK, X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_IOPL |
				 X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
}

void arch_early_init(const struct boot_info *boot)
{
	struct cpu *cpu = &cpus[0];

	(void)boot;
	cpu->self = cpu;
	cpu->running = &init_task;
	cpu->kernel_sp = (u64)init_stack + KERNEL_STACK_SIZE;
	cpu->online = true;
	wrmsr(MSR_GS_BASE, (u64)cpu);
	cpu_tables_load(cpu, &boot_cpu_tables);
	idt_init();
	idt_load();
	features_init();
	if (cpu_features.fxsr) /* else boot_main() refuses this CPU */
		fpu_init();
	syscall_init();
	write_cr0(read_cr0() | CR0_WP | CR0_AM);
	pat_init();
}

void cpu_idle_wait(void)
{
	/* STI takes effect after the next instruction: a pending interrupt ends the HLT. */
	__asm__ volatile("sti; hlt" ::: "memory");
}
