/* Mutexes: sleeping locks, handed over in the order of arrival. */
#include "kernel/debug/debug.h"
#include "kernel/debug/stall.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

struct mutex_waiter {
	struct task *task;
	struct list_head link;
};

static struct task *owner_of(const struct mutex *m)
{
	return (struct task *)(READ_ONCE(m->owner) & ~MUTEX_WAITED);
}

void mutex_init(struct mutex *m, enum lock_class class)
{
	spin_lock_init(&m->wait_lock, LOCK_WAIT);
	m->owner = 0;
	list_init(&m->waiters);
	m->class = class;
}

/* Debug builds: say once that somebody has kept a lock for so long. In a long queue each may wait
 * longer, and nobody is to blame. The lock keeps its owner alive. */
static void check_wait(const struct mutex *m, const struct task **owner, u64 *since)
{
	if (*since == 0)
		return;
	if (owner_of(m) != *owner) {
		*owner = owner_of(m);
		*since = ktime_get();
	}
	if (ktime_get() - *since < STALL_NS)
		return;
	*since = 0;
	stall_report_task(owner_of(m), "mutex %p (%s) is held for more than a second",
			  (const void *)m, lock_class_name(m->class));
}

/* Sleep until whoever releases it has given it to us. wait_lock is held, and released meanwhile. */
static __sched void sleep_for(struct mutex *m, u64 *flags)
{
	u64 since = DEBUG_CHECKS ? ktime_get() : 0;
	const struct task *owner = owner_of(m);

	while (owner_of(m) != current) {
		if (DEBUG_CHECKS)
			check_wait(m, &owner, &since);
		current->state = TASK_UNINTERRUPTIBLE;
		spin_unlock_irqrestore(&m->wait_lock, *flags);
		schedule_until(DEBUG_CHECKS && since ? since + STALL_NS : TIME_FOREVER);
		*flags = spin_lock_irqsave(&m->wait_lock);
	}
	current->state = TASK_RUNNING;
}

/* The lock is given to the first waiter by whoever releases it: it need not compete, and nobody
 * starves. */
__sched void mutex_wait(struct mutex *m)
{
	struct mutex_waiter w = {.task = current};
	u64 flags = spin_lock_irqsave(&m->wait_lock);

	/* From here its owner cannot let go of it without us. It may have done so just now: then
	 * nobody waits, for he would have had it, and it is ours. */
	if (__atomic_fetch_or(&m->owner, MUTEX_WAITED, __ATOMIC_ACQUIRE) == 0) {
		__atomic_store_n(&m->owner, (u64)current, __ATOMIC_RELAXED);
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return;
	}
	list_add_tail(&w.link, &m->waiters);
	current->waits_for = m;
	current->waits_owner = owner_of(m);
	sleep_for(m, &flags);
	current->waits_for = NULL;
	current->waits_owner = NULL;
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

void mutex_hand_over(struct mutex *m)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	struct mutex_waiter *w = list_first_entry(&m->waiters, struct mutex_waiter, link);
	struct task *next = w->task;

	BUG_ON(owner_of(m) != current || list_empty(&m->waiters));
	list_del(&w->link);
	list_for_each_entry (w, &m->waiters, link)
		w->task->waits_owner = next;
	__atomic_store_n(&m->owner, (u64)next | (list_empty(&m->waiters) ? 0 : MUTEX_WAITED),
			 __ATOMIC_RELEASE);
	wake_up_process(next);
	spin_unlock_irqrestore(&m->wait_lock, flags);
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
