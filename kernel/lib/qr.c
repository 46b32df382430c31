/*
 * Making a QR code: ISO/IEC 18004, chapter 7.
 *
 * The text becomes codewords; they are split into blocks, each of which gets check words by a
 * Reed-Solomon code over the field of 256 elements; the words of all blocks are interleaved and
 * laid out in columns of two, upwards and downwards in turn. At last the mask is chosen that makes
 * the picture easiest to read.
 */
#include "kernel/lib/qr.h"

#include "kernel/lib/string.h"

#define QR_FIXED 2 /* of a module: a part of the patterns, not of the data */
#define MASKS    8

/* Level L, by version: check words of a block, and blocks: table 9. */
static const u8 check_words[QR_MAX_VERSION + 1] = {0,  7,  10, 15, 20, 26, 18, 20, 24, 30, 18,
						   20, 24, 26, 30, 22, 24, 28, 30, 28, 28};
static const u8 blocks[QR_MAX_VERSION + 1] = {0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4,
					      4, 4, 4, 4, 6, 6, 6, 6, 7, 8};

/* ---- how much fits ---- */

/* Modules that are not part of the patterns, in bytes: 7.1. */
static int all_words(int version)
{
	int bits = (16 * version + 128) * version + 64, aligned = version / 7 + 2;

	if (version >= 2)
		bits -= (25 * aligned - 10) * aligned - 55;
	if (version >= 7)
		bits -= 36;
	return bits / 8;
}

static int data_words(int version)
{
	return all_words(version) - check_words[version] * blocks[version];
}

static int length_bits(int version)
{
	return version < 10 ? 8 : 16;
}

static int smallest_version(size_t n)
{
	for (int version = 1; version <= QR_MAX_VERSION; version++)
		if (n * 8 + 4 + (size_t)length_bits(version) <= (size_t)data_words(version) * 8)
			return version;
	return 0;
}

/* ---- from bytes to codewords ---- */

struct bits {
	u8 *to;
	int n;
};

static void put_bits(struct bits *b, u32 value, int n)
{
	for (int i = n - 1; i >= 0; i--, b->n++)
		b->to[b->n / 8] |= (u8)((value >> i & 1) << (7 - b->n % 8));
}

static void fill_data(struct qr *qr, const u8 *text, size_t n)
{
	struct bits b = {.to = qr->data};
	int words = data_words(qr->version);

	memset(qr->data, 0, sizeof(qr->data));
	put_bits(&b, 4, 4); /* bytes */
	put_bits(&b, (u32)n, length_bits(qr->version));
	for (size_t i = 0; i < n; i++)
		put_bits(&b, text[i], 8);
	b.n = (int)ALIGN_UP(MIN(b.n + 4, words * 8), 8); /* the end mark is four zeroes */
	for (u32 pad = 0xec; b.n < words * 8; pad ^= 0xec ^ 0x11)
		put_bits(&b, pad, 8);
}

static u8 multiply(u8 x, u8 y)
{
	u32 z = 0;

	for (int i = 7; i >= 0; i--)
		z = (z << 1) ^ ((z >> 7) * 0x11d) ^ ((y >> i & 1) * x);
	return (u8)z;
}

/* The coefficients of (x - 1)(x - 2)(x - 4)…, without the first, which is 1. */
static void generator(u8 *g, int degree)
{
	u8 root = 1;

	memset(g, 0, (size_t)degree);
	g[degree - 1] = 1;
	for (int i = 0; i < degree; i++) {
		for (int j = 0; j < degree; j++)
			g[j] = multiply(g[j], root) ^ (j + 1 < degree ? g[j + 1] : 0);
		root = multiply(root, 2);
	}
}

static void divide(const u8 *data, int n, const u8 *g, int degree, u8 *out)
{
	memset(out, 0, (size_t)degree);
	for (int i = 0; i < n; i++) {
		u8 factor = data[i] ^ out[0];

		memmove(out, out + 1, (size_t)degree - 1);
		out[degree - 1] = 0;
		for (int j = 0; j < degree; j++)
			out[j] ^= multiply(g[j], factor);
	}
}

/* The last blocks are one word longer where the words do not divide: 7.6. */
static void interleave(struct qr *qr)
{
	int nr = blocks[qr->version], check = check_words[qr->version];
	int words = data_words(qr->version), shorter = words / nr, longer = words % nr;
	u8 g[30], rest[30];
	const u8 *data = qr->data;

	generator(g, check);
	for (int block = 0; block < nr; block++) {
		int n = shorter + (block >= nr - longer);

		for (int i = 0; i < n; i++)
			qr->codewords[i < shorter ? i * nr + block
						  : shorter * nr + block - (nr - longer)] = data[i];
		divide(data, n, g, check, rest);
		for (int i = 0; i < check; i++)
			qr->codewords[words + i * nr + block] = rest[i];
		data += n;
	}
}

/* ---- patterns ---- */

static void set_fixed(struct qr *qr, int row, int column, bool dark)
{
	if (row >= 0 && row < qr->size && column >= 0 && column < qr->size)
		qr->module[row][column] = QR_FIXED | dark;
}

/* Squares within squares around a middle; a finder has a light border besides. */
static void draw_square(struct qr *qr, int row, int column, int radius, bool finder)
{
	for (int y = -radius; y <= radius; y++)
		for (int x = -radius; x <= radius; x++) {
			int d = MAX(y < 0 ? -y : y, x < 0 ? -x : x);

			set_fixed(qr, row + y, column + x, finder ? d != 2 && d != 4 : d != 1);
		}
}

/* Where the middles of the alignment patterns are, in both directions. Their number. */
static int alignment(const struct qr *qr, int at[7])
{
	int n = qr->version / 7 + 2, version = qr->version;
	int step = (version * 8 + n * 3 + 5) / (n * 4 - 4) * 2;

	if (version == 1)
		return 0;
	at[0] = 6;
	for (int i = n - 1, where = qr->size - 7; i > 0; i--, where -= step)
		at[i] = where;
	return n;
}

static void draw_alignment(struct qr *qr)
{
	int at[7], n = alignment(qr, at);

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (!(i == 0 && j == 0) && !(i == 0 && j == n - 1) &&
			    !(i == n - 1 && j == 0))
				draw_square(qr, at[i], at[j], 2, false);
}

/* Level L and the mask with ten check bits of a BCH code, twice: 7.9. */
static void draw_format(struct qr *qr, u32 mask)
{
	u32 data = 1u << 3 | mask, rest = data, bits;

	for (int i = 0; i < 10; i++)
		rest = (rest << 1) ^ ((rest >> 9) * 0x537);
	bits = (data << 10 | rest) ^ 0x5412;
	for (int i = 0; i < 15; i++) {
		bool dark = bits >> i & 1;
		int first = i < 6 ? i : i < 8 ? i + 1 : 14 - i; /* past the timing pattern */

		if (i < 8)
			set_fixed(qr, first, 8, dark);
		else
			set_fixed(qr, 8, i == 8 ? 7 : first, dark);
		if (i < 8)
			set_fixed(qr, 8, qr->size - 1 - i, dark);
		else
			set_fixed(qr, qr->size - 15 + i, 8, dark);
	}
	set_fixed(qr, qr->size - 8, 8, true);
}

/* From version 7 on, with twelve check bits: 7.10. */
static void draw_version(struct qr *qr)
{
	u32 rest = (u32)qr->version, bits;

	if (qr->version < 7)
		return;
	for (int i = 0; i < 12; i++)
		rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
	bits = (u32)qr->version << 12 | rest;
	for (int i = 0; i < 18; i++) {
		int far = qr->size - 11 + i % 3, near = i / 3;

		set_fixed(qr, far, near, bits >> i & 1);
		set_fixed(qr, near, far, bits >> i & 1);
	}
}

static void draw_patterns(struct qr *qr)
{
	for (int i = 0; i < qr->size; i++) {
		set_fixed(qr, 6, i, i % 2 == 0);
		set_fixed(qr, i, 6, i % 2 == 0);
	}
	draw_alignment(qr);
	draw_square(qr, 3, 3, 4, true);
	draw_square(qr, 3, qr->size - 4, 4, true);
	draw_square(qr, qr->size - 4, 3, 4, true);
	draw_format(qr, 0);
	draw_version(qr);
}

/* ---- data ---- */

static void draw_data(struct qr *qr)
{
	int n = all_words(qr->version) * 8, i = 0;

	for (int right = qr->size - 1; right >= 1; right -= 2) {
		if (right == 6) /* the timing pattern */
			right = 5;
		for (int step = 0; step < qr->size; step++) {
			int row = (right + 1) & 2 ? step : qr->size - 1 - step;

			for (int column = right; column >= right - 1; column--) {
				if (qr->module[row][column] & QR_FIXED)
					continue;
				if (i < n)
					qr->module[row][column] =
						qr->codewords[i / 8] >> (7 - i % 8) & 1;
				i++;
			}
		}
	}
}

static bool masked(u32 mask, int row, int column)
{
	switch (mask) {
	case 0:
		return (row + column) % 2 == 0;
	case 1:
		return row % 2 == 0;
	case 2:
		return column % 3 == 0;
	case 3:
		return (row + column) % 3 == 0;
	case 4:
		return (row / 2 + column / 3) % 2 == 0;
	case 5:
		return row * column % 2 + row * column % 3 == 0;
	case 6:
		return (row * column % 2 + row * column % 3) % 2 == 0;
	default:
		return ((row + column) % 2 + row * column % 3) % 2 == 0;
	}
}

/* Applied twice it changes nothing. */
static void apply_mask(struct qr *qr, u32 mask)
{
	for (int row = 0; row < qr->size; row++)
		for (int column = 0; column < qr->size; column++)
			if (!(qr->module[row][column] & QR_FIXED))
				qr->module[row][column] ^= masked(mask, row, column);
}

/* ---- the choice of the mask: 7.8.3 ---- */

static bool dark_in(const struct qr *qr, bool by_row, int line, int at)
{
	return by_row ? qr_dark(qr, line, at) : qr_dark(qr, at, line);
}

/* Long runs of one colour, and what could be taken for a finder. */
static int line_penalty(const struct qr *qr, bool by_row, int line)
{
	int penalty = 0, run = 0;
	u32 seen = 0;

	for (int i = 0; i < qr->size; i++) {
		bool dark = dark_in(qr, by_row, line, i);

		run = i && dark == dark_in(qr, by_row, line, i - 1) ? run + 1 : 1;
		penalty += run == 5 ? 3 : run > 5;
		seen = (seen << 1 | dark) & 0x7ff;
		penalty += i >= 10 && (seen == 0x05d || seen == 0x5d0) ? 40 : 0;
	}
	return penalty;
}

static int penalty(const struct qr *qr)
{
	int sum = 0, dark = 0, all = qr->size * qr->size;

	for (int i = 0; i < qr->size; i++)
		sum += line_penalty(qr, true, i) + line_penalty(qr, false, i);
	for (int row = 0; row < qr->size; row++)
		for (int column = 0; column < qr->size; column++) {
			bool here = qr_dark(qr, row, column);

			dark += here;
			if (row && column && here == qr_dark(qr, row - 1, column) &&
			    here == qr_dark(qr, row, column - 1) &&
			    here == qr_dark(qr, row - 1, column - 1))
				sum += 3;
		}
	dark = dark * 20 - all * 10; /* from the half, in twentieths of all */
	return sum + (dark < 0 ? -dark : dark) / all * 10;
}

static void choose_mask(struct qr *qr)
{
	int least = 0;
	u32 best = 0;

	for (u32 mask = 0; mask < MASKS; mask++) {
		int p;

		draw_format(qr, mask);
		apply_mask(qr, mask);
		p = penalty(qr);
		apply_mask(qr, mask);
		if (mask == 0 || p < least) {
			least = p;
			best = mask;
		}
	}
	draw_format(qr, best);
	apply_mask(qr, best);
}

bool qr_encode(struct qr *qr, const u8 *text, size_t n)
{
	qr->version = n <= QR_MAX_BYTES ? smallest_version(n) : 0;
	if (!qr->version)
		return false;
	qr->size = 17 + 4 * qr->version;
	memset(qr->module, 0, sizeof(qr->module));
	fill_data(qr, text, n);
	interleave(qr);
	draw_patterns(qr);
	draw_data(qr);
	choose_mask(qr);
	return true;
}
