/*
 * Load averages: proc(5), /proc/loadavg.
 *
 * Every five seconds the tasks that run, wait for a CPU or sleep uninterruptibly are counted, and
 * the averages move towards that number. No timer does it, which would wake idle CPUs for nothing:
 * the tick of whichever CPU is busy takes a sample that is due, and a CPU that stops idling takes
 * those that fell into a time in which nobody had a tick, and so nothing ran.
 */
#include "kernel/sched/load.h"

#include "kernel/lib/lock.h"
#include "kernel/sched/rq.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

#define SAMPLE_NS  (5 * NSEC_PER_SEC)
#define CATCH_UP   4096 /* samples after which no trace of an older load is left: 5.7 hours */
#define LOAD_STEPS 8    /* bits that averages have more than what is shown: they must not stick */

/* LOAD_ONE * exp(-5 s / 1 min), 5 min, 15 min */
static const u64 decay[NR_LOADS] = {1884, 2014, 2037};

static spinlock_t load_lock = SPINLOCK_INIT(LOCK_LOAD); /* (irq) loads, next_sample */
static u64 loads[NR_LOADS];                             /* LOAD_STEPS more bits than shown */
static u64 next_sample = SAMPLE_NS;

/* Nobody's lock is taken: a sample is as good a moment earlier or later. */
static u64 count_active(bool idle)
{
	s64 n = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(cpu_rq(i)->nr_uninterruptible) +
		     (idle ? 0 : READ_ONCE(cpu_rq(i)->nr_running));
	return n > 0 ? (u64)n : 0;
}

static void add_sample(u64 active)
{
	for (int i = 0; i < NR_LOADS; i++)
		loads[i] = (loads[i] * decay[i] +
			    (active << (LOAD_SHIFT + LOAD_STEPS)) * (LOAD_ONE - decay[i])) >>
			   LOAD_SHIFT;
}

static void take_samples(u64 now, bool idle)
{
	u64 flags, active;

	if (now < READ_ONCE(next_sample))
		return;
	flags = spin_lock_irqsave(&load_lock);
	active = count_active(idle);
	if (now >= next_sample + CATCH_UP * SAMPLE_NS)
		next_sample = now - CATCH_UP * SAMPLE_NS;
	for (; next_sample <= now; next_sample += SAMPLE_NS)
		add_sample(active);
	spin_unlock_irqrestore(&load_lock, flags);
}

void load_tick(u64 now)
{
	take_samples(now, false);
}

void load_idle_over(u64 now)
{
	take_samples(now, true);
}

void load_averages(u64 out[NR_LOADS])
{
	u64 flags = spin_lock_irqsave(&load_lock);

	for (int i = 0; i < NR_LOADS; i++)
		out[i] = loads[i] >> LOAD_STEPS;
	spin_unlock_irqrestore(&load_lock, flags);
}

u64 nr_context_switches(void)
{
	u64 n = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(cpu_rq(i)->nr_switches);
	return n;
}

u64 nr_running_tasks(void)
{
	u64 n = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(cpu_rq(i)->nr_running);
	return n;
}
