/* The terminal: the contents of the grid after a sequence of bytes. The expected screens follow
 * ECMA-48 and the VT100. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/console/vt.c"
#include "arch/x86_64/dev/console/vt_parse.c"

#define ROWS 5
#define COLS 10

static struct vt vt;
static u32 cells[2 * VT_MAX_ROWS * VT_MAX_COLS];

static void fresh(void)
{
	vt_init(&vt, ROWS, COLS, cells);
	vt_clean(&vt);
}

static void say(const char *s)
{
	vt_write(&vt, s, strlen(s));
}

/* A row as text, without blanks at its end; '#' stands for a character outside ASCII. */
static const char *row(u32 r)
{
	static char text[4][VT_MAX_COLS + 1];
	static int turn;
	char *t = text[turn++ % 4];
	u32 n = 0;

	for (u32 i = 0; i < vt.cols; i++) {
		u32 ch = CELL_CHAR(vt_row(&vt, r)[i]);

		t[i] = ch < 0x80 ? ch : '#';
		if (t[i] != ' ')
			n = i + 1;
	}
	t[n] = '\0';
	return t;
}

static u32 cell(u32 r, u32 c)
{
	return vt_row(&vt, r)[c];
}

#define CHECK_CURSOR(r, c)               \
	do {                             \
		CHECK_EQ(vt.cur.row, r); \
		CHECK_EQ(vt.cur.col, c); \
	} while (0)

TEST(text_and_newline)
{
	fresh();
	say("one\ntwo\r\nthree");
	CHECK_STR(row(0), "one");
	CHECK_STR(row(1), "two");
	CHECK_STR(row(2), "three");
	CHECK_CURSOR(2, 5);
}

TEST(bare_newline_only_moves_down)
{
	fresh();
	vt.newlines = false;
	say("one\ntwo\r\nthree");
	CHECK_STR(row(1), "   two");
	CHECK_STR(row(2), "three");
	say("\033Ex");
	CHECK_STR(row(3), "x");
}

TEST(scrolls_at_the_bottom)
{
	fresh();
	say("1\n2\n3\n4\n5\n6\n7");
	CHECK_STR(row(0), "3");
	CHECK_STR(row(4), "7");
	CHECK_EQ(vt.dirty_from, 0);
	CHECK_EQ(vt.dirty_to, ROWS);
}

TEST(wraps_only_when_more_comes)
{
	fresh();
	say("0123456789");
	CHECK_CURSOR(0, 9);
	say("\r\n");
	CHECK_CURSOR(1, 0);
	CHECK_STR(row(1), "");
	say("0123456789x");
	CHECK_STR(row(1), "0123456789");
	CHECK_STR(row(2), "x");
	say("\033[?7l\033[1;9Habcd");
	CHECK_STR(row(0), "01234567ad");
}

TEST(backspace_tab_return)
{
	fresh();
	say("abc\b\bX");
	CHECK_STR(row(0), "aXc");
	say("\rY\tZ");
	CHECK_STR(row(0), "YXc     Z");
	say("\t\t\t");
	CHECK_CURSOR(0, 9);
	say("\r\b");
	CHECK_CURSOR(0, 0);
}

TEST(cursor_positioning)
{
	fresh();
	say("\033[3;4Hx");
	CHECK_EQ(CELL_CHAR(cell(2, 3)), 'x');
	say("\033[H");
	CHECK_CURSOR(0, 0);
	say("\033[99;99H");
	CHECK_CURSOR(4, 9);
	say("\033[2A");
	CHECK_CURSOR(2, 9);
	say("\033[3D");
	CHECK_CURSOR(2, 6);
	say("\033[C\033[B");
	CHECK_CURSOR(3, 7);
	say("\033[99A\033[99D");
	CHECK_CURSOR(0, 0);
	say("\033[4G");
	CHECK_CURSOR(0, 3);
	say("\033[2d");
	CHECK_CURSOR(1, 3);
	say("\033[2E");
	CHECK_CURSOR(3, 0);
	say("\033[;5f");
	CHECK_CURSOR(0, 4);
}

static void fill(void)
{
	fresh();
	for (char c = 'a'; c < 'a' + ROWS; c++) {
		char line[COLS + 1];

		memset(line, c, COLS);
		line[COLS] = '\0';
		say(line);
		if (c < 'a' + ROWS - 1)
			say("\n");
	}
}

TEST(erase_in_line)
{
	fill();
	say("\033[2;4H\033[K");
	CHECK_STR(row(1), "bbb");
	say("\033[3;4H\033[1K");
	CHECK_STR(row(2), "    cccccc");
	say("\033[4;4H\033[2K");
	CHECK_STR(row(3), "");
	CHECK_STR(row(0), "aaaaaaaaaa");
	CHECK_STR(row(4), "eeeeeeeeee");
	CHECK_CURSOR(3, 3);
}

TEST(erase_in_display)
{
	fill();
	say("\033[3;3H\033[J");
	CHECK_STR(row(1), "bbbbbbbbbb");
	CHECK_STR(row(2), "cc");
	CHECK_STR(row(3), "");
	fill();
	say("\033[3;3H\033[1J");
	CHECK_STR(row(1), "");
	CHECK_STR(row(2), "   ccccccc");
	CHECK_STR(row(3), "dddddddddd");
	say("\033[2J");
	for (int i = 0; i < ROWS; i++)
		CHECK_STR(row(i), "");
	CHECK_CURSOR(2, 2);
}

TEST(insert_and_delete)
{
	fresh();
	say("abcdef\033[3G\033[2@");
	CHECK_STR(row(0), "ab  cdef");
	say("\033[3P");
	CHECK_STR(row(0), "abdef");
	say("\033[2X");
	CHECK_STR(row(0), "ab  f");
	fill();
	say("\033[2;1H\033[2L");
	CHECK_STR(row(0), "aaaaaaaaaa");
	CHECK_STR(row(1), "");
	CHECK_STR(row(2), "");
	CHECK_STR(row(3), "bbbbbbbbbb");
	say("\033[M");
	CHECK_STR(row(1), "");
	CHECK_STR(row(2), "bbbbbbbbbb");
	CHECK_STR(row(3), "cccccccccc");
	CHECK_STR(row(4), "");
}

TEST(scroll_region)
{
	fill();
	say("\033[2;4r");
	CHECK_CURSOR(0, 0);
	say("\033[4;1Hx\n");
	CHECK_STR(row(0), "aaaaaaaaaa");
	CHECK_STR(row(1), "cccccccccc");
	CHECK_STR(row(2), "xddddddddd");
	CHECK_STR(row(3), "");
	CHECK_STR(row(4), "eeeeeeeeee");
	say("\033[2;1H\033M");
	CHECK_STR(row(1), "");
	CHECK_STR(row(2), "cccccccccc");
	say("\033[5;1H\n");
	CHECK_CURSOR(4, 0);
	CHECK_STR(row(4), "eeeeeeeeee");
	say("\033[r\033[5;1H\n");
	CHECK_STR(row(3), "eeeeeeeeee");
	say("\033[4;2r"); /* upside down: ignored */
	CHECK_EQ(vt.top, 0);
	CHECK_EQ(vt.bottom, ROWS);
}

TEST(up_and_down_stop_at_the_region)
{
	fresh();
	say("\033[2;4r\033[3;1H\033[9A");
	CHECK_CURSOR(1, 0);
	say("\033[9B");
	CHECK_CURSOR(3, 0);
	say("\033[1;1H\033[9A");
	CHECK_CURSOR(0, 0);
	say("\033[5;1H\033[9A");
	CHECK_CURSOR(1, 0);
}

TEST(colours)
{
	fresh();
	say("a\033[31mb\033[1mc\033[42md\033[7me\033[0mf");
	CHECK_EQ(cell(0, 0), CELL('a', 7, 0));
	CHECK_EQ(cell(0, 1), CELL('b', 1, 0));
	CHECK_EQ(cell(0, 2), CELL('c', 9, 0));
	CHECK_EQ(cell(0, 3), CELL('d', 9, 2));
	CHECK_EQ(cell(0, 4), CELL('e', 2, 9));
	CHECK_EQ(cell(0, 5), CELL('f', 7, 0));
	say("\r\033[94;103mA\033[39;49mB\033[4mC\033[24mD\033[mE");
	CHECK_EQ(cell(0, 0), CELL('A', 12, 11));
	CHECK_EQ(cell(0, 1), CELL('B', 7, 0));
	CHECK_EQ(cell(0, 2), CELL('C', 7, 0) | CELL_UNDERLINE);
	CHECK_EQ(cell(0, 3), CELL('D', 7, 0));
	say("\r\033[38;5;9mP\033[38;5;196mQ\033[48;2;0;0;255mR\033[0;38;5mS");
	CHECK_EQ(cell(0, 0), CELL('P', 9, 0));
	CHECK_EQ(cell(0, 1), CELL('Q', 9, 0));
	CHECK_EQ(cell(0, 2), CELL('R', 9, 12));
	CHECK_EQ(cell(0, 3), CELL('S', 7, 0));
}

TEST(erased_cells_take_the_background)
{
	fresh();
	say("\033[44m\033[K");
	CHECK_EQ(cell(0, 0), CELL(' ', 7, 4));
	CHECK_EQ(cell(0, COLS - 1), CELL(' ', 7, 4));
	CHECK_EQ(cell(1, 0), VT_BLANK);
}

TEST(save_and_restore)
{
	fresh();
	say("\033[2;3H\033[32m\0337\033[H\033[0mx\0338y");
	CHECK_EQ(cell(0, 0), CELL('x', 7, 0));
	CHECK_EQ(cell(1, 2), CELL('y', 2, 0));
	say("\033[s\033[H\033[uz");
	CHECK_EQ(cell(1, 3), CELL('z', 2, 0));
}

TEST(utf8)
{
	fresh();
	say("\xc3\xa9\xe2\x94\x80\xf0\x9f\x98\x80!");
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xe9);
	CHECK_EQ(CELL_CHAR(cell(0, 1)), 0x2500);
	CHECK_EQ(CELL_CHAR(cell(0, 2)), 0x1f600);
	CHECK_EQ(CELL_CHAR(cell(0, 4)), '!'); /* the one before it takes two cells */
	say("\re\xcc\x81!");                  /* a combining accent takes no cell */
	CHECK_EQ(CELL_CHAR(cell(0, 1)), '!');
}

TEST(utf8_malformed)
{
	fresh();
	say("\xc3(");
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xfffd);
	CHECK_EQ(CELL_CHAR(cell(0, 1)), '(');
	say("\r\x80z");
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xfffd);
	CHECK_EQ(CELL_CHAR(cell(0, 1)), 'z');
	say("\r\xe0\x80\x80z"); /* overlong */
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xfffd);
	CHECK_EQ(CELL_CHAR(cell(0, 1)), 'z');
	say("\r\xed\xa0\x80z"); /* a surrogate */
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xfffd);
	say("\r\xe2\x94\033[3Gz"); /* broken off by a sequence, which still works */
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 0xfffd);
	CHECK_EQ(CELL_CHAR(cell(0, 2)), 'z');
}

TEST(unknown_sequences_leave_no_trace)
{
	fresh();
	say("a\033[?2004h\033[>c\033[?6n\033(B\033=\033]0;title\007\033]2;more\033\\\033[!p\033[5 qb");
	CHECK_STR(row(0), "ab");
	say("\033P1;2|data\033\\c");
	CHECK_STR(row(0), "abc");
	say("\033[12\030d"); /* CAN */
	CHECK_STR(row(0), "abcd");
	say("\033[2\r1Ce"); /* a control inside a sequence acts at once */
	CHECK_EQ(CELL_CHAR(cell(0, 0)), 'a');
	say("\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19mX");
	CHECK_EQ(vt.nr_params, VT_MAX_PARAMS);
}

TEST(numbers_that_are_too_large)
{
	fresh();
	say("\033[99999999999999999999;4294967295Hx");
	CHECK_EQ(CELL_CHAR(cell(4, 9)), 'x');
	say("\033[4294967295L\033[99999S\033[99999T\033[99999@\033[99999P\033[99999X\033[99999b");
	CHECK(vt.cur.row < ROWS && vt.cur.col < COLS);
}

TEST(cursor_visibility_and_reset)
{
	fresh();
	say("\033[?25l");
	CHECK(!vt.cursor_visible);
	say("\033[31mx\033c");
	CHECK(vt.cursor_visible);
	CHECK_STR(row(0), "");
	say("y");
	CHECK_EQ(cell(0, 0), CELL('y', 7, 0));
}

static void check_invariants(void)
{
	u64 seen[2] = {0};

	CHECK(vt.cur.row < vt.rows && vt.cur.col < vt.cols);
	CHECK(vt.top < vt.bottom && vt.bottom <= vt.rows);
	for (u32 i = 0; i < vt.rows; i++) { /* line[] is a permutation */
		CHECK(vt.line[i] < vt.rows);
		CHECK(!(seen[vt.line[i] / 64] >> (vt.line[i] % 64) & 1));
		seen[vt.line[i] / 64] |= 1UL << (vt.line[i] % 64);
	}
}

TEST(alternate_screen)
{
	fresh();
	say("main\r\ntext\033[?1049h");
	CHECK_STR(row(0), "");
	CHECK_CURSOR(1, 4);
	say("\033[Hvi\033[5;5Hx");
	CHECK_STR(row(0), "vi");
	CHECK_STR(row(4), "    x");
	say("\033[?1049h"); /* already shown */
	CHECK_STR(row(0), "vi");
	vt_clean(&vt);
	say("\033[?1049l");
	CHECK_EQ(vt.dirty_from, 0);
	CHECK_EQ(vt.dirty_to, ROWS);
	CHECK_STR(row(0), "main");
	CHECK_STR(row(1), "text");
	CHECK_CURSOR(1, 4);
	say("\033[?1049hagain\033[?1049l\033[?47h");
	CHECK_STR(row(1), "    again"); /* 47 does not clear it */
	say("\n\n\n\n\n\033[?47l");     /* scrolling there moves nothing here */
	CHECK_STR(row(0), "main");
	say("\033[?1049h\033c");
	CHECK(!vt.alternate);
	CHECK_STR(row(0), "");
}

static const char *answer(void)
{
	static char text[sizeof(vt.answer) + 1];

	memcpy(text, vt.answer, vt.answer_len);
	text[vt.answer_len] = '\0';
	vt.answer_len = 0;
	return text;
}

TEST(answers)
{
	fresh();
	say("\033[3;10H\033[6n");
	CHECK_STR(answer(), "\033[3;10R");
	say("\033[5n\033[c\033[0c");
	CHECK_STR(answer(), "\033[0n\033[?6c\033[?6c");
	say("\033[?6n\033[7n\033[1c");
	CHECK_STR(answer(), "");
	for (int i = 0; i < 100; i++)
		say("\033[6n");
	CHECK(vt.answer_len <= sizeof(vt.answer));
	CHECK_STR(row(2), "");
}

TEST(double_width)
{
	fresh();
	say("a\xe6\xbc\xa2z"); /* U+6F22 */
	CHECK_STR(row(0), "a# z");
	CHECK_CURSOR(0, 4);
	say("\033[1;10H\xf0\x9f\x98\x80"); /* does not fit into the last column */
	CHECK_STR(row(0), "a# z");
	CHECK_STR(row(1), "#");
	CHECK_CURSOR(1, 2);
	say("\033[3;9H\xe3\x81\x82x"); /* fills the line to its end */
	CHECK_STR(row(2), "        #");
	CHECK_STR(row(3), "x");
}

/* Random bytes, mostly ones that the parser treats specially, on grids of all sizes. */
TEST(noise)
{
	static const char alphabet[] =
		"\033\033\033[[[;0123456789?ABCDEFGHJKLMPSTXbdfhlmrsu@7 8\n\r\t\b"
		"x\xc3\xa9\xe2\x94\x80\x18]P\\";

	for (int round = 0; round < 300; round++) {
		u32 rows = 1 + host_random_below(VT_MAX_ROWS), cols = 1 + host_random_below(40);

		if (round % 3 == 0)
			rows = 1 + host_random_below(3), cols = 1 + host_random_below(3);
		vt_init(&vt, rows, cols, cells);
		for (int i = 0; i < 3000; i++) {
			char c = round % 2 ? (char)host_random()
					   : alphabet[host_random_below(sizeof(alphabet) - 1)];

			vt_write(&vt, &c, 1);
		}
		check_invariants();
	}
}

/* Rows that are not marked dirty must not have changed. */
TEST(dirty_rows_are_complete)
{
	static u32 before[ROWS * COLS];
	static const char alphabet[] = "\033[[;123HJKLMPSTX@Ar\nabc";

	fresh();
	for (int i = 0; i < 20000; i++) {
		char c = alphabet[host_random_below(sizeof(alphabet) - 1)];

		for (u32 r = 0; r < ROWS; r++)
			memcpy(before + r * COLS, vt_row(&vt, r), COLS * sizeof(u32));
		vt_clean(&vt);
		vt_write(&vt, &c, 1);
		for (u32 r = 0; r < ROWS; r++)
			if (r < vt.dirty_from || r >= vt.dirty_to)
				CHECK(memcmp(before + r * COLS, vt_row(&vt, r),
					     COLS * sizeof(u32)) == 0);
	}
}

TEST_MAIN
