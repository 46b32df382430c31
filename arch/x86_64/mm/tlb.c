/*
 * The TLB and CR3.
 *
 * mm->cpu_mask has the CPUs that have its tables loaded. A CPU's bit is set before CR3 is written
 * and cleared after, so that a flush never misses a CPU. With PCIDs a CPU keeps translations of mms
 * that it does not have loaded; pcid.h says how these are kept from being used. INVLPG also flushes
 * the paging-structure caches (SDM vol. 3A, 4.10.4.1), so it serves for changed tables and for
 * changed pages.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/irq.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/mm/pcid.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/lib/tunable.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* For more pages, flushing everything is cheaper than one INVLPG a page. */
#define SINGLE_PAGES_MAX 32

#define INVPCID_ALL 2UL /* all PCIDs, and the global translations */

static void invlpg(u64 addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

static long pcid_wanted = 1;
TUNABLE_AT_BOOT(
	pcid_wanted, "cpu.pcid", pcid_wanted, 0, 1, NULL,
	"0: empty the TLB at each change of the address space, also where the CPU has PCIDs");

static bool use_pcid;
static PER_CPU struct pcid_slots pcid_slots; /* this CPU only, interrupts off */

/* Interrupts are off. */
static noinline void write_cr3_with_pcid(const struct mm *mm)
{
	u64 flushes = __atomic_load_n(&mm->flushes, __ATOMIC_SEQ_CST);

	write_cr3(virt_to_phys(mm->root) | pcid_load(percpu(&pcid_slots), mm->id, flushes));
}

void arch_load_mm(struct mm *mm)
{
	struct cpu *cpu = this_cpu();
	struct mm *old = cpu->loaded_mm;

	cpumask_set(&mm->cpu_mask, cpu->id);
	cpu->loaded_mm = mm;
	if (use_pcid)
		write_cr3_with_pcid(mm);
	else
		write_cr3(virt_to_phys(mm->root));
	if (old && old != mm)
		cpumask_clear(&old->cpu_mask, cpu->id);
}

/* PCIDE is set while CR3's tag is 0; no translation made under that number is used again. */
void tlb_init(void)
{
	if (!pcid_wanted || !cpu_features.pcid)
		return;
	write_cr4(read_cr4() | CR4_PCIDE);
	use_pcid = true;
	pr_info("tlb: a CPU keeps %d address spaces\n", PCID_SLOTS);
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
	static const u64 unused[2];
	u64 cr4 = read_cr4();

	if (cpu_features.invpcid)
		__asm__ volatile("invpcid %0, %1" ::"m"(unused), "r"(INVPCID_ALL) : "memory");
	else if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

/* Flush [start, end) of mm, or of the kernel if that is NULL. Interrupts are off. If the mm is not
 * loaded any more, its translations have been flushed, or will be (pcid.h). */
static void flush_here(const struct mm *mm, u64 start, u64 end, u64 number)
{
	if (mm && this_cpu()->loaded_mm != mm)
		return;
	if (end - start <= SINGLE_PAGES_MAX * PAGE_SIZE)
		flush_pages(start, end);
	else if (mm)
		write_cr3(read_cr3());
	else
		flush_everything();
	if (unlikely(use_pcid) && mm)
		pcid_flushed(percpu(&pcid_slots), number);
}

/* ---- other CPUs ---- */

/* A CPU that needs a flush on others fills in its struct shootdown, sets its bit in their `from`
 * and then their flush_asked, and waits until each has counted `waiting` down. Interrupts are off
 * meanwhile, so a CPU asks for one flush at a time. Every loop that waits for another CPU, also for
 * a spinlock, serves flushes (cpu_wait()), so two such CPUs serve each other. */
static PER_CPU struct shootdown {
	const struct mm *mm;
	u64 start, end;
	u64 number;          /* of the mm's flushes */
	u64 waiting;         /* atomic: how many CPUs have not flushed yet */
	u64 flushes, asked;  /* this CPU only: its flushes, and the CPUs it asked for one */
	struct cpumask from; /* atomic: CPUs that wait until this one has flushed */
} shootdown;

/* A kernel thread only borrows the tables: it switches to the kernel's, and this CPU is not asked
 * again. It keeps its reference (active_mm); the next switch looks at loaded_mm. */
static void flush_for_other(const struct shootdown *s)
{
	if (s->mm && s->mm == this_cpu()->loaded_mm && !current->mm)
		arch_load_mm(&init_mm);
	else
		flush_here(s->mm, s->start, s->end, s->number);
}

/* Serve the CPUs from 64 * i on. */
static void serve_word(u32 i)
{
	u64 *word = &percpu(&shootdown)->from.bits[i];
	u64 from = __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);

	for (; from; from &= from - 1) {
		struct shootdown *s = percpu_of(i * 64 + __builtin_ctzl(from), &shootdown);

		flush_for_other(s);
		__atomic_sub_fetch(&s->waiting, 1, __ATOMIC_SEQ_CST);
	}
}

void tlb_serve(void)
{
	u64 flags = local_irq_save();

	/* First: a CPU that sets its bit later finds it false and interrupts this one again. */
	__atomic_store_n(&this_cpu()->flush_asked, false, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < nr_cpu_words; i++)
		serve_word(i);
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

/* A CPU that has not looked at this CPU's question; MAX_CPUS if all have. */
static u32 silent_cpu(void)
{
	for (u32 i = 0; i < nr_cpus; i++)
		if (cpumask_test(&percpu_of(i, &shootdown)->from, this_cpu()->id))
			return i;
	return MAX_CPUS;
}

static void wait_for_flush(const struct shootdown *s)
{
	u64 spins = 0, since = 0;
	bool reported = false;
	u32 silent;

	while (__atomic_load_n(&s->waiting, __ATOMIC_ACQUIRE)) {
		cpu_wait();
		if (++spins % 65536 != 0)
			continue;
		if (since == 0)
			since = arch_clock_ns();
		if (arch_clock_ns() - since <= STALL_NS || (silent = silent_cpu()) == MAX_CPUS)
			continue;
		if (DEBUG_CHECKS && arch_clock_ns() - since > STALL_DEAD_NS)
			panic("CPU %u does not answer: asked to flush its TLB\n", silent);
		if (!reported)
			stall_report(silent, "CPU %u does not answer: asked to flush its TLB",
				     silent);
		reported = true;
	}
}

static void ask_to_flush(struct shootdown *s, u32 nr)
{
	struct cpu *cpu = &cpus[nr];

	__atomic_add_fetch(&s->waiting, 1, __ATOMIC_SEQ_CST);
	cpumask_set(&percpu_of(nr, &shootdown)->from, this_cpu()->id);
	/* If it is asked already, an interrupt is on the way, which serves all bits. */
	if (!__atomic_exchange_n(&cpu->flush_asked, true, __ATOMIC_SEQ_CST))
		apic_send(cpu->apic_id, FLUSH_VECTOR);
	s->asked++;
}

/* Interrupts are off. Have the other CPUs of the mask flush. */
static noinline void flush_others(const struct cpumask *mask, const struct mm *mm, u64 start,
				  u64 end, u64 number)
{
	struct shootdown *s = percpu(&shootdown);

	s->mm = mm;
	s->start = start;
	s->end = end;
	s->number = number;
	for (u32 i = 0; i < nr_cpu_words; i++) {
		u64 word = __atomic_load_n(&mask->bits[i], __ATOMIC_SEQ_CST);

		for (; word; word &= word - 1) {
			u32 cpu = i * 64 + (u32)__builtin_ctzl(word);

			if (cpu != this_cpu()->id)
				ask_to_flush(s, cpu);
		}
	}
	wait_for_flush(s);
}

static bool others_in(const struct cpumask *mask, u32 me)
{
	if (likely(nr_cpu_words == 1))
		return READ_ONCE(mask->bits[0]) & ~(1UL << me);
	for (u32 i = 0; i < nr_cpu_words; i++)
		if (READ_ONCE(mask->bits[i]) & ~(i == me / 64 ? 1UL << me % 64 : 0))
			return true;
	return false;
}

static void flush(struct mm *mm, u64 start, u64 end)
{
	u64 flags = local_irq_save();
	u32 me = this_cpu()->id;
	const struct cpumask *mask = mm ? &mm->cpu_mask : &cpu_online_mask;
	u64 number = 0;

	/* The changed tables must be visible before a CPU that is not in the mask loads them. */
	if (mm)
		number = __atomic_add_fetch(&mm->flushes, 1, __ATOMIC_SEQ_CST);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (cpumask_test(mask, me))
		flush_here(mm, start, end, number);
	percpu(&shootdown)->flushes++;
	if (others_in(mask, me))
		flush_others(mask, mm, start, end, number);
	local_irq_restore(flags);
}

/* A CPU that still has `mm` loaded only borrows it, and leaves it when asked to flush. */
void arch_leave_mm(struct mm *mm)
{
	u64 flags = local_irq_save();

	if (this_cpu()->loaded_mm == mm)
		arch_load_mm(&init_mm);
	if (unlikely(!cpumask_empty(&mm->cpu_mask))) {
		percpu(&shootdown)->flushes++;
		flush_others(&mm->cpu_mask, mm, 0, TASK_SIZE, 0);
	}
	local_irq_restore(flags);
	DEBUG_ON(!cpumask_empty(&mm->cpu_mask));
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
	*flushes = READ_ONCE(percpu_of(cpu, &shootdown)->flushes);
	*asked = READ_ONCE(percpu_of(cpu, &shootdown)->asked);
}
