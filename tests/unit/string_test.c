/* The kernel's string functions against the C library's, on random bytes at every small offset. */
#include "tests/unit/host.h"

#define memcpy  k_memcpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define memchr  k_memchr
#define strlen  k_strlen
#define strnlen k_strnlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#define strchr  k_strchr
#define strrchr k_strrchr
#define strstr  k_strstr
#define strlcpy k_strlcpy
#include "kernel/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strlcpy

#define ROOM 200

static u8 ours[ROOM], theirs[ROOM];

static void fill(void)
{
	for (int i = 0; i < ROOM; i++)
		ours[i] = theirs[i] = (u8)host_random();
}

TEST(copy_and_move)
{
	for (int round = 0; round < 20000; round++) {
		size_t n = host_random_below(100), d = host_random_below(ROOM - n),
		       s = host_random_below(ROOM - n);

		fill();
		CHECK(k_memmove(ours + d, ours + s, n) == ours + d);
		memmove(theirs + d, theirs + s, n);
		if (!CHECK(memcmp(ours, theirs, ROOM) == 0))
			return;
		if (d + n > s && s + n > d)
			continue;
		k_memcpy(ours + d, ours + s, n);
		memcpy(theirs + d, theirs + s, n);
		if (!CHECK(memcmp(ours, theirs, ROOM) == 0))
			return;
	}
}

TEST(set)
{
	for (int round = 0; round < 5000; round++) {
		size_t n = host_random_below(100), d = host_random_below(ROOM - n);
		int c = (int)host_random();

		fill();
		CHECK(k_memset(ours + d, c, n) == ours + d);
		memset(theirs + d, c, n);
		if (!CHECK(memcmp(ours, theirs, ROOM) == 0))
			return;
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

TEST(compare_and_find)
{
	for (int round = 0; round < 20000; round++) {
		char a[12], b[12];
		int c = 'a' + (int)host_random_below(3);
		size_t n = host_random_below(sizeof(a));

		for (size_t i = 0; i < sizeof(a); i++) { /* a tiny alphabet, so that things match */
			a[i] = (char)('a' + host_random_below(3));
			b[i] = host_random_below(4)
				       ? a[i]
				       : (char)(host_random_below(2) ? 'b' : 0x80 + 'b');
		}
		a[host_random_below(sizeof(a))] = a[sizeof(a) - 1] = '\0';
		b[host_random_below(sizeof(b))] = b[sizeof(b) - 1] = '\0';
		CHECK_EQ(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
		CHECK_EQ(sign(k_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		CHECK_EQ(sign(k_memcmp(a, b, n)), sign(memcmp(a, b, n)));
		CHECK_EQ(k_strlen(a), strlen(a));
		CHECK_EQ(k_strnlen(a, n), strnlen(a, n));
		CHECK(k_strchr(a, c) == strchr(a, c));
		CHECK(k_strchr(a, 0) == strchr(a, 0));
		CHECK(k_strrchr(a, c) == strrchr(a, c));
		CHECK(k_memchr(a, c, n) == memchr(a, c, n));
		b[2] = '\0';
		CHECK(k_strstr(a, b) == strstr(a, b));
	}
}

TEST(truncating_copy)
{
	char buf[6];

	CHECK_EQ(k_strlcpy(buf, "abc", sizeof(buf)), 3);
	CHECK_STR(buf, "abc");
	CHECK_EQ(k_strlcpy(buf, "abcdefgh", sizeof(buf)), 5);
	CHECK_STR(buf, "abcde");
	CHECK_EQ(k_strlcpy(buf, "abcdefgh", 1), 0);
	CHECK_STR(buf, "");
	buf[0] = 'z';
	CHECK_EQ(k_strlcpy(buf, "abc", 0), 0);
	CHECK_EQ(buf[0], 'z');
}

TEST_MAIN
