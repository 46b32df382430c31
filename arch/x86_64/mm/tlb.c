/*
 * The TLB and CR3.
 *
 * mm->cpu_mask has the CPUs that have its tables loaded. A CPU's bit is set before CR3 is written
 * and cleared after, so that a flush never misses a CPU. INVLPG also flushes the paging-structure
 * caches (SDM vol. 3A, 4.10.4.1), so it serves for changed tables and for changed pages.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/irq.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* For more pages, flushing everything is cheaper than one INVLPG a page. */
#define SINGLE_PAGES_MAX 32

static void invlpg(u64 addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

void arch_load_mm(struct mm *mm)
{
	struct cpu *cpu = this_cpu();
	struct mm *old = cpu->loaded_mm;
	u64 bit = 1UL << cpu->id;

	__atomic_or_fetch(&mm->cpu_mask, bit, __ATOMIC_SEQ_CST);
	cpu->loaded_mm = mm;
	write_cr3(virt_to_phys(mm->root));
	if (old && old != mm)
		__atomic_and_fetch(&old->cpu_mask, ~bit, __ATOMIC_SEQ_CST);
}

/* ---- this CPU ---- */

static void flush_pages(u64 start, u64 end)
{
	for (u64 addr = start & PAGE_MASK; addr < end; addr += PAGE_SIZE)
		invlpg(addr);
}

/* Kernel translations are global and survive a write to CR3; clearing CR4.PGE flushes them too. */
static void flush_everything(void)
{
	u64 cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

/* Flush [start, end) of mm, or of the kernel if that is NULL. Interrupts are off. */
static void flush_here(const struct mm *mm, u64 start, u64 end)
{
	if (mm && this_cpu()->loaded_mm != mm)
		return; /* loading other tables has flushed these */
	if (end - start <= SINGLE_PAGES_MAX * PAGE_SIZE)
		flush_pages(start, end);
	else if (mm)
		write_cr3(read_cr3());
	else
		flush_everything();
}

/* ---- other CPUs ---- */

/* A CPU that needs a flush on others fills in its struct shootdown, sets its bit in their
 * flush_from, and waits until each has cleared its own bit in `waiting`. Interrupts are off
 * meanwhile, so a CPU asks for one flush at a time. Every loop that waits for another CPU, also for
 * a spinlock, serves flushes (cpu_wait()), so two such CPUs serve each other. */
static struct shootdown {
	const struct mm *mm;
	u64 start, end;
	u64 waiting;        /* atomic: CPUs that have not flushed yet */
	u64 flushes, asked; /* this CPU only: its flushes, and the CPUs it asked for one */
} __aligned(64) shootdowns[MAX_CPUS];

/* A kernel thread only borrows the tables: it switches to the kernel's, and this CPU is not asked
 * again. It keeps its reference (active_mm); the next switch looks at loaded_mm. */
static void flush_for_other(const struct shootdown *s)
{
	if (s->mm && s->mm == this_cpu()->loaded_mm && !current->mm)
		arch_load_mm(&init_mm);
	else
		flush_here(s->mm, s->start, s->end);
}

void tlb_serve(void)
{
	u64 flags = local_irq_save(), me = 1UL << this_cpu()->id;
	u64 from = __atomic_exchange_n(&this_cpu()->flush_from, 0, __ATOMIC_SEQ_CST);

	for (; from; from &= from - 1) {
		struct shootdown *s = &shootdowns[__builtin_ctzl(from)];

		flush_for_other(s);
		__atomic_and_fetch(&s->waiting, ~me, __ATOMIC_SEQ_CST);
	}
	local_irq_restore(flags);
}

static void flush_asked(struct pt_regs *regs __maybe_unused)
{
	apic_eoi();
	tlb_serve();
}

void tlb_ipi_init(void)
{
	irq_set_handler(FLUSH_VECTOR, flush_asked);
}

static void wait_for_flush(const struct shootdown *s)
{
	u64 spins = 0, since = 0, left;
	bool reported = false;

	while ((left = __atomic_load_n(&s->waiting, __ATOMIC_ACQUIRE))) {
		cpu_wait();
		if (++spins % 65536 != 0)
			continue;
		if (since == 0)
			since = arch_clock_ns();
		else if (DEBUG_CHECKS && arch_clock_ns() - since > STALL_DEAD_NS)
			panic("CPU %d does not answer: asked to flush its TLB\n",
			      __builtin_ctzl(left));
		else if (!reported && arch_clock_ns() - since > STALL_NS) {
			reported = true;
			stall_report(__builtin_ctzl(left),
				     "CPU %d does not answer: asked to flush its TLB",
				     __builtin_ctzl(left));
		}
	}
}

/* Interrupts are off; `mask` is of other CPUs. */
static noinline void flush_others(u64 mask, const struct mm *mm, u64 start, u64 end)
{
	u32 me = this_cpu()->id;
	struct shootdown *s = &shootdowns[me];

	s->mm = mm;
	s->start = start;
	s->end = end;
	__atomic_store_n(&s->waiting, mask, __ATOMIC_SEQ_CST);
	for (; mask; mask &= mask - 1, s->asked++) {
		struct cpu *cpu = &cpus[__builtin_ctzl(mask)];

		/* If another CPU's bit is set, its interrupt is on the way and serves all bits. */
		if (__atomic_fetch_or(&cpu->flush_from, 1UL << me, __ATOMIC_SEQ_CST) == 0)
			apic_send(cpu->apic_id, FLUSH_VECTOR);
	}
	wait_for_flush(s);
}

static void flush(const struct mm *mm, u64 start, u64 end)
{
	u64 flags = local_irq_save(), here = 1UL << this_cpu()->id, mask;

	/* The changed tables must be visible before a CPU that is not in the mask loads them. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mask = __atomic_load_n(mm ? &mm->cpu_mask : &cpu_online_mask, __ATOMIC_SEQ_CST);
	if (mask & here)
		flush_here(mm, start, end);
	shootdowns[this_cpu()->id].flushes++;
	if (mask & ~here)
		flush_others(mask & ~here, mm, start, end);
	local_irq_restore(flags);
}

/* A CPU that still has `mm` loaded only borrows it, and leaves it when asked to flush. */
void arch_leave_mm(struct mm *mm)
{
	u64 flags = local_irq_save(), mask;

	if (this_cpu()->loaded_mm == mm)
		arch_load_mm(&init_mm);
	mask = __atomic_load_n(&mm->cpu_mask, __ATOMIC_SEQ_CST);
	if (unlikely(mask)) {
		shootdowns[this_cpu()->id].flushes++;
		flush_others(mask, mm, 0, TASK_SIZE);
	}
	local_irq_restore(flags);
	DEBUG_ON(mm->cpu_mask);
}

void flush_tlb_mm(struct mm *mm)
{
	flush(mm, 0, TASK_SIZE);
}

void flush_tlb_range(struct mm *mm, u64 start, u64 end)
{
	flush(mm, start, end);
}

void flush_tlb_kernel_range(u64 start, u64 end)
{
	flush(NULL, start, end);
}

void arch_tlb_counts(u32 cpu, u64 *flushes, u64 *asked)
{
	*flushes = READ_ONCE(shootdowns[cpu].flushes);
	*asked = READ_ONCE(shootdowns[cpu].asked);
}
