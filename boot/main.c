/* The first C function, and the last that knows of a boot loader. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "boot/boot_info.h"
#include "boot/multiboot2.h"

#define LOAD_ADDRESS 0x100000   /* boot/kernel.ld */
#define CPUID_NX     (1u << 20) /* leaf 0x80000001, edx */

extern char __kernel_end[];
extern u64 boot_cycles;                         /* start.asm */
void boot_main(u32 magic, u32 info) __noreturn; /* called by start.asm */
void start_kernel(const struct boot_info *boot) __noreturn;

static struct boot_info boot_info;

/* Every table that we make later has NX bits in it, which a CPU without NX takes for an error. It
 * can run 64-bit code, though, and so gets its sentence on whatever screen the loader left. */
static void refuse_without_nx(const struct boot_info *boot)
{
	static const char why[] = "Bident needs a processor with the no-execute bit (NX): it is "
				  "absent or switched off in the firmware.\n";

	if (cpuid_count(0x80000001, 0).edx & CPUID_NX)
		return;
	arch_early_init(boot);
	arch_console_early_init(boot);
	arch_console_write(why, sizeof(why) - 1);
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
	refuse_without_nx(boot);
	start_kernel(boot);
}
