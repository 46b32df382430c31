/* The time-stamp counter as a clock: the cheapest to read, where it runs at one rate whatever the
 * CPU does. */
#include "arch/x86_64/dev/clock.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/log.h"
#include "kernel/time/timer.h"

#define CPUID_HYPERVISOR        0x40000000
#define CPUID_HYPERVISOR_TIMING 0x40000010 /* EAX: TSC in kHz (VMware's, KVM gives it too) */
#define CPUID_CRYSTAL           0x15
#define CALIBRATION_NS          2000000UL

/* Ordered: no earlier load may be delayed past it, nor the reading itself be done ahead of time. */
static u64 read_tsc(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

/* What CPUID says of the rate, or 0. */
static u64 rate_by_cpuid(void)
{
	struct cpuid r;

	if (cpuid_count(0, 0).eax >= CPUID_CRYSTAL) {
		r = cpuid_count(CPUID_CRYSTAL, 0);
		if (r.eax && r.ebx && r.ecx)
			return (u64)r.ecx * r.ebx / r.eax;
	}
	if (cpu_features.hypervisor &&
	    cpuid_count(CPUID_HYPERVISOR, 0).eax >= CPUID_HYPERVISOR_TIMING)
		return cpuid_count(CPUID_HYPERVISOR_TIMING, 0).eax * 1000UL;
	return 0;
}

/* Ticks and reference at nearly the same time: the quickest of a few readings of the reference,
 * with the TSC in its middle. */
static void read_pair(const struct clock_source *ref, u64 *tsc, u64 *ticks)
{
	u64 best = ~0UL;

	for (int i = 0; i < 5; i++) {
		u64 before = read_tsc(), r = ref->read(), after = read_tsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + best / 2;
		*ticks = r;
	}
}

static u64 measure(const struct clock_source *ref)
{
	u64 need = ref->hz * CALIBRATION_NS / NSEC_PER_SEC;
	u64 tsc0, tsc1, ref0, ref1, passed;

	read_pair(ref, &tsc0, &ref0);
	while (((ref->read() - ref0) & ref->mask) < need)
		cpu_relax();
	read_pair(ref, &tsc1, &ref1);
	passed = (ref1 - ref0) & ref->mask;
	return passed ? (tsc1 - tsc0) * ref->hz / passed : 0;
}

bool tsc_init(struct clock_source *c, const struct clock_source *ref)
{
	u64 hz;

	if (!cpu_features.invariant_tsc) {
		pr_info("tsc: not invariant, not used as clock\n");
		return false;
	}
	hz = rate_by_cpuid();
	if (hz == 0)
		hz = measure(ref);
	if (hz < 1000000)
		return false;
	*c = (struct clock_source){.name = "TSC", .read = read_tsc, .hz = hz, .mask = ~0UL};
	return true;
}
