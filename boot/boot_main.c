/* The first C function, and the last that knows of a boot loader. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "boot/boot_info.h"
#include "boot/multiboot2.h"
#include "kernel/lib/log.h"

#define LOAD_ADDRESS 0x100000 /* boot/kernel.ld */

extern char __kernel_end[];
extern u64 boot_cycles;                         /* start.asm */
void boot_main(u32 magic, u32 info) __noreturn; /* called by start.asm */

static struct boot_info boot_info;
static char commit[32];

const char *kernel_command_line(void)
{
	return boot_info.cmdline;
}

const char *boot_commit(void)
{
	return commit;
}

u64 cycles_since_entry(void)
{
	return cpu_cycles() - boot_info.entry_cycles;
}

u32 boot_memory(enum boot_range_type type, u64 *bytes)
{
	u32 n = 0;

	*bytes = 0;
	for (u32 i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];

		if (r->type != type)
			continue;
		n++;
		*bytes += r->end - r->start;
	}
	return n;
}

/* Needed features: a CPUID leaf and a bit of its edx. start.asm checks CMOV, before the first C. */
static const struct {
	const char *name;
	u32 leaf, bit;
} needed[] = {
	{"the FXSAVE instruction (FXSR)", 1, 24},
	{"SSE", 1, 25},
	{"SSE2", 1, 26},
	{"the SYSCALL instruction", 0x80000001, 11},
	{"the no-execute bit (NX)", 0x80000001, 20},
};

static const char *lacking(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(cpuid_count(needed[i].leaf, 0).edx >> needed[i].bit & 1))
			return needed[i].name;
	return NULL;
}

/* Stop on a CPU without the needed features, with a message on any screen that there is. */
static void refuse_without_features(const struct boot_info *boot)
{
	const char *name = lacking();
	char why[160];
	int n;

	if (!name)
		return;
	arch_early_init(boot);
	arch_console_early_init(boot);
	n = scnprintf(
		why, sizeof(why),
		"Bident needs a processor with %s: it is absent or switched off in the firmware.\n",
		name);
	arch_console_write(why, n);
	arch_console_flush();
	for (;;)
		__asm__ volatile("cli; hlt");
}

void boot_main(u32 magic, u32 info)
{
	struct boot_info *boot = &boot_info;

	boot->entry_cycles = boot_cycles;
	boot->kernel_start = LOAD_ADDRESS;
	boot->kernel_end = image_to_phys(__kernel_end);
	if (magic == MULTIBOOT2_LOADER_MAGIC && info != 0 && (info & 7) == 0)
		multiboot2_read(boot, info);
	boot_option(boot, "commit", commit, sizeof(commit));
	refuse_without_features(boot);
	start_kernel(boot);
}
