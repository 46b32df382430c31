/* Which interrupt controllers this PC has, and the interface that hides the choice from the
 * drivers. */
#include "arch/x86_64/dev/intc.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/acpi.h"
#include "kernel/lib/log.h"
#include "kernel/uapi.h"

static bool use_apic;

bool irq_uses_apic(void)
{
	return use_apic;
}

/* Not acknowledged: it was never in service. */
static void spurious(struct pt_regs *regs __maybe_unused)
{
}

/* APIC ids above 254 cannot be reached by an I/O APIC without interrupt remapping; the boot CPU has
 * a low one. */
static bool try_apic(void)
{
	if (!acpi.has_madt || acpi.nr_ioapics == 0)
		return false;
	/* In this order: a local APIC once set up no longer passes on what the 8259s say. */
	if (ioapic_init(&acpi) != 0 || apic_init(acpi.lapic_base) != 0)
		return false;
	irq_set_handler(IRQ_SPURIOUS_VECTOR, spurious);
	this_cpu()->apic_id = apic_id();
	return true;
}

void arch_irq_init(void)
{
	acpi_init();
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

void irq_eoi(u8 irq)
{
	if (use_apic)
		apic_eoi();
	else
		pic_eoi(irq);
}
