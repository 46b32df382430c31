/* Mutexes: sleeping locks, handed over in the order of arrival. */
#include "kernel/lib/log.h"
#include "kernel/task.h"

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

/* The lock is given to the first waiter by whoever releases it: it need not compete, and nobody
 * starves. */
static void mutex_wait(struct mutex *m, u64 flags)
{
	struct mutex_waiter w = {.task = current};

	list_add_tail(&w.link, &m->waiters);
	while (m->owner != current) {
		current->state = TASK_UNINTERRUPTIBLE;
		spin_unlock_irqrestore(&m->wait_lock, flags);
		schedule();
		flags = spin_lock_irqsave(&m->wait_lock);
	}
	current->state = TASK_RUNNING;
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

static void mutex_acquire(struct mutex *m, bool nested)
{
	u64 flags;

	might_sleep();
	flags = spin_lock_irqsave(&m->wait_lock);
	DEBUG_ON(m->owner == current);
	if (likely(!m->owner)) {
		m->owner = current;
		spin_unlock_irqrestore(&m->wait_lock, flags);
	} else {
		mutex_wait(m, flags);
	}
	if (DEBUG_CHECKS)
		lock_order_acquire(m, m->class, nested);
}

void mutex_lock(struct mutex *m)
{
	mutex_acquire(m, false);
}

void mutex_lock_nested(struct mutex *m)
{
	mutex_acquire(m, true);
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
		wake_up_process(w->task);
	}
	spin_unlock_irqrestore(&m->wait_lock, flags);
}
