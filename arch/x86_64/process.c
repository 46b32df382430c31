/* The machine's part of a task: the first frames on its kernel stack, registers, FPU and TLS. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/fork.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/rseq/rseq.h"
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

/* ---- FS and GS bases: in the kernel, the user's GS base is in MSR_KERNEL_GS_BASE ---- */

/* Write current's to `t`. */
static inline void get_user_bases(struct thread *t)
{
	u64 fs;

	if (likely(cpu_features.fsgsbase)) {
		__asm__ volatile("rdfsbase %0" : "=r"(fs));
		t->fs_base = fs;
		t->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	} else {
		t->fs_base = current->thread.fs_base;
		t->gs_base = current->thread.gs_base;
	}
}

static void set_user_fs_base(u64 base)
{
	preempt_disable();
	current->thread.fs_base = base;
	wrmsr(MSR_FS_BASE, base);
	preempt_enable();
}

static void set_user_gs_base(u64 base)
{
	preempt_disable();
	current->thread.gs_base = base;
	wrmsr(MSR_KERNEL_GS_BASE, base);
	preempt_enable();
}

/*
 * Save prev's bases and load next's; a kernel thread's are 0. Interrupts are off: between the two
 * SWAPGS, GS is the user's. NMI, #DF and #MC, which come all the same, load their own (entry.asm).
 */
static inline void switch_bases(struct thread *was, const struct thread *is)
{
	u64 fs, gs;

	if (likely(cpu_features.fsgsbase)) {
		__asm__ volatile(
			"rdfsbase %0; wrfsbase %2; swapgs; rdgsbase %1; wrgsbase %3; swapgs"
			: "=&r"(fs), "=&r"(gs)
			: "r"(is->fs_base), "r"(is->gs_base));
		was->fs_base = fs;
		was->gs_base = gs;
		return;
	}
	if (was->gs_base | is->gs_base) /* the MSR has prev's */
		wrmsr(MSR_KERNEL_GS_BASE, is->gs_base);
	/* Even if prev's base is the same: a program that loads a selector sets the base to 0.
	 * (Selectors are not kept across a switch: no 64-bit program needs them.) */
	if (is->fpu)
		wrmsr(MSR_FS_BASE, is->fs_base);
}

void arch_save_current(void)
{
	struct thread *t = &current->thread;

	preempt_disable();
	get_user_bases(t);
	fpu_save(t->fpu);
	preempt_enable();
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
	if (unlikely(current->thread.forced_tf))
		regs->rflags &= ~X86_EFLAGS_TF; /* the child is not stepped */
	if (args->stack)
		regs->rsp = args->stack + args->stack_size;
	get_user_bases(&p->thread);
	if (args->flags & CLONE_SETTLS)
		p->thread.fs_base = args->tls;
	return 0;
}

int copy_thread(struct task *p, const struct kernel_clone_args *args)
{
	struct switch_frame *frame = (struct switch_frame *)task_pt_regs(p) - 1;
	void *image = p->thread.fpu;

	*frame = (struct switch_frame){.return_address = (u64)ret_from_fork};
	/* One by one: as one assignment it would be a loop. */
	p->thread.sp = (u64)frame;
	p->thread.fpu = NULL;
	p->thread.trap_nr = p->thread.error_code = 0;
	p->thread.cr2 = 0;
	p->thread.debug = NULL;
	p->thread.dr6 = p->thread.forced_tf = 0;
	if (!args->fn)
		return copy_user_thread(p, args, image);
	fpu_free(image);
	p->thread.fs_base = p->thread.gs_base = 0;
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

void start_thread(struct pt_regs *regs, u64 rip, u64 rsp)
{
	/* All zero: no address of the old program leaks, and rdx = 0 tells the C library that it
	 * has no function to register with atexit(). */
	u64 call = user_mode(regs) ? regs->orig_rax : ~0UL; /* a tracer still sees it */

	memset(regs, 0, sizeof(*regs));
	regs->orig_rax = call;
	regs->rip = rip;
	regs->rsp = rsp;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags = X86_EFLAGS_IF;
	task_set_work(current, WORK_FRAME);
	set_user_fs_base(0);
	set_user_gs_base(0);
	fpu_reset_current();
	current->thread.forced_tf = 0;
	if (unlikely(current->thread.debug))
		arch_drop_breakpoints(current);
}

/* The second half of switch_to(), on next's stack, interrupts off. */
struct task *switch_context(struct task *prev, struct task *next)
{
	struct cpu *cpu = this_cpu();
	struct thread *was = &prev->thread;
	const struct thread *is = &next->thread;
	u64 top = stack_top(next);

	cpu->running = next;
	cpu->kernel_sp = top;
	cpu->tss->rsp0 = top;
	fpu_switch(was->fpu, is->fpu);
	switch_bases(was, is);
	rseq_switched_in(next);
	return prev;
}

/* arch_prctl(2). */
static long set_base(int code, u64 addr)
{
	if (addr >= TASK_SIZE)
		return -EPERM;
	if (code == ARCH_SET_FS)
		set_user_fs_base(addr);
	else
		set_user_gs_base(addr);
	return 0;
}

long sys_arch_prctl(int code, unsigned long addr)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(code, addr);
	case ARCH_GET_FS:
		get_user_bases(&current->thread);
		return put_user(current->thread.fs_base, (u64 __user *)addr);
	case ARCH_GET_GS:
		get_user_bases(&current->thread);
		return put_user(current->thread.gs_base, (u64 __user *)addr);
	}
	return -EINVAL;
}
