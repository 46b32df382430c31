/* A linear framebuffer as a screen: its memory, its palette, and the words of the command line that
 * scale and turn the text. fb_draw.c draws. */
#include "arch/x86_64/dev/console/fb_draw.h"
#include "arch/x86_64/dev/console/screen.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/tunable.h"

/* Ports of a VGA. */
#define ATTRIBUTES 0x3c0 /* index, then value; reading STATUS makes the next write an index */
#define STATUS     0x3da
#define PICTURE_ON 0x20 /* in the index */
#define DAC_MASK   0x3c6
#define DAC_WRITE  0x3c8 /* number of the entry that is written next */
#define DAC_DATA   0x3c9 /* red, green, blue, 6 bits each */

#define SLICE_BYTES (2U << 20) /* written in a fraction of a millisecond */
#define SLICE_CELLS 1024U

static struct fb fb;
static struct font font;
static struct screen_ops ops;
static long scale, rotate;

/* Load the 16 colours into a VGA's palette, in VGA's own order, so that a card whose palette has
 * other ports shows nearly the same. The picture is switched on too: GRUB does not do it where it
 * sets such a mode on a card without a BIOS. */
static void program_palette(void)
{
	inb(STATUS);
	outb(ATTRIBUTES, PICTURE_ON);
	outb(DAC_MASK, 0xff);
	outb(DAC_WRITE, 0);
	for (u32 i = 0; i < ARRAY_SIZE(fb.palette); i++) {
		const u8 *colour = fb_colours[vga_colour(i)];

		for (int c = 0; c < 3; c++)
			outb(DAC_DATA, colour[c] >> 2);
		fb.palette[i] = vga_colour(i);
	}
}

static void draw(u32 row, u32 col, const u32 *cells, u32 n)
{
	fb_draw(&fb, row, col, cells, n);
}

/* Clear the screen and describe it as it is laid out now. */
static void begin(void)
{
	u32 cell_bytes = font.width * font.height * fb.scale * fb.scale * fb.pixel_size;

	fb_clear(&fb);
	ops = (struct screen_ops){.name = "framebuffer",
				  .rows = fb.rows,
				  .cols = fb.cols,
				  .slice = MIN(SLICE_CELLS, SLICE_BYTES / cell_bytes),
				  .draw = draw};
}

const struct screen_ops *framebuffer_init(const struct boot_framebuffer *boot)
{
	if (!font_parse(&font, font_file, font_file_size) || !fb_describe(&fb, boot, &font) ||
	    !fb_layout(&fb, 0, 0))
		return NULL;
	fb.pixels = arch_map_physical(boot->addr, (size_t)fb.pitch * fb.height, MAP_WRITECOMBINE);
	if (!fb.pixels)
		return NULL;
	if (boot->indexed)
		program_palette();
	begin();
	return &ops;
}

/* The command line is read when the screen is there already: its first line of text is cleared. */
static void change_layout(void)
{
	bool fits;

	if (!fb.pixels) {
		pr_warn("screen.scale, screen.rotate: the screen is no framebuffer\n");
		return;
	}
	if (rotate % 90 != 0) {
		pr_warn("command line: screen.rotate: bad value '%ld' (0, 90, 180 or 270)\n",
			rotate);
		rotate = 0;
	}
	fits = fb_layout(&fb, (u32)scale, (u32)rotate / 90);
	if (!fits) {
		scale = rotate = 0;
		fb_layout(&fb, 0, 0);
	}
	begin();
	screen_begin(&ops);
	if (!fits)
		pr_warn("command line: screen.scale, screen.rotate: too few characters would fit\n");
}

TUNABLE_WHEN(screen_scale, "screen.scale", scale, 0, FB_MAX_SCALE, NULL,
	     "size of the font on a framebuffer; 0: by the screen's size", true, change_layout);
TUNABLE_WHEN(screen_rotate, "screen.rotate", rotate, 0, 270, NULL,
	     "degrees, clockwise, for a panel mounted sideways: 0, 90, 180, 270", true,
	     change_layout);
