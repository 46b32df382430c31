/* Reads CPUID and switches features on. A missing feature costs its defence and nothing else. */
#include "arch/x86_64/cpu/features.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/speculation.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include <asm/hwcap2.h>

struct cpu_features cpu_features;

/* A NOP in the entry code that becomes STAC or CLAC: its address, and the bytes. */
struct smap_site {
	u8 *at;
	u64 bytes;
};
extern const struct smap_site __smap_sites_start[], __smap_sites_end[];

#define SMAP_INSN_LEN 3
#define XSTATE_LEGACY 3 /* x87 and SSE, which FXSAVE saves too */

static void read_names(struct cpu_features *f)
{
	struct cpuid r = cpuid_count(0, 0);
	u32 max_extended = cpuid_count(0x80000000, 0).eax;

	memcpy(f->vendor, &r.ebx, 4);
	memcpy(f->vendor + 4, &r.edx, 4);
	memcpy(f->vendor + 8, &r.ecx, 4);
	for (u32 i = 0; max_extended >= 0x80000004 && i < 3; i++) {
		r = cpuid_count(0x80000002 + i, 0);
		memcpy(f->brand + 16 * i, &r, 16);
	}
}

static void read_version(struct cpu_features *f, u32 eax)
{
	f->stepping = eax & 15;
	f->family = eax >> 8 & 15;
	f->model = eax >> 4 & 15;
	if (f->family == 6 || f->family == 15)
		f->model += (eax >> 16 & 15) << 4;
	if (f->family == 15)
		f->family += eax >> 20 & 255;
}

/* Its CPUID leaf for guests has its name. */
bool emulated_by_qemu(void)
{
	struct cpuid r = cpuid_count(0x40000000, 0);

	return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447; /* TCGTCGTCGTCG */
}

/*
 * XSAVE, if CPUID describes it completely. SDM vol. 1, 13.2.
 *
 * QEMU 7.2's emulator offers XSAVE on models without XSAVEOPT and the like (Opteron_G4), but treats
 * CR4.OSXSAVE as reserved there, and executes the MOV to CR4 for ever. Real ones work.
 */
static bool xsave_usable(u32 max)
{
	u32 states;

	if (max < 0xd)
		return false;
	states = cpuid_count(0xd, 0).eax;
	return (states & XSTATE_LEGACY) == XSTATE_LEGACY &&
	       (cpuid_count(0xd, 1).eax || !emulated_by_qemu());
}

static void read_features(struct cpu_features *f)
{
	u32 max = cpuid_count(0, 0).eax, max_extended = cpuid_count(0x80000000, 0).eax;
	struct cpuid r = cpuid_count(1, 0);

	read_version(f, r.eax);
	f->hwcap = r.edx;
	f->pge = r.edx >> 13 & 1;
	f->fxsr = r.edx >> 24 & 1;
	f->pcid = f->pge && (r.ecx >> 17 & 1);
	f->x2apic = r.ecx >> 21 & 1;
	f->tsc_deadline = r.ecx >> 24 & 1;
	f->xsave = r.ecx >> 26 & 1;
	f->avx = r.ecx >> 28 & 1;
	f->rdrand = r.ecx >> 30 & 1;
	f->hypervisor = r.ecx >> 31 & 1;
	if (max >= 7) {
		r = cpuid_count(7, 0);
		f->fsgsbase = r.ebx & 1;
		f->smep = r.ebx >> 7 & 1;
		f->erms = r.ebx >> 9 & 1;
		f->invpcid = r.ebx >> 10 & 1;
		f->avx512 = r.ebx >> 16 & 1;
		f->rdseed = r.ebx >> 18 & 1;
		f->smap = r.ebx >> 20 & 1;
		f->umip = r.ecx >> 2 & 1;
		if (r.edx >> 29 & 1)
			f->arch_caps = rdmsr(MSR_ARCH_CAPS);
	}
	f->xsave = f->xsave && xsave_usable(max);
	f->xsaveopt = f->xsave && (cpuid_count(0xd, 1).eax & 1);
	f->gib_pages = cpuid_count(0x80000001, 0).edx >> 26 & 1;
	if (max_extended >= 0x80000007)
		f->invariant_tsc = cpuid_count(0x80000007, 0).edx >> 8 & 1;
	f->phys_bits = 36;
	if (max_extended >= 0x80000008) {
		r = cpuid_count(0x80000008, 0);
		f->phys_bits = r.eax & 255;
		f->extended_8 = r.ebx;
	}
}

static void enable_smap(void)
{
	for (const struct smap_site *s = __smap_sites_start; s < __smap_sites_end; s++)
		memcpy(s->at, &s->bytes, SMAP_INSN_LEN);
	cpuid_count(0, 0); /* serialises: the CPU does not go on with the old bytes */
	write_cr4(read_cr4() | CR4_SMAP);
}

void features_init(void)
{
	struct cpu_features *f = &cpu_features;
	u64 cr4 = read_cr4();

	read_names(f);
	read_features(f);
	if (f->pge)
		cr4 |= CR4_PGE;
	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->umip)
		cr4 |= CR4_UMIP;
	if (f->fsgsbase)
		cr4 |= CR4_FSGSBASE;
	write_cr4(cr4);
	if (f->smap)
		enable_smap();
}

u64 arch_hwcap(void)
{
	return cpu_features.hwcap;
}

u64 arch_hwcap2(void)
{
	return cpu_features.fsgsbase ? HWCAP2_FSGSBASE : 0;
}

u64 cpu_cycles(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* Both sources may be empty for a moment. Some broken CPUs always gave the same answer. */
bool arch_random(u64 *out)
{
	static u64 last;
	bool ok = false;

	for (int tries = 0; cpu_features.rdseed && !ok && tries < 10; tries++)
		__asm__ volatile("rdseed %0" : "=r"(*out), "=@ccc"(ok));
	for (int tries = 0; cpu_features.rdrand && !ok && tries < 10; tries++)
		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok));
	if (ok && *out == last)
		return false;
	if (ok)
		last = *out;
	return ok;
}

void features_log(void)
{
	char text[160];

	speculation_text(text, sizeof(text), cpu_features.arch_caps, cpu_features.extended_8);
	pr_info("cpu: %s\n", text);
}

void cpu_print_features(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	const struct cpu_features *f = &cpu_features;
	char text[160];

	speculation_text(text, sizeof(text), f->arch_caps, f->extended_8);
	print("%s family %u model %u stepping %u: %s\n", f->vendor, f->family, f->model,
	      f->stepping, f->brand[0] ? f->brand : "no brand name");
	print("physical addresses of %u bits; pages of 4 KiB, 2 MiB%s\n", f->phys_bits,
	      f->gib_pages ? ", 1 GiB" : "");
	print("defences: NX WP%s%s%s\n", f->smep ? " SMEP" : "", f->smap ? " SMAP" : "",
	      f->umip ? " UMIP" : "");
	print("%s\n", text);
	fpu_print(print);
	print("time-stamp counter%s%s; local APIC%s%s\n",
	      f->invariant_tsc ? " invariant" : " not invariant",
	      f->tsc_deadline ? ", deadline timer" : "", f->x2apic ? " with x2APIC" : "",
	      f->hypervisor ? "; on a hypervisor" : "");
}

bool arch_on_hypervisor(void)
{
	return cpu_features.hypervisor;
}
