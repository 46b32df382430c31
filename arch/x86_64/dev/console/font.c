/*
 * PC Screen Font, versions 1 and 2: a header, bitmaps, and a table of each glyph's characters.
 *
 * The table becomes a map of two levels, from code point to glyph number: a font of 512 glyphs has
 * characters in only a few of the 256 rows of the Basic Multilingual Plane.
 */
#include "arch/x86_64/dev/console/font.h"

#include "kernel/lib/string.h"

#define PSF1_MAGIC0    0x36
#define PSF1_MAGIC1    0x04
#define PSF1_512       0x01 /* glyphs; else 256 */
#define PSF1_TABLE     0x02
#define PSF1_SEQUENCES 0x04 /* there is a table too, with sequences in it */
#define PSF1_SEPARATOR 0xffff
#define PSF1_SEQUENCE  0xfffe

#define PSF2_MAGIC     0x864ab572u
#define PSF2_HEADER    32
#define PSF2_TABLE     0x01
#define PSF2_SEPARATOR 0xff
#define PSF2_SEQUENCE  0xfe

#define MAP_ROWS 48 /* room for so many rows of 256 characters */
#define NO_GLYPH 0xffff

static u16 map_rows[MAP_ROWS][256]; /* glyph numbers */
static u8 row_of[256];              /* high byte of a code point -> row + 1, 0: none */
static u32 nr_rows;

/* The upper and the lower half of a cell, which few fonts have and QR codes are made of. */
#define UPPER_HALF 0x2580
#define LOWER_HALF 0x2584
static u8 halves[2][FONT_MAX_WIDTH / 8 * FONT_MAX_HEIGHT];

static void map_add(u32 ch, u32 glyph)
{
	u8 *row = &row_of[ch >> 8 & 0xff];

	if (ch > 0xffff || glyph >= NO_GLYPH)
		return;
	if (*row == 0) {
		if (nr_rows == MAP_ROWS)
			return;
		memset(map_rows[nr_rows], 0xff, sizeof(map_rows[0]));
		*row = ++nr_rows;
	}
	if (map_rows[*row - 1][ch & 0xff] == NO_GLYPH)
		map_rows[*row - 1][ch & 0xff] = glyph;
}

static u32 map_find(u32 ch)
{
	if (ch > 0xffff || row_of[ch >> 8] == 0)
		return NO_GLYPH;
	return map_rows[row_of[ch >> 8] - 1][ch & 0xff];
}

/* A font without a table has its glyphs in the order of their codes. */
static void map_identity(const struct font *f)
{
	for (u32 i = 0; i < f->nr_glyphs && i < 256; i++)
		map_add(i, i);
}

/* For each glyph: its characters, perhaps sequences (which are skipped), a separator. */
static void psf1_table(const struct font *f, const u8 *p, const u8 *end)
{
	bool in_sequence = false;

	for (u32 glyph = 0; glyph < f->nr_glyphs && end - p >= 2; p += 2) {
		u16 v = p[0] | p[1] << 8;

		if (v == PSF1_SEPARATOR) {
			glyph++;
			in_sequence = false;
		} else if (v == PSF1_SEQUENCE) {
			in_sequence = true;
		} else if (!in_sequence) {
			map_add(v, glyph);
		}
	}
}

/* Read one UTF-8 character of the table. The file is well-formed, but may be truncated. */
static u32 utf8_next(const u8 **p, const u8 *end)
{
	u32 c = *(*p)++;
	u32 more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more)
		c &= 0x3f >> more;
	for (; more > 0 && *p < end; more--)
		c = c << 6 | (*(*p)++ & 0x3f);
	return c;
}

static void psf2_table(const struct font *f, const u8 *p, const u8 *end)
{
	bool in_sequence = false;

	for (u32 glyph = 0; glyph < f->nr_glyphs && p < end;) {
		u32 ch;

		if (*p == PSF2_SEPARATOR) {
			glyph++;
			p++;
			in_sequence = false;
		} else if (*p == PSF2_SEQUENCE) {
			p++;
			in_sequence = true;
		} else {
			ch = utf8_next(&p, end);
			if (!in_sequence)
				map_add(ch, glyph);
		}
	}
}

static u32 le32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/* The end of the bitmaps; NULL if the header's numbers contradict each other or the file's size. */
static const u8 *glyphs_end(const struct font *f, const u8 *end)
{
	if (f->width < 1 || f->width > FONT_MAX_WIDTH || f->height < 1 ||
	    f->height > FONT_MAX_HEIGHT || f->nr_glyphs < 1 || f->nr_glyphs >= NO_GLYPH)
		return NULL;
	if (f->glyph_size != f->row_size * f->height)
		return NULL;
	if ((size_t)(end - f->glyphs) < (size_t)f->nr_glyphs * f->glyph_size)
		return NULL;
	return f->glyphs + (size_t)f->nr_glyphs * f->glyph_size;
}

static bool parse_psf1(struct font *f, const u8 *file, const u8 *end)
{
	u8 mode = file[2];
	const u8 *table;

	*f = (struct font){.glyphs = file + 4,
			   .nr_glyphs = mode & PSF1_512 ? 512 : 256,
			   .glyph_size = file[3],
			   .width = 8,
			   .height = file[3],
			   .row_size = 1};
	table = glyphs_end(f, end);
	if (!table)
		return false;
	if (mode & (PSF1_TABLE | PSF1_SEQUENCES))
		psf1_table(f, table, end);
	else
		map_identity(f);
	return true;
}

static bool parse_psf2(struct font *f, const u8 *file, const u8 *end)
{
	u32 header = le32(file + 8), flags = le32(file + 12);
	const u8 *table;

	if (header < PSF2_HEADER || header > (size_t)(end - file))
		return false;
	*f = (struct font){.glyphs = file + header,
			   .nr_glyphs = le32(file + 16),
			   .glyph_size = le32(file + 20),
			   .height = le32(file + 24),
			   .width = le32(file + 28)};
	if (f->width > FONT_MAX_WIDTH)
		return false;
	f->row_size = DIV_ROUND_UP(f->width, 8);
	table = glyphs_end(f, end);
	if (!table)
		return false;
	if (flags & PSF2_TABLE)
		psf2_table(f, table, end);
	else
		map_identity(f);
	return true;
}

static void make_halves(const struct font *f)
{
	u32 upper = f->height / 2 * f->row_size;

	memset(halves, 0, sizeof(halves));
	memset(halves[0], 0xff, upper);
	memset(halves[1] + upper, 0xff, f->glyph_size - upper);
}

static bool parse_file(struct font *f, const u8 *file, size_t size)
{
	if (size >= 4 && file[0] == PSF1_MAGIC0 && file[1] == PSF1_MAGIC1)
		return parse_psf1(f, file, file + size);
	if (size >= PSF2_HEADER && le32(file) == PSF2_MAGIC)
		return parse_psf2(f, file, file + size);
	return false;
}

bool font_parse(struct font *f, const u8 *file, size_t size)
{
	memset(row_of, 0, sizeof(row_of)); /* an empty map */
	nr_rows = 0;
	if (!parse_file(f, file, size))
		return false;
	make_halves(f);
	return true;
}

const u8 *font_glyph(const struct font *f, u32 ch)
{
	static const u32 instead[] = {0xfffd, '?', ' '};
	u32 glyph = map_find(ch);

	if (glyph == NO_GLYPH && (ch == UPPER_HALF || ch == LOWER_HALF))
		return halves[ch == LOWER_HALF];
	for (size_t i = 0; glyph == NO_GLYPH && i < ARRAY_SIZE(instead); i++)
		glyph = map_find(instead[i]);
	return f->glyphs + (size_t)(glyph == NO_GLYPH ? 0 : glyph) * f->glyph_size;
}
