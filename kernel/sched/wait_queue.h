/* Wait queues, conditions and completions: how a task sleeps until something happens. */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"

struct task;

struct wait_queue {
	spinlock_t lock; /* LOCK_WAIT (irq) */
	struct list_head waiters;
};

struct waiter {
	struct task *task;     /* NULL: the waiter is that of a wait_hook */
	struct list_head link; /* wait_queue.lock */
};

/* A waiter that is no task: a wake-up calls `wake` under the queue's lock and leaves it queued.
 * `woken`: another exclusive hook has served this wake-up. Returns whether this one has. */
struct wait_hook {
	struct waiter w;
	bool (*wake)(struct wait_hook *h, bool woken);
};

#define WAIT_QUEUE_INIT(name)                                                               \
	{                                                                                   \
		.lock = SPINLOCK_INIT(LOCK_WAIT), .waiters = LIST_HEAD_INIT((name).waiters) \
	}

void wait_queue_init(struct wait_queue *q);
/* Queue `w` (once) and set current's state: the caller tests its condition, then sleeps. */
void prepare_to_wait(struct wait_queue *q, struct waiter *w, u32 state);
/* Set current's state to running and leave the queue. A waker may still hold the queue's lock, so
 * the caller keeps the queue in place until the waker has released it (completions do so). */
void finish_wait(struct wait_queue *q, struct waiter *w);
/* Wake the first waiter that sleeps, or all. May drop the lock in between: keep the queue. */
void wake_waiters(struct wait_queue *q, bool all);
/* The first that sleeps, or all, without a pause. Caller holds the lock. */
void wake_up_locked(struct wait_queue *q, bool all);
void wait_hook_add(struct wait_queue *q, struct wait_hook *h,
		   bool (*wake)(struct wait_hook *h, bool woken));
/* On return `wake` is not running and is not called any more. */
void wait_hook_remove(struct wait_queue *q, struct wait_hook *h);

#ifndef HOST_TEST
static inline void waiter_init(struct waiter *w)
{
	w->task = current;
	list_init(&w->link);
}

/* A task that queues later tests its condition after that, and sees what the caller did before. */
static inline bool has_waiters(const struct wait_queue *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(q->waiters.next) != &q->waiters;
}

/* The first waiter that sleeps. */
static inline void wake_up(struct wait_queue *q)
{
	if (has_waiters(q))
		wake_waiters(q, false);
}

static inline void wake_up_all(struct wait_queue *q)
{
	if (has_waiters(q))
		wake_waiters(q, true);
}
#endif

/* The loop of the next three: true when cond holds, false when it does not and give_up does. */
#define wait_loop(q, state, cond, give_up, sleep)        \
	({                                               \
		struct waiter __w;                       \
		bool __held;                             \
		waiter_init(&__w);                       \
		for (;;) {                               \
			prepare_to_wait(q, &__w, state); \
			__held = (cond);                 \
			if (__held || (give_up))         \
				break;                   \
			sleep;                           \
			__held = (cond);                 \
			if (__held)                      \
				break;                   \
		}                                        \
		finish_wait(q, &__w);                    \
		__held;                                  \
	})

/* Sleep until cond holds; not interrupted by signals. */
#define wait_event(q, cond) ((void)wait_loop(q, TASK_UNINTERRUPTIBLE, cond, false, schedule()))

/* Sleep until cond holds (0) or a signal is pending (-ERESTARTSYS). */
#define wait_event_interruptible(q, cond)                                            \
	(wait_loop(q, TASK_INTERRUPTIBLE, cond, signal_pending(current), schedule()) \
		 ? 0                                                                 \
		 : -ERESTARTSYS)

/* Sleep until cond holds (true) or the monotonic time is `until` (false); no signal interrupts. */
#define wait_event_until(q, cond, until) \
	wait_loop(q, TASK_UNINTERRUPTIBLE, cond, ktime_get() >= (until), schedule_until(until))

/* A condition that a mutex guards. Cheaper than a wait queue, which needs a lock of its own. */
struct condition {
	struct list_head waiters; /* the mutex */
};

void condition_init(struct condition *c);
/* Release the mutex and sleep until condition_wake() (0) or until a signal is pending
 * (-ERESTARTSYS). Takes the mutex again; the caller then tests its condition. */
int condition_wait(struct condition *c, struct mutex *m);
void condition_wake_waiters(struct condition *c);
/* Wake all waiters. The caller holds the mutex. */
static inline void condition_wake(struct condition *c)
{
	if (!list_empty(&c->waiters))
		condition_wake_waiters(c);
}

/* An event that happens once and wakes all tasks that wait for it. */
struct completion {
	bool done; /* wait.lock */
	struct wait_queue wait;
};

void completion_init(struct completion *c);
void complete(struct completion *c);
void wait_for_completion(struct completion *c);
