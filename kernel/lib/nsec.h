/* Times are counted in nanoseconds. */
#pragma once

#define NSEC_PER_SEC  1000000000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_USEC 1000UL
#define TIME_FOREVER  (~0UL)
