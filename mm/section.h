/* Memory that is brought in when it is first needed. */
#pragma once

#include "boot/boot_info.h"
#include "kernel/lib/types.h"

#ifndef SECTION_SIZE
#define SECTION_SIZE (128UL << 20) /* its struct pages fill one large page */
#define DEFER_ABOVE  (4UL << 30)
#endif

struct range {
	phys_addr_t start, end;
};
#define MAX_RANGES (2 * BOOT_MAX_RANGES) /* of free memory */

/* The sections of a free range that are set aside; empty, at its end, if there are none. */
struct range deferred_part(struct range r);
void defer_range(struct range r); /* boot time only: set these sections aside */
/* Give the allocator one section. False: none is left. Any context. */
bool bring_in_section(void);
u64 nr_deferred_pages(void); /* in sections that are set aside, without their struct pages */
