/* The CPU's identity and features, in Linux's words: for /proc/cpuinfo. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

/* Names of the bits of a CPUID register from 0 up, a blank after each; "-": not shown. */
static const char leaf_1_edx[] = "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov "
				 "pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 "
				 "pbe ";
static const char extended_edx[] = "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - "
				   "fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow ";
static const char leaf_1_ecx[] = "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid "
				 "sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe "
				 "popcnt tsc_deadline_timer aes xsave - avx f16c rdrand "
				 "hypervisor ";
static const char extended_ecx[] = "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a "
				   "misalignsse 3dnowprefetch ";
static const char leaf_7_ebx[] = "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid "
				 "rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx smap avx512ifma "
				 "- clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni "
				 "avx512bw avx512vl ";

static void add_flags(char *buf, size_t n, u32 bits, const char *names)
{
	size_t at = strlen(buf);

	for (u32 bit = 0; *names; bit++) {
		const char *end = strchr(names, ' ');

		if ((bits >> bit & 1) && *names != '-')
			at += (size_t)scnprintf(buf + at, n - at, " %.*s", (int)(end - names),
						names);
		names = end + 1;
	}
}

void arch_cpu_flags(char *buf, size_t n)
{
	struct cpuid one = cpuid_count(1, 0), extended = cpuid_count(0x80000001, 0);

	*buf = '\0';
	add_flags(buf, n, one.edx, leaf_1_edx);
	add_flags(buf, n, extended.edx, extended_edx);
	add_flags(buf, n, one.ecx, leaf_1_ecx);
	add_flags(buf, n, extended.ecx, extended_ecx);
	if (cpuid_count(0, 0).eax >= 7)
		add_flags(buf, n, cpuid_count(7, 0).ebx, leaf_7_ebx);
}

#define MSR_MICROCODE 0x8b

/* SDM vol. 3A, 9.11.7: Intel's CPUs load the register when CPUID runs. AMD's have it since K8. */
static u32 microcode(void)
{
	const struct cpu_features *f = &cpu_features;

	if (strcmp(f->vendor, "AuthenticAMD") == 0 && f->family >= 15)
		return (u32)rdmsr(MSR_MICROCODE);
	if (strcmp(f->vendor, "GenuineIntel") != 0 || f->family < 6)
		return 0;
	wrmsr(MSR_MICROCODE, 0);
	cpuid_count(1, 0);
	return rdmsr(MSR_MICROCODE) >> 32;
}

void arch_cpu_identity(struct cpu_identity *out)
{
	const struct cpu_features *f = &cpu_features;

	*out = (struct cpu_identity){.vendor = f->vendor,
				     .model_name = f->brand,
				     .family = f->family,
				     .model = f->model,
				     .stepping = f->stepping,
				     .phys_bits = f->phys_bits,
				     .microcode = microcode()};
}
