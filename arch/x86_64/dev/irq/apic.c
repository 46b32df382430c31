/*
 * The local APIC: delivers interrupts to its CPU, and has the CPU's one-shot timer. SDM 3A, ch. 10.
 *
 * xAPIC is accessed through memory, x2APIC through MSRs. x2APIC is used if the firmware left it on
 * (it cannot be switched back), if a CPU has an id that xAPIC cannot address, and on a hypervisor
 * that offers it, where it saves decoding an instruction at each access. Devices interrupt only the
 * boot CPU, whose id is small, so x2APIC needs no interrupt remapping here.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/clock/clock.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC    0x800 /* the register at offset r in memory is MSR_X2APIC + r / 16 */

#define APIC_BASE_X2APIC (1UL << 10)
#define APIC_BASE_ENABLE (1UL << 11)

#define REG_ID          0x020
#define REG_TPR         0x080
#define REG_EOI         0x0b0
#define REG_SPURIOUS    0x0f0
#define REG_ICR_LOW     0x300 /* with x2APIC the only one, of 64 bits */
#define REG_ICR_HIGH    0x310
#define REG_LVT_TIMER   0x320
#define REG_LVT_LINT0   0x350
#define REG_LVT_LINT1   0x360
#define REG_LVT_ERROR   0x370
#define REG_TIMER_INIT  0x380
#define REG_TIMER_COUNT 0x390
#define REG_TIMER_DIV   0x3e0

#define SPURIOUS_ENABLE (1u << 8)
#define ICR_BUSY        (1u << 12)
#define ICR_ASSERT      (1u << 14)
#define LVT_MASKED      (1u << 16)
#define LVT_NMI         (4u << 8)
#define DIVIDE_BY_16    0x3
#define CALIBRATION_NS  1000000UL
#define XAPIC_BROADCAST 0xff /* a destination of 8 bits that means all CPUs */

static volatile u8 *regs; /* NULL: x2APIC */
static bool x2apic;
static u64 ticks_per_ns; /* of the timer, divided by 16; 32 bits after the point */

static u32 read_reg(u32 reg)
{
	return x2apic ? (u32)rdmsr(MSR_X2APIC + reg / 16) : mmio_read32(regs + reg);
}

static void write_reg(u32 reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		mmio_write32(regs + reg, v);
}

void apic_eoi(void)
{
	write_reg(REG_EOI, 0);
}

u32 apic_id(void)
{
	return x2apic ? read_reg(REG_ID) : read_reg(REG_ID) >> 24;
}

bool apic_can_reach(u32 id)
{
	return x2apic || id < XAPIC_BROADCAST;
}

const char *apic_mode(void)
{
	return x2apic ? "x2APIC" : "xAPIC";
}

static bool large_ids(void)
{
	for (u32 i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] >= XAPIC_BROADCAST)
			return true;
	return false;
}

static bool choose_x2apic(u64 base_msr)
{
	return cpu_features.x2apic &&
	       ((base_msr & APIC_BASE_X2APIC) || cpu_features.hypervisor || large_ids());
}

/* Switch the local APIC on and set it up, in the chosen mode. */
static void enable(u64 msr)
{
	msr |= APIC_BASE_ENABLE;
	wrmsr(MSR_APIC_BASE, msr); /* x2APIC only from the enabled state: two steps */
	if (x2apic)
		wrmsr(MSR_APIC_BASE, msr | APIC_BASE_X2APIC);
	write_reg(REG_TPR, 0);
	write_reg(REG_LVT_TIMER, LVT_MASKED);
	write_reg(REG_LVT_LINT0, LVT_MASKED); /* the line of the 8259s */
	write_reg(REG_LVT_LINT1, LVT_NMI);
	write_reg(REG_LVT_ERROR, LVT_MASKED);
	write_reg(REG_SPURIOUS, SPURIOUS_ENABLE | IRQ_SPURIOUS_VECTOR);
}

int apic_init(phys_addr_t base)
{
	u64 msr;

	if (!(cpuid_count(1, 0).edx & (1u << 9)))
		return -ENODEV;
	msr = rdmsr(MSR_APIC_BASE);
	x2apic = choose_x2apic(msr);
	if (!x2apic) {
		regs = arch_map_device(base ? base : msr & PAGE_MASK & PTE_ADDR_MASK, PAGE_SIZE);
		if (!regs)
			return -ENODEV;
	}
	enable(msr);
	return 0;
}

/* ---- interrupts for other CPUs ---- */

void apic_send(u32 id, u32 command)
{
	u64 flags;

	command |= ICR_ASSERT;
	if (x2apic) {
		/* Unlike a store to memory, WRMSR may overtake the stores before it. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC + REG_ICR_LOW / 16, (u64)id << 32 | command);
		return;
	}
	flags = local_irq_save(); /* an interrupt between the two writes may send one too */
	while (read_reg(REG_ICR_LOW) & ICR_BUSY)
		cpu_relax();
	write_reg(REG_ICR_HIGH, id << 24);
	write_reg(REG_ICR_LOW, command);
	local_irq_restore(flags);
}

/* ---- the timer ---- */

static void timer_fired(struct pt_regs *regs __maybe_unused)
{
	apic_eoi();
	timer_interrupt();
}

static u64 timer_left(void)
{
	return read_reg(REG_TIMER_COUNT);
}

/* Measure the timer's rate against the clock. A millisecond is enough: an interrupt may come a
 * little early or late, since the time itself is always read from the clock. */
static u64 measure(void)
{
	u64 start, now, left0, left1;

	write_reg(REG_TIMER_INIT, 0xffffffff);
	clock_read_pair(arch_clock_ns, timer_left, &start, &left0);
	while (arch_clock_ns() - start < CALIBRATION_NS)
		cpu_relax();
	clock_read_pair(arch_clock_ns, timer_left, &now, &left1);
	write_reg(REG_TIMER_INIT, 0);
	return now > start ? ((left0 - left1) << 32) / (now - start) : 0;
}

int apic_timer_init(void)
{
	write_reg(REG_TIMER_DIV, DIVIDE_BY_16);
	write_reg(REG_LVT_TIMER, LVT_MASKED | TIMER_VECTOR);
	ticks_per_ns = measure();
	if (ticks_per_ns == 0)
		return -EIO;
	irq_set_handler(TIMER_VECTOR, timer_fired);
	write_reg(REG_LVT_TIMER, TIMER_VECTOR);
	return 0;
}

void apic_init_cpu(void)
{
	enable(rdmsr(MSR_APIC_BASE));
	write_reg(REG_TIMER_DIV, DIVIDE_BY_16);
	write_reg(REG_LVT_TIMER, TIMER_VECTOR); /* at the rate that the boot CPU measured */
}

/* If `ns` is too long for the counter, the interrupt comes early; the timer code goes on. */
void apic_timer_program(u64 ns)
{
	unsigned __int128 ticks = ((unsigned __int128)ns * ticks_per_ns >> 32) + 1;

	write_reg(REG_TIMER_INIT, ticks > 0xffffffff ? 0xffffffff : (u32)ticks);
}
