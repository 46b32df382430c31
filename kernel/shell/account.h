/* An account of the resources in use. */
#pragma once

#include "kernel/lib/types.h"

/* The counts must be equal before a test and after it. */
struct account {
	u64 free_pages; /* caches drained first */
	u64 slab_objects, tasks, pids, files;
};
void account_take(struct account *a);
/* Compare two accounts and print each difference. */
bool account_equal(const struct account *before, const struct account *after);
