/* The account of what is in use: account.c. */
#pragma once

#include "kernel/lib/types.h"

/* What must be equal before a test and after it. */
struct account {
	u64 free_pages; /* caches drained first */
	u64 slab_objects, tasks, pids, files;
};
void account_take(struct account *a);
/* True when equal; otherwise each difference is printed. */
bool account_equal(const struct account *before, const struct account *after);
