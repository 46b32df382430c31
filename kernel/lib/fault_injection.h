/* Fault injection. A site is a place that can fail for want of memory; `fail=SITE:N` on the command
 * line, or `set fail SITE:N` in the shell, makes the N-th pass through it fail, once. In-kernel
 * suites arm sites directly and learn from the count whether the failure was reached. */
#pragma once

#include "kernel/lib/types.h"

struct fault_site {
	const char *name;
	u32 countdown; /* passes left until one fails; 0: not armed */
	u64 passes, failures;
};

LINKER_SET_DECLARE(fault_sites, struct fault_site);

#define FAULT_SITE(id, text)                            \
	static struct fault_site id = {.name = (text)}; \
	LINKER_SET_ADD(fault_sites, id)

bool fault_hit(struct fault_site *site); /* slow path */

static inline bool should_fail(struct fault_site *site)
{
	site->passes++;
	return unlikely(site->countdown) && fault_hit(site);
}
/* Arm the site called `name`: 0, or -ENOENT when there is none. n = 0 disarms. */
int fault_arm(const char *name, u32 n);
/* "SITE:N", as on the command line. 0, -ENOENT or -EINVAL. */
int fault_parse(const char *spec);
