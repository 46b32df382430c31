/* Reading ACPI tables. Firmware's tables are not trusted: every length and offset is checked
 * against the table's end. ACPI specification 6.4, chapter 5.2. */
#include "arch/x86_64/dev/acpi/acpi.h"

#include "kernel/lib/string.h"

/* Read a field byte by byte, since it may lie at any address. 0 if it is past the end. */
static u64 field(const u8 *table, size_t len, size_t offset, size_t size)
{
	u64 v = 0;

	if (offset > len || size > len - offset)
		return 0;
	for (size_t i = 0; i < size; i++)
		v |= (u64)table[offset + i] << (8 * i);
	return v;
}

bool acpi_checksum_ok(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += b[i];
	return sum == 0;
}

#define RSDP_V1_SIZE 20
#define RSDP_V2_SIZE 36

static bool rsdp_is_v2(const u8 *p, size_t avail)
{
	u64 len = field(p, avail, 20, 4);

	return p[15] >= 2 && len >= RSDP_V2_SIZE && len <= avail && acpi_checksum_ok(p, len) &&
	       field(p, avail, 24, 8) != 0;
}

bool acpi_rsdp_ok(const void *p, size_t avail)
{
	return avail >= RSDP_V1_SIZE && memcmp(p, "RSD PTR ", 8) == 0 &&
	       acpi_checksum_ok(p, RSDP_V1_SIZE);
}

phys_addr_t acpi_rsdp_root(const void *p, size_t avail, bool *wide)
{
	*wide = rsdp_is_v2(p, avail);
	return *wide ? field(p, avail, 24, 8) : field(p, avail, 16, 4);
}

void acpi_info_init(struct acpi_info *info)
{
	memset(info, 0, sizeof(*info));
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		info->isa[i].gsi = i; /* edge-triggered, active high, unless overridden */
}

/* Some firmware lists a CPU twice, as local APIC and as local x2APIC. */
static void add_cpu(struct acpi_info *info, u32 id, u32 flags)
{
	for (u32 i = 0; i < info->nr_cpus; i++)
		if (info->cpu_apic_id[i] == id)
			return;
	if (!(flags & 1))
		return;
	if (info->nr_cpus < ACPI_MAX_CPUS)
		info->cpu_apic_id[info->nr_cpus++] = id;
	else
		info->nr_cpus_beyond++;
}

static void add_ioapic(struct acpi_info *info, const u8 *e, size_t len)
{
	if (info->nr_ioapics < ACPI_MAX_IOAPICS && field(e, len, 4, 4) != 0)
		info->ioapic[info->nr_ioapics++] = (struct acpi_ioapic){
			.id = e[2], .base = field(e, len, 4, 4), .gsi_base = field(e, len, 8, 4)};
}

/* Flags: polarity in bits 0-1, trigger in bits 2-3. 0 is ISA's default: active high, edge. */
static void add_override(struct acpi_info *info, const u8 *e, size_t len)
{
	u16 flags = field(e, len, 8, 2);

	if (e[2] == 0 && e[3] < ACPI_ISA_IRQS)
		info->isa[e[3]] = (struct acpi_isa_irq){.gsi = field(e, len, 4, 4),
							.active_low = (flags & 3) == 3,
							.level = (flags >> 2 & 3) == 3};
}

#define MADT_HEADER 44

static void madt_entry(struct acpi_info *info, const u8 *e, size_t len)
{
	static const u8 min_len[] = {[0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16};

	if (e[0] >= sizeof(min_len) || len < min_len[e[0]])
		return;
	switch (e[0]) {
	case 0: /* local APIC; an id of 255 is a placeholder */
		if (e[3] != 0xff)
			add_cpu(info, e[3], field(e, len, 4, 4));
		break;
	case 1:
		add_ioapic(info, e, len);
		break;
	case 2:
		add_override(info, e, len);
		break;
	case 5:
		info->lapic_base = field(e, len, 4, 8);
		break;
	case 9: /* local x2APIC */
		add_cpu(info, field(e, len, 4, 4), field(e, len, 8, 4));
		break;
	}
}

void acpi_parse_madt(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table;

	if (len < MADT_HEADER)
		return;
	info->has_madt = true;
	info->lapic_base = field(t, len, 36, 4);
	/* An entry of impossible length ends the list: the next one cannot be found. */
	for (size_t at = MADT_HEADER; at + 2 <= len && t[at + 1] >= 2 && t[at + 1] <= len - at;
	     at += t[at + 1])
		madt_entry(info, t + at, t[at + 1]);
}

static struct acpi_register parse_gas(const u8 *t, size_t len, size_t offset)
{
	return (struct acpi_register){.space = field(t, len, offset, 1),
				      .width = field(t, len, offset + 1, 1),
				      .addr = field(t, len, offset + 4, 8)};
}

/* Read a port from the wide field if it is valid, else from the old one. */
static u16 fadt_port(const u8 *t, size_t len, size_t wide, size_t narrow)
{
	struct acpi_register r = parse_gas(t, len, wide);

	if (r.addr != 0 && r.space == ACPI_SPACE_IO && r.addr <= 0xffff)
		return r.addr;
	return field(t, len, narrow, 4);
}

#define FADT_MIN_SIZE      116 /* ACPI 1.0 */
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_TMR_VAL_EXT   (1u << 8)
#define FADT_HW_REDUCED    (1u << 20)
/* IAPC_BOOT_ARCH; bit 1, "there is an 8042", is wrong too often: the controller is asked. */
#define BOOT_NO_MSI  (1u << 3)
#define BOOT_NO_CMOS (1u << 5)

static void parse_fixed_hardware(struct acpi_info *info, const u8 *t, size_t len, u32 flags)
{
	info->sci_irq = field(t, len, 46, 2);
	info->smi_port = field(t, len, 48, 4);
	info->acpi_enable = t[52];
	info->pm1a_cnt = fadt_port(t, len, 172, 64);
	info->pm1b_cnt = fadt_port(t, len, 184, 68);
	info->pm_timer = t[91] == 4 || len > 208 ? fadt_port(t, len, 208, 76) : 0;
	info->pm_timer_32bit = flags & FADT_TMR_VAL_EXT;
}

void acpi_parse_fadt(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table;
	u32 flags, boot;

	if (len < FADT_MIN_SIZE)
		return;
	flags = field(t, len, 112, 4);
	info->has_fadt = true;
	info->hw_reduced = flags & FADT_HW_REDUCED;
	if (info->hw_reduced) {
		info->sleep_control = parse_gas(t, len, 244);
		info->sleep_status = parse_gas(t, len, 256);
	} else {
		parse_fixed_hardware(info, t, len, flags);
	}
	boot = t[8] >= 3 ? field(t, len, 109, 2) : 0; /* reserved in ACPI 1.0 */
	info->no_msi = boot & BOOT_NO_MSI;
	info->no_cmos = boot & BOOT_NO_CMOS;
	info->century = t[108];
	if ((flags & FADT_RESET_REG_SUP) && len >= 129) {
		info->reset = parse_gas(t, len, 116);
		info->reset_value = t[128];
	}
	info->dsdt = field(t, len, 140, 8);
	if (info->dsdt == 0)
		info->dsdt = field(t, len, 40, 4);
}

void acpi_parse_hpet(struct acpi_info *info, const void *table, size_t len)
{
	struct acpi_register r;

	if (len < 56)
		return;
	r = parse_gas(table, len, 40);
	if (r.space != ACPI_SPACE_MEMORY || r.addr == 0)
		return;
	info->has_hpet = true;
	info->hpet_base = r.addr;
}

/* PCI Firmware Specification 3.3, 4.1.2. */
void acpi_parse_mcfg(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table;

	for (size_t at = 44; at + 16 <= len; at += 16) {
		if (field(t, len, at + 8, 2) != 0 || t[at + 10] > t[at + 11])
			continue;
		info->ecam_base = field(t, len, at, 8);
		info->ecam_first_bus = t[at + 10];
		info->ecam_last_bus = t[at + 11];
		return;
	}
}

#define IOMMU_TABLE_HEADER 48

static void add_iommu(struct acpi_info *info, phys_addr_t base, bool amd)
{
	for (u32 i = 0; i < info->nr_iommus; i++)
		if (info->iommu[i].base == base)
			return; /* IVRS describes a unit once for each revision of itself */
	if (base && info->nr_iommus < ACPI_MAX_IOMMUS)
		info->iommu[info->nr_iommus++] = (struct acpi_iommu){base, amd};
}

/* VT-d specification 8.1 and 8.3: units have type 0. */
void acpi_parse_dmar(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table;
	u64 size;

	for (size_t at = IOMMU_TABLE_HEADER; at + 4 <= len; at += size) {
		size = field(t, len, at + 2, 2);
		if (size < 4 || size > len - at)
			return;
		if (field(t, len, at, 2) == 0 && size >= 16)
			add_iommu(info, field(t, len, at + 8, 8), false);
	}
}

/* AMD I/O virtualization specification 5.2: units have the types 0x10, 0x11 and 0x40. */
void acpi_parse_ivrs(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table;
	u64 size;

	for (size_t at = IOMMU_TABLE_HEADER; at + 4 <= len; at += size) {
		size = field(t, len, at + 2, 2);
		if (size < 4 || size > len - at)
			return;
		if ((t[at] == 0x10 || t[at] == 0x11 || t[at] == 0x40) && size >= 16)
			add_iommu(info, field(t, len, at + 8, 8), true);
	}
}

/* Read an AML integer: the byte 0 or 1, or a number behind a prefix. False for anything else. */
static bool aml_byte(const u8 **p, const u8 *end, u8 *out)
{
	static const u8 behind[] = {[0x0a] = 1, [0x0b] = 2, [0x0c] = 4}; /* bytes, by the prefix */
	size_t size;

	if (*p >= end || **p >= sizeof(behind))
		return false;
	size = behind[**p];
	if ((!size && **p > 1) || (size_t)(end - *p) < 1 + size)
		return false;
	*out = size ? (*p)[1] : **p;
	*p += 1 + size;
	return true;
}

/* Name(\_S5_, Package(n) {a, b, …}): NameOp, perhaps a root prefix, name, PackageOp, length, n. */
static bool parse_s5(struct acpi_info *info, const u8 *name, const u8 *start, const u8 *end)
{
	const u8 *p = name + 4;
	u8 a, b;

	if (!(name > start && name[-1] == 0x08) &&
	    !(name > start + 1 && name[-1] == '\\' && name[-2] == 0x08))
		return false;
	if (end - p < 3 || *p++ != 0x12)
		return false;
	p += (*p >> 6) + 1; /* the length's own length is in its top two bits */
	if (p >= end || *p++ < 1 || !aml_byte(&p, end, &a))
		return false;
	if (!aml_byte(&p, end, &b))
		b = a;
	info->s5_type_a = a & 7;
	info->s5_type_b = b & 7;
	info->has_s5 = true;
	return true;
}

void acpi_parse_dsdt(struct acpi_info *info, const void *table, size_t len)
{
	const u8 *t = table, *p = t, *end = t + len;

	while (end - p >= 4) {
		p = memchr(p, '_', end - p - 3);
		if (!p)
			return;
		if (memcmp(p, "_S5_", 4) == 0 && parse_s5(info, p, t, end))
			return;
		p++;
	}
}
