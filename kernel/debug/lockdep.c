/* The lock-order check of debug builds. Each task remembers the locks it holds. Taking a lock whose
 * class does not come after all of them in enum lock_class may deadlock one day, and panics at
 * once. An interrupt handler is checked only against locks that it took itself: the interrupted
 * task holds no (irq) lock, or interrupts would be off, and all its locks come before those. */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/task.h"

static const char *const class_names[LOCK_CLASSES] = {
#define LOCK_CLASS(name) [LOCK_##name] = #name,
#include "kernel/lib/locks.def"
#undef LOCK_CLASS
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
	flags = local_irq_save(); /* keeps entries of an interrupt out */
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

/* ---- for how long: the shell's `locks` ---- */

static PER_CPU struct lock_stat stats[DEBUG_CHECKS ? LOCK_CLASSES : 1]; /* irqs off */
static const void *reported;          /* the lock that a waiter has reported */
static u64 first_cycles, first_clock; /* when counting began: to turn cycles into time */

/* Reading the clock may cost a device access: locks are timed by the CPU's own counter. */
static u64 cycles_to_ns(u64 cycles)
{
	u64 us = (arch_clock_ns() - first_clock) / 1000;
	u64 per_us = (cpu_cycles() - first_cycles) / MAX(us, 1UL);

	return cycles * 1000 / MAX(per_us, 1UL);
}

void lock_stat_get(unsigned int class, struct lock_stat *sum)
{
	*sum = (struct lock_stat){0};
	for (u32 i = 0; DEBUG_CHECKS && i < nr_cpus; i++) {
		const struct lock_stat *s = percpu_of(i, &stats[class]);

		sum->contended += s->contended;
		if (s->longest > sum->longest) {
			sum->longest = s->longest;
			sum->longest_pc = s->longest_pc;
		}
	}
	sum->longest = cycles_to_ns(sum->longest);
}

u64 held_lock_ns(const struct held_lock *h)
{
	u64 now = cpu_cycles(), since = READ_ONCE(h->since);

	return since && now > since ? cycles_to_ns(now - since) : 0;
}

void lock_stall_reported(const void *lock)
{
	WRITE_ONCE(reported, lock);
}

/* A mutex may be held for long, by a task that sleeps. A task that waits for it reports that. */
static bool is_mutex(unsigned int class)
{
	return class >= LOCK_SHELL && class <= LOCK_FILE_LOCKS;
}

static void check_hold(const struct held_lock *h, u64 cycles)
{
	u64 ns;

	if (cycles >> 28 == 0 || is_mutex(h->class) || h->class >= LOCK_LOG)
		return; /* certainly short, or may be held for long, or the report needs it */
	ns = cycles_to_ns(cycles);
	if (ns < STALL_NS)
		return;
	if (READ_ONCE(reported) == h->lock) {
		WRITE_ONCE(reported, NULL);
		return;
	}
	stall_report(this_cpu()->id, "spinlock %p (%s), taken at %pS, was held for %lu ms", h->lock,
		     lock_class_name(h->class), h->pc, ns / 1000000);
}

static void count_hold(const struct held_lock *h)
{
	struct lock_stat *s = percpu(&stats[h->class]);
	u64 now = cpu_cycles(), cycles = now - h->since;

	if (h->since == 0 || now < h->since) /* a run queue's lock, taken by another task */
		return;
	if (cycles > s->longest) {
		s->longest = cycles;
		s->longest_pc = h->pc;
	}
	check_hold(h, cycles);
}

/* The lock's index among the held locks, or -1. */
static int find_held(const struct task *t, const void *lock)
{
	for (int i = (int)t->nr_held - 1; i >= 0; i--)
		if (t->held[i].lock == lock)
			return i;
	return -1;
}

void assert_held(const void *lock, const char *field)
{
	struct task *t = current;

	if (t != NULL && !locks_off && find_held(t, lock) < 0)
		panic("%s is touched at %pS without the lock of its mark, %p\n", field,
		      __builtin_return_address(0), lock);
}

/* A run queue's lock is taken by the task that leaves the CPU and released by the task that comes.
 * The latter remembers the run queue that it slept on, which need not be this one. */
static int find_run_queue(const struct task *t)
{
	for (int i = (int)t->nr_held - 1; i >= 0; i--)
		if (t->held[i].class == LOCK_RQ)
			return i;
	return -1;
}

void lock_acquired(const void *lock, bool waited, const void *pc)
{
	struct task *t = current;
	u64 flags;
	int i;

	if (t == NULL || locks_off)
		return;
	if (unlikely(first_clock == 0)) {
		first_clock = arch_clock_ns();
		first_cycles = cpu_cycles();
	}
	flags = local_irq_save();
	i = find_held(t, lock);
	if (i >= 0) {
		t->held[i].pc = pc;
		t->held[i].since = cpu_cycles();
		percpu(&stats[t->held[i].class])->contended += waited;
	}
	local_irq_restore(flags);
}

void lock_order_release(const void *lock)
{
	struct task *t = current;
	struct held_lock gone = {0};
	u64 flags;
	int i;

	if (t == NULL || locks_off)
		return;
	flags = local_irq_save();
	i = find_held(t, lock);
	if (i < 0)
		i = find_run_queue(t);
	if (i >= 0) { /* else a new task releases what the one before it took */
		gone = t->held[i];
		for (; i + 1 < (int)t->nr_held; i++)
			t->held[i] = t->held[i + 1];
		t->nr_held--;
		count_hold(&gone);
	}
	local_irq_restore(flags);
}

void might_sleep_checked(void)
{
	struct task *t;

	if (locks_off)
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
