/*
 * Load averages: proc(5), /proc/loadavg.
 *
 * Every five seconds the tasks that run, wait for a CPU or sleep uninterruptibly are counted, and
 * the averages move towards that number. There is no timer, which would wake idle CPUs for nothing:
 * the tick of any busy CPU takes a sample that is due. A CPU that leaves its idle loop takes the
 * samples that fell into a time when all CPUs idled.
 */
#include "kernel/sched/load.h"

#include "kernel/sched/rq.h"

#define SAMPLE_NS  (5 * NSEC_PER_SEC)
#define CATCH_UP   4096 /* samples after which older loads no longer count: 5.7 hours */
#define LOAD_STEPS 8    /* extra bits of precision, so that the averages do not stick */

/* LOAD_ONE * exp(-5 s / 1 min), 5 min, 15 min */
static const u64 decay[NR_LOADS] = {1884, 2014, 2037};

static spinlock_t load_lock = SPINLOCK_INIT(LOCK_LOAD); /* (irq) loads, next_sample */
static u64 loads[NR_LOADS];                             /* LOAD_STEPS more bits than shown */
static u64 next_sample = SAMPLE_NS;

/* Takes no lock: a sample is as good a moment earlier or later. */
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

void load_sample(u64 now, bool idle)
{
	u64 active;

	if (now < READ_ONCE(next_sample))
		return;
	guard_irq(&load_lock);
	active = count_active(idle);
	if (now >= next_sample + CATCH_UP * SAMPLE_NS)
		next_sample = now - CATCH_UP * SAMPLE_NS;
	for (; next_sample <= now; next_sample += SAMPLE_NS)
		add_sample(active);
}

void load_averages(u64 out[NR_LOADS])
{
	guard_irq(&load_lock);
	for (int i = 0; i < NR_LOADS; i++)
		out[i] = loads[i] >> LOAD_STEPS;
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
