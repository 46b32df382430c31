/*
 * Timers: a heap of them on each CPU, and one hardware interrupt for the earliest.
 *
 * A timer is queued on the CPU that starts it and its callback runs there. base->lock guards the
 * heap, and key and `cpu` of every timer in it. Callers that start and cancel the same timer at
 * once hold a lock of their own.
 *
 * Three deadlines share the one-shot: the first timer, the scheduler's tick (tick.c), and the
 * longest the clock may go unread. The hardware is programmed only when a deadline comes before the
 * one it already has; an interrupt that turns out to be early finds nothing to do and programs the
 * next. So stopping a timer never costs a device access.
 */
#include "kernel/time/timer.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/time/time_internal.h"
#include "kernel/time/timespec.h"

struct timer_base {
	spinlock_t lock;        /* LOCK_TIMER (irq): root, running */
	struct heap_node *root; /* the earliest */
	struct timer *running;  /* whose callback is running on this CPU */
	u64 programmed; /* this CPU only, interrupts off: when the hardware will interrupt */
};

static PER_CPU struct timer_base timer_base;

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->cpu = NULL;
}

void timers_init_cpu(u32 cpu)
{
	struct timer_base *base = percpu_of(cpu, &timer_base);

	spin_lock_init(&base->lock, LOCK_TIMER);
	base->programmed = TIME_FOREVER;
}

/* Interrupts are off. Have this CPU interrupted at `when` at the latest. */
void timer_program_before(u64 when)
{
	struct timer_base *base = percpu(&timer_base);
	u64 now;

	if (when >= base->programmed)
		return;
	base->programmed = when;
	now = ktime_get();
	arch_timer_program(when > now ? when - now : 0);
}

/* The base that `t` is queued on, locked; NULL when it is not queued. The timer may move to another
 * CPU while this one waits for the lock: check again under the lock. */
static struct timer_base *lock_base(struct timer *t, u64 *flags)
{
	for (;;) {
		struct cpu *cpu = READ_ONCE(t->cpu);
		struct timer_base *base;

		if (!cpu)
			return NULL;
		base = percpu_of(cpu->id, &timer_base);
		*flags = spin_lock_irqsave(&base->lock);
		if (t->cpu == cpu)
			return base;
		spin_unlock_irqrestore(&base->lock, *flags);
	}
}

static void dequeue(struct timer_base *base, struct timer *t)
{
	base->root = heap_remove(base->root, &t->node);
	WRITE_ONCE(t->cpu, NULL);
}

static bool dequeue_anywhere(struct timer *t)
{
	u64 flags;
	struct timer_base *base = lock_base(t, &flags);

	if (!base)
		return false;
	dequeue(base, t);
	spin_unlock_irqrestore(&base->lock, flags);
	return true;
}

void timer_start(struct timer *t, u64 expires)
{
	struct timer_base *base;
	u64 flags;

	dequeue_anywhere(t);
	flags = local_irq_save();
	base = percpu(&timer_base);
	spin_lock(&base->lock);
	t->node.key = expires;
	base->root = heap_insert(base->root, &t->node);
	WRITE_ONCE(t->cpu, this_cpu());
	timer_program_before(base->root->key);
	spin_unlock_irqrestore(&base->lock, flags);
}

/* Wait until no CPU is in the callback of `t`, but for a callback that cancels its own timer. */
static void wait_until_not_running(struct timer *t)
{
	for (u32 i = 0; i < nr_cpus; i++) {
		u64 flags = local_irq_save();
		bool here = i == this_cpu()->id;

		local_irq_restore(flags);
		while (!here &&
		       __atomic_load_n(&percpu_of(i, &timer_base)->running, __ATOMIC_ACQUIRE) == t)
			cpu_wait();
	}
}

bool timer_cancel(struct timer *t)
{
	bool was_queued = dequeue_anywhere(t);

	wait_until_not_running(t);
	return was_queued;
}

#define MOST_AT_ONCE 256 /* timers run by one interrupt; for the others comes another at once */

/* Run the timers that have expired by `now`. Releases the lock during the callbacks. */
static void run_expired(struct timer_base *base, u64 now)
{
	for (u32 n = 0; n < MOST_AT_ONCE && base->root && base->root->key <= now; n++) {
		struct timer *t = container_of(base->root, struct timer, node);

		/* In this order: a CPU that finds it dequeued sees that it runs. */
		__atomic_store_n(&base->running, t, __ATOMIC_RELEASE);
		dequeue(base, t);
		spin_unlock(&base->lock);
		t->fn(t); /* may free the memory that `t` is in */
		spin_lock(&base->lock);
		__atomic_store_n(&base->running, NULL, __ATOMIC_RELEASE);
	}
}

void timer_interrupt(void)
{
	struct timer_base *base = percpu(&timer_base);
	u64 now = ktime_get(), next, flags;

	flags = spin_lock_irqsave(&base->lock);
	base->programmed = TIME_FOREVER;
	run_expired(base, now);
	next = base->root ? base->root->key : TIME_FOREVER;
	spin_unlock_irqrestore(&base->lock, flags);
	next = MIN(next, tick_interrupt(now));
	timer_program_before(MIN(next, time_add(now, arch_clock_max_idle())));
}
