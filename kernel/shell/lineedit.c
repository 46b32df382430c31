/* The line editor: a buffer, a cursor, and the usual keys. It draws with printable characters, \b,
 * \n and, for ^L, the sequence that clears a screen: all terminals agree on those. A character is a
 * UTF-8 sequence of one column. */
#include "kernel/shell/lineedit.h"

#include "kernel/lib/string.h"

#define CTRL(c) ((c)&0x1f)
#define ESC     0x1b

/* ---- characters and columns ---- */

static bool is_tail_byte(char c)
{
	return ((u8)c & 0xc0) == 0x80;
}

static size_t prev_char(const struct lineedit *e, size_t pos)
{
	if (pos > 0)
		pos--;
	while (pos > 0 && is_tail_byte(e->buf[pos]))
		pos--;
	return pos;
}

static size_t next_char(const struct lineedit *e, size_t pos)
{
	if (pos < e->len)
		pos++;
	while (pos < e->len && is_tail_byte(e->buf[pos]))
		pos++;
	return pos;
}

static size_t columns(const struct lineedit *e, size_t from, size_t to)
{
	size_t n = 0;

	for (; from < to; from++)
		n += !is_tail_byte(e->buf[from]);
	return n;
}

static void repeat(struct lineedit *e, const char *s, size_t n)
{
	while (n--)
		e->out(s, 1);
}

/* ---- moving and changing: each updates the screen ---- */

static void move_to(struct lineedit *e, size_t pos)
{
	if (pos < e->pos)
		repeat(e, "\b", columns(e, pos, e->pos));
	else
		e->out(e->buf + e->pos, pos - e->pos);
	e->pos = pos;
}

/* Remove [from, to), leaving the cursor at `from`. */
static void cut(struct lineedit *e, size_t from, size_t to)
{
	size_t gone = columns(e, from, to);

	if (from == to)
		return;
	move_to(e, from);
	memmove(e->buf + from, e->buf + to, e->len - to + 1);
	e->len -= to - from;
	e->out(e->buf + from, e->len - from);
	repeat(e, " ", gone);
	repeat(e, "\b", gone + columns(e, from, e->len));
}

static void insert(struct lineedit *e, const char *s, size_t n)
{
	if (e->len + n >= sizeof(e->buf))
		return;
	memmove(e->buf + e->pos + n, e->buf + e->pos, e->len - e->pos + 1);
	memcpy(e->buf + e->pos, s, n);
	e->len += n;
	e->out(e->buf + e->pos, e->len - e->pos);
	e->pos += n;
	repeat(e, "\b", columns(e, e->pos, e->len));
}

static void replace_line(struct lineedit *e, const char *text)
{
	cut(e, 0, e->len);
	insert(e, text, strlen(text));
}

static size_t word_start(const struct lineedit *e)
{
	size_t pos = e->pos;

	while (pos > 0 && e->buf[pos - 1] == ' ')
		pos--;
	while (pos > 0 && e->buf[pos - 1] != ' ')
		pos--;
	return pos;
}

void edit_remember(struct lineedit *e, const char *line)
{
	const char *last = e->history[(e->nr_history + HISTORY_LINES - 1) % HISTORY_LINES];

	if (*line == '\0' || (e->nr_history && strcmp(line, last) == 0))
		return;
	strlcpy(e->history[e->nr_history++ % HISTORY_LINES], line, SHELL_LINE_MAX);
}

/* step 1: an older line, -1: a newer one. Below the newest is the line being typed. */
static void browse(struct lineedit *e, int step)
{
	u32 there_are = MIN(e->nr_history, (u32)HISTORY_LINES);
	u32 to = e->browsing + (u32)step;

	if (to > there_are) /* 0 - 1 wraps */
		return;
	if (e->browsing == 0)
		strlcpy(e->draft, e->buf, sizeof(e->draft));
	e->browsing = to;
	replace_line(e, to ? e->history[(e->nr_history - to) % HISTORY_LINES] : e->draft);
}

/* ---- keys ---- */

void edit_redraw(struct lineedit *e)
{
	e->out(e->prompt, strlen(e->prompt));
	e->out(e->buf, e->len);
	repeat(e, "\b", columns(e, e->pos, e->len));
}

/* tools/bench counts the instructions of booting up to its first call. */
landmark void edit_begin(struct lineedit *e, const char *prompt)
{
	strlcpy(e->prompt, prompt, sizeof(e->prompt));
	e->buf[0] = '\0';
	e->len = e->pos = 0;
	e->escape = 0;
	e->browsing = 0;
	edit_redraw(e);
}

void edit_insert(struct lineedit *e, const char *text)
{
	insert(e, text, strlen(text));
}

static void cursor_key(struct lineedit *e, char c)
{
	switch (c) {
	case 'A':
		return browse(e, 1);
	case 'B':
		return browse(e, -1);
	case 'C':
		return move_to(e, next_char(e, e->pos));
	case 'D':
		return move_to(e, prev_char(e, e->pos));
	case 'H':
		return move_to(e, 0);
	case 'F':
		return move_to(e, e->len);
	}
}

/* ESC [ 3 ~ and the like. */
static void numbered_key(struct lineedit *e, char number)
{
	if (number == '1' || number == '7')
		move_to(e, 0);
	else if (number == '4' || number == '8')
		move_to(e, e->len);
	else if (number == '3')
		cut(e, e->pos, next_char(e, e->pos));
}

/* ESC, then [ or O, then numbers, then a letter. Unknown sequences are ignored. */
static void feed_escape(struct lineedit *e, char c)
{
	if (e->escape == 1) {
		e->escape = c == '[' || c == 'O' ? 2 : 0;
		e->escape_arg = '\0';
		return;
	}
	if ((c >= '0' && c <= '9') || c == ';') {
		if (e->escape_arg == '\0')
			e->escape_arg = c;
		return;
	}
	e->escape = 0;
	if (c == '~')
		numbered_key(e, e->escape_arg);
	else
		cursor_key(e, c);
}

static enum edit_result finish(struct lineedit *e)
{
	move_to(e, e->len);
	e->out("\n", 1);
	edit_remember(e, e->buf);
	return EDIT_DONE;
}

static enum edit_result cancel(struct lineedit *e)
{
	move_to(e, e->len);
	e->out("^C\n", 3);
	return EDIT_CANCEL;
}

static enum edit_result feed_control(struct lineedit *e, char c)
{
	/* control keys that do the same as a cursor key */
	static const char arrows[' '] = {[CTRL('A')] = 'H', [CTRL('B')] = 'D', [CTRL('E')] = 'F',
					 [CTRL('F')] = 'C', [CTRL('N')] = 'B', [CTRL('P')] = 'A'};

	if (c < ' ')
		cursor_key(e, arrows[(u8)c]);
	switch (c) {
	case '\t':
		return EDIT_TAB;
	case CTRL('C'):
		return cancel(e);
	case CTRL('D'):
		if (e->len == 0)
			return EDIT_EOF;
		cut(e, e->pos, next_char(e, e->pos));
		break;
	case CTRL('H'):
	case 0x7f:
		cut(e, prev_char(e, e->pos), e->pos);
		break;
	case CTRL('K'):
		cut(e, e->pos, e->len);
		break;
	case CTRL('U'):
		cut(e, 0, e->pos);
		break;
	case CTRL('W'):
		cut(e, word_start(e), e->pos);
		break;
	case CTRL('L'):
		e->out("\033[H\033[2J", 7);
		edit_redraw(e);
		break;
	case ESC:
		e->escape = 1;
		break;
	}
	return EDIT_MORE;
}

enum edit_result edit_feed(struct lineedit *e, char c)
{
	bool after_cr = e->after_cr;

	e->after_cr = false;
	if (e->escape && c != CTRL('C')) {
		feed_escape(e, c);
		return EDIT_MORE;
	}
	if (c == '\r' || c == '\n') {
		if (c == '\n' && after_cr)
			return EDIT_MORE;
		e->after_cr = c == '\r';
		return finish(e);
	}
	if ((u8)c < ' ' || c == 0x7f)
		return feed_control(e, c);
	insert(e, &c, 1);
	return EDIT_MORE;
}
