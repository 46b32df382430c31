/* Hardware interrupts: the table of handlers, and the frame around each call. */
#include "arch/x86_64/cpu/irq.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/traps.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/lib/random.h"
#include "kernel/sched/sched.h"

static irq_handler_t handlers[256]; /* written and read whole */
static PER_CPU u32 counts[256];

void irq_set_handler(u8 vector, irq_handler_t fn)
{
	BUG_ON(vector < IRQ_FIRST_VECTOR);
	WRITE_ONCE(handlers[vector], fn);
}

u32 arch_irq_count(u32 cpu, u8 vector)
{
	return READ_ONCE(*percpu_of(cpu, &counts[vector]));
}

static void run_handler(struct cpu *cpu, struct pt_regs *regs, u8 vector)
{
	irq_handler_t fn = READ_ONCE(handlers[vector]);
	struct pt_regs *outer = cpu->irq_regs;

	preempt_disable(); /* an unlock inside the handler must not switch tasks */
	cpu->irq_depth++;
	cpu->irqs++;
	++*percpu(&counts[vector]);
	random_add_event();
	cpu->irq_regs = regs;
	if (fn)
		fn(regs);
	cpu->irq_regs = outer;
	cpu->irq_depth--;
	preempt_enable_no_resched();
}

void irq_dispatch(struct pt_regs *regs, u8 vector)
{
	run_handler(this_cpu(), regs, vector);
	/* Kernel preemption: the interrupted code held no lock, and a better task is waiting. The
	 * way to user mode has its own check. */
	if (!user_mode(regs) && need_resched() && preempt_count() == 0 &&
	    (regs->rflags & X86_EFLAGS_IF))
		preempt_schedule_irq();
}
