/*
 * Which counter tells the time, and which device interrupts when it is up.
 *
 * Clock, best first: TSC where invariant, HPET, ACPI PM timer, PIT. Timer: the local APIC's, or the
 * PIT.
 */
#include "arch/x86_64/dev/clock.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/intc.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/time/timer.h"

static struct clock_source clock;
static u64 mult; /* ns a tick, 32 bits after the point */
static u64 base; /* counter at boot */
static u64
	extended; /* a narrow counter, with the overflows counted in; changed by compare-and-swap */

/*
 * A counter of less than 64 bits, extended: what it advanced by since the last time somebody looked
 * is added to what was seen then. Reading `extended` before the counter, and storing only if it is
 * still the same, makes each reading later than the one before it on any CPU. Somebody must look
 * once each time the counter wraps (arch_clock_max_idle).
 */
static u64 read_narrow(void)
{
	u64 seen = READ_ONCE(extended), now;

	do
		now = seen + ((clock.read() - seen) & clock.mask);
	while (!__atomic_compare_exchange_n(&extended, &seen, now, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE));
	return now;
}

u64 arch_clock_ns(void)
{
	u64 ticks;

	if (unlikely(!clock.read))
		return 0; /* early log lines */
	ticks = (clock.mask == ~0UL ? clock.read() : read_narrow()) - base;
	/* 64 by 32.32 bits: the product needs 96, or it would overflow after some seconds. */
	return (u64)((unsigned __int128)ticks * mult >> 32);
}

const char *arch_clock_name(void)
{
	return clock.name ? clock.name : "none";
}

u64 arch_clock_max_idle(void)
{
	if (clock.mask == ~0UL)
		return TIME_FOREVER;
	/* Half of its period: room for an interrupt that comes late. */
	return (u64)((unsigned __int128)(clock.mask / 2) * mult >> 32);
}

static void start(const struct clock_source *c)
{
	mult = (NSEC_PER_SEC << 32) / c->hz;
	base = extended = c->read();
	clock = *c;
}

static void choose_clock(void)
{
	struct clock_source ref = {0}, tsc = {0};

	if (!hpet_init(&ref) && !pm_timer_init(&ref))
		pit_clock_init(&ref);
	start(tsc_init(&tsc, &ref) ? &tsc : &ref);
}

void arch_time_init(void)
{
	choose_clock();
	if (irq_uses_apic() && apic_timer_init() != 0)
		panic("the local APIC's timer does not count\n");
	if (!irq_uses_apic() && pit_timer_init() != 0)
		panic("no interrupt for the PIT\n");
	pr_info("time: clock %s at %lu kHz, timer %s\n", clock.name, clock.hz / 1000,
		arch_timer_name());
}

void arch_timer_program(u64 ns)
{
	if (irq_uses_apic())
		apic_timer_program(ns);
	else
		pit_timer_program(ns);
}

void arch_timer_stop(void)
{
	if (irq_uses_apic())
		apic_timer_stop();
	else
		pit_timer_stop();
}

const char *arch_timer_name(void)
{
	return irq_uses_apic() ? "local APIC" : "PIT";
}
