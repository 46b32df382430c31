/*
 * The O(1) scheduler: which task runs, and for how long.
 *
 * Each CPU has a run queue with two priority arrays. Tasks with timeslice left are in the active
 * one, those that used it up in the expired one; when the active array is empty the two swap names.
 * Choosing the next task is one find-first-bit. The running task stays in its list: only the end of
 * its slice, a sleep or a yield moves it.
 *
 * rq->lock guards the arrays and the scheduling fields of every task that is on them.
 * kernel/sched/switch.c does the switch.
 */
#include "kernel/sched/sched.h"

#include "kernel/lib/log.h"
#include "kernel/lib/tunable.h"
#include "kernel/sched/load.h"
#include "kernel/sched/pi.h"
#include "kernel/sched/rq.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/timers/cpu_timer.h"
#include "kernel/trace/trace.h"

static struct rq run_queues[MAX_CPUS];

long sched_child_first = 1;
static const char *const off_on[] = {"0", "1", NULL};
TUNABLE(child_first, "sched.child_first", sched_child_first, 0, 1, off_on,
	"after fork the child runs before its parent");

struct rq *cpu_rq(u32 cpu)
{
	return &run_queues[cpu];
}

void sched_init(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++) {
		struct rq *rq = cpu_rq(i);

		spin_lock_init(&rq->lock, LOCK_RQ);
		rq->cpu = &cpus[i];
		cpus[i].rq = rq;
		rq->active = &rq->arrays[0];
		rq->expired = &rq->arrays[1];
		prio_array_init(rq->active);
		prio_array_init(rq->expired);
	}
	init_idle(&init_task, this_cpu());
}

void init_idle(struct task *idle, struct cpu *cpu)
{
	idle->prio = MAX_PRIO; /* worse than anybody: it is never in an array */
	pi_init_task(idle);
	idle->flags |= PF_IDLE;
	idle->cpu = cpu->id;
	idle->on_cpu = true;
	idle->exec_start = arch_run_clock(); /* its zero is no time of ours */
	cpu->rq->started = idle->exec_start;
	cpu->rq->idle = cpu->rq->curr = idle;
}

/* 5 ms for nice 19, 100 ms for nice 0, 800 ms for nice -20, as Linux 2.6 gave them. */
s64 task_timeslice(const struct task *p)
{
	s64 ms = (MAX_PRIO - p->static_prio) * (p->static_prio < NICE_TO_PRIO(0) ? 20 : 5);

	return ms * (s64)NSEC_PER_MSEC;
}

static bool rt_policy(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

int effective_prio(const struct task *p)
{
	return MIN(p->normal_prio, p->boost);
}

void resched_curr(struct rq *rq)
{
	if (READ_ONCE(rq->cpu->need_resched))
		return;
	WRITE_ONCE(rq->cpu->need_resched, 1);
	if (rq->cpu != this_cpu())
		arch_send_reschedule(rq->cpu->id);
}

/* The caller holds the run queue's lock. */
static void set_task_prio(struct rq *rq, struct task *p, int prio)
{
	struct prio_array *array = p->array;
	bool better = prio < p->prio;

	if (array)
		dequeue_task(p);
	p->prio = prio;
	if (!array)
		return;
	/* A real-time task does not wait for the arrays to swap. */
	enqueue_task(p, rt_task(p) ? rq->active : array);
	if (rq->curr == p ? !better : better)
		resched_curr(rq);
}

void set_special_state(u32 state)
{
	u64 flags;
	struct rq *rq = task_rq_lock(current, &flags);

	current->state = state;
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* A task woke up ahead of an equal that runs. One that was woken by the running task itself does
 * not preempt it, since most often that one is about to sleep: but it does not wait for the tick
 * either. */
static noinline void preempt_soon(struct rq *rq)
{
	if (rq->cpu != this_cpu() || irq_depth())
		resched_curr(rq);
	else
		tick_soon();
}

/* A woken task is queued just ahead of an equal that runs, and has the CPU soon: what a person
 * types at is answered, whatever else computes. Nothing starves, for the timeslice of a task that
 * wakes up often is used up like any other. */
static void activate_woken(struct rq *rq, struct task *p)
{
	struct task *curr = rq->curr;

	if (p->prio != curr->prio || rt_task(p) || curr->array != rq->active) {
		activate_task(rq, p);
		preempt_if_better(rq, p);
		return;
	}
	prio_array_add_before(rq->active, &p->run_list, &curr->run_list);
	p->array = rq->active;
	rq->nr_running++;
	if (!READ_ONCE(rq->cpu->tick_soon))
		preempt_soon(rq);
}

bool try_to_wake_up(struct task *p, u32 mask)
{
	u64 flags;
	struct rq *rq = task_rq_lock(p, &flags);
	bool woken = p->state & mask;

	if (woken) {
		bool queued = p->array;
		u32 cpu = wake_up_cpu(p);

		if (!queued)
			load_wakes(rq, p);
		p->state = TASK_RUNNING;
		/* Still queued: it was on its way to sleep and has not come to schedule() yet. If
		 * not, nor does it run any more: the lock was held until its registers were saved.
		 */
		if (likely(!queued && cpu == p->cpu))
			activate_woken(rq, p);
		else if (!queued)
			rq = place_task(rq, p, cpu);
		trace_sched_wakeup(p);
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	return woken;
}

bool wake_up_process(struct task *p)
{
	return try_to_wake_up(p, TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE | TASK_KILLABLE);
}

/* Slices end at ticks: at the nearest. */
static bool slice_used_up(const struct task *p)
{
	return p->time_slice < (s64)TICK_NS / 2;
}

/* The next slice is shorter by what the last one was too long, within limits. */
static void renew_slice(struct task *p)
{
	s64 slice = task_timeslice(p);

	p->time_slice = MAX(p->time_slice, -slice / 2) + slice;
	p->first_timeslice = false;
}

/* What happens when the slice of the running task is used up. */
static void task_slice_expired(struct rq *rq, struct task *p)
{
	dequeue_task(p);
	resched_curr(rq);
	p->prio = effective_prio(p);
	renew_slice(p);
	enqueue_task(p, rq->expired);
}

/* A task that woke up went ahead of the one that runs. */
static void look_ahead(struct rq *rq, const struct task *p)
{
	if (p->array && p->array->queue[p->prio].next != &p->run_list)
		resched_curr(rq);
}

/* The tick's part that fork needs too, when halving leaves the parent nothing. */
static void task_tick(struct rq *rq, struct task *p)
{
	if (!p->array)
		return;
	if (rt_task(p)) {
		/* SCHED_FIFO runs until it sleeps; SCHED_RR goes to the end of its list. */
		if (p->policy == SCHED_RR && slice_used_up(p)) {
			renew_slice(p);
			requeue_task(p, rq->active);
			resched_curr(rq);
		}
		return;
	}
	if (slice_used_up(p))
		task_slice_expired(rq, p);
	else
		look_ahead(rq, p);
}

u64 task_wchan(struct task *p)
{
	u64 flags, addr = 0;
	struct rq *rq = task_rq_lock(p, &flags); /* nobody wakes it meanwhile */

	if (!p->array && !p->on_cpu && p->state != TASK_RUNNING && p->state != TASK_DEAD)
		addr = arch_wchan(p);
	spin_unlock_irqrestore(&rq->lock, flags);
	return addr;
}

void scheduler_tick(u64 now)
{
	struct cpu *cpu = this_cpu();
	struct rq *rq = cpu->rq;
	struct task *p = rq->curr;
	u64 flags;

	if (p == rq->idle)
		return;
	flags = spin_lock_irqsave(&rq->lock);
	account_tick(rq, p, cpu->irq_regs && user_mode(cpu->irq_regs));
	task_tick(rq, p);
	throttle_tick(rq, now);
	balance_tick(rq);
	spin_unlock_irqrestore(&rq->lock, flags);
	cpu_time_tick(p);
}

void scheduler_look_ahead(void)
{
	struct rq *rq = this_cpu()->rq;
	u64 flags = spin_lock_irqsave(&rq->lock);

	if (!rt_task(rq->curr))
		look_ahead(rq, rq->curr);
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* SCHED_RESET_ON_FORK: the child begins without privileges. */
static void reset_sched(struct task *p)
{
	if (rt_policy(p->policy) || p->static_prio < NICE_TO_PRIO(0))
		p->static_prio = NICE_TO_PRIO(0);
	if (rt_policy(p->policy))
		p->policy = SCHED_NORMAL;
	p->rt_priority = 0;
	p->normal_prio = p->static_prio;
	p->reset_on_fork = false;
}

void sched_fork(struct task *p)
{
	struct rq *rq;
	u64 flags = local_irq_save();

	pi_init_task(p);
	if (p->reset_on_fork)
		reset_sched(p);
	p->state = TASK_RUNNING;  /* nobody can wake it: it is in no list yet */
	p->prio = p->normal_prio; /* what was lent to the parent is not inherited */
	p->cpu = this_cpu()->id;
	rq = this_cpu()->rq;
	spin_lock(&rq->lock);
	/* Forking must not create processor time: the child's slice is taken from the parent's. */
	p->time_slice = current->time_slice / 2;
	p->first_timeslice = true;
	current->time_slice -= p->time_slice;
	if (slice_used_up(current))
		task_tick(rq, current);
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* A thread is given to the CPU that has least to do. A process, and whoever makes its parent wait,
 * starts here: the caches have what it will look at. */
static u32 fork_cpu(const struct task *p, u64 clone_flags)
{
	u32 here = this_cpu()->id;

	if (nr_cpus == 1)
		return here;
	if ((clone_flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM || !cpu_allowed(p, here))
		return least_loaded_cpu(p, here);
	return here;
}

void wake_up_new_task(struct task *p, u64 clone_flags)
{
	u64 flags = local_irq_save(), unused;
	struct task *parent = current;
	struct rq *rq;

	WRITE_ONCE(p->cpu, fork_cpu(p, clone_flags)); /* on its way, and ours alone */
	rq = task_rq_lock(p, &unused);
	if (!(clone_flags & CLONE_VM) && sched_child_first && rq == this_cpu()->rq &&
	    parent->array && !rt_task(p) && p->prio == parent->prio) {
		/*
		 * The child will most likely exec at once. Running it first saves the copies of
		 * pages that the parent would otherwise write to in between. It goes into the
		 * parent's own list, just ahead of the parent: the scheduler takes the first of a
		 * list, and whoever else is ahead of the parent has just been woken up by it.
		 */
		prio_array_add_before(parent->array, &p->run_list, &parent->run_list);
		p->array = parent->array;
		rq->nr_running++;
		resched_curr(rq);
	} else {
		/* With a shared address space nothing would be copied: the child waits for its
		 * turn. */
		rq = place_task(rq, p, p->cpu);
	}
	trace_sched_wakeup_new(p);
	spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_exit(struct task *p)
{
	struct task *parent = p->group_leader == p ? p->parent : p->group_leader;
	struct rq *rq;
	u64 flags;

	if (!p->first_timeslice)
		return;
	rq = task_rq_lock(parent, &flags);
	parent->time_slice = MIN(parent->time_slice + p->time_slice, task_timeslice(parent));
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* The policy or the nice value of `p` is another: what does it run at? */
static void change_normal_prio(struct rq *rq, struct task *p)
{
	p->normal_prio = rt_policy(p->policy) ? MAX_RT_PRIO - 1 - p->rt_priority : p->static_prio;
	set_task_prio(rq, p, effective_prio(p));
}

void sched_set_boost(struct task *p, int boost)
{
	u64 flags;
	struct rq *rq = task_rq_lock(p, &flags);

	p->boost = boost;
	if (p->prio != effective_prio(p)) /* else it keeps its place among its equals */
		set_task_prio(rq, p, effective_prio(p));
	spin_unlock_irqrestore(&rq->lock, flags);
}

void set_user_nice(struct task *p, int nice)
{
	u64 flags;
	struct rq *rq;

	spin_lock(&pi_lock);
	rq = task_rq_lock(p, &flags);
	p->static_prio = NICE_TO_PRIO(nice);
	change_normal_prio(rq, p);
	spin_unlock_irqrestore(&rq->lock, flags);
	pi_prio_changed(p);
	spin_unlock(&pi_lock);
}

bool sched_policy_valid(int policy, int rt_priority)
{
	if (rt_policy(policy))
		return rt_priority >= 1 && rt_priority < MAX_RT_PRIO;
	return (policy == SCHED_NORMAL || policy == SCHED_BATCH) && rt_priority == 0;
}

int sched_set_policy(struct task *p, int policy, int rt_priority)
{
	return sched_set_attr(p, policy, rt_priority, PRIO_TO_NICE(p->static_prio),
			      p->reset_on_fork);
}

int sched_set_attr(struct task *p, int policy, int rt_priority, int nice, bool reset_on_fork)
{
	u64 flags;
	struct rq *rq;

	if (!sched_policy_valid(policy, rt_priority))
		return -EINVAL;
	spin_lock(&pi_lock);
	rq = task_rq_lock(p, &flags);
	p->policy = policy;
	p->rt_priority = rt_priority;
	p->reset_on_fork = reset_on_fork;
	if (!rt_policy(policy))
		p->static_prio = NICE_TO_PRIO(nice);
	change_normal_prio(rq, p);
	spin_unlock_irqrestore(&rq->lock, flags);
	pi_prio_changed(p);
	spin_unlock(&pi_lock);
	return 0;
}
