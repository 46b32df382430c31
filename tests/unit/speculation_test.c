/* What is said of speculative execution. */
#include "tests/unit/host.h"

#include "arch/x86_64/cpu/speculation.c"
#include "kernel/lib/printf.c"

const char *symbol_name(u64 addr __maybe_unused, char *buf, size_t n __maybe_unused)
{
	return buf;
}

static const char *immune(u64 caps, u32 extended)
{
	static char text[160];

	speculation_text(text, sizeof(text), caps, extended);
	CHECK(strstr(text, "no measures against speculative execution; "));
	return strstr(text, "immune to") + strlen("immune to");
}

TEST(words)
{
	CHECK(strcmp(immune(0, 0), " nothing") == 0);
	CHECK(strcmp(immune(1 | 1 << 5 | 1 << 8, 0), " Meltdown MDS TAA") == 0);
	CHECK(strcmp(immune(0x2 | 0x40, 0), " nothing") == 0); /* not immunities */
	CHECK(strcmp(immune(0, 1u << 26), " SSB") == 0);
	CHECK(strstr(immune(~0UL, ~0u), "RFDS SSB BTC"));
}

TEST_MAIN
