/*
 * Mutexes: sleeping locks. Who releases one wakes the first who waits, but leaves the lock free:
 * whoever runs may have it until the woken task does, so that a lock in demand does not go at the
 * speed of the switches. A waiter that was woken for nothing once is given it the next time: nobody
 * starves.
 */
#include "kernel/debug/debug.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/sched/rq.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

struct mutex_waiter {
	struct task *task;
	struct list_head link;
	bool outrun; /* it was woken, and somebody else was faster */
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
	if (owner_of(m) != *owner || !*owner) {
		*owner = owner_of(m);
		*since = ktime_get();
	}
	if (ktime_get() - *since < STALL_NS)
		return;
	*since = 0;
	stall_report_task(owner_of(m), "mutex %p (%s) is held for more than a second",
			  (const void *)m, lock_class_name(m->class));
}

/* Its owner runs on another CPU and will be done sooner than we could sleep and be woken. It may be
 * gone meanwhile: what was its memory is only read. */
#define SPINS 256

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

/* Nobody has it, or we were given it. wait_lock is held: from here its owner cannot let go of it
 * without us. */
static bool take(struct mutex *m)
{
	u64 owner = __atomic_fetch_or(&m->owner, MUTEX_WAITED, __ATOMIC_ACQUIRE) & ~MUTEX_WAITED;

	return owner == 0 || owner == (u64)current;
}

/* wait_lock is held, and let go of while it sleeps. */
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
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	const struct mutex_waiter *w = list_first_entry(&m->waiters, struct mutex_waiter, link);

	BUG_ON(owner_of(m) != current || list_empty(&m->waiters));
	__atomic_store_n(&m->owner, (w->outrun ? (u64)w->task : 0) | MUTEX_WAITED,
			 __ATOMIC_RELEASE);
	wake_up_process(w->task);
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

/* While its run queue is locked, who sleeps is not woken: so the mutex that he sleeps for is still
 * there to be looked at. */
const struct mutex *mutex_waited_for(struct task *t, const struct task **owner)
{
	u64 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	const struct mutex *m = t->waits_for;

	*owner = m && !t->array ? owner_of(m) : NULL;
	spin_unlock_irqrestore(&rq->lock, flags);
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
