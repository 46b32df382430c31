/* What a machine-check bank reports, in words. SDM vol. 3B, 16.9: the error codes that all CPUs
 * share; AMD's are the same (APM vol. 2, 9.5). */
#include "arch/x86_64/cpu/mce.h"

#include "kernel/lib/log.h"

#define OVERFLOWED  (1UL << 62)
#define UNCORRECTED (1UL << 61)
#define HAS_ADDR    (1UL << 58)
#define STATE_LOST  (1UL << 57)

/* The first kind that fits. */
static const char *kind(u16 code)
{
	static const struct {
		u16 mask, value;
		const char *name;
	} kinds[] = {
		{0xffff, 0x0001, "unclassified"},
		{0xffff, 0x0002, "microcode ROM parity"},
		{0xffff, 0x0003, "external"},
		{0xffff, 0x0004, "lock-step mismatch"},
		{0xffff, 0x0005, "internal parity"},
		{0xffff, 0x0400, "internal timer"},
		{0xeffc, 0x000c, "generic cache"},
		{0xeff0, 0x0010, "TLB"},
		{0xef80, 0x0080, "memory controller"},
		{0xef00, 0x0100, "cache"},
		{0xe800, 0x0800, "bus"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((code & kinds[i].mask) == kinds[i].value)
			return kinds[i].name;
	return "unknown";
}

size_t mce_line(char *buf, size_t size, u32 bank, u64 status, u64 addr)
{
	size_t n = scnprintf(buf, size, "bank %u: %scorrected %s error, status %#lx", bank,
			     status & UNCORRECTED ? "un" : "", kind((u16)status), status);

	if (status & HAS_ADDR)
		n += scnprintf(buf + n, size - n, ", address %#lx", addr);
	n += scnprintf(buf + n, size - n, "%s%s\n",
		       status & STATE_LOST ? ", the CPU's state is lost" : "",
		       status & OVERFLOWED ? ", others were lost" : "");
	return n;
}
