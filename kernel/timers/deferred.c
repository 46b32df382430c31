/*
 * An interrupt must not look up the process that a timer belongs to: that takes pid_lock() and the
 * task's lock, which are held with interrupts on. So a timer that expires only queues itself, and
 * kthreadd sends the signal.
 *
 * An entry is dequeued and run in one hold of deferred_lock. So an owner that holds the lock and
 * has cancelled the entry may free it.
 */
#include "kernel/timers/deferred.h"

#include "kernel/kthread.h"
#include "kernel/lib/scope.h"

static spinlock_t due_lock = SPINLOCK_INIT(LOCK_WAIT); /* (irq) */
spinlock_t deferred_lock = SPINLOCK_INIT(LOCK_DEFERRED);
static struct list_head due_list = LIST_HEAD_INIT(due_list);

void due_add(struct due *d)
{
	u64 flags = spin_lock_irqsave(&due_lock);

	if (!d->queued) {
		d->queued = true;
		list_add_tail(&d->link, &due_list);
	}
	spin_unlock_irqrestore(&due_lock, flags);
	kthreadd_wake();
}

void due_cancel(struct due *d)
{
	guard_irq(&due_lock);

	if (d->queued) {
		d->queued = false;
		list_del(&d->link);
	}
}

static struct due *next_due(void)
{
	guard_irq(&due_lock);
	struct due *d = list_take_first(&due_list, struct due, link);

	if (d)
		d->queued = false;
	return d;
}

bool due_any(void)
{
	guard_irq(&due_lock);
	return !list_empty(&due_list);
}

void due_run(void)
{
	struct due *d;

	do {
		guard_spin(&deferred_lock);
		d = next_due();
		if (d)
			d->fn(d);
	} while (d);
}
