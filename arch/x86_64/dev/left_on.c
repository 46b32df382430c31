/*
 * What firmware may have left on: a watchdog, which would reset the machine after some minutes, and
 * IOMMUs, behind which no device reaches the memory that a driver tells it.
 */
#include "arch/x86_64/dev/left_on.h"

#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/pci/pci.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"

/* ---- Intel's watchdog (TCO): datasheets of ICH9 (13.9) and of the 100 series (vol. 2, 5.2) ----
 */

#define INTEL       0x8086
#define CLASS_LPC   0x060100
#define CLASS_SMBUS 0x0c0500
#define REG_ID      0x00
#define REG_CLASS   0x08
#define LPC_PMBASE  0x40 /* its TCO registers are 0x60 above */
#define SMB_TCOBASE 0x50
#define SMB_TCOCTL  0x54
#define TCOCTL_ON   (1u << 8)
#define TCO1_CNT    0x08
#define TCO_HALTED  (1u << 11)
#define PM1_CNT     0x04

static bool is_intel(const struct pci_function *f, u32 class)
{
	return (pci_read(f, REG_ID) & 0xffff) == INTEL && pci_read(f, REG_CLASS) >> 8 == class;
}

/* The ports of the TCO registers, 0: none found. Before the 100 series they lie among those of the
 * ACPI hardware, which the FADT names too; from it on the SMBus controller names them. */
static u16 tco_ports(void)
{
	const struct pci_function lpc = {.device = 31}, smbus = {.device = 31, .function = 4};
	u16 pm = acpi.pm1a_cnt - PM1_CNT;

	if (is_intel(&lpc, CLASS_LPC) && acpi.pm1a_cnt &&
	    (pci_read(&lpc, LPC_PMBASE) & 0xff80) == pm)
		return pm + 0x60;
	if (is_intel(&smbus, CLASS_SMBUS) && (pci_read(&smbus, SMB_TCOCTL) & TCOCTL_ON))
		return pci_read(&smbus, SMB_TCOBASE) & 0xffe0;
	return 0;
}

static void halt_watchdog(void)
{
	u16 ports = tco_ports(), control = ports ? inw(ports + TCO1_CNT) : 0xffff;

	if (control & TCO_HALTED) /* also if nothing answers */
		return;
	outw(ports + TCO1_CNT, control | TCO_HALTED);
	if (inw(ports + TCO1_CNT) & TCO_HALTED)
		pr_info("watchdog: the firmware left the chipset's on; halted\n");
	else
		pr_warn("watchdog: the firmware left the chipset's on, and locked it\n");
}

/* ---- IOMMUs: VT-d specification 10.4.5; AMD I/O virtualization specification 3.4.3 ---- */

#define VTD_STATUS     0x1c
#define VTD_TRANSLATES (1u << 31)
#define AMD_CONTROL    0x18
#define AMD_ENABLED    (1u << 0)

static void look_at_iommu(const struct acpi_iommu *unit)
{
	volatile u8 *regs = arch_map_device(unit->base, 0x1000);
	bool on;

	if (!regs)
		return;
	on = unit->amd ? mmio_read32(regs + AMD_CONTROL) & AMD_ENABLED
		       : mmio_read32(regs + VTD_STATUS) & VTD_TRANSLATES;
	if (on)
		pr_warn("iommu: the firmware left the one at %#lx on: devices may fail\n",
			unit->base);
	else
		pr_info("iommu: one at %#lx, which is off\n", unit->base);
}

void check_left_on(void)
{
	halt_watchdog();
	for (u32 i = 0; i < acpi.nr_iommus; i++)
		look_at_iommu(&acpi.iommu[i]);
}
