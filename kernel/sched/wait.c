/* Wait queues and completions. A queue's lock guards its list; a waiter is on one queue at most. */
#include "kernel/sched/wait.h"

#include "kernel/task.h"

void wait_queue_init(struct wait_queue *q)
{
	spin_lock_init(&q->lock, LOCK_WAIT);
	list_init(&q->waiters);
}

void waiter_init(struct waiter *w)
{
	w->task = current;
	list_init(&w->link);
}

void prepare_to_wait(struct wait_queue *q, struct waiter *w, u32 state)
{
	u64 flags;

	might_sleep();
	flags = spin_lock_irqsave(&q->lock);
	if (list_empty(&w->link))
		list_add_tail(&w->link, &q->waiters);
	/* The exchange is a full barrier: the caller's test of its condition comes after this
	 * store, so a waker that made the condition true before we looked either is seen by us or
	 * sees us asleep. */
	__atomic_exchange_n(&current->state, state, __ATOMIC_SEQ_CST);
	spin_unlock_irqrestore(&q->lock, flags);
}

void finish_wait(struct wait_queue *q, struct waiter *w)
{
	u64 flags;

	WRITE_ONCE(current->state, TASK_RUNNING);
	flags = spin_lock_irqsave(&q->lock);
	list_del_init(&w->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

static void wake_up_nr(struct wait_queue *q, bool all)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	struct waiter *w, *n;

	list_for_each_entry_safe (w, n, &q->waiters, link) {
		/* A waiter that was already woken but has not run yet does not use up the wake-up.
		 */
		if (wake_up_process(w->task) && !all)
			break;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void wake_up(struct wait_queue *q)
{
	wake_up_nr(q, false);
}

void wake_up_all(struct wait_queue *q)
{
	wake_up_nr(q, true);
}

void completion_init(struct completion *c)
{
	c->done = false;
	wait_queue_init(&c->wait);
}

void complete(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->wait.lock);
	struct waiter *w;

	c->done = true;
	/* Under the lock: the one who waits may free the completion as soon as it can take it. */
	list_for_each_entry (w, &c->wait.waiters, link)
		wake_up_process(w->task);
	spin_unlock_irqrestore(&c->wait.lock, flags);
}

__sched void wait_for_completion(struct completion *c)
{
	wait_event(&c->wait, READ_ONCE(c->done));
}
