/* PSF fonts, whole and damaged. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/console/font.c"

static struct font f;

static bool parse_exact(const u8 *file, size_t len)
{
	static u8 *copy; /* stays: the font points into it */

	free(copy);
	copy = malloc(len ? len : 1);
	memcpy(copy, file, len);
	return font_parse(&f, copy, len);
}

#define GLYPHS 256
#define HEIGHT 2

/* Version 1: glyph n has the rows n and ~n; 'A' and U+2500 are glyph 3, '?' is glyph 9. */
static size_t make_psf1(u8 *t)
{
	u8 *p = t;

	*p++ = 0x36;
	*p++ = 0x04;
	*p++ = 0x02;
	*p++ = HEIGHT;
	for (int i = 0; i < GLYPHS; i++) {
		*p++ = i;
		*p++ = ~i;
	}
	for (int i = 0; i < GLYPHS; i++) {
		if (i == 3)
			*p++ = 'A', *p++ = 0, *p++ = 0x00, *p++ = 0x25, *p++ = 0xfe, *p++ = 0xff,
			*p++ = 'B', *p++ = 0;
		if (i == 9)
			*p++ = '?', *p++ = 0;
		*p++ = 0xff;
		*p++ = 0xff;
	}
	return p - t;
}

TEST(psf1)
{
	static u8 t[4096];
	size_t len = make_psf1(t);

	CHECK(parse_exact(t, len));
	CHECK_EQ(f.nr_glyphs, GLYPHS);
	CHECK_EQ(f.width, 8);
	CHECK_EQ(f.height, HEIGHT);
	CHECK_EQ(font_glyph(&f, 'A')[0], 3);
	CHECK_EQ(font_glyph(&f, 0x2500)[1], (u8)~3);
	CHECK_EQ(font_glyph(&f, 'B')[0], 9); /* only part of a sequence: '?' */
	CHECK_EQ(font_glyph(&f, 0x1f600)[0], 9);
}

TEST(psf1_cut_short)
{
	static u8 t[4096];
	size_t len = make_psf1(t), need = 4 + GLYPHS * HEIGHT;

	for (size_t n = 0; n < len; n++) {
		CHECK_EQ(parse_exact(t, n), n >= need);
		if (n >= need)
			font_glyph(&f, 'A');
	}
	t[3] = 0;
	CHECK(!parse_exact(t, len));
}

static size_t make_psf2(u8 *t, u32 width)
{
	u32 row = (width + 7) / 8;
	u32 head[8] = {PSF2_MAGIC, 0, 32, 1, 2, row * HEIGHT, HEIGHT, width};
	static const u8 table[] = "A\xe2\x94\x80\xff?\xfe"
				  "B\xff";

	memcpy(t, head, sizeof(head));
	memset(t + 32, 0x11, row * HEIGHT);
	memset(t + 32 + row * HEIGHT, 0x22, row * HEIGHT);
	memcpy(t + 32 + 2 * row * HEIGHT, table, sizeof(table) - 1);
	return 32 + 2 * row * HEIGHT + sizeof(table) - 1;
}

TEST(psf2)
{
	static u8 t[4096];
	size_t len = make_psf2(t, 12);

	CHECK(parse_exact(t, len));
	CHECK_EQ(f.row_size, 2);
	CHECK_EQ(font_glyph(&f, 'A')[0], 0x11);
	CHECK_EQ(font_glyph(&f, 0x2500)[0], 0x11);
	CHECK_EQ(font_glyph(&f, '?')[0], 0x22);
	CHECK_EQ(font_glyph(&f, 'B')[0], 0x22); /* in a sequence only: '?' instead */
	for (size_t n = 0; n < len; n++)
		CHECK_EQ(parse_exact(t, n), n >= 32 + 2 * 2 * HEIGHT);
}

/* Together the halves are a whole cell, whatever the height. */
TEST(half_blocks)
{
	static u8 t[4096];

	CHECK(parse_exact(t, make_psf2(t, 12)));
	for (u32 i = 0; i < f.glyph_size; i++) {
		bool above = i / f.row_size < HEIGHT / 2;

		CHECK_EQ(font_glyph(&f, 0x2580)[i], above ? 0xff : 0);
		CHECK_EQ(font_glyph(&f, 0x2584)[i], above ? 0 : 0xff);
	}
}

TEST(psf2_with_numbers_that_do_not_fit)
{
	static u8 t[4096];
	size_t len = make_psf2(t, 8);
	static const u32 bad[][2] = {{8, 31}, {8, 0xffffffff},  {16, 0},         {16, 0x10000000},
				     {20, 3}, {20, 0xffffffff}, {24, 0},         {24, 1000},
				     {28, 0}, {28, 33},         {28, 0xffffffff}};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 copy[256];

		memcpy(copy, t, len);
		memcpy(copy + bad[i][0], &bad[i][1], 4);
		CHECK(!parse_exact(copy, len));
	}
}

TEST(noise)
{
	u8 t[400];

	for (int i = 0; i < 20000; i++) {
		size_t len = i % 2 ? make_psf2(t, 1 + host_random_below(32)) : sizeof(t);

		for (int k = 0; k < 3; k++)
			t[host_random_below(len)] = host_random();
		if (parse_exact(t, len))
			font_glyph(&f, host_random_below(0x3000));
	}
}

TEST_MAIN
