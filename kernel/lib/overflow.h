/* Sums of sizes and addresses that a program chose: an overflow is reported, or saturates. Pure. */
#pragma once

#include "kernel/lib/types.h"

/* The sum, or the largest number. */
static inline u64 add_saturating(u64 a, u64 b)
{
	u64 sum;

	return __builtin_add_overflow(a, b, &sum) ? ~0UL : sum;
}

/* *end becomes start + len. False when that is past the last number. */
static inline bool range_end(u64 start, u64 len, u64 *end)
{
	return !__builtin_add_overflow(start, len, end);
}

/* The same for `len` in whole pages of `page` bytes; false also when the rounding overflows. */
static inline bool page_range_end(u64 start, u64 len, u64 page, u64 *end)
{
	u64 rounded = (len + page - 1) & ~(page - 1);

	return rounded >= len && range_end(start, rounded, end);
}
