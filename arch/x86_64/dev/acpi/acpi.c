/* Finding and mapping the ACPI tables; power off and reset by ACPI. */
#include "arch/x86_64/dev/acpi/acpi.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"

#define MAX_TABLE_SIZE (16UL << 20) /* a longer one is garbage */
#define MAX_TABLES     256

struct acpi_info acpi;
static long wanted = 1;
TUNABLE_AT_BOOT(acpi, "acpi", wanted, 0, 1, NULL, "0: do as if the firmware had no ACPI tables");
static phys_addr_t rsdp_addr; /* from the loader */

void acpi_set_rsdp(phys_addr_t addr)
{
	rsdp_addr = addr;
}

static const void *map(phys_addr_t pa, size_t size)
{
	return arch_map_physical(pa, size, MAP_CACHED);
}

/* Map a whole table. NULL if its signature (NULL: any), length or checksum is wrong. */
static const struct acpi_header *map_table(phys_addr_t pa, const char *signature)
{
	const struct acpi_header *h;
	u32 len;

	if (pa == 0)
		return NULL;
	h = map(pa, sizeof(*h));
	if (!h || (signature && memcmp(h->signature, signature, 4) != 0))
		return NULL;
	len = h->length;
	if (len < sizeof(*h) || len > MAX_TABLE_SIZE) {
		pr_warn("acpi: table %.4s at %#lx has a bad length of %u\n", h->signature, pa, len);
		return NULL;
	}
	h = map(pa, len);
	if (h && !acpi_checksum_ok(h, len)) {
		pr_warn("acpi: table %.4s at %#lx has a bad checksum\n", h->signature, pa);
		return NULL;
	}
	return h;
}

static void read_table(phys_addr_t pa)
{
	static const struct {
		char signature[5];
		void (*parse)(struct acpi_info *info, const void *table, size_t len);
	} parsers[] = {{"APIC", acpi_parse_madt}, {"FACP", acpi_parse_fadt},
		       {"HPET", acpi_parse_hpet}, {"MCFG", acpi_parse_mcfg},
		       {"DMAR", acpi_parse_dmar}, {"IVRS", acpi_parse_ivrs}};

	for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
		const struct acpi_header *h = map_table(pa, parsers[i].signature);

		if (h)
			parsers[i].parse(&acpi, h, h->length);
	}
}

static void read_root(const struct acpi_header *root, bool wide)
{
	size_t size = wide ? 8 : 4;
	size_t n = MIN((root->length - sizeof(*root)) / size, (size_t)MAX_TABLES);
	const u8 *entries = (const u8 *)(root + 1);

	for (size_t i = 0; i < n; i++) {
		phys_addr_t pa = 0;

		memcpy(&pa, entries + i * size, size);
		read_table(pa);
	}
}

/* A BIOS leaves the root pointer, aligned to 16, in its extended data area or just below 1 MiB. */
static phys_addr_t search_range(phys_addr_t start, size_t size)
{
	const u8 *p = map(start, size);

	for (size_t at = 0; p && at + 20 <= size; at += 16)
		if (acpi_rsdp_ok(p + at, size - at))
			return start + at;
	return 0;
}

static phys_addr_t find_rsdp(void)
{
	const u16 *ebda_segment = map(0x40e, 2);
	phys_addr_t ebda = ebda_segment ? (phys_addr_t)*ebda_segment << 4 : 0;
	phys_addr_t pa = 0;

	if (rsdp_addr)
		return rsdp_addr;
	if (ebda >= 0x80000 && ebda < 0xa0000)
		pa = search_range(ebda, 1024);
	return pa ? pa : search_range(0xe0000, 0x20000);
}

void acpi_init(void)
{
	phys_addr_t pa = wanted ? find_rsdp() : 0;
	const void *rsdp = pa ? map(pa, 36) : NULL;
	const struct acpi_header *root, *dsdt;
	bool wide;

	acpi_info_init(&acpi);
	if (!rsdp || !acpi_rsdp_ok(rsdp, 36)) {
		pr_info("acpi: no tables\n");
		return;
	}
	root = map_table(acpi_rsdp_root(rsdp, 36, &wide), NULL);
	if (!root) {
		pr_warn("acpi: no usable root table\n");
		return;
	}
	read_root(root, wide);
	dsdt = map_table(acpi.dsdt, "DSDT");
	if (dsdt)
		acpi_parse_dsdt(&acpi, dsdt, dsdt->length);
	pr_info("acpi: %s, %s, CPUs: %u, I/O APICs: %u%s%s%s\n", wide ? "XSDT" : "RSDT",
		acpi.has_madt ? "MADT" : "no MADT", acpi.nr_cpus, acpi.nr_ioapics,
		acpi.has_hpet ? ", HPET" : "", acpi.has_s5 ? ", S5" : "",
		acpi.hw_reduced ? ", hardware-reduced" : "");
}

#define PM1_SCI_EN    (1u << 0)
#define PM1_SLP_EN    (1u << 13)
#define PM1_SLP_SHIFT 10
#define PM1_SLP_MASK  (7u << PM1_SLP_SHIFT)

/* Take the machine over from the firmware: the sleep bits do not work before. */
static void enter_acpi_mode(void)
{
	if ((inw(acpi.pm1a_cnt) & PM1_SCI_EN) || acpi.smi_port == 0 || acpi.acpi_enable == 0)
		return;
	outb(acpi.smi_port, acpi.acpi_enable);
	for (int i = 0; i < 300000 && !(inw(acpi.pm1a_cnt) & PM1_SCI_EN); i++)
		io_delay();
}

static void sleep(u16 port, u8 type)
{
	if (port != 0)
		outw(port, (inw(port) & ~PM1_SLP_MASK) | type << PM1_SLP_SHIFT | PM1_SLP_EN);
}

/* Write configuration space of bus 0; `addr` encodes device, function and offset. */
static void write_pci(u64 addr, u8 value)
{
	u32 device = addr >> 32 & 0x1f, function = addr >> 16 & 7, offset = addr & 0xff;

	outl(0xcf8, 1u << 31 | device << 11 | function << 8 | (offset & ~3u));
	outb(0xcfc + (offset & 3), value);
}

static void write_register(const struct acpi_register *r, u8 value)
{
	volatile u8 *p;

	switch (r->space) {
	case ACPI_SPACE_IO:
		outb(r->addr, value);
		break;
	case ACPI_SPACE_MEMORY:
		p = arch_map_device(r->addr, 1);
		if (p)
			*p = value;
		break;
	case ACPI_SPACE_PCI:
		write_pci(r->addr, value);
		break;
	}
}

/* ACPI specification 4.8.3.7: only on hardware-reduced machines. */
#define SLEEP_EN    (1u << 5)
#define SLEEP_SHIFT 2
#define SLEEP_WOKE  (1u << 7)

static void sleep_reduced(u8 type)
{
	if (acpi.sleep_status.addr)
		write_register(&acpi.sleep_status, SLEEP_WOKE);
	if (acpi.sleep_control.addr)
		write_register(&acpi.sleep_control, (u8)(type << SLEEP_SHIFT | SLEEP_EN));
}

void acpi_poweroff(void)
{
	if (!acpi.has_fadt || !acpi.has_s5)
		return;
	if (acpi.hw_reduced)
		sleep_reduced(acpi.s5_type_a);
	if (acpi.pm1a_cnt)
		enter_acpi_mode();
	sleep(acpi.pm1a_cnt, acpi.s5_type_a);
	sleep(acpi.pm1b_cnt, acpi.s5_type_b);
	for (int i = 0; i < 1000000; i++)
		io_delay();
}

void acpi_reset(void)
{
	if (acpi.reset.addr == 0)
		return;
	write_register(&acpi.reset, acpi.reset_value);
	for (int i = 0; i < 10000; i++)
		io_delay();
}
