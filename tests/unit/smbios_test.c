/* The parser of SMBIOS tables, on tables written here, valid and damaged. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/smbios/smbios_parse.c"

static struct smbios_info info;

/* In memory of exactly this size, so that the sanitizer sees any byte read past the end. */
static void parse_exact(const void *t, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	memcpy(copy, t, len);
	smbios_parse(&info, copy, len);
	free(copy);
}

/* Firmware, system, a structure of no interest without strings, board, end. */
static const char table[] = "\x00\x0a\x01\x00\x01\x02\x00\xf0\x03\x00"
			    "ACME \0 1.2\0 01/02/2020\0\0"
			    "\x01\x08\x02\x00\x02\x01\x00\x00"
			    "Box\0Maker  \0\0"
			    "\x07\x04\x03\x00\0\0"
			    "\x02\x08\x04\x00\x01\x02\x00\x00"
			    "B\xc3\x1b\0Board 7\0\0"
			    "\x7f\x04\x05\x00\0\0"
			    "\x02\x08\x04\x00\x01\x02\x00\x00Never\0\0";

TEST(texts)
{
	parse_exact(table, sizeof(table));
	CHECK(!strcmp(info.vendor, "ACME"));
	CHECK(!strcmp(info.version, " 1.2"));
	CHECK(!strcmp(info.date, " 01/02/2020"));
	CHECK(!strcmp(info.system_maker, "Maker"));
	CHECK(!strcmp(info.system, "Box"));
	CHECK(!strcmp(info.board_maker, "B??"));
	CHECK(!strcmp(info.board, "Board 7"));
}

TEST(cut_short_anywhere)
{
	for (size_t len = 0; len < sizeof(table); len++)
		parse_exact(table, len);
}

/* A structure longer than the table, shorter than its header, a text that does not exist. */
TEST(wrong_lengths_and_numbers)
{
	parse_exact("\x00\xff\0\0\x01\0\0", 7);
	CHECK(!info.vendor[0]);
	parse_exact("\x00\x03\0\0\x01\0\0", 7);
	CHECK(!info.vendor[0]);
	parse_exact("\x00\x05\0\0\x09x\0\0", 8);
	CHECK(!info.vendor[0]);
	parse_exact("\x02\x05\0\0\x01name without an end", 24);
	CHECK(!info.board_maker[0]);
}

TEST(long_text_is_cut)
{
	char t[5 + 300 + 2] = "\x00\x05\0\0\x01";

	memset(t + 5, 'v', 300);
	parse_exact(t, sizeof(t));
	CHECK_EQ(strlen(info.vendor), SMBIOS_TEXT - 1);
}

TEST(random_bytes)
{
	u8 t[200];

	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(t); i++)
			t[i] = host_random_below(round % 2 ? 256 : 8);
		parse_exact(t, host_random_below(sizeof(t) + 1));
		CHECK(memchr(info.board, 0, SMBIOS_TEXT) != NULL);
	}
}

static void seal(u8 *t, size_t len, size_t at)
{
	u8 sum = 0;

	t[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += t[i];
	t[at] = -sum;
}

TEST(entry_points)
{
	u8 old[31] = "_SM_", new[24] = "_SM3_";
	phys_addr_t at;
	u32 len;

	old[5] = 31;
	old[22] = 0x34;
	old[23] = 0x12;
	old[25] = 0x0f;
	seal(old, sizeof(old), 4);
	CHECK(smbios_entry(old, sizeof(old), &at, &len) && at == 0xf00 && len == 0x1234);
	CHECK(!smbios_entry(old, sizeof(old) - 1, &at, &len));
	old[9]++;
	CHECK(!smbios_entry(old, sizeof(old), &at, &len));

	new[6] = 24;
	new[15] = 0xff; /* of the length: more than the kernel reads */
	new[20] = 1;
	seal(new, sizeof(new), 5);
	CHECK(smbios_entry(new, sizeof(new), &at, &len) && at == 1UL << 32 && len == MAX_TABLE);
	CHECK(!smbios_entry(new, sizeof(new) - 1, &at, &len));
	new[6] = 200;
	seal(new, sizeof(new), 5);
	CHECK(!smbios_entry(new, sizeof(new), &at, &len));
}

TEST_MAIN
