/*
 * Locks, and the one list that says in which order they are taken.
 *
 * A spinlock disables preemption while held. Those marked (irq) are also taken by interrupt
 * handlers and therefore always with interrupts off: use the _irqsave forms. A mutex sleeps, so it
 * is never taken under a spinlock or in an interrupt.
 */
#pragma once

#include "arch/x86_64/cpu/irqflags.h"
#include "arch/x86_64/cpu/percpu.h"
#include "kernel/lib/list.h"
#include "kernel/lib/types.h"

enum lock_class {
	LOCK_NONE,
#define LOCK_CLASS(name) LOCK_##name,
#include "kernel/lib/locks.def"
#undef LOCK_CLASS
	LOCK_CLASSES,
};

typedef struct {
	u32 ticket;           /* next ticket to hand out: low 16 bits now serving, high 16 next */
	u16 class;            /* enum lock_class */
	u16 owner_cpu;        /* cpu + 1, 0 when free */
	const void *owner_pc; /* where it was taken */
} spinlock_t;

#define SPINLOCK_INIT(cls)     \
	{                      \
		.class = (cls) \
	}

static inline void spin_lock_init(spinlock_t *l, enum lock_class class)
{
	*l = (spinlock_t)SPINLOCK_INIT(class);
}

void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
bool spin_trylock(spinlock_t *l);
/* A lock of the same class is already held, and the caller knows the order is right (two run queues
 * by address, parent before child). */
void spin_lock_nested(spinlock_t *l);
bool spin_is_locked(const spinlock_t *l);
/* Set by panic(): from then on every lock is a no-op, for the one CPU still talking must not wait
 * for anybody. */
extern bool locks_off;

static inline u64 __must_check spin_lock_irqsave(spinlock_t *l)
{
	u64 flags = local_irq_save();

	spin_lock(l);
	return flags;
}
void spin_unlock_irqrestore(spinlock_t *l, u64 flags);

struct task;

/* A sleeping lock with an owner; waiters are served first come, first served. kernel/sched/mutex.c
 */
struct mutex {
	spinlock_t wait_lock; /* guards the fields below; (irq) */
	struct task *owner;   /* NULL when free */
	struct list_head waiters;
	u16 class;
};

#define MUTEX_INIT(name, cls)                                                                     \
	{                                                                                         \
		.wait_lock = SPINLOCK_INIT(LOCK_WAIT), .waiters = LIST_HEAD_INIT((name).waiters), \
		.class = (cls)                                                                    \
	}

void mutex_init(struct mutex *m, enum lock_class class);
void mutex_lock(struct mutex *m);
void mutex_lock_nested(struct mutex *m);
void mutex_unlock(struct mutex *m);

/* The order check of debug builds: called by every lock and unlock above. kernel/debug/lockdep.c */
void lock_order_acquire(const void *lock, enum lock_class class, bool nested);
/* It is ours now. `waited`: somebody else had it. `pc`: where it was taken. */
void lock_acquired(const void *lock, bool waited, const void *pc);
void lock_order_release(const void *lock);
/* A waiter has told that it is held too long: its holder need not. */
void lock_stall_reported(const void *lock);
/* Panics in a debug build when called where sleeping is not allowed. */
void might_sleep(void);
