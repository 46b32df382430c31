/*
 * The configuration space of PCI devices: PCI Local Bus Specification 3.0, chapter 6; PCI Express
 * Base Specification, chapter 7.
 *
 * Every PC answers at two ports, which reach 256 bytes of each function. Where the firmware names
 * the memory that shows the same space (MCFG), that is used: there may be no ports.
 */
#include "arch/x86_64/dev/pci/pci.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc

#define BUSES     256
#define DEVICES   32
#define FUNCTIONS 8

#define REG_ID           0x00
#define REG_COMMAND      0x04
#define REG_CLASS        0x08
#define REG_HEADER       0x0c
#define REG_BAR          0x10
#define REG_BUSES        0x18 /* of a bridge: primary, secondary, … */
#define REG_CAPABILITIES 0x34

#define COMMAND_MEMORY     (1u << 1)
#define COMMAND_MASTER     (1u << 2)
#define COMMAND_NO_INTX    (1u << 10)
#define STATUS_HAS_CAPS    (1u << 20) /* the status is the upper half of the command's word */
#define STATUS_WRITE_CLEAR 0xffff0000u
#define HEADER_MULTI       (1u << 23)
#define HEADER_TYPE(v)     ((v) >> 16 & 0x7f)
#define HEADER_DEVICE      0
#define HEADER_BRIDGE      1

#define BAR_IO      (1u << 0)
#define BAR_TYPE_64 (2u << 1)
#define BAR_TYPE    (3u << 1)

#define CAP_MSI  0x05
#define CAP_MSIX 0x11
#define CAPS_MAX 48   /* so many fit: a longer chain is a circle */
#define CAP_LAST 0xe8 /* MSI with masks takes 24 bytes; ports reach 256 */

static spinlock_t config_lock = SPINLOCK_INIT(LOCK_CONFIG); /* (irq): the two ports */
static volatile u8 *ecam;

static bool in_ecam(const struct pci_function *f)
{
	return ecam && f->bus >= acpi.ecam_first_bus && f->bus <= acpi.ecam_last_bus;
}

/* 4 KiB a function. */
static volatile u8 *ecam_register(const struct pci_function *f, u16 offset)
{
	u64 function = ((u64)(f->bus - acpi.ecam_first_bus) * DEVICES + f->device) * FUNCTIONS +
		       f->function;

	return ecam + (function << 12) + offset;
}

static u32 port_address(const struct pci_function *f, u16 offset)
{
	return 1u << 31 | (u32)f->bus << 16 | (u32)f->device << 11 | (u32)f->function << 8 |
	       (offset & 0xff);
}

static u32 port_read(const struct pci_function *f, u16 offset)
{
	guard_irq(&config_lock);
	outl(CONFIG_ADDRESS, port_address(f, offset));
	return inl(CONFIG_DATA);
}

u32 pci_read(const struct pci_function *f, u16 offset)
{
	return in_ecam(f) ? mmio_read32(ecam_register(f, offset)) : port_read(f, offset);
}

void pci_write(const struct pci_function *f, u16 offset, u32 value)
{
	if (in_ecam(f)) {
		mmio_write32(ecam_register(f, offset), value);
		return;
	}
	guard_irq(&config_lock);
	outl(CONFIG_ADDRESS, port_address(f, offset));
	outl(CONFIG_DATA, value);
}

/* ---- enumeration ---- */

/* Buses still to be looked at, and those that were. */
struct scan {
	void (*fn)(const struct pci_function *f, void *arg);
	void *arg;
	u64 found[BITS_TO_WORDS(BUSES)], done[BITS_TO_WORDS(BUSES)];
};

static void note_bus(struct scan *s, u8 bus)
{
	if (!bitmap_test(s->done, bus))
		bitmap_set(s->found, bus);
}

static bool is_there(u32 id)
{
	return (id & 0xffff) != 0xffff && (id & 0xffff) != 0;
}

/* The functions of bus 0, device 0 are host bridges: function n leads to bus n. */
static void look_at(struct scan *s, struct pci_function *f)
{
	u32 id = pci_read(f, REG_ID);

	if (!is_there(id))
		return;
	f->vendor = id & 0xffff;
	f->id = id >> 16;
	f->class = pci_read(f, REG_CLASS) >> 8;
	if (f->bus == 0 && f->device == 0)
		note_bus(s, f->function);
	if (HEADER_TYPE(pci_read(f, REG_HEADER)) == HEADER_BRIDGE)
		note_bus(s, pci_read(f, REG_BUSES) >> 8 & 0xff);
	s->fn(f, s->arg);
}

static void scan_bus(struct scan *s, u8 bus)
{
	bitmap_set(s->done, bus);
	bitmap_clear(s->found, bus);
	for (u8 device = 0; device < DEVICES; device++) {
		struct pci_function f = {.bus = bus, .device = device};
		u8 functions = 0;

		if (is_there(pci_read(&f, REG_ID))) /* there is no device without function 0 */
			functions = pci_read(&f, REG_HEADER) & HEADER_MULTI ? FUNCTIONS : 1;
		for (u8 function = 0; function < functions; function++) {
			f = (struct pci_function){
				.bus = bus, .device = device, .function = function};
			look_at(s, &f);
		}
	}
}

/* The address in the table is that of bus 0, also if the range begins at another: PCI Firmware
 * Specification 3.3, 4.1.2. Firmware has named addresses where nothing is: the ports, if there are
 * any, must show the same device. */
static void map_ecam(void)
{
	struct pci_function first = {.bus = acpi.ecam_first_bus};
	u64 bus_size = DEVICES * FUNCTIONS << 12;
	u64 buses = (u64)acpi.ecam_last_bus - acpi.ecam_first_bus + 1;
	u32 id = port_read(&first, REG_ID);

	if (!acpi.ecam_base || ecam)
		return;
	ecam = arch_map_device(acpi.ecam_base + acpi.ecam_first_bus * bus_size, buses * bus_size);
	if (ecam && is_there(id) && pci_read(&first, REG_ID) != id)
		ecam = NULL;
}

void pci_foreach(void (*fn)(const struct pci_function *f, void *arg), void *arg)
{
	struct scan s = {.fn = fn, .arg = arg};
	size_t bus;

	map_ecam();
	note_bus(&s, 0);
	while ((bus = bitmap_find_set(s.found, BUSES, 0)) < BUSES)
		scan_bus(&s, (u8)bus);
}

/* ---- registers ---- */

/* Bits that stay 0 when ones are written say how large the range is. The device does not answer
 * meanwhile. */
static u64 bar_size(const struct pci_function *f, u16 reg, u32 low, bool wide)
{
	u32 command = pci_read(f, REG_COMMAND) & ~STATUS_WRITE_CLEAR, high = 0;
	u64 mask;

	pci_write(f, REG_COMMAND, command & ~COMMAND_MEMORY);
	pci_write(f, reg, ~0u);
	mask = pci_read(f, reg) & ~0xfu;
	pci_write(f, reg, low);
	if (wide) {
		high = pci_read(f, reg + 4);
		pci_write(f, reg + 4, ~0u);
		mask |= (u64)pci_read(f, reg + 4) << 32;
		pci_write(f, reg + 4, high);
	} else if (mask) {
		mask |= 0xffffffffUL << 32;
	}
	pci_write(f, REG_COMMAND, command);
	return mask & -mask;
}

phys_addr_t pci_memory_bar(const struct pci_function *f, u32 bar, u64 *size)
{
	u16 reg = (u16)(REG_BAR + bar * 4);
	u32 low = pci_read(f, reg);
	bool wide = (low & BAR_TYPE) == BAR_TYPE_64;

	if (HEADER_TYPE(pci_read(f, REG_HEADER)) != HEADER_DEVICE || bar > (wide ? 4 : 5) ||
	    (low & BAR_IO))
		return 0;
	*size = bar_size(f, reg, low, wide);
	return (low & ~0xfu) | (wide ? (phys_addr_t)pci_read(f, reg + 4) << 32 : 0);
}

void pci_enable(const struct pci_function *f)
{
	u32 command = pci_read(f, REG_COMMAND) & ~STATUS_WRITE_CLEAR;

	pci_write(f, REG_COMMAND, command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX);
}

void pci_disable(const struct pci_function *f)
{
	u32 command = pci_read(f, REG_COMMAND) & ~STATUS_WRITE_CLEAR;

	pci_write(f, REG_COMMAND, command & ~COMMAND_MASTER);
	pci_read(f, REG_COMMAND); /* what was on its way to memory is there now */
}

/* ---- interrupts by message: SDM vol. 3A, 11.11 ---- */

#define MSI_ENABLE       (1u << 16)
#define MSI_64BIT        (1u << 23)
#define MSI_VECTORS      (7u << 20) /* how many; 0: one */
#define MSI_HAS_MASKS    (1u << 24)
#define MSIX_ENABLE      (1u << 31)
#define MSIX_MASKED      (1u << 30)
#define MSIX_BAR         7u
#define MESSAGE_ADDRESS  0xfee00000u
#define MESSAGE_DEST(id) ((id) << 12)

/* The offset of a capability, 0: the function does not have it. */
static u16 find_capability(const struct pci_function *f, u8 id)
{
	u16 at;

	if (!(pci_read(f, REG_COMMAND) & STATUS_HAS_CAPS))
		return 0;
	at = pci_read(f, REG_CAPABILITIES) & 0xfc;
	for (int i = 0; i < CAPS_MAX && at >= 0x40 && at <= CAP_LAST; i++) {
		u32 cap = pci_read(f, at);

		if ((cap & 0xff) == id)
			return at;
		at = cap >> 8 & 0xfc;
	}
	return 0;
}

static bool use_msi(const struct pci_function *f, u32 address, u8 vector)
{
	u16 at = find_capability(f, CAP_MSI), data;
	u32 control = at ? pci_read(f, at) & ~(MSI_VECTORS | MSI_ENABLE) : 0;

	if (!at)
		return false;
	data = at + (control & MSI_64BIT ? 12 : 8);
	pci_write(f, at, control);
	pci_write(f, at + 4, address);
	if (control & MSI_64BIT)
		pci_write(f, at + 8, 0);
	pci_write(f, data, vector);
	if (control & MSI_HAS_MASKS)
		pci_write(f, data + 4, 0);
	pci_write(f, at, control | MSI_ENABLE);
	return true;
}

/* The table of messages is in one of the BARs. The first entry is used; a reset has masked the
 * others. */
static bool use_msix(const struct pci_function *f, u32 address, u8 vector)
{
	u16 at = find_capability(f, CAP_MSIX);
	u32 where = at ? pci_read(f, at + 4) : 0, control = at ? pci_read(f, at) : 0;
	phys_addr_t bar;
	volatile u8 *entry;
	u64 size = 0;

	if (!at)
		return false;
	bar = pci_memory_bar(f, where & MSIX_BAR, &size);
	where &= ~MSIX_BAR;
	if (!bar || size < where + 16UL)
		return false;
	entry = arch_map_device(bar + where, 16);
	if (!entry)
		return false;
	pci_write(f, at, control | MSIX_ENABLE | MSIX_MASKED);
	mmio_write32(entry, address);
	mmio_write32(entry + 4, 0);
	mmio_write32(entry + 8, vector);
	mmio_write32(entry + 12, 0); /* not masked */
	pci_write(f, at, (control & ~MSIX_MASKED) | MSIX_ENABLE);
	return true;
}

/* Device interrupts go to the first CPU. */
bool pci_use_msi(const struct pci_function *f, u8 vector)
{
	u32 id = cpus[0].apic_id;
	u32 address = MESSAGE_ADDRESS | MESSAGE_DEST(id);

	if (!irq_uses_apic() || acpi.no_msi || id > 0xfe)
		return false;
	return use_msix(f, address, vector) || use_msi(f, address, vector);
}
