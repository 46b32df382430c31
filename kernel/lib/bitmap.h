/* Bitmaps: arrays of 64-bit words, bit 0 first. Not atomic: the owner's lock guards them. */
#pragma once

#include "kernel/lib/types.h"

#define BITS_TO_WORDS(n) DIV_ROUND_UP(n, 64)

static inline bool bitmap_test(const u64 *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}
static inline void bitmap_set(u64 *map, size_t bit)
{
	map[bit / 64] |= 1UL << (bit % 64);
}
static inline void bitmap_clear(u64 *map, size_t bit)
{
	map[bit / 64] &= ~(1UL << (bit % 64));
}
/* First set or clear bit in [from, size), or `size`. */
size_t bitmap_find_set(const u64 *map, size_t size, size_t from);
size_t bitmap_find_clear(const u64 *map, size_t size, size_t from);
