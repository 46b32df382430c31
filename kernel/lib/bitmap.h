/* Bitmaps: arrays of 64-bit words, bit 0 first. */
#pragma once

#include "kernel/lib/types.h"

#define BITS_TO_WORDS(n) DIV_ROUND_UP(n, 64)

static inline bool bitmap_test(const u64 *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}
/* Not atomic: the owner's lock guards the bitmap. */
static inline void bitmap_set(u64 *map, size_t bit)
{
	map[bit / 64] |= 1UL << (bit % 64);
}
static inline void bitmap_clear(u64 *map, size_t bit)
{
	map[bit / 64] &= ~(1UL << (bit % 64));
}
/* Set a clear bit without a lock. False: the bit was set already. */
static inline bool bitmap_claim(u64 *map, size_t bit)
{
	u64 mask = 1UL << (bit % 64);

	return !(__atomic_fetch_or(&map[bit / 64], mask, __ATOMIC_ACQUIRE) & mask);
}
static inline void bitmap_release(u64 *map, size_t bit)
{
	__atomic_fetch_and(&map[bit / 64], ~(1UL << (bit % 64)), __ATOMIC_RELEASE);
}
/* First set or clear bit in [from, size), or `size`. */
size_t bitmap_find_set(const u64 *map, size_t size, size_t from);
size_t bitmap_find_clear(const u64 *map, size_t size, size_t from);
