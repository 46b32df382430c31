/* Speculative execution, in words. SDM vol. 4, table 2-2 (register 0x10a); APM vol. 3, appendix E.
 */
#include "arch/x86_64/cpu/speculation.h"

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

/* Bits that say "this CPU does not have that fault". */
static const struct immunity {
	u8 bit;
	const char *name;
} in_caps[] =
	{
		{0, "Meltdown"}, {4, "SSB"},   {5, "MDS"},  {8, "TAA"},  {13, "SBDR"},
		{14, "FBSDP"},   {15, "PSDP"}, {20, "BHI"}, {26, "GDS"}, {27, "RFDS"},
},
  in_extended[] = {{26, "SSB"}, {29, "BTC"}};

static size_t add(char *buf, size_t n, u64 bits, const struct immunity *list, size_t nr)
{
	size_t at = strlen(buf), before = at;

	for (size_t i = 0; i < nr; i++)
		if (bits >> list[i].bit & 1)
			at += (size_t)scnprintf(buf + at, n - at, " %s", list[i].name);
	return at - before;
}

void speculation_text(char *buf, size_t n, u64 caps, u32 extended)
{
	size_t added;

	scnprintf(buf, n,
		  "no measures against speculative execution; this CPU reports itself immune to");
	added = add(buf, n, caps, in_caps, ARRAY_SIZE(in_caps)) +
		add(buf, n, extended, in_extended, ARRAY_SIZE(in_extended));
	if (!added)
		scnprintf(buf + strlen(buf), n - strlen(buf), " nothing");
}
