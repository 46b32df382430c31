/* Scan codes of set 1 to characters. */
#include "tests/unit/host.h"

size_t strlcpy(char *dst, const char *src, size_t size);
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	n = n < size ? n : size - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}

#include "arch/x86_64/dev/console/keymap.c"

/* What a series of scan codes types. */
static const char *type(const char *codes, size_t n)
{
	static char text[64];
	struct keymap k = {0};
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += keymap_decode(&k, codes[i], text + len);
	text[len] = '\0';
	return text;
}
#define TYPE(codes) type(codes, sizeof(codes) - 1)

TEST(letters_and_digits)
{
	CHECK_STR(TYPE("\x1e\x9e\x30\xb0\x02\x82\x0b\x39"), "ab10 ");
	CHECK_STR(TYPE("\x2a\x1e\x9e\x02\xaa\x1e"), "A!a");
	CHECK_STR(TYPE("\x36\x0c\xb6\x0c\x0d\x28\x29\x2b\x33\x34\x35"), "_-='`\\,./");
}

TEST(editing_keys)
{
	CHECK_STR(TYPE("\x0e"), "\x7f");
	CHECK_STR(TYPE("\x0f\x1c\x01"), "\t\r\033");
	CHECK_STR(TYPE("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4d\xe0\x4b"), "\033[A\033[B\033[C\033[D");
	CHECK_STR(TYPE("\xe0\x47\xe0\x4f\xe0\x53\xe0\x49\xe0\x51"),
		  "\033[H\033[F\033[3~\033[5~\033[6~");
	CHECK_STR(TYPE("\xe0\x1c\xe0\x35"), "\r/");
}

TEST(fake_shift_around_arrows)
{
	CHECK_STR(TYPE("\xe0\x2a\xe0\x48\xe0\xaa\x1e"), "\033[Aa");
}

TEST(control_and_alt)
{
	CHECK_STR(TYPE("\x1d\x2e\x20\x9d\x2e"), "\003\004c");
	CHECK_STR(TYPE("\xe0\x1d\x2c\xe0\x9d"), "\032");
	CHECK_STR(TYPE("\x38\x30\xb8"), "\033b");
	CHECK_STR(TYPE("\x1d\x1a\x2b"), "\033\034");
}

TEST(caps_lock_is_for_letters)
{
	CHECK_STR(TYPE("\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\xba\x1e"), "A1aa");
}

TEST(pause_types_nothing)
{
	CHECK_STR(TYPE("\xe1\x1d\x45\xe1\x9d\xc5\x1e"), "a");
}

TEST(every_byte_after_every_byte)
{
	char out[KEY_MAX_CHARS];

	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			struct keymap k = {0};

			CHECK(keymap_decode(&k, a, out) <= KEY_MAX_CHARS);
			CHECK(keymap_decode(&k, b, out) <= KEY_MAX_CHARS);
		}
	}
}

TEST_MAIN
