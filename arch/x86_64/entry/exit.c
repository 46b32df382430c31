/* Work on the way to user mode: called by entry.asm, rarely. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/debug_regs.h"
#include "kernel/rseq/rseq.h"
#include "kernel/sched/sched.h"
#include "kernel/task.h"
#include "mm/page.h"

#define WORK_ON_EXIT (WORK_SIGPENDING | WORK_RESTORE_SIGMASK)
#define RARE_WORK    (WORK_OOM | WORK_RSEQ)

void exit_to_user_work(struct pt_regs *regs);
void user_rip_fault(struct pt_regs *regs);

static noinline void rare_work(struct pt_regs *regs)
{
	if (READ_ONCE(current->work) & WORK_OOM)
		oom_work(regs);
	else
		rseq_work(regs);
}

/* Entered and left with interrupts off: work that comes up later interrupts user mode. */
void exit_to_user_work(struct pt_regs *regs)
{
	struct task *p = current;

	for (;;) {
		if (unlikely(need_resched())) {
			local_irq_enable();
			schedule();
		} else if (READ_ONCE(p->work) & WORK_ON_EXIT) {
			local_irq_enable();
			do_signal(regs);
		} else if (READ_ONCE(p->work) & RARE_WORK) {
			local_irq_enable();
			rare_work(regs);
		} else {
			break;
		}
		local_irq_disable();
	}
	if (unlikely(p->work & WORK_DEBUG))
		debug_regs_load();
	if (p->work & WORK_FRAME)
		task_clear_work(p, WORK_FRAME); /* the way out restores the whole frame */
}

/* Signal a return address beyond the user's half: of a handler, a sigreturn or an ELF file. */
void user_rip_fault(struct pt_regs *regs)
{
	local_irq_enable();
	current->thread.cr2 = regs->rip;
	regs->orig_rax = ~0UL;
	force_sig_fault(SIGSEGV, SEGV_MAPERR, regs->rip);
}
