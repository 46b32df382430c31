/* Wait queues, conditions, completions. A queue's lock guards its list of waiters. */
#include "kernel/sched/wait_queue.h"

#include "kernel/task.h"

void wait_queue_init(struct wait_queue *q)
{
	*q = (struct wait_queue)WAIT_QUEUE_INIT(*q);
}

void prepare_to_wait(struct wait_queue *q, struct waiter *w, u32 state)
{
	might_sleep();
	guard_irq(&q->lock);
	if (list_empty(&w->link))
		list_add_tail(&w->link, &q->waiters);
	/* A full barrier, so the caller tests its condition after this store. Either the caller
	 * sees the condition true, or the waker sees this task asleep. */
	__atomic_exchange_n(&current->state, state, __ATOMIC_SEQ_CST);
}

static noinline void leave_queue(struct wait_queue *q, struct waiter *w)
{
	guard_irq(&q->lock);
	list_del_init(&w->link);
}

void finish_wait(struct wait_queue *q, struct waiter *w)
{
	WRITE_ONCE(current->state, TASK_RUNNING);
	/* A waker takes `w` out of the queue, and does nothing to it after that. */
	if (READ_ONCE(w->link.next) != &w->link || READ_ONCE(w->link.prev) != &w->link)
		leave_queue(q, w);
}

#define WAKE_BATCH 64 /* waiters that are woken without a pause */

/* Wake a batch of the waiters from `at` on, up to `end`. Returns where to go on, or `end`. A task
 * that is woken is taken off the queue, which saves it a lock; it queues again if it has to go on
 * waiting. A task that was awake already does not use up the wake-up. The caller holds the lock. */
static struct list_head *wake_batch(struct list_head *at, struct list_head *end, bool all)
{
	bool woken = false;

	for (u32 n = 0; at != end && n < WAKE_BATCH; n++) {
		struct waiter *w = list_entry(at, struct waiter, link);

		at = at->next;
		if (unlikely(!w->task)) {
			struct wait_hook *h = container_of(w, struct wait_hook, w);

			woken |= h->wake(h, woken);
		} else if (wake_up_process(w->task)) {
			list_del_init(&w->link);
			if (!all)
				return end;
		}
	}
	return at;
}

static bool do_nothing(struct wait_hook *h __maybe_unused, bool woken __maybe_unused)
{
	return false;
}

/* Queue a mark just ahead of `at`. noinline: else gcc 12 warns of a dangling mark. */
static noinline void place_mark(struct wait_hook *mark, struct list_head *at)
{
	mark->w.task = NULL;
	mark->wake = do_nothing;
	list_add_tail(&mark->w.link, at);
}

/* Wake the rest batch by batch, and release the lock in between. Hooks that do nothing mark the
 * place, and the end of the waiters that were there at first. The caller holds the lock. */
static noinline u64 wake_the_rest(struct wait_queue *q, struct list_head *at, bool all, u64 flags)
{
	struct wait_hook here, end;

	place_mark(&end, &q->waiters);
	while (at != &end.w.link) {
		place_mark(&here, at);
		spin_unlock_irqrestore(&q->lock, flags);
		flags = spin_lock_irqsave(&q->lock);
		at = here.w.link.next;
		list_del(&here.w.link);
		at = wake_batch(at, &end.w.link, all);
	}
	list_del(&end.w.link);
	return flags;
}

void wake_waiters(struct wait_queue *q, bool all)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	struct list_head *at = wake_batch(q->waiters.next, &q->waiters, all);

	if (unlikely(at != &q->waiters))
		flags = wake_the_rest(q, at, all, flags);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wake_up_locked(struct wait_queue *q, bool all)
{
	struct list_head *at = q->waiters.next;

	while (at != &q->waiters)
		at = wake_batch(at, &q->waiters, all);
}

void wait_hook_add(struct wait_queue *q, struct wait_hook *h,
		   bool (*wake)(struct wait_hook *h, bool woken))
{
	guard_irq(&q->lock);
	h->w.task = NULL;
	h->wake = wake;
	list_add_tail(&h->w.link, &q->waiters);
}

void wait_hook_remove(struct wait_queue *q, struct wait_hook *h)
{
	guard_irq(&q->lock);
	list_del(&h->w.link);
}

void condition_init(struct condition *c)
{
	list_init(&c->waiters);
}

/* Inlined where a pipe is read. */
inline __sched int condition_wait(struct condition *c, struct mutex *m)
{
	struct waiter w = {.task = current};

	list_add_tail(&w.link, &c->waiters);
	/* A waker holds the mutex, so it finds this task asleep, or woken by a signal. */
	WRITE_ONCE(current->state, TASK_INTERRUPTIBLE);
	mutex_unlock(m);
	schedule(); /* does not sleep if a signal is pending */
	mutex_lock(m);
	if (!w.task)
		return 0;
	list_del(&w.link);
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

void condition_wake_waiters(struct condition *c)
{
	while (!list_empty(&c->waiters)) {
		struct waiter *w = list_first_entry(&c->waiters, struct waiter, link);
		struct task *p = w->task;

		list_del(&w->link);
		w->task = NULL;
		wake_up_process(p);
	}
}

void completion_init(struct completion *c)
{
	*c = (struct completion){.wait = WAIT_QUEUE_INIT(c->wait)};
}

void complete(struct completion *c)
{
	guard_irq(&c->wait.lock);
	struct waiter *w;

	c->done = true;
	/* The waiters take the queue's lock to leave: the completion is not freed before. */
	list_for_each_entry (w, &c->wait.waiters, link)
		wake_up_process(w->task);
}

__sched void wait_for_completion(struct completion *c)
{
	wait_event(&c->wait, READ_ONCE(c->done));
}
