/* What the kernel tells the vDSO, in the page [vvar]: programs can read it. */
#pragma once

#include "kernel/lib/types.h"

/* Constant after boot. */
struct vdso_data {
	bool tsc;      /* the clock is the time-stamp counter: below is how to read it */
	u64 mult;      /* ns a tick, 32 bits after the point */
	u64 base;      /* counter at boot */
	u64 real_base; /* time of day at monotonic 0 */
};
