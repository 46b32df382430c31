/*
 * Locks and references that are held to the end of a block, however it is left:
 *
 *	guard_mutex(&dir->lock);                               a lock, to the end of the block
 *	struct file *f scoped(file_put) = file_get_io(fd);     a reference, likewise
 *
 * The last one taken is released first. Where a lock is released earlier, or a reference handed on,
 * the code does it itself.
 */
#pragma once

#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"

/* For a variable: scoped_RELEASE(&variable) is called at the end of its block. */
#define scoped(release) __attribute__((cleanup(scoped_##release)))

/* Makes that function, for variables of this pointer type. NULL and ERR_PTR are left alone. */
#define SCOPED(release, type)                               \
	static always_inline void scoped_##release(type *p) \
	{                                                   \
		if (*p && !IS_ERR(*p))                      \
			release(*p);                        \
	}

#define GUARD_NAME_(line) guard_at_##line
#define GUARD_NAME(line)  GUARD_NAME_(line)
#define GUARD(kind, lock)                                                      \
	struct kind##_guard __maybe_unused GUARD_NAME(__LINE__) scoped(kind) = \
		kind##_guard_begin(lock)

#define guard_mutex(lock) GUARD(mutex, lock)
#define guard_spin(lock)  GUARD(spin, lock)
#define guard_irq(lock)   GUARD(irq, lock) /* a spinlock that interrupts take too */

/* A lock of the same class is held: see spin_lock_nested(). */
#define guard_mutex_nested(lock)                                               \
	struct mutex_guard __maybe_unused GUARD_NAME(__LINE__) scoped(mutex) = \
		mutex_guard_nested(lock)

struct mutex_guard {
	struct mutex *lock;
};

static always_inline struct mutex_guard mutex_guard_begin(struct mutex *lock)
{
	mutex_lock(lock);
	return (struct mutex_guard){lock};
}

static always_inline struct mutex_guard mutex_guard_nested(struct mutex *lock)
{
	mutex_lock_nested(lock);
	return (struct mutex_guard){lock};
}

static always_inline void scoped_mutex(struct mutex_guard *g)
{
	mutex_unlock(g->lock);
}

struct spin_guard {
	spinlock_t *lock;
};

static always_inline struct spin_guard spin_guard_begin(spinlock_t *lock)
{
	spin_lock(lock);
	return (struct spin_guard){lock};
}

static always_inline void scoped_spin(struct spin_guard *g)
{
	spin_unlock(g->lock);
}

struct irq_guard {
	spinlock_t *lock;
	u64 flags;
};

static always_inline struct irq_guard irq_guard_begin(spinlock_t *lock)
{
	return (struct irq_guard){lock, spin_lock_irqsave(lock)};
}

static always_inline void scoped_irq(struct irq_guard *g)
{
	spin_unlock_irqrestore(g->lock, g->flags);
}
