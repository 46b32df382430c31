/* Page faults. mm_fault() resolves a fault at a user address, from user mode or from the kernel. If
 * it cannot, the user gets a signal, and copy_{to,from}_user returns an error. Any other fault is a
 * bug in the kernel, and panics with its kind. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/traps.h"
#include "arch/x86_64/mm/extable.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/vmalloc.h"

/* SDM vol. 3A, 4.7. */
#define ERROR_PRESENT  (1u << 0) /* a right was missing, not the page */
#define ERROR_WRITE    (1u << 1)
#define ERROR_USER     (1u << 2)
#define ERROR_RESERVED (1u << 3)
#define ERROR_FETCH    (1u << 4)

static enum fault_access access_of(u64 error)
{
	if (error & ERROR_WRITE)
		return ACCESS_WRITE;
	return error & ERROR_FETCH ? ACCESS_EXEC : ACCESS_READ;
}

/* Retry a fault that found no memory, after the OOM killer has chosen a task. */
static noinline enum fault_result resolve_oom(struct mm *mm, u64 addr, u64 error)
{
	enum fault_result r = FAULT_OOM;

	for (; r == FAULT_OOM; r = mm_fault(mm, addr, access_of(error))) {
		if (fatal_signal_pending(current) || (current->flags & PF_EXITING))
			break; /* this task may be the victim: its exit frees memory */
		if (!out_of_memory(0)) {
			force_sig(SIGKILL); /* no other task can be killed */
			break;
		}
	}
	return r;
}

static inline enum fault_result resolve(struct mm *mm, u64 addr, u64 error)
{
	enum fault_result r = mm_fault(mm, addr, access_of(error));

	if (unlikely(r == FAULT_OOM))
		r = resolve_oom(mm, addr, error);
	return r;
}

static noinline void fault_signal(enum fault_result r, u64 error, u64 addr)
{
	trap_note(TRAP_PAGE_FAULT, error, addr);
	if (r == FAULT_BUS)
		force_sig_fault(SIGBUS, BUS_ADRERR, addr);
	else
		force_sig_fault(SIGSEGV, r == FAULT_ACCERR ? SEGV_ACCERR : SEGV_MAPERR, addr);
}

/* The CPU, or an emulator, used the kernel's rights for a user's instruction, such as a far return.
 * SMAP forbids that even if the page is present: the fault would repeat for ever. */
static noinline bool refused_by_smap(const struct pt_regs *regs)
{
	return cpu_features.smap && !(regs->rflags & X86_EFLAGS_AC);
}

static inline void user_fault(struct pt_regs *regs, u64 error, u64 addr)
{
	enum fault_result r = FAULT_MAPERR;

	trace_page_fault_user(addr, regs->rip, error);
	if (unlikely(!(error & ERROR_USER)) && refused_by_smap(regs))
		r = FAULT_ACCERR;
	else if (addr < TASK_SIZE && current->mm)
		r = resolve(current->mm, addr, error);
	if (likely(r == FAULT_OK))
		current->user_flt++;
	else if (r != FAULT_OOM)
		fault_signal(r, error, addr);
}

/* Name the rule that the kernel broke. */
static const char *describe(u64 error, u64 addr)
{
	if (addr < TASK_SIZE) {
		if (addr < PAGE_SIZE)
			return "null pointer";
		if (error & ERROR_FETCH)
			return "execution of user memory (SMEP)";
		if (cpu_features.smap && (error & ERROR_PRESENT))
			return "user memory touched outside copy_{to,from}_user (SMAP)";
		return "user memory touched outside copy_{to,from}_user";
	}
	if (error & ERROR_RESERVED)
		return "reserved bit in a page-table entry";
	if (error & ERROR_FETCH)
		return error & ERROR_PRESENT ? "execution of data (W^X)" : "jump into nowhere";
	if ((error & ERROR_PRESENT) && (error & ERROR_WRITE))
		return "write to read-only memory (W^X)";
	return is_stack_guard(addr) ? "kernel stack overflow" : "no memory there";
}

static noinline void kernel_fault(struct pt_regs *regs, u64 error, u64 addr)
{
	struct mm *mm = current->mm;

	if (extable_has(regs->rip)) {
		/* In atomic context the page cannot be fetched: the copy ends there. */
		if (addr < TASK_SIZE && mm && preempt_count() == 0 && irqs_enabled() &&
		    resolve(mm, addr, error) == FAULT_OK) {
			current->kernel_flt++;
			return;
		}
		extable_fixup(regs);
		return;
	}
	panic_regs(regs, "page fault in the kernel: %s: %s at %#lx, error %#lx\n",
		   describe(error, addr),
		   error & ERROR_FETCH   ? "fetch"
		   : error & ERROR_WRITE ? "write"
					 : "read",
		   addr, error);
}

void page_fault(struct pt_regs *regs, u64 error, u64 addr)
{
	if (unlikely(error & ERROR_RESERVED))
		panic_regs(regs, "corrupt page table: %#lx, error %#lx\n", addr, error);
	if (user_mode(regs))
		user_fault(regs, error, addr);
	else
		kernel_fault(regs, error, addr);
}
