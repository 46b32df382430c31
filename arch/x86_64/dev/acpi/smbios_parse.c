/* Reading SMBIOS tables. Each structure is a head, fields, and after them its strings, each ended
 * by a zero; one more zero ends the structure. A field that is a string is its number. */
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/acpi/smbios.h"
#include "kernel/lib/string.h"

#define HEAD        4 /* type, length of head and fields, handle */
#define TYPE_SYSTEM 1
#define MAKER       4 /* fields of TYPE_SYSTEM */
#define PRODUCT     5

static u64 read_le(const u8 *p, int n)
{
	u64 v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

bool smbios_entry(const u8 *p, size_t avail, phys_addr_t *table, size_t *len)
{
	bool wide = avail >= 24 && memcmp(p, "_SM3_", 5) == 0;
	size_t size;

	if (!wide && (avail < 31 || memcmp(p, "_SM_", 4) != 0))
		return false;
	size = wide ? p[6] : p[5];
	if (size < (wide ? 24 : 28) || size > avail || !acpi_checksum_ok(p, size))
		return false;
	*table = wide ? read_le(p + 16, 8) : read_le(p + 24, 4);
	*len = wide ? read_le(p + 12, 4) : read_le(p + 22, 2);
	return true;
}

/* The end of the strings that begin at `at`: behind two zeroes; `len` if they are cut short. */
static size_t strings_end(const u8 *table, size_t at, size_t len)
{
	while (at + 1 < len && (table[at] || table[at + 1]))
		at++;
	return at + 1 < len ? at + 2 : len;
}

/* Append string `nr` of those in [s, end), after a blank. */
static void append(char *out, size_t n, const char *s, const char *end, u8 nr)
{
	size_t at = strlen(out);

	if (nr == 0)
		return;
	while (--nr > 0 && s < end)
		s += strnlen(s, end - s) + 1;
	if (at && s < end && *s && at + 1 < n)
		out[at++] = ' ';
	for (; s < end && *s && at + 1 < n; s++)
		out[at++] = *s >= ' ' && *s <= '~' ? *s : '?';
	while (at && out[at - 1] == ' ')
		at--;
	out[at] = '\0';
}

void smbios_system(const u8 *table, size_t len, char *out, size_t n)
{
	*out = '\0';
	for (size_t at = 0; at + HEAD <= len;) {
		const u8 *head = table + at;
		size_t fields = head[1], end;

		if (fields < HEAD || fields > len - at)
			return;
		end = strings_end(table, at + fields, len);
		if (head[0] == TYPE_SYSTEM && fields > PRODUCT) {
			const char *strings = (const char *)head + fields;

			append(out, n, strings, (const char *)table + end, head[MAKER]);
			append(out, n, strings, (const char *)table + end, head[PRODUCT]);
			return;
		}
		at = end;
	}
}
