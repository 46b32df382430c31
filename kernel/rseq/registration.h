/* What a task has registered by rseq(2). */
#pragma once

#include "kernel/lib/types.h"

/* Only the task itself writes it, and fork before the task runs. All zero: no registration. */
struct rseq_registration {
	u64 area; /* user address of its struct rseq; 0: none */
	u32 len;
	u32 sig;            /* must stand before each abort handler */
	u32 cpu_id, mm_cid; /* what was last written to the area, or is about to be */
};
