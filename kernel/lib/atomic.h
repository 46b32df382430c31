/* Atomic counters. All are sequentially consistent unless their name says otherwise. */
#pragma once

#include "kernel/lib/types.h"

typedef struct {
	int v;
} atomic_t;

#define ATOMIC_INIT(n) \
	{              \
		(n)    \
	}
#define READ_ONCE(x)     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, n) (*(volatile typeof(x) *)&(x) = (n))
#define barrier()        __asm__ volatile("" ::: "memory")

static inline int atomic_read(const atomic_t *a)
{
	return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE);
}
static inline void atomic_set(atomic_t *a, int n)
{
	__atomic_store_n(&a->v, n, __ATOMIC_RELEASE);
}
static inline int atomic_add_return(atomic_t *a, int n)
{
	return __atomic_add_fetch(&a->v, n, __ATOMIC_SEQ_CST);
}
static inline void atomic_inc(atomic_t *a)
{
	__atomic_add_fetch(&a->v, 1, __ATOMIC_SEQ_CST);
}
static inline void atomic_dec(atomic_t *a)
{
	__atomic_sub_fetch(&a->v, 1, __ATOMIC_SEQ_CST);
}

/* A reference count that sticks at its ceiling: an object with too many references is leaked, never
 * freed while in use. A drop below zero is a bug and panics. */
typedef struct {
	u32 n;
} refcount_t;

#define REFCOUNT_INIT(x) \
	{                \
		(x)      \
	}
/* A count of this or more is stuck: the CPU's sign flag shows it. */
#define REFCOUNT_SATURATED 0x80000000u
#define REFCOUNT_STUCK     0xc0000000u /* where it stays: far from both ends */
#define REFCOUNT_UNDERFLOW 0xe0000000u /* from here on, it was dropped below zero */

void refcount_underflow(const void *where) __noreturn;

static inline u32 refcount_read(const refcount_t *r)
{
	return __atomic_load_n(&r->n, __ATOMIC_ACQUIRE);
}
static inline void refcount_set(refcount_t *r, u32 n)
{
	__atomic_store_n(&r->n, n, __ATOMIC_RELEASE);
}
static inline void refcount_inc(refcount_t *r)
{
	bool stuck;

	__asm__ volatile("lock incl %0" : "+m"(r->n), "=@ccs"(stuck));
	if (unlikely(stuck))
		refcount_set(r, REFCOUNT_STUCK);
}
/* Drop one reference; true when it was the last. */
static inline __must_check bool refcount_dec_and_test(refcount_t *r)
{
	bool last, stuck;

	__asm__ volatile("lock decl %0" : "+m"(r->n), "=@ccz"(last), "=@ccs"(stuck)::"memory");
	if (unlikely(stuck)) {
		if (refcount_read(r) >= REFCOUNT_UNDERFLOW)
			refcount_underflow(r);
		refcount_set(r, REFCOUNT_STUCK);
	}
	return last;
}
/* Drop a reference that is not the last. False: it is the last, or the count is stuck. */
static inline __must_check bool refcount_dec_not_one(refcount_t *r)
{
	u32 n = refcount_read(r);

	while (n > 1 && n < REFCOUNT_SATURATED)
		if (__atomic_compare_exchange_n(&r->n, &n, n - 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
	return false;
}
/* Take a reference unless the count has already fallen to zero. */
static inline __must_check bool refcount_inc_not_zero(refcount_t *r)
{
	u32 n = refcount_read(r);

	while (n != 0)
		if (__atomic_compare_exchange_n(&r->n, &n, n >= REFCOUNT_SATURATED ? n : n + 1,
						false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
	return false;
}
