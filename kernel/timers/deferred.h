/* Timers that have expired in an interrupt, and whose signals kthreadd sends. */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"

extern spinlock_t deferred_lock;

struct due {
	void (*fn)(struct due *); /* by kthreadd, which holds deferred_lock */
	struct list_head link;    /* due_lock; valid while queued */
	bool queued;              /* due_lock */
};

static inline void due_init(struct due *d, void (*fn)(struct due *))
{
	*d = (struct due){.fn = fn};
}

void due_add(struct due *d); /* any context; no effect while it is queued */
/* Caller holds deferred_lock: on return `d` is not queued, and its function does not run. */
void due_cancel(struct due *d);
/* For kthreadd. */
bool due_any(void);
void due_run(void);
