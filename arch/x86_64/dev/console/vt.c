/*
 * The terminal's grid of cells. vt_parse.c takes bytes apart and calls the functions here.
 *
 * Newline also returns to the first column, unless vt->newlines is off: kernel messages end in a
 * bare \n, while the tty adds \r to programs' output.
 */
#include "arch/x86_64/dev/console/vt_ops.h"

#include "kernel/lib/string.h"

static void mark_dirty(struct vt *vt, u32 from, u32 to)
{
	vt->dirty_from = MIN(vt->dirty_from, from);
	vt->dirty_to = MAX(vt->dirty_to, to);
}

/* Erased cells take the current background, as on a colour terminal. */
static u32 blank(const struct vt *vt)
{
	return CELL(' ', VT_DEFAULT_FG, vt->cur.bg);
}

void vt_erase(struct vt *vt, u32 row, u32 from, u32 to)
{
	u32 *cells = vt_row(vt, row), v = blank(vt);

	for (u32 i = from; i < to && i < vt->cols; i++)
		cells[i] = v;
	mark_dirty(vt, row, row + 1);
}

void vt_erase_rows(struct vt *vt, u32 from, u32 to)
{
	for (u32 r = from; r < to; r++)
		vt_erase(vt, r, 0, vt->cols);
}

/* Rows [top, bottom) move up by n; n empty ones come in below. */
void vt_scroll_up(struct vt *vt, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	for (u32 k = 0; k < n; k++) {
		u16 first = vt->line[top];

		memmove(&vt->line[top], &vt->line[top + 1],
			(bottom - top - 1) * sizeof(vt->line[0]));
		vt->line[bottom - 1] = first;
	}
	vt_erase_rows(vt, bottom - n, bottom);
	mark_dirty(vt, top, bottom);
}

void vt_scroll_down(struct vt *vt, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	for (u32 k = 0; k < n; k++) {
		u16 last = vt->line[bottom - 1];

		memmove(&vt->line[top + 1], &vt->line[top],
			(bottom - top - 1) * sizeof(vt->line[0]));
		vt->line[top] = last;
	}
	vt_erase_rows(vt, top, top + n);
	mark_dirty(vt, top, bottom);
}

/* Insert n blanks or delete n characters at the cursor; the rest of the line moves. */
void vt_shift_chars(struct vt *vt, u32 n, bool insert)
{
	u32 *cells = vt_row(vt, vt->cur.row), col = vt->cur.col;

	n = MIN(n, vt->cols - col);
	if (insert) {
		memmove(cells + col + n, cells + col, (vt->cols - col - n) * sizeof(*cells));
		vt_erase(vt, vt->cur.row, col, col + n);
	} else {
		memmove(cells + col, cells + col + n, (vt->cols - col - n) * sizeof(*cells));
		vt_erase(vt, vt->cur.row, vt->cols - n, vt->cols);
	}
	vt->cur.wrap = false;
}

void vt_move(struct vt *vt, s64 row, s64 col)
{
	vt->cur.row = row < 0 ? 0 : MIN((u32)MIN(row, (s64)VT_MAX_ROWS), vt->rows - 1);
	vt->cur.col = col < 0 ? 0 : MIN((u32)MIN(col, (s64)VT_MAX_COLS), vt->cols - 1);
	vt->cur.wrap = false;
}

/* A move that starts inside the scroll region stops at its edge. */
void vt_move_vertical(struct vt *vt, s64 n)
{
	s64 row = vt->cur.row + n;

	if (n < 0 && vt->cur.row >= vt->top)
		row = MAX(row, (s64)vt->top);
	if (n > 0 && vt->cur.row < vt->bottom)
		row = MIN(row, (s64)vt->bottom - 1);
	vt_move(vt, row, vt->cur.col);
}

/* One line down, scrolling at the end of the region. */
void vt_index(struct vt *vt)
{
	if (vt->cur.row == vt->bottom - 1)
		vt_scroll_up(vt, vt->top, vt->bottom, 1);
	else if (vt->cur.row < vt->rows - 1)
		vt->cur.row++;
	vt->cur.wrap = false;
}

void vt_reverse_index(struct vt *vt)
{
	if (vt->cur.row == vt->top)
		vt_scroll_down(vt, vt->top, vt->bottom, 1);
	else if (vt->cur.row > 0)
		vt->cur.row--;
	vt->cur.wrap = false;
}

/* Combining marks and invisible characters: they take no cell and are not drawn. */
static bool zero_width(u32 ch)
{
	return (ch >= 0x300 && ch <= 0x36f) || (ch >= 0x200b && ch <= 0x200f) ||
	       (ch >= 0xfe00 && ch <= 0xfe0f) || ch == 0xfeff;
}

/* East Asian ideographs and syllables, and emoji, take two cells: UAX 11. */
static bool double_width(u32 ch)
{
	static const struct {
		u32 first, last;
	} wide[] = {
		{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
		{0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
		{0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
		{0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wide) && ch >= wide[i].first; i++)
		if (ch <= wide[i].last)
			return true;
	return false;
}

static void put_cell(struct vt *vt, u32 ch)
{
	struct vt_cursor *c = &vt->cur;
	u8 fg = c->bold && c->fg < 8 ? c->fg + 8 : c->fg;

	vt_row(vt, c->row)[c->col] = (c->reverse ? CELL(ch, c->bg, fg) : CELL(ch, fg, c->bg)) |
				     (c->underline ? CELL_UNDERLINE : 0);
	mark_dirty(vt, c->row, c->row + 1);
	if (c->col == vt->cols - 1)
		c->wrap = true;
	else
		c->col++;
}

void vt_put(struct vt *vt, u32 ch)
{
	struct vt_cursor *c = &vt->cur;
	bool wide = double_width(ch) && vt->cols > 1;

	if (zero_width(ch))
		return;
	/* a wide one is not cut in two by the end of the line */
	if (vt->autowrap && (c->wrap || (wide && c->col == vt->cols - 1))) {
		c->col = 0;
		vt_index(vt);
	}
	put_cell(vt, ch);
	if (wide && !c->wrap)
		put_cell(vt, ' ');
	vt->last_char = ch;
}

/* Modes 47, 1047 and 1049: full-screen programs draw on a screen of their own. */
void vt_show_alternate(struct vt *vt, bool alternate)
{
	u32 *cells = vt->cells;

	if (vt->alternate == alternate)
		return;
	vt->alternate = alternate;
	vt->cells = vt->other_cells;
	vt->other_cells = cells;
	for (u32 i = 0; i < vt->rows; i++) {
		u16 line = vt->line[i];

		vt->line[i] = vt->other_line[i];
		vt->other_line[i] = line;
	}
	mark_dirty(vt, 0, vt->rows);
}

void vt_control(struct vt *vt, u8 c)
{
	switch (c) {
	case '\b':
		return vt_move(vt, vt->cur.row, (s64)vt->cur.col - 1);
	case '\t':
		return vt_move(vt, vt->cur.row, (vt->cur.col | 7) + 1);
	case '\n':
	case '\v':
	case '\f':
		if (vt->newlines)
			vt->cur.col = 0;
		return vt_index(vt);
	case '\r':
		return vt_move(vt, vt->cur.row, 0);
	}
}

void vt_reset_attributes(struct vt *vt)
{
	vt->cur.fg = VT_DEFAULT_FG;
	vt->cur.bg = VT_DEFAULT_BG;
	vt->cur.bold = vt->cur.reverse = vt->cur.underline = false;
}

/* As after power-on, with an empty screen. */
void vt_reset(struct vt *vt)
{
	vt_show_alternate(vt, false);
	vt->cur = (struct vt_cursor){0};
	vt_reset_attributes(vt);
	vt->saved = vt->main_cursor = vt->cur;
	vt->top = 0;
	vt->bottom = vt->rows;
	vt->cursor_visible = vt->autowrap = true;
	vt_erase_rows(vt, 0, vt->rows);
}

void vt_init(struct vt *vt, u32 rows, u32 cols, u32 *cells)
{
	memset(vt, 0, sizeof(*vt));
	vt->rows = MIN(rows, VT_MAX_ROWS);
	vt->cols = MIN(cols, VT_MAX_COLS);
	vt->cells = cells;
	vt->other_cells = cells + (size_t)vt->rows * vt->cols;
	vt->newlines = true;
	for (u32 i = 0; i < vt->rows; i++)
		vt->line[i] = vt->other_line[i] = (u16)i;
	for (u32 i = 0; i < vt->rows * vt->cols; i++)
		vt->other_cells[i] = VT_BLANK;
	vt_reset(vt);
}
