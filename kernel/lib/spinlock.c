/*
 * Ticket spinlocks: first come, first served. The low byte of `ticket` is the number now being
 * served, the high byte the next one to hand out; x86 keeps stores to the low byte apart from the
 * locked add to both.
 */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/debug/stall.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"

bool locks_off;

static u8 *now_serving(spinlock_t *l)
{
	return (u8 *)&l->ticket;
}

static u32 my_cpu(void)
{
	return this_cpu()->id;
}

/* Waiting too long: which two places stand in each other's way. It is said once, when the lock is
 * not one that saying it takes; and after a much longer time it is the end. */
static void check_wait(const spinlock_t *l, const void *pc, u64 *since)
{
	u64 now = arch_clock_ns(), waited = now - (*since & ~1UL);
	int owner = (int)READ_ONCE(l->owner_cpu) - 1;
	const char *name = lock_class_name(l->class);

	if (*since == 0) {
		*since = now & ~1UL;
	} else if (waited > STALL_DEAD_NS) {
		panic("spinlock %p (%s): CPU %u waits at %pS, held by CPU %d since %pS\n",
		      (const void *)l, name, my_cpu(), pc, owner, READ_ONCE(l->owner_pc));
	} else if (waited > STALL_NS && !(*since & 1) && owner >= 0 && l->class < LOCK_LOG) {
		*since |= 1; /* said */
		lock_stall_reported(l);
		stall_report((u32)owner,
			     "spinlock %p (%s): CPU %u waits at %pS, CPU %d holds it, from %pS",
			     (const void *)l, name, my_cpu(), pc, owner, READ_ONCE(l->owner_pc));
	}
}

/* Preemption is off and interrupts leave no lock taken: on a machine with one CPU who waits has it
 * himself. */
#define UP_PATIENCE (1UL << 20)

static void wait_for_turn(spinlock_t *l, u8 ticket, const void *pc)
{
	u64 since = 0;

	for (u64 spins = 1; __atomic_load_n(now_serving(l), __ATOMIC_ACQUIRE) != ticket; spins++) {
		if (locks_off)
			return;
		if (READ_ONCE(l->owner_cpu) == my_cpu() + 1 ||
		    (spins == UP_PATIENCE && !(cpu_online_mask & (cpu_online_mask - 1))))
			panic("spinlock %p (%s) taken twice: at %pS, and before at %pS\n",
			      (void *)l, lock_class_name(l->class), pc, l->owner_pc);
		cpu_wait();
		if (spins % 65536 == 0)
			check_wait(l, pc, &since);
	}
}

void spin_wait(spinlock_t *l, u8 ticket)
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
	u8 ticket;
	bool waited;

	preempt_disable();
	lock_order_acquire(l, l->class, nested);
	ticket = (u8)(__atomic_fetch_add(&l->ticket, TICKET_NEXT, __ATOMIC_ACQUIRE) >> 8);
	waited = __atomic_load_n(now_serving(l), __ATOMIC_ACQUIRE) != ticket;
	if (unlikely(waited))
		wait_for_turn(l, ticket, pc);
	lock_acquired(l, waited, pc);
	note_owner(l, pc);
}

bool spin_trylock(spinlock_t *l)
{
	u16 t;

	preempt_disable();
	t = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);
	if ((t >> 8) != (t & 0xff) ||
	    !__atomic_compare_exchange_n(&l->ticket, &t, (u16)(t + TICKET_NEXT), false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (locks_off)
			return true;
		preempt_enable();
		return false;
	}
	/* Cannot deadlock, so the order does not matter; but what is taken next must know of it. */
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
	u16 t = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);

	return (t >> 8) != (t & 0xff);
}
