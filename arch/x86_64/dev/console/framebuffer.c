/*
 * A linear framebuffer of 15, 16, 24 or 32 bits a pixel, or of 8 and a palette. Glyphs are drawn
 * with 64-bit stores; the framebuffer is never read.
 *
 * A screen too large for the terminal shows each pixel of the font as a square of scale * scale.
 */
#include "arch/x86_64/dev/console/font.h"
#include "arch/x86_64/dev/console/screen.h"
#include "arch/x86_64/dev/console/vt.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/string.h"

#define MAX_SCALE 16

/* Ports of a VGA. */
#define ATTRIBUTES 0x3c0 /* index, then value; reading STATUS makes the next write an index */
#define STATUS     0x3da
#define PICTURE_ON 0x20 /* in the index */
#define DAC_MASK   0x3c6
#define DAC_WRITE  0x3c8 /* number of the entry that is written next */
#define DAC_DATA   0x3c9 /* red, green, blue, 6 bits each */

static volatile u8 *pixels;
static u32 pitch, bytes_per_pixel, scale;
static struct font font;
static u32 palette[16];                                  /* as the framebuffer wants them */
static u64 line[FONT_MAX_WIDTH * MAX_SCALE * 4 / 8 + 1]; /* one row of pixels of one glyph */
static struct screen_ops ops;

static const u8 colours[16][3] = {
	{0, 0, 0},     {170, 0, 0},    {0, 170, 0},    {170, 85, 0},
	{0, 0, 170},   {170, 0, 170},  {0, 170, 170},  {170, 170, 170},
	{85, 85, 85},  {255, 85, 85},  {85, 255, 85},  {255, 255, 85},
	{85, 85, 255}, {255, 85, 255}, {85, 255, 255}, {255, 255, 255},
};

static void store(volatile u8 *dst, const u64 *src, size_t n)
{
	volatile u64 *d = (volatile u64 *)dst;
	const u8 *rest;

	for (; n >= 8; n -= 8)
		*d++ = *src++;
	rest = (const u8 *)src;
	for (size_t i = 0; i < n; i++)
		((volatile u8 *)d)[i] = rest[i];
}

/* The common case, 8 pixels of 32 bits: two bits of the glyph choose one of four 64-bit words. */
static void draw_fast(volatile u8 *at, const u8 *glyph, u32 fg, u32 bg)
{
	u64 f = fg, b = bg;
	u64 pairs[4] = {b | b << 32, b | f << 32, f | b << 32, f | f << 32};

	for (u32 y = 0; y < font.height; y++, at += pitch) {
		volatile u64 *d = (volatile u64 *)at;
		u8 bits = glyph[y];

		d[0] = pairs[bits >> 6];
		d[1] = pairs[bits >> 4 & 3];
		d[2] = pairs[bits >> 2 & 3];
		d[3] = pairs[bits & 3];
	}
}

/* Expand one row of a glyph's pixels into line[]; returns its bytes. Each store writes four
 * bytes: the next pixel overwrites the excess. */
static size_t expand_row(const u8 *bits, u32 fg, u32 bg)
{
	u8 *d = (u8 *)line;

	for (u32 x = 0; x < font.width; x++) {
		u32 colour = bits[x / 8] >> (7 - x % 8) & 1 ? fg : bg;

		for (u32 s = 0; s < scale; s++, d += bytes_per_pixel)
			*(u32 *)d = colour;
	}
	return d - (u8 *)line;
}

static void draw_slow(volatile u8 *at, const u8 *glyph, u32 fg, u32 bg)
{
	for (u32 y = 0; y < font.height; y++) {
		size_t n = expand_row(glyph + y * font.row_size, fg, bg);

		for (u32 s = 0; s < scale; s++, at += pitch)
			store(at, line, n);
	}
}

static void draw_underline(volatile u8 *at, u32 colour)
{
	static const u8 all[FONT_MAX_WIDTH / 8] = {0xff, 0xff, 0xff, 0xff};
	size_t n = expand_row(all, colour, colour);

	at += (size_t)(font.height - 1) * scale * pitch;
	for (u32 s = 0; s < scale; s++, at += pitch)
		store(at, line, n);
}

static void draw_cell(volatile u8 *at, u32 cell)
{
	const u8 *glyph = font_glyph(&font, CELL_CHAR(cell));
	bool swap = cell & CELL_CURSOR;
	u32 fg = palette[swap ? CELL_BG(cell) : CELL_FG(cell)];
	u32 bg = palette[swap ? CELL_FG(cell) : CELL_BG(cell)];

	if (font.width == 8 && bytes_per_pixel == 4 && scale == 1)
		draw_fast(at, glyph, fg, bg);
	else
		draw_slow(at, glyph, fg, bg);
	if (cell & CELL_UNDERLINE)
		draw_underline(at, fg);
}

static void draw(u32 row, u32 col, const u32 *cells, u32 n)
{
	u32 cell_width = font.width * scale * bytes_per_pixel;
	volatile u8 *at =
		pixels + (size_t)row * font.height * scale * pitch + (size_t)col * cell_width;

	for (u32 i = 0; i < n; i++, at += cell_width)
		draw_cell(at, cells[i]);
}

/* Move an 8-bit channel to its place in the pixel. */
static u32 channel(u8 v, u8 pos, u8 size)
{
	if (size == 0 || size > 8 || pos > 31)
		return 0;
	return (u32)(v >> (8 - size)) << pos;
}

/* Load the 16 colours into a VGA's palette, in VGA's own order, so that a card whose palette has
 * other ports shows nearly the same. The picture is switched on too: GRUB does not do it where it
 * sets such a mode on a card without a BIOS. */
static void program_palette(void)
{
	inb(STATUS);
	outb(ATTRIBUTES, PICTURE_ON);
	outb(DAC_MASK, 0xff);
	outb(DAC_WRITE, 0);
	for (u32 i = 0; i < ARRAY_SIZE(colours); i++) {
		const u8 *colour = colours[vga_colour(i)];

		for (int c = 0; c < 3; c++)
			outb(DAC_DATA, colour[c] >> 2);
		palette[i] = vga_colour(i);
	}
}

static void make_palette(const struct boot_framebuffer *fb)
{
	if (fb->indexed) {
		program_palette();
		return;
	}
	for (int i = 0; i < 16; i++)
		palette[i] = channel(colours[i][0], fb->red_pos, fb->red_size) |
			     channel(colours[i][1], fb->green_pos, fb->green_size) |
			     channel(colours[i][2], fb->blue_pos, fb->blue_size);
}

static bool usable(const struct boot_framebuffer *fb)
{
	bytes_per_pixel = (fb->bpp + 7) / 8;
	return fb->present && !fb->text &&
	       (fb->indexed ? fb->bpp == 8 : bytes_per_pixel >= 2 && bytes_per_pixel <= 4) &&
	       fb->width <= 32768 && fb->height <= 32768 &&
	       fb->pitch >= fb->width * bytes_per_pixel;
}

const struct screen_ops *framebuffer_init(const struct boot_framebuffer *fb)
{
	u32 cols, rows;

	if (!usable(fb) || !font_parse(&font, font_file, font_file_size))
		return NULL;
	for (scale = 1; scale < MAX_SCALE && (fb->width / (font.width * scale) > VT_MAX_COLS ||
					      fb->height / (font.height * scale) > VT_MAX_ROWS);)
		scale++;
	cols = MIN(fb->width / (font.width * scale), VT_MAX_COLS);
	rows = MIN(fb->height / (font.height * scale), VT_MAX_ROWS);
	if (cols == 0 || rows == 0)
		return NULL;
	pitch = fb->pitch;
	pixels = arch_map_physical(fb->addr, (size_t)pitch * fb->height, MAP_WRITECOMBINE);
	if (!pixels)
		return NULL;
	make_palette(fb);
	memset((u8 *)pixels, 0, (size_t)pitch * fb->height);
	ops = (struct screen_ops){.name = "framebuffer", .rows = rows, .cols = cols, .draw = draw};
	return &ops;
}
