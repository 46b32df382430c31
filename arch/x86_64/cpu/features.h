/* The CPU's features. Read once, on the boot CPU; the others must have them too. */
#pragma once

#include "kernel/lib/types.h"

struct cpu_features {
	char vendor[13];
	char brand[49];
	u32 family, model, stepping;
	u32 hwcap; /* leaf 1, EDX: AT_HWCAP of getauxval(3) */
	bool smep, smap, umip, pge, fxsr;
	bool gib_pages;
	bool xsave, xsaveopt;
	bool avx, avx512;
	bool erms; /* string instructions are the quickest way to move and fill */
	bool rdrand, rdseed;
	bool x2apic, tsc_deadline, invariant_tsc, hypervisor;
	u8 phys_bits;
};

extern struct cpu_features cpu_features;

/* Read CPUID, switch the defences on and patch STAC/CLAC in. The image must still be writable. */
void features_init(void);
