/* Bitmap searches against a naive walk over an array of bool. */
#include "kernel/lib/bitmap.c"
#include "tests/unit/host.h"

#define BITS 300

static u64 *map; /* exactly as long as needed, so that the sanitizer sees a read past the end */
static bool model[BITS];

static size_t naive(bool want, size_t size, size_t from)
{
	for (size_t i = from; i < size; i++)
		if (model[i] == want)
			return i;
	return size;
}

static void check_all(size_t size)
{
	for (size_t from = 0; from <= size; from++) {
		CHECK_EQ(bitmap_find_set(map, size, from), naive(true, size, from));
		CHECK_EQ(bitmap_find_clear(map, size, from), naive(false, size, from));
	}
}

TEST(random_bits_of_every_size)
{
	for (size_t size = 1; size <= BITS; size++) {
		map = calloc(BITS_TO_WORDS(size), sizeof(u64));
		for (size_t i = 0; i < size; i++) {
			model[i] = host_random_below(8) == 0;
			if (model[i])
				bitmap_set(map, i);
		}
		check_all(size);
		for (size_t i = 0; i < size; i++) /* and in mostly full maps */
			if (host_random_below(8)) {
				bitmap_set(map, i);
				model[i] = true;
			} else {
				bitmap_clear(map, i);
				model[i] = false;
			}
		check_all(size);
		for (size_t i = 0; i < size; i++)
			CHECK_EQ(bitmap_test(map, i), model[i]);
		free(map);
	}
}

TEST(bits_behind_the_end_are_not_found)
{
	u64 one = ~0UL;

	CHECK_EQ(bitmap_find_set(&one, 10, 10), 10);
	CHECK_EQ(bitmap_find_clear(&one, 10, 0), 10);
	one = 1UL << 20;
	CHECK_EQ(bitmap_find_set(&one, 10, 0), 10);
	CHECK_EQ(bitmap_find_set(&one, 64, 0), 20);
	CHECK_EQ(bitmap_find_set(&one, 0, 0), 0);
}

TEST_MAIN
