/*
 * Locks, and the one list that says in which order they are taken.
 *
 * A spinlock disables preemption while held. Those marked (irq) are also taken by interrupt
 * handlers and therefore always with interrupts off: use the _irqsave forms. A mutex sleeps, so it
 * is never taken under a spinlock or in an interrupt.
 */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/list.h"
#include "kernel/lib/log.h"
#include "kernel/lib/types.h"

enum lock_class {
	LOCK_NONE,
#define LOCK_CLASS(name) LOCK_##name,
#include "kernel/lib/locks.def"
#undef LOCK_CLASS
	LOCK_CLASSES,
};

typedef struct {
	union {
		struct {
			u16 serving; /* the ticket of the holder, or the next one handed out */
			u16 next;    /* to be handed out */
		};
		u32 tickets; /* both */
	};
	u16 class;            /* enum lock_class */
	u16 owner_cpu;        /* debug builds: cpu + 1, 0 when free */
	const void *owner_pc; /* debug builds: where it was taken */
} spinlock_t;

#define SPINLOCK_INIT(cls)     \
	{                      \
		.class = (cls) \
	}

static inline void spin_lock_init(spinlock_t *l, enum lock_class class)
{
	*l = (spinlock_t)SPINLOCK_INIT(class);
}

/* Set by panic(): from then on no lock is waited for, since only one CPU still runs. */
extern bool locks_off;

#ifndef HOST_TEST
/* kernel/lib/spinlock.c: what debug builds call, and what is done when a lock is not free. */
void spin_lock_checked(spinlock_t *l, bool nested);
void spin_unlock_checked(spinlock_t *l);
void spin_wait(spinlock_t *l, u16 ticket);

static always_inline void spin_lock(spinlock_t *l)
{
	u16 t;

	if (DEBUG_CHECKS) {
		spin_lock_checked(l, false);
		return;
	}
	preempt_disable();
	t = __atomic_fetch_add(&l->next, 1, __ATOMIC_ACQUIRE);
	if (unlikely(t != l->serving)) /* READ_ONCE() would cost an instruction at each lock */
		spin_wait(l, t);
}

/* A lock of the same class is already held, and the caller knows the order is right (two run queues
 * by address, parent before child). */
static always_inline void spin_lock_nested(spinlock_t *l)
{
	if (DEBUG_CHECKS)
		spin_lock_checked(l, true);
	else
		spin_lock(l);
}

/* Serve the next ticket: a plain addition, since only the holder writes, and x86 orders stores. */
static inline void spin_release(spinlock_t *l)
{
	barrier();
	l->serving++;
	barrier();
}

static always_inline void spin_unlock_no_resched(spinlock_t *l)
{
	if (DEBUG_CHECKS)
		spin_unlock_checked(l);
	else
		spin_release(l);
	preempt_enable_no_resched();
}

/* A spinlock was released: let a better task run (preempt_schedule(): not with interrupts off). */
static always_inline void spin_unlocked(void)
{
	if (likely(!unlock_work()))
		return;
	sched_fuzz_point();
	if (need_resched())
		preempt_schedule();
}

static always_inline void spin_unlock(spinlock_t *l)
{
	spin_unlock_no_resched(l);
	spin_unlocked();
}
#else
void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
void spin_lock_nested(spinlock_t *l);
#endif
/* Two locks of one class, or the same lock twice, in order of their addresses. */
static inline void spin_lock_two(spinlock_t *a, spinlock_t *b)
{
	spin_lock(MIN(a, b));
	if (a != b)
		spin_lock_nested(MAX(a, b));
}
static inline void spin_unlock_two(spinlock_t *a, spinlock_t *b)
{
	if (a != b)
		spin_unlock(MAX(a, b));
	spin_unlock(MIN(a, b));
}
bool spin_trylock(spinlock_t *l);
bool spin_is_locked(const spinlock_t *l);

static always_inline u64 __must_check spin_lock_irqsave(spinlock_t *l)
{
	u64 flags = local_irq_save();

	spin_lock(l);
	return flags;
}
#ifndef HOST_TEST
static always_inline void spin_unlock_irqrestore(spinlock_t *l, u64 flags)
{
	if (DEBUG_CHECKS)
		spin_unlock_checked(l);
	else
		spin_release(l);
	local_irq_restore(flags); /* first: a switch on the way out needs them on */
	preempt_enable_no_resched();
	spin_unlocked();
}
#else
void spin_unlock_irqrestore(spinlock_t *l, u64 flags);
#endif

struct task;

/* A sleeping lock with an owner. kernel/sched/mutex.c */
struct mutex {
	/* The task that holds it, 0 when free. Without waiters, one exchange of this word takes or
	 * releases the mutex. MUTEX_WAITED is set while tasks wait: then only the holder of
	 * wait_lock changes the word. */
	u64 owner;
	spinlock_t wait_lock;     /* (irq) */
	struct list_head waiters; /* wait_lock */
	u16 class;
};
#define MUTEX_WAITED 1UL

#define MUTEX_INIT(name, cls)                                                                     \
	{                                                                                         \
		.wait_lock = SPINLOCK_INIT(LOCK_WAIT), .waiters = LIST_HEAD_INIT((name).waiters), \
		.class = (cls)                                                                    \
	}

void mutex_init(struct mutex *m, enum lock_class class);
#ifndef HOST_TEST
void mutex_lock_checked(struct mutex *m, bool nested); /* debug builds */
void mutex_unlock_checked(struct mutex *m);
void mutex_wait(struct mutex *m);      /* takes a mutex that was not free */
void mutex_hand_over(struct mutex *m); /* releases a mutex that has waiters */

static always_inline bool mutex_trylock_fast(struct mutex *m)
{
	u64 free = 0;

	return __atomic_compare_exchange_n(&m->owner, &free, (u64)current, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static always_inline bool mutex_unlock_fast(struct mutex *m)
{
	u64 owner = (u64)current;

	return __atomic_compare_exchange_n(&m->owner, &owner, 0, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

static always_inline void mutex_lock(struct mutex *m)
{
	sched_fuzz_point();
	if (DEBUG_CHECKS)
		mutex_lock_checked(m, false);
	else if (unlikely(!mutex_trylock_fast(m)))
		mutex_wait(m);
}

static inline void mutex_lock_nested(struct mutex *m)
{
	if (DEBUG_CHECKS)
		mutex_lock_checked(m, true);
	else
		mutex_lock(m);
}

static always_inline void mutex_unlock(struct mutex *m)
{
	if (DEBUG_CHECKS)
		mutex_unlock_checked(m);
	else if (unlikely(!mutex_unlock_fast(m)))
		mutex_hand_over(m);
	sched_fuzz_point();
}
#else
void mutex_lock(struct mutex *m);
void mutex_lock_nested(struct mutex *m);
void mutex_unlock(struct mutex *m);
#endif

/* The mutex that `t` waits for, or NULL; *owner: the task that holds it, or NULL when `t` begins or
 * ends its wait. Both may be gone on return: use only their addresses. */
const struct mutex *mutex_waited_for(struct task *t, const struct task **owner);

/* The order check of debug builds: called by every lock and unlock above. kernel/debug/lockdep.c */
void lock_order_acquire(const void *lock, enum lock_class class, bool nested);
/* The task has got the lock. `waited`: another had it. `pc`: where it was taken. */
void lock_acquired(const void *lock, bool waited, const void *pc);
void lock_order_release(const void *lock);
/* A waiter has reported that the lock is held too long, so its holder does not report it. */
void lock_stall_reported(const void *lock);
const char *lock_class_name(unsigned int class);
/* Debug builds: panic unless the current task holds `lock`, which guards `field`. */
void assert_held(const void *lock, const char *field);
/* The field of `p`. A debug build panics unless the lock that guards the field is held; the macro
 * GUARD_field(p) beside the struct names that lock. */
#ifndef HOST_TEST
#define guarded(p, field)                                      \
	(*({                                                   \
		if (DEBUG_CHECKS)                              \
			assert_held(GUARD_##field(p), #field); \
		&(p)->field;                                   \
	}))
#else
#define guarded(p, field) ((p)->field)
#endif
/* Panics in a debug build when called where sleeping is not allowed. */
#ifndef HOST_TEST
void might_sleep_checked(void);
static inline void might_sleep(void)
{
	if (DEBUG_CHECKS)
		might_sleep_checked();
}
#else
void might_sleep(void);
#endif
