/*
 * The scheduler's tick: every TICK_NS while a task runs, none while the CPU idles.
 *
 * The state of a tick belongs to its CPU, which uses it with interrupts off. It needs no lock, so
 * that a tick is started and stopped under any lock.
 */
#include "arch/x86_64/arch.h"
#include "kernel/lib/log.h"
#include "kernel/lib/stall.h"
#include "kernel/sched/load.h"
#include "kernel/sched/sched.h"
#include "kernel/time/time_internal.h"
#include "kernel/time/timer.h"

#define TICK_SOON_NS (NSEC_PER_MSEC / 4)
#define SCREEN_TICKS 2 /* between two looks at the screen */

static PER_CPU struct tick {
	bool on;
	u32 count;
	u64 next; /* monotonic */
	u64 soon; /* likewise: valid while the CPU's tick_soon is set */
} tick;

void tick_start(void)
{
	u64 flags = local_irq_save();
	struct tick *t = percpu(&tick);

	if (!t->on) {
		t->on = true;
		t->next = ktime_get() + TICK_NS;
		timer_program_before(t->next);
		load_sample(t->next - TICK_NS, true);
	}
	local_irq_restore(flags);
}

void tick_stop(void)
{
	u64 flags = local_irq_save();

	percpu(&tick)->on = false;
	this_cpu()->tick_soon = false;
	local_irq_restore(flags);
	arch_console_refresh();
}

void tick_soon(void)
{
	struct tick *t = percpu(&tick);

	if (!t->on)
		return;
	t->soon = ktime_get() + TICK_SOON_NS;
	this_cpu()->tick_soon = true;
	timer_program_before(t->soon);
}

u64 tick_interrupt(u64 now)
{
	struct tick *t = percpu(&tick);

	if (!t->on)
		return TIME_FOREVER;
	if (this_cpu()->tick_soon && t->soon <= now) {
		this_cpu()->tick_soon = false;
		scheduler_look_ahead();
	}
	if (t->next <= now) {
		scheduler_tick(now);
		load_sample(now, false);
		if (DEBUG_CHECKS)
			stall_tick(now);
		if (++t->count % SCREEN_TICKS == 0)
			arch_console_refresh();
		/* Missed ticks, as in a stopped virtual machine, are not made up for. */
		t->next += TICK_NS;
		if (t->next <= now)
			t->next = now + TICK_NS;
	}
	return this_cpu()->tick_soon ? MIN(t->next, t->soon) : t->next;
}
