/*
 * The O(1) scheduler: which task runs, and for how long.
 *
 * Each CPU has a run queue with two priority arrays. The active array holds the tasks with
 * timeslice left, the expired array those that used theirs up; when the active array is empty the
 * two swap roles. Choosing the next task is one find-first-bit. The running task stays in its list
 * and leaves its place only at the end of its slice, for a sleep or a yield, or when its priority
 * or its CPUs change.
 *
 * rq->lock guards the arrays and the scheduling fields of every task that is on them.
 * kernel/sched/switch.c does the switch.
 */
#include "kernel/sched/sched.h"

#include "kernel/lib/tunable.h"
#include "kernel/sched/load.h"
#include "kernel/sched/pi.h"
#include "kernel/sched/rq.h"
#include "kernel/time/timer.h"
#include "kernel/timers/cpu_timer.h"
#include "kernel/trace/trace.h"

static PER_CPU struct rq run_queue;

long sched_child_first = 1;
static const char *const off_on[] = {"0", "1", NULL};
TUNABLE(child_first, "sched.child_first", sched_child_first, 0, 1, off_on,
	"after fork the child runs before its parent");

static void init_rq(struct rq *rq, struct cpu *cpu)
{
	spin_lock_init(&rq->lock, LOCK_RQ);
	rq->cpu = cpu;
	rq->active = &rq->arrays[0];
	rq->expired = &rq->arrays[1];
	prio_array_init(rq->active);
	prio_array_init(rq->expired);
	cpu->rq = rq;
}

void init_idle(struct task *idle, struct cpu *cpu)
{
	init_rq(percpu_of(cpu->id, &run_queue), cpu);
	idle->prio = MAX_PRIO; /* worse than any other; it is never in an array */
	pi_init_task(idle);
	idle->flags |= PF_IDLE;
	idle->cpu = cpu->id;
	idle->on_cpu = true;
	idle->exec_start = arch_run_clock(); /* the run clock does not start at 0 */
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
	guard_task_rq(locked, current);
	current->state = state;
}

/* A woken task was queued ahead of a running one of the same priority. If the running task did the
 * waking, it is probably about to sleep: it is not preempted at once, but before the next tick. */
static noinline void preempt_soon(struct rq *rq)
{
	if (rq->cpu != this_cpu() || irq_depth())
		resched_curr(rq);
	else
		tick_soon();
}

/* A woken task is queued just ahead of a running one of the same priority, so that it runs soon
 * even if other tasks compute. No task starves: one that wakes often uses up its slice as well. */
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
		u32 cpu = nr_cpus == 1 ? p->cpu : choose_wake_up_cpu(p);

		if (!queued)
			rq->nr_uninterruptible -= is_load(p);
		p->state = TASK_RUNNING;
		/* A task that is still queued was about to sleep and has not reached schedule()
		 * yet. The registers of any other are saved: the lock was held until then. */
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

/* A slice ends at the tick that is nearest to its end. */
static bool slice_used_up(const struct task *p)
{
	return p->time_slice < (s64)TICK_NS / 2;
}

/* If the last slice was too long, the next is shorter by as much, within limits. */
static void renew_slice(struct task *p)
{
	s64 slice = task_timeslice(p);

	p->time_slice = MAX(p->time_slice, -slice / 2) + slice;
	p->first_timeslice = false;
}

/* The running task has used up its slice: move it to the expired array. */
static void task_slice_expired(struct rq *rq, struct task *p)
{
	dequeue_task(p);
	resched_curr(rq);
	p->prio = effective_prio(p);
	renew_slice(p);
	enqueue_task(p, rq->expired);
}

/* Reschedule if a woken task is queued ahead of the running one. */
static void look_ahead(struct rq *rq, const struct task *p)
{
	if (p->array && p->array->queue[p->prio].next != &p->run_list)
		resched_curr(rq);
}

/* The end of a slice: at a tick, and at a fork that leaves the parent no timeslice. */
static void task_tick(struct rq *rq, struct task *p)
{
	if (!p->array)
		return;
	if (!slice_used_up(p)) {
		if (!rt_task(p))
			look_ahead(rq, p);
	} else if (!rt_task(p)) {
		task_slice_expired(rq, p);
	} else if (p->policy == SCHED_RR) { /* a SCHED_FIFO task runs until it sleeps */
		renew_slice(p);
		requeue_task(p, rq->active);
		resched_curr(rq);
	}
}

u32 task_stack_trace(struct task *p, u64 *pc, u32 max)
{
	guard_task_rq(locked, p); /* it cannot be woken meanwhile */
	if (!p->array && !p->on_cpu && p->state != TASK_RUNNING && p->state != TASK_DEAD)
		return arch_stack_trace(p, pc, max);
	return 0;
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
	guard_irq(&rq->lock);

	if (!rt_task(rq->curr))
		look_ahead(rq, rq->curr);
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
	u64 flags = local_irq_save();
	struct rq *rq = this_cpu()->rq;

	pi_init_task(p);
	if (p->reset_on_fork)
		reset_sched(p);
	p->state = TASK_RUNNING;  /* in no list yet, so no other task can wake it */
	p->prio = p->normal_prio; /* a priority lent to the parent is not inherited */
	p->cpu = this_cpu()->id;
	p->exec_start = current->exec_start;
	spin_lock(&rq->lock);
	/* Forking must not create CPU time: the child's slice is taken from the parent's. */
	p->time_slice = MIN(current->time_slice / 2, task_timeslice(p));
	p->first_timeslice = true;
	current->time_slice -= p->time_slice;
	if (unlikely(p->bound))
		p->cpus_mask = current->cpus_mask;
	if (slice_used_up(current))
		task_tick(rq, current);
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* A new thread starts on the least loaded CPU; any other child here, where the caches are warm. */
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

	WRITE_ONCE(p->cpu, fork_cpu(p, clone_flags)); /* not queued yet: no lock needed */
	rq = task_rq_lock(p, &unused);
	if (!(clone_flags & CLONE_VM) && sched_child_first && rq == this_cpu()->rq &&
	    parent->array && !rt_task(p) && p->prio == parent->prio) {
		/* The child runs first. It will most likely exec at once, which saves the copies of
		 * pages that the parent would write to in between. It is queued just ahead of the
		 * parent: then it is the first of its list, or only tasks that have just woken are
		 * ahead of it. */
		prio_array_add_before(parent->array, &p->run_list, &parent->run_list);
		p->array = parent->array;
		rq->nr_running++;
		resched_curr(rq);
	} else { /* with shared memory there is nothing to save: the child is queued last */
		activate_task(rq, p);
		preempt_if_better(rq, p);
	}
	trace_sched_wakeup_new(p);
	spin_unlock_irqrestore(&rq->lock, flags);
}

static void give_slice_back(struct task *p, struct task *parent)
{
	if (!p->first_timeslice)
		return;
	guard_task_rq(locked, parent);
	parent->time_slice = MIN(parent->time_slice + p->time_slice, task_timeslice(parent));
}

void sched_unfork(struct task *p)
{
	give_slice_back(p, current);
}

void sched_exit(struct task *p)
{
	give_slice_back(p, p->group_leader == p ? p->real_parent : p->group_leader);
}

/* Set the policy and the nice value of `p`, and from them its priorities. A slice is at most a
 * whole one at the new nice value. The caller holds pi_lock. */
static void change_normal_prio(struct task *p, int policy, int rt_priority, int nice)
{
	u64 flags;
	struct rq *rq = task_rq_lock(p, &flags);

	p->policy = policy;
	p->rt_priority = rt_priority;
	p->static_prio = NICE_TO_PRIO(nice);
	p->time_slice = MIN(p->time_slice, task_timeslice(p));
	p->normal_prio = rt_policy(policy) ? MAX_RT_PRIO - 1 - rt_priority : p->static_prio;
	set_task_prio(rq, p, effective_prio(p));
	spin_unlock_irqrestore(&rq->lock, flags);
	pi_prio_changed(p);
}

void sched_set_boost(struct task *p, int boost)
{
	guard_task_rq(locked, p);
	p->boost = boost;
	if (p->prio != effective_prio(p)) /* else it keeps its place in its list */
		set_task_prio(locked.rq, p, effective_prio(p));
}

void set_user_nice(struct task *p, int nice)
{
	guard_spin(&pi_lock);
	change_normal_prio(p, p->policy, p->rt_priority, nice);
}

bool sched_policy_valid(int policy, int rt_priority)
{
	if (rt_policy(policy))
		return rt_priority >= 1 && rt_priority < MAX_RT_PRIO;
	return (policy == SCHED_NORMAL || policy == SCHED_BATCH) && rt_priority == 0;
}

int sched_set_attr(struct task *p, int policy, int rt_priority, int nice, bool reset_on_fork)
{
	if (!sched_policy_valid(policy, rt_priority))
		return -EINVAL;
	guard_spin(&pi_lock);
	p->reset_on_fork = reset_on_fork;
	change_normal_prio(p, policy, rt_priority,
			   rt_policy(policy) ? PRIO_TO_NICE(p->static_prio) : nice);
	return 0;
}
