/*
 * Futexes: sleeping on a word of user memory. futex(2).
 *
 * WAIT and WAKE, plain and with a bit set: what joining a thread and the usual locks need. The
 * other operations answer -ENOSYS. A futex is known by what it stands for: private memory by (mm,
 * address), shared memory by (object, offset), so that it is the same word wherever it is mapped.
 */
#include "kernel/lib/list.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

#define FUTEX_BUCKETS 64

struct futex_key {
	const void *space; /* struct mm or struct vm_object */
	u64 offset;
};

struct futex_waiter {
	struct list_head link; /* bucket's lock */
	struct futex_key key;
	struct task *task;
	u32 bitset; /* woken only by a wake that has one of these bits */
	bool woken; /* bucket's lock: taken off the list by a waker */
};

struct futex_bucket {
	spinlock_t lock; /* LOCK_FUTEX */
	struct list_head waiters;
};

static struct futex_bucket buckets[FUTEX_BUCKETS];

void futex_init(void)
{
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static int get_futex_key(u64 addr, struct futex_key *key)
{
	struct area area;

	if (addr % sizeof(u32))
		return -EINVAL;
	if (!mm_find_area(current->mm, addr, &area) || area.start > addr)
		return -EFAULT;
	if ((area.flags & AREA_SHARED) && area.obj)
		*key = (struct futex_key){area.obj, addr - area.start + area.pgoff * PAGE_SIZE};
	else
		*key = (struct futex_key){current->mm, addr};
	return 0;
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	u64 h = ((u64)key->space >> 6 ^ key->offset >> 2) * 0x9e3779b97f4a7c15UL;

	return &buckets[h >> 58];
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

static long futex_wake(u64 addr, u32 max, u32 bitset)
{
	struct futex_waiter *w, *n;
	struct futex_bucket *b;
	struct futex_key key;
	u32 woken = 0;
	int err = get_futex_key(addr, &key);

	if (err)
		return err;
	b = bucket_of(&key);
	spin_lock(&b->lock);
	list_for_each_entry_safe (w, n, &b->waiters, link) {
		struct task *p = w->task;

		if (woken >= max || !same_key(&w->key, &key) || !(w->bitset & bitset))
			continue;
		list_del(&w->link);
		w->woken = true;
		wake_up_process(p);
		woken++;
	}
	spin_unlock(&b->lock);
	return woken;
}

/* Queue first, look at the word then: a wake that follows a change of the word finds us in the
 * list. */
static long futex_sleep(struct futex_bucket *b, struct futex_waiter *w, u32 __user *uaddr, u32 val,
			u64 until)
{
	for (;;) {
		u32 now;
		long ret = 0;

		if (get_user(now, uaddr))
			return -EFAULT;
		current->state = TASK_INTERRUPTIBLE;
		spin_lock(&b->lock);
		if (w->woken)
			ret = 1;
		spin_unlock(&b->lock);
		if (!ret && now != val)
			ret = -EAGAIN;
		else if (!ret && signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!ret && until != TIME_FOREVER && ktime_get() >= until)
			ret = -ETIMEDOUT;
		if (!ret) {
			if (until == TIME_FOREVER)
				schedule();
			else
				schedule_until(until);
		}
		current->state = TASK_RUNNING;
		if (ret)
			return ret;
		spin_lock(&b->lock);
		ret = w->woken;
		spin_unlock(&b->lock);
		if (ret)
			return 1;
	}
}

static long futex_wait(u32 __user *uaddr, u32 val, u64 until, u32 bitset);

/* After a stop and SIGCONT: the same deadline goes on. */
static long futex_wait_restart(struct task *p)
{
	return futex_wait((u32 __user *)p->restart_arg[0], (u32)p->restart_arg[1],
			  p->restart_arg[2], (u32)p->restart_arg[3]);
}

static long futex_wait(u32 __user *uaddr, u32 val, u64 until, u32 bitset)
{
	struct futex_waiter w = {.task = current, .bitset = bitset};
	struct futex_bucket *b;
	long ret = get_futex_key((u64)uaddr, &w.key);

	if (ret)
		return ret;
	b = bucket_of(&w.key);
	spin_lock(&b->lock);
	list_add_tail(&w.link, &b->waiters);
	spin_unlock(&b->lock);
	ret = futex_sleep(b, &w, uaddr, val, until);
	spin_lock(&b->lock);
	if (w.woken)
		ret = 0; /* also when a signal or the time-out came second */
	else
		list_del(&w.link);
	spin_unlock(&b->lock);
	if (ret == -ERESTARTSYS && until != TIME_FOREVER) {
		/* Starting anew after each handler would never time out. */
		current->restart_fn = futex_wait_restart;
		current->restart_arg[0] = (u64)uaddr;
		current->restart_arg[1] = val;
		current->restart_arg[2] = until;
		current->restart_arg[3] = bitset;
		ret = -ERESTART_RESTARTBLOCK;
	}
	return ret > 0 ? 0 : ret;
}

/* The time-out of WAIT is relative, that of WAIT_BITSET absolute, by either clock. */
static int wait_deadline(const struct timespec __user *utime, int op, u64 *until)
{
	bool absolute = (op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
	struct timespec ts;
	u64 ns, now;

	*until = TIME_FOREVER;
	if (!utime)
		return 0;
	if (copy_from_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts.tv_sec >= TIME_FOREVER / NSEC_PER_SEC / 2)
		return 0;
	ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	now = absolute && (op & FUTEX_CLOCK_REALTIME) ? ktime_get_real() : ktime_get();
	if (!absolute)
		*until = now + ns;
	else
		*until = ktime_get() + (ns > now ? ns - now : 0);
	return 0;
}

long sys_futex(u32 __user *uaddr, int op, u32 val, const struct timespec __user *timeout,
	       u32 __user *uaddr2 __maybe_unused, u32 val3)
{
	int cmd = op & FUTEX_CMD_MASK, err;
	u64 until;

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	if (cmd == FUTEX_WAIT || cmd == FUTEX_WAKE)
		val3 = FUTEX_BITSET_MATCH_ANY;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if (!val3)
			return -EINVAL;
		err = wait_deadline(timeout, op, &until);
		return err ? err : futex_wait(uaddr, val, until, val3);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return val3 ? futex_wake((u64)uaddr, val, val3) : -EINVAL;
	default:
		return -ENOSYS;
	}
}
