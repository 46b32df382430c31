/* Which CPUs share a core or a package: a CPU's APIC id has fields for the thread, the core and the
 * package. Their widths: SDM vol. 3A, 9.9.3; AMD's manual vol. 3, appendix E. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/string.h"

/* CPUID leaf 11: kinds of levels, by their number in ECX. */
#define LEVEL_THREAD 1
#define LEVEL_CORE   2
#define HTT          (1u << 28) /* leaf 1, EDX: more than one id in a package */
#define TOPOEXT      (1u << 22) /* leaf 0x80000001, ECX */

struct widths {
	u32 core_shift, package_shift;
};

/* Bits for n different numbers. */
static u32 bits_for(u32 n)
{
	return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

static bool by_levels(struct widths *w)
{
	bool found = false;

	if (cpuid_count(0, 0).eax < 11)
		return false;
	for (u32 i = 0;; i++) {
		struct cpuid level = cpuid_count(11, i);

		switch (level.ecx >> 8 & 0xff) {
		case LEVEL_THREAD:
			w->core_shift = w->package_shift = level.eax & 31;
			break;
		case LEVEL_CORE:
			w->package_shift = level.eax & 31;
			break;
		default:
			return found;
		}
		if (!level.ebx)
			return found;
		found = true;
	}
}

static void by_counts_of_amd(struct widths *w)
{
	u32 max = cpuid_count(0x80000000, 0).eax;
	u32 sizes = max >= 0x80000008 ? cpuid_count(0x80000008, 0).ecx : 0;

	w->package_shift = (sizes >> 12 & 15) ?: bits_for((sizes & 0xff) + 1);
	if (max >= 0x8000001e && (cpuid_count(0x80000001, 0).ecx & TOPOEXT))
		w->core_shift = bits_for((cpuid_count(0x8000001e, 0).ebx >> 8 & 0xff) + 1);
}

static void by_counts_of_intel(struct widths *w)
{
	u32 cores = cpuid_count(0, 0).eax >= 4 ? (cpuid_count(4, 0).eax >> 26) + 1 : 1;

	w->package_shift = bits_for(cpuid_count(1, 0).ebx >> 16 & 0xff);
	w->core_shift = w->package_shift - MIN(bits_for(cores), w->package_shift);
}

static struct widths find_widths(void)
{
	struct widths w = {};

	if (by_levels(&w) || !(cpuid_count(1, 0).edx & HTT))
		return w;
	if (strcmp(cpu_features.vendor, "AuthenticAMD") == 0)
		by_counts_of_amd(&w);
	else
		by_counts_of_intel(&w);
	return w;
}

struct cpu_place arch_cpu_place(u32 cpu)
{
	static struct widths w;
	static bool known; /* set last; all tasks find the same */
	u32 id = cpus[cpu].apic_id;

	if (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
		w = find_widths();
		__atomic_store_n(&known, true, __ATOMIC_RELEASE);
	}
	return (struct cpu_place){.core = (id & ((1u << w.package_shift) - 1)) >> w.core_shift,
				  .package = id >> w.package_shift};
}
