/* FUTEX_WAKE_OP: wake, change a second word, and perhaps wake there too. futex(2) */
#include "kernel/futex/futex_internal.h"

#include "kernel/task.h"

/* The fields of FUTEX_OP(). */
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

/* Do the operation and wake by both keys. The first batches of both are woken in the same hold of
 * the two locks as the operation. */
static long wake_and_operate(const struct futex_key *key1, const struct futex_key *key2, u32 max1,
			     u32 max2, u32 *word, const struct wake_op *op)
{
	const u32 any = FUTEX_BITSET_MATCH_ANY;
	struct futex_bucket *b1 = bucket_of(key1), *b2 = bucket_of(key2);
	long first, second = 0;
	u64 until1, until2;
	u32 old;

	spin_lock_two(&b1->lock, &b2->lock);
	old = apply_wake_op(word, op);
	first = wake_locked(b1, key1, MIN(max1, WAKE_BATCH), any, ANY_TIME);
	if (first >= 0 && wake_op_compare(op, old))
		second = wake_locked(b2, key2, MIN(max2, WAKE_BATCH), any, ANY_TIME);
	until1 = b1->arrivals;
	until2 = b2->arrivals;
	spin_unlock_two(&b1->lock, &b2->lock);
	unpin_word();
	if (unlikely(first == WAKE_BATCH))
		first = wake_more(b1, key1, max1, any, until1);
	if (unlikely(second == WAKE_BATCH && first >= 0))
		second = wake_more(b2, key2, max2, any, until2);
	return first < 0 || second < 0 ? MIN(first, second) : first + second;
}

long futex_wake_op(u64 addr1, u64 addr2, bool private, u32 max1, u32 max2, u32 encoded)
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
