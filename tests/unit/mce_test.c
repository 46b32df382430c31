/* Machine-check banks in words: codes of SDM vol. 3B, tables 16-10 to 16-13. */
#include "tests/unit/host.h"

#include "arch/x86_64/cpu/mce_decode.c"
#include "kernel/lib/printf.c"

const char *symbol_name(u64 addr __maybe_unused, char *buf, size_t n __maybe_unused)
{
	return buf;
}

static bool says(u64 status, const char *wanted)
{
	char line[160];

	CHECK_EQ(mce_line(line, sizeof(line), 3, status, 0x1234), strlen(line));
	return strstr(line, wanted) != NULL;
}

TEST(kinds)
{
	CHECK(says(0x0005, "internal parity"));
	CHECK(says(0x0400, "internal timer"));
	CHECK(says(0x000e, "generic cache"));
	CHECK(says(0x0015, "TLB"));
	CHECK(says(0x009f, "memory controller"));
	CHECK(says(0x0135, "cache"));
	CHECK(says(0x0e0b, "bus"));
	CHECK(says(0x1135, "cache")); /* bit 12: filtered */
	CHECK(says(0x4000, "unknown"));
}

TEST(flags)
{
	CHECK(says(0x5, "bank 3: corrected"));
	CHECK(says(UNCORRECTED | 5, "bank 3: uncorrected"));
	CHECK(says(HAS_ADDR, "address 0x1234"));
	CHECK(!says(0, "address"));
	CHECK(says(STATE_LOST, "state is lost") && says(OVERFLOWED, "others were lost"));
}

TEST(a_small_buffer_is_not_overrun)
{
	char *line = malloc(20);

	CHECK(mce_line(line, 20, 1, ~0UL, ~0UL) < 20);
	free(line);
}

TEST_MAIN
