/* The parser of ACPI tables, on tables written here byte by byte, valid and damaged. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/acpi/acpi_parse.c"

static struct acpi_info info;

static void put(u8 *t, size_t at, u64 v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		t[at + i] = v >> (8 * i);
}

static void seal(u8 *t, size_t len, size_t checksum_at)
{
	u8 sum = 0;

	t[checksum_at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += t[i];
	t[checksum_at] = -sum;
}

/* In memory of exactly this size, so that the sanitizer sees any byte read past the end. */
static void parse_exact(void (*parse)(struct acpi_info *, const void *, size_t), const u8 *t,
			size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	memcpy(copy, t, len);
	acpi_info_init(&info);
	parse(&info, copy, len);
	free(copy);
}

TEST(root_pointer_v1)
{
	u8 t[20] = "RSD PTR ";
	bool wide;

	put(t, 16, 0x1234, 4);
	seal(t, 20, 8);
	CHECK(acpi_rsdp_ok(t, 20));
	CHECK_EQ(acpi_rsdp_root(t, 20, &wide), 0x1234);
	CHECK(!wide);
	t[3]++;
	CHECK(!acpi_rsdp_ok(t, 20));
	t[3]--;
	t[17]++;
	CHECK(!acpi_rsdp_ok(t, 20));
	t[17]--;
	CHECK(!acpi_rsdp_ok(t, 19));
}

TEST(root_pointer_v2)
{
	u8 t[36] = "RSD PTR ";
	bool wide;

	t[15] = 2;
	put(t, 16, 0x1234, 4);
	put(t, 20, 36, 4);
	put(t, 24, 0x123456789a, 8);
	seal(t, 20, 8);
	seal(t, 36, 32);
	CHECK(acpi_rsdp_ok(t, 36));
	CHECK_EQ(acpi_rsdp_root(t, 36, &wide), 0x123456789a);
	CHECK(wide);
	t[33]++; /* the second checksum is wrong: the version 1 fields are used */
	CHECK_EQ(acpi_rsdp_root(t, 36, &wide), 0x1234);
	CHECK(!wide);
	t[33]--;
	CHECK_EQ(acpi_rsdp_root(t, 24, &wide), 0x1234); /* longer than the readable part */
}

static size_t make_madt(u8 *t)
{
	static const u8 entries[] = {
		0,  8,  1,    0,    1,    0,    0,    0,                   /* CPU, APIC id 0 */
		0,  8,  2,    3,    1,    0,    0,    0,                   /* CPU, APIC id 3 */
		0,  8,  3,    4,    0,    0,    0,    0,                   /* CPU, disabled */
		0,  8,  4,    0xff, 1,    0,    0,    0,                   /* placeholder */
		1,  12, 9,    0,    0,    0,    0xc0, 0xfe, 0,    0, 0, 0, /* I/O APIC */
		2,  10, 0,    0,    2,    0,    0,    0,    0,    0,       /* IRQ 0 is line 2 */
		2,  10, 0,    9,    9,    0,    0,    0,    0x0d, 0, /* IRQ 9: level, active high */
		2,  10, 0,    11,   20,   0,    0,    0,    0x0f, 0, /* IRQ 11: line 20, level, low
								      */
		2,  10, 1,    5,    6,    0,    0,    0,    0,    0, /* of another bus */
		2,  10, 0,    16,   6,    0,    0,    0,    0,    0, /* no ISA line */
		77, 5,  1,    2,    3,                               /* unknown */
		9,  16, 0,    0,    0,    0,    0,    0,    1,    0, 0, 0,
		0,  0,  0,    0,             /* APIC id 0 again */
		4,  6,  0xff, 0,    0,    1, /* the NMI line of all CPUs */
		9,  16, 0,    0,    0x00, 0x01, 0,    0,    1,    0, 0, 0,
		0,  0,  0,    0, /* x2APIC id 256 */
	};

	memset(t, 0, MADT_HEADER);
	put(t, 36, 0xfee00000, 4);
	memcpy(t + MADT_HEADER, entries, sizeof(entries));
	return MADT_HEADER + sizeof(entries);
}

TEST(madt)
{
	u8 t[256];
	size_t len = make_madt(t);

	parse_exact(acpi_parse_madt, t, len);
	CHECK(info.has_madt);
	CHECK_EQ(info.lapic_base, 0xfee00000);
	CHECK_EQ(info.nr_cpus, 3);
	CHECK_EQ(info.cpu_apic_id[0], 0);
	CHECK_EQ(info.cpu_apic_id[1], 3);
	CHECK_EQ(info.cpu_apic_id[2], 256);
	CHECK_EQ(info.nr_ioapics, 1);
	CHECK_EQ(info.ioapic[0].base, 0xfec00000);
	CHECK_EQ(info.isa[0].gsi, 2);
	CHECK_EQ(info.isa[1].gsi, 1);
	CHECK_EQ(info.isa[5].gsi, 5);
	CHECK(info.isa[9].level && !info.isa[9].active_low);
	CHECK_EQ(info.isa[11].gsi, 20);
	CHECK(info.isa[11].level && info.isa[11].active_low);
	CHECK(!info.isa[4].level && !info.isa[4].active_low);
}

/* Entries of length 0 or 1, on which the loop would not advance, and one past the table's end. */
TEST(madt_bad_entries)
{
	u8 t[256];
	size_t len = make_madt(t);

	for (u8 bad = 0; bad < 2; bad++) {
		t[MADT_HEADER + 8 + 1] = bad;
		parse_exact(acpi_parse_madt, t, len);
		CHECK_EQ(info.nr_cpus, 1);
	}
	t[MADT_HEADER + 8 + 1] = 255;
	parse_exact(acpi_parse_madt, t, len);
	CHECK_EQ(info.nr_cpus, 1);
	t[MADT_HEADER + 8 + 1] = 4; /* too short for its kind: skipped */
	t[MADT_HEADER + 12] = 88;
	t[MADT_HEADER + 13] = 4;
	parse_exact(acpi_parse_madt, t, len);
	CHECK_EQ(info.nr_cpus, 2);
}

TEST(madt_cut_short)
{
	u8 t[256];
	size_t len = make_madt(t);

	for (size_t n = 0; n < len; n++) {
		parse_exact(acpi_parse_madt, t, n);
		CHECK_EQ(info.has_madt, n >= MADT_HEADER);
		CHECK(info.nr_cpus <= 2);
	}
}

TEST(madt_with_too_many)
{
	static u8 t[MADT_HEADER + 16 * 600 + 12 * 50];
	u8 *p = t + MADT_HEADER;

	for (int i = 0; i < 600; i++, p += 16) {
		p[0] = 9;
		p[1] = 16;
		p[4] = (u8)i;
		p[5] = (u8)(i >> 8);
		p[8] = 1;
	}
	for (int i = 0; i < 50; i++, p += 12) {
		p[0] = 1;
		p[1] = 12;
		p[7] = 0xfe;
	}
	parse_exact(acpi_parse_madt, t, sizeof(t));
	CHECK_EQ(info.nr_cpus, ACPI_MAX_CPUS);
	CHECK_EQ(info.cpu_apic_id[ACPI_MAX_CPUS - 1], ACPI_MAX_CPUS - 1);
	CHECK_EQ(info.nr_cpus_beyond, 600 - ACPI_MAX_CPUS);
	CHECK_EQ(info.nr_ioapics, ACPI_MAX_IOAPICS);
}

static void make_fadt(u8 *t, size_t len)
{
	memset(t, 0, len);
	put(t, 40, 0x7fe0000, 4);
	put(t, 48, 0xb2, 4);
	t[52] = 2;
	put(t, 64, 0x604, 4);
	put(t, 76, 0x608, 4);
	t[91] = 4;
	t[108] = 0x32;
	if (len < 244)
		return;
	put(t, 112, 1 << 10 | 1 << 8, 4);
	t[116] = ACPI_SPACE_IO;
	t[117] = 8;
	put(t, 120, 0xcf9, 8);
	t[128] = 0x0f;
	put(t, 140, 0x123456789, 8);
	t[172] = ACPI_SPACE_IO;
	put(t, 176, 0x704, 8);
}

TEST(fadt)
{
	u8 t[244];

	make_fadt(t, 244);
	parse_exact(acpi_parse_fadt, t, 244);
	CHECK(info.has_fadt);
	CHECK_EQ(info.smi_port, 0xb2);
	CHECK_EQ(info.acpi_enable, 2);
	CHECK_EQ(info.pm1a_cnt, 0x704); /* the wide field is preferred */
	CHECK_EQ(info.pm1b_cnt, 0);
	CHECK_EQ(info.pm_timer, 0x608);
	CHECK(info.pm_timer_32bit);
	CHECK_EQ(info.century, 0x32);
	CHECK_EQ(info.reset.addr, 0xcf9);
	CHECK_EQ(info.reset.space, ACPI_SPACE_IO);
	CHECK_EQ(info.reset_value, 0x0f);
	CHECK_EQ(info.dsdt, 0x123456789);
}

TEST(fadt_of_acpi_1)
{
	u8 t[116];

	make_fadt(t, 116);
	parse_exact(acpi_parse_fadt, t, 116);
	CHECK(info.has_fadt);
	CHECK_EQ(info.pm1a_cnt, 0x604);
	CHECK_EQ(info.dsdt, 0x7fe0000);
	CHECK_EQ(info.reset.addr, 0);
	CHECK(!info.pm_timer_32bit);
}

/* No port may be taken from fields that have no meaning there. */
TEST(fadt_hardware_reduced)
{
	u8 t[268];

	make_fadt(t, 268);
	t[8] = 5;
	put(t, 109, 1 << 3 | 1 << 5, 2);
	put(t, 112, 1 << 20 | 1 << 10, 4);
	t[244] = ACPI_SPACE_MEMORY;
	put(t, 248, 0xfed00000, 8);
	t[256] = ACPI_SPACE_IO;
	put(t, 260, 0x606, 8);
	parse_exact(acpi_parse_fadt, t, 268);
	CHECK(info.hw_reduced && info.no_msi && info.no_cmos);
	CHECK_EQ(info.pm1a_cnt, 0);
	CHECK_EQ(info.pm_timer, 0);
	CHECK_EQ(info.smi_port, 0);
	CHECK_EQ(info.sleep_control.addr, 0xfed00000);
	CHECK_EQ(info.sleep_control.space, ACPI_SPACE_MEMORY);
	CHECK_EQ(info.sleep_status.addr, 0x606);
	CHECK_EQ(info.sleep_status.space, ACPI_SPACE_IO);
	CHECK_EQ(info.reset.addr, 0xcf9);
	put(t, 112, 1 << 10, 4);
	parse_exact(acpi_parse_fadt, t, 268);
	CHECK(!info.hw_reduced);
	CHECK_EQ(info.sleep_control.addr, 0);
	CHECK_EQ(info.pm1a_cnt, 0x704);
	t[8] = 1;
	parse_exact(acpi_parse_fadt, t, 268);
	CHECK(!info.no_msi && !info.no_cmos);
}

TEST(fadt_cut_short)
{
	u8 t[244];

	make_fadt(t, 244);
	for (size_t n = 0; n < 244; n++) {
		parse_exact(acpi_parse_fadt, t, n);
		CHECK_EQ(info.has_fadt, n >= 116);
		if (n < 129)
			CHECK_EQ(info.reset.addr, 0);
	}
}

TEST(configuration_space_in_memory)
{
	u8 t[76] = "MCFG";

	put(t, 44, 0xe0000000, 8); /* another segment's first */
	put(t, 52, 1, 2);
	put(t, 60, 0xb0000000, 8);
	t[70] = 4;
	t[71] = 0xff;
	parse_exact(acpi_parse_mcfg, t, 76);
	CHECK_EQ(info.ecam_base, 0xb0000000);
	CHECK_EQ(info.ecam_first_bus, 4);
	CHECK_EQ(info.ecam_last_bus, 0xff);
	parse_exact(acpi_parse_mcfg, t, 75);
	CHECK_EQ(info.ecam_base, 0);
	t[71] = 3; /* ends before it begins */
	parse_exact(acpi_parse_mcfg, t, 76);
	CHECK_EQ(info.ecam_base, 0);
}

TEST(iommus)
{
	u8 t[120] = {0};

	t[48] = 0; /* DRHD, then RMRR, then DRHD again */
	put(t, 50, 16, 2);
	put(t, 56, 0xfed90000, 8);
	t[64] = 1;
	put(t, 66, 24, 2);
	put(t, 72, 0x1000, 8);
	put(t, 90, 32, 2);
	put(t, 96, 0xfed91000, 8);
	parse_exact(acpi_parse_dmar, t, sizeof(t));
	CHECK_EQ(info.nr_iommus, 2);
	CHECK_EQ(info.iommu[0].base, 0xfed90000);
	CHECK_EQ(info.iommu[1].base, 0xfed91000);
	CHECK(!info.iommu[0].amd);
	for (size_t n = 0; n < sizeof(t); n++) {
		parse_exact(acpi_parse_dmar, t, n);
		CHECK_EQ(info.nr_iommus, n >= 64);
	}
	put(t, 50, 3, 2); /* an impossible length ends the list */
	parse_exact(acpi_parse_dmar, t, sizeof(t));
	CHECK_EQ(info.nr_iommus, 0);

	put(t, 50, 16, 2);
	t[48] = 0x10;
	t[64] = 0x11;
	put(t, 72, 0xfed90000, 8); /* the same unit in its later form */
	t[88] = 0x20;
	parse_exact(acpi_parse_ivrs, t, sizeof(t));
	CHECK_EQ(info.nr_iommus, 1);
	CHECK(info.iommu[0].amd);
}

TEST(hpet)
{
	u8 t[56] = {0};

	put(t, 44, 0xfed00000, 8);
	parse_exact(acpi_parse_hpet, t, 56);
	CHECK(info.has_hpet);
	CHECK_EQ(info.hpet_base, 0xfed00000);
	parse_exact(acpi_parse_hpet, t, 55);
	CHECK(!info.has_hpet);
	t[40] = ACPI_SPACE_IO;
	parse_exact(acpi_parse_hpet, t, 56);
	CHECK(!info.has_hpet);
}

static void check_s5(const char *aml, size_t len, bool found, int a, int b)
{
	u8 t[64] = {0};

	memcpy(t + 36, aml, len);
	parse_exact(acpi_parse_dsdt, t, 36 + len);
	CHECK_EQ(info.has_s5, found);
	CHECK_EQ(info.s5_type_a, a);
	CHECK_EQ(info.s5_type_b, b);
}
#define S5(aml, found, a, b) check_s5(aml, sizeof(aml) - 1, found, a, b)

TEST(s5_package)
{
	S5("\x08_S5_\x12\x07\x04\x0a\x05\x0a\x06\x00\x00", true, 5, 6);
	S5("\x08\\_S5_\x12\x06\x04\x00\x01\x00\x00", true, 0, 1);
	S5("\x08_S5_\x12\x42\x00\x04\x0b\x07\x00\x01\x00\x00", true, 7,
	   1);                                                       /* two-byte length, word */
	S5("x_S5_\x12\x07\x04\x0a\x05\x0a\x05", false, 0, 0);        /* not a name */
	S5("\x08_S5_\x14\x07\x04\x0a\x05\x0a\x05", false, 0, 0);     /* not a package */
	S5("_S5_x\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05", true, 5, 5); /* the second one is right */
}

TEST(s5_cut_short)
{
	static const char aml[] = "\x08_S5_\x12\x42\x00\x04\x0b\x07\x00\x0a\x05";

	for (size_t n = 0; n < sizeof(aml) - 1; n++) {
		u8 t[64] = {0};

		memcpy(t + 36, aml, n);
		parse_exact(acpi_parse_dsdt, t, 36 + n);
		CHECK_EQ(info.has_s5,
			 n >= 12); /* if only the second value is missing, it is guessed */
	}
}

TEST(noise)
{
	u8 t[300];

	for (int i = 0; i < 5000; i++) {
		size_t len = host_random_below(sizeof(t));

		for (size_t k = 0; k < len; k++)
			t[k] = host_random_below(3) ? host_random_below(18)
						    : (u8) "\x08_S5_\x12"[k % 6];
		parse_exact(acpi_parse_madt, t, len);
		parse_exact(acpi_parse_fadt, t, len);
		parse_exact(acpi_parse_hpet, t, len);
		parse_exact(acpi_parse_mcfg, t, len);
		parse_exact(acpi_parse_dsdt, t, len);
		CHECK(info.nr_cpus <= ACPI_MAX_CPUS);
	}
}

TEST_MAIN
