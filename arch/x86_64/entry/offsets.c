/* Constants for NASM: tools/genoffsets turns each of these lines into a %define in offsets.inc. */
#include "arch/x86_64/cpu/percpu.h"
#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

#define CONSTANT(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"\n" ::"i"(value))

void asm_offsets(void);

void asm_offsets(void)
{
	CONSTANT(CPU_CURRENT, offsetof(struct cpu, running));
	CONSTANT(CPU_KERNEL_SP, offsetof(struct cpu, kernel_sp));
	CONSTANT(CPU_USER_SP, offsetof(struct cpu, user_sp));
	CONSTANT(CPU_NEED_RESCHED, offsetof(struct cpu, need_resched));

	CONSTANT(TASK_SP, offsetof(struct task, thread.sp));
	CONSTANT(TASK_WORK, offsetof(struct task, work));
	CONSTANT(NR_SYSCALLS, NR_SYSCALLS);

	CONSTANT(REGS_R12, offsetof(struct pt_regs, r12));
	CONSTANT(REGS_RBP, offsetof(struct pt_regs, rbp));
	CONSTANT(REGS_RBX, offsetof(struct pt_regs, rbx));
	CONSTANT(REGS_R11, offsetof(struct pt_regs, r11));
	CONSTANT(REGS_RCX, offsetof(struct pt_regs, rcx));
	CONSTANT(REGS_RAX, offsetof(struct pt_regs, rax));
	CONSTANT(REGS_RDI, offsetof(struct pt_regs, rdi));
	CONSTANT(REGS_ORIG_RAX, offsetof(struct pt_regs, orig_rax));
	CONSTANT(REGS_RIP, offsetof(struct pt_regs, rip));
	CONSTANT(REGS_CS, offsetof(struct pt_regs, cs));
	CONSTANT(REGS_RFLAGS, offsetof(struct pt_regs, rflags));
	CONSTANT(REGS_RSP, offsetof(struct pt_regs, rsp));
	CONSTANT(REGS_SS, offsetof(struct pt_regs, ss));
	CONSTANT(REGS_SIZE, sizeof(struct pt_regs));

	CONSTANT(KERNEL_CS, KERNEL_CS);
	CONSTANT(KERNEL_DS, KERNEL_DS);
	CONSTANT(USER_CS, USER_CS);
	CONSTANT(USER_DS, USER_DS);
	CONSTANT(KERNEL_STACK_SIZE, KERNEL_STACK_SIZE);
	CONSTANT(STACK_END_MAGIC, STACK_END_MAGIC);
	CONSTANT(PHYSMAP_BASE, PHYSMAP_BASE);
	CONSTANT(TASK_SIZE, TASK_SIZE);
}
