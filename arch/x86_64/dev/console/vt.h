/* A terminal: bytes in, a grid of cells out. The subset of ECMA-48 and the VT100 that shells, ls,
 * vi and top use. Pure: draws nothing, allocates nothing (tests/unit/vt_test.c). */
#pragma once

#include "kernel/lib/types.h"

#define VT_MAX_ROWS   96U
#define VT_MAX_COLS   256U
#define VT_MAX_PARAMS 16

/* A cell: code point in bits 0-20, foreground 21-24, background 25-28, flags above. ANSI's colours:
 * 0 black, 1 red, 2 green, 3 yellow, 4 blue, 5 magenta, 6 cyan, 7 white, +8 bright. */
#define CELL_CHAR(c)     ((c)&0x1fffff)
#define CELL_FG(c)       ((c) >> 21 & 15)
#define CELL_BG(c)       ((c) >> 25 & 15)
#define CELL_UNDERLINE   (1u << 29)
#define CELL_CURSOR      (1u << 30) /* set when the cell is drawn */
#define CELL(ch, fg, bg) ((u32)(ch) | (u32)(fg) << 21 | (u32)(bg) << 25)

#define VT_DEFAULT_FG 7
#define VT_DEFAULT_BG 0
#define VT_BLANK      CELL(' ', VT_DEFAULT_FG, VT_DEFAULT_BG)

struct vt_cursor {
	u32 row, col;
	bool wrap; /* the last column is written: the next character goes to the next line */
	u8 fg, bg;
	bool bold, reverse, underline;
};

struct vt {
	u32 rows, cols;
	u32 *cells;            /* rows * cols, in the order of line[] */
	u16 line[VT_MAX_ROWS]; /* row on the screen -> row in cells[]: scrolling moves no cells */
	u32 *other_cells;      /* the hidden screen: the main or the alternate one */
	u16 other_line[VT_MAX_ROWS];
	bool alternate;
	struct vt_cursor cur, saved;
	struct vt_cursor main_cursor; /* while the alternate screen is there: mode 1049 */
	u32 top, bottom;              /* scroll region: rows top … bottom - 1 */
	bool cursor_visible, autowrap;
	bool newlines;            /* \n also returns to the first column; on after vt_init() */
	u32 dirty_from, dirty_to; /* rows changed since vt_clean(): [from, to) */

	/* the parser */
	u8 state;
	u8 utf8_left; /* continuation bytes still to come */
	u32 utf8_char, utf8_min;
	char marker; /* '?' and such after CSI */
	u32 nr_params;
	u32 params[VT_MAX_PARAMS];
	u32 last_char; /* for REP */

	/* The answer to a query, to be sent as if it were typed. The sender sets the length to 0.
	 * What does not fit is lost. */
	char answer[32];
	u32 answer_len;
};

/* `cells` has room for two screens: 2 * rows * cols. */
void vt_init(struct vt *vt, u32 rows, u32 cols, u32 *cells);
void vt_write(struct vt *vt, const char *s, size_t n);
/* The cells of one row on the screen. */
static inline u32 *vt_row(const struct vt *vt, u32 row)
{
	return vt->cells + (size_t)vt->line[row] * vt->cols;
}
/* All changes were drawn. */
static inline void vt_clean(struct vt *vt)
{
	vt->dirty_from = vt->rows;
	vt->dirty_to = 0;
}
