/*
 * CPUs that stopped answering, and locks that are held for too long.
 *
 * The culprit's backtrace comes by NMI, which reaches a CPU that has interrupts off
 * (arch_backtrace_cpu). In a debug build one CPU checks in its tick, once a second, whether the
 * others have taken an interrupt since the last check. It sends one to a CPU that has not, and
 * reports that CPU after another second.
 */
#include "kernel/lib/stall.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/sched/sched.h"
#include "kernel/task.h"

static void begin(const char *fmt, va_list ap)
{
	char text[200];

	vsnprintf(text, sizeof(text), fmt, ap);
	pr_warn("stall: %s\n", text);
	pr_warn("noticed by CPU %u, task %d (%s):\n", this_cpu()->id, current->pid_nr,
		current->comm);
	arch_backtrace(NULL, pr_warn);
}

void stall_report(u32 culprit, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(fmt, ap);
	va_end(ap);
	if (culprit != this_cpu()->id) {
		pr_warn("to blame, CPU %u:\n", culprit);
		arch_backtrace_cpu(culprit, pr_warn);
	}
	pr_warn("end of stall\n");
}

void stall_report_task(const struct task *culprit, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(fmt, ap);
	va_end(ap);
	pr_warn("to blame, task %d (%s):\n", culprit->pid_nr, culprit->comm);
	if (READ_ONCE(culprit->on_cpu))
		arch_backtrace_cpu(READ_ONCE(culprit->cpu), pr_warn);
	else
		arch_backtrace_task(culprit, pr_warn);
	pr_warn("end of stall\n");
}

static bool is_idle(const struct cpu *c)
{
	return READ_ONCE(c->running) == c->rq->idle && !READ_ONCE(c->irq_depth);
}

struct cpumask stall_suspects(const void *lock)
{
	struct cpumask mask = {0};

	for (u32 i = 0; i < nr_cpus; i++) {
		const struct cpu *c = &cpus[i];

		if (c != this_cpu() && READ_ONCE(c->preempt_count) &&
		    READ_ONCE(c->spins_for) != lock && !is_idle(c))
			bitmap_set(mask.bits, i);
	}
	return mask;
}

/* ---- do they answer? ---- */

static PER_CPU struct watch {
	u64 irqs;     /* taken by the last check */
	u32 silent;   /* checks without a new one */
} watched;            /* the CPU that has set `next_look` */
static u64 next_look; /* atomic */

static void look_at(u32 cpu)
{
	struct watch *w = percpu_of(cpu, &watched);
	u64 irqs = READ_ONCE(cpus[cpu].irqs);

	if (irqs != w->irqs) {
		*w = (struct watch){.irqs = irqs};
	} else if (++w->silent == 1) {
		arch_send_reschedule(cpu); /* an idle CPU has no tick, but must take this one */
	} else if (w->silent == 2) {
		stall_report(cpu, "CPU %u has taken no interrupt for %lu s", cpu,
			     STALL_NS / 1000000000UL);
	}
}

void stall_tick(u64 now)
{
	u64 due = __atomic_load_n(&next_look, __ATOMIC_RELAXED);

	/* The CPU that moves `next_look` owns the watches: a check takes less than a second. */
	if (now < due || !__atomic_compare_exchange_n(&next_look, &due, now + STALL_NS, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	for (u32 i = 0; i < nr_cpus; i++)
		if (i != this_cpu()->id)
			look_at(i);
}
