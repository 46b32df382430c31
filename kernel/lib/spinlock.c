/*
 * Ticket spinlocks: first come, first served. The low half of `ticket` is the number now being
 * served, the high half the next one to hand out; x86 keeps 16-bit stores to the low half apart
 * from the locked add to the whole word.
 */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/debug/stall.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"

bool locks_off;

#define TICKET_NEXT 0x10000u

static u16 *now_serving(spinlock_t *l)
{
	return (u16 *)&l->ticket;
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

static void wait_for_turn(spinlock_t *l, u16 ticket, const void *pc)
{
	u64 spins = 0, since = 0;

	while (__atomic_load_n(now_serving(l), __ATOMIC_ACQUIRE) != ticket) {
		/* Preemption is off, so a lock owned by this CPU is owned by this very path. */
		if (READ_ONCE(l->owner_cpu) == my_cpu() + 1)
			panic("spinlock %p (%s) taken twice: at %pS, and before at %pS\n",
			      (void *)l, lock_class_name(l->class), pc, l->owner_pc);
		cpu_wait();
		if (DEBUG_CHECKS && ++spins % 65536 == 0)
			check_wait(l, pc, &since);
	}
}

static void lock_at(spinlock_t *l, bool nested, const void *pc)
{
	u16 ticket;
	bool waited;

	if (unlikely(locks_off))
		return;
	sched_fuzz_point(pc);
	preempt_disable();
	if (DEBUG_CHECKS)
		lock_order_acquire(l, l->class, nested);
	ticket = (u16)(__atomic_fetch_add(&l->ticket, TICKET_NEXT, __ATOMIC_ACQUIRE) >> 16);
	waited = __atomic_load_n(now_serving(l), __ATOMIC_ACQUIRE) != ticket;
	if (unlikely(waited))
		wait_for_turn(l, ticket, pc);
	if (DEBUG_CHECKS)
		lock_acquired(l, waited, pc);
	WRITE_ONCE(l->owner_cpu, (u16)(my_cpu() + 1));
	WRITE_ONCE(l->owner_pc, pc);
}

void spin_lock(spinlock_t *l)
{
	lock_at(l, false, __builtin_return_address(0));
}

void spin_lock_nested(spinlock_t *l)
{
	lock_at(l, true, __builtin_return_address(0));
}

bool spin_trylock(spinlock_t *l)
{
	u32 t;

	if (unlikely(locks_off))
		return true;
	preempt_disable();
	t = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);
	if ((t >> 16) != (t & 0xffff) ||
	    !__atomic_compare_exchange_n(&l->ticket, &t, t + TICKET_NEXT, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		preempt_enable();
		return false;
	}
	/* Cannot deadlock, so the order does not matter; but what is taken next must know of it. */
	if (DEBUG_CHECKS) {
		lock_order_acquire(l, LOCK_NONE, true);
		lock_acquired(l, false, __builtin_return_address(0));
	}
	WRITE_ONCE(l->owner_cpu, (u16)(my_cpu() + 1));
	WRITE_ONCE(l->owner_pc, __builtin_return_address(0));
	return true;
}

static void release(spinlock_t *l)
{
	if (DEBUG_CHECKS) {
		if (READ_ONCE(l->owner_cpu) != my_cpu() + 1)
			panic("spinlock %p (%s) released by CPU %u, which does not hold it\n",
			      (void *)l, lock_class_name(l->class), my_cpu());
		lock_order_release(l);
	}
	WRITE_ONCE(l->owner_cpu, 0); /* before the next owner can see its turn */
	__atomic_store_n(now_serving(l), (u16)(*now_serving(l) + 1), __ATOMIC_RELEASE);
}

/* As preempt_enable(), but never switches with interrupts off. */
static void unlock_preempt(const void *pc)
{
	preempt_enable_no_resched();
	sched_fuzz_point(pc);
	if (unlikely(need_resched()) && preempt_count() == 0 && irqs_enabled())
		preempt_schedule();
}

void spin_unlock(spinlock_t *l)
{
	if (unlikely(locks_off))
		return;
	release(l);
	unlock_preempt(__builtin_return_address(0));
}

void spin_unlock_irqrestore(spinlock_t *l, u64 flags)
{
	if (unlikely(locks_off))
		return;
	release(l);
	local_irq_restore(flags); /* first: a switch on the way out needs them on */
	unlock_preempt(__builtin_return_address(0));
}

bool spin_is_locked(const spinlock_t *l)
{
	u32 t = __atomic_load_n(&l->ticket, __ATOMIC_RELAXED);

	return (t >> 16) != (t & 0xffff);
}
