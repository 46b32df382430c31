/* Exceptions. The user gets a signal; the kernel goes on by the exception table, or panics. */
#include "arch/x86_64/cpu/traps.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/debug_regs.h"
#include "arch/x86_64/cpu/irq.h"
#include "arch/x86_64/cpu/mce.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/mm/extable.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "mm/vmalloc.h"

/* The signal for a trap in user mode: signal(7), sigaction(2). Code 0 stands for SI_KERNEL. */
static const struct trap_info {
	const char *name;
	int sig, code;
	bool at_rip; /* si_addr is the instruction */
} trap_info[NR_TRAPS] = {
	[TRAP_DIVIDE] = {"divide error", SIGFPE, FPE_INTDIV, true},
	[TRAP_DEBUG] = {"debug trap", SIGTRAP, TRAP_TRACE, true},
	[TRAP_BREAKPOINT] = {"breakpoint", SIGTRAP, 0, false},
	[TRAP_OVERFLOW] = {"overflow", SIGSEGV, 0, false},
	[TRAP_BOUND] = {"bound range exceeded", SIGSEGV, 0, false},
	[TRAP_INVALID_OPCODE] = {"invalid opcode", SIGILL, ILL_ILLOPN, true},
	[TRAP_NO_DEVICE] = {"no FPU", SIGILL, ILL_COPROC, true},
	[TRAP_DOUBLE_FAULT] = {"double fault", 0, 0, false},
	[9] = {"coprocessor segment overrun", SIGFPE, 0, false},
	[TRAP_INVALID_TSS] = {"invalid TSS", SIGSEGV, 0, false},
	[TRAP_NO_SEGMENT] = {"segment not present", SIGBUS, 0, false},
	[TRAP_STACK] = {"stack segment fault", SIGBUS, 0, false},
	[TRAP_PROTECTION] = {"general protection fault", SIGSEGV, 0, false},
	[TRAP_PAGE_FAULT] = {"page fault", 0, 0, false},
	[15] = {"reserved trap 15", SIGILL, 0, false},
	[TRAP_X87] = {"x87 exception", SIGFPE, 0, true},
	[TRAP_ALIGNMENT] = {"alignment check", SIGBUS, BUS_ADRALN, false},
	[TRAP_SIMD] = {"SIMD exception", SIGFPE, 0, true},
};

#define ERROR_CODE_VECTORS                                                                      \
	(1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21 | \
	 1u << 29 | 1u << 30)

void trap_note(u64 vector, u64 error, u64 addr)
{
	struct thread *t = &current->thread;

	t->trap_nr = vector;
	t->error_code = error;
	t->cr2 = addr;
}

/* The FPE_* code of the lowest exception bit; x87 and SSE number them alike. */
static int fpe_code(u32 exceptions)
{
	static const int codes[] = {FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV,
				    FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES};

	for (int i = 0; i < 6; i++)
		if (exceptions >> i & 1)
			return codes[i];
	return 0;
}

static int simd_code(void)
{
	u32 mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

static int x87_code(void)
{
	u16 status, control;

	__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
	return fpe_code(status & ~control & 0x3f);
}

/* Why a debug trap happened: TRAP_*. 0: for nothing that concerns this task. */
static int debug_code(struct pt_regs *regs)
{
	u64 reason = debug_trap_reason();

	if (reason == DR_STALE)
		return 0;
	current->thread.dr6 = reason & (DR_HIT | DR_STEP);
	if ((reason & DR_HIT) && debug_hit_code(reason))
		regs->rflags |= X86_EFLAGS_RF; /* the instruction itself must not trap again */
	if (reason & DR_STEP)
		return TRAP_TRACE;
	return reason & DR_HIT ? TRAP_HWBKPT : TRAP_BRKPT; /* the latter: ICEBP */
}

static void user_trap(struct pt_regs *regs, u64 vector, u64 error)
{
	const struct trap_info *t = &trap_info[vector];
	int code = t->code;

	if (vector == TRAP_DEBUG && !(code = debug_code(regs)))
		return;
	if (vector == TRAP_SIMD)
		code = simd_code();
	else if (vector == TRAP_X87)
		code = x87_code();
	if (t->sig == 0)
		panic_regs(regs, "%s in user mode, error %#lx\n", t->name ? t->name : "trap",
			   error);
	local_irq_enable();
	trap_note(vector, error, 0);
	force_sig_fault(t->sig, code ? code : SI_KERNEL, t->at_rip ? regs->rip : 0);
}

/* Most often the stack ran into its guard page, and pushing the page fault's frame faulted again.
 * CR2 has the address. */
static void double_fault(struct pt_regs *regs)
{
	u64 addr = read_cr2();

	if (is_stack_guard(addr) || addr - (u64)init_stack_guard < PAGE_SIZE)
		panic_regs(regs, "kernel stack overflow: pid %d (%s) ran off its stack at %#lx\n",
			   current->pid_nr, current->comm, addr);
	panic_regs(regs, "double fault, last page fault at %#lx\n", addr);
}

static void kernel_trap(struct pt_regs *regs, u64 vector, u64 error)
{
	const char *name = trap_info[vector].name;

	if (vector == TRAP_PROTECTION && extable_fixup(regs))
		return;
	if (vector == TRAP_DEBUG) {
		/* The kernel has touched what a program watches: no business of its tracer. */
		(void)debug_trap_reason();
		regs->rflags &= ~X86_EFLAGS_TF;
		return;
	}
	if (vector == TRAP_DOUBLE_FAULT)
		double_fault(regs);
	panic_regs(regs, "%s in the kernel, error %#lx\n", name ? name : "reserved trap", error);
}

static void exception(struct pt_regs *regs, u64 vector)
{
	u64 error = ERROR_CODE_VECTORS >> vector & 1 ? regs->orig_rax : 0;

	regs->orig_rax = ~0UL;
	if (vector == TRAP_NMI) {
		stop_if_asked();
		if (backtrace_if_asked(regs))
			return;
		panic_regs(regs, "non-maskable interrupt: %s\n", nmi_reason());
	}
	if (vector == TRAP_MACHINE_CHECK)
		machine_check(regs);
	if (vector == TRAP_DOUBLE_FAULT)
		kernel_trap(regs, vector, error); /* in user mode too: no task caused it */
	else if (user_mode(regs))
		user_trap(regs, vector, error);
	else
		kernel_trap(regs, vector, error);
}

static void page_fault_trap(struct pt_regs *regs)
{
	u64 error = regs->orig_rax, addr = read_cr2();

	regs->orig_rax = ~0UL;
	if (regs->rflags & X86_EFLAGS_IF)
		local_irq_enable();
	page_fault(regs, error, addr);
	local_irq_disable();
}

/* The handlers take the error code out of orig_rax and leave -1 there: signal delivery must not
 * mistake it for the number of a system call to restart. */
void trap_dispatch(struct pt_regs *regs, u64 vector)
{
	if (likely(vector == TRAP_PAGE_FAULT))
		page_fault_trap(regs);
	else if (vector < NR_TRAPS)
		exception(regs, vector);
	else
		irq_dispatch(regs, (u8)vector);
}
