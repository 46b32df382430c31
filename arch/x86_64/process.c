/* The machine's part of a task: the first frames on its kernel stack, registers, FPU and TLS. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/fork.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include <asm/prctl.h>

void ret_from_fork(void);                                          /* entry/entry.asm */
struct task *switch_context(struct task *prev, struct task *next); /* called by switch.asm */

/* What switch_stacks() pops: see entry/switch.asm. */
struct switch_frame {
	u64 rbp;
	u64 return_address;
};

static u64 stack_top(const struct task *t)
{
	return (u64)t->stack + KERNEL_STACK_SIZE;
}

struct pt_regs *task_pt_regs(const struct task *t)
{
	return (struct pt_regs *)stack_top(t) - 1;
}

/* `image`: an FPU image to use for p, or NULL. */
static int copy_user_thread(struct task *p, const struct kernel_clone_args *args, void *image)
{
	const struct pt_regs *from = task_pt_regs(current);
	struct pt_regs *regs = task_pt_regs(p);

	p->thread.fpu = fpu_clone_current(image);
	if (!p->thread.fpu)
		return -ENOMEM;
	if ((args->flags & CLONE_SETTLS) && args->tls >= TASK_SIZE)
		return -EPERM;
	/* An assignment would move them by halves. */
	memcpy(regs, from, sizeof(*regs));
	regs->rax = 0; /* the other return of fork */
	if (args->stack)
		regs->rsp = args->stack + args->stack_size;
	p->thread.fs_base = current->thread.fs_base;
	p->thread.gs_base = current->thread.gs_base;
	if (args->flags & CLONE_SETTLS)
		p->thread.fs_base = args->tls;
	return 0;
}

int copy_thread(struct task *p, const struct kernel_clone_args *args)
{
	struct switch_frame *frame = (struct switch_frame *)task_pt_regs(p) - 1;
	void *image = p->thread.fpu;

	*frame = (struct switch_frame){.return_address = (u64)ret_from_fork};
	p->thread = (struct thread){.sp = (u64)frame};
	if (!args->fn)
		return copy_user_thread(p, args, image);
	fpu_free(image);
	/* A kernel thread has no user registers until it executes a program: two of their places
	 * tell ret_from_fork what to call. */
	*task_pt_regs(p) = (struct pt_regs){.rbx = (u64)args->fn, .r12 = (u64)args->fn_arg};
	return 0;
}

void arch_free_thread(struct task *p)
{
	fpu_free(p->thread.fpu);
	p->thread.fpu = NULL;
}

int arch_prepare_user(void)
{
	void *image;

	if (current->thread.fpu)
		return 0;
	image = fpu_alloc();
	if (!image)
		return -ENOMEM;
	current->thread.fpu = image; /* filled with the initial state by start_thread() */
	return 0;
}

/* Load current's FS and GS bases: in the kernel, the user's GS base is in the other MSR. */
static void load_bases(const struct thread *t)
{
	wrmsr(MSR_FS_BASE, t->fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, t->gs_base);
}

void start_thread(struct pt_regs *regs, u64 rip, u64 rsp)
{
	/* All zero: no address of the old program leaks, and rdx = 0 tells the C library that it
	 * has no function to register with atexit(). */
	memset(regs, 0, sizeof(*regs));
	regs->orig_rax = ~0UL;
	regs->rip = rip;
	regs->rsp = rsp;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags = X86_EFLAGS_IF;
	task_set_work(current, WORK_FRAME);
	preempt_disable();
	current->thread.fs_base = current->thread.gs_base = 0;
	load_bases(&current->thread);
	preempt_enable();
	fpu_reset_current();
}

/* The second half of switch_to(), on next's stack, interrupts off. */
struct task *switch_context(struct task *prev, struct task *next)
{
	struct cpu *cpu = this_cpu();
	const struct thread *was = &prev->thread, *is = &next->thread;
	u64 top = stack_top(next);

	cpu->running = next;
	cpu->kernel_sp = top;
	cpu->tss->rsp0 = top;
	if (was->fpu)
		fpu_save(was->fpu);
	/* The MSR has prev's base; 0 if prev is a kernel thread, which has none. */
	if (was->gs_base | is->gs_base)
		wrmsr(MSR_KERNEL_GS_BASE, is->gs_base);
	if (!is->fpu)
		return prev; /* a kernel thread */
	fpu_load(is->fpu);
	/* Even if prev's base is the same: a program that loads a selector sets the base to 0.
	 * (Selectors are not kept across a switch: no 64-bit program needs them.) */
	wrmsr(MSR_FS_BASE, is->fs_base);
	return prev;
}

/* arch_prctl(2). */
static long set_base(int code, u64 addr)
{
	struct thread *t = &current->thread;

	if (addr >= TASK_SIZE)
		return -EPERM;
	preempt_disable();
	if (code == ARCH_SET_FS)
		t->fs_base = addr;
	else
		t->gs_base = addr;
	load_bases(t);
	preempt_enable();
	return 0;
}

long sys_arch_prctl(int code, unsigned long addr)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(code, addr);
	case ARCH_GET_FS:
		return put_user(current->thread.fs_base, (u64 __user *)addr);
	case ARCH_GET_GS:
		return put_user(current->thread.gs_base, (u64 __user *)addr);
	}
	return -EINVAL;
}
