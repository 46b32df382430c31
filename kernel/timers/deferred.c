/*
 * An interrupt must not look for the process that a timer belongs to: that takes pid_lock and the
 * task's lock, which are held with interrupts on. So a timer that expires only puts itself on a
 * list, and kthreadd sends the signal.
 *
 * An entry is taken off the list and run in one hold of deferred_lock: its owner, who holds it and
 * has cancelled the entry, may free what it is in.
 */
#include "kernel/timers/deferred.h"

#include "kernel/kthread.h"
#include "kernel/lib/lock.h"
#include "kernel/task.h"

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
	u64 flags = spin_lock_irqsave(&due_lock);

	if (d->queued) {
		d->queued = false;
		list_del(&d->link);
	}
	spin_unlock_irqrestore(&due_lock, flags);
}

static struct due *next_due(void)
{
	struct due *d = NULL;
	u64 flags = spin_lock_irqsave(&due_lock);

	if (!list_empty(&due_list)) {
		d = list_first_entry(&due_list, struct due, link);
		list_del(&d->link);
		d->queued = false;
	}
	spin_unlock_irqrestore(&due_lock, flags);
	return d;
}

bool due_any(void)
{
	u64 flags = spin_lock_irqsave(&due_lock);
	bool any = !list_empty(&due_list);

	spin_unlock_irqrestore(&due_lock, flags);
	return any;
}

void due_run(void)
{
	struct due *d;

	do {
		spin_lock(&deferred_lock);
		d = next_due();
		if (d)
			d->fn(d);
		spin_unlock(&deferred_lock);
	} while (d);
}
