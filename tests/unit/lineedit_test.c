/* Key sequences and the lines that they produce. A simulated screen checks that the line is shown
 * as it is. */
#include "tests/unit/host.h"

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}
#include "kernel/shell/lineedit.c"

static struct lineedit e;
static char screen[4096]; /* one row, as wide as needed */
static size_t column;

static void out(const char *s, size_t n)
{
	for (; n; n--, s++) {
		if (*s == '\n' || *s == '\r' || *s == '\033') {
			memset(screen, 0, sizeof(screen));
			column = 0;
			if (*s == '\033') { /* only ^L's sequence is ever sent */
				CHECK(n >= 7 && memcmp(s, "\033[H\033[2J", 7) == 0);
				s += 6;
				n -= 6;
			}
		} else if (*s == '\b') {
			CHECK(column > 0);
			column--;
		} else {
			CHECK(column < sizeof(screen) - 1);
			screen[column++] = *s;
		}
	}
}

static void begin(void)
{
	e.out = out;
	memset(screen, 0, sizeof(screen));
	column = 0;
	edit_begin(&e, "> ");
}

static enum edit_result keys(const char *s)
{
	enum edit_result r = EDIT_MORE;

	for (; *s; s++)
		r = edit_feed(&e, *s);
	return r;
}

static const char *shown(void)
{
	static char text[sizeof(screen)];
	size_t n;

	strcpy(text, screen + 2);
	for (n = strlen(text); n > e.len && text[n - 1] == ' '; n--) /* erased characters */
		text[n - 1] = '\0';
	return text;
}

/* The line after these keys, checked against the screen: the text, and the cursor (columns, as all
 * here is ASCII). */
static const char *line_of(const char *s)
{
	begin();
	keys(s);
	CHECK_EQ(strlen(e.buf), e.len);
	CHECK_STR(shown(), e.buf);
	CHECK_EQ(column, 2 + e.pos);
	return e.buf;
}

#define LEFT  "\033[D"
#define RIGHT "\033[C"
#define UP    "\033[A"
#define DOWN  "\033[B"

TEST(typing)
{
	CHECK_STR(line_of("fork"), "fork");
	CHECK_STR(line_of("fo\x7frk"), "frk");
	CHECK_STR(line_of("\b\b"), "");
	CHECK_STR(line_of("ab" LEFT "X"), "aXb");
	CHECK_STR(line_of("ab" LEFT LEFT LEFT "X" RIGHT RIGHT RIGHT "Y"), "XabY");
}

TEST(control_keys)
{
	CHECK_STR(line_of("bc\001a\005d"), "abcd");
	CHECK_STR(line_of("abcd" LEFT LEFT "\013"), "ab");
	CHECK_STR(line_of("abcd" LEFT LEFT "\025"), "cd");
	CHECK_STR(line_of("one two three\027X"), "one two X");
	CHECK_STR(line_of("one two   \027X"), "one X");
	CHECK_STR(line_of("\027\013\025"), "");
	CHECK_STR(line_of("abc\001\004"), "bc");
	CHECK_STR(line_of("abc\002\002\006X"), "abXc");
	CHECK_STR(line_of("abc\014d"), "abcd");
}

TEST(home_end_delete)
{
	CHECK_STR(line_of("bc\033[Ha\033[Fd"), "abcd");
	CHECK_STR(line_of("bc\033OHa\033OFd"), "abcd");
	CHECK_STR(line_of("bc\033[1~a\033[4~d"), "abcd");
	CHECK_STR(line_of("abc\033[7~\033[3~\033[8~x"), "bcx");
	CHECK_STR(line_of("abc\033[3~"), "abc");
	CHECK_STR(line_of("a\033[99~b\033[1;5Cc\033[Zd"), "abcd");
}

TEST(results)
{
	begin();
	CHECK_EQ(keys("x\r"), EDIT_DONE);
	begin();
	CHECK_EQ(keys("\n"), EDIT_MORE); /* of \r\n */
	CHECK_EQ(keys("\n"), EDIT_DONE);
	begin();
	CHECK_EQ(keys("abc\003"), EDIT_CANCEL);
	begin();
	CHECK_EQ(keys("abc\004"), EDIT_MORE);
	begin();
	CHECK_EQ(keys("\004"), EDIT_EOF);
	begin();
	CHECK_EQ(keys("a\t"), EDIT_TAB);
	edit_insert(&e, "bc");
	CHECK_STR(e.buf, "abc");
	begin();
	CHECK_EQ(keys("\033\003"), EDIT_CANCEL);
}

TEST(history)
{
	e.nr_history = 0;
	begin();
	keys("one\r");
	begin();
	keys("two\r");
	begin();
	keys("two\r"); /* not remembered twice */
	begin();
	keys("\r"); /* an empty line is not remembered */
	CHECK_EQ(e.nr_history, 2);
	CHECK_STR(line_of(UP), "two");
	CHECK_STR(line_of(UP UP), "one");
	CHECK_STR(line_of(UP UP UP UP), "one");
	CHECK_STR(line_of("dra" UP UP DOWN DOWN "ft"), "draft");
	CHECK_STR(line_of("dra" DOWN "ft"), "draft");
	CHECK_STR(line_of("x" UP "\020\016"), "two");
	CHECK_STR(line_of(UP "!"), "two!");
	begin();
	keys(UP UP "+\r");
	CHECK_STR(line_of(UP), "one+");
	CHECK_STR(line_of(UP UP UP), "one");
}

TEST(history_forgets_the_oldest)
{
	char text[16];

	e.nr_history = 0;
	for (int i = 0; i < HISTORY_LINES + 5; i++) {
		snprintf(text, sizeof(text), "line%d", i);
		edit_remember(&e, text);
	}
	begin();
	for (int i = 0; i < HISTORY_LINES + 10; i++)
		keys(UP);
	CHECK_STR(e.buf, "line5");
}

TEST(utf8_moves_by_characters)
{
	begin();
	keys("a\xc3\xa4"
	     "b" LEFT LEFT "X"); /* aäb */
	CHECK_STR(e.buf, "aX\xc3\xa4"
			 "b");
	keys("\005\b\b");
	CHECK_STR(e.buf, "aX");
}

TEST(a_full_line_takes_no_more)
{
	begin();
	for (int i = 0; i < 3 * SHELL_LINE_MAX; i++)
		edit_feed(&e, 'x');
	CHECK_EQ(e.len, SHELL_LINE_MAX - 1);
	CHECK_EQ(strlen(e.buf), SHELL_LINE_MAX - 1);
}

TEST(random_keys)
{
	static const char *const pool[] = {"a",       "b",      " ",      "xyz",  LEFT,
					   RIGHT,     UP,       DOWN,     "\001", "\005",
					   "\013",    "\025",   "\027",   "\x7f", "\004",
					   "\033[3~", "\033[H", "\033[F", "q\r",  "\014"};

	for (int round = 0; round < 300; round++) {
		begin();
		for (int i = 0; i < 60; i++) {
			enum edit_result r = keys(pool[host_random_below(ARRAY_SIZE(pool))]);

			if (r == EDIT_DONE || r == EDIT_EOF) {
				begin();
				continue;
			}
			if (!CHECK(e.pos <= e.len && strlen(e.buf) == e.len &&
				   column == 2 + e.pos) ||
			    !CHECK_STR(shown(), e.buf))
				return;
		}
	}
}

TEST_MAIN
