/*
 * The last page of the self-test: verdict, facts and QR code. It is written as text, each cell of
 * which is two squares, one above the other: so it appears alike on a framebuffer, in VGA's text
 * mode and on a serial line.
 */
#include "arch/x86_64/arch.h"
#include "kernel/lib/log.h"
#include "kernel/lib/qr.h"
#include "kernel/lib/string.h"
#include "tests/kernel/selftest/selftest.h"

#define QUIET       4  /* light modules around the code */
#define LETTERS     41 /* columns that the large letters need to stand beside it */
#define TEXT        28 /* columns that the facts alone need there, the verdict first */
#define BELOW       2  /* rows left for the prompt */
#define LETTER      5  /* squares a side, and one between two letters */
#define SERIAL_COLS 80

static struct qr qr;

/* Rows from top to bottom, the leftmost square in bit 4. */
static const struct {
	char c;
	u8 row[LETTER];
} letters[] = {
	{'A', {0x0e, 0x11, 0x1f, 0x11, 0x11}}, {'D', {0x1e, 0x11, 0x11, 0x11, 0x1e}},
	{'E', {0x1f, 0x10, 0x1e, 0x10, 0x1f}}, {'F', {0x1f, 0x10, 0x1e, 0x10, 0x10}},
	{'I', {0x0e, 0x04, 0x04, 0x04, 0x0e}}, {'L', {0x10, 0x10, 0x10, 0x10, 0x1f}},
	{'P', {0x1e, 0x11, 0x1e, 0x10, 0x10}}, {'S', {0x0f, 0x10, 0x0e, 0x01, 0x1e}},
};

static u8 letter_row(char c, u32 row)
{
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (letters[i].c == c)
			return letters[i].row[row];
	return 0;
}

static void print_letters(bool passed, u32 row)
{
	const char *word = passed ? "PASSED" : "FAILED";

	console_printf(passed ? "\033[92m" : "\033[91m");
	for (; *word; word++) {
		for (int x = LETTER - 1; x >= 0; x--)
			console_printf(letter_row(*word, row) >> x & 1 ? "\u2588" : " ");
		console_printf(" ");
	}
	console_printf("\033[0m");
}

/* ---- the code ---- */

/* Is the square light? Coordinates count from the corner of the quiet zone; modules are `scale`
 * squares wide. */
static bool is_light(u32 scale, u32 y, u32 x)
{
	int row = (int)(y / scale) - QUIET, column = (int)(x / scale) - QUIET;

	if (row < 0 || column < 0 || row >= qr.size || column >= qr.size)
		return row < qr.size + QUIET;
	return !qr_dark(&qr, row, column);
}

static void print_code(u32 scale, u32 row)
{
	static const char *const cells[] = {" ", "\u2584", "\u2580", "\u2588"};
	u32 width = (u32)(qr.size + 2 * QUIET) * scale;

	console_printf("\033[97;40m");
	for (u32 x = 0; x < width; x++)
		console_printf(
			"%s",
			cells[is_light(scale, 2 * row, x) << 1 | is_light(scale, 2 * row + 1, x)]);
	console_printf("\033[0m");
}

/* How large a module can be drawn, in squares, with the verdict in view: beside the code, or above
 * it. 0: the code does not fit. */
static u32 scale_for(u32 rows, u32 cols)
{
	u32 side = (u32)qr.size + 2 * QUIET;

	if (rows <= BELOW + LETTER || cols <= TEXT)
		return 0;
	return MAX(MIN(2 * (rows - BELOW), cols - TEXT), MIN(2 * (rows - BELOW - LETTER), cols)) /
	       side;
}

/* Encode the first lines of the facts, as many as fit. */
static u32 encode(const char *facts, u32 rows, u32 cols)
{
	for (size_t n = strlen(facts); n > 0;) {
		u32 scale = qr_encode(&qr, (const u8 *)facts, n) ? scale_for(rows, cols) : 0;

		if (scale)
			return scale;
		for (n--; n > 0 && facts[n - 1] != '\n';)
			n--;
	}
	return 0;
}

/* ---- beside it ---- */

/* Print as much of a line as `width` columns hold; returns what is left of the text. */
static const char *print_part(const char *text, u32 width)
{
	size_t n = 0, blank = 0;

	while (text[n] && text[n] != '\n' && n < width) {
		if (text[n] == ' ')
			blank = n;
		n++;
	}
	if (text[n] && text[n] != '\n' && text[n] != ' ' && blank)
		n = blank;
	console_printf("%.*s", (int)n, text);
	return text[n] ? text + n + 1 : text + n;
}

static void print_beside(bool passed, u32 row, const char **facts, u32 width)
{
	bool large = width >= LETTERS - 3;

	console_printf("  ");
	if (large && row < LETTER) {
		print_letters(passed, row);
	} else if (!large || row > LETTER) {
		if (!large && row == 0)
			console_printf(passed ? "\033[92m" : "\033[91m");
		*facts = print_part(*facts, width);
		console_printf("\033[0m");
	}
}

void page_show(bool passed, const char *facts)
{
	u32 rows = 2 * QR_MAX_SIZE, cols = SERIAL_COLS, scale, width, height, beside;

	arch_screen_size(&rows, &cols);
	scale = encode(facts, rows, cols);
	if (!scale)
		console_printf("The screen is too small for a QR code.\n");
	width = (u32)(qr.size + 2 * QUIET) * scale;
	height = DIV_ROUND_UP(width, 2);
	beside = cols - width >= TEXT ? cols - width - 3 : 0;
	for (u32 row = 0; row < LETTER && !beside; row++) {
		print_letters(passed, row);
		console_printf("\n");
	}
	for (u32 row = 0; row < height; row++) {
		print_code(scale, row);
		if (beside)
			print_beside(passed, row, &facts, beside);
		console_printf("\n");
	}
}
