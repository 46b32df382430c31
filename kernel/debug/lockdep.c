/*
 * The lock-order check of debug builds. Each task remembers the locks it holds; taking one whose
 * class does not stand below all of them in enum lock_class is a deadlock waiting for its day, and
 * panics on the spot, whether or not anybody else runs. An interrupt handler is judged by what it
 * took itself: the locks of the interrupted task stand above every (irq) lock by construction, or
 * interrupts would be off.
 */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"

static const char *const class_names[LOCK_CLASSES] = {
#define NAME(c) [LOCK_##c] = #c
	NAME(NONE),  NAME(SHELL),  NAME(TTY),    NAME(RENAME), NAME(DIR),     NAME(INODE),
	NAME(PIPE),  NAME(MM),     NAME(OBJECT), NAME(TABLE),  NAME(KTHREAD), NAME(TASKLIST),
	NAME(PID),   NAME(FILES),  NAME(FS),     NAME(DCACHE), NAME(SIGHAND), NAME(USER),
	NAME(FUTEX), NAME(PUPPET), NAME(WAIT),   NAME(TIMER),  NAME(RQ),      NAME(VMALLOC),
	NAME(SLAB),  NAME(ZONE),   NAME(TRACE),  NAME(INPUT),  NAME(LOG),     NAME(CONSOLE),
	NAME(CALL),  NAME(MOUNT),  NAME(PI),
#undef NAME
};

const char *lock_class_name(unsigned int class)
{
	return class < LOCK_CLASSES && class_names[class] ? class_names[class] : "?";
}

static u16 irq_level(void)
{
	return (u16)MIN(this_cpu()->irq_depth, 0xffffu);
}

void lock_order_acquire(const void *lock, enum lock_class class, bool nested)
{
	struct task *t = current;
	u64 flags;

	if (t == NULL || locks_off)
		return;
	flags = local_irq_save(); /* an interrupt's own entries must not come in between */
	for (u32 i = 0; class != LOCK_NONE && i < t->nr_held; i++) {
		const struct held_lock *h = &t->held[i];

		if (h->irq_level != irq_level() || h->class == LOCK_NONE || h->class < class)
			continue;
		if (h->class == class && nested && h->lock != lock)
			continue;
		panic("lock order: %s (%p) taken while %s (%p) is held\n", lock_class_name(class),
		      lock, lock_class_name(h->class), h->lock);
	}
	if (t->nr_held >= MAX_HELD_LOCKS)
		panic("lock order: %u locks held at once\n", t->nr_held);
	t->held[t->nr_held++] =
		(struct held_lock){.lock = lock, .class = (u16) class, .irq_level = irq_level()};
	local_irq_restore(flags);
}

/* Its place among the held locks; -1 when it is not there. */
static int find_held(const struct task *t, const void *lock)
{
	for (int i = (int)t->nr_held - 1; i >= 0; i--)
		if (t->held[i].lock == lock)
			return i;
	return -1;
}

/* A run queue's lock is taken by the task that leaves the CPU and released by the one that comes:
 * what the latter remembers is the run queue it went to sleep on, which need not be this one. */
static int find_run_queue(const struct task *t)
{
	for (int i = (int)t->nr_held - 1; i >= 0; i--)
		if (t->held[i].class == LOCK_RQ)
			return i;
	return -1;
}

void lock_order_release(const void *lock)
{
	struct task *t = current;
	u64 flags;
	int i;

	if (t == NULL || locks_off)
		return;
	flags = local_irq_save();
	i = find_held(t, lock);
	if (i < 0)
		i = find_run_queue(t);
	if (i >= 0) { /* else a new task releases what the one before it took */
		for (; i + 1 < (int)t->nr_held; i++)
			t->held[i] = t->held[i + 1];
		t->nr_held--;
	}
	local_irq_restore(flags);
}

void might_sleep(void)
{
	struct task *t;

	if (!DEBUG_CHECKS || locks_off)
		return;
	t = current;
	if (t == NULL || (t->flags & PF_IDLE))
		return;
	if (irq_depth())
		panic("sleeping inside an interrupt handler\n");
	if (preempt_count())
		panic("sleeping with preemption off (%u), %s held\n", preempt_count(),
		      t->nr_held ? lock_class_name(t->held[t->nr_held - 1].class) : "no lock");
}
