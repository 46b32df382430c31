/*
 * The whole interface that generic code may use of the machine.
 *
 * Everything below arch/x86_64/ that is not included or declared here is private to the
 * architecture.
 */
#pragma once

#include "arch/x86_64/cpu/irqflags.h"
#include "arch/x86_64/cpu/percpu.h"
#include "arch/x86_64/entry/regs.h"
#include "arch/x86_64/mm/pte.h"
#include "arch/x86_64/mm/user_copy.h"
#include "kernel/lib/types.h"

struct task;
struct mm;
struct kernel_clone_args;
struct boot_info;
struct ksignal;

/* ---- bringing the machine up: called by start_kernel(), in this order ---- */
void arch_early_init(const struct boot_info *boot); /* per-CPU area, GDT, TSS, IDT, features, FPU */
void arch_paging_init(
	const struct boot_info *boot); /* final kernel tables: W^X image, direct map, page array */
void arch_cache_init(void);            /* slab caches of the architecture's own */
void arch_irq_init(void);              /* ACPI, APICs or 8259 */
void arch_time_init(void);             /* clock source and the per-CPU one-shot timer */
void arch_smp_init(void);              /* start the other CPUs: by pid 1 */

/* ---- other CPUs ---- */
/* Have a CPU look at need_resched and at the signals of the task it runs. Any context. */
void arch_send_reschedule(u32 cpu);
/* fn(arg) on every CPU, in an interrupt or with interrupts off; returns when all have done it.
 * Interrupts are on, and no lock is held that somebody takes with interrupts off. */
void on_each_cpu(void (*fn)(void *), void *arg);
void arch_stop_other_cpus(void); /* for good: panic */

/* ---- the CPU ---- */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}
#ifndef HOST_TEST
void tlb_serve(void); /* mm/tlb.c */
/* One turn of a loop that waits for another CPU. That one may be waiting for us to flush our TLB,
 * and with interrupts off nothing else would make us do it. */
static inline void cpu_wait(void)
{
	cpu_relax();
	if (unlikely(__atomic_load_n(&this_cpu()->flush_from, __ATOMIC_RELAXED)))
		tlb_serve();
}
#endif
/* Enable interrupts and halt, in one step that no interrupt can come between; returns with them on.
 */
void cpu_idle_wait(void);
u64 cpu_cycles(void); /* time-stamp counter */
/* 64 bits from the CPU's own source of noise; false when it has none. */
bool arch_random(u64 *out);
/* Another system may stop this CPU at any moment and run something else on it. */
bool arch_on_hypervisor(void);
void cpu_print_features(void (*print)(const char *fmt, ...) __printf(1, 2));

/* What /proc/cpuinfo tells; all CPUs are alike. */
struct cpu_identity {
	const char *vendor, *model_name; /* the latter may be empty */
	u32 family, model, stepping;
	u32 phys_bits;
};
void arch_cpu_identity(struct cpu_identity *out);
/* The features' names as Linux has them, each with a blank in front. */
void arch_cpu_flags(char *buf, size_t n);

/* ---- interrupts, for /proc ---- */
u32 arch_irq_count(u32 cpu, u8 vector);
/* What a vector is for: "1", "IO-APIC  1-edge  i8042". False: nothing. */
bool arch_irq_label(u8 vector, char *tag, size_t n, char *about, size_t about_n);

/* ---- tasks: kernel stack, registers, FPU ---- */
#define KERNEL_STACK_SIZE (16 * 1024UL)
#define STACK_END_MAGIC   0x57ac6e9d57ac6e9dUL
/* The boot stack, which becomes init_task's; and the page below it, which is not mapped
 * (boot/start.asm). */
extern char init_stack[KERNEL_STACK_SIZE], init_stack_guard[PAGE_SIZE];

/* The part of a task that only the architecture reads. */
struct thread {
	u64 sp;      /* kernel stack pointer while switched out */
	u64 fs_base; /* thread-local storage of the C library */
	u64 gs_base;
	void *fpu;                    /* XSAVE or FXSAVE image; NULL for kernel threads */
	u64 trap_nr, error_code, cr2; /* of the last fault, for the signal frame */
};

/* The user registers saved at the top of `t`'s kernel stack. */
struct pt_regs *task_pt_regs(const struct task *t);

/* Give the child the registers it will start with: a copy of the parent's with rax = 0 and the new
 * stack and TLS asked for in `args`, or for a kernel thread args->fn(args->fn_arg). `p` has its own
 * kernel stack already. Returns 0 or -ENOMEM (FPU image). SETTLS with a non-canonical base: -EPERM.
 */
int copy_thread(struct task *p, const struct kernel_clone_args *args);
/* Undo copy_thread(); also called when a task is freed. */
void arch_free_thread(struct task *p);
/* Reset the current task's user registers for a new program: entry `rip`, stack `rsp`, FPU and TLS
 * cleared. */
void start_thread(struct pt_regs *regs, u64 rip, u64 rsp);
/* Give the current kernel thread the FPU image a user program needs. 0 or -ENOMEM. */
int arch_prepare_user(void);
/* What the auxiliary vector says of the CPU: CPUID leaf 1 EDX, and the smallest sane signal stack
 * (AT_MINSIGSTKSZ). */
u64 arch_hwcap(void);
u64 arch_min_sigstack(void);
/* Switch kernel stacks. Returns in `next`'s earlier call, with the task that ran just before it. */
static inline struct task *switch_to(struct task *prev, struct task *next)
{
	struct task *last;

	__asm__ volatile("call switch_stacks" /* entry/switch.asm */
			 : "=a"(last), "+D"(prev), "+S"(next)::"rbx", "rcx", "rdx", "r8", "r9",
			   "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
	return last;
}
/* First C function of every new task, called by ret_from_fork before it goes to user mode or to
 * fn(). */
void schedule_tail(struct task *prev); /* kernel/sched/switch.c */
/* What fn() ends in, if it returns to the kernel. code: a wait status. */
void do_exit(int code) __noreturn; /* kernel/exit.c */

/* ---- signals (arch/x86_64/signal_frame.c) ---- */
/* Push Linux's rt signal frame on the user stack and point `regs` at the handler. 0 or -EFAULT. */
int setup_rt_frame(struct ksignal *ksig, u64 oldset, struct pt_regs *regs);

/* ---- address spaces (arch/x86_64/mm/) ---- */
extern struct mm init_mm;         /* the kernel's own: mm/mm.c */
void arch_init_root(pte_t *root); /* give a PML4 that is all zeroes its kernel half */
void arch_load_mm(struct mm *mm); /* write CR3; interrupts are off */
/* Nobody lives in `mm` any more: no CPU has it loaded when this returns, or will. */
void arch_leave_mm(struct mm *mm);
/* Forget every user translation of `mm`, on each CPU that runs it. */
void flush_tlb_mm(struct mm *mm);
/* The same for [start, end); invalidates single pages when few. Also empties paging-structure
 * caches. */
void flush_tlb_range(struct mm *mm, u64 start, u64 end);
void flush_tlb_kernel_range(u64 start, u64 end);
/* Of one CPU, so far: its flushes, and the other CPUs that it asked for one. */
void arch_tlb_counts(u32 cpu, u64 *flushes, u64 *asked);
void clear_page(void *page);
void copy_page(void *dst, const void *src);
/* Map or unmap one page in the kernel's vmalloc range. Returns 0 or -ENOMEM; unmap gives back the
 * frame. */
int arch_map_kernel_page(u64 va, phys_addr_t pa, pte_t flags);
phys_addr_t arch_unmap_kernel_page(u64 va);
/* The same for several pages in one go: mapped to frames that follow each other, all of them or
 * none; what was unmapped is written to pa[], if that is not NULL. */
int arch_map_kernel_pages(u64 va, phys_addr_t pa, u64 pages, pte_t flags);
void arch_unmap_kernel_pages(u64 va, u64 pages, phys_addr_t *pa);
int arch_prepare_kernel_page(u64 va); /* mapping this one will need no memory: 0 or -ENOMEM */

/* ---- time (arch/x86_64/dev/) ---- */
u64 arch_clock_ns(void); /* monotonic nanoseconds since boot, from the best clock source */
const char *arch_clock_name(void);
/* True when that is the time-stamp counter: ns = (TSC - base) * mult >> 32. Once all CPUs
 * run: they have been compared then. */
bool arch_clock_is_tsc(u64 *mult, u64 *base);
/* The clock must be read at least this often, or it loses count: TIME_FOREVER unless its counter is
 * narrow. */
u64 arch_clock_max_idle(void);
/* What CPU time is counted in: the CPU's own counter, which costs next to nothing to read, unless
 * the CPUs' counters differ; then the clock. Only differences mean something. */
extern bool arch_runs_in_cycles;
static inline u64 arch_run_clock(void)
{
	u32 lo, hi;

	if (unlikely(!arch_runs_in_cycles))
		return arch_clock_ns();
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}
u64 arch_run_ns(u64 ticks);
u64 arch_wall_clock(void); /* seconds since the epoch, read from the CMOS clock */
void arch_timer_program(
	u64 ns); /* one-shot interrupt on this CPU, `ns` from now; calls timer_interrupt() */
void arch_timer_stop(void);
const char *arch_timer_name(void);

/* ---- power ---- */
/*
 * QEMU's debug-exit device takes a code of seven bits: a status as it is, but for two. Code 0 is
 * never sent, since QEMU would end with status 1, which is also how it ends on an error of its own.
 */
#define POWEROFF_MAX_STATUS 125
#define SUCCESS_EXIT_CODE   126
#define PANIC_EXIT_CODE     127
/* Stop the machine: by QEMU's debug-exit device where there is one, else ACPI S5, else halt. */
void arch_poweroff(int status) __noreturn;
void arch_reboot(void) __noreturn;
/* The end of a panic: ends QEMU with PANIC_EXIT_CODE where it can, else halts for good. */
void arch_panic_halt(void) __noreturn;

/* ---- console devices; output must work from any context, with interrupts on or off ---- */
void arch_console_early_init(const struct boot_info *boot); /* serial port (polled) and screen */
void arch_console_init(void); /* interrupt-driven serial and keyboard */
bool arch_has_keyboard(void); /* after arch_console_init() */
void arch_console_write(const char *s,
			size_t n); /* to all of them, translating \n to \r\n where needed */
void arch_console_write_raw(const char *s,
			    size_t n); /* the same without any translation: the tty's output */
/* Bytes that a program may write now; when there is none, the terminal is told of some. */
size_t arch_console_room(void);
void arch_console_flush(void); /* push out what is queued, by polling (panic) */
/* Draw on the screen what was written since the last time. Called by each tick and before idling;
 * any context. */
void arch_console_refresh(void);
/* Did the last thing written end its line? A prompt asks, to begin on a line of its own. */
bool arch_console_at_line_start(void);
void arch_console_size(unsigned int *rows, unsigned int *cols);
/* The terminal above the drivers. Both are called in interrupt context. */
struct console_hooks {
	void (*input)(char c);  /* a character was typed */
	void (*writable)(void); /* the serial port takes bytes again */
};
/* Until then what is typed is lost. Before arch_console_init(). */
void arch_console_attach(const struct console_hooks *hooks);

/* ---- debugging ---- */
void arch_backtrace(const struct pt_regs *regs, void (*print)(const char *fmt, ...) __printf(1, 2));
/* The same of a task that is switched out, and of what another CPU is doing. The latter works with
 * its interrupts off as well. */
void arch_backtrace_task(const struct task *t, void (*print)(const char *fmt, ...) __printf(1, 2));
void arch_backtrace_cpu(u32 cpu, void (*print)(const char *fmt, ...) __printf(1, 2));
/* Where a task that is switched out sleeps: the innermost address outside of __sched functions; 0:
 * nowhere. The caller keeps it from running. */
u64 arch_wchan(const struct task *t);
void arch_print_regs(const struct pt_regs *regs,
		     void (*print)(const char *fmt, ...) __printf(1, 2));
