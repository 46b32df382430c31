/* Suite "pi": which task lends its priority to which, and that this ends an inversion. */
#include "kernel/kthread.h"
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/sched/pi.h"
#include "kernel/time/timer.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

#define TASKS   4
#define NICE_0  NICE_TO_PRIO(0)
#define FIFO(n) (MAX_RT_PRIO - 1 - (n))

/* Threads that only sleep. The test enters them as waiters by hand. */
static struct wait_queue bed = WAIT_QUEUE_INIT(bed);
static bool get_up;
static struct task *t[TASKS];
static struct pi_waiter w[TASKS];

static int sleeper(void *unused __maybe_unused)
{
	wait_event(&bed, READ_ONCE(get_up));
	return 0;
}

static bool start(void)
{
	bool all = true;

	get_up = false;
	for (int i = 0; i < TASKS; i++) {
		t[i] = kthread_create(sleeper, NULL, "sleeper");
		all = all && !IS_ERR(t[i]);
		w[i] = (struct pi_waiter){.task = t[i]};
	}
	return EXPECT(all);
}

static void end(void)
{
	WRITE_ONCE(get_up, true);
	wake_up_all(&bed);
	for (int i = 0; i < TASKS; i++)
		if (!IS_ERR(t[i])) {
			EXPECT(list_empty(&t[i]->pi_waiters));
			EXPECT_EQ(t[i]->prio, t[i]->normal_prio);
			kthread_join(t[i]);
		}
}

static int block(int waiter, int owner)
{
	int err;

	spin_lock(&pi_lock);
	err = pi_block(&w[waiter], t[owner]);
	spin_unlock(&pi_lock);
	return err;
}

static void unblock(int waiter)
{
	spin_lock(&pi_lock);
	pi_unblock(&w[waiter]);
	spin_unlock(&pi_lock);
}

static void pass(int waiter, int owner)
{
	spin_lock(&pi_lock);
	pi_pass(&w[waiter], t[owner]);
	spin_unlock(&pi_lock);
}

KTEST(pi, owner_runs_at_the_best_waiters_priority)
{
	if (start()) {
		sched_set_policy(t[1], SCHED_FIFO, 10);
		sched_set_policy(t[2], SCHED_RR, 30);
		set_user_nice(t[3], 5);
		EXPECT_EQ(block(3, 0), 0);
		EXPECT_EQ(t[0]->prio, NICE_0); /* a lower priority is not lent */
		EXPECT_EQ(block(1, 0), 0);
		EXPECT_EQ(t[0]->prio, FIFO(10));
		EXPECT_EQ(block(2, 0), 0);
		EXPECT_EQ(t[0]->prio, FIFO(30));
		EXPECT_EQ(t[0]->normal_prio, NICE_0);
		EXPECT_EQ(t[0]->policy, SCHED_NORMAL);
		unblock(1);
		EXPECT_EQ(t[0]->prio, FIFO(30));
		unblock(2);
		EXPECT_EQ(t[0]->prio, NICE_0);
		unblock(3);
	}
	end();
}

KTEST(pi, priority_goes_down_the_chain_and_back)
{
	if (start()) {
		EXPECT_EQ(block(1, 0), 0);
		EXPECT_EQ(block(2, 1), 0);
		EXPECT_EQ(t[0]->prio, NICE_0);
		sched_set_policy(t[3], SCHED_FIFO, 50);
		EXPECT_EQ(block(3, 2), 0);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(t[i]->prio, FIFO(50));
		unblock(1); /* a time-out in the middle */
		EXPECT_EQ(t[0]->prio, NICE_0);
		EXPECT_EQ(t[1]->prio, FIFO(50));
		unblock(3);
		EXPECT_EQ(t[1]->prio, NICE_0);
		EXPECT_EQ(t[2]->prio, NICE_0);
		unblock(2);
	}
	end();
}

KTEST(pi, setscheduler_of_a_waiter_and_of_an_owner)
{
	if (start()) {
		EXPECT_EQ(block(1, 0), 0);
		EXPECT_EQ(block(2, 1), 0);
		sched_set_policy(t[2], SCHED_FIFO, 7);
		EXPECT_EQ(t[0]->prio, FIFO(7));
		sched_set_policy(t[2], SCHED_FIFO, 3);
		EXPECT_EQ(t[0]->prio, FIFO(3));
		/* The owner's own priority counts when it is better, or when the loan ends. */
		set_user_nice(t[0], 19);
		EXPECT_EQ(t[0]->prio, FIFO(3));
		sched_set_policy(t[0], SCHED_FIFO, 5);
		EXPECT_EQ(t[0]->prio, FIFO(5));
		sched_set_policy(t[0], SCHED_NORMAL, 0);
		EXPECT_EQ(t[0]->prio, FIFO(3));
		sched_set_policy(t[2], SCHED_NORMAL, 0);
		EXPECT_EQ(t[0]->prio, NICE_0); /* nice 0 lends to nice 19 */
		unblock(2);
		unblock(1);
		EXPECT_EQ(t[0]->prio, NICE_TO_PRIO(19));
	}
	end();
}

KTEST(pi, circles_are_refused)
{
	if (start()) {
		EXPECT_EQ(block(0, 0), -EDEADLK);
		EXPECT_EQ(block(1, 0), 0);
		EXPECT_EQ(block(0, 1), -EDEADLK);
		EXPECT_EQ(block(2, 1), 0);
		EXPECT_EQ(block(0, 2), -EDEADLK);
		EXPECT(t[0]->pi_blocked == NULL && list_empty(&t[2]->pi_waiters));
		unblock(1);
		EXPECT_EQ(block(0, 2), 0);
		unblock(0);
		unblock(2);
	}
	end();
}

KTEST(pi, best_waiter_is_first_and_equals_in_order)
{
	if (start()) {
		const int order[] = {2, 1, 3};
		struct pi_waiter *at;
		int i = 0;

		sched_set_policy(t[2], SCHED_FIFO, 1);
		EXPECT_EQ(block(1, 0), 0);
		EXPECT_EQ(block(2, 0), 0);
		EXPECT_EQ(block(3, 0), 0);
		spin_lock(&pi_lock);
		list_for_each_entry (at, &t[0]->pi_waiters, link)
			EXPECT(i < 3 && at == &w[order[i++]]);
		spin_unlock(&pi_lock);
		EXPECT_EQ(i, 3);
		/* The best waiter gets the lock; the other waiters now lend to it. */
		unblock(2);
		sched_set_policy(t[3], SCHED_FIFO, 9);
		EXPECT_EQ(t[0]->prio, FIFO(9));
		pass(1, 2);
		pass(3, 2);
		EXPECT_EQ(t[0]->prio, NICE_0);
		EXPECT_EQ(t[2]->prio, FIFO(9));
		unblock(1);
		unblock(3);
	}
	end();
}

/* A child does not inherit a priority that was lent to its parent. */
KTEST(pi, fork_does_not_inherit_the_boost)
{
	struct task *child;
	pid_t pid;

	if (start() && EXPECT(user_context_enter(1))) {
		sched_set_policy(t[1], SCHED_FIFO, 20);
		spin_lock(&pi_lock);
		EXPECT_EQ(pi_block(&w[1], current), 0);
		spin_unlock(&pi_lock);
		EXPECT_EQ(current->prio, FIFO(20));
		user_script(SCRIPT_PAUSE, 0);
		pid = user_fork(0);
		child = find_get_task(pid);
		if (EXPECT(child != NULL)) {
			EXPECT_EQ(child->prio, current->normal_prio);
			EXPECT_EQ(child->boost, MAX_PRIO);
			send_signal(SIGKILL, NULL, child, true);
			put_task(child);
		}
		unblock(1);
		EXPECT_EQ(current->prio, current->normal_prio);
		user_wait(pid);
		user_context_leave();
	}
	end();
}

/* ---- a priority inversion, on one CPU ---- */

static bool let_go, released, gave_up;

/* The lock's owner: would release the lock if it could run. */
static int low(void *unused __maybe_unused)
{
	while (!READ_ONCE(let_go))
		sys_sched_yield();
	WRITE_ONCE(released, true);
	return 0;
}

/* Of middle priority: takes all CPU time, until the lock is released or a second has passed. */
static int middle(void *unused __maybe_unused)
{
	u64 until = ktime_get() + NSEC_PER_SEC;

	while (!READ_ONCE(released) && ktime_get() < until)
		cpu_relax();
	WRITE_ONCE(gave_up, !READ_ONCE(released));
	return 0;
}

static struct task *start_pinned(int (*fn)(void *), int fifo)
{
	struct task *p = kthread_create(fn, NULL, "inversion");

	if (IS_ERR(p))
		return p;
	sched_set_affinity(p, cpumask_of(0));
	if (fifo)
		sched_set_policy(p, SCHED_FIFO, fifo);
	return p;
}

static bool middle_gives_up(bool lend)
{
	struct task *owner, *mid;
	struct pi_waiter high = {.task = current};
	long runtime = sched_rt_runtime_us;

	let_go = released = gave_up = false;
	sched_rt_runtime_us = -1; /* no share of the CPU is reserved for the low one */
	sched_set_affinity(current, cpumask_of(0));
	sched_set_policy(current, SCHED_FIFO, 50);
	owner = start_pinned(low, 0);
	mid = start_pinned(middle, 10);
	if (EXPECT(!IS_ERR(owner) && !IS_ERR(mid))) {
		spin_lock(&pi_lock);
		if (lend)
			EXPECT_EQ(pi_block(&high, owner), 0);
		spin_unlock(&pi_lock);
		/* Wait until both are queued on this CPU. From then on neither runs unless this
		 * task sleeps. */
		while (READ_ONCE(owner->cpu) != 0 || READ_ONCE(mid->cpu) != 0 ||
		       !READ_ONCE(owner->array) || !READ_ONCE(mid->array))
			sleep_ns(NSEC_PER_MSEC);
		WRITE_ONCE(let_go, true);
		while (!READ_ONCE(released) && !READ_ONCE(gave_up))
			sleep_ns(5 * NSEC_PER_MSEC);
		spin_lock(&pi_lock);
		if (lend)
			pi_unblock(&high);
		spin_unlock(&pi_lock);
	}
	sched_set_policy(current, SCHED_NORMAL, 0);
	sched_rt_runtime_us = runtime;
	if (!IS_ERR(mid))
		kthread_join(mid);
	if (!IS_ERR(owner))
		kthread_join(owner);
	return gave_up;
}

KTEST(pi, inversion_ends)
{
	EXPECT(middle_gives_up(false)); /* the inversion */
	EXPECT(!middle_gives_up(true));
}
