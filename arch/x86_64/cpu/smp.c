/*
 * Starting the other CPUs: SDM vol. 3A, 9.4.
 *
 * The MADT lists the CPUs. The boot CPU gives each an idle task, tables and stacks, and sends it
 * INIT and startup interrupts. The new CPU runs through entry/trampoline.asm to ap_main(), loads
 * what the boot CPU has set up, and idles. CPUs start one at a time, with one set of variables.
 *
 * CPUs are numbered in the order in which they answer; one that does not answer is left out.
 */
#include "arch/x86_64/cpu/smp.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/cpu/idt.h"
#include "arch/x86_64/cpu/mce.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/clock/clock.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/fork.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/cpumask.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* Below 1 MiB, on a page boundary; mm/early.c keeps the first 64 KiB out of the allocator. */
#define TRAMPOLINE 0x8000UL

#define INIT_DELAY_NS    (10 * NSEC_PER_MSEC)  /* between INIT and startup */
#define STARTUP_DELAY_NS (1 * NSEC_PER_MSEC)   /* after which a second one is sent */
#define ARRIVAL_NS       (500 * NSEC_PER_MSEC) /* after which it is given up */

enum ap_state {
	AP_NONE,
	AP_AWAITED, /* the variables below are ready; trampoline.asm knows these numbers */
	AP_ARRIVED, /* the CPU has taken them */
	AP_ONLINE,
};

/* What trampoline.asm reads; written by the boot CPU before the startup interrupt. */
u32 ap_state;
u64 ap_cr3, ap_stack;
struct cpu *ap_cpu;

extern const u8 trampoline_start[], trampoline_end[];
extern const u8 __percpu_start[], __percpu_end[]; /* boot/kernel.ld */

static long max_cpus = MAX_CPUS;
TUNABLE_AT_BOOT(max_cpus, "smp.max", max_cpus, 1, MAX_CPUS, NULL,
		"CPUs to start at boot, the first one included");

static struct cpu_tables *ap_tables;
static u64 boot_cr0, boot_cr4;

static void delay(u64 ns)
{
	u64 until = arch_clock_ns() + ns;

	while (arch_clock_ns() < until)
		cpu_relax();
}

/* True if the new CPU reaches this state within the time. */
static bool wait_for_state(enum ap_state state, u64 ns)
{
	u64 until = arch_clock_ns() + ns;

	while (__atomic_load_n(&ap_state, __ATOMIC_ACQUIRE) < (u32)state) {
		if (arch_clock_ns() > until)
			return __atomic_load_n(&ap_state, __ATOMIC_ACQUIRE) >= (u32)state;
		cpu_relax();
	}
	return true;
}

/* On the new CPU, interrupts off, on the stack of its idle task. */
void ap_main(struct cpu *cpu)
{
	write_cr0(boot_cr0);
	write_cr4(boot_cr4);
	cpu_tables_load(cpu, ap_tables);
	idt_load();
	arch_load_mm(&init_mm);
	fpu_init_cpu();
	syscall_init();
	pat_init();
	mce_init_cpu();
	apic_init_cpu();
	cpu->apic_id = apic_id();
	tsc_compare(false, (u64)tsc_skew);
	cpu->online = true;
	cpumask_set(&cpu_online_mask, cpu->id);
	__atomic_store_n(&ap_state, AP_ONLINE, __ATOMIC_RELEASE);
	local_irq_enable();
	cpu_idle();
}

static bool prepare_percpu(struct cpu *cpu)
{
	unsigned int order = 0;
	struct page *copy;

	while (PAGE_SIZE << order < (u64)(__percpu_end - __percpu_start))
		order++;
	copy = alloc_pages(order, ALLOC_ZERO);
	if (copy)
		cpu->percpu = (u64)page_to_virt(copy) - (u64)__percpu_start;
	return copy;
}

/* Allocate what the next CPU needs. False without memory; what was allocated is kept. */
static bool prepare(struct cpu *cpu)
{
	if (!ap_tables)
		ap_tables = kzalloc(sizeof(*ap_tables));
	if (ap_tables && !cpu->running && (cpu->percpu || prepare_percpu(cpu)))
		cpu->running = fork_idle(cpu->id);
	if (!ap_tables || !cpu->running)
		return false;
	cpu->self = cpu;
	cpu->kernel_sp = (u64)cpu->running->stack + KERNEL_STACK_SIZE;
	init_idle(cpu->running, cpu);
	timers_init_cpu(cpu->id);
	nr_cpu_words = BITS_TO_WORDS(cpu->id + 1);
	ap_cr3 = virt_to_phys(init_mm.root);
	ap_stack = (u64)task_pt_regs(cpu->running);
	ap_cpu = cpu;
	return true;
}

/* Compare the counters of the new CPU and this one: no clock may go back for a task that moves. */
static void check_tsc(u32 apic)
{
	u64 back = tsc_compare(true, 0);

	if (!back)
		return;
	pr_warn("tsc: differs by %lu cycles on the CPU with APIC id %u\n", back, apic);
	clock_leave_tsc();
}

/* Start the CPU. True if it is online. */
static bool start(u32 apic)
{
	u32 awaited = AP_AWAITED;

	tsc_compare_init();
	__atomic_store_n(&ap_state, AP_AWAITED, __ATOMIC_SEQ_CST);
	apic_send(apic, APIC_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
	if (!wait_for_state(AP_ARRIVED, STARTUP_DELAY_NS)) {
		apic_send(apic, APIC_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
		wait_for_state(AP_ARRIVED, ARRIVAL_NS);
	}
	if (__atomic_compare_exchange_n(&ap_state, &awaited, AP_NONE, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return false;
	/* The CPU has taken its variables: from here it cannot fail. */
	check_tsc(apic);
	while (__atomic_load_n(&ap_state, __ATOMIC_ACQUIRE) != AP_ONLINE)
		cpu_relax();
	return true;
}

static void start_one(u32 apic)
{
	struct cpu *cpu = &cpus[nr_cpus];
	bool online;

	cpu->id = nr_cpus;
	if (!prepare(cpu)) {
		pr_warn("smp: no memory for the CPU with APIC id %u\n", apic);
		return;
	}
	preempt_disable();
	online = start(apic);
	preempt_enable();
	if (!online) {
		pr_warn("smp: the CPU with APIC id %u does not answer: left out\n", apic);
		return;
	}
	ap_tables = NULL; /* the new CPU owns them */
	WRITE_ONCE(nr_cpus, nr_cpus + 1);
}

static bool copy_trampoline(void)
{
	void *page = arch_map_physical(TRAMPOLINE, PAGE_SIZE, MAP_CACHED);

	if (page)
		memcpy(page, trampoline_start, trampoline_end - trampoline_start);
	return page != NULL;
}

static bool reachable(u32 apic, bool tell)
{
	if (!apic_can_reach(apic) && tell)
		pr_warn("smp: APIC id %u wants x2APIC mode: left out\n", apic);
	return apic_can_reach(apic);
}

static void start_others(u32 n)
{
	u32 self = cpus[0].apic_id;

	if (!copy_trampoline()) {
		pr_warn("smp: no page below 1 MiB to start the other CPUs from\n");
		return;
	}
	ipi_init();
	boot_cr0 = read_cr0();
	boot_cr4 = read_cr4();
	for (u32 i = 0; i < n; i++)
		if (acpi.cpu_apic_id[i] != self && reachable(acpi.cpu_apic_id[i], false))
			apic_send(acpi.cpu_apic_id[i], APIC_INIT);
	delay(INIT_DELAY_NS);
	for (u32 i = 0; i < n && nr_cpus < (u32)max_cpus; i++)
		if (acpi.cpu_apic_id[i] != self && reachable(acpi.cpu_apic_id[i], true))
			start_one(acpi.cpu_apic_id[i]);
}

void arch_smp_init(void)
{
	u32 n = acpi.nr_cpus + acpi.nr_cpus_beyond;

	tlb_init();
	if (n <= 1)
		return;
	if (irq_uses_apic() && max_cpus > 1)
		start_others(acpi.nr_cpus);
	pr_info("smp: %u of %u CPUs run%s\n", nr_cpus, n,
		acpi.nr_cpus_beyond  ? "; more cannot"
		: max_cpus < (long)n ? "; smp.max leaves out the others"
		: !irq_uses_apic()   ? "; without an I/O APIC more cannot"
				     : "");
}
