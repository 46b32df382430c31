/* Which known name is suggested for an unknown one. */
#include "kernel/lib/nearest.c"
#include "tests/unit/host.h"

/* The distance by its definition, without a table. */
static u32 slow(const char *a, const char *b)
{
	u32 d;

	if (!*a || !*b)
		return strlen(a) + strlen(b);
	if (*a == *b)
		return slow(a + 1, b + 1);
	d = MIN(slow(a + 1, b), slow(a, b + 1));
	return 1 + MIN(d, slow(a + 1, b + 1));
}

TEST(distance)
{
	static const char *const names[] = {"",      "a",      "b",      "ab",  "ba",
					    "fork",  "frok",   "forks",  "for", "quiet",
					    "quite", "kitten", "sitting"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			CHECK_EQ(edit_distance(names[i], names[j]), slow(names[i], names[j]));
}

TEST(too_long)
{
	static char name[NEAREST_MAX + 2];

	memset(name, 'x', NEAREST_MAX);
	CHECK_EQ(edit_distance(name, ""), NEAREST_MAX);
	CHECK_EQ(edit_distance("", name), NEAREST_MAX);
	name[NEAREST_MAX] = 'x';
	CHECK_EQ(edit_distance(name, "x"), UINT32_MAX);
	CHECK_EQ(edit_distance("x", name), UINT32_MAX);
}

TEST(nearer)
{
	u32 best = UINT32_MAX;

	CHECK(!is_nearer("sched.fuzz", "fork.share", &best));
	CHECK(is_nearer("frok.shar", "fork.share", &best));
	CHECK(!is_nearer("frok.shar", "fork.share", &best));
	CHECK(is_nearer("frok.shar", "frok.shar", &best));
	best = UINT32_MAX;
	CHECK(!is_nearer("x", "init", &best));
	CHECK(!is_nearer("", "init", &best));
}

TEST_MAIN
