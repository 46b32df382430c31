/* The line discipline: what a program reads, what the screen shows, and the signals. Expected
 * behaviour: termios(3). */
#include "tests/unit/host.h"

#include "kernel/lib/bitmap.h"
#include "kernel/tty/ldisc.c"

static char screen[65536];
static size_t shown;
static int signals[8], nr_signals, stops;

static void on_write(void *ctx, const char *s, size_t n)
{
	(void)ctx;
	if (shown + n >= sizeof(screen))
		shown = 0;
	memcpy(screen + shown, s, n);
	shown += n;
	screen[shown] = 0;
}
static void on_signal(void *ctx, int sig)
{
	(void)ctx;
	if (nr_signals < 8)
		signals[nr_signals++] = sig;
}
static void on_stop(void *ctx, bool stop)
{
	(void)ctx;
	stops += stop ? 1 : -1;
}
static const struct ldisc_ops ops = {on_write, on_signal, on_stop};
static struct ldisc ld;

static void start(void)
{
	ldisc_init(&ld, &ops, NULL);
	shown = 0;
	screen[0] = 0;
	nr_signals = stops = 0;
}
static void type(const char *s)
{
	while (*s)
		ldisc_input(&ld, (u8)*s++);
}
/* The next read of up to n bytes as a string; "<eof>" at the end of file, "" when nothing is there.
 */
static const char *reads(size_t n)
{
	static char buf[LDISC_SIZE + 1];
	bool eof;
	size_t got = ldisc_read(&ld, buf, n, &eof);

	buf[got] = 0;
	return eof ? "<eof>" : buf;
}
static void change(tcflag_t clear, tcflag_t set)
{
	struct termios2 t = ld.t;

	t.c_lflag = (t.c_lflag & ~clear) | set;
	ldisc_set_termios(&ld, &t);
}
static void change_in(tcflag_t clear, tcflag_t set)
{
	struct termios2 t = ld.t;

	t.c_iflag = (t.c_iflag & ~clear) | set;
	ldisc_set_termios(&ld, &t);
}
static void change_out(tcflag_t flags)
{
	struct termios2 t = ld.t;

	t.c_oflag = flags;
	ldisc_set_termios(&ld, &t);
}

TEST(a_line_is_read_when_it_is_complete)
{
	start();
	type("hello");
	CHECK(!ldisc_readable(&ld, 1));
	CHECK_STR(reads(100), "");
	type("\r");
	CHECK(ldisc_readable(&ld, 1));
	CHECK_EQ(ldisc_count(&ld), 6);
	CHECK_STR(reads(100), "hello\n");
	CHECK(!ldisc_readable(&ld, 1));
	CHECK_STR(screen, "hello\r\n");
}

TEST(one_read_gets_one_line)
{
	start();
	type("one\rtwo\r");
	CHECK_STR(reads(100), "one\n");
	CHECK_STR(reads(2), "tw");
	CHECK_STR(reads(100), "o\n");
	CHECK_STR(reads(100), "");
}

TEST(erase_kill_and_word)
{
	start();
	type("abc\x7f\x7fX\r");
	CHECK_STR(reads(100), "aX\n");
	CHECK_STR(screen, "abc\b \b\b \bX\r\n");
	start();
	type("\x7f\x7fz\r"); /* nothing to erase: nothing shown */
	CHECK_STR(screen, "z\r\n");
	CHECK_STR(reads(9), "z\n");
	start();
	type("one two  \x17\x15three\r");
	CHECK_STR(reads(100), "three\n");
	start();
	type("one two  \x17x\r");
	CHECK_STR(reads(100), "one x\n");
	start();
	type("done\rxy\x15\r"); /* a finished line can no longer be erased */
	CHECK_STR(reads(100), "done\n");
	CHECK_STR(reads(100), "\n");
}

TEST(rubbing_out_takes_the_columns_that_were_shown)
{
	start();
	type("a\x01\x7f"); /* ^A takes two columns */
	CHECK_STR(screen, "a^A\b \b\b \b");
	start();
	type("ab\t\x7f"); /* from column 2 to 8: six */
	CHECK_STR(screen, "ab\t\b \b\b \b\b \b\b \b\b \b\b \b");
	start();
	ldisc_output(&ld, "$ ", 2); /* behind a prompt the tab stop is nearer */
	type("ab\t\x7f");
	CHECK_STR(screen, "$ ab\t\b \b\b \b\b \b\b \b");
	start();
	change_in(0, IUTF8);
	type("\xc3\xa9\x7f\r"); /* two bytes, one column */
	CHECK_STR(screen, "\xc3\xa9\b \b\r\n");
	CHECK_STR(reads(9), "\n");
}

TEST(signals_flush_and_are_shown)
{
	start();
	type("lost\x03");
	CHECK_EQ(nr_signals, 1);
	CHECK_EQ(signals[0], SIGINT);
	type("\x1c\x1a");
	CHECK_EQ(signals[1], SIGQUIT);
	CHECK_EQ(signals[2], SIGTSTP);
	CHECK_STR(screen, "lost^C^\\^Z");
	type("x\r");
	CHECK_STR(reads(9), "x\n");
	start();
	change(0, NOFLSH);
	type("kept\x03\r");
	CHECK_STR(reads(9), "kept\n");
	start();
	change(ISIG, 0);
	type("\x03\r");
	CHECK_EQ(nr_signals, 0);
	CHECK_STR(reads(9), "\x03\n");
}

TEST(end_of_file)
{
	start();
	type("\x04");
	CHECK(ldisc_readable(&ld, 1));
	CHECK_STR(reads(9), "<eof>");
	CHECK(!ldisc_readable(&ld, 1));
	type("ab\x04"); /* in the middle of a line, ^D only passes the line on */
	CHECK_STR(reads(9), "ab");
	CHECK_STR(reads(9), "");
	type("ab\x04\x04");
	CHECK_STR(reads(2), "ab"); /* the buffer is full before the mark, which is read with it */
	CHECK_STR(reads(9), "<eof>");
	CHECK_STR(screen, "abab"); /* ^D is not shown */
}

TEST(literal_next)
{
	start();
	type("\x16\x03\x16\x7f\x16\x04\r");
	CHECK_EQ(nr_signals, 0);
	CHECK_STR(reads(9), "\x03\x7f\x04\n");
}

TEST(newline_translations)
{
	start();
	change_in(ICRNL, 0);
	type("a\rb\n");
	CHECK_STR(reads(9), "a\rb\n");
	start();
	change_in(0, IGNCR);
	type("a\rb\n");
	CHECK_STR(reads(9), "ab\n");
	start();
	change_in(ICRNL, INLCR);
	type("a\nb\x04");
	CHECK_STR(reads(9), "a\rb");
	start();
	change_in(0, ISTRIP);
	type("\xe1\r");
	CHECK_STR(reads(9), "a\n");
}

TEST(raw_mode)
{
	start();
	change(ICANON | ECHO | ISIG | IEXTEN, 0);
	type("\x03\x7f\x04");
	CHECK(ldisc_readable(&ld, 3));
	CHECK(!ldisc_readable(&ld, 4));
	CHECK_STR(reads(2), "\x03\x7f");
	CHECK_STR(reads(2), "\x04");
	CHECK_STR(screen, "");
	CHECK_EQ(nr_signals, 0);
}

TEST(changing_the_mode_keeps_what_was_typed)
{
	start();
	type("one\rtw");
	change(ICANON, 0);
	CHECK_STR(reads(99), "one\ntw");
	type("raw");
	change(0, ICANON);
	CHECK(ldisc_readable(&ld, 1));
	CHECK_STR(reads(99), "raw");
	type("x\x7fy\r");
	CHECK_STR(reads(99), "y\n");
}

TEST(no_echo)
{
	start();
	change(ECHO, 0);
	type("secret\x7f\r");
	CHECK_STR(screen, "");
	CHECK_STR(reads(99), "secre\n");
	change(0, ECHONL);
	type("x\r");
	CHECK_STR(screen, "\r\n");
}

TEST(flow_control)
{
	start();
	type("\x13");
	CHECK_EQ(stops, 1);
	type("\x13");
	CHECK_EQ(stops, 1);
	type("\x11");
	CHECK_EQ(stops, 0);
	type("\x13\x03"); /* an interrupt also restarts the output */
	CHECK_EQ(stops, 0);
	type("\x13");
	change_in(IXON, 0);
	CHECK_EQ(stops, 0);
	type("\x13\r");
	CHECK_STR(reads(9), "\x13\n");
}

TEST(output_processing)
{
	start();
	ldisc_output(&ld, "a\nb\r\n", 5);
	CHECK_STR(screen, "a\r\nb\r\r\n");
	start();
	change_out(OPOST);
	ldisc_output(&ld, "a\nb", 3);
	CHECK_STR(screen, "a\nb");
	start();
	change_out(0);
	ldisc_output(&ld, "a\nb", 3);
	CHECK_STR(screen, "a\nb");
	start();
	change_out(OPOST | XTABS);
	ldisc_output(&ld, "ab\tc", 4);
	CHECK_STR(screen, "ab      c");
	start();
	change_out(OPOST | OCRNL | ONOCR);
	ldisc_output(&ld, "\rx\r", 3);
	CHECK_STR(screen, "x\n");
}

TEST(long_output_is_whole)
{
	char text[1000], want[2000];
	size_t n = 0;

	start();
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = i % 3 ? 'a' : '\n';
		if (text[i] == '\n')
			want[n++] = '\r';
		want[n++] = text[i];
	}
	ldisc_output(&ld, text, sizeof(text));
	CHECK_EQ(shown, n);
	CHECK(memcmp(screen, want, n) == 0);
}

TEST(a_line_too_long_can_still_be_ended)
{
	static char buf[LDISC_SIZE + 1];
	bool eof;
	size_t n;

	start();
	for (int i = 0; i < LDISC_SIZE + 100; i++)
		ldisc_input(&ld, 'a');
	CHECK(!ldisc_readable(&ld, 1));
	type("\r");
	n = ldisc_read(&ld, buf, sizeof(buf), &eof);
	CHECK_EQ(n, LDISC_SIZE);
	CHECK_EQ(buf[n - 1], '\n');
	type("ok\r");
	CHECK_STR(reads(9), "ok\n");
}

TEST(full_of_lines)
{
	start();
	for (int i = 0; i < LDISC_SIZE + 10; i++)
		type("\r");
	for (int i = 0; i < LDISC_SIZE; i++)
		if (!CHECK_STR(reads(9), "\n"))
			break;
	CHECK_STR(reads(9), "");
}

/* Random typing against a simple model: a line buffer, erase, kill, and finished lines. */
TEST(random_editing_against_a_model)
{
	static char lines[100000], line[LDISC_SIZE], got[100000];
	size_t nlines = 0, len = 0, ngot = 0;

	start();
	change(ISIG | IEXTEN, 0);
	change_in(IXON, 0);
	for (int step = 0; step < 60000; step++) {
		u64 what = host_random_below(20);

		if (what < 12 && len < 200) {
			char c = (char)('a' + host_random_below(26));

			ldisc_input(&ld, (u8)c);
			line[len++] = c;
		} else if (what < 15) {
			ldisc_input(&ld, 127);
			len -= len > 0;
		} else if (what == 15) {
			ldisc_input(&ld, 21);
			len = 0;
		} else if (what == 16) {
			ldisc_input(&ld, '\r');
			memcpy(lines + nlines, line, len);
			nlines += len;
			lines[nlines++] = '\n';
			len = 0;
		} else {
			bool eof;

			ngot += ldisc_read(&ld, got + ngot, 1 + host_random_below(50), &eof);
			CHECK(!eof);
		}
		if (nlines - ngot > 3000)
			while (ngot < nlines) {
				bool eof;
				ngot += ldisc_read(&ld, got + ngot, 64, &eof);
			}
		if (nlines > sizeof(lines) - 500)
			break;
	}
	for (size_t n = 1; n;) {
		bool eof;

		n = ldisc_read(&ld, got + ngot, 64, &eof);
		ngot += n;
	}
	CHECK_EQ(ngot, nlines);
	CHECK(memcmp(got, lines, nlines) == 0);
	CHECK(nlines > 1000);
}

/* Any bytes in any mode: nothing outside the ring is accessed, and no more bytes come out than in.
 */
TEST(random_bytes_in_random_modes)
{
	u64 in = 0, out = 0;

	start();
	for (int step = 0; step < 200000; step++) {
		char buf[100];
		bool eof;

		if (host_random_below(500) == 0) {
			struct termios2 t = ld.t;

			t.c_lflag = (tcflag_t)host_random() & 0xffff;
			t.c_iflag = (tcflag_t)host_random() & 0xffff;
			t.c_oflag = (tcflag_t)host_random() & 0xffff;
			ldisc_set_termios(&ld, &t);
		}
		ldisc_input(&ld, (u8)host_random());
		in++;
		if (host_random_below(4) == 0)
			out += ldisc_read(&ld, buf, host_random_below(sizeof(buf)), &eof);
		if (!CHECK(ld.head - ld.tail <= LDISC_SIZE &&
			   ld.canon_head - ld.tail <= LDISC_SIZE))
			break;
	}
	CHECK(out <= in);
}

TEST_MAIN
