/* Finds UTF-8 and control sequences in a stream of bytes. Unknown sequences are skipped whole, so
 * that they never appear as text; CAN, SUB or ESC ends a broken one. */
#include "arch/x86_64/dev/console/vt_ops.h"

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

enum {
	GROUND,
	ESCAPE,
	ESCAPE_SKIP,
	CSI,
	STRING,
	STRING_ESCAPE
};

#define REPLACEMENT 0xfffd
#define PARAM_MAX   9999

/* The n-th parameter, with 0 and absent meaning `def`. */
static u32 param(const struct vt *vt, u32 n, u32 def)
{
	return n < vt->nr_params && vt->params[n] != 0 ? vt->params[n] : def;
}

/* ---- SGR: colours ---- */

/* Find the colour of the 16 that is nearest to one of xterm's 256, by its strong channels. */
static u8 colour_of_256(u32 n)
{
	u32 r, g, b, max;

	if (n < 16)
		return n;
	if (n >= 232)
		return n < 238 ? 0 : n < 244 ? 8 : n < 250 ? 7 : 15;
	r = (n - 16) / 36 % 6;
	g = (n - 16) / 6 % 6;
	b = (n - 16) % 6;
	max = MAX(r, MAX(g, b));
	if (max == 0)
		return 0;
	return (2 * r > max ? 1 : 0) | (2 * g > max ? 2 : 0) | (2 * b > max ? 4 : 0) |
	       (max > 3 ? 8 : 0);
}

static u8 colour_of_rgb(u32 r, u32 g, u32 b)
{
	return colour_of_256(16 + MIN(r, 255u) / 43 * 36 + MIN(g, 255u) / 43 * 6 +
			     MIN(b, 255u) / 43);
}

/* 38;5;N and 38;2;R;G;B starting at params[i]. Returns the index of the last parameter used. */
static u32 extended_colour(struct vt *vt, u32 i, u8 *colour)
{
	if (i + 2 < vt->nr_params && vt->params[i + 1] == 5) {
		*colour = colour_of_256(MIN(vt->params[i + 2], 255u));
		return i + 2;
	}
	if (i + 4 < vt->nr_params && vt->params[i + 1] == 2) {
		*colour = colour_of_rgb(vt->params[i + 2], vt->params[i + 3], vt->params[i + 4]);
		return i + 4;
	}
	return vt->nr_params; /* malformed: what follows cannot be told apart */
}

static void sgr_one(struct vt *vt, u32 n)
{
	struct vt_cursor *c = &vt->cur;

	if (n == 0)
		vt_reset_attributes(vt);
	else if (n == 1 || n == 2 || n == 22)
		c->bold = n == 1;
	else if (n == 4 || n == 24)
		c->underline = n == 4;
	else if (n == 7 || n == 27)
		c->reverse = n == 7;
	else if (n >= 30 && n <= 39 && n != 38)
		c->fg = n == 39 ? VT_DEFAULT_FG : n - 30;
	else if (n >= 40 && n <= 49 && n != 48)
		c->bg = n == 49 ? VT_DEFAULT_BG : n - 40;
	else if (n >= 90 && n <= 97)
		c->fg = n - 90 + 8;
	else if (n >= 100 && n <= 107)
		c->bg = n - 100 + 8;
}

static void sgr(struct vt *vt)
{
	for (u32 i = 0; i < vt->nr_params; i++) {
		if (vt->params[i] == 38)
			i = extended_colour(vt, i, &vt->cur.fg);
		else if (vt->params[i] == 48)
			i = extended_colour(vt, i, &vt->cur.bg);
		else
			sgr_one(vt, vt->params[i]);
	}
}

/* ---- the other control sequences ---- */

/* 0: from the cursor on, 1: up to the cursor, 2: all of it. */
static void erase_in_line(struct vt *vt, u32 part)
{
	if (part <= 2)
		vt_erase(vt, vt->cur.row, part == 0 ? vt->cur.col : 0,
			 part == 1 ? vt->cur.col + 1 : vt->cols);
}

static void erase_line(struct vt *vt)
{
	erase_in_line(vt, vt->params[0]);
	vt->cur.wrap = false;
}

static void erase_display(struct vt *vt)
{
	u32 part = vt->params[0]; /* 3 is as 2: there is no scrollback to erase */

	if (part <= 1)
		erase_in_line(vt, part);
	if (part <= 3)
		vt_erase_rows(vt, part == 0 ? vt->cur.row + 1 : 0,
			      part == 1 ? vt->cur.row : vt->rows);
}

/* Insert or delete lines: the region from the cursor down scrolls. No effect outside the region. */
static void shift_lines(struct vt *vt, u32 n, bool insert)
{
	if (vt->cur.row < vt->top || vt->cur.row >= vt->bottom)
		return;
	if (insert)
		vt_scroll_down(vt, vt->cur.row, vt->bottom, n);
	else
		vt_scroll_up(vt, vt->cur.row, vt->bottom, n);
	vt_move(vt, vt->cur.row, 0);
}

static void set_region(struct vt *vt)
{
	u32 top = param(vt, 0, 1) - 1, bottom = MIN(param(vt, 1, vt->rows), vt->rows);

	if (top + 1 >= bottom)
		return;
	vt->top = top;
	vt->bottom = bottom;
	vt_move(vt, 0, 0);
}

/* Mode 1049 also saves the cursor, and begins with an empty screen. */
static void alternate_screen(struct vt *vt, u32 mode, bool on)
{
	if (vt->alternate == on)
		return;
	if (mode == 1049 && on)
		vt->main_cursor = vt->cur;
	if (mode == 1047 && !on)
		vt_erase_rows(vt, 0, vt->rows);
	vt_show_alternate(vt, on);
	if (mode == 1049 && on)
		vt_erase_rows(vt, 0, vt->rows);
	if (mode == 1049 && !on)
		vt->cur = vt->main_cursor;
}

static void answer_text(struct vt *vt, const char *s)
{
	u32 n = (u32)strlen(s);

	if (vt->answer_len + n > sizeof(vt->answer))
		return;
	memcpy(vt->answer + vt->answer_len, s, n);
	vt->answer_len += n;
}

/* DSR: 5 asks whether the terminal works, 6 where the cursor is. */
static void report(struct vt *vt)
{
	char text[24] = "\033[0n";

	if (vt->params[0] == 6)
		snprintf(text, sizeof(text), "\033[%u;%uR", vt->cur.row + 1, vt->cur.col + 1);
	if (vt->params[0] == 5 || vt->params[0] == 6)
		answer_text(vt, text);
}

static void set_mode(struct vt *vt, bool on)
{
	for (u32 i = 0; vt->marker == '?' && i < vt->nr_params; i++) {
		if (vt->params[i] == 7)
			vt->autowrap = on;
		if (vt->params[i] == 25)
			vt->cursor_visible = on;
		if (vt->params[i] == 47 || vt->params[i] == 1047 || vt->params[i] == 1049)
			alternate_screen(vt, vt->params[i], on);
	}
}

static void repeat(struct vt *vt, u32 n)
{
	for (n = MIN(n, vt->rows * vt->cols); n > 0 && vt->last_char; n--)
		vt_put(vt, vt->last_char);
}

/* Sequences that move the cursor by the first parameter. */
static const struct move {
	s8 down, right;
	bool to_first; /* and to the first column */
} moves[128] = {
	['A'] = {.down = -1},
	['B'] = {.down = 1},
	['C'] = {.right = 1},
	['D'] = {.right = -1},
	['E'] = {.down = 1, .to_first = true},
	['F'] = {.down = -1, .to_first = true},
	['a'] = {.right = 1},
	['e'] = {.down = 1},
};

static bool csi_move(struct vt *vt, const struct move *m, s64 n)
{
	if (m->down)
		vt_move_vertical(vt, m->down * n);
	if (m->right || m->to_first)
		vt_move(vt, vt->cur.row, m->to_first ? 0 : vt->cur.col + m->right * n);
	return m->down || m->right;
}

static void csi_plain(struct vt *vt, u8 final)
{
	u32 n = param(vt, 0, 1);

	if (csi_move(vt, &moves[final], n))
		return;
	switch (final) {
	case '@':
		return vt_shift_chars(vt, n, true);
	case 'G':
	case '`':
		return vt_move(vt, vt->cur.row, (s64)n - 1);
	case 'H':
	case 'f':
		return vt_move(vt, (s64)n - 1, (s64)param(vt, 1, 1) - 1);
	case 'J':
		return erase_display(vt);
	case 'K':
		return erase_line(vt);
	case 'L':
		return shift_lines(vt, n, true);
	case 'M':
		return shift_lines(vt, n, false);
	case 'P':
		return vt_shift_chars(vt, n, false);
	case 'S':
		return vt_scroll_up(vt, vt->top, vt->bottom, n);
	case 'T':
		return vt_scroll_down(vt, vt->top, vt->bottom, n);
	case 'X':
		return vt_erase(vt, vt->cur.row, vt->cur.col, vt->cur.col + n);
	case 'b':
		return repeat(vt, n);
	case 'c': /* DA: a VT102, as the Linux console says of itself */
		return vt->params[0] == 0 ? answer_text(vt, "\033[?6c") : (void)0;
	case 'd':
		return vt_move(vt, (s64)n - 1, vt->cur.col);
	case 'm':
		return sgr(vt);
	case 'n':
		return report(vt);
	case 'r':
		return set_region(vt);
	case 's':
		vt->saved = vt->cur;
		return;
	case 'u':
		vt->cur = vt->saved;
		return;
	}
}

/* ---- the parser ---- */

static void csi_start(struct vt *vt)
{
	vt->state = CSI;
	vt->marker = 0;
	vt->nr_params = 1;
	vt->params[0] = 0;
}

/* Parameters are digits and semicolons (or colons); bytes 0x3c-0x3f mark private sequences. */
static void csi_byte(struct vt *vt, u8 c)
{
	u32 *p = &vt->params[vt->nr_params - 1];

	if (c >= '0' && c <= '9') {
		*p = MIN(*p * 10 + (c - '0'), (u32)PARAM_MAX);
	} else if (c == ';' || c == ':') {
		if (vt->nr_params == VT_MAX_PARAMS)
			vt->nr_params--; /* too many: the last ones are lost */
		vt->params[vt->nr_params++] = 0;
	} else if (c < 0x40) {
		vt->marker = c; /* or an intermediate byte: none that we know */
	} else if (c >= 0x40 && c <= 0x7e) {
		vt->state = GROUND;
		if (c == 'h' || c == 'l')
			set_mode(vt, c == 'h');
		else if (!vt->marker)
			csi_plain(vt, c);
	}
}

static void escape_byte(struct vt *vt, u8 c)
{
	vt->state = GROUND;
	switch (c) {
	case '[':
		return csi_start(vt);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		vt->state = STRING;
		break;
	case '7':
		vt->saved = vt->cur;
		break;
	case '8':
		vt->cur = vt->saved;
		break;
	case 'D':
		return vt_index(vt);
	case 'E':
		vt_control(vt, '\r');
		return vt_index(vt);
	case 'M':
		return vt_reverse_index(vt);
	case 'c':
		return vt_reset(vt);
	case 0x20 ... 0x2f: /* character sets and such: one more byte follows */
		vt->state = ESCAPE_SKIP;
		break;
	}
}

/* Take a byte of a multi-byte character. False if none is open, or if this byte breaks it off. */
static bool utf8_byte(struct vt *vt, u8 c)
{
	if (vt->utf8_left == 0)
		return false;
	if ((c & 0xc0) != 0x80) {
		vt->utf8_left = 0;
		vt_put(vt, REPLACEMENT);
		return false;
	}
	vt->utf8_char = vt->utf8_char << 6 | (c & 0x3f);
	if (--vt->utf8_left == 0) {
		u32 ch = vt->utf8_char;
		bool bad = ch < vt->utf8_min || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000);

		vt_put(vt, bad ? REPLACEMENT : ch);
	}
	return true;
}

static void utf8_start(struct vt *vt, u8 c)
{
	static const struct {
		u8 from, to, bits;
		u32 min;
	} leads[] = {
		{0xc2, 0xdf, 0x1f, 0x80}, {0xe0, 0xef, 0x0f, 0x800}, {0xf0, 0xf4, 0x07, 0x10000}};

	for (u32 i = 0; i < ARRAY_SIZE(leads); i++)
		if (c >= leads[i].from && c <= leads[i].to) {
			vt->utf8_left = i + 1;
			vt->utf8_char = c & leads[i].bits;
			vt->utf8_min = leads[i].min;
			return;
		}
	vt_put(vt, REPLACEMENT);
}

static void ground_byte(struct vt *vt, u8 c)
{
	if (utf8_byte(vt, c) || c == 0x7f)
		return;
	if (c < 0x20)
		vt_control(vt, c);
	else if (c < 0x80)
		vt_put(vt, c);
	else
		utf8_start(vt, c);
}

/* Controls work inside sequences too, except in strings: only BEL, CAN, SUB or ESC ends those. */
static void vt_byte(struct vt *vt, u8 c)
{
	bool string = vt->state == STRING || vt->state == STRING_ESCAPE;

	if (c == 0x1b) {
		utf8_byte(vt, c); /* it breaks off a character that is open */
		vt->state = string ? STRING_ESCAPE : ESCAPE;
		return;
	}
	if (c == 0x18 || c == 0x1a || (string && c == 0x07)) {
		vt->state = GROUND;
		return;
	}
	if (c < 0x20 && vt->state != GROUND && !string)
		return vt_control(vt, c);
	switch (vt->state) {
	case GROUND:
		return ground_byte(vt, c);
	case STRING:
		return;
	case ESCAPE:
	case STRING_ESCAPE: /* ESC \ only ends the string; another sequence is also executed */
		return escape_byte(vt, c);
	case ESCAPE_SKIP:
		vt->state = GROUND;
		return;
	case CSI:
		return csi_byte(vt, c);
	}
}

void vt_write(struct vt *vt, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vt_byte(vt, s[i]);
}
