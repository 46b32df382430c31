/*
 * Priority inheritance.
 *
 * A task of high priority that waits for a lock held by one of low priority would in truth wait for
 * everybody in between. So it lends its priority to the owner; and when the owner itself waits for
 * a lock, further on to the owner of that one: a chain. Here is only who waits for whom; what is
 * waited for is the business of kernel/futex/futex_pi.c.
 *
 * Each owner has one list of all who wait for any of its locks, the best first, and its `boost` is
 * the priority of that first one. Whoever changes a list goes up the chain until nothing changes.
 * One lock, pi_lock, guards it all: a chain then stands still while it is walked, has no circle,
 * because pi_block() refuses the one that would close it, and nobody in it can end. It is taken
 * only when somebody has to wait.
 */
#include "kernel/sched/pi.h"

#include "kernel/sched/rq.h"
#include "kernel/task.h"

#define CHAIN_MAX 1024 /* as Linux's max_lock_depth */

spinlock_t pi_lock = SPINLOCK_INIT(LOCK_PI);

void pi_init_task(struct task *p)
{
	p->boost = MAX_PRIO;
	list_init(&p->pi_waiters);
}

/* Into its place: behind those that are as good. From the end, for mostly all are as good as each
 * other, and there can be very many. */
static void insert(struct pi_waiter *w, struct task *owner)
{
	struct list_head *at = owner->pi_waiters.prev;

	w->owner = owner;
	w->prio = effective_prio(w->task);
	while (at != &owner->pi_waiters && list_entry(at, struct pi_waiter, link)->prio > w->prio)
		at = at->prev;
	list_add(&w->link, at);
}

/* The list of `p` has changed: so may what is lent to it, and then its own place in the list of
 * whom it waits for. */
static void update_chain(struct task *p)
{
	for (;;) {
		struct pi_waiter *w = p->pi_blocked;
		int boost =
			list_empty(&p->pi_waiters)
				? MAX_PRIO
				: list_first_entry(&p->pi_waiters, struct pi_waiter, link)->prio;

		if (boost == p->boost)
			return;
		sched_set_boost(p, boost);
		if (!w)
			return;
		list_del(&w->link);
		insert(w, w->owner);
		p = w->owner;
	}
}

static bool closes_circle(const struct task *owner, const struct task *waiter)
{
	for (int depth = 0; depth < CHAIN_MAX; depth++) {
		if (owner == waiter)
			return true;
		if (!owner->pi_blocked)
			return false;
		owner = owner->pi_blocked->owner;
	}
	return true;
}

int pi_block(struct pi_waiter *w, struct task *owner)
{
	if (closes_circle(owner, w->task))
		return -EDEADLK;
	w->task->pi_blocked = w;
	insert(w, owner);
	update_chain(owner);
	return 0;
}

void pi_unblock(struct pi_waiter *w)
{
	w->task->pi_blocked = NULL;
	list_del(&w->link);
	update_chain(w->owner);
}

void pi_pass(struct pi_waiter *w, struct task *owner)
{
	struct task *before = w->owner;

	list_del(&w->link);
	insert(w, owner);
	update_chain(before);
	update_chain(owner);
}

void pi_prio_changed(struct task *p)
{
	struct pi_waiter *w = p->pi_blocked;

	if (!w)
		return;
	list_del(&w->link);
	insert(w, w->owner);
	update_chain(w->owner);
}
