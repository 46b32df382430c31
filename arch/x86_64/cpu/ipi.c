/*
 * Interrupts from one CPU to another: reschedule, call a function, stop; flushes are in mm/tlb.c.
 *
 * A CPU may ask for a flush with interrupts off and locks held, because every loop that waits for
 * another CPU serves flushes (cpu_wait()). A call is served only by a CPU with interrupts on: the
 * caller must have them on too, and hold no lock that is taken with interrupts off.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"

#define STOP_TURNS 20000000UL /* how long a panic waits for the others to stop */

static spinlock_t call_lock = SPINLOCK_INIT(LOCK_CALL);
static struct {
	void (*fn)(void *);
	void *arg;
	u32 waiting; /* atomic: how many CPUs have not called it yet */
} call;              /* call_lock */

static bool stopping;
static u32 nr_stopped;

/* ---- reschedule: look at the run queue and at signals ---- */

/* The way out of every interrupt looks at both. */
static void rescheduled(struct pt_regs *regs __maybe_unused)
{
	apic_eoi();
}

static void send_to_others(u32 n, u32 me, u32 command)
{
	for (u32 i = 0; i < n; i++)
		if (i != me)
			apic_send(cpus[i].apic_id, command);
}

void arch_send_reschedule(u32 cpu)
{
	apic_send(cpus[cpu].apic_id, RESCHEDULE_VECTOR);
}

/* ---- call a function ---- */

static void called(struct pt_regs *regs __maybe_unused)
{
	apic_eoi();
	call.fn(call.arg);
	__atomic_sub_fetch(&call.waiting, 1, __ATOMIC_SEQ_CST);
}

void on_each_cpu(void (*fn)(void *), void *arg)
{
	u32 n, me;
	u64 flags;

	BUG_ON(!irqs_enabled());
	spin_lock(&call_lock);
	n = READ_ONCE(nr_cpus);
	me = this_cpu()->id;
	call.fn = fn;
	call.arg = arg;
	__atomic_store_n(&call.waiting, n - 1, __ATOMIC_SEQ_CST);
	send_to_others(n, me, CALL_VECTOR);
	flags = local_irq_save();
	fn(arg);
	local_irq_restore(flags);
	while (__atomic_load_n(&call.waiting, __ATOMIC_ACQUIRE))
		cpu_wait();
	spin_unlock(&call_lock);
}

/* ---- stop ---- */

void stop_if_asked(void)
{
	if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		return;
	__atomic_add_fetch(&nr_stopped, 1, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* By NMI: it also reaches a CPU that spins with interrupts off. */
void arch_stop_other_cpus(void)
{
	u32 me = this_cpu()->id, others = nr_cpus - 1;

	if (others == 0)
		return;
	__atomic_store_n(&stopping, true, __ATOMIC_SEQ_CST);
	send_to_others(others + 1, me, APIC_NMI);
	for (u64 n = 0; n < STOP_TURNS && __atomic_load_n(&nr_stopped, __ATOMIC_ACQUIRE) < others;
	     n++)
		cpu_relax();
}

void ipi_init(void)
{
	irq_set_handler(RESCHEDULE_VECTOR, rescheduled);
	irq_set_handler(CALL_VECTOR, called);
	tlb_ipi_init();
}
