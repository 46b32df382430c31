/*
 * PI futexes: locks in user memory whose owner inherits the priority of its best waiter. futex(2).
 *
 * The word holds the owner's thread id, FUTEX_WAITERS once a task waits in the kernel, and
 * FUTEX_OWNER_DIED. Without waiters the kernel knows nothing of the lock: the program takes and
 * releases it alone. With waiters, their list names the owner, and the word must agree. At release
 * the kernel writes the best waiter's id into the word and wakes that waiter.
 *
 * An owner that dies cannot write the word: it may no longer have the memory mapped. exit_pi()
 * makes the best waiter the owner, which writes the word itself when it runs (`died`). Until then
 * the new owner stays in the bucket, so that other tasks find it.
 *
 * Locks: mm->lock (the word is there), pi_lock, the bucket's, pid_lock() (the first waiter looks up
 * the owner). An owner whose pi_exit is PI_OK must still take pi_lock before it ends, so it stays
 * as long as the waiter holds pi_lock.
 */
#include "kernel/futex/futex_internal.h"
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

/* task->pi_exit: may other tasks wait for this one? */
enum pi_exit {
	PI_OK,
	PI_EXITING, /* it is releasing its locks: wait for the end of that */
	PI_DEAD,    /* it will not release any lock */
};

/* Tasks that wait for an owner in PI_EXITING. */
static struct wait_queue exits = WAIT_QUEUE_INIT(exits);

static u32 tid_of(const struct task *p)
{
	return (u32)p->pid_nr;
}

static u32 my_tid(void)
{
	return tid_of(current);
}

static void lock_all(struct futex_bucket *b)
{
	spin_lock(&pi_lock);
	spin_lock(&b->lock);
}

static void unlock_all(struct futex_bucket *b)
{
	spin_unlock(&b->lock);
	spin_unlock(&pi_lock);
}

static bool change_word(u32 *word, u32 *old, u32 new)
{
	return __atomic_compare_exchange_n(word, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* The first waiter of any kind for `key`, or NULL. */
static struct futex_waiter *find_waiter(struct futex_bucket *b, const struct futex_key *key)
{
	struct futex_waiter *w;

	list_for_each_entry (w, &b->waiters, link)
		if (same_key(&w->key, key))
			return w;
	return NULL;
}

/* ---- from one owner to the next: the caller holds pi_lock and the bucket's lock ---- */

/* `from` releases `key`. Returns its best waiter, which no longer waits and for which the other
 * waiters wait from now on; NULL if there is none. */
static struct futex_waiter *next_owner(struct task *from, const struct futex_key *key)
{
	struct futex_waiter *best = NULL;
	struct pi_waiter *pi, *n;

	list_for_each_entry_safe (pi, n, &from->pi_waiters, link) {
		struct futex_waiter *w = list_entry(pi, struct futex_waiter, pi);

		if (!same_key(&w->key, key))
			continue;
		if (best) {
			pi_pass(pi, best->task);
			continue;
		}
		best = w;
		pi_unblock(pi);
	}
	return best;
}

/* Wake the new owner. Once pi_lock is released, `w` may be gone. */
static void grant(struct futex_waiter *w)
{
	w->woken = true;
	wake_up_process(w->task);
}

/* Hand `key` over from an owner that cannot write the word. */
static void inherit(struct task *from, const struct futex_key *key)
{
	struct futex_waiter *w = next_owner(from, key);

	if (!w)
		return;
	w->died = true;
	w->pi.owner = w->task;
	grant(w);
}

/* ---- lock ---- */

/* The owner of a lock that has waiters already. -EINVAL if the word names another. */
static struct task *owner_of_waiters(struct futex_bucket *b, struct futex_waiter *w, u32 val)
{
	u32 tid = val & FUTEX_TID_MASK;
	struct task *owner;

	if (w->kind != WAITS_FOR_PI_LOCK)
		return ERR_PTR(-EINVAL);
	owner = w->pi.owner;
	if (tid == (u32)owner->pid_nr || (!tid && (val & FUTEX_OWNER_DIED)))
		return owner;
	/* The owner's death is not yet in the word. */
	list_for_each_entry (w, &b->waiters, link)
		if (w->kind == WAITS_FOR_PI_LOCK && w->task == owner && w->died)
			return owner;
	return ERR_PTR(-EINVAL);
}

/* Find the owner by the word, for the first waiter. -EBUSY: the owner is just ending; *exiting is
 * set to it, with a reference. Caller holds pi_lock, pid_lock(tid). */
static struct task *owner_by_tid_locked(u32 tid, struct task **exiting)
{
	struct task *p = find_task((pid_t)tid);

	if (!p || p->pi_exit == PI_DEAD)
		return ERR_PTR(-ESRCH);
	if (p->flags & PF_KTHREAD)
		return ERR_PTR(-EPERM);
	if (p->pi_exit == PI_OK)
		return p;
	get_task(p);
	*exiting = p;
	return ERR_PTR(-EBUSY);
}

static struct task *owner_by_tid(u32 tid, struct task **exiting)
{
	guard_spin(pid_lock((pid_t)tid));
	return owner_by_tid_locked(tid, exiting);
}

/* Take the lock for `p` and return NULL, or return the owner to wait for. In either case the word
 * then says so; with `waiters`, also that more waiters will come. */
static struct task *take_or_find_owner(struct futex_bucket *b, const struct futex_key *key,
				       u32 *word, struct task *p, u32 waiters,
				       struct task **exiting)
{
	struct futex_waiter *other = find_waiter(b, key);
	u32 old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	for (;;) {
		u32 tid = old & FUTEX_TID_MASK;

		if (tid == tid_of(p))
			return ERR_PTR(-EDEADLK);
		if (other)
			return owner_of_waiters(b, other, old);
		if (!tid) {
			if (change_word(word, &old, (old & FUTEX_OWNER_DIED) | tid_of(p) | waiters))
				return NULL;
		} else if (change_word(word, &old, old | FUTEX_WAITERS)) {
			return owner_by_tid(tid, exiting);
		}
	}
}

/* 0: the lock is taken; 1: `w` is queued; or -errno. */
static int take_or_queue(struct futex_waiter *w, u64 addr, bool private, bool trylock,
			 struct task **exiting)
{
	u32 *word = pin_word_and_key(addr, private, ACCESS_WRITE, &w->key);
	struct futex_bucket *b;
	struct task *owner;
	int ret = 0;

	if (IS_ERR(word))
		return (int)PTR_ERR(word);
	b = bucket_of(&w->key);
	lock_all(b);
	owner = take_or_find_owner(b, &w->key, word, current, 0, exiting);
	if (IS_ERR(owner))
		ret = (int)PTR_ERR(owner);
	else if (owner)
		ret = trylock ? -EAGAIN : pi_block(&w->pi, owner) ?: 1;
	if (ret == 1)
		bucket_add(b, w);
	unlock_all(b);
	unpin_word();
	if (ret != 1)
		key_put(&w->key);
	return ret;
}

/* Wait for the end of exit_pi() and drop the reference. */
static void wait_for_exit(struct task *exiting)
{
	wait_event(&exits, READ_ONCE(exiting->pi_exit) != PI_EXITING);
	put_task(exiting);
}

/* take_or_queue(), again after the exit of an owner that was exiting. */
static int take_or_queue_retry(struct futex_waiter *w, u64 addr, bool private, bool trylock)
{
	for (;;) {
		struct task *exiting = NULL;
		int ret = take_or_queue(w, addr, private, trylock, &exiting);

		if (ret != -EBUSY)
			return ret;
		wait_for_exit(exiting);
	}
}

/* current got the lock from an owner that died: write the word, or hand the lock on. */
static long write_inherited(struct futex_waiter *w, u64 addr)
{
	u32 *word = pin_word(addr, ACCESS_WRITE), old;
	struct futex_bucket *b = w->bucket;

	lock_all(b);
	list_del(&w->link);
	if (IS_ERR(word)) {
		inherit(current, &w->key);
	} else {
		old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
		while (!change_word(word, &old, my_tid() | FUTEX_WAITERS | FUTEX_OWNER_DIED))
			;
	}
	unlock_all(b);
	if (IS_ERR(word))
		return PTR_ERR(word);
	unpin_word();
	return 0;
}

/* The end of a wait: with the lock, or with the reason `why` for giving up. */
static long finish_lock(struct futex_waiter *w, u64 addr, long why)
{
	struct futex_bucket *b;

	spin_lock(&pi_lock);
	b = w->bucket; /* a requeue to a PI lock holds pi_lock too */
	spin_lock(&b->lock);
	if (!w->woken) {
		list_del(&w->link);
		if (w->kind == WAITS_FOR_PI_LOCK)
			pi_unblock(&w->pi);
	}
	unlock_all(b);
	if (w->woken) /* even if a signal or the time-out came after the wake */
		why = w->died ? write_inherited(w, addr) : 0;
	key_put(&w->key);
	/* The time-out is absolute: the call can simply be made again. */
	return why == -ERESTARTSYS ? -ERESTARTNOINTR : why;
}

long futex_lock_pi(u64 addr, bool private, u64 until)
{
	struct futex_waiter w = {
		.task = current, .kind = WAITS_FOR_PI_LOCK, .pi = {.task = current}};
	int ret = take_or_queue_retry(&w, addr, private, false);

	return ret == 1 ? finish_lock(&w, addr, sleep_queued(&w, until)) : ret;
}

long futex_trylock_pi(u64 addr, bool private)
{
	struct futex_waiter w = {.task = current};

	return take_or_queue_retry(&w, addr, private, true);
}

/* ---- unlock ---- */

static long unlock_locked(u32 *word, const struct futex_key *key, struct futex_bucket *b)
{
	struct futex_waiter *w = find_waiter(b, key);
	u32 old = __atomic_load_n(word, __ATOMIC_SEQ_CST), new = 0;

	if (w && (w->kind != WAITS_FOR_PI_LOCK || w->pi.owner != current ||
		  (old & FUTEX_TID_MASK) != my_tid()))
		return -EINVAL;
	if (w) {
		w = next_owner(current, key);
		list_del(&w->link);
		new = (u32)w->task->pid_nr | FUTEX_WAITERS;
	}
	/* With a new owner, what the program writes into the word at the same time is lost. */
	do
		if (!w && (old & FUTEX_TID_MASK) != my_tid())
			return -EAGAIN;
	while (!change_word(word, &old, new));
	if (w)
		grant(w);
	return 0;
}

long futex_unlock_pi(u64 addr, bool private)
{
	struct futex_bucket *b;
	struct futex_key key;
	u32 val, *word;
	long ret;

	if (get_user(val, (u32 __user *)addr))
		return -EFAULT;
	if ((val & FUTEX_TID_MASK) != my_tid())
		return -EPERM;
	word = pin_word_and_key(addr, private, ACCESS_WRITE, &key);
	if (IS_ERR(word))
		return PTR_ERR(word);
	b = bucket_of(&key);
	lock_all(b);
	ret = unlock_locked(word, &key, b);
	unlock_all(b);
	unpin_word();
	key_put(&key);
	return ret;
}

/* ---- from a condition variable to its lock ---- */

long futex_wait_requeue_pi(u64 addr, u64 addr2, bool private, u32 val, u64 until)
{
	struct futex_waiter w = {
		.task = current, .kind = WAITS_FOR_REQUEUE, .pi = {.task = current}};
	long ret;

	if (addr == addr2)
		return -EINVAL;
	ret = get_futex_key(addr2, private, ACCESS_WRITE, &w.target);
	if (ret)
		return ret;
	ret = queue_waiter(&w, addr, private, val);
	if (!ret) {
		bool same = same_key(&w.key, &w.target); /* two addresses of one word */

		ret = finish_lock(&w, addr2, same ? -EINVAL : sleep_queued(&w, until));
		/* A waiter that was requeued has had its wake-up and must not wait for it again. */
		if (ret == -ERESTARTNOINTR && w.kind == WAITS_FOR_PI_LOCK)
			ret = -EAGAIN;
	}
	key_put(&w.target);
	return ret;
}

struct pi_requeue {
	struct futex_key key1, key2;
	struct futex_bucket *b1, *b2;
	u32 *word1, *word2; /* pinned */
	u32 max, moved;
	u64 until;            /* arrivals in b1 when the first word was compared */
	struct task *exiting; /* with -EBUSY: the owner that is exiting; a reference */
};

/* Give `w` the PI lock, or let it wait for that. */
static int requeue_one(struct pi_requeue *r, struct futex_waiter *w)
{
	u32 waiters = r->max > 1 ? FUTEX_WAITERS : 0;
	struct task *owner;
	int err;

	if (w->kind != WAITS_FOR_REQUEUE || !same_key(&w->target, &r->key2))
		return -EINVAL;
	owner = take_or_find_owner(r->b2, &r->key2, r->word2, w->task, waiters, &r->exiting);
	if (IS_ERR(owner))
		return (int)PTR_ERR(owner);
	if (!owner) {
		list_del(&w->link);
		grant(w);
		return 0;
	}
	err = pi_block(&w->pi, owner);
	if (err)
		return err;
	w->kind = WAITS_FOR_PI_LOCK;
	move_waiter(w, r->b2, &r->key2);
	return 0;
}

#define REQUEUE_BATCH \
	16u /* waiters moved in one hold of the locks; each may change a chain of boosts */

/* Requeue one batch of the waiters that arrived by r->until. Returns how many, or -errno. */
static long requeue_batch(struct pi_requeue *r)
{
	struct futex_waiter *w, *n;
	u32 done = 0;

	list_for_each_entry_safe (w, n, &r->b1->waiters, link) {
		int err;

		if (done == REQUEUE_BATCH || r->moved == r->max)
			break;
		if (!same_key(&w->key, &r->key1) || w->arrival > r->until)
			continue;
		err = requeue_one(r, w);
		if (err)
			return err;
		r->moved++;
		done++;
	}
	return done;
}

/* Requeue a batch if the first word is `val`. It is compared only until a waiter has moved. */
static long compare_and_requeue(struct pi_requeue *r, u32 val)
{
	if (r->moved == 0) {
		if (__atomic_load_n(r->word1, __ATOMIC_SEQ_CST) != val)
			return -EAGAIN;
		r->until = r->b1->arrivals;
	}
	return requeue_batch(r);
}

/* Pin both words, with their keys, in one hold of mm->lock. 0, or -errno without it. */
static int pin_two(u64 addr1, u64 addr2, bool private, u32 **word1, u32 **word2,
		   struct futex_key *key1, struct futex_key *key2)
{
	int err;

	for (;;) {
		void *at;

		err = get_futex_key(addr1, private, ACCESS_READ, key1);
		if (err)
			return err;
		*word2 = pin_word_and_key(addr2, private, ACCESS_WRITE, key2);
		if (IS_ERR(*word2)) {
			key_put(key1);
			return (int)PTR_ERR(*word2);
		}
		if (mm_fault_locked(current->mm, addr1, ACCESS_READ, &at) == FAULT_OK) {
			*word1 = at;
			return 0;
		}
		unpin_word();
		key_put(key2);
		key_put(key1);
		/* Fault the first word in alone, and try again. */
		*word1 = pin_word(addr1, ACCESS_READ);
		if (IS_ERR(*word1))
			return (int)PTR_ERR(*word1);
		unpin_word();
	}
}

/* Requeue in batches; the words are pinned. An error hides how many waiters have moved before.
 * Linux does the same when its one pass reaches a waiter for something else (-EINVAL) or one that
 * would wait for itself (-EDEADLK). */
static long requeue_pinned(struct pi_requeue *r, u32 val)
{
	long ret;

	do {
		spin_lock(&pi_lock);
		spin_lock_two(&r->b1->lock, &r->b2->lock);
		ret = compare_and_requeue(r, val);
		spin_unlock_two(&r->b1->lock, &r->b2->lock);
		spin_unlock(&pi_lock);
	} while (ret == REQUEUE_BATCH && r->moved < r->max && !fatal_signal_pending(current));
	return ret < 0 ? ret : r->moved;
}

static long try_requeue(struct pi_requeue *r, u64 addr, u64 addr2, bool private, u32 val)
{
	struct futex_bucket *b1;
	long ret = pin_two(addr, addr2, private, &r->word1, &r->word2, &r->key1, &r->key2);

	if (ret)
		return ret;
	b1 = bucket_of(&r->key1);
	if (r->moved && b1 != r->b1)
		r->until = 0; /* other memory is mapped there now: leave its waiters alone */
	r->b1 = b1;
	r->b2 = bucket_of(&r->key2);
	ret = same_key(&r->key1, &r->key2) ? -EINVAL : requeue_pinned(r, val);
	unpin_word();
	key_put(&r->key1);
	key_put(&r->key2);
	return ret;
}

/* Move up to 1 + `max_move` waiters to the PI lock; the first one gets it if it is free. Linux
 * looks up the owner once, before it moves the first waiter. Here all moved waiters may be gone
 * before the next batch, and the lock's owner may be exiting: then the call waits for that. */
long futex_cmp_requeue_pi(u64 addr, u64 addr2, bool private, int max_wake, int max_move, u32 val)
{
	struct pi_requeue r = {.max = (u32)max_move + 1};

	if (max_wake != 1 || max_move < 0 || addr == addr2)
		return -EINVAL;
	for (;;) {
		long ret = try_requeue(&r, addr, addr2, private, val);

		if (ret != -EBUSY)
			return ret;
		wait_for_exit(r.exiting);
	}
}

/* ---- exit ---- */

void begin_exit_pi(struct task *p)
{
	guard_spin(&pi_lock);
	p->pi_exit = PI_EXITING;
}

void exit_pi(struct task *p, bool exec)
{
	bool awaited;

	spin_lock(&pi_lock);
	while (!list_empty(&p->pi_waiters)) {
		struct futex_waiter *w =
			list_first_entry(&p->pi_waiters, struct futex_waiter, pi.link);
		struct futex_bucket *b = w->bucket;

		spin_lock(&b->lock);
		inherit(p, &w->key);
		spin_unlock(&b->lock);
	}
	awaited = p->pi_exit == PI_EXITING;
	WRITE_ONCE(p->pi_exit, exec ? PI_OK : PI_DEAD);
	spin_unlock(&pi_lock);
	if (awaited)
		wake_up_all(&exits);
}
