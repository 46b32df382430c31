/* Panic: report as much as possible, then stop. Nothing here allocates or waits for a lock. */
#include "arch/x86_64/arch.h"
#include "boot/boot_info.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"

#define TRACE_TAIL 20

static u32 panicking; /* CPU + 1 */

/* Below the most that was ever used, a kernel stack still holds stack_poison()'s pattern. */
void stack_poison(void *stack)
{
	u64 *word = stack;

	for (size_t i = 1; i < KERNEL_STACK_SIZE / 8; i++) /* word 0 is STACK_END_MAGIC */
		word[i] = STACK_FILL;
}

size_t stack_watermark(const void *stack)
{
	const u64 *word = stack;
	size_t i = 1;

	while (i < KERNEL_STACK_SIZE / 8 && word[i] == STACK_FILL)
		i++;
	return i == 1 ? 0 : KERNEL_STACK_SIZE - i * 8;
}

static void show_task(void)
{
	const struct task *t = current;
	u64 here = (u64)__builtin_frame_address(0), base;

	if (t == NULL) {
		panic_printf("no current task yet\n");
		return;
	}
	base = (u64)t->stack;
	panic_printf("CPU %u, task %d (%s)", this_cpu()->id, t->pid_nr, t->comm);
	if (t->stack && here >= base && here < base + KERNEL_STACK_SIZE) {
		panic_printf(", kernel stack %lu of %lu bytes in use",
			     base + KERNEL_STACK_SIZE - here, KERNEL_STACK_SIZE);
		if (stack_watermark(t->stack))
			panic_printf(", at most %lu", stack_watermark(t->stack));
		if (*(u64 *)t->stack != STACK_END_MAGIC)
			panic_printf(", its END MARK IS OVERWRITTEN");
	}
	panic_printf("\n");
	if (sched_fuzz)
		panic_printf("sched.fuzz=%ld\n", sched_fuzz);
}

/* Returns only once: a fault during a panic must not start it again. */
static void panic_begin(void)
{
	u32 first = 0;

	local_irq_disable();
	if (!__atomic_compare_exchange_n(&panicking, &first, this_cpu()->id + 1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		while (first != this_cpu()->id + 1) /* another CPU was first, and stops this one */
			cpu_relax();
		locks_off = true;
		panic_printf("panic inside a panic\n");
		arch_console_flush();
		arch_panic_halt();
	}
	arch_stop_other_cpus(); /* before locks are ignored */
	locks_off = true;
	trace_enabled = false;
}

static void __noreturn panic_with(const struct pt_regs *regs, const char *fmt, va_list ap)
{
	char text[256];
	size_t n;

	panic_begin();
	vsnprintf(text, sizeof(text), fmt, ap);
	n = strlen(text);
	panic_printf("\nKERNEL PANIC: %s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
	show_task();
	arch_print_regs(regs, panic_printf);
	panic_printf("backtrace:\n");
	arch_backtrace(regs, panic_printf);
	arch_console_flush(); /* the rest reads more memory, and may fail */
	panic_printf("last trace events:\n");
	if (trace_show_tail(panic_printf, TRACE_TAIL) == 0)
		panic_printf("  none: `trace on` before it happens records them\n");
	if (*boot_commit())
		panic_printf("commit %s\n", boot_commit());
	panic_printf("end of panic\n");
	arch_console_flush();
	arch_panic_halt();
}

/* The registers at the call of panic(), as far as a call preserves them. */
#define CAPTURE_REGS(r)                                                                               \
	do {                                                                                          \
		__asm__ volatile(                                                                     \
			"mov %%rbx, %0; mov %%r12, %1; mov %%r13, %2; mov %%r14, %3; mov %%r15, %4; " \
			"pushfq; popq %5"                                                             \
			: "=m"((r)->rbx), "=m"((r)->r12), "=m"((r)->r13), "=m"((r)->r14),             \
			  "=m"((r)->r15), "=r"((r)->rflags));                                         \
		(r)->rbp = *(u64 *)__builtin_frame_address(0);                                        \
		(r)->rsp = (u64)__builtin_frame_address(0) + 16;                                      \
		(r)->rip = (u64)__builtin_return_address(0) - 1; /* in the call instruction */        \
		(r)->cs = KERNEL_CS;                                                                  \
		(r)->ss = KERNEL_DS;                                                                  \
	} while (0)

void panic(const char *fmt, ...)
{
	struct pt_regs regs = {0};
	va_list ap;

	CAPTURE_REGS(&regs);
	va_start(ap, fmt);
	panic_with(&regs, fmt, ap);
}

void panic_regs(const struct pt_regs *regs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_with(regs, fmt, ap);
}
