/* What is left to do on the way to user mode: called by entry.asm, rarely. */
#include "arch/x86_64/arch.h"
#include "kernel/sched/sched.h"
#include "kernel/task.h"

#define WORK_ON_EXIT (WORK_SIGPENDING | WORK_RESTORE_SIGMASK)

void exit_to_user_work(struct pt_regs *regs);
void user_rip_fault(struct pt_regs *regs);

/* Entered with interrupts off, and left with them off and nothing to do: what comes up later has to
 * interrupt user mode. */
void exit_to_user_work(struct pt_regs *regs)
{
	while (need_resched() || READ_ONCE(current->work) & WORK_ON_EXIT) {
		local_irq_enable();
		if (need_resched())
			schedule();
		if (READ_ONCE(current->work) & WORK_ON_EXIT)
			do_signal(regs);
		local_irq_disable();
	}
	task_clear_work(current, WORK_FRAME); /* it is used whole from here */
}

/* A signal handler, a sigreturn or an ELF entry point beyond the user's half. */
void user_rip_fault(struct pt_regs *regs)
{
	local_irq_enable();
	current->thread.cr2 = regs->rip;
	regs->orig_rax = ~0UL;
	force_sig_fault(SIGSEGV, SEGV_MAPERR, regs->rip);
}
