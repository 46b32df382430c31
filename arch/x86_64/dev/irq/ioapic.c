/* The I/O APICs: they route a line to a CPU, as a vector. */
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/uapi.h"

#define SELECT      0x00
#define WINDOW      0x10
#define REG_VERSION 0x01
#define REG_ENTRY   0x10 /* two registers a line */

#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL      (1u << 15)
#define ENTRY_MASKED     (1u << 16)

struct ioapic {
	volatile u8 *regs;
	u32 gsi_base, nr_lines;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static u32 nr_ioapics;
static const struct acpi_info *info;

static u32 read_reg(const struct ioapic *io, u32 reg)
{
	mmio_write32(io->regs + SELECT, reg);
	return mmio_read32(io->regs + WINDOW);
}

static void write_reg(const struct ioapic *io, u32 reg, u32 v)
{
	mmio_write32(io->regs + SELECT, reg);
	mmio_write32(io->regs + WINDOW, v);
}

static void add(const struct acpi_ioapic *a)
{
	struct ioapic *io = &ioapics[nr_ioapics];
	u32 version;

	io->regs = arch_map_device(a->base, PAGE_SIZE);
	if (!io->regs)
		return;
	version = read_reg(io, REG_VERSION);
	if (version == 0xffffffff) {
		pr_warn("ioapic: nothing answers at %#lx\n", a->base);
		return;
	}
	io->gsi_base = a->gsi_base;
	io->nr_lines = (version >> 16 & 0xff) + 1;
	for (u32 i = 0; i < io->nr_lines; i++)
		write_reg(io, REG_ENTRY + 2 * i, ENTRY_MASKED);
	nr_ioapics++;
}

int ioapic_init(const struct acpi_info *acpi_info)
{
	info = acpi_info;
	for (u32 i = 0; i < info->nr_ioapics; i++)
		add(&info->ioapic[i]);
	return nr_ioapics ? 0 : -ENODEV;
}

int ioapic_route(u8 irq, u8 vector, u32 dest)
{
	const struct acpi_isa_irq *isa = &info->isa[irq];
	u32 low =
		vector | (isa->active_low ? ENTRY_ACTIVE_LOW : 0) | (isa->level ? ENTRY_LEVEL : 0);

	for (u32 i = 0; i < nr_ioapics; i++) {
		struct ioapic *io = &ioapics[i];

		if (isa->gsi < io->gsi_base || isa->gsi - io->gsi_base >= io->nr_lines)
			continue;
		write_reg(io, REG_ENTRY + 2 * (isa->gsi - io->gsi_base) + 1, dest << 24);
		write_reg(io, REG_ENTRY + 2 * (isa->gsi - io->gsi_base), low);
		return 0;
	}
	return -EINVAL;
}
