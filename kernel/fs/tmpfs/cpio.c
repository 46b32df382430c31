/*
 * The cpio "newc" parser.
 *
 *	"070701" (or "070702", with a checksum)
 *	13 fields of 8 hexadecimal digits
 *	the name with its NUL, padded so that what follows is at a multiple of 4
 *	the data, padded likewise
 *
 * and so on until a member called "TRAILER!!!". Archives may be strung together, with zeroes in
 * between. Everything comes from outside: each length is compared with what is left before anything
 * is read, and always by subtraction, so that no sum can wrap round.
 */
#include "kernel/fs/tmpfs/cpio.h"

#include "kernel/lib/string.h"

#define MAGIC_LEN  6
#define FIELDS     13
#define HEADER_LEN (MAGIC_LEN + FIELDS * 8)
#define TRAILER    "TRAILER!!!"
#define TYPE_MASK  0170000
#define TYPE_LINK  0120000

enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEVMAJOR,
	F_DEVMINOR,
	F_RDEVMAJOR,
	F_RDEVMINOR,
	F_NAMESIZE,
	F_CHECK,
};

void cpio_init(struct cpio_reader *r, const void *data, size_t size)
{
	*r = (struct cpio_reader){.data = data, .size = size};
}

static enum cpio_result bad(struct cpio_reader *r, const char *why)
{
	r->why = why;
	return CPIO_BAD;
}

static bool parse_fields(const u8 *p, u32 out[FIELDS])
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

/* Step over n bytes and what pads the position to a multiple of 4. The padding may be missing at
 * the very end. */
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

/* Members may be called "./bin/sh" or "/bin/sh": both are bin/sh below the root. */
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

static void fill_entry(struct cpio_entry *e, const u32 *f)
{
	e->mode = f[F_MODE];
	e->uid = f[F_UID];
	e->gid = f[F_GID];
	e->nlink = f[F_NLINK];
	e->mtime = f[F_MTIME];
	e->size = f[F_FILESIZE];
	e->ino = f[F_INO];
	e->dev_major = f[F_DEVMAJOR];
	e->dev_minor = f[F_DEVMINOR];
	e->rdev_major = f[F_RDEVMAJOR];
	e->rdev_minor = f[F_RDEVMINOR];
}

static enum cpio_result read_name(struct cpio_reader *r, u32 len, const char **name)
{
	const char *s = (const char *)r->data + r->pos;

	if (len == 0 || len > CPIO_PATH_MAX)
		return bad(r, "name of impossible length");
	if (len > left(r))
		return bad(r, "truncated in a name");
	if (strnlen(s, len) != len - 1)
		return bad(r, "name does not end in a NUL");
	skip_padded(r, len);
	*name = s;
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
	const char *name;
	u32 f[FIELDS];
	bool summed;

	/* Between archives, and behind the last, there may be zeroes: at the start of a member
	 * there cannot. */
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
	if (!parse_fields(head + MAGIC_LEN, f))
		return bad(r, "header with something else than hexadecimal digits");
	r->pos += HEADER_LEN;
	if (read_name(r, f[F_NAMESIZE], &name) == CPIO_BAD)
		return CPIO_BAD;
	fill_entry(e, f);
	if (read_data(r, e) == CPIO_BAD)
		return CPIO_BAD;
	if (strcmp(name, TRAILER) == 0)
		return CPIO_TRAILER;
	/* of hard links only the last carries data, but each the sum of it */
	if (summed && e->size && checksum(e->data, e->size) != f[F_CHECK])
		return bad(r, "checksum does not match");
	e->name = strip_name(name);
	return CPIO_ENTRY;
}
