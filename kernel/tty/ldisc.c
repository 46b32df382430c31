/* The line discipline: see ldisc.h. Typed bytes stand in a ring: [tail, canon_head) are complete
 * lines, [canon_head, head) is the line being edited. A VEOF is kept as a NUL byte marked as the
 * end of a line; a typed NUL never has that mark. */
#include "kernel/tty/ldisc.h"

#include "kernel/lib/atomic.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"

#ifdef HOST_TEST
#include <asm/signal.h>
#endif

#define MASK(pos) ((pos) & (LDISC_SIZE - 1))

static bool lflag(const struct ldisc *ld, tcflag_t bit)
{
	return ld->t.c_lflag & bit;
}

static bool iflag(const struct ldisc *ld, tcflag_t bit)
{
	return ld->t.c_iflag & bit;
}

/* A control character of 0 is off. */
static bool is_cc(const struct ldisc *ld, u8 c, int which)
{
	return ld->t.c_cc[which] && ld->t.c_cc[which] == c;
}

void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops, void *ctx)
{
	/* Linux's tty_std_termios, as `stty sane` sets it */
	static const u8 cc[] = {
		[VINTR] = 3,     [VQUIT] = 28,   [VERASE] = 127, [VKILL] = 21, [VEOF] = 4,
		[VMIN] = 1,      [VSTART] = 17,  [VSTOP] = 19,   [VSUSP] = 26, [VREPRINT] = 18,
		[VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22};

	memset(ld, 0, sizeof(*ld));
	ld->ops = ops;
	ld->ctx = ctx;
	ld->t.c_iflag = ICRNL | IXON;
	ld->t.c_oflag = OPOST | ONLCR;
	ld->t.c_cflag = B38400 | CS8 | CREAD | HUPCL;
	ld->t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	ld->t.c_ispeed = ld->t.c_ospeed = 38400;
	memcpy(ld->t.c_cc, cc, sizeof(cc));
}

/* ---- the ring ---- */

u32 ldisc_count(const struct ldisc *ld)
{
	u32 tail = READ_ONCE(ld->tail);

	return (lflag(ld, ICANON) ? READ_ONCE(ld->canon_head) : READ_ONCE(ld->head)) - tail;
}

bool ldisc_readable(const struct ldisc *ld, u32 min)
{
	return ldisc_count(ld) >= (lflag(ld, ICANON) ? 1 : MAX(min, 1u));
}

bool ldisc_room(const struct ldisc *ld)
{
	u32 tail = READ_ONCE(ld->tail), reserve = lflag(ld, ICANON) ? 1 : 0;

	if (reserve && READ_ONCE(ld->canon_head) == tail)
		return true;
	return READ_ONCE(ld->head) - tail < LDISC_SIZE - reserve;
}

static bool ring_add(struct ldisc *ld, u8 c, bool end)
{
	if (ld->head - ld->tail >= LDISC_SIZE)
		return false;
	ld->buf[MASK(ld->head)] = c;
	if (end)
		bitmap_set(ld->ends, MASK(ld->head));
	else
		bitmap_clear(ld->ends, MASK(ld->head));
	WRITE_ONCE(ld->head, ld->head + 1);
	return true;
}

void ldisc_flush(struct ldisc *ld)
{
	WRITE_ONCE(ld->canon_head, ld->tail);
	WRITE_ONCE(ld->head, ld->tail);
}

static void set_stopped(struct ldisc *ld, bool stop)
{
	ld->stopped = stop;
	ld->ops->stopped(ld->ctx, stop);
}

/* A change of mode keeps what was typed: lines become bytes, bytes become one complete line. */
void ldisc_set_termios(struct ldisc *ld, const struct termios2 *t)
{
	bool switched = (ld->t.c_lflag ^ t->c_lflag) & ICANON;

	ld->t = *t;
	if (!lflag(ld, IEXTEN) || !lflag(ld, ICANON))
		ld->literal = false;
	if (ld->stopped && !iflag(ld, IXON))
		set_stopped(ld, false);
	if (!switched)
		return;
	memset(ld->ends, 0, sizeof(ld->ends));
	if (lflag(ld, ICANON) && ld->head != ld->tail) {
		bitmap_set(ld->ends, MASK(ld->head - 1));
		WRITE_ONCE(ld->canon_head, ld->head);
	} else {
		WRITE_ONCE(ld->canon_head, ld->tail);
	}
}

/* ---- output ---- */

static void put(struct ldisc *ld, const char *s, size_t n)
{
	if (n)
		ld->ops->write(ld->ctx, s, n);
}

/* Move the cursor as printing `c` does. */
static void advance(struct ldisc *ld, u8 c)
{
	switch (c) {
	case '\r':
		ld->column = 0;
		break;
	case '\b':
		if (ld->column)
			ld->column--;
		break;
	case '\t':
		ld->column = (ld->column | 7) + 1;
		break;
	default:
		/* only the first byte of a UTF-8 character moves the cursor */
		if (c >= ' ' && c != 127 && (c & 0xc0) != 0x80)
			ld->column++;
	}
}

/* Process one byte (OPOST) into `out`, which has room for 8. Returns their number. */
static size_t process_output(struct ldisc *ld, u8 c, char *out)
{
	tcflag_t o = ld->t.c_oflag;
	u32 spaces;

	switch (c) {
	case '\n':
		if (o & (ONLCR | ONLRET))
			ld->column = 0;
		if (o & ONLCR) {
			memcpy(out, "\r\n", 2);
			return 2;
		}
		break;
	case '\r':
		if ((o & ONOCR) && ld->column == 0)
			return 0;
		if (o & OCRNL) {
			if (o & ONLRET)
				ld->column = 0;
			*out = '\n';
			return 1;
		}
		advance(ld, c);
		break;
	case '\t':
		spaces = 8 - (ld->column & 7);
		advance(ld, c);
		if ((o & TABDLY) == XTABS) {
			memset(out, ' ', spaces);
			return spaces;
		}
		break;
	default:
		if ((o & OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		advance(ld, c);
	}
	*out = (char)c;
	return 1;
}

void ldisc_output(struct ldisc *ld, const char *s, size_t n)
{
	char out[128];
	size_t used = 0;

	if (!(ld->t.c_oflag & OPOST)) {
		for (size_t i = 0; i < n; i++)
			advance(ld, (u8)s[i]);
		put(ld, s, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (used > sizeof(out) - 8) {
			put(ld, out, used);
			used = 0;
		}
		used += process_output(ld, (u8)s[i], out + used);
	}
	put(ld, out, used);
}

static bool shown_as_caret(const struct ldisc *ld, u8 c)
{
	return lflag(ld, ECHOCTL) && (c < ' ' || c == 127) && c != '\t' && c != '\n';
}

static void echo(struct ldisc *ld, u8 c)
{
	char text[2] = {'^', (char)(c ^ 0100)};

	if (!lflag(ld, ECHO) && !(c == '\n' && lflag(ld, ECHONL) && lflag(ld, ICANON)))
		return;
	if (shown_as_caret(ld, c))
		ldisc_output(ld, text, 2);
	else
		ldisc_output(ld, (const char *)&c, 1);
}

/* Columns that the byte takes when printed at `column`. */
static u32 width_at(const struct ldisc *ld, u8 c, u32 column)
{
	if (c == '\t')
		return 8 - (column & 7);
	if (shown_as_caret(ld, c))
		return 2;
	return c < ' ' || c == 127 || (c & 0xc0) == 0x80 ? 0 : 1;
}

/* The screen column of the line's end. */
static u32 column_of_end(const struct ldisc *ld)
{
	u32 column = ld->line_column;

	for (u32 i = ld->canon_head; i != ld->head; i++)
		column += width_at(ld, ld->buf[MASK(i)], column);
	return column;
}

static void rub_out(struct ldisc *ld, u32 columns)
{
	while (columns--)
		ldisc_output(ld, "\b \b", 3);
}

/* ---- editing a line ---- */

/* Is the byte before `head` in the middle of a UTF-8 character? */
static bool inside_utf8(const struct ldisc *ld)
{
	return iflag(ld, IUTF8) && (ld->buf[MASK(ld->head - 1)] & 0xc0) == 0x80;
}

/* Erase the last character of the line. False: there is none. */
static bool erase_one(struct ldisc *ld)
{
	u32 before;

	if (ld->head == ld->canon_head)
		return false;
	before = column_of_end(ld);
	while (inside_utf8(ld) && ld->head - 1 != ld->canon_head)
		WRITE_ONCE(ld->head, ld->head - 1);
	WRITE_ONCE(ld->head, ld->head - 1);
	if (lflag(ld, ECHO)) {
		u32 after = column_of_end(ld);

		if (lflag(ld, ECHOE))
			rub_out(ld, before > after ? before - after : 0);
		else
			echo(ld, ld->t.c_cc[VERASE]);
	}
	return true;
}

static bool word_byte(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0x80;
}

/* VWERASE: erase what is not a word, then the word before it. */
static void erase_word(struct ldisc *ld)
{
	bool seen = false;

	while (ld->head != ld->canon_head) {
		bool word = word_byte(ld->buf[MASK(ld->head - 1)]);

		if (seen && !word)
			return;
		seen |= word;
		erase_one(ld);
	}
}

static void kill_line(struct ldisc *ld)
{
	if (lflag(ld, ECHO) && lflag(ld, ECHOK) && lflag(ld, ECHOKE) && lflag(ld, ECHOE)) {
		while (erase_one(ld))
			;
		return;
	}
	WRITE_ONCE(ld->head, ld->canon_head);
	echo(ld, ld->t.c_cc[VKILL]);
	if (lflag(ld, ECHO) && lflag(ld, ECHOK))
		ldisc_output(ld, "\n", 1);
}

/* VREPRINT: show the line again, on a fresh line of the screen. */
static void reprint(struct ldisc *ld)
{
	echo(ld, ld->t.c_cc[VREPRINT]);
	ldisc_output(ld, "\n", 1);
	ld->line_column = ld->column;
	for (u32 i = ld->canon_head; i != ld->head; i++)
		echo(ld, ld->buf[MASK(i)]);
}

static void end_line(struct ldisc *ld, u8 c)
{
	if (!ring_add(ld, c, true)) { /* full: the end of the line replaces its last byte */
		if (ld->head == ld->canon_head)
			return;
		WRITE_ONCE(ld->head, ld->head - 1);
		ring_add(ld, c, true);
	}
	WRITE_ONCE(ld->canon_head, ld->head);
}

static void add_byte(struct ldisc *ld, u8 c)
{
	bool canon = lflag(ld, ICANON);

	if (canon && ld->head == ld->canon_head)
		ld->line_column = ld->column;
	/* with ICANON one place stays free for the end of the line */
	if (ld->head - ld->tail >= LDISC_SIZE - (canon ? 1 : 0)) {
		if (iflag(ld, IMAXBEL))
			ldisc_output(ld, "\a", 1);
		return;
	}
	ring_add(ld, c, false);
	echo(ld, c);
}

/* ---- input ---- */

static bool flow_control(struct ldisc *ld, u8 c)
{
	bool stop = is_cc(ld, c, VSTOP), start = is_cc(ld, c, VSTART);

	if (!iflag(ld, IXON))
		return false;
	if (stop && !ld->stopped)
		set_stopped(ld, true);
	else if (ld->stopped && (start || (iflag(ld, IXANY) && !stop)))
		set_stopped(ld, false);
	return stop || start;
}

static bool signal_key(struct ldisc *ld, u8 c)
{
	int sig = is_cc(ld, c, VINTR)   ? SIGINT
		  : is_cc(ld, c, VQUIT) ? SIGQUIT
		  : is_cc(ld, c, VSUSP) ? SIGTSTP
					: 0;

	if (!lflag(ld, ISIG) || !sig)
		return false;
	if (!lflag(ld, NOFLSH))
		ldisc_flush(ld);
	echo(ld, c);
	if (ld->stopped)
		set_stopped(ld, false);
	ld->ops->signal(ld->ctx, sig);
	return true;
}

/* Handle keys that edit the line. False: an ordinary byte. */
static bool editing_key(struct ldisc *ld, u8 c)
{
	bool extended = lflag(ld, IEXTEN);

	if (is_cc(ld, c, VERASE))
		erase_one(ld);
	else if (is_cc(ld, c, VKILL))
		kill_line(ld);
	else if (extended && is_cc(ld, c, VWERASE))
		erase_word(ld);
	else if (extended && is_cc(ld, c, VREPRINT))
		reprint(ld);
	else
		return false;
	return true;
}

/* Handle keys that end the line. False: an ordinary byte. */
static bool ending_key(struct ldisc *ld, u8 c)
{
	if (is_cc(ld, c, VEOF)) {
		end_line(ld, 0);
		return true;
	}
	if (c == '\n' || is_cc(ld, c, VEOL) || (lflag(ld, IEXTEN) && is_cc(ld, c, VEOL2))) {
		echo(ld, c);
		end_line(ld, c);
		return true;
	}
	return false;
}

/* Translate by c_iflag. False: the byte is dropped. */
static bool translate(struct ldisc *ld, u8 *c)
{
	if (iflag(ld, ISTRIP))
		*c &= 0x7f;
	if (*c == '\r') {
		if (iflag(ld, IGNCR))
			return false;
		if (iflag(ld, ICRNL))
			*c = '\n';
	} else if (*c == '\n' && iflag(ld, INLCR)) {
		*c = '\r';
	}
	if (iflag(ld, IUCLC) && lflag(ld, IEXTEN) && *c >= 'A' && *c <= 'Z')
		*c += 'a' - 'A';
	return true;
}

void ldisc_input(struct ldisc *ld, u8 c)
{
	if (ld->literal) {
		ld->literal = false;
		add_byte(ld, c);
		return;
	}
	if (flow_control(ld, c) || signal_key(ld, c) || !translate(ld, &c))
		return;
	if (lflag(ld, ICANON)) {
		if (lflag(ld, IEXTEN) && is_cc(ld, c, VLNEXT)) {
			ld->literal = true;
			if (lflag(ld, ECHO) && lflag(ld, ECHOCTL))
				put(ld, "^\b", 2);
			return;
		}
		if (editing_key(ld, c) || ending_key(ld, c))
			return;
	}
	add_byte(ld, c);
}

/* ---- reading ---- */

static size_t read_line(struct ldisc *ld, char *buf, size_t n, bool *eof)
{
	size_t done = 0;

	while (ld->tail != ld->canon_head) {
		u8 c = ld->buf[MASK(ld->tail)];
		bool end = bitmap_test(ld->ends, MASK(ld->tail));

		if (end && c == 0) { /* VEOF, even just behind what filled the buffer */
			WRITE_ONCE(ld->tail, ld->tail + 1);
			*eof = done == 0;
			break;
		}
		if (done == n)
			break;
		buf[done++] = (char)c;
		WRITE_ONCE(ld->tail, ld->tail + 1);
		if (end)
			break;
	}
	return done;
}

size_t ldisc_read(struct ldisc *ld, char *buf, size_t n, bool *eof)
{
	size_t done = 0;

	*eof = false;
	if (lflag(ld, ICANON))
		return read_line(ld, buf, n, eof);
	while (done < n && ld->tail != ld->head) {
		buf[done++] = (char)ld->buf[MASK(ld->tail)];
		WRITE_ONCE(ld->tail, ld->tail + 1);
	}
	/* without ICANON there are no lines; keep canon_head up to date for a switch back */
	WRITE_ONCE(ld->canon_head, ld->tail);
	return done;
}
