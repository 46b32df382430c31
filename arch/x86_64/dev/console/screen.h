/* The screen: a terminal (vt.c) on a framebuffer or VGA text. The caller has the console's lock. */
#pragma once

#include "boot/boot_info.h"
#include "kernel/lib/types.h"

/* Convert a colour from ANSI's order (red 1, blue 4) to VGA's (blue 1, red 4), or back. */
static inline u8 vga_colour(u8 c)
{
	return (c & 0xa) | (c & 1) << 2 | (c & 4) >> 2;
}

/* A device that shows cells (vt.h). */
struct screen_ops {
	const char *name;
	u32 rows, cols;
	u32 slice; /* cells that are drawn with interrupts off, in a fraction of a millisecond */
	void (*draw)(u32 row, u32 col, const u32 *cells, u32 n);
};

/* Clear the screen and return its operations; NULL if the loader did not set up such a screen. */
const struct screen_ops *framebuffer_init(const struct boot_framebuffer *fb);
const struct screen_ops *vga_init(const struct boot_framebuffer *fb);

void screen_init(const struct boot_framebuffer *fb);
/* Start anew, with an empty terminal, on a cleared device; NULL: there is none. */
void screen_begin(const struct screen_ops *device);
const struct screen_ops *screen_device(void); /* NULL: there is no screen */
/* Write to the terminal; the next refresh draws it. newlines: \n also goes to the first column. */
void screen_write(const char *s, size_t n, bool newlines);
/* Move the terminal's answer to a query (where is the cursor?) into buf; returns its length. */
size_t screen_take_answer(char *buf, size_t n);
/* Draw changed cells: all, or whole rows until it is a slice or more. True: some are left. */
bool screen_refresh(bool all);
