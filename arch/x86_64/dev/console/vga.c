/* VGA text mode: 16-bit cells at 0xb8000, code page 437. */
#include "arch/x86_64/dev/console/screen.h"
#include "arch/x86_64/dev/console/vt.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/mm/paging.h"

#define CRTC_INDEX   0x3d4
#define CRTC_DATA    0x3d5
#define CURSOR_START 0x0a
#define CURSOR_OFF   0x20

#define SLICE_CELLS 1024

static volatile u16 *text;
static u32 stride; /* cells */
static struct screen_ops ops;

/* The upper half of code page 437, by code point. */
static const u16 cp437[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
	0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2,
	0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1,
	0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd,
	0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
	0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534,
	0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560,
	0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393,
	0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6,
	0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0,
	0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static u8 to_cp437(u32 ch)
{
	if (ch < 0x80)
		return ch;
	for (u32 i = 0; i < ARRAY_SIZE(cp437); i++)
		if (cp437[i] == ch)
			return 0x80 + i;
	return '?';
}

static u16 vga_cell(u32 cell)
{
	u8 fg = vga_colour(CELL_FG(cell)), bg = vga_colour(CELL_BG(cell)) & 7;

	if (cell & CELL_CURSOR) {
		u8 t = fg & 7;

		fg = bg;
		bg = t;
	}
	return to_cp437(CELL_CHAR(cell)) | fg << 8 | bg << 12;
}

static void draw(u32 row, u32 col, const u32 *cells, u32 n)
{
	for (u32 i = 0; i < n; i++)
		text[row * stride + col + i] = vga_cell(cells[i]);
}

const struct screen_ops *vga_init(const struct boot_framebuffer *fb)
{
	u32 cols = MIN(fb->width, VT_MAX_COLS), rows = MIN(fb->height, VT_MAX_ROWS);

	if (!fb->present || cols == 0 || rows == 0)
		return NULL;
	stride = fb->pitch ? fb->pitch / 2 : fb->width;
	text = arch_map_device(fb->addr, (size_t)stride * fb->height * 2);
	if (!text)
		return NULL;
	outb(CRTC_INDEX, CURSOR_START); /* the terminal draws its own */
	outb(CRTC_DATA, CURSOR_OFF);
	for (u32 i = 0; i < stride * rows; i++)
		text[i] = vga_cell(VT_BLANK);
	ops = (struct screen_ops){
		.name = "VGA text", .rows = rows, .cols = cols, .slice = SLICE_CELLS, .draw = draw};
	return &ops;
}
