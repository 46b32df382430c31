/* The screen: a terminal (vt.c) on a linear framebuffer or on VGA text cells. Called with the
 * console's lock held. */
#pragma once

#include "boot/boot_info.h"
#include "kernel/lib/types.h"

/* A colour's number in VGA's order, which counts blue as 1 and red as 4, ANSI the other way round.
 */
static inline u8 vga_colour(u8 c)
{
	return (c & 0xa) | (c & 1) << 2 | (c & 4) >> 2;
}

/* A device that shows cells (vt.h). */
struct screen_ops {
	const char *name;
	u32 rows, cols;
	void (*draw)(u32 row, u32 col, const u32 *cells, u32 n);
};

/* Each returns its operations, or NULL when the loader did not set up such a screen. The screen is
 * empty then. */
const struct screen_ops *framebuffer_init(const struct boot_framebuffer *fb);
const struct screen_ops *vga_init(const struct boot_framebuffer *fb);

void screen_init(const struct boot_framebuffer *fb);
/* NULL: there is no screen. */
const struct screen_ops *screen_device(void);
/* Into the terminal; drawn by the next refresh. newlines: \n also goes to the first column. */
void screen_write(const char *s, size_t n, bool newlines);
/* What the terminal was asked for and is to send: bytes put into buf. The console's lock is held.
 */
size_t screen_take_answer(char *buf, size_t n);
/* Draw what changed, but not many more cells than that. True when there is more to do. */
bool screen_refresh(u32 cells_at_once);
