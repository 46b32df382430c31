/* Text on a linear framebuffer, scaled and turned. Pure (tests/unit/fb_draw_test.c). The caller has
 * the console's lock. */
#pragma once

#include "arch/x86_64/dev/console/font.h"
#include "boot/boot_info.h"

#define FB_MAX_SCALE 16
#define FB_MAX_WIDTH 16384 /* pixels; also of the height */

struct fb {
	volatile u8 *pixels;
	u32 width, height; /* of the panel, in pixels */
	u32 pitch;         /* bytes from one row of pixels to the next */
	u32 pixel_size;    /* bytes */
	u32 scale;         /* a pixel of the font is a square of scale * scale */
	u32 turn;          /* quarter turns of the text, clockwise */
	u32 rows, cols;    /* characters */
	const struct font *font;
	u32 palette[16]; /* the colours of cells (vt.h), as the framebuffer wants them */
};

/* Red, green and blue of the 16 colours. */
extern const u8 fb_colours[16][3];

/* Take over what the loader says; the pixels and the layout are set by others. False: such a
 * framebuffer is not used, or the numbers contradict each other. */
bool fb_describe(struct fb *fb, const struct boot_framebuffer *boot, const struct font *font);
/* Choose rows and columns for this scale, or for scale 0 also the scale. False: there is no room
 * for a usable number of characters, and nothing has changed. */
bool fb_layout(struct fb *fb, u32 scale, u32 turn);
/* Make all pixels that are seen black. */
void fb_clear(const struct fb *fb);
void fb_draw(const struct fb *fb, u32 row, u32 col, const u32 *cells, u32 n);
