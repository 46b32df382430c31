/*
 * Futexes: sleeping on a word of user memory. futex(2).
 *
 * Here are FUTEX_WAIT, FUTEX_WAKE and the system call. The word and its key are looked up in key.c.
 * PI futexes are in futex_pi.c; their waiters are in the same buckets, so that a program that mixes
 * the two kinds of operations on one word gets -EINVAL.
 */
#include "kernel/futex/futex_internal.h"

#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

/* ---- wake ---- */

void wake_waiter(struct futex_waiter *w)
{
	list_del(&w->link);
	w->woken = true;
	wake_up_process(w->task);
}

long wake_locked(struct futex_bucket *b, const struct futex_key *key, u32 max, u32 bitset,
		 u64 until)
{
	struct futex_waiter *w, *n;
	u32 woken = 0;

	list_for_each_entry_safe (w, n, &b->waiters, link) {
		if (woken >= max)
			break;
		if (!same_key(&w->key, key) || w->arrival > until)
			continue;
		if (w->kind != WAITS_FOR_WAKE)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		wake_waiter(w);
		woken++;
	}
	return woken;
}

noinline long wake_more(struct futex_bucket *b, const struct futex_key *key, u32 max, u32 bitset,
			u64 until)
{
	long woken = WAKE_BATCH, ret = WAKE_BATCH;

	while (ret == WAKE_BATCH && woken < max && !fatal_signal_pending(current)) {
		spin_lock(&b->lock);
		ret = wake_locked(b, key, MIN(max - (u32)woken, WAKE_BATCH), bitset, until);
		spin_unlock(&b->lock);
		if (ret < 0)
			return ret;
		woken += ret;
	}
	return woken;
}

long futex_wake(u64 addr, bool private, u32 max, u32 bitset)
{
	struct futex_bucket *b;
	struct futex_key key;
	u64 until;
	long ret = get_futex_key(addr, private, ACCESS_READ, &key);

	if (ret)
		return ret;
	b = bucket_of(&key);
	spin_lock(&b->lock);
	ret = wake_locked(b, &key, MIN(max, WAKE_BATCH), bitset, ANY_TIME);
	until = b->arrivals;
	spin_unlock(&b->lock);
	if (unlikely(ret == WAKE_BATCH))
		ret = wake_more(b, &key, max, bitset, until);
	key_put(&key);
	return ret;
}

/* ---- wait ---- */

int queue_waiter(struct futex_waiter *w, u64 addr, bool private, u32 val)
{
	u32 *word = pin_word_and_key(addr, private, ACCESS_READ, &w->key);
	struct futex_bucket *b;
	bool same;

	if (IS_ERR(word))
		return PTR_ERR(word);
	b = bucket_of(&w->key);
	spin_lock(&b->lock);
	same = __atomic_load_n(word, __ATOMIC_SEQ_CST) == val;
	if (same)
		bucket_add(b, w);
	spin_unlock(&b->lock);
	unpin_word();
	if (!same)
		key_put(&w->key);
	return same ? 0 : -EAGAIN;
}

/* A requeue may move the waiter to another bucket before this task has the lock of the old one. */
static struct futex_bucket *lock_bucket_of(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = READ_ONCE(w->bucket);

		spin_lock(&b->lock);
		if (w->bucket == b)
			return b;
		spin_unlock(&b->lock);
	}
}

/* Take `w` off its list. True: a wake had done so already. */
static bool unqueue_waiter(struct futex_waiter *w)
{
	struct futex_bucket *b = lock_bucket_of(w);
	bool woken = w->woken;

	if (!woken)
		list_del(&w->link);
	spin_unlock(&b->lock);
	key_put(&w->key);
	return woken;
}

long sleep_queued(struct futex_waiter *w, u64 until)
{
	long ret = 0;

	for (;;) {
		current->state = TASK_INTERRUPTIBLE;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (READ_ONCE(w->woken))
			break;
		if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (until != TIME_FOREVER && ktime_get() >= until)
			ret = -ETIMEDOUT;
		if (ret)
			break;
		schedule_until(until);
	}
	current->state = TASK_RUNNING;
	return ret;
}

static long futex_wait(u64 addr, bool private, u32 val, u64 until, u32 bitset);

/* The call is restarted after a stop and SIGCONT, with the same deadline. */
static long futex_wait_restart(struct task *p)
{
	u64 how = p->restart_arg[3];

	return futex_wait(p->restart_arg[0], how >> 32, (u32)p->restart_arg[1], p->restart_arg[2],
			  (u32)how);
}

static long futex_wait(u64 addr, bool private, u32 val, u64 until, u32 bitset)
{
	struct futex_waiter w;
	long ret;

	w.task = current;
	w.kind = WAITS_FOR_WAKE;
	w.bitset = bitset;
	w.woken = false;
	ret = queue_waiter(&w, addr, private, val);
	if (ret)
		return ret;
	ret = sleep_queued(&w, until);
	if (unqueue_waiter(&w))
		ret = 0; /* even if a signal or the time-out came after the wake */
	if (ret == -ERESTARTSYS && until != TIME_FOREVER) {
		/* A restart with the relative time-out could go on for ever. */
		current->restart_fn = futex_wait_restart;
		current->restart_arg[0] = addr;
		current->restart_arg[1] = val;
		current->restart_arg[2] = until;
		current->restart_arg[3] = (u64) private << 32 | bitset;
		ret = -ERESTART_RESTARTBLOCK;
	}
	return ret;
}

static bool has_timeout(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

/* The time-out of FUTEX_WAIT is relative, that of FUTEX_LOCK_PI absolute on CLOCK_REALTIME, all
 * others are absolute on the clock that the flag selects. */
static int wait_deadline(const struct timespec __user *utime, int op, u64 *until)
{
	bool absolute = (op & FUTEX_CMD_MASK) != FUTEX_WAIT;
	bool realtime = (op & FUTEX_CLOCK_REALTIME) || (op & FUTEX_CMD_MASK) == FUTEX_LOCK_PI;
	u64 ns, now;
	int err;

	*until = TIME_FOREVER;
	if (!utime || !has_timeout(op & FUTEX_CMD_MASK))
		return 0;
	err = get_timespec(&ns, utime);
	if (err || ns == TIME_FOREVER)
		return err;
	now = realtime ? ktime_get_real() : ktime_get();
	if (absolute)
		ns = ns > now ? ns - now : 0;
	*until = time_add(ktime_get(), ns);
	return 0;
}

/* Linux compares the count only after it has woken a task: 0 and less mean 1. */
static u32 at_least_one(u32 n)
{
	return (s32)n > 0 ? n : 1;
}

long sys_futex(u32 __user *uaddr, int op, u32 val, const struct timespec __user *timeout,
	       u32 __user *uaddr2, u32 val3)
{
	int cmd = op & FUTEX_CMD_MASK, err;
	u64 addr = (u64)uaddr, addr2 = (u64)uaddr2, until;
	bool private = op & FUTEX_PRIVATE_FLAG;
	u32 val2 = (u32)(u64)timeout; /* the second count, of operations that do not wait */

	err = wait_deadline(timeout, op, &until);
	if (err)
		return err;
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2 &&
	    cmd != FUTEX_WAIT_REQUEUE_PI)
		return -ENOSYS;
	if (cmd == FUTEX_WAIT || cmd == FUTEX_WAKE)
		val3 = FUTEX_BITSET_MATCH_ANY;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return val3 ? futex_wait(addr, private, val, until, val3) : -EINVAL;
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return val3 ? futex_wake(addr, private, at_least_one(val), val3) : -EINVAL;
	case FUTEX_REQUEUE:
		return futex_requeue(addr, addr2, private, val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(addr, addr2, private, val, val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(addr, addr2, private, at_least_one(val), at_least_one(val2),
				     val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(addr, private, until);
	case FUTEX_TRYLOCK_PI:
		return futex_trylock_pi(addr, private);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(addr, private);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(addr, addr2, private, val, until);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_cmp_requeue_pi(addr, addr2, private, val, val2, val3);
	default:
		return -ENOSYS;
	}
}
