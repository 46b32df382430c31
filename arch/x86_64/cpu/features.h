/* The CPU's features. Read once, on the boot CPU; the others must have them too. */
#pragma once

#include "kernel/lib/types.h"

struct cpu_features {
	char vendor[13];
	char brand[49];
	u32 family, model, stepping;
	u32 hwcap; /* leaf 1, EDX: AT_HWCAP of getauxval(3) */
	bool smep, smap, umip, pge, fxsr;
	bool fsgsbase; /* programs set their FS and GS bases themselves */
	bool pcid, invpcid;
	bool gib_pages;
	bool xsave, xsaveopt;
	bool avx, avx512;
	bool erms; /* string instructions are the quickest way to move and fill */
	bool rdrand, rdseed;
	bool x2apic, tsc_deadline, invariant_tsc, hypervisor;
	u8 phys_bits;
	u64 arch_caps;  /* IA32_ARCH_CAPABILITIES; 0: the CPU has none */
	u32 extended_8; /* EBX of leaf 0x80000008 */
};

extern struct cpu_features cpu_features;

bool emulated_by_qemu(void); /* does QEMU's emulator run this kernel? */
/* Read CPUID, switch the defences on and patch STAC/CLAC in. The image must still be writable. */
void features_init(void);
void features_log(void); /* what is not done, and what the CPU says of itself */
