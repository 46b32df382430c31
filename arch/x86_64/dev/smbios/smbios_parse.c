/* Reading SMBIOS tables, which are not trusted: every length is checked against the table's end.
 * DMTF DSP0134, chapters 5 to 7. */
#include "arch/x86_64/dev/smbios/smbios.h"

#include "kernel/lib/string.h"

#define ENTRY_SIZE   31 /* "_SM_" */
#define ENTRY_3_SIZE 24 /* "_SM3_" */
#define MAX_TABLE    (1u << 20)
#define HEADER       4 /* type, length, handle */
#define LAST_TYPE    127

static u64 number(const u8 *p, size_t size)
{
	u64 v = 0;

	memcpy(&v, p, size);
	return v;
}

static bool sum_is_zero(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return sum == 0;
}

bool smbios_entry(const void *entry, size_t avail, phys_addr_t *table, u32 *len)
{
	const u8 *p = entry;

	if (avail >= ENTRY_3_SIZE && memcmp(p, "_SM3_", 5) == 0 && p[6] >= ENTRY_3_SIZE &&
	    p[6] <= avail && sum_is_zero(p, p[6])) {
		*table = number(p + 16, 8);
		*len = number(p + 12, 4);
	} else if (avail >= ENTRY_SIZE && memcmp(p, "_SM_", 4) == 0 && p[5] >= ENTRY_SIZE - 1 &&
		   p[5] <= avail && sum_is_zero(p, p[5])) {
		*table = number(p + 24, 4);
		*len = number(p + 22, 2);
	} else {
		return false;
	}
	*len = MIN(*len, MAX_TABLE);
	return *table != 0 && *len != 0;
}

/* Copy text number `nr`, from 1, of the strings in [p, end), without blanks at its end. */
static void copy_text(char *out, const u8 *p, const u8 *end, u8 nr)
{
	size_t n = 0;

	if (nr == 0)
		return;
	while (--nr && p < end) {
		const u8 *zero = memchr(p, 0, end - p);

		p = zero ? zero + 1 : end;
	}
	for (; p < end && *p && n < SMBIOS_TEXT - 1; p++)
		out[n++] = *p >= ' ' && *p < 0x7f ? (char)*p : '?';
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* Which byte of which structure has the number of which text. */
static void read_structure(struct smbios_info *info, const u8 *s, const u8 *strings, const u8 *end)
{
	const struct {
		u8 type, at;
		char *out;
	} texts[] = {
		{0, 4, info->vendor},       {0, 5, info->version}, {0, 8, info->date},
		{1, 4, info->system_maker}, {1, 5, info->system},  {2, 4, info->board_maker},
		{2, 5, info->board},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].type == s[0] && texts[i].at < s[1] && !texts[i].out[0])
			copy_text(texts[i].out, strings, end, s[texts[i].at]);
}

/* The end of a structure's strings, which two zeroes end; NULL: they do not end in the table. */
static const u8 *strings_end(const u8 *p, const u8 *end)
{
	for (; end - p >= 2; p++)
		if (p[0] == 0 && p[1] == 0)
			return p;
	return NULL;
}

void smbios_parse(struct smbios_info *info, const void *table, size_t len)
{
	const u8 *p = table, *end = p + len, *strings, *last;

	memset(info, 0, sizeof(*info));
	while (end - p >= HEADER && p[1] >= HEADER && p[1] <= end - p && p[0] != LAST_TYPE) {
		strings = p + p[1];
		last = strings_end(strings, end);
		if (!last)
			return;
		read_structure(info, p, strings, last);
		p = last + 2;
	}
}
