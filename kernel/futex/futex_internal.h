/* What the files of the futex share: kernel/futex/futex.c, futex_pi.c, robust.c. */
#pragma once

#include "kernel/futex/futex.h"
#include "kernel/lib/list.h"
#include "kernel/sched/pi.h"
#include "mm/mm.h"

struct futex_key {
	struct mm *mm;         /* private; without FUTEX_PRIVATE_FLAG a reference (mm_grab) */
	struct vm_object *obj; /* shared; a reference */
	u64 offset;
};

struct futex_bucket {
	spinlock_t lock; /* LOCK_FUTEX; after pi_lock where both are held */
	struct list_head waiters;
	u64 arrivals; /* waiters that were ever added, or got another key here; the bucket's lock */
};

enum waiter_kind {
	WAITS_FOR_WAKE,
	WAITS_FOR_PI_LOCK,
	WAITS_FOR_REQUEUE, /* to become one that waits for a PI lock */
};

/* On the stack of the task that waits. */
struct futex_waiter {
	struct list_head link;       /* bucket's lock */
	struct futex_bucket *bucket; /* changes under the locks of both, by requeueing */
	struct futex_key key;        /* likewise */
	struct task *task;
	u64 arrival;           /* the bucket's count of them when it came; bucket's lock */
	int prio;              /* its place in the bucket, see bucket_add() */
	enum waiter_kind kind; /* bucket's lock */
	u32 bitset;            /* woken only by a wake that has one of these bits */
	bool woken;            /* bucket's lock: taken off the list by a waker; given the PI lock */
	struct futex_key target; /* WAITS_FOR_REQUEUE: to what; a reference */
	/* WAITS_FOR_PI_LOCK only: */
	struct pi_waiter pi; /* pi_lock */
	bool died; /* pi_lock: woken, but still in the bucket, for the word does not say so yet */
};

/* ---- kernel/futex/futex.c ---- */
void key_put(const struct futex_key *key);
bool same_key(const struct futex_key *a, const struct futex_key *b);
struct futex_bucket *bucket_of(const struct futex_key *key);
/* Add `w` and number it: a call that works in batches leaves alone what came after its first hold
 * of the lock, as if it had done all in that one. Real-time tasks are woken first, the best of them
 * before the others; the rest in the order they came. Caller holds the bucket's lock. */
void bucket_add(struct futex_bucket *b, struct futex_waiter *w);
/* The key of a user address, with its reference. `access`: ACCESS_READ when a word that cannot be
 * written will do. -EINVAL, -EFAULT: also when the word may be shared and is not there. */
int get_futex_key(u64 addr, bool private, enum fault_access access, struct futex_key *key);
/* Two buckets, in the order of their addresses; they may be one. */
void lock_two(struct futex_bucket *a, struct futex_bucket *b);
void unlock_two(struct futex_bucket *a, struct futex_bucket *b);
/* Look at the word and queue, with the bucket locked: a wake that follows a change of the word
 * finds us in the list. 0, -EAGAIN (the word is not `val`), -EFAULT, -EINVAL. */
int queue_waiter(struct futex_waiter *w, u64 addr, bool private, u32 val);
/* Give `w` another key, and a new number. Caller holds the locks of both buckets and a reference of
 * its own on either key, so that the one dropped here is never the last. */
void move_waiter(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *key);
/* Lock current->mm and have the word at `addr` there, to be read or to be written. The word, in the
 * direct map, with mm->lock held; or an error without it. */
u32 *pin_word(u64 addr, enum fault_access access);
/* As pin_word(), with the key of the same address. */
u32 *pin_word_and_key(u64 addr, bool private, enum fault_access access, struct futex_key *key);
void unpin_word(void);
/* Until woken (0), a signal (-ERESTARTSYS) or `until` (-ETIMEDOUT). */
long sleep_queued(struct futex_waiter *w, u64 until);

/* ---- kernel/futex/futex_pi.c ---- */
long futex_lock_pi(u64 addr, bool private, u64 until);
long futex_trylock_pi(u64 addr, bool private);
long futex_unlock_pi(u64 addr, bool private);
long futex_wait_requeue_pi(u64 addr, u64 addr2, bool private, u32 val, u64 until);
long futex_cmp_requeue_pi(u64 addr, u64 addr2, bool private, int max_wake, int max_move, u32 val);
/* From here on, until exit_pi(), nobody comes to wait for current: he waits for that instead. */
void begin_exit_pi(struct task *p);
/* The locks of current that somebody waits for get another owner; it gets no new ones, but after
 * exec. */
void exit_pi(struct task *p, bool exec);

/* ---- kernel/futex/robust.c ---- */
void exit_robust_list(struct task *p);
