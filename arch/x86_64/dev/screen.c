/*
 * The screen as the console sees it: text goes into the terminal's cells at once, and cells to the
 * device later, when there is time (each 16 ms while programs run, and before the CPU idles). Only
 * cells that differ from what the device shows are drawn, so that a hundred lines that scroll by
 * cost one redraw. The device is never read.
 */
#include "arch/x86_64/dev/screen.h"

#include "arch/x86_64/dev/vt.h"
#include "kernel/lib/string.h"

static const struct screen_ops *ops;
static struct vt vt;
static u32 cells[VT_MAX_ROWS * VT_MAX_COLS]; /* as the terminal wants them */
static u32 shown[VT_MAX_ROWS * VT_MAX_COLS]; /* as the device shows them */
static u32 cursor_row;                       /* where it is drawn */

void screen_init(const struct boot_framebuffer *fb)
{
	ops = fb->text ? vga_init(fb) : framebuffer_init(fb);
	if (!ops)
		return;
	vt_init(&vt, ops->rows, ops->cols, cells);
	for (u32 i = 0; i < vt.rows * vt.cols; i++)
		shown[i] = VT_BLANK;
	vt_clean(&vt);
}

const struct screen_ops *screen_device(void)
{
	return ops;
}

void screen_write(const char *s, size_t n, bool newlines)
{
	if (!ops)
		return;
	vt.newlines = newlines;
	vt_write(&vt, s, n);
}

static void refresh_row(u32 row)
{
	u32 line[VT_MAX_COLS], *old = shown + row * vt.cols;
	u32 from = 0, to;

	memcpy(line, vt_row(&vt, row), vt.cols * sizeof(line[0]));
	if (vt.cursor_visible && row == vt.cur.row)
		line[vt.cur.col] |= CELL_CURSOR;
	while (from < vt.cols) {
		if (line[from] == old[from]) {
			from++;
			continue;
		}
		for (to = from; to < vt.cols && line[to] != old[to]; to++)
			old[to] = line[to];
		ops->draw(row, from, line + from, to - from);
		from = to;
	}
}

void screen_refresh(void)
{
	if (!ops)
		return;
	for (u32 row = 0; row < vt.rows; row++)
		if ((row >= vt.dirty_from && row < vt.dirty_to) || row == cursor_row ||
		    row == vt.cur.row)
			refresh_row(row);
	cursor_row = vt.cur.row;
	vt_clean(&vt);
}
