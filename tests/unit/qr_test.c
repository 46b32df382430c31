/* QR codes, read back by zbarimg of the package zbar-tools: another reader than ours, which has
 * none. */
// sources: kernel/lib/qr.c
#include "tests/unit/host.h"

#include "kernel/lib/qr.h"

FILE *popen(const char *, const char *);
int pclose(FILE *);
int mkstemp(char *);
FILE *fdopen(int, const char *);

#define SCALE 4
#define QUIET 4
#define LIGHT 255

static struct qr qr;
static char picture[32]; /* a file's name */

static void draw(void)
{
	int side = (qr.size + 2 * QUIET) * SCALE;
	FILE *out;

	strcpy(picture, "/tmp/bident-qr-XXXXXX");
	out = fdopen(mkstemp(picture), "wb");
	fprintf(out, "P5 %d %d 255\n", side, side);
	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++) {
			int row = y / SCALE - QUIET, column = x / SCALE - QUIET;
			bool inside = row >= 0 && row < qr.size && column >= 0 && column < qr.size;

			fputc(inside && qr_dark(&qr, row, column) ? 0 : LIGHT, out);
		}
	fclose(out);
}

/* What zbarimg reads on the picture, and a zero. */
static void decode(char *text, size_t room)
{
	char command[100];
	FILE *in;

	snprintf(command, sizeof(command), "zbarimg -q --raw -Sbinary %s 2>/dev/null", picture);
	in = popen(command, "r");
	text[fread(text, 1, room - 1, in)] = '\0';
	remove(picture);
	CHECK_EQ(pclose(in), 0); /* 127: it is not installed; tools/setup does that */
}

static void check_text(const char *text, int version)
{
	char back[QR_MAX_BYTES + 100];

	if (!CHECK(qr_encode(&qr, (const u8 *)text, strlen(text))))
		return;
	CHECK_EQ(qr.version, version);
	draw();
	decode(back, sizeof(back));
	CHECK_STR(back, text);
}

/* Printable characters and ends of lines, as reports consist of. */
static const char *some_text(size_t n)
{
	static char text[QR_MAX_BYTES + 2];

	for (size_t i = 0; i < n; i++)
		text[i] = host_random_below(40) ? (char)(' ' + host_random_below(95)) : '\n';
	text[n] = '\0';
	return text;
}

/* Bytes that a version holds at level L: ISO/IEC 18004, table 7. */
static const size_t holds[QR_MAX_VERSION + 1] = {0,   17,  32,  53,  78,  106, 134,
						 154, 192, 230, 271, 321, 367, 425,
						 458, 520, 586, 644, 718, 792, 858};

TEST(every_version_full)
{
	for (int v = 1; v <= QR_MAX_VERSION; v++)
		check_text(some_text(holds[v]), v);
}

TEST(every_version_as_empty_as_it_can_be)
{
	for (int v = 1; v <= QR_MAX_VERSION; v++)
		check_text(some_text(holds[v - 1] + 1), v);
}

TEST(too_long)
{
	CHECK(!qr_encode(&qr, (const u8 *)some_text(QR_MAX_BYTES + 1), QR_MAX_BYTES + 1));
	CHECK(!qr_encode(&qr, (const u8 *)"", (size_t)-1));
}

/* A long run of one letter wants another mask than a mixed text. */
TEST(texts_that_want_other_masks)
{
	char text[200];

	for (int c = ' '; c <= '~'; c += 6) {
		memset(text, c, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		check_text(text, 9);
	}
}

TEST_MAIN
