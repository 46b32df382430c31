/*
 * Mutexes: sleeping locks. An unlock wakes the first waiter but leaves the mutex free, so that
 * another running task may take it before the woken one does; otherwise a contended mutex would
 * cost a switch each time. A waiter that was woken and found the mutex taken gets it handed over at
 * the next unlock, so no waiter starves.
 */
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/sched/rq.h"
#include "kernel/time/timer.h"

struct mutex_waiter {
	struct task *task;
	struct list_head link;
	bool outrun; /* it was woken, but another task took the mutex first */
};

static struct task *owner_of(const struct mutex *m)
{
	return (struct task *)(READ_ONCE(m->owner) & ~MUTEX_WAITED);
}

void mutex_init(struct mutex *m, enum lock_class class)
{
	*m = (struct mutex)MUTEX_INIT(*m, class);
}

/* Debug builds: report once that one owner has held the mutex too long. The time starts again with
 * each owner, since a long queue may wait longer without a fault. The owner needs wait_lock to
 * unlock, so it cannot exit during the check. */
static void check_wait(const struct mutex *m, const struct task **owner, u64 *since)
{
	if (*since == 0)
		return;
	if (owner_of(m) != *owner || !*owner) {
		*owner = owner_of(m);
		*since = ktime_get();
	}
	if (ktime_get() - *since < STALL_NS)
		return;
	*since = 0;
	stall_report_task(owner_of(m), "mutex %p (%s) has been held for more than a second",
			  (const void *)m, lock_class_name(m->class));
}

#define SPINS 256

/* An owner that runs on another CPU will probably unlock sooner than this task could sleep and be
 * woken. The owner may have exited meanwhile; its memory is only read. */
static bool worth_spinning(const struct mutex *m)
{
	const struct task *owner = owner_of(m);

	return owner && READ_ONCE(owner->on_cpu) && !need_resched();
}

static bool spin_for(struct mutex *m)
{
	for (int i = 0; i < SPINS && worth_spinning(m); i++) {
		cpu_relax();
		if (mutex_trylock_fast(m))
			return true;
	}
	return false;
}

/* Succeeds if the mutex is free or its last owner handed it to this task. The caller holds
 * wait_lock. MUTEX_WAITED makes the owner call mutex_hand_over(), which takes wait_lock. */
static bool take(struct mutex *m)
{
	u64 owner = __atomic_fetch_or(&m->owner, MUTEX_WAITED, __ATOMIC_ACQUIRE) & ~MUTEX_WAITED;

	return owner == 0 || owner == (u64)current;
}

/* The caller holds wait_lock; it is released while the task sleeps. */
static __sched void sleep_for(struct mutex *m, struct mutex_waiter *w, u64 *flags)
{
	u64 since = DEBUG_CHECKS ? ktime_get() : 0;
	const struct task *owner = owner_of(m);

	while (!take(m)) {
		if (DEBUG_CHECKS)
			check_wait(m, &owner, &since);
		current->state = TASK_UNINTERRUPTIBLE;
		spin_unlock_irqrestore(&m->wait_lock, *flags);
		schedule_until(DEBUG_CHECKS && since ? since + STALL_NS : TIME_FOREVER);
		*flags = spin_lock_irqsave(&m->wait_lock);
		w->outrun = owner_of(m) != NULL;
	}
	current->state = TASK_RUNNING;
}

__sched void mutex_wait(struct mutex *m)
{
	struct mutex_waiter w = {.task = current};
	u64 flags;

	if (spin_for(m))
		return;
	flags = spin_lock_irqsave(&m->wait_lock);
	list_add_tail(&w.link, &m->waiters);
	current->waits_for = m;
	sleep_for(m, &w, &flags);
	current->waits_for = NULL;
	list_del(&w.link);
	__atomic_store_n(&m->owner, (u64)current | (list_empty(&m->waiters) ? 0 : MUTEX_WAITED),
			 __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

void mutex_hand_over(struct mutex *m)
{
	guard_irq(&m->wait_lock);
	const struct mutex_waiter *w = list_first_entry(&m->waiters, struct mutex_waiter, link);

	BUG_ON(owner_of(m) != current || list_empty(&m->waiters));
	__atomic_store_n(&m->owner, (w->outrun ? (u64)w->task : 0) | MUTEX_WAITED,
			 __ATOMIC_RELEASE);
	wake_up_process(w->task);
}

/* The mutex still exists: while its run queue is locked, a sleeping task cannot be woken. */
const struct mutex *mutex_waited_for(struct task *t, const struct task **owner)
{
	guard_task_rq(locked, t);
	const struct mutex *m = t->waits_for;

	*owner = m && !t->array ? owner_of(m) : NULL;
	return m;
}

/* ---- debug builds ---- */

__sched void mutex_lock_checked(struct mutex *m, bool nested)
{
	bool waited;

	might_sleep();
	BUG_ON(owner_of(m) == current);
	waited = !mutex_trylock_fast(m);
	if (waited)
		mutex_wait(m);
	lock_order_acquire(m, m->class, nested);
	lock_acquired(m, waited, __builtin_return_address(0));
}

void mutex_unlock_checked(struct mutex *m)
{
	BUG_ON(owner_of(m) != current);
	lock_order_release(m);
	if (!mutex_unlock_fast(m))
		mutex_hand_over(m);
}
