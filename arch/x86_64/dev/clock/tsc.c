/* The time-stamp counter: the cheapest clock, if it runs at one rate in every state of the CPU. */
#include "arch/x86_64/dev/clock/clock.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/log.h"
#include "kernel/lib/tunable.h"
#include "kernel/time/timer.h"

#define CPUID_HYPERVISOR        0x40000000
#define CPUID_HYPERVISOR_TIMING 0x40000010 /* EAX: TSC in kHz (VMware's, KVM gives it too) */
#define CPUID_CRYSTAL           0x15
#define CPUID_FREQUENCY         0x16 /* EAX: base frequency in MHz, to about 1 % */
#define CALIBRATION_NS          2000000UL

enum {
	TSC_AUTO,
	TSC_NEVER,
	TSC_ALWAYS
};
static long tsc_use = TSC_AUTO;
static const char *const tsc_uses[] = {"auto", "never", "always", NULL};
TUNABLE_AT_BOOT(
	tsc_use, "clock.tsc", tsc_use, TSC_AUTO, TSC_ALWAYS, tsc_uses,
	"the time-stamp counter as clock (at boot): where the CPU calls it invariant, never, always");

long tsc_skew;
TUNABLE_AT_BOOT(
	tsc_skew, "clock.tsc_skew", tsc_skew, 0, 1000000000, NULL,
	"cycles that the other CPUs' counters are taken to be ahead, to see it noticed (at boot)");

/* Ordered: LFENCE keeps the reading from being done before earlier loads. */
u64 tsc_read(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

/* The rate in Hz that CPUID gives, or 0. */
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

/* The CPU's base frequency is the TSC's, but coarse: for a CPU that does not name its crystal. */
static u64 base_frequency(void)
{
	if (cpuid_count(0, 0).eax < CPUID_FREQUENCY)
		return 0;
	return (cpuid_count(CPUID_FREQUENCY, 0).eax & 0xffff) * 1000000UL;
}

static u64 measure(const struct clock_source *ref)
{
	u64 need = ref->hz * CALIBRATION_NS / NSEC_PER_SEC;
	u64 tsc0, tsc1, ref0, ref1, passed;

	clock_read_pair(tsc_read, ref->read, &tsc0, &ref0);
	while (((ref->read() - ref0) & ref->mask) < need)
		cpu_relax();
	clock_read_pair(tsc_read, ref->read, &tsc1, &ref1);
	passed = (ref1 - ref0) & ref->mask;
	return passed ? (tsc1 - tsc0) * ref->hz / passed : 0;
}

bool tsc_init(struct clock_source *c, const struct clock_source *ref)
{
	u64 hz;

	if (tsc_use == TSC_NEVER)
		return false;
	if (ref && !cpu_features.invariant_tsc && tsc_use != TSC_ALWAYS) {
		pr_info("tsc: not invariant, not used as clock\n");
		return false;
	}
	hz = rate_by_cpuid();
	if (hz == 0)
		hz = ref ? measure(ref) : base_frequency();
	if (hz < 1000000)
		return false;
	*c = (struct clock_source){.name = "TSC", .read = tsc_read, .hz = hz, .mask = ~0UL};
	return true;
}

/* ---- do all CPUs count alike? ---- */

/* Two CPUs read the counter in turns; each reading must be later than the one before it. Neither
 * this nor a program notices a difference shorter than the handover of a turn. */
#define COMPARE_TURNS 200

static struct {
	u32 turn;       /* atomic: the even ones are the boot CPU's */
	u64 last, back; /* owned by the CPU whose turn it is */
} meeting;

void tsc_compare_init(void)
{
	meeting.turn = 0;
	meeting.last = meeting.back = 0;
}

u64 tsc_compare(bool boot_cpu, u64 skew)
{
	for (u32 turn = boot_cpu ? 0 : 1; turn < COMPARE_TURNS; turn += 2) {
		u64 now;

		while (__atomic_load_n(&meeting.turn, __ATOMIC_ACQUIRE) != turn)
			cpu_relax();
		now = tsc_read() + skew;
		if (now < meeting.last)
			meeting.back = MAX(meeting.back, meeting.last - now);
		meeting.last = now;
		__atomic_store_n(&meeting.turn, turn + 1, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&meeting.turn, __ATOMIC_ACQUIRE) != COMPARE_TURNS)
		cpu_relax();
	return meeting.back;
}
