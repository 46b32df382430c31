/* Priority inheritance: the owner of a lock runs at the priority of its best waiter. */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"

struct task;

/* A task that waits for a lock of another task. All fields: pi_lock. */
struct pi_waiter {
	struct task *task;
	struct task *owner;    /* holds the lock; cannot exit while this is in its list */
	struct list_head link; /* in owner->pi_waiters: by priority, then in order of arrival */
	int prio;              /* the task's effective priority when it was inserted */
};

extern spinlock_t pi_lock;

/* The caller of the next four holds pi_lock. */
/* Let w->task wait for `owner`. -EDEADLK: the chain of owners leads back to `w`, or is too long. */
int pi_block(struct pi_waiter *w, struct task *owner);
void pi_unblock(struct pi_waiter *w);                  /* it no longer waits */
void pi_pass(struct pi_waiter *w, struct task *owner); /* the lock has a new owner */
void pi_prio_changed(struct task *p);                  /* the normal_prio of `p` has changed */
void pi_init_task(struct task *p);                     /* set up a new task, which has no waiters */
