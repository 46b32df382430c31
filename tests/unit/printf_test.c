/* The kernel's printf against the C library's, where both promise the same. */
#include "tests/unit/host.h"

#define snprintf  k_snprintf
#define vsnprintf k_vsnprintf
#define scnprintf k_scnprintf
int k_snprintf(char *buf, size_t size, const char *fmt, ...);
int k_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int k_scnprintf(char *buf, size_t size, const char *fmt, ...);
#include "kernel/lib/printf.c"
#undef snprintf

const char *symbol_name(u64 addr, char *buf, size_t n)
{
	k_snprintf(buf, n, "sym+%#lx", addr);
	return buf;
}

/* Format with both, with enough room and with none: text and length must agree. */
#define SAME(...)                                                                        \
	do {                                                                             \
		char ours[256], theirs[256];                                             \
		for (size_t room = 0; room <= sizeof(ours); room += room < 8 ? 1 : 62) { \
			memset(ours, '#', sizeof(ours));                                 \
			memset(theirs, '#', sizeof(theirs));                             \
			CHECK_EQ(k_snprintf(ours, room, __VA_ARGS__),                    \
				 snprintf(theirs, room, __VA_ARGS__));                   \
			CHECK(memcmp(ours, theirs, sizeof(ours)) == 0);                  \
		}                                                                        \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"

TEST(integers)
{
	SAME("%d %i %u", 0, -1, 4000000000u);
	SAME("%ld %lu %lx", INT64_MIN, UINT64_MAX, UINT64_MAX);
	SAME("%lld %llu %zu", (long long)-5, 7ull, (size_t)99);
	SAME("%hd %hu %hhd %hhu", 70000, 70000, 300, 300);
	SAME("%o %x %X %#o %#x %#X %#x %#o", 8, 255, 255, 8, 255, 255, 0, 0);
	SAME("%.0d|%.0x|%#.0o", 0, 0, 0);
}

TEST(flags_width_precision_all_combinations)
{
	static const char *const flags[] = {"",   "-",  "+",  " ",  "0",  "#",
					    "-0", "+0", " 0", "#0", "-#", "-+"};
	static const char *const sizes[] = {"",   "1",  "5",    "12",   ".0",
					    ".3", ".8", "12.5", "5.12", "012.4"};
	static const long values[] = {0, 1, -1, 7, 42, -42, 123456, -123456, 255};
	char fmt[32];

	for (size_t f = 0; f < ARRAY_SIZE(flags); f++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t v = 0; v < ARRAY_SIZE(values); v++)
				for (const char *c = "duxXo"; *c; c++) {
					char ours[64], theirs[64];

					snprintf(fmt, sizeof(fmt), "<%%%s%sl%c>", flags[f],
						 sizes[s], *c);
					k_snprintf(ours, sizeof(ours), fmt, values[v]);
					snprintf(theirs, sizeof(theirs), fmt, values[v]);
					if (!CHECK_STR(ours, theirs))
						printf("# format %s\n", fmt);
				}
}

TEST(strings_and_characters)
{
	SAME("%s|%10s|%-10s|%.2s|%10.3s|%-10.3s|", "abc", "abc", "abc", "abc", "abcdef", "abcdef");
	SAME("%c%c%5c|%-5c|%%", 'x', 'y', 'z', 'w');
	SAME("%*d|%-*d|%*d|%.*s", 6, 42, 6, 42, -6, 42, 2, "hello");
	SAME("%s", "");
}

TEST(precision_guards_an_unterminated_string)
{
	char raw[4] = {'a', 'b', 'c', 'd'};
	char out[16];

	k_snprintf(out, sizeof(out), "%.4s", raw);
	CHECK_STR(out, "abcd");
}

TEST(pointers)
{
	char out[64];

	k_snprintf(out, sizeof(out), "%p", (void *)0xdeadbeef);
	CHECK_STR(out, "0xdeadbeef");
	k_snprintf(out, sizeof(out), "at %pS!", (void *)0x1234);
	CHECK_STR(out, "at sym+0x1234!");
	k_snprintf(out, sizeof(out), "%s", (char *)NULL);
	CHECK_STR(out, "(null)");
}

TEST(unknown_conversions_are_shown)
{
	char out[32];

	k_snprintf(out, sizeof(out), "%y|%");
	CHECK_STR(out, "%y|%");
}

TEST(scnprintf_says_what_was_written)
{
	char out[8];

	CHECK_EQ(k_scnprintf(out, sizeof(out), "%s", "0123456789"), 7);
	CHECK_STR(out, "0123456");
	CHECK_EQ(k_scnprintf(out, sizeof(out), "ab"), 2);
	CHECK_EQ(k_scnprintf(out, 0, "ab"), 0);
}

TEST_MAIN
