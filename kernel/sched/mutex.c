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

void mutex_init(struct mutex *m, enum lock_class class)
{
	spin_lock_init(&m->wait_lock, LOCK_WAIT);
	m->owner = NULL;
	list_init(&m->waiters);
	m->class = class;
}

/* Debug builds: say once that a lock was not to be had for so long. The lock keeps its owner alive.
 */
static void check_wait(const struct mutex *m, u64 *since)
{
	if (*since == 0 || ktime_get() - *since < STALL_NS)
		return;
	*since = 0;
	stall_report_task(m->owner, "mutex %p (%s) is held for more than a second", (const void *)m,
			  lock_class_name(m->class));
}

/* The lock is given to the first waiter by whoever releases it: it need not compete, and nobody
 * starves. */
static __sched void mutex_wait(struct mutex *m, u64 flags)
{
	struct mutex_waiter w = {.task = current};
	u64 since = DEBUG_CHECKS ? ktime_get() : 0;

	list_add_tail(&w.link, &m->waiters);
	current->waits_for = m;
	current->waits_owner = m->owner;
	while (m->owner != current) {
		if (DEBUG_CHECKS)
			check_wait(m, &since);
		current->state = TASK_UNINTERRUPTIBLE;
		spin_unlock_irqrestore(&m->wait_lock, flags);
		schedule_until(DEBUG_CHECKS && since ? since + STALL_NS : TIME_FOREVER);
		flags = spin_lock_irqsave(&m->wait_lock);
	}
	current->waits_for = NULL;
	current->waits_owner = NULL;
	current->state = TASK_RUNNING;
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

static __sched void mutex_acquire(struct mutex *m, bool nested, const void *pc)
{
	bool waited;
	u64 flags;

	might_sleep();
	flags = spin_lock_irqsave(&m->wait_lock);
	DEBUG_ON(m->owner == current);
	waited = m->owner != NULL;
	if (likely(!waited)) {
		m->owner = current;
		spin_unlock_irqrestore(&m->wait_lock, flags);
	} else {
		mutex_wait(m, flags);
	}
	if (DEBUG_CHECKS) {
		lock_order_acquire(m, m->class, nested);
		lock_acquired(m, waited, pc);
	}
}

__sched void mutex_lock(struct mutex *m)
{
	mutex_acquire(m, false, __builtin_return_address(0));
}

__sched void mutex_lock_nested(struct mutex *m)
{
	mutex_acquire(m, true, __builtin_return_address(0));
}

void mutex_unlock(struct mutex *m)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);

	BUG_ON(m->owner != current);
	if (DEBUG_CHECKS)
		lock_order_release(m);
	m->owner = NULL;
	if (!list_empty(&m->waiters)) {
		struct mutex_waiter *w = list_first_entry(&m->waiters, struct mutex_waiter, link);

		list_del(&w->link);
		m->owner = w->task;
		list_for_each_entry (w, &m->waiters, link)
			w->task->waits_owner = m->owner;
		wake_up_process(m->owner);
	}
	spin_unlock_irqrestore(&m->wait_lock, flags);
}
