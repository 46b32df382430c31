/*
 * Ticket spinlocks: first come, first served. The holder alone writes `serving`, the ticket now
 * being served, and does so without a locked instruction; a locked addition takes a ticket.
 *
 * Under a hypervisor a CPU may be stopped at any moment, also while it waits for a lock, and then
 * all later tickets would wait for it. So there a waiter gives its ticket back as soon as it can,
 * and takes the lock when it finds it free, out of turn.
 */
#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"

bool locks_off;

static u32 my_cpu(void)
{
	return this_cpu()->id;
}

/* A long wait for a lock. */
struct long_wait {
	u64 since;               /* 0: not checked yet */
	struct cpumask suspects; /* CPUs that may have held the lock at every check */
	bool said;
};

static const void *told_of; /* atomic: the lock that was reported last */

static bool first_to_tell(const spinlock_t *l)
{
	const void *none = NULL;

	return __atomic_compare_exchange_n(&told_of, &none, l, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

/* CPUs that may hold the lock. A debug build knows the owner, any other can only exclude CPUs. */
static struct cpumask suspects_of(const spinlock_t *l)
{
	u32 owner = READ_ONCE(l->owner_cpu);

	if (DEBUG_CHECKS)
		return owner ? cpumask_of(owner - 1) : (struct cpumask){0};
	return stall_suspects(l);
}

/* Report the waiter and the holder. A lock that several CPUs take in turn is not reported, since
 * none of them has held it all the time. */
static void tell(const spinlock_t *l, const void *pc, struct long_wait *w)
{
	u32 holder = cpumask_first(&w->suspects), others = cpumask_count(&w->suspects) - 1;
	const char *name = lock_class_name(l->class);

	w->said = true;
	if (!first_to_tell(l))
		return;
	lock_stall_reported(l);
	if (DEBUG_CHECKS)
		stall_report(holder,
			     "spinlock %p (%s): CPU %u waits at %pS, CPU %u holds it, from %pS",
			     (const void *)l, name, my_cpu(), pc, holder, READ_ONCE(l->owner_pc));
	else if (others)
		stall_report(holder,
			     "spinlock %p (%s): CPU %u waits at %pS, CPU %u or one of %u others "
			     "holds it",
			     (const void *)l, name, my_cpu(), pc, holder, others);
	else
		stall_report(holder, "spinlock %p (%s): CPU %u waits at %pS, CPU %u holds it",
			     (const void *)l, name, my_cpu(), pc, holder);
}

/* Check a wait from time to time. Report it once, unless the report itself takes the lock. */
static void check_wait(const spinlock_t *l, const void *pc, struct long_wait *w)
{
	u64 now = arch_clock_ns();

	struct cpumask suspects = suspects_of(l);

	w->suspects = w->since ? cpumask_and(&w->suspects, &suspects) : suspects;
	if (!w->since || cpumask_empty(&w->suspects))
		w->since = now;
	else if (DEBUG_CHECKS && now - w->since > STALL_DEAD_NS)
		panic("spinlock %p (%s): CPU %u waits at %pS, held since %pS\n", (const void *)l,
		      lock_class_name(l->class), my_cpu(), pc, READ_ONCE(l->owner_pc));
	else if (!w->said && now - w->since > STALL_NS && l->class < LOCK_LOG)
		tell(l, pc, w);
}

/* Only a debug build knows where the lock was taken before. */
static void __noreturn taken_twice(const spinlock_t *l, const void *pc)
{
	const char *name = lock_class_name(l->class);

	if (DEBUG_CHECKS)
		panic("spinlock %p (%s) taken twice: at %pS, and before at %pS\n", (const void *)l,
		      name, pc, l->owner_pc);
	panic("spinlock %p (%s) taken twice: the second time at %pS\n", (const void *)l, name, pc);
}

/* Turns after which a machine with one CPU has deadlocked: preemption is off and interrupts release
 * their locks, so the waiter itself holds the lock. */
#define UP_PATIENCE (1UL << 20)

#define ONE_TICKET 0x10000u /* of spinlock_t.tickets */

static u16 serving_of(u32 tickets)
{
	return (u16)tickets;
}

static u16 next_of(u32 tickets)
{
	return tickets >> 16;
}

static bool take_free(spinlock_t *l)
{
	u32 t = __atomic_load_n(&l->tickets, __ATOMIC_RELAXED);

	return next_of(t) == serving_of(t) &&
	       __atomic_compare_exchange_n(&l->tickets, &t, t + ONE_TICKET, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Only the last ticket can be given back, and not when it is being served. */
static bool give_back(spinlock_t *l, u16 ticket)
{
	u32 t = __atomic_load_n(&l->tickets, __ATOMIC_RELAXED);

	return (u16)(next_of(t) - 1) == ticket && serving_of(t) != ticket &&
	       __atomic_compare_exchange_n(&l->tickets, &t, t - ONE_TICKET, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

#define NO_TICKET (-1)

static bool taken(spinlock_t *l, int *ticket)
{
	if (*ticket == NO_TICKET)
		return take_free(l);
	if (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) == *ticket)
		return true;
	if (arch_on_hypervisor() && give_back(l, (u16)*ticket))
		*ticket = NO_TICKET;
	return false;
}

static void wait_for_turn(spinlock_t *l, int ticket, const void *pc)
{
	const void *outer = this_cpu()->spins_for; /* not NULL: an interrupt came during a wait */
	struct long_wait w = {0};

	WRITE_ONCE(this_cpu()->spins_for, l);

	for (u64 spins = 1; !taken(l, &ticket); spins++) {
		if (locks_off)
			return;
		if (READ_ONCE(l->owner_cpu) == my_cpu() + 1 ||
		    (spins == UP_PATIENCE && !READ_ONCE(cpus[1].online)))
			taken_twice(l, pc);
		cpu_wait();
		if (spins % 65536 == 0)
			check_wait(l, pc, &w);
	}
	WRITE_ONCE(this_cpu()->spins_for, outer);
	if (w.said && READ_ONCE(told_of) == l)
		WRITE_ONCE(told_of, NULL);
}

/* Not inlined: its return address is where the lock is taken. */
noinline void spin_wait(spinlock_t *l, u16 ticket)
{
	wait_for_turn(l, ticket, __builtin_return_address(0));
}

static void note_owner(spinlock_t *l, const void *pc)
{
	WRITE_ONCE(l->owner_cpu, (u16)(my_cpu() + 1));
	WRITE_ONCE(l->owner_pc, pc);
}

void spin_lock_checked(spinlock_t *l, bool nested)
{
	const void *pc = __builtin_return_address(0);
	u16 ticket;
	bool waited;

	preempt_disable();
	lock_order_acquire(l, l->class, nested);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_ACQUIRE);
	waited = __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket;
	if (unlikely(waited))
		wait_for_turn(l, ticket, pc);
	lock_acquired(l, waited, pc);
	note_owner(l, pc);
}

bool spin_trylock(spinlock_t *l)
{
	preempt_disable();
	if (!take_free(l)) {
		if (locks_off)
			return true;
		preempt_enable();
		return false;
	}
	/* A trylock cannot deadlock: its order does not matter, but that of later locks does. */
	if (DEBUG_CHECKS) {
		lock_order_acquire(l, LOCK_NONE, true);
		lock_acquired(l, false, __builtin_return_address(0));
		note_owner(l, __builtin_return_address(0));
	}
	return true;
}

void spin_unlock_checked(spinlock_t *l)
{
	if (READ_ONCE(l->owner_cpu) != my_cpu() + 1 && !locks_off)
		panic("spinlock %p (%s) released by CPU %u, which does not hold it\n", (void *)l,
		      lock_class_name(l->class), my_cpu());
	lock_order_release(l);
	WRITE_ONCE(l->owner_cpu, 0); /* before the next owner can see its turn */
	spin_release(l);
}

bool spin_is_locked(const spinlock_t *l)
{
	u32 t = __atomic_load_n(&l->tickets, __ATOMIC_RELAXED);

	return next_of(t) != serving_of(t);
}
