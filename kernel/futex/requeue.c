/* FUTEX_REQUEUE, FUTEX_CMP_REQUEUE: wake some waiters, move others to a second futex. futex(2) */
#include "kernel/futex/futex_internal.h"

#include "kernel/task.h"

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
	u64 until; /* arrivals in `from` when the word was compared */
};

/* Wake and move one batch of the waiters that arrived by r->until. WAKE_BATCH if there may be more,
 * -EINVAL if one waits for a PI lock. The caller holds the locks of both buckets. */
static long requeue_locked(struct requeue *r)
{
	bool same = same_key(r->key1, r->key2); /* then moves are only counted */
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

/* Go on after a batch that was full. */
static noinline long requeue_more(struct requeue *r)
{
	long ret = WAKE_BATCH;

	while (ret == WAKE_BATCH && !fatal_signal_pending(current)) {
		spin_lock_two(&r->from->lock, &r->to->lock);
		ret = requeue_locked(r);
		spin_unlock_two(&r->from->lock, &r->to->lock);
	}
	return ret;
}

long futex_requeue(u64 addr1, u64 addr2, bool private, int max_wake, int max_move,
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
	spin_lock_two(&r.from->lock, &r.to->lock);
	r.until = r.from->arrivals;
	if (expected && __atomic_load_n(word, __ATOMIC_SEQ_CST) != *expected)
		ret = -EAGAIN;
	else
		ret = requeue_locked(&r);
	spin_unlock_two(&r.from->lock, &r.to->lock);
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
