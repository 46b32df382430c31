/* What the files of this folder share. */
#pragma once

#include "kernel/futex/futex.h"
#include "kernel/lib/list.h"
#include "kernel/sched/pi.h"
#include "mm/mm.h"

struct futex_key {
	struct mm *mm;         /* of private memory; without FUTEX_PRIVATE_FLAG a reference */
	struct vm_object *obj; /* of shared memory; a reference */
	u64 offset;
};

struct futex_bucket {
	spinlock_t lock; /* LOCK_FUTEX; after pi_lock where both are held */
	struct list_head waiters;
	u64 arrivals; /* lock: how many waiters were ever added, or got a new key here */
};

enum waiter_kind {
	WAITS_FOR_WAKE,
	WAITS_FOR_PI_LOCK,
	WAITS_FOR_REQUEUE, /* until it is requeued to a PI lock */
};

/* Lies on the stack of the waiting task. */
struct futex_waiter {
	struct list_head link;       /* bucket's lock */
	struct futex_bucket *bucket; /* changed by a requeue, under the locks of both buckets */
	struct futex_key key;        /* likewise */
	struct task *task;
	u64 arrival;           /* bucket's lock: bucket->arrivals when it was added */
	int prio;              /* its place in the list: see bucket_add() */
	enum waiter_kind kind; /* bucket's lock */
	u32 bitset;            /* woken only by a wake with one of these bits */
	bool woken;            /* bucket's lock: off the list by a wake, or owner of the PI lock */
	struct futex_key target; /* WAITS_FOR_REQUEUE: the PI lock; a reference */
	/* WAITS_FOR_PI_LOCK only: */
	struct pi_waiter pi; /* pi_lock */
	bool died;           /* pi_lock: owner of the lock, but the word does not say so yet */
};

/* ---- key.c ---- */
void key_get(const struct futex_key *key);
void key_put(const struct futex_key *key);
bool same_key(const struct futex_key *a, const struct futex_key *b);
struct futex_bucket *bucket_of(const struct futex_key *key);
/* Add `w` and number it. A call that works in batches leaves alone waiters that came after its
 * first hold of the lock, as if it had done all in one. Real-time tasks are woken first, by
 * priority, then the others in order of arrival. The caller holds the bucket's lock. */
void bucket_add(struct futex_bucket *b, struct futex_waiter *w);
/* Store the key of a user address, with its reference. `access` is ACCESS_READ if the word need not
 * be writable. 0, -EINVAL (alignment), or -EFAULT. */
int get_futex_key(u64 addr, bool private, enum fault_access access, struct futex_key *key);
/* Lock current->mm and fault in the word at `addr`, to be read or written. Returns the word in the
 * direct map with mm->lock held, or ERR_PTR without it. */
u32 *pin_word(u64 addr, enum fault_access access);
/* The same, with the key of the word. */
u32 *pin_word_and_key(u64 addr, bool private, enum fault_access access, struct futex_key *key);
void unpin_word(void);

/* ---- futex.c ---- */
#define WAKE_BATCH 64u /* waiters woken or moved in one hold of a bucket's lock */
#define ANY_TIME   (~0UL)
/* Take `w` off the list and wake it. Once the bucket's lock is released, the waiter may be gone. */
void wake_waiter(struct futex_waiter *w);
/* Wake at most `max` waiters for `key` that arrived by `until`. -EINVAL if one of them waits for a
 * PI lock, which is handed over instead. The caller holds the bucket's lock. */
long wake_locked(struct futex_bucket *b, const struct futex_key *key, u32 max, u32 bitset,
		 u64 until);
/* Wake in further batches after a full first one; `until`: the arrivals up to that batch. Returns
 * the number of all woken, or -EINVAL, which as on Linux hides that number. */
long wake_more(struct futex_bucket *b, const struct futex_key *key, u32 max, u32 bitset, u64 until);
/* Compare the word with `val` and queue `w`, under the bucket's lock: a wake that follows a change
 * of the word finds the waiter in the list. 0, -EAGAIN (the word differs), -EFAULT, -EINVAL. */
int queue_waiter(struct futex_waiter *w, u64 addr, bool private, u32 val);
/* Sleep until woken (0), until a signal (-ERESTARTSYS), or until the time `until` (-ETIMEDOUT). */
long sleep_queued(struct futex_waiter *w, u64 until);

/* ---- wake_op.c, requeue.c ---- */
long futex_wake_op(u64 addr1, u64 addr2, bool private, u32 max1, u32 max2, u32 encoded);
/* `expected`: what the first word must be (CMP_REQUEUE), or NULL. */
long futex_requeue(u64 addr1, u64 addr2, bool private, int max_wake, int max_move,
		   const u32 *expected);
/* Give `w` a new key and a new number. The caller holds the locks of both buckets and references of
 * its own to both keys, so that the one dropped here is never the last. */
void move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key);
/* ---- futex_pi.c ---- */
long futex_lock_pi(u64 addr, bool private, u64 until);
long futex_trylock_pi(u64 addr, bool private);
long futex_unlock_pi(u64 addr, bool private);
long futex_wait_requeue_pi(u64 addr, u64 addr2, bool private, u32 val, u64 until);
long futex_cmp_requeue_pi(u64 addr, u64 addr2, bool private, int max_wake, int max_move, u32 val);
/* From here until exit_pi(), a task that would have to wait for p waits for exit_pi() instead. */
void begin_exit_pi(struct task *p);
/* Hand over the PI locks of p that have waiters. Unless `exec`, p gets no waiters after that. */
void exit_pi(struct task *p, bool exec);

/* ---- robust.c ---- */
void exit_robust_list(struct task *p);
