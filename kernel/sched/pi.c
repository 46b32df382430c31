/*
 * Priority inheritance.
 *
 * A task of high priority that waits for a lock of a task of low priority would in effect wait for
 * every task of a priority in between. So the waiter lends its priority to the owner of the lock;
 * if the owner waits for a lock itself, also to the owner of that one, and so on along the chain.
 * This file knows which task waits for which; kernel/futex/futex_pi.c knows the locks.
 *
 * Each owner has one list of the waiters for all its locks, the best first; its `boost` is the
 * priority of that first waiter. A change of a list is carried up the chain until a boost stays the
 * same. pi_lock guards all of it: while it is held a chain does not change, and no task in it can
 * exit. A chain has no cycle, because pi_block() refuses to close one. The lock is taken only when
 * a task has to wait.
 */
#include "kernel/sched/pi.h"

#include "kernel/sched/rq.h"

#define CHAIN_MAX 1024 /* as Linux's max_lock_depth */

spinlock_t pi_lock = SPINLOCK_INIT(LOCK_PI);

void pi_init_task(struct task *p)
{
	p->boost = MAX_PRIO;
	list_init(&p->pi_waiters);
}

/* Insert behind the waiters of the same or a better priority. Searches from the end: the list may
 * be long, and usually most priorities are equal. */
static void insert(struct pi_waiter *w, struct task *owner)
{
	struct list_head *at = owner->pi_waiters.prev;

	w->owner = owner;
	w->prio = effective_prio(w->task);
	while (at != &owner->pi_waiters && list_entry(at, struct pi_waiter, link)->prio > w->prio)
		at = at->prev;
	list_add(&w->link, at);
}

/* The list of `p` has changed. True: its boost has too. */
static bool update_boost(struct task *p)
{
	int boost = MAX_PRIO;

	if (!list_empty(&p->pi_waiters))
		boost = list_first_entry(&p->pi_waiters, struct pi_waiter, link)->prio;
	if (boost == p->boost)
		return false;
	sched_set_boost(p, boost);
	return true;
}

/* Update the place of `p` in the list of the task that it waits for, and so on along the chain. */
void pi_prio_changed(struct task *p)
{
	struct pi_waiter *w;

	while ((w = p->pi_blocked) != NULL) {
		p = w->owner;
		list_del(&w->link);
		insert(w, p);
		if (!update_boost(p))
			return;
	}
}

static void update_chain(struct task *p)
{
	if (update_boost(p))
		pi_prio_changed(p);
}

static bool closes_cycle(const struct task *owner, const struct task *waiter)
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
	if (closes_cycle(owner, w->task))
		return -EDEADLK;
	guarded(w->task, pi_blocked) = w;
	insert(w, owner);
	update_chain(owner);
	return 0;
}

void pi_unblock(struct pi_waiter *w)
{
	guarded(w->task, pi_blocked) = NULL;
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
