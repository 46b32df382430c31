/*
 * Futexes: sleeping on a word of user memory. futex(2), get_robust_list(2).
 *
 * A futex is known by what it stands for: private memory by (mm, address), shared memory by
 * (object, offset), so that it is the same word wherever it is mapped. Nothing else can come to
 * live where it is while somebody sleeps on it: a key holds a reference on its object or mm. With
 * FUTEX_PRIVATE_FLAG it needs none, for who sleeps lives in that mm; without, he may have been
 * requeued from shared memory by another process.
 *
 * Who has to look at the word, or to change it, holds mm->lock from the look-up on: the page is
 * there and stays, so the word can be reached through the direct map, also under a bucket's lock.
 * User memory itself is never touched there.
 *
 * PI futexes are in kernel/futex/futex_pi.c; their waiters are in the same buckets, so that whoever
 * mixes the two kinds of operations on one word is told (-EINVAL).
 */
#include "kernel/futex/futex_internal.h"

#include "kernel/lib/random.h"
#include "kernel/lib/syscall.h"
#include "kernel/oom.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

/* Offsets are multiples of 4: the low bit tells apart what FUTEX_PRIVATE_FLAG names, and private
 * memory that was named without it. As on Linux the two do not meet. */
#define KEY_WITHOUT_FLAG 1

static struct futex_bucket *buckets;
static u32 bucket_bits;   /* 1 << bucket_bits of them */
static u64 bucket_key[2]; /* constant once random: a bucket cannot be aimed at */

/* A bucket for every 64 pages of memory, within limits: 256 for each of Linux's CPUs is as much. */
void futex_init(void)
{
	unsigned int order = 0;
	struct page *p;

	while (order < 5 && (PAGE_SIZE / sizeof(*buckets) << order) * 64 < nr_total_pages())
		order++;
	p = alloc_pages(order, ALLOC_ZERO);
	if (!p)
		panic("no memory for the futexes' buckets\n");
	buckets = page_to_virt(p);
	bucket_bits = (u32)__builtin_ctzl(PAGE_SIZE / sizeof(*buckets) << order);
	for (u32 i = 0; i < 1U << bucket_bits; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
	bucket_key[0] = random_u64();
	bucket_key[1] = random_u64() | 1;
}

/* ---- keys ---- */

static void key_get(const struct futex_key *key)
{
	if (key->obj)
		object_get(key->obj);
	else if (key->offset & KEY_WITHOUT_FLAG)
		mm_grab(key->mm);
}

void key_put(const struct futex_key *key)
{
	if (key->obj)
		object_put(key->obj);
	else if (key->offset & KEY_WITHOUT_FLAG)
		mm_drop(key->mm);
}

bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->mm == b->mm && a->obj == b->obj && a->offset == b->offset;
}

struct futex_bucket *bucket_of(const struct futex_key *key)
{
	u64 space = key->obj ? (u64)key->obj : (u64)key->mm;
	unsigned __int128 h = (unsigned __int128)(space ^ bucket_key[0]) * bucket_key[1];

	h = (unsigned __int128)((u64)h ^ (u64)(h >> 64) ^ key->offset) * bucket_key[1];
	return &buckets[((u64)h ^ (u64)(h >> 64)) >> (64 - bucket_bits)];
}

void bucket_add(struct futex_bucket *b, struct futex_waiter *w)
{
	struct futex_waiter *at;

	w->bucket = b;
	w->arrival = ++b->arrivals;
	w->prio = MIN(w->task->normal_prio, MAX_RT_PRIO);
	/* from the end, where those that are not real-time find their place at once */
	for (at = list_last_entry(&b->waiters, struct futex_waiter, link);
	     &at->link != &b->waiters && at->prio > w->prio;
	     at = list_last_entry(&at->link, struct futex_waiter, link))
		;
	list_add(&w->link, &at->link);
}

/*
 * What the word at `addr` stands for when it may be shared: that depends on the page that is there,
 * so the page is faulted in, to be written if it may be. A page of an object is known by the
 * object, also in a private mapping that has not copied it. Caller holds the lock of current->mm.
 */
static enum fault_result key_by_page(u64 addr, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	const struct area *area;
	bool read_only = false;
	void *word;
	enum fault_result r = mm_fault_locked(mm, addr, ACCESS_WRITE, &word);

	if (r == FAULT_ACCERR && access == ACCESS_READ) {
		r = mm_fault_locked(mm, addr, ACCESS_READ, &word);
		read_only = true;
	}
	if (r != FAULT_OK)
		return r;
	area = mm_area_at(mm, addr);
	if (virt_to_page(word)->flags & PG_CACHE)
		*key = (struct futex_key){
			.obj = area->obj,
			.offset = addr - area->start + area->pgoff * PAGE_SIZE,
		};
	else if (read_only) /* such a word can never change: as on Linux, a mistake */
		return FAULT_ACCERR;
	else
		key->offset |= KEY_WITHOUT_FLAG;
	return FAULT_OK;
}

/* True in private memory that can be written: whatever page is there will be its own. */
static always_inline bool key_by_area(u64 addr, struct futex_key *key)
{
	const struct area *area = mm_area_at(current->mm, addr);

	if (!area || area->obj || !(area->flags & AREA_WRITE))
		return false;
	*key = (struct futex_key){.mm = current->mm, .offset = addr | KEY_WITHOUT_FLAG};
	return true;
}

/* One try at pin_word_and_key(), or at the key alone when `word` is NULL; the caller holds the lock
 * of current->mm. */
static enum fault_result try_pin(u64 addr, bool private, enum fault_access access,
				 struct futex_key *key, void **word)
{
	enum fault_result r = FAULT_OK;

	if (key) {
		*key = (struct futex_key){.mm = current->mm, .offset = addr};
		if (!private && !key_by_area(addr, key))
			r = key_by_page(addr, access, key);
	}
	if (r == FAULT_OK && word)
		r = mm_fault_locked(current->mm, addr, access, word);
	if (r == FAULT_OK && key)
		key_get(key);
	return r;
}

/* 0 with mm->lock held, or an error without it. */
static noinline int pin(u64 addr, bool private, enum fault_access access, struct futex_key *key,
			void **word)
{
	struct mm *mm = current->mm;

	if (addr % sizeof(u32))
		return -EINVAL;
	for (;;) {
		enum fault_result result;

		mutex_lock(&mm->lock);
		result = try_pin(addr, private, access, key, word);
		if (result == FAULT_OK)
			return 0;
		mutex_unlock(&mm->lock);
		if (result != FAULT_OOM || fatal_signal_pending(current) || !out_of_memory())
			return -EFAULT;
	}
}

static noinline u32 *pin_slowly(u64 addr, bool private, enum fault_access access,
				struct futex_key *key)
{
	void *word;
	int err = pin(addr, private, access, key, &word);

	return err ? ERR_PTR(err) : word;
}

u32 *pin_word(u64 addr, enum fault_access access)
{
	return pin_slowly(addr, true, access, NULL);
}

/* First what there is mostly: a word of memory that was written to before. */
u32 *pin_word_and_key(u64 addr, bool private, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	u32 *word = NULL;

	if (addr % sizeof(u32))
		return ERR_PTR(-EINVAL);
	mutex_lock(&mm->lock);
	if (private)
		*key = (struct futex_key){.mm = mm, .offset = addr};
	if (private || key_by_area(addr, key))
		word = mm_look(mm, addr, access);
	if (likely(word)) {
		key_get(key);
		return word;
	}
	mutex_unlock(&mm->lock);
	return pin_slowly(addr, private, access, key);
}

static noinline int key_slowly(u64 addr, enum fault_access access, struct futex_key *key)
{
	int err = pin(addr, false, access, key, NULL);

	if (!err)
		unpin_word();
	return err;
}

/* A private word is known by its address, whatever is there. */
int get_futex_key(u64 addr, bool private, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	bool known;

	if (addr % sizeof(u32))
		return -EINVAL;
	if (addr >= TASK_SIZE)
		return -EFAULT;
	if (private) {
		*key = (struct futex_key){.mm = current->mm, .offset = addr};
		return 0;
	}
	mutex_lock(&mm->lock);
	known = key_by_area(addr, key);
	if (known)
		mm_grab(mm);
	mutex_unlock(&mm->lock);
	return known ? 0 : key_slowly(addr, access, key);
}

void unpin_word(void)
{
	mutex_unlock(&current->mm->lock);
}

void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock_nested(a < b ? &b->lock : &a->lock);
}

void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* ---- wake ---- */

/* Caller holds the bucket's lock. From `woken` on the waiter may be gone as soon as we let go. */
static void wake_waiter(struct futex_waiter *w)
{
	list_del(&w->link);
	w->woken = true;
	wake_up_process(w->task);
}

#define WAKE_BATCH 64u /* tasks that are woken, or moved, in one hold of the bucket's lock */
#define ANY_TIME   (~0UL)

/* Wake at most `max` of those that wait for `key` and arrived by `until`. -EINVAL when one waits
 * for it as for a PI lock, which is handed over, not woken for. Caller holds the bucket's lock. */
static long wake_locked(struct futex_bucket *b, const struct futex_key *key, u32 max, u32 bitset,
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

/* Wake the next batches, after a first one that was full, when `until` waiters had arrived. How
 * many it is with the first; or -EINVAL, which as on Linux hides how many were woken before. */
static noinline long wake_more(struct futex_bucket *b, const struct futex_key *key, u32 max,
			       u32 bitset, u64 until)
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

/* ---- wake after an operation on a second word ---- */

/* FUTEX_OP() of futex(2), taken apart. */
struct wake_op {
	u32 op, cmp;
	s32 oparg, cmparg;
};

static int decode_wake_op(u32 encoded, struct wake_op *out)
{
	u32 op = encoded >> 28;

	*out = (struct wake_op){
		.op = op & 7,
		.cmp = encoded >> 24 & 15,
		.oparg = (s32)(encoded << 8) >> 20,
		.cmparg = (s32)(encoded << 20) >> 20,
	};
	if (op & FUTEX_OP_OPARG_SHIFT)
		out->oparg = (s32)(1U << (out->oparg & 31));
	return out->op > FUTEX_OP_XOR || out->cmp > FUTEX_OP_CMP_GE ? -ENOSYS : 0;
}

static u32 wake_op_result(const struct wake_op *op, u32 old)
{
	switch (op->op) {
	case FUTEX_OP_SET:
		return op->oparg;
	case FUTEX_OP_ADD:
		return old + op->oparg;
	case FUTEX_OP_OR:
		return old | op->oparg;
	case FUTEX_OP_ANDN:
		return old & ~op->oparg;
	default:
		return old ^ op->oparg;
	}
}

static bool wake_op_compare(const struct wake_op *op, s32 old)
{
	switch (op->cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == op->cmparg;
	case FUTEX_OP_CMP_NE:
		return old != op->cmparg;
	case FUTEX_OP_CMP_LT:
		return old < op->cmparg;
	case FUTEX_OP_CMP_LE:
		return old <= op->cmparg;
	case FUTEX_OP_CMP_GT:
		return old > op->cmparg;
	default:
		return old >= op->cmparg;
	}
}

static u32 apply_wake_op(u32 *word, const struct wake_op *op)
{
	u32 old = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(word, &old, wake_op_result(op, old), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return old;
}

/* Wake by both keys, with the operation in between. Both words' first batches are woken in one hold
 * of the two locks. */
static long wake_and_operate(const struct futex_key *key1, const struct futex_key *key2, u32 max1,
			     u32 max2, u32 *word, const struct wake_op *op)
{
	const u32 any = FUTEX_BITSET_MATCH_ANY;
	struct futex_bucket *b1 = bucket_of(key1), *b2 = bucket_of(key2);
	long first, second = 0;
	u64 until1, until2;
	u32 old;

	lock_two(b1, b2);
	old = apply_wake_op(word, op);
	first = wake_locked(b1, key1, MIN(max1, WAKE_BATCH), any, ANY_TIME);
	if (first >= 0 && wake_op_compare(op, old))
		second = wake_locked(b2, key2, MIN(max2, WAKE_BATCH), any, ANY_TIME);
	until1 = b1->arrivals;
	until2 = b2->arrivals;
	unlock_two(b1, b2);
	unpin_word();
	if (unlikely(first == WAKE_BATCH))
		first = wake_more(b1, key1, max1, any, until1);
	if (unlikely(second == WAKE_BATCH && first >= 0))
		second = wake_more(b2, key2, max2, any, until2);
	return first < 0 || second < 0 ? MIN(first, second) : first + second;
}

static long futex_wake_op(u64 addr1, u64 addr2, bool private, u32 max1, u32 max2, u32 encoded)
{
	struct futex_key key1, key2;
	struct wake_op op;
	u32 *word;
	long ret;

	ret = decode_wake_op(encoded, &op);
	if (ret)
		return ret;
	ret = get_futex_key(addr1, private, ACCESS_READ, &key1);
	if (ret)
		return ret;
	word = pin_word_and_key(addr2, private, ACCESS_WRITE, &key2);
	if (IS_ERR(word)) {
		key_put(&key1);
		return PTR_ERR(word);
	}
	ret = wake_and_operate(&key1, &key2, max1, max2, word, &op);
	key_put(&key1);
	key_put(&key2);
	return ret;
}

/* ---- requeue ---- */

void move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key)
{
	key_get(key);
	key_put(&w->key);
	w->key = *key;
	if (w->bucket != to) {
		list_del(&w->link);
		bucket_add(to, w);
	} else {
		w->arrival = ++to->arrivals;
	}
}

struct requeue {
	struct futex_bucket *from, *to;
	const struct futex_key *key1, *key2;
	u32 max_wake, max_move;
	u32 woken, moved;
	u64 until; /* arrivals in `from` at the first hold, when the word was compared */
};

/* One batch of those that arrived by r->until. WAKE_BATCH when there may be more, -EINVAL when one
 * waits for a PI lock. Caller holds the locks of both buckets. */
static long requeue_locked(struct requeue *r)
{
	bool same =
		same_key(r->key1, r->key2); /* those that would move are only counted, at once */
	struct futex_waiter *w, *n;
	u32 done = 0;

	list_for_each_entry_safe (w, n, &r->from->waiters, link) {
		if (done == WAKE_BATCH || (r->woken >= r->max_wake && r->moved >= r->max_move))
			break;
		if (!same_key(&w->key, r->key1) || w->arrival > r->until)
			continue;
		if (w->kind != WAITS_FOR_WAKE)
			return -EINVAL;
		if (r->woken < r->max_wake) {
			wake_waiter(w);
			r->woken++;
			done++;
		} else {
			if (!same) {
				move_waiter(w, r->to, r->key2);
				done++;
			}
			r->moved++;
		}
	}
	return done;
}

/* The next batches, after one that was full. */
static noinline long requeue_more(struct requeue *r)
{
	long ret = WAKE_BATCH;

	while (ret == WAKE_BATCH && !fatal_signal_pending(current)) {
		lock_two(r->from, r->to);
		ret = requeue_locked(r);
		unlock_two(r->from, r->to);
	}
	return ret;
}

/* `expected`: what the first word must be (CMP_REQUEUE), or NULL. */
static long futex_requeue(u64 addr1, u64 addr2, bool private, int max_wake, int max_move,
			  const u32 *expected)
{
	struct requeue r = {.max_wake = (u32)max_wake, .max_move = (u32)max_move};
	struct futex_key key1, key2;
	u32 *word = NULL;
	long ret;

	if (max_wake < 0 || max_move < 0)
		return -EINVAL;
	ret = get_futex_key(addr2, private, ACCESS_READ, &key2);
	if (ret)
		return ret;
	if (expected) {
		word = pin_word_and_key(addr1, private, ACCESS_READ, &key1);
		ret = IS_ERR(word) ? PTR_ERR(word) : 0;
	} else {
		ret = get_futex_key(addr1, private, ACCESS_READ, &key1);
	}
	if (ret)
		goto out_key2;
	r.key1 = &key1;
	r.key2 = &key2;
	r.from = bucket_of(&key1);
	r.to = bucket_of(&key2);
	lock_two(r.from, r.to);
	r.until = r.from->arrivals;
	if (expected && __atomic_load_n(word, __ATOMIC_SEQ_CST) != *expected)
		ret = -EAGAIN;
	else
		ret = requeue_locked(&r);
	unlock_two(r.from, r.to);
	if (expected)
		unpin_word();
	if (unlikely(ret == WAKE_BATCH))
		ret = requeue_more(&r);
	if (ret >= 0)
		ret = (long)r.woken + r.moved;
	key_put(&key1);
out_key2:
	key_put(&key2);
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

/* Requeueing may move us to another bucket while we wait for the lock of the old one. */
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

/* True when it had been woken; else it is taken off the list here. */
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

/* After a stop and SIGCONT: the same deadline goes on. */
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
		ret = 0; /* also when a signal or the time-out came second */
	if (ret == -ERESTARTSYS && until != TIME_FOREVER) {
		/* Starting anew after each handler would never time out. */
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

/* The time-out of WAIT is relative, that of LOCK_PI absolute by CLOCK_REALTIME, those of the others
 * are absolute by either clock. */
static int wait_deadline(const struct timespec __user *utime, int op, u64 *until)
{
	bool absolute = (op & FUTEX_CMD_MASK) != FUTEX_WAIT;
	bool realtime = (op & FUTEX_CLOCK_REALTIME) || (op & FUTEX_CMD_MASK) == FUTEX_LOCK_PI;
	struct timespec ts;
	u64 ns, now;

	*until = TIME_FOREVER;
	if (!utime || !has_timeout(op & FUTEX_CMD_MASK))
		return 0;
	if (copy_from_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts.tv_sec >= TIME_FOREVER / NSEC_PER_SEC / 2)
		return 0;
	ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	now = realtime ? ktime_get_real() : ktime_get();
	if (!absolute)
		*until = ktime_get() + ns;
	else
		*until = ktime_get() + (ns > now ? ns - now : 0);
	return 0;
}

/* Linux counts a task that it woke before it compares: none, and less than none, are one. */
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
	u32 val2 = (u32)(u64)timeout; /* of the operations that do not wait */

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
