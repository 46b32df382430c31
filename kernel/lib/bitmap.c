/* Searching bitmaps, a word at a time. */
#include "kernel/lib/bitmap.h"

/* First bit in [from, size) that differs from those of `skip` (all ones or all zeroes), or `size`.
 */
static size_t find_other(const u64 *map, size_t size, size_t from, u64 skip)
{
	u64 word;

	if (from >= size)
		return size;
	word = (map[from / 64] ^ skip) & (~0UL << (from % 64));
	for (size_t i = from / 64;;) {
		if (word)
			return MIN(size, i * 64 + (size_t)__builtin_ctzl(word));
		if (++i >= BITS_TO_WORDS(size))
			return size;
		word = map[i] ^ skip;
	}
}

size_t bitmap_find_set(const u64 *map, size_t size, size_t from)
{
	return find_other(map, size, from, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t size, size_t from)
{
	return find_other(map, size, from, ~0UL);
}
