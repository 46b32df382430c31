/* The screen as the console sees it. Text goes into the terminal's cells at once. The cells are
 * drawn later: every 8 ms while programs run, and before the CPU idles. Only cells that differ from
 * what the device, which is never read, shows: a hundred scrolled lines cost one redraw. */
#include "arch/x86_64/dev/console/screen.h"

#include "arch/x86_64/dev/console/vt.h"
#include "kernel/lib/string.h"

static const struct screen_ops *ops;
static struct vt vt;
static u32 cells[2 * VT_MAX_ROWS * VT_MAX_COLS]; /* as the terminal wants them, two screens */
static u32 shown[VT_MAX_ROWS * VT_MAX_COLS];     /* as the device shows them */
static u32 cursor_shown; /* row, column and visibility of the cursor on the device */

void screen_begin(const struct screen_ops *device)
{
	ops = device;
	if (!ops)
		return;
	vt_init(&vt, ops->rows, ops->cols, cells);
	for (u32 i = 0; i < vt.rows * vt.cols; i++)
		shown[i] = VT_BLANK;
	vt_clean(&vt);
	cursor_shown = 0;
}

void screen_init(const struct boot_framebuffer *fb)
{
	screen_begin(fb->text ? vga_init(fb) : framebuffer_init(fb));
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

size_t screen_take_answer(char *buf, size_t n)
{
	n = MIN(n, (size_t)vt.answer_len);
	memcpy(buf, vt.answer, n);
	vt.answer_len = 0;
	return n;
}

/* Draw the cells of a row that differ; returns their number. */
static u32 refresh_row(u32 row)
{
	u32 line[VT_MAX_COLS], *old = shown + row * vt.cols;
	u32 from = 0, to, drawn = 0;

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
		drawn += to - from;
		from = to;
	}
	return drawn;
}

static void refresh_cursor(void)
{
	u32 now = vt.cur.row << 16 | vt.cur.col << 1 | vt.cursor_visible;

	if (now == cursor_shown)
		return;
	refresh_row(cursor_shown >> 16);
	refresh_row(vt.cur.row);
	cursor_shown = now;
}

bool screen_refresh(bool all)
{
	u32 drawn = 0;

	if (!ops)
		return false;
	while (vt.dirty_from < vt.dirty_to && (all || drawn < ops->slice))
		drawn += refresh_row(vt.dirty_from++);
	if (vt.dirty_from < vt.dirty_to)
		return true;
	vt_clean(&vt);
	refresh_cursor();
	return false;
}
