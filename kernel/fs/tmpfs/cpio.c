/*
 * The cpio "newc" parser.
 *
 *	"070701" (or "070702", with a checksum)
 *	13 fields of 8 hexadecimal digits
 *	the name with its NUL, padded so that what follows is at a multiple of 4
 *	the data, padded likewise
 *
 * and so on until a member called "TRAILER!!!". Archives may follow one another, with zeroes
 * between them. Everything comes from outside: each length is compared with what is left before
 * anything is read, and always by subtraction, so that no sum can wrap.
 */
#include "kernel/fs/tmpfs/cpio.h"

#include "kernel/lib/string.h"

#define MAGIC_LEN  6
#define FIELDS     13
#define HEADER_LEN (MAGIC_LEN + FIELDS * 8)
#define TRAILER    "TRAILER!!!"
#define TYPE_MASK  0170000
#define TYPE_LINK  0120000

void cpio_init(struct cpio_reader *r, const void *data, size_t size)
{
	*r = (struct cpio_reader){.data = data, .size = size};
}

static enum cpio_result bad(struct cpio_reader *r, const char *why)
{
	r->why = why;
	return CPIO_BAD;
}

_Static_assert(offsetof(struct cpio_entry, check) == (FIELDS - 1) * sizeof(u32),
	       "struct cpio_entry begins with the fields");

static bool parse_fields(const u8 *p, u32 *out)
{
	for (int i = 0; i < FIELDS; i++) {
		u32 v = 0;

		for (int k = 0; k < 8; k++) {
			u32 digit = digit_value((char)*p++);

			if (digit >= 16)
				return false;
			v = v << 4 | digit;
		}
		out[i] = v;
	}
	return true;
}

static size_t left(const struct cpio_reader *r)
{
	return r->size - r->pos;
}

/* Skip n bytes and the padding to a multiple of 4, which may be missing at the very end. */
static bool skip_padded(struct cpio_reader *r, size_t n)
{
	size_t pad;

	if (n > left(r))
		return false;
	r->pos += n;
	pad = -r->pos & 3;
	r->pos += MIN(pad, left(r));
	return true;
}

static u32 checksum(const u8 *data, u32 n)
{
	u32 sum = 0;

	while (n--)
		sum += *data++;
	return sum;
}

/* Strip leading "/" and "./": both "./bin/sh" and "/bin/sh" are bin/sh below the root. */
static const char *strip_name(const char *name)
{
	for (;;) {
		if (name[0] == '/')
			name++;
		else if (name[0] == '.' && (name[1] == '/' || name[1] == '\0'))
			name++;
		else
			return name;
	}
}

static enum cpio_result read_name(struct cpio_reader *r, struct cpio_entry *e)
{
	const char *s = (const char *)r->data + r->pos;
	u32 len = e->name_size;

	if (len == 0 || len > CPIO_PATH_MAX)
		return bad(r, "name of impossible length");
	if (len > left(r))
		return bad(r, "truncated in a name");
	if (strnlen(s, len) != len - 1)
		return bad(r, "name does not end in a NUL");
	skip_padded(r, len);
	e->name = s;
	return CPIO_ENTRY;
}

static enum cpio_result read_data(struct cpio_reader *r, struct cpio_entry *e)
{
	e->data = r->data + r->pos;
	if (!skip_padded(r, e->size))
		return bad(r, "truncated in a file");
	if ((e->mode & TYPE_MASK) == TYPE_LINK &&
	    (e->size == 0 || e->size >= CPIO_PATH_MAX || memchr(e->data, 0, e->size)))
		return bad(r, "symbolic link with an impossible target");
	return CPIO_ENTRY;
}

enum cpio_result cpio_next(struct cpio_reader *r, struct cpio_entry *e)
{
	const u8 *head;
	bool summed;

	/* skip zeroes between archives and behind the last: no member starts with one */
	while (left(r) && r->data[r->pos] == 0)
		r->pos++;
	if (!left(r))
		return CPIO_END;
	if (left(r) < HEADER_LEN)
		return bad(r, "truncated in a header");
	head = r->data + r->pos;
	summed = memcmp(head, "070702", MAGIC_LEN) == 0;
	if (!summed && memcmp(head, "070701", MAGIC_LEN) != 0)
		return bad(r, "not a newc archive (no 070701 where a member begins)");
	if (!parse_fields(head + MAGIC_LEN, (u32 *)e))
		return bad(r, "header with characters that are not hexadecimal");
	r->pos += HEADER_LEN;
	if (read_name(r, e) == CPIO_BAD || read_data(r, e) == CPIO_BAD)
		return CPIO_BAD;
	if (strcmp(e->name, TRAILER) == 0)
		return CPIO_TRAILER;
	/* of hard links only the last has the data, but each has its sum */
	if (summed && e->size && checksum(e->data, e->size) != e->check)
		return bad(r, "checksum does not match");
	e->name = strip_name(e->name);
	return CPIO_ENTRY;
}
