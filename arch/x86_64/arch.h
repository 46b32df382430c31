/* The interface of the machine for generic code. Anything in arch/x86_64/ that is neither included
 * nor declared here is private to the architecture. */
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
/* The final kernel tables: W^X image, direct map, page array. */
void arch_paging_init(const struct boot_info *boot);
void arch_cache_init(void); /* slab caches of the architecture's own */
void arch_irq_init(void);   /* machine checks, the firmware's tables, APICs or 8259 */
void arch_time_init(void);  /* clock source and the per-CPU one-shot timer */
void arch_smp_init(void);   /* start the other CPUs: by pid 1 */

/* ---- other CPUs ---- */
/* Make a CPU look at need_resched and at the signals of its current task. Any context. */
void arch_send_reschedule(u32 cpu);
/* Call fn(arg) on every CPU, with interrupts off there, and wait until all have returned. The
 * caller has interrupts on, and holds no lock that is ever taken with interrupts off. */
void on_each_cpu(void (*fn)(void *), void *arg);
void arch_stop_other_cpus(void); /* for good: panic */

/* ---- the CPU ---- */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}
#ifndef HOST_TEST
void tlb_serve(void); /* mm/tlb.c */
/* One turn of a loop that waits for another CPU. That CPU may wait until this one has flushed its
 * TLB; with interrupts off, only this call does it. */
static inline void cpu_wait(void)
{
	cpu_relax();
	if (unlikely(__atomic_load_n(&this_cpu()->flush_asked, __ATOMIC_RELAXED)))
		tlb_serve();
}
#endif
/* Enable interrupts and halt, with no interrupt in between; returns with them on. */
void cpu_idle_wait(void);
u64 cpu_cycles(void);          /* time-stamp counter */
bool arch_random(u64 *out);    /* 64 bits from the CPU's own source; false if it has none */
bool arch_on_hypervisor(void); /* this CPU may stop at any moment, while the host runs others */
void cpu_print_features(void (*print)(const char *fmt, ...) __printf(1, 2));

void arch_print_board(void (*print)(const char *fmt, ...) __printf(1, 2)); /* and the firmware */

void arch_print_devices(void (*print)(const char *fmt, ...) __printf(1, 2)); /* on PCI buses */
/* " 8086:10d3 …": vendors and devices, bridges left out. Returns how many had no room. */
u32 arch_device_ids(char *buf, size_t n);

/* For /proc/cpuinfo; all CPUs are alike. */
struct cpu_identity {
	const char *vendor, *model_name; /* the latter may be empty */
	u32 family, model, stepping;
	u32 phys_bits;
	u32 microcode; /* its revision; 0: unknown */
};
void arch_cpu_identity(struct cpu_identity *out);
/* Maker and product of the machine, as the firmware tells them; "" if it does not. */
const char *arch_machine_name(void);
/* A core's number in its package, and the package's. */
struct cpu_place {
	u32 core, package;
};
struct cpu_place arch_cpu_place(u32 cpu);
/* The features' Linux names, each with a blank in front. */
void arch_cpu_flags(char *buf, size_t n);

/* ---- interrupts, for /proc ---- */
u32 arch_irq_count(u32 cpu, u8 vector);
/* Describe a vector: "1", "IO-APIC  1-edge  i8042". False if it is not used. */
bool arch_irq_label(u8 vector, char *tag, size_t n, char *about, size_t about_n);

/* ---- tasks: kernel stack, registers, FPU ---- */
#define KERNEL_STACK_SIZE (16 * 1024UL)
#define STACK_END_MAGIC   0x57ac6e9d57ac6e9dUL
/* The boot stack, which becomes init_task's, and the unmapped page below it (boot/start.asm). */
extern char init_stack[KERNEL_STACK_SIZE], init_stack_guard[PAGE_SIZE];

/* The part of a task that only the architecture reads. */
struct thread {
	u64 sp; /* kernel stack pointer while switched out */
	/* FS is the C library's thread-local storage. With FSGSBASE programs change both
	 * themselves: then current's are in the registers only. */
	u64 fs_base, gs_base;
	void *fpu;                /* XSAVE or FXSAVE image; NULL for kernel threads */
	u32 trap_nr, error_code;  /* of the last fault, for the signal frame */
	u64 cr2;                  /* likewise */
	struct debug_regs *debug; /* hardware breakpoints; NULL: never set. cpu/debug_regs.c */
	u32 dr6;                  /* of the last debug trap, as ptrace(2) shows it; inverted */
	u32 forced_tf;            /* 1: the trap flag in the user's registers is its tracer's */
};

/* The user registers saved at the top of `t`'s kernel stack. */
struct pt_regs *task_pt_regs(const struct task *t);

/* Give child `p`, which has its kernel stack, the registers to start with: a copy of the parent's
 * with rax = 0, and stack and TLS from `args`; a kernel thread starts in args->fn(args->fn_arg).
 * 0, -ENOMEM (FPU image), or -EPERM: SETTLS with a base outside the user half. */
int copy_thread(struct task *p, const struct kernel_clone_args *args);
/* Undo copy_thread(); also called when a task is freed. */
void arch_free_thread(struct task *p);
/* ---- for a tracer: the task does not run, or is current (arch/x86_64/ptrace.c) ---- */
/* The user's next instruction traps, or no longer does. The program does not see the flag. */
void arch_enable_step(struct task *p);
void arch_disable_step(struct task *p);
/* The requests of ptrace(2) about registers. -EIO: it is none of them. */
long arch_ptrace(struct task *p, long request, u64 addr, u64 data);
/* exit and exec: hardware breakpoints, if thread.debug is set, go. */
void arch_drop_breakpoints(struct task *p);
/* Reset current's user registers, FPU and TLS for a new program at `rip`, its stack at `rsp`. */
void start_thread(struct pt_regs *regs, u64 rip, u64 rsp);
/* Give the current kernel thread the FPU image a user program needs. 0 or -ENOMEM. */
int arch_prepare_user(void);
/* Save the registers of current that a switch would save, as they are now. */
void arch_save_current(void);
/* The registers of a task that does not run, or after that of current, for a core dump: those of
 * struct user_regs_struct, and the FPU's, whose first CORE_FPU_SIZE bytes are FXSAVE's. The latter
 * returns its bytes, and stores nothing if `image` is NULL. */
#define NR_CORE_REGS  27
#define CORE_FPU_SIZE 512
void arch_core_registers(const struct task *p, u64 *words);
size_t arch_core_fpu(const struct task *p, void *image);
bool arch_has_xstate(void); /* there is more behind these bytes: NT_X86_XSTATE */
/* For the auxiliary vector: CPUID leaf 1 EDX, Linux's HWCAP2_* bits, the smallest useful signal
 * stack. */
u64 arch_hwcap(void);
u64 arch_hwcap2(void);
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
/* The first C function of every new task, called by ret_from_fork: kernel/sched/switch.c. */
void schedule_tail(struct task *prev);
/* Called when a kernel thread's fn() returns. code: a wait status. kernel/exit.c. */
void do_exit(int code) __noreturn;

/* ---- signals (arch/x86_64/signal_frame.c) ---- */
/* Push Linux's rt signal frame on the user stack and point `regs` at the handler. 0 or -EFAULT. */
int setup_rt_frame(struct ksignal *ksig, u64 oldset, struct pt_regs *regs);

/* ---- address spaces (arch/x86_64/mm/) ---- */
extern struct mm init_mm;         /* the kernel's own: mm/mm.c */
void arch_init_root(pte_t *root); /* give a PML4 that is all zeroes its kernel half */
void arch_load_mm(struct mm *mm); /* write CR3; interrupts are off */
/* Unload `mm`, which no task lives in any more, from every CPU. */
void arch_leave_mm(struct mm *mm);
/* Flush the user translations of `mm`, or those of [start, end), on each CPU that has it loaded;
 * also the paging-structure caches. */
void flush_tlb_mm(struct mm *mm);
void flush_tlb_range(struct mm *mm, u64 start, u64 end);
void flush_tlb_kernel_range(u64 start, u64 end);
/* The flushes of one CPU so far, and how often it asked another CPU for one. */
void arch_tlb_counts(u32 cpu, u64 *flushes, u64 *asked);
void clear_page(void *page);
void copy_page(void *dst, const void *src);
/* Map or unmap pages in the kernel's vmalloc range: to consecutive frames, all or none. 0 or
 * -ENOMEM; unmap writes the frames to pa[], if that is not NULL. */
int arch_map_kernel_pages(u64 va, phys_addr_t pa, u64 pages, pte_t flags);
void arch_unmap_kernel_pages(u64 va, u64 pages, phys_addr_t *pa);
/* Map the struct pages of a section that is brought in: `size` bytes, at the section's start. */
void arch_map_page_array(phys_addr_t section, size_t size);
int arch_prepare_kernel_page(u64 va); /* mapping this one will need no memory: 0 or -ENOMEM */

/* ---- time (arch/x86_64/dev/) ---- */
u64 arch_clock_ns(void); /* monotonic nanoseconds since boot, from the best clock source */
const char *arch_clock_name(void);
/* Is the clock the time-stamp counter: ns = (TSC - base) * mult >> 32? Called when all CPUs run,
 * since their counters are compared as they start. */
bool arch_clock_is_tsc(u64 *mult, u64 *base);
/* The longest time between two readings of the clock, in ns; TIME_FOREVER if it never wraps. */
u64 arch_clock_max_idle(void);
/* The counter of CPU time: the time-stamp counter, which is cheap to read, or the clock if the
 * CPUs' counters differ. Only differences mean something; arch_run_ns() converts them. */
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
u64 arch_wall_clock(void);       /* seconds since the epoch, read from the CMOS clock */
void arch_timer_program(u64 ns); /* call timer_interrupt() on this CPU, once, `ns` from now */
const char *arch_timer_name(void);

/* ---- power ---- */
/* QEMU's debug-exit device takes a code of seven bits: the status, or one of these two. Code 0 is
 * never sent: QEMU would end with status 1, as it does on an error of its own. */
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
/* USB keyboards: arch_usb_main() serves them for ever, in a kernel thread. Find: are there
 * controllers? Wait: until what is plugged in is known, for a few seconds at most. */
bool arch_usb_find(void);
bool arch_has_usb(void); /* after that: the answer */
int arch_usb_main(void *unused);
void arch_usb_wait(void);
/* Write to all devices, with \r before each \n where needed; raw: the tty's output, as it is. */
void arch_console_write(const char *s, size_t n);
void arch_console_write_raw(const char *s, size_t n);
/* Bytes that a program may write now. If 0, console_hooks.writable is called later. */
size_t arch_console_room(void);
void arch_console_flush(void); /* send queued output, by polling (panic) */
/* Draw what was written since the last refresh: at each tick and before idling. Any context. */
void arch_console_refresh(void);
/* Did the last output end its line? A prompt begins on a line of its own. */
bool arch_console_at_line_start(void);
void arch_console_size(unsigned int *rows, unsigned int *cols);
bool arch_screen_size(u32 *rows, u32 *cols);     /* characters; false: there is no screen */
void arch_console_describe(char *buf, size_t n); /* the devices, in a few words */
/* The terminal above the drivers. Both functions are called in interrupt context. */
struct console_hooks {
	void (*input)(char c);  /* a character was typed */
	void (*writable)(void); /* the serial port takes bytes again */
};
/* Called before arch_console_init(). */
void arch_console_attach(const struct console_hooks *hooks);

/* ---- debugging ---- */
void arch_backtrace(const struct pt_regs *regs, void (*print)(const char *fmt, ...) __printf(1, 2));
/* Backtraces of a task that is switched out, and of another CPU, even one with interrupts off. */
void arch_backtrace_task(const struct task *t, void (*print)(const char *fmt, ...) __printf(1, 2));
void arch_backtrace_cpu(u32 cpu, void (*print)(const char *fmt, ...) __printf(1, 2));
/* Where a task sleeps: at most `max` addresses, from the innermost outside __sched functions on.
 * Returns their number. The caller keeps the task from running. */
u32 arch_stack_trace(const struct task *t, u64 *pc, u32 max);
void arch_print_regs(const struct pt_regs *regs,
		     void (*print)(const char *fmt, ...) __printf(1, 2));
