/*
 * The TLB and CR3, and the two operations on whole pages.
 *
 * mm->cpu_mask names the CPUs that have its tables loaded: set before CR3 is written, cleared
 * after, so that a flush never misses one. INVLPG also empties the paging-structure caches (SDM
 * vol. 3A, 4.10.4.1), so that it serves for changed tables as well as for changed pages.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/log.h"
#include "mm/mm.h"

/* Beyond this, reloading everything is cheaper than naming the pages one by one. */
#define SINGLE_PAGES_MAX 32

static void invlpg(u64 addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

void arch_load_mm(struct mm *mm)
{
	u64 flags = local_irq_save();
	struct cpu *cpu = this_cpu();
	struct mm *old = cpu->loaded_mm;
	u64 bit = 1UL << cpu->id;

	__atomic_or_fetch(&mm->cpu_mask, bit, __ATOMIC_SEQ_CST);
	cpu->loaded_mm = mm;
	write_cr3(virt_to_phys(mm->root));
	if (old && old != mm)
		__atomic_and_fetch(&old->cpu_mask, ~bit, __ATOMIC_SEQ_CST);
	local_irq_restore(flags);
}

/* Is it loaded here? Other CPUs are not started yet, and none of them can have it loaded. */
static bool loaded_here(const struct mm *mm)
{
	u64 mask = __atomic_load_n(&mm->cpu_mask, __ATOMIC_SEQ_CST);
	u64 here = 1UL << this_cpu()->id;

	BUG_ON(mask & ~here);
	return mask & here;
}

void flush_tlb_mm(struct mm *mm)
{
	preempt_disable();
	if (loaded_here(mm))
		write_cr3(read_cr3());
	preempt_enable();
}

void flush_tlb_range(struct mm *mm, u64 start, u64 end)
{
	preempt_disable();
	if (loaded_here(mm)) {
		if (end - start > SINGLE_PAGES_MAX * PAGE_SIZE)
			write_cr3(read_cr3());
		else
			for (u64 addr = start & PAGE_MASK; addr < end; addr += PAGE_SIZE)
				invlpg(addr);
	}
	preempt_enable();
}

/* Kernel translations are global, and survive a write to CR3; switching CR4.PGE off forgets them
 * too. */
void flush_tlb_kernel_range(u64 start, u64 end)
{
	u64 flags = local_irq_save();
	u64 cr4 = read_cr4();

	BUG_ON(nr_cpus != 1);
	if (end - start <= SINGLE_PAGES_MAX * PAGE_SIZE) {
		for (u64 addr = start & PAGE_MASK; addr < end; addr += PAGE_SIZE)
			invlpg(addr);
	} else if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
	local_irq_restore(flags);
}

void clear_page(void *page)
{
	u64 words = PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0UL) : "memory");
}

void copy_page(void *dst, const void *src)
{
	u64 words = PAGE_SIZE / 8;

	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words)::"memory");
}
