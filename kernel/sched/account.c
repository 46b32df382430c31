/*
 * CPU time of tasks, their timeslices, the share of real-time tasks, and the time of each CPU.
 *
 * The run time of a task is exact, from switch to switch. The part of it that is not charged yet is
 * charged at each tick, to user or system mode, whichever the tick interrupted. When the times are
 * read in between, it is charged in proportion to the times so far. So user and system time only
 * grow and add up to the run time exactly; a lost tick changes only the proportion. The busy time
 * of a CPU, which is all time but idle time, is charged in the same way.
 *
 * All changes happen under the lock of the task's run queue.
 */
#include "kernel/sched/load.h"
#include "kernel/sched/rq.h"
#include "kernel/time/timer.h"

long sched_rt_period_us = 1000000, sched_rt_runtime_us = 950000;

/* The run time of a task that is running. */
static u64 ran_until_now(const struct task *p)
{
	u64 now = arch_run_clock();

	return p->runtime + (now > p->exec_start ? now - p->exec_start : 0);
}

static u64 ran_ns(const struct rq *rq, const struct task *p)
{
	return arch_run_ns(rq->curr == p ? ran_until_now(p) : p->runtime);
}

/* Take the time since the last charge off the timeslice, and return it in ns. */
static u64 charge_slice(struct rq *rq, struct task *p)
{
	u64 ran = ran_ns(rq, p), charged = p->utime + p->stime;
	u64 delta = ran > charged ? ran - charged : 0;

	p->time_slice -= (s64)delta;
	if (rt_task(p))
		rq->rt_ns += delta;
	return delta;
}

/* delta * part / all. `part` is at most `all`, which is not 0. */
static u64 proportion(u64 delta, u64 part, u64 all)
{
	for (; all >> 32; all >>= 1)
		part >>= 1;
	return (u64)((unsigned __int128)delta * ((part << 32) / all) >> 32);
}

static noinline void split_charge(struct task *p, u64 delta)
{
	u64 system = proportion(delta, p->stime, p->utime + p->stime);

	p->stime += system;
	p->utime += delta - system;
}

void task_charge(struct task *p)
{
	guard_task_rq(locked, p);
	u64 delta = charge_slice(locked.rq, p);

	if (p->stime)
		split_charge(p, delta);
	else
		p->utime += delta;
}

u64 task_runtime(struct task *p)
{
	if (!READ_ONCE(p->on_cpu))
		return arch_run_ns(READ_ONCE(p->runtime));
	if (p == current) { /* without a switch no other CPU changes it */
		u64 ran;

		preempt_disable();
		ran = ran_until_now(p);
		preempt_enable();
		return arch_run_ns(ran);
	}
	guard_task_rq(locked, p);
	return ran_ns(locked.rq, p);
}

/* ---- CPUs ---- */

static u64 busy_charged(const struct rq *rq)
{
	return rq->user_ns + rq->nice_ns + rq->system_ns;
}

/* The busy time of the CPU that is not charged yet, in ns. *idle: all its idle time. */
static u64 busy_uncharged(const struct rq *rq, u64 *idle)
{
	u64 now = arch_run_clock(), charged = busy_charged(rq);
	u64 all = now > rq->started ? arch_run_ns(now - rq->started) : 0;

	*idle = ran_ns(rq, rq->idle);
	return all > *idle + charged ? all - *idle - charged : 0;
}

/* Charge busy time in proportion to the times so far; before the first tick only the kernel ran. */
static void split_busy(struct rq *rq, u64 delta)
{
	u64 all = busy_charged(rq);
	u64 user = all ? proportion(delta, rq->user_ns, all) : 0;
	u64 nice = all ? proportion(delta, rq->nice_ns, all) : 0;

	rq->user_ns += user;
	rq->nice_ns += nice;
	rq->system_ns += delta - user - nice;
}

void cpu_times(u32 cpu, struct cpu_times *out)
{
	struct rq *rq = cpu_rq(cpu);
	guard_irq(&rq->lock);

	split_busy(rq, busy_uncharged(rq, &out->idle));
	out->user = rq->user_ns;
	out->nice = rq->nice_ns;
	out->system = rq->system_ns;
}

void account_tick(struct rq *rq, struct task *p, bool user)
{
	u64 delta = charge_slice(rq, p), idle, busy = busy_uncharged(rq, &idle);

	if (p->policy == SCHED_FIFO || p->policy == SCHED_RR)
		p->rt_ns += TICK_NS;
	if (!user) {
		p->stime += delta;
		rq->system_ns += busy;
		return;
	}
	p->utime += delta;
	*(p->static_prio > NICE_TO_PRIO(0) ? &rq->nice_ns : &rq->user_ns) += busy;
}

/* sched(7), "Limiting the CPU usage of real-time and deadline processes": real-time tasks may use a
 * part of each period, and the rest is for the other tasks, if any wait. */
void throttle_tick(struct rq *rq, u64 now)
{
	long runtime = READ_ONCE(sched_rt_runtime_us);
	bool over = runtime >= 0 && rq->rt_ns > (u64)runtime * NSEC_PER_USEC;

	if (rq->rt_ns <= TICK_NS && !over) { /* a period begins as a real-time task begins to run */
		rq->rt_period_start = now - rq->rt_ns;
	} else if (now - rq->rt_period_start >=
		   (u64)READ_ONCE(sched_rt_period_us) * NSEC_PER_USEC) {
		rq->rt_period_start = now;
		rq->rt_ns = 0;
		over = false;
	}
	if (over != rq->rt_throttled) {
		rq->rt_throttled = over;
		resched_curr(rq);
	}
}
