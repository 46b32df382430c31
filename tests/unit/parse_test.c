/* Numbers: the whole text is a number, or there is an error and the result is unchanged. */
#include "kernel/lib/parse.c"
#include "tests/unit/host.h"

static int u(const char *s, u64 *v)
{
	*v = 77;
	return parse_u64(s, v);
}

static int i(const char *s, s64 *v)
{
	*v = 77;
	return parse_s64(s, v);
}

TEST(good_unsigned)
{
	static const struct {
		const char *text;
		u64 value;
	} cases[] = {
		{"0", 0},
		{"7", 7},
		{"10", 10},
		{"010", 8},
		{"0x10", 16},
		{"0XfF", 255},
		{"00", 0},
		{"18446744073709551615", UINT64_MAX},
		{"0xffffffffffffffff", UINT64_MAX},
		{"01777777777777777777777", UINT64_MAX},
	};
	u64 v;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		CHECK_EQ(u(cases[n].text, &v), 0);
		CHECK_EQ(v, cases[n].value);
	}
}

TEST(bad_unsigned)
{
	static const char *const bad[] = {"",   " 1", "1 ", "x",   "0x",  "08",
					  "1a", "-1", "+1", "0xg", "1.0", "a"};
	static const char *const big[] = {"18446744073709551616", "0x10000000000000000",
					  "99999999999999999999999"};
	u64 v;

	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		CHECK_EQ(u(bad[n], &v), -EINVAL);
		CHECK_EQ(v, 77);
	}
	for (size_t n = 0; n < ARRAY_SIZE(big); n++) {
		CHECK_EQ(u(big[n], &v), -ERANGE);
		CHECK_EQ(v, 77);
	}
}

TEST(signed_numbers)
{
	s64 v;

	CHECK_EQ(i("-9223372036854775808", &v), 0);
	CHECK_EQ(v, INT64_MIN);
	CHECK_EQ(i("9223372036854775807", &v), 0);
	CHECK_EQ(v, INT64_MAX);
	CHECK_EQ(i("+5", &v), 0);
	CHECK_EQ(v, 5);
	CHECK_EQ(i("-0x10", &v), 0);
	CHECK_EQ(v, -16);
	CHECK_EQ(i("9223372036854775808", &v), -ERANGE);
	CHECK_EQ(i("-9223372036854775809", &v), -ERANGE);
	CHECK_EQ(i("-", &v), -EINVAL);
	CHECK_EQ(i("--1", &v), -EINVAL);
	CHECK_EQ(v, 77);
}

TEST(random_round_trip)
{
	char text[32];
	s64 v;

	for (int n = 0; n < 10000; n++) {
		s64 want = (s64)host_random() >> host_random_below(64);

		snprintf(text, sizeof(text), "%ld", want);
		CHECK_EQ(parse_s64(text, &v), 0);
		CHECK_EQ(v, want);
	}
}

TEST_MAIN
