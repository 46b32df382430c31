/* Fault injection: exactly the N-th pass fails, once. */
#include "kernel/lib/string.h"
#include "tests/unit/host.h"
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}
#include "kernel/lib/parse.c"
#include "kernel/lib/fault_injection.c"

FAULT_SITE(first, "first");
FAULT_SITE(second, "second.site");

static int passes_until_failure(struct fault_site *site, int limit)
{
	for (int n = 1; n <= limit; n++)
		if (should_fail(site))
			return n;
	return 0;
}

TEST(nth_pass_fails_once)
{
	for (u32 n = 1; n < 20; n++) {
		CHECK_EQ(fault_arm("first", n), 0);
		CHECK_EQ(passes_until_failure(&first, 100), n);
		CHECK_EQ(passes_until_failure(&first, 100), 0);
		CHECK_EQ(first.failures, n);
	}
	CHECK_EQ(passes_until_failure(&second, 100), 0);
	CHECK_EQ(second.passes, 100);
}

TEST(zero_disarms)
{
	CHECK_EQ(fault_arm("second.site", 5), 0);
	CHECK_EQ(fault_arm("second.site", 0), 0);
	CHECK_EQ(passes_until_failure(&second, 100), 0);
}

TEST(specifications)
{
	CHECK_EQ(fault_parse("first:3"), 0);
	CHECK_EQ(first.countdown, 3);
	CHECK_EQ(fault_parse("first:0"), 0);
	CHECK_EQ(first.countdown, 0);
	CHECK_EQ(fault_parse("third:3"), -ENOENT);
	CHECK_EQ(fault_parse("firs:3"), -ENOENT);
	CHECK_EQ(fault_parse("first"), -EINVAL);
	CHECK_EQ(fault_parse("first:"), -EINVAL);
	CHECK_EQ(fault_parse(":3"), -EINVAL);
	CHECK_EQ(fault_parse("first:x"), -EINVAL);
	CHECK_EQ(fault_parse("first:4294967296"), -EINVAL);
	CHECK_EQ(fault_parse("a.name.that.is.far.too.long.for.any.site:3"), -EINVAL);
	CHECK_EQ(first.countdown, 0);
}

TEST_MAIN
