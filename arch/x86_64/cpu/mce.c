/*
 * Machine checks. Every one is fatal: no task is at fault, and the error may have spoiled anything.
 * Without CR4.MCE the machine would reset without a word. Corrected errors raise no exception; the
 * banks are read at boot, when they hold what led to the last reset.
 */
#include "arch/x86_64/cpu/mce.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/log.h"

#define MSR_MCG_CAP    0x179
#define MSR_MCI_CTL    0x400 /* of bank 0; four registers a bank */
#define MSR_MCI_STATUS 0x401
#define MSR_MCI_ADDR   0x402
#define CPUID_MCE      (1u << 7)
#define CPUID_MCA      (1u << 14)

static bool has_banks(void)
{
	const u32 both = CPUID_MCE | CPUID_MCA;

	return (cpuid_count(1, 0).edx & both) == both;
}

static u32 nr_banks(void)
{
	return rdmsr(MSR_MCG_CAP) & 0xff;
}

/* Describe the bank's error in buf; 0 if it has none. */
static size_t read_bank(u32 bank, char *buf, size_t size)
{
	u64 status = rdmsr(MSR_MCI_STATUS + 4 * bank);

	if (!(status & MCE_VALID))
		return 0;
	return mce_line(buf, size, bank, status, rdmsr(MSR_MCI_ADDR + 4 * bank));
}

void mce_init_cpu(void)
{
	if (!has_banks())
		return;
	for (u32 i = 0; i < nr_banks(); i++) {
		wrmsr(MSR_MCI_CTL + 4 * i, ~0UL);
		wrmsr(MSR_MCI_STATUS + 4 * i, 0);
	}
	write_cr4(read_cr4() | CR4_MCE);
}

void mce_init(void)
{
	char line[160];

	for (u32 i = 0; has_banks() && i < nr_banks(); i++)
		if (read_bank(i, line, sizeof(line)))
			pr_warn("machine check before this boot: %s", line);
	mce_init_cpu();
}

void machine_check(struct pt_regs *regs)
{
	char text[640];
	size_t n = 0;

	for (u32 i = 0; has_banks() && i < nr_banks(); i++)
		n += read_bank(i, text + n, sizeof(text) - n);
	panic_regs(regs, "machine check: the hardware failed\n%s",
		   n ? text : "no bank reports an error\n");
}
