/* Priority inheritance: who holds a lock runs at the priority of the best who waits for it. */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"

struct task;

/* One task that waits for a lock another one holds. All fields: pi_lock. */
struct pi_waiter {
	struct task *task;
	struct task *owner;    /* who holds the lock; it cannot end while this is in its list */
	struct list_head link; /* in owner->pi_waiters, equals in the order they came */
	int prio;              /* the task's own, by which it is in its place */
};

extern spinlock_t pi_lock;

/* The next three with pi_lock held. */
/* `w->task` waits for `owner`, who may himself wait for somebody, and so on. -EDEADLK when that
 * leads back to w->task, or is longer than any sane program makes it. */
int pi_block(struct pi_waiter *w, struct task *owner);
/* It does not wait any more. */
void pi_unblock(struct pi_waiter *w);
/* The lock has another owner now. */
void pi_pass(struct pi_waiter *w, struct task *owner);
/* `p` has another normal_prio. pi_lock is held. */
void pi_prio_changed(struct task *p);
/* A fresh task: nobody waits for it. */
void pi_init_task(struct task *p);
