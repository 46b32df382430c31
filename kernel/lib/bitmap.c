/* Searching bitmaps, a word at a time. */
#include "kernel/lib/bitmap.h"

#include "kernel/lib/atomic.h"

/* First bit in [from, size) that differs from those of `skip` (all ones, all zeroes), or `size`. */
static size_t find_other(const u64 *map, size_t size, size_t from, u64 skip)
{
	u64 wanted = ~0UL << (from % 64); /* bits of the word */

	for (size_t i = from / 64; i < BITS_TO_WORDS(size); i++, wanted = ~0UL) {
		u64 word = (READ_ONCE(map[i]) ^ skip) & wanted;

		if (word)
			return MIN(size, i * 64 + (size_t)__builtin_ctzl(word));
	}
	return size;
}

size_t bitmap_find_set(const u64 *map, size_t size, size_t from)
{
	return find_other(map, size, from, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t size, size_t from)
{
	return find_other(map, size, from, ~0UL);
}
