/*
 * The cells of one row are drawn together, pixel row by pixel row: video memory is written from low
 * to high addresses and never read, so that write-combining buffers are sent off whole.
 */
#include "arch/x86_64/dev/console/fb_draw.h"

#include "arch/x86_64/dev/console/vt.h"
#include "kernel/lib/string.h"

/* Fewer characters are not a screen. */
#define MIN_COLS 20U
#define MIN_ROWS 5U
/* What a larger scale has to leave: a panic's report and the self-test's QR code take 45 rows. */
#define GOOD_COLS 100U
#define GOOD_ROWS 45U

#define MAX_GLYPH FONT_MAX_HEIGHT /* pixels a side, however it is turned */

/* A cell that is to be drawn. The colours are eight bytes of pixels, as many as fit whole. */
struct piece {
	const u8 *bits;
	u64 bg, differ; /* the background; what makes it the foreground, by exclusive or */
	u8 underline;   /* 0xff or 0: bits that are added to the last row */
};

/* Pixels at any address. */
struct some_pixels {
	u64 v;
} __packed;

static struct piece pieces[VT_MAX_COLS];
/* One row of pixels, with room for the excess of the last store. */
static u64 line[FB_MAX_WIDTH * sizeof(u32) / sizeof(u64) + 1];

const u8 fb_colours[16][3] = {
	{0, 0, 0},     {170, 0, 0},    {0, 170, 0},    {170, 85, 0},
	{0, 0, 170},   {170, 0, 170},  {0, 170, 170},  {170, 170, 170},
	{85, 85, 85},  {255, 85, 85},  {85, 255, 85},  {255, 255, 85},
	{85, 85, 255}, {255, 85, 255}, {85, 255, 255}, {255, 255, 255},
};

/* ---- what the loader says ---- */

/* Scale an 8-bit channel to `size` bits, and move it to its place in the pixel; 0 if it has none.
 */
static u32 channel(const struct fb *fb, u8 v, u8 pos, u8 size)
{
	u64 max = (1UL << MIN(size, 32)) - 1;

	if (size == 0 || (u32)pos + size > 8 * fb->pixel_size)
		return 0;
	return (u32)((v * max + 127) / 255) << pos;
}

static bool sane(const struct boot_framebuffer *boot, u32 pixel_size)
{
	if (!boot->present || boot->text || boot->addr == 0)
		return false;
	if (boot->indexed ? boot->bpp != 8 : pixel_size < 2 || pixel_size > 4)
		return false;
	return boot->width <= FB_MAX_WIDTH && boot->height <= FB_MAX_WIDTH &&
	       boot->pitch >= boot->width * pixel_size &&
	       boot->pitch <= 2 * FB_MAX_WIDTH * sizeof(u32);
}

bool fb_describe(struct fb *fb, const struct boot_framebuffer *boot, const struct font *font)
{
	u32 pixel_size = DIV_ROUND_UP(boot->bpp, 8);

	if (!sane(boot, pixel_size))
		return false;
	*fb = (struct fb){.width = boot->width,
			  .height = boot->height,
			  .pitch = boot->pitch,
			  .pixel_size = pixel_size,
			  .font = font};
	for (int i = 0; i < 16; i++)
		fb->palette[i] = channel(fb, fb_colours[i][0], boot->red_pos, boot->red_size) |
				 channel(fb, fb_colours[i][1], boot->green_pos, boot->green_size) |
				 channel(fb, fb_colours[i][2], boot->blue_pos, boot->blue_size);
	return true;
}

/* ---- layout ---- */

/* The largest scale that leaves 100 columns and 45 rows; of a screen larger than a terminal can be,
 * the smallest that fills it, if that leaves 100 columns. */
static u32 choose_scale(u32 cols, u32 rows)
{
	u32 scale = 1;

	while (scale < FB_MAX_SCALE && cols / (scale + 1) >= GOOD_COLS &&
	       (rows / (scale + 1) >= GOOD_ROWS || cols / scale > VT_MAX_COLS ||
		rows / scale > VT_MAX_ROWS))
		scale++;
	return scale;
}

bool fb_layout(struct fb *fb, u32 scale, u32 turn)
{
	u32 cols = (turn % 2 ? fb->height : fb->width) / fb->font->width;
	u32 rows = (turn % 2 ? fb->width : fb->height) / fb->font->height;

	if (scale == 0)
		scale = choose_scale(cols, rows);
	if (scale > FB_MAX_SCALE || cols / scale < MIN_COLS || rows / scale < MIN_ROWS)
		return false;
	fb->scale = scale;
	fb->turn = turn;
	fb->cols = MIN(cols / scale, VT_MAX_COLS);
	fb->rows = MIN(rows / scale, VT_MAX_ROWS);
	return true;
}

void fb_clear(const struct fb *fb)
{
	for (u32 y = 0; y < fb->height; y++)
		memset((u8 *)fb->pixels + (size_t)y * fb->pitch, 0, fb->width * fb->pixel_size);
}

/* ---- drawing ---- */

static u64 repeated(const struct fb *fb, u64 colour)
{
	for (u32 bits = 8 * fb->pixel_size; bits <= 32; bits *= 2)
		colour |= colour << bits;
	return colour;
}

static struct piece make_piece(const struct fb *fb, u32 cell)
{
	bool swap = cell & CELL_CURSOR;
	u64 fg = repeated(fb, fb->palette[swap ? CELL_BG(cell) : CELL_FG(cell)]);
	u64 bg = repeated(fb, fb->palette[swap ? CELL_FG(cell) : CELL_BG(cell)]);

	return (struct piece){.bits = font_glyph(fb->font, CELL_CHAR(cell)),
			      .bg = bg,
			      .differ = fg ^ bg,
			      .underline = cell & CELL_UNDERLINE ? 0xff : 0};
}

/* The bits that an underlined cell has more in this row. */
static u8 added_bits(const struct fb *fb, u32 y)
{
	return y == fb->font->height - 1 ? 0xff : 0;
}

/* The common case, 8 pixels of 32 bits: each two bits of the glyph make a 64-bit word. */
static void draw_direct(const struct fb *fb, volatile u8 *at, u32 n)
{
	static const u64 mask[4] = {0, 0xffffffffUL << 32, 0xffffffffUL, ~0UL};

	for (u32 y = 0; y < fb->font->height; y++, at += fb->pitch) {
		volatile struct some_pixels *d = (volatile struct some_pixels *)at;
		u8 added = added_bits(fb, y);

		for (const struct piece *p = pieces; p < pieces + n; p++, d += 4) {
			u64 bg = p->bg, differ = p->differ;
			u32 bits = p->bits[y] | (p->underline & added);

			d[0].v = bg ^ (differ & mask[bits >> 6]);
			d[1].v = bg ^ (differ & mask[bits >> 4 & 3]);
			d[2].v = bg ^ (differ & mask[bits >> 2 & 3]);
			d[3].v = bg ^ (differ & mask[bits & 3]);
		}
	}
}

/* Expand a row of `width` bits to pixels at d; returns their end. Each store writes eight bytes:
 * the next pixel overwrites the excess. */
static u8 *expand(const struct fb *fb, u8 *d, const struct piece *p, const u8 *bits, u8 added,
		  u32 width)
{
	u32 size = fb->scale * fb->pixel_size, step = 8 / fb->pixel_size * fb->pixel_size;
	u64 bg = p->bg, differ = p->differ;
	u32 left = 0;

	for (u32 x = 0; x < width; x++, d += size, left <<= 1) {
		u64 colour;

		if (x % 8 == 0)
			left = bits[x / 8] | added;
		colour = bg ^ (differ & -(u64)(left >> 7 & 1));
		for (u32 i = 0; i < size; i += step)
			((struct some_pixels *)(d + i))->v = colour;
	}
	return d;
}

/* Show the expanded row, up to `end`, on `scale` rows of the screen; returns where the next goes.
 */
static volatile u8 *show_line(const struct fb *fb, volatile u8 *at, const u8 *end)
{
	for (u32 s = 0; s < fb->scale; s++, at += fb->pitch)
		memcpy((u8 *)at, line, end - (u8 *)line);
	return at;
}

static void draw_upright(const struct fb *fb, volatile u8 *at, u32 n)
{
	const struct font *font = fb->font;

	for (u32 y = 0; y < font->height; y++) {
		u8 *d = (u8 *)line, added = added_bits(fb, y);

		for (const struct piece *p = pieces; p < pieces + n; p++)
			d = expand(fb, d, p, p->bits + y * font->row_size, p->underline & added,
				   font->width);
		at = show_line(fb, at, d);
	}
}

/* Turn a glyph's bits and draw them: as a glyph of height * width, or as one upside down. */
static void draw_turned(const struct fb *fb, volatile u8 *at, const struct piece *p)
{
	u8 bits[MAX_GLYPH][MAX_GLYPH / 8] = {0};
	u32 w = fb->font->width, h = fb->font->height;

	for (u32 y = 0; y < h; y++) {
		const u8 *row = p->bits + y * fb->font->row_size;
		u8 added = p->underline & added_bits(fb, y);

		for (u32 x = 0; x < w; x++) {
			u32 to_x = fb->turn == 1 ? h - 1 - y : fb->turn == 2 ? w - 1 - x : y;
			u32 to_y = fb->turn == 1 ? x : fb->turn == 2 ? h - 1 - y : w - 1 - x;

			if ((row[x / 8] | added) >> (7 - x % 8) & 1)
				bits[to_y][to_x / 8] |= 0x80 >> to_x % 8;
		}
	}
	for (u32 y = 0; y < (fb->turn == 2 ? h : w); y++)
		at = show_line(fb, at,
			       expand(fb, (u8 *)line, p, bits[y], 0, fb->turn == 2 ? w : h));
}

/* The upper left corner, as the panel has it, of a cell. */
static volatile u8 *cell_at(const struct fb *fb, u32 row, u32 col)
{
	u32 w = fb->font->width * fb->scale, h = fb->font->height * fb->scale;
	u32 x[] = {col * w, fb->width - (row + 1) * h, fb->width - (col + 1) * w, row * h};
	u32 y[] = {row * h, col * w, fb->height - (row + 1) * h, fb->height - (col + 1) * w};

	return fb->pixels + (size_t)y[fb->turn] * fb->pitch + (size_t)x[fb->turn] * fb->pixel_size;
}

void fb_draw(const struct fb *fb, u32 row, u32 col, const u32 *cells, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pieces[i] = make_piece(fb, cells[i]);
	if (fb->turn)
		for (u32 i = 0; i < n; i++)
			draw_turned(fb, cell_at(fb, row, col + i), &pieces[i]);
	else if (fb->font->width == 8 && fb->pixel_size == 4 && fb->scale == 1)
		draw_direct(fb, cell_at(fb, row, col), n);
	else
		draw_upright(fb, cell_at(fb, row, col), n);
}
