/* Each CPU's own data. GS points at it in kernel mode; the entry code swaps it with the user's. */
#pragma once

#include "kernel/lib/types.h"

#define MAX_CPUS 512

struct task;
struct rq;
struct mm;
struct tss;
struct pt_regs;

struct cpu {
	struct cpu *self;     /* gs:0, so that one load turns GS into a pointer */
	struct task *running; /* `current` */
	u64 kernel_sp;        /* top of current's kernel stack: the syscall entry switches to it */
	u64 user_sp;          /* scratch of the syscall entry */
	u32 preempt_count;    /* 0: current may be preempted */
	bool tick_soon;       /* kernel/time/tick.c: look at the run queue before the next tick */
	union {
		struct {
			u32 need_resched; /* a better task waits: look on the way out */
			u32 fuzzed;       /* sched.fuzz is on */
		};
		u64 unlock_work; /* either of the two: one comparison after each spinlock */
	};
	u32 irq_depth; /* nesting of hardware interrupts */
	u32 id;
	u32 apic_id;
	bool online;
	bool flush_asked;      /* atomic: see mm/tlb.c */
	u64 percpu;            /* distance of its PER_CPU variables from the boot CPU's */
	const void *spins_for; /* the spinlock this CPU waits for; read by any */
	struct rq *rq;
	struct mm *loaded_mm; /* whose tables CR3 points at */
	struct tss *tss;
	u64 irqs;                 /* interrupts taken */
	struct pt_regs *irq_regs; /* what the innermost interrupt interrupted */
};

extern struct cpu cpus[MAX_CPUS];
extern u32 nr_cpus; /* online: their numbers are 0 … nr_cpus - 1 */
/* Words of a mask with a bit of a CPU that runs or is being started: grows before that CPU does
 * anything. */
extern u32 nr_cpu_words;

#ifndef HOST_TEST
/* Only meaningful while preemption is off: otherwise the caller may wake up on another CPU. */
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* `current` is the same on each CPU that the caller moves to, so the read need not be volatile. */
static inline struct task *get_current(void)
{
	struct task *t;

	__asm__("mov %%gs:%c1, %0" : "=r"(t) : "i"(offsetof(struct cpu, running)));
	return t;
}
#define current get_current()

static inline u32 preempt_count(void)
{
	u32 n;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(n) : "i"(offsetof(struct cpu, preempt_count)));
	return n;
}
/* Nesting of hardware interrupts on this CPU. */
static inline u32 irq_depth(void)
{
	u32 n;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(n) : "i"(offsetof(struct cpu, irq_depth)));
	return n;
}
static inline void preempt_disable(void)
{
	__asm__ volatile("incl %%gs:%c0" ::"i"(offsetof(struct cpu, preempt_count))
			 : "memory", "cc");
}
static inline void preempt_enable_no_resched(void)
{
	__asm__ volatile("decl %%gs:%c0" ::"i"(offsetof(struct cpu, preempt_count))
			 : "memory", "cc");
}
static inline u64 percpu_distance(void)
{
	u64 n;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(n) : "i"(offsetof(struct cpu, percpu)));
	return n;
}
/* A variable of which each CPU has a copy, all zeroes at first. The boot CPU's copy is part of the
 * image; smp.c allocates those of the CPUs that it starts. Use the pointer with preemption off. */
#define PER_CPU             __attribute__((section(".bss.percpu")))
#define percpu(ptr)         ((typeof(ptr))((u64)(ptr) + percpu_distance()))
#define percpu_of(cpu, ptr) ((typeof(ptr))((u64)(ptr) + cpus[cpu].percpu))

static inline bool need_resched(void)
{
	bool wanted;

	__asm__ volatile("cmpl $0, %%gs:%c1"
			 : "=@ccne"(wanted)
			 : "i"(offsetof(struct cpu, need_resched))
			 : "memory");
	return wanted;
}

static inline bool unlock_work(void)
{
	bool some;

	__asm__ volatile("cmpq $0, %%gs:%c1"
			 : "=@ccne"(some)
			 : "i"(offsetof(struct cpu, unlock_work))
			 : "memory");
	return some;
}

void preempt_schedule(void); /* kernel/sched/switch.c */

/* End a section that must not be preempted; switch if a better task became runnable meanwhile. */
static inline void preempt_enable(void)
{
	preempt_enable_no_resched();
	if (unlikely(need_resched()) && preempt_count() == 0)
		preempt_schedule();
}
#else /* a host program is alone on one CPU; tests/unit/host.h has the object */
extern struct cpu host_cpu;
#define PER_CPU
#define percpu(ptr)         (ptr)
#define percpu_of(cpu, ptr) (ptr)
static inline struct cpu *this_cpu(void)
{
	return &host_cpu;
}
#define current             (host_cpu.running)
static inline u32 preempt_count(void)
{
	return host_cpu.preempt_count;
}
static inline void preempt_disable(void)
{
	host_cpu.preempt_count++;
}
static inline void preempt_enable_no_resched(void)
{
	host_cpu.preempt_count--;
}
static inline void preempt_enable(void)
{
	host_cpu.preempt_count--;
}
static inline bool need_resched(void)
{
	return false;
}
#endif
