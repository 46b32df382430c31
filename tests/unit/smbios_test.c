/* The parser of SMBIOS tables on tables made here, whole and damaged. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/acpi/acpi_parse.c"
#include "arch/x86_64/dev/acpi/smbios_parse.c"

static char name[40];

static void seal(u8 *t, size_t len, size_t at)
{
	u8 sum = 0;

	t[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += t[i];
	t[at] = -sum;
}

TEST(entry_of_32_bits)
{
	u8 t[31] = "_SM_";
	phys_addr_t pa;
	size_t len;

	t[5] = 31;
	memcpy(t + 22, "\x34\x12\x78\x56\x0f\x00", 6);
	seal(t, 31, 4);
	CHECK(smbios_entry(t, 31, &pa, &len));
	CHECK_EQ(pa, 0xf5678);
	CHECK_EQ(len, 0x1234);
	CHECK(!smbios_entry(t, 30, &pa, &len));
	t[22]++;
	CHECK(!smbios_entry(t, 31, &pa, &len));
}

TEST(entry_of_64_bits)
{
	u8 t[24] = "_SM3_";
	phys_addr_t pa;
	size_t len;

	t[6] = 24;
	memcpy(t + 12, "\0\1\0\0\1\2\3\4\5\0\0\0", 12);
	seal(t, 24, 5);
	CHECK(smbios_entry(t, 24, &pa, &len));
	CHECK_EQ(pa, 0x504030201);
	CHECK_EQ(len, 256);
	t[6] = 25; /* longer than what may be read */
	seal(t, 24, 5);
	CHECK(!smbios_entry(t, 24, &pa, &len));
}

/* In memory of exactly this size, so that the sanitizer sees any byte read past the end. */
static const char *system_of(const void *t, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	memcpy(copy, t, len);
	smbios_system(copy, len, name, sizeof(name));
	free(copy);
	return name;
}

/* A structure of another type with strings, one without, and the system's. */
static const char table[] = "\x00\x05\x00\x00\x01"
			    "Vendor\0\0"
			    "\x20\x04\x01\x00\0\0"
			    "\x01\x08\x02\x00\x02\x01\x00\x00"
			    "Model 9 \0Maker\0\0"
			    "\x7f\x04\x03\x00\0";

TEST(maker_and_product)
{
	CHECK_STR(system_of(table, sizeof(table)), "Maker Model 9");
}

TEST(cut_short)
{
	for (size_t n = 0; n < sizeof(table); n++)
		CHECK(strlen(system_of(table, n)) <= strlen("Maker Model 9"));
}

TEST(strings_that_are_odd)
{
	CHECK_STR(system_of("\x01\x08\x00\x00\x00\x01\x00\x00x\0\0", 11), "x");
	CHECK_STR(system_of("\x01\x08\x00\x00\x09\x07\x00\x00x\0\0", 11), "");
	CHECK_STR(system_of("\x01\x08\x00\x00\x01\x00\x00\x00\x1b\xff\0\0", 12), "??");
	CHECK_STR(system_of("\x01\x05\x00\x00\x01x\0\0", 8), ""); /* no field for the product */
	CHECK_STR(system_of("\x01\x00\x00\x00\x01x\0\0", 8), ""); /* no room for its own head */
}

TEST(long_names_are_cut)
{
	u8 t[8 + 100] = {1, 8, 0, 0, 1, 1};

	memset(t + 8, 'y', 98);
	CHECK_EQ(strlen(system_of(t, sizeof(t))), sizeof(name) - 1);
}

TEST(noise)
{
	for (int i = 0; i < 20000; i++) {
		u8 t[sizeof(table)];

		memcpy(t, table, sizeof(table));
		for (int k = 0; k < 3; k++)
			t[host_random_below(sizeof(t))] = host_random();
		system_of(t, sizeof(t));
	}
}

TEST_MAIN
