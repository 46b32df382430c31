/*
 * Backtraces of a task that is switched out, and, by NMI, of another CPU.
 *
 * The NMI may interrupt the other CPU anywhere, even in the log's code: it takes no lock and writes
 * its answer into a buffer, which the CPU that asked prints.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/cpumask.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"

#define ANSWER_NS 500000000UL /* the CPU is dead if it takes no NMI for so long */

bool kernel_read_u64(const void *src, u64 *value); /* entry/user_copy.asm */

enum {
	ASK_NOTHING,
	ASK_WANTED,
	ASK_TAKEN,
	ASK_DONE,
};

static struct {
	bool busy;  /* atomic: a CPU is asking */
	u32 state;  /* atomic: ASK_*; from TAKEN to DONE the asked CPU owns the rest */
	u32 cpu;    /* the CPU that is asked */
	size_t len; /* of text */
	char text[2048];
} ask;

static struct cpumask on_the_way; /* atomic: CPUs that were sent an NMI and have not taken it */

static void __printf(1, 2) take_down(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ask.text + ask.len, sizeof(ask.text) - ask.len, fmt, ap);
	va_end(ap);
	ask.len += strlen(ask.text + ask.len);
}

bool backtrace_if_asked(const struct pt_regs *regs)
{
	bool ours = cpumask_test(&on_the_way, this_cpu()->id);
	u32 wanted = ASK_WANTED;

	cpumask_clear(&on_the_way, this_cpu()->id);
	if (READ_ONCE(ask.cpu) != this_cpu()->id ||
	    !__atomic_compare_exchange_n(&ask.state, &wanted, ASK_TAKEN, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return ours; /* too late, or an NMI of the hardware */
	ask.len = 0;
	take_down("  task %d (%s), interrupts %s%s\n", current->pid_nr, current->comm,
		  regs->rflags & X86_EFLAGS_IF ? "on" : "off",
		  user_mode(regs) ? ", in user mode" : "");
	arch_backtrace(regs, take_down);
	__atomic_store_n(&ask.state, ASK_DONE, __ATOMIC_RELEASE);
	return true;
}

static void print_lines(char *text, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	char *end;

	for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		print("%s\n", text);
	}
}

static bool answered(void)
{
	return __atomic_load_n(&ask.state, __ATOMIC_ACQUIRE) == ASK_DONE;
}

void arch_backtrace_cpu(u32 cpu, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	u32 wanted = ASK_WANTED;
	u64 until;

	if (cpu >= nr_cpus || cpu == this_cpu()->id)
		return;
	if (__atomic_exchange_n(&ask.busy, true, __ATOMIC_ACQUIRE)) {
		print("  another report is being made\n");
		return;
	}
	WRITE_ONCE(ask.cpu, cpu);
	__atomic_store_n(&ask.state, ASK_WANTED, __ATOMIC_SEQ_CST);
	cpumask_set(&on_the_way, cpu);
	apic_send(cpus[cpu].apic_id, APIC_NMI);
	for (until = arch_clock_ns() + ANSWER_NS; !answered() && arch_clock_ns() < until;)
		cpu_wait();
	if (answered())
		print_lines(ask.text, print);
	else
		print("  it does not answer an NMI either\n");
	/* A CPU that took the question and has not answered may still write: never ask again. */
	if (answered() || __atomic_compare_exchange_n(&ask.state, &wanted, ASK_NOTHING, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		__atomic_store_n(&ask.busy, false, __ATOMIC_RELEASE);
}

u32 arch_stack_trace(const struct task *t, u64 *pc, u32 max)
{
	extern const char __sched_text_start[], __sched_text_end[];
	const u64 *sp = (const u64 *)t->thread.sp;
	u64 low = (u64)t->stack, rbp, rip;
	u32 n = 0;

	/* As below. */
	if (!kernel_read_u64(sp, &rbp))
		return 0;
	while (n < max && rbp >= low && rbp < low + KERNEL_STACK_SIZE - 16 && !(rbp & 7)) {
		if (!kernel_read_u64((void *)(rbp + 8), &rip) ||
		    !kernel_read_u64((void *)rbp, &rbp) || rip < KERNEL_IMAGE_BASE)
			break;
		if (n || rip <= (u64)__sched_text_start || rip > (u64)__sched_text_end)
			pc[n++] = rip - 1; /* inside the call */
	}
	return n;
}

void arch_backtrace_task(const struct task *t, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	const u64 *sp = (const u64 *)READ_ONCE(t->thread.sp);
	struct pt_regs regs = {.cs = KERNEL_CS};

	/* As switch_stacks() left it: entry/switch.asm. */
	if (kernel_read_u64(sp, &regs.rbp) && kernel_read_u64(sp + 1, &regs.rip))
		arch_backtrace(&regs, print);
}
