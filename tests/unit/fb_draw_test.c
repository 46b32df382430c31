/* Text on framebuffers of each depth, channel order, pitch, scale and turn, against a second way of
 * drawing, pixel by pixel. All memory that is not a pixel of the screen stays as it was. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/console/vt.h"

#include "arch/x86_64/dev/console/font.c"

#include "arch/x86_64/dev/console/fb_draw.c"

#define GLYPHS  256
#define GUARD   64 /* bytes before and after the framebuffer */
#define GARBAGE 0xa5

static struct font font;
static struct fb fb;
static u8 *memory; /* guard, framebuffer, guard */
static size_t memory_size;

/* A font of noise; version 2 of the format, without a table: glyph n is character n. */
static void make_font(u32 width, u32 height)
{
	static u8 *file;
	u32 row = DIV_ROUND_UP(width, 8), size = 32 + GLYPHS * row * height;
	u32 head[8] = {PSF2_MAGIC, 0, 32, 0, GLYPHS, row * height, height, width};

	free(file);
	file = malloc(size);
	memcpy(file, head, sizeof(head));
	for (u32 i = 32; i < size; i++)
		file[i] = host_random();
	CHECK(font_parse(&font, file, size));
}

static struct boot_framebuffer rgb(u32 width, u32 height, u8 bpp, u32 excess)
{
	return (struct boot_framebuffer){.addr = 0xe0000000,
					 .present = true,
					 .width = width,
					 .height = height,
					 .bpp = bpp,
					 .pitch = width * DIV_ROUND_UP(bpp, 8) + excess,
					 .red_pos = 16,
					 .red_size = 8,
					 .green_pos = 8,
					 .green_size = 8,
					 .blue_pos = 0,
					 .blue_size = 8};
}

static bool start(const struct boot_framebuffer *boot, u32 scale, u32 turn)
{
	size_t size = (size_t)boot->pitch * boot->height;

	if (!fb_describe(&fb, boot, &font) || !fb_layout(&fb, scale, turn))
		return false;
	free(memory);
	memory_size = size + 2 * GUARD;
	memory = malloc(memory_size);
	memset(memory, GARBAGE, memory_size);
	fb.pixels = memory + GUARD;
	for (u32 i = 0; i < 16 && boot->indexed; i++)
		fb.palette[i] = (i * 7) % 16;
	fb_clear(&fb);
	return true;
}

/* ---- the second way ---- */

/* What the pixel at (x, y) of the upright picture shows; *cells: all that is on the screen. */
static u32 wanted_pixel(const u32 *cells, u32 x, u32 y)
{
	u32 col = x / (font.width * fb.scale), row = y / (font.height * fb.scale), cell;
	u32 glyph_x = x / fb.scale % font.width, glyph_y = y / fb.scale % font.height;
	bool on;

	if (col >= fb.cols || row >= fb.rows || cells[row * fb.cols + col] == 0)
		return 0;
	cell = cells[row * fb.cols + col];
	on = font_glyph(&font, CELL_CHAR(cell))[glyph_y * font.row_size + glyph_x / 8] >>
		     (7 - glyph_x % 8) &
	     1;
	if ((cell & CELL_UNDERLINE) && glyph_y == font.height - 1)
		on = true;
	if (cell & CELL_CURSOR)
		on = !on;
	return fb.palette[on ? CELL_FG(cell) : CELL_BG(cell)];
}

static void check_screen(const u32 *cells)
{
	u8 *wanted = malloc(memory_size);
	u32 turned_w = fb.turn % 2 ? fb.height : fb.width;
	u32 turned_h = fb.turn % 2 ? fb.width : fb.height;

	memset(wanted, GARBAGE, memory_size);
	for (u32 y = 0; y < turned_h; y++) {
		for (u32 x = 0; x < turned_w; x++) {
			u32 at_x = x, at_y = y, colour = wanted_pixel(cells, x, y);

			for (u32 i = 0, w = turned_w, h = turned_h; i < fb.turn; i++) {
				u32 old_x = at_x, old_h = h;

				at_x = h - 1 - at_y;
				at_y = old_x;
				h = w;
				w = old_h;
			}
			memcpy(wanted + GUARD + (size_t)at_y * fb.pitch + at_x * fb.pixel_size,
			       &colour, fb.pixel_size);
		}
	}
	CHECK(memcmp(memory, wanted, memory_size) == 0);
	free(wanted);
}

static void draw_and_check(void)
{
	u32 *cells = calloc(fb.rows * fb.cols, sizeof(*cells));

	check_screen(cells);
	/* the corners, and runs anywhere */
	for (int i = 0; i < 12; i++) {
		u32 row = i < 4 ? (i & 1) * (fb.rows - 1) : host_random_below(fb.rows);
		u32 col = i < 4 ? (i >> 1) * (fb.cols - 1) : host_random_below(fb.cols);
		u32 n = i < 4 ? 1 : 1 + host_random_below(fb.cols - col);
		u32 *at = cells + row * fb.cols + col;

		for (u32 k = 0; k < n; k++)
			at[k] = CELL(1 + host_random_below(GLYPHS - 1), host_random_below(16),
				     host_random_below(16)) |
				(host_random() % 4 ? 0 : CELL_UNDERLINE) |
				(host_random() % 8 ? 0 : CELL_CURSOR);
		fb_draw(&fb, row, col, at, n);
	}
	check_screen(cells);
	free(cells);
}

static void check_all_turns(const struct boot_framebuffer *boot)
{
	for (u32 turn = 0; turn < 4; turn++)
		for (u32 scale = 1; scale <= 4; scale++)
			if (CHECK(start(boot, scale, turn)))
				draw_and_check();
}

/* ---- the tests ---- */

TEST(depths_and_orders)
{
	static const struct {
		u8 bpp, pos[3], size[3];
	} kinds[] = {
		{15, {10, 5, 0}, {5, 5, 5}},     {16, {11, 5, 0}, {5, 6, 5}},
		{16, {0, 5, 11}, {5, 6, 5}},     {24, {16, 8, 0}, {8, 8, 8}},
		{24, {0, 8, 16}, {8, 8, 8}},     {32, {16, 8, 0}, {8, 8, 8}},
		{32, {0, 8, 16}, {8, 8, 8}},     {32, {24, 16, 8}, {8, 8, 8}},
		{30, {20, 10, 0}, {10, 10, 10}}, {32, {0, 10, 20}, {10, 10, 10}},
	};

	make_font(8, 16);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct boot_framebuffer boot = rgb(8 * 80 + 5, 16 * 41 + 3, kinds[i].bpp, 0);

		boot.red_pos = kinds[i].pos[0], boot.red_size = kinds[i].size[0];
		boot.green_pos = kinds[i].pos[1], boot.green_size = kinds[i].size[1];
		boot.blue_pos = kinds[i].pos[2], boot.blue_size = kinds[i].size[2];
		check_all_turns(&boot);
		/* White is white, and each channel fills its own bits. */
		for (int c = 0; c < 3; c++) {
			u32 max = (1U << kinds[i].size[c]) - 1;

			CHECK_EQ(fb.palette[15] >> kinds[i].pos[c] & max, max);
			CHECK_EQ(fb.palette[1 << c], ((max * 170 + 127) / 255) << kinds[i].pos[c]);
		}
	}
}

TEST(palette)
{
	struct boot_framebuffer boot = rgb(8 * 80 + 1, 16 * 41, 8, 3);

	make_font(8, 16);
	boot.indexed = true;
	check_all_turns(&boot);
}

TEST(pitches)
{
	make_font(8, 16);
	for (u32 bpp = 16; bpp <= 32; bpp += 8) {
		for (u32 excess = 1; excess < 70; excess += 34) {
			struct boot_framebuffer boot = rgb(8 * 80, 16 * 41, bpp, excess);

			check_all_turns(&boot);
		}
	}
}

TEST(fonts)
{
	static const u8 sizes[][2] = {{12, 24}, {16, 32}, {5, 7}, {9, 16}, {32, 64}, {8, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct boot_framebuffer boot;

		make_font(sizes[i][0], sizes[i][1]);
		boot = rgb(MAX(80 * font.width, 20 * font.height) + 7,
			   MAX(80 * font.width, 20 * font.height) + 9, 24, 1);
		check_all_turns(&boot);
	}
}

static void check_layout(u32 width, u32 height, u32 turn, u32 scale, u32 cols, u32 rows)
{
	struct boot_framebuffer boot = rgb(width, height, 32, 0);

	CHECK(fb_describe(&fb, &boot, &font) && fb_layout(&fb, 0, turn));
	CHECK_EQ(fb.scale, scale);
	CHECK_EQ(fb.cols, cols);
	CHECK_EQ(fb.rows, rows);
}

TEST(scale_by_size)
{
	make_font(8, 16);
	check_layout(640, 480, 0, 1, 80, 30);
	check_layout(1024, 768, 0, 1, 128, 48);
	check_layout(1366, 768, 0, 1, 170, 48);
	check_layout(1920, 1080, 0, 1, 240, 67);
	check_layout(2560, 1440, 0, 2, 160, 45);
	check_layout(2880, 1800, 0, 2, 180, 56);
	check_layout(3840, 1080, 0, 2, 240, 33); /* 480 columns are too many */
	check_layout(3440, 1440, 0, 2, 215, 45);
	check_layout(3840, 2160, 0, 3, 160, 45);
	check_layout(5120, 2880, 0, 4, 160, 45);
	check_layout(7680, 4320, 0, 6, 160, 45);
	check_layout(1200, 1920, 1, 1, 240, 75);
	check_layout(1600, 2560, 3, 2, 160, 50);
	check_layout(3840, 2160, 1, 2, 135, 96); /* 120 rows are too many */
	check_layout(800, 1280, 0, 1, 100, 80);
}

TEST(nonsense)
{
	const struct boot_framebuffer good = rgb(1024, 768, 32, 0);
	struct boot_framebuffer bad;

	make_font(8, 16);
	CHECK(start(&good, 1, 0));
#define REFUSED(change)                                \
	do {                                           \
		bad = good;                            \
		change;                                \
		CHECK(!fb_describe(&fb, &bad, &font)); \
	} while (0)
	REFUSED(bad.present = false);
	REFUSED(bad.text = true);
	REFUSED(bad.addr = 0);
	REFUSED(bad.bpp = 0);
	REFUSED(bad.bpp = 4);
	REFUSED(bad.bpp = 8);
	REFUSED(bad.bpp = 33);
	REFUSED(bad.bpp = 255);
	REFUSED(bad.indexed = true);
	REFUSED(bad.pitch = 4095);
	REFUSED(bad.pitch = 0);
	REFUSED(bad.pitch = 0xffffffff);
	REFUSED(bad.width = 0xffffffff);
	REFUSED(bad.width = 0x40000000);
	REFUSED(bad.width = 16385; bad.pitch = 4 * 16385);
	REFUSED(bad.height = 16385);
	REFUSED(bad.height = 0xffffffff);
}

TEST(too_small)
{
	struct boot_framebuffer boot = rgb(20 * 8 - 1, 5 * 16, 32, 0);

	make_font(8, 16);
	CHECK(fb_describe(&fb, &boot, &font) && !fb_layout(&fb, 0, 0));
	boot = rgb(20 * 8, 5 * 16 - 1, 32, 0);
	CHECK(fb_describe(&fb, &boot, &font) && !fb_layout(&fb, 0, 0));
	boot = rgb(20 * 8, 5 * 16, 32, 0);
	CHECK(fb_describe(&fb, &boot, &font) && fb_layout(&fb, 0, 0));
	/* What does not fit leaves the layout as it was. */
	CHECK(!fb_layout(&fb, 2, 0) && !fb_layout(&fb, 0, 1) && !fb_layout(&fb, 17, 0));
	CHECK_EQ(fb.scale, 1);
	CHECK_EQ(fb.turn, 0);
	boot = rgb(0, 0, 32, 0);
	CHECK(!fb_describe(&fb, &boot, &font) || !fb_layout(&fb, 0, 0));
}

/* Channels that overlap, lie outside of the pixel, or have any size do no harm. */
TEST(noise)
{
	make_font(8, 16);
	for (int i = 0; i < 20000; i++) {
		struct boot_framebuffer boot = rgb(640, 480, 16 + 8 * host_random_below(3), 0);

		boot.red_pos = host_random(), boot.red_size = host_random();
		boot.green_pos = host_random(), boot.green_size = host_random();
		boot.blue_pos = host_random_below(33), boot.blue_size = host_random_below(34);
		CHECK(fb_describe(&fb, &boot, &font));
		CHECK((u64)fb.palette[15] >> 8 * fb.pixel_size == 0);
		if (boot.blue_pos + boot.blue_size <= (int)(8 * fb.pixel_size) &&
		    boot.blue_size > 0)
			CHECK_EQ(fb.palette[15] >> boot.blue_pos >> (boot.blue_size - 1) & 1, 1);
	}
}

TEST_MAIN
