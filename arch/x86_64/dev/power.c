/* The ways to stop or restart a PC, each tried until one works. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "kernel/lib/log.h"

#define QEMU_EXIT_PORT 0xf4

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_ENABLE  0x80000000
#define RESET_CONTROL      0xcf9
#define RESET_HARD         0x02
#define RESET_NOW          0x04 /* when it becomes 1 */

static __noreturn void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* End QEMU by its isa-debug-exit device, with status (code << 1) | 1. The device reads as 0, an
 * empty port as all ones. Real hardware is never asked: it may have another device at that port. */
static void qemu_exit(u32 code)
{
	if (cpu_features.hypervisor && inl(QEMU_EXIT_PORT) == 0)
		outl(QEMU_EXIT_PORT, code);
}

void arch_poweroff(int status)
{
	arch_console_flush();
	local_irq_disable();
	if (status < 0 || status > POWEROFF_MAX_STATUS)
		status = POWEROFF_MAX_STATUS; /* it stays a failure */
	qemu_exit(status == 0 ? SUCCESS_EXIT_CODE : status);
	acpi_poweroff();
	pr_info("power: it is now safe to switch off this computer\n");
	arch_console_flush();
	halt_forever();
}

static void wait_for_reset(void)
{
	for (int i = 0; i < 10000; i++)
		io_delay();
}

/* Reset CPU and devices by the chipset's register, which Intel's chipsets have since the PIIX3, and
 * others after them. It lies among PCI's ports: without PCI there is none. */
static void chipset_reset(void)
{
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE);
	if (inl(PCI_CONFIG_ADDRESS) != PCI_CONFIG_ENABLE)
		return;
	outb(RESET_CONTROL, RESET_HARD);
	outb(RESET_CONTROL, RESET_HARD | RESET_NOW);
	wait_for_reset();
}

/* Pulse the CPU's reset line, which is in the keyboard controller's output port. Devices may go on:
 * Bochs's local APIC does, and its firmware does not stand that. */
static void pulse_8042(void)
{
	for (int i = 0; i < 10000 && (inb(0x64) & 2); i++)
		io_delay();
	outb(0x64, 0xfe);
	wait_for_reset();
}

/* Raise an exception without an IDT: the CPU cannot deliver it, and is reset. */
static void triple_fault(void)
{
	struct table_pointer none = {0};

	__asm__ volatile("lidt %0; int3" ::"m"(none));
}

void arch_reboot(void)
{
	arch_console_flush();
	local_irq_disable();
	acpi_reset();
	chipset_reset();
	pulse_8042();
	triple_fault();
	halt_forever();
}

void arch_panic_halt(void)
{
	local_irq_disable();
	arch_console_flush();
	qemu_exit(PANIC_EXIT_CODE);
	halt_forever();
}
