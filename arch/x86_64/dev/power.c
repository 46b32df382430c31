/* The ways to stop or restart a PC, each tried until one works. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "kernel/lib/log.h"

#define QEMU_EXIT_PORT 0xf4

static void halt_forever(void) __noreturn;

static void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/*
 * Makes QEMU's isa-debug-exit end QEMU with (code << 1) | 1. The device reads as 0, an empty
 * port as all ones; and real hardware, where something else might live at that port, is never
 * asked.
 */
static void qemu_exit(u32 code)
{
	if (cpu_features.hypervisor && inl(QEMU_EXIT_PORT) == 0)
		outl(QEMU_EXIT_PORT, code);
}

void arch_poweroff(int status)
{
	arch_console_flush();
	local_irq_disable();
	/* What does not fit stays a failure. */
	if (status < 0 || status > POWEROFF_MAX_STATUS)
		status = POWEROFF_MAX_STATUS;
	qemu_exit(status == 0 ? SUCCESS_EXIT_CODE : status);
	acpi_poweroff();
	pr_info("power: it is now safe to switch off this computer\n");
	arch_console_flush();
	halt_forever();
}

/* The keyboard controller's output port has the CPU's reset line. */
static void pulse_8042(void)
{
	for (int i = 0; i < 10000 && (inb(0x64) & 2); i++)
		io_delay();
	outb(0x64, 0xfe);
	for (int i = 0; i < 10000; i++)
		io_delay();
}

/* An exception without an IDT, and another one because of that: the CPU gives up and is reset. */
static void triple_fault(void)
{
	struct __packed {
		u16 limit;
		u64 base;
	} none = {0};

	__asm__ volatile("lidt %0; int3" ::"m"(none));
}

void arch_reboot(void)
{
	arch_console_flush();
	local_irq_disable();
	acpi_reset();
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
