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

/* The lock order: whoever holds a lock may take only locks of classes further down. */
enum lock_class {
	LOCK_NONE,
	LOCK_SHELL,   /* mutex: the shell's own state */
	LOCK_TTY,     /* mutex: reading and writing of a tty */
	LOCK_RENAME,  /* mutex: the shape of the directory tree */
	LOCK_INODE,   /* mutex: size and contents of one file */
	LOCK_PIPE,    /* mutex: buffer of one pipe */
	LOCK_MM,      /* mutex: areas and page tables of one address space */
	LOCK_MOUNT,   /* mutex: what is mounted where */
	LOCK_DIR,     /* mutex: one directory (parent before child). Below LOCK_MM, because the last
			 mapping of a file may be the end of an unmounted file system */
	LOCK_CALL,    /* spin: the one function that all CPUs are asked to call */
	LOCK_OBJECT,  /* spin: the pages of one memory object */
	LOCK_TABLE,   /* spin: one shared page table (struct page) */
	LOCK_KTHREAD, /* spin: requests to kthreadd */
	LOCK_TASKLIST, /* spin: the process tree, thread groups, sessions, pid links */
	LOCK_PI,       /* spin: who waits for whom, with priority inheritance */
	LOCK_FILES,    /* spin: one table of file descriptors */
	LOCK_FS,       /* spin: root and working directory */
	LOCK_DCACHE,   /* spin: names of directory entries */
	LOCK_SIGHAND,  /* spin (irq): handlers and pending signals of a thread group */
	LOCK_USER,     /* spin (irq): the table of users */
	LOCK_FUTEX,    /* spin: one bucket of futex waiters */
	LOCK_PID,      /* spin: pidmap and pid hash */
	LOCK_PUPPET,   /* spin: the shell's puppets and their orders */
	LOCK_WAIT,     /* spin (irq): one wait queue */
	LOCK_TIMER,    /* spin (irq): the timers of one CPU */
	LOCK_RQ,       /* spin (irq): one run queue; two are taken in address order */
	LOCK_VMALLOC,  /* spin: the vmalloc area */
	LOCK_SLAB,     /* spin (irq): one slab cache */
	LOCK_ZONE,     /* spin (irq): the buddy allocator */
	LOCK_TRACE,    /* spin (irq): trace buffer */
	LOCK_INPUT,    /* spin (irq): raw console input */
	LOCK_LOG,      /* spin (irq): kernel log */
	LOCK_CONSOLE,  /* spin (irq): output devices */
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
void lock_order_release(const void *lock);
/* Panics in a debug build when called where sleeping is not allowed. */
void might_sleep(void);
