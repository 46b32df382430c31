/*
 * Chooses the clock and the timer.
 *
 * Clock, best first: TSC if invariant, HPET, ACPI PM timer, PIT. Timer: local APIC's, or PIT.
 */
#include "arch/x86_64/dev/clock/clock.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/time/timer.h"

struct clock {
	struct clock_source source;
	u64 mult;   /* ns a tick, 32 bits after the point */
	u64 base;   /* counter when its use began */
	u64 offset; /* ns that had passed by then */
};

static struct clock first_clock, second_clock; /* the second if the first is given up */
static struct clock *clock;                    /* written whole; NULL: early log lines */
static struct clock_source reference;          /* the best that is not the TSC */
static u64 extended; /* atomic: the last reading of a narrow counter, with its overflows */

/* Read a counter of less than 64 bits, extended to 64: add its advance since the last reading to
 * that reading. `extended` is read before the counter, and replaced only if it is unchanged, so
 * that readings never go back on any CPU. Each wrap needs one reading: arch_clock_max_idle(). */
static u64 read_narrow(const struct clock_source *s)
{
	u64 seen = READ_ONCE(extended), now;

	do
		now = seen + ((s->read() - seen) & s->mask);
	while (!__atomic_compare_exchange_n(&extended, &seen, now, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE));
	return now;
}

u64 arch_clock_ns(void)
{
	const struct clock *c = __atomic_load_n(&clock, __ATOMIC_ACQUIRE);
	u64 ticks;

	if (unlikely(!c))
		return 0;
	ticks = (c->source.mask == ~0UL ? c->source.read() : read_narrow(&c->source)) - c->base;
	/* A product of 64 bits would overflow after some seconds. */
	return c->offset + (u64)((unsigned __int128)ticks * c->mult >> 32);
}

const char *arch_clock_name(void)
{
	return clock ? clock->source.name : "none";
}

bool arch_clock_is_tsc(u64 *mult, u64 *base)
{
	*mult = clock->mult;
	*base = clock->base;
	return clock->source.read == tsc_read;
}

u64 arch_clock_max_idle(void)
{
	const struct clock *c = __atomic_load_n(&clock, __ATOMIC_ACQUIRE);

	if (c->source.mask == ~0UL)
		return TIME_FOREVER;
	/* Half of its period: the interrupt may come late. */
	return (u64)((unsigned __int128)(c->source.mask / 2) * c->mult >> 32);
}

static void start(struct clock *c, const struct clock_source *s)
{
	*c = (struct clock){
		.source = *s, .mult = (NSEC_PER_SEC << 32) / s->hz, .offset = arch_clock_ns()};
	c->base = extended = s->read();
	__atomic_store_n(&clock, c, __ATOMIC_RELEASE);
}

/* ---- CPU time ---- */

#define RATE_NS (10 * NSEC_PER_MSEC) /* long enough to measure the counter's rate */

bool arch_runs_in_cycles = true;
static struct {
	u64 ns, cycles; /* at boot */
	u64 mult;       /* ns a cycle, 32 bits after the point; 0: not known yet */
} run_rate;

u64 clock_read_pair(u64 (*outer)(void), u64 (*inner)(void), u64 *out, u64 *in)
{
	u64 best = ~0UL;

	for (int i = 0; i < 8; i++) {
		u64 before = outer(), now = inner(), took = outer() - before;

		if (took >= best)
			continue;
		best = took;
		*out = before + took / 2;
		*in = now;
	}
	return best;
}

bool clock_counts(u64 (*read)(void))
{
	u64 before = read();

	for (int i = 0; i < 100; i++) {
		if (read() != before)
			return true;
		io_delay();
	}
	return false;
}

/* Compare the advance of both counters since boot, so that no CPU waits for a measurement. */
static noinline u64 measure_run_rate(void)
{
	u64 ns, cycles, mult, error = clock_read_pair(tsc_read, arch_clock_ns, &cycles, &ns);
	bool long_enough;

	ns -= run_rate.ns;
	cycles -= run_rate.cycles;
	long_enough = ns >= RATE_NS && error <= cycles / 128;

	for (; ns >> 31; cycles >>= 1)
		ns >>= 1;
	mult = (ns << 32) / MAX(cycles, 1UL);
	if (long_enough)
		WRITE_ONCE(run_rate.mult, mult);
	return mult;
}

u64 arch_run_ns(u64 ticks)
{
	u64 mult = READ_ONCE(run_rate.mult);

	if (!arch_runs_in_cycles)
		return ticks;
	return (u64)((unsigned __int128)ticks * (mult ? mult : measure_run_rate()) >> 32);
}

static void choose_clock(void)
{
	struct clock_source tsc = {0};
	bool other =
		hpet_init(&reference) || pm_timer_init(&reference) || pit_clock_init(&reference);
	bool use_tsc = tsc_init(&tsc, other ? &reference : NULL);

	if (!other && !use_tsc)
		panic("no clock: there is no HPET, ACPI PM timer or PIT, and CPUID does not tell the TSC's rate\n");
	start(&first_clock, use_tsc ? &tsc : &reference);
	clock_read_pair(tsc_read, arch_clock_ns, &run_rate.cycles, &run_rate.ns);
	if (clock->source.read == tsc_read)
		run_rate.mult = clock->mult;
}

void clock_leave_tsc(void)
{
	arch_runs_in_cycles = false; /* at boot: the CPU time counted until now is small */
	if (!clock || clock->source.read != tsc_read)
		return;
	if (!reference.read) {
		pr_warn("time: there is no other clock: time differs between CPUs\n");
		return;
	}
	start(&second_clock, &reference);
	pr_warn("time: clock %s from now on\n", reference.name);
}

void arch_time_init(void)
{
	choose_clock();
	if (irq_uses_apic() && apic_timer_init() != 0)
		panic("the local APIC's timer does not count\n");
	if (!irq_uses_apic() && pit_timer_init() != 0)
		panic("no timer: there is no usable APIC, and no PIT or no interrupt for it\n");
	pr_info("time: clock %s at %lu kHz, timer %s\n", clock->source.name,
		clock->source.hz / 1000, arch_timer_name());
}

void arch_timer_program(u64 ns)
{
	if (irq_uses_apic())
		apic_timer_program(ns);
	else
		pit_timer_program(ns);
}

const char *arch_timer_name(void)
{
	return irq_uses_apic() ? "local APIC" : "PIT";
}
