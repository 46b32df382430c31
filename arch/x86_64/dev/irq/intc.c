/* Chooses this PC's interrupt controllers, and hides the choice from the drivers. */
#include "arch/x86_64/dev/irq/intc.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/mce.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/left_on.h"
#include "arch/x86_64/dev/smbios/smbios.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"

static bool use_apic;

bool irq_uses_apic(void)
{
	return use_apic;
}

/* A spurious interrupt is not acknowledged: it was never in service. */
static void spurious(struct pt_regs *regs __maybe_unused)
{
}

/* All lines go to the boot CPU: without interrupt remapping an I/O APIC cannot reach APIC ids above
 * 254, and the boot CPU has a low one. */
static bool try_apic(void)
{
	if (!acpi.has_madt || acpi.nr_ioapics == 0)
		return false;
	/* In this order: once set up, a local APIC no longer passes on the 8259s' interrupts. */
	if (ioapic_init(&acpi) != 0 || apic_init(acpi.lapic_base) != 0)
		return false;
	irq_set_handler(IRQ_SPURIOUS_VECTOR, spurious);
	this_cpu()->apic_id = apic_id();
	return true;
}

void arch_irq_init(void)
{
	features_log();
	mce_init();
	smbios_init();
	acpi_init();
	check_left_on();
	pic_init();
	use_apic = try_apic();
	if (use_apic)
		pr_info("irq: local APIC (%s), I/O APIC\n", apic_mode());
	else
		pr_info("irq: no usable APIC, two 8259\n");
}

int irq_install(u8 irq, irq_handler_t fn)
{
	if (irq >= ISA_IRQS)
		return -EINVAL;
	irq_set_handler(IRQ_FIRST_VECTOR + irq, fn);
	if (use_apic)
		return ioapic_route(irq, IRQ_FIRST_VECTOR + irq, this_cpu()->apic_id);
	pic_unmask(irq);
	return 0;
}

/* The driver of a line, by its Linux name. */
static const char *line_user(u8 irq)
{
	return irq == 0 ? "timer" : irq == 1 ? "i8042" : irq == 4 ? "ttyS0" : "";
}

bool arch_irq_label(u8 vector, char *tag, size_t n, char *about, size_t about_n)
{
	static const struct {
		u8 vector;
		const char *tag, *about;
	} own[] = {
		{XHCI_VECTOR, "USB", "PCI-MSI  xhci_hcd"},
		{TIMER_VECTOR, "LOC", "Local timer interrupts"},
		{RESCHEDULE_VECTOR, "RES", "Rescheduling interrupts"},
		{CALL_VECTOR, "CAL", "Function call interrupts"},
		{FLUSH_VECTOR, "TLB", "TLB shootdowns"},
		{IRQ_SPURIOUS_VECTOR, "SPU", "Spurious interrupts"},
	};
	u32 line = vector - IRQ_FIRST_VECTOR;

	if (vector >= IRQ_FIRST_VECTOR && line < ISA_IRQS) {
		snprintf(tag, n, "%u", line);
		snprintf(about, about_n, "%s  %u-edge  %s", use_apic ? "IO-APIC" : "XT-PIC", line,
			 line_user((u8)line));
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (own[i].vector != vector)
			continue;
		strlcpy(tag, own[i].tag, n);
		strlcpy(about, own[i].about, about_n);
		return true;
	}
	return false;
}

void irq_eoi(u8 irq)
{
	if (use_apic)
		apic_eoi();
	else
		pic_eoi(irq);
}
