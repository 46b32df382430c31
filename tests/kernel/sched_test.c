/* Suite "sched": order, priorities, sleeping and waking. */
#include "kernel/fork.h"
#include "kernel/kthread.h"
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/time/timer.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

/* Each thread appends its letter when it runs. */
static char order[16];
static int order_len;

static int note(void *letter)
{
	order[order_len++] = (char)(u64)letter;
	return 0;
}

/* Wake three threads with these nice values on this CPU, with preemption off. `order` then has the
 * order in which they ran. */
static void run_three(const int nice[3])
{
	struct task *t[3];

	order_len = 0;
	sched_set_affinity(current, cpumask_of(0)); /* the threads inherit it */
	preempt_disable();
	for (int i = 0; i < 3; i++) {
		struct kernel_clone_args args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES,
						 .exit_signal = SIGCHLD,
						 .fn = note,
						 .fn_arg = (void *)(u64)('a' + i),
						 .name = "note"};
		pid_t pid = do_fork(&args);

		t[i] = pid > 0 ? find_get_task(pid) : NULL;
		if (t[i])
			set_user_nice(t[i], nice[i]);
	}
	preempt_enable_no_resched();
	for (int i = 0; i < 3; i++) {
		if (!EXPECT(t[i] != NULL))
			continue;
		user_wait(t[i]->pid_nr);
		put_task(t[i]);
	}
}

/* The place of `pid` in this CPU's run queue: 0 runs next, -1 is not queued. */
static int place_in_queue(pid_t pid)
{
	struct runq_entry entries[16];
	size_t n = sched_snapshot(this_cpu(), entries, ARRAY_SIZE(entries));

	for (size_t i = 0; i < n; i++)
		if (entries[i].pid == pid)
			return (int)i;
	return -1;
}

static struct completion sleeper_may_go;

static int sleeps(void *unused __maybe_unused)
{
	wait_for_completion(&sleeper_may_go);
	return 0;
}

/* A woken task is queued ahead of a running one of its priority: it need not wait for a slice. */
KTEST(sched, sleeper_goes_ahead)
{
	struct task *t;
	pid_t pid;

	completion_init(&sleeper_may_go);
	sched_set_affinity(current, cpumask_of(0));
	pid = kernel_thread(sleeps, NULL, "sleeper");
	t = pid > 0 ? find_get_task(pid) : NULL;
	if (!EXPECT(t != NULL))
		return;
	while (READ_ONCE(t->state) == TASK_RUNNING || READ_ONCE(t->array))
		sys_sched_yield();
	preempt_disable();
	complete(&sleeper_may_go);
	EXPECT(place_in_queue(pid) >= 0);
	EXPECT(place_in_queue(pid) < place_in_queue(current->pid_nr));
	preempt_enable();
	user_wait(pid);
	put_task(t);
}

KTEST(sched, equals_run_in_order)
{
	run_three((const int[]){0, 0, 0});
	EXPECT_EQ(order_len, 3);
	EXPECT(order[0] == 'a' && order[1] == 'b' && order[2] == 'c');
}

KTEST(sched, better_priority_runs_first)
{
	run_three((const int[]){10, -10, 0});
	EXPECT_EQ(order_len, 3);
	EXPECT(order[0] == 'b' && order[1] == 'c' && order[2] == 'a');
}

KTEST(sched, timeslices)
{
	struct task t = {.static_prio = NICE_TO_PRIO(0)};

	EXPECT_EQ(task_timeslice(&t), 100 * (s64)NSEC_PER_MSEC);
	t.static_prio = NICE_TO_PRIO(-20);
	EXPECT_EQ(task_timeslice(&t), 800 * (s64)NSEC_PER_MSEC);
	t.static_prio = NICE_TO_PRIO(19);
	EXPECT(task_timeslice(&t) >= 1);
}

KTEST(sched, a_nicer_task_has_at_most_a_whole_slice)
{
	set_user_nice(current, -20);
	current->time_slice = task_timeslice(current);
	set_user_nice(current, 0);
	EXPECT(current->time_slice <= task_timeslice(current));
}

KTEST(sched, bad_policies)
{
	EXPECT_EQ(sched_set_policy(current, 77, 0), -EINVAL);
	EXPECT_EQ(sched_set_policy(current, SCHED_FIFO, 0), -EINVAL);
	EXPECT_EQ(sched_set_policy(current, SCHED_FIFO, 100), -EINVAL);
	EXPECT_EQ(sched_set_policy(current, SCHED_NORMAL, 1), -EINVAL);
	EXPECT_EQ(sched_set_policy(current, SCHED_FIFO, 99), 0);
	EXPECT_EQ(current->prio, 0);
	EXPECT_EQ(sched_set_policy(current, SCHED_NORMAL, 0), 0);
	EXPECT_EQ(current->prio, current->static_prio);
}

KTEST(sched, sleep_takes_its_time)
{
	u64 start = ktime_get();

	sleep_ns(20 * NSEC_PER_MSEC);
	EXPECT(ktime_get() - start >= 20 * NSEC_PER_MSEC);
}

/* A user process that never sleeps must not keep other tasks from running. */
KTEST(sched, spinner_is_preempted)
{
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_SPIN, 0);
	pid = user_fork(0);
	/* This task runs again only because the child's slice ends. */
	struct task *p = find_get_task(pid);

	if (EXPECT(p != NULL)) {
		sleep_ns(10 * NSEC_PER_MSEC);
		send_signal(SIGKILL, NULL, p, true);
		put_task(p);
		EXPECT_EQ(user_wait(pid), SIGKILL);
	}
	user_context_leave();
}

/* ---- mutexes ---- */

static struct mutex mutex;
static u64 counter;

static int count_up(void *unused __maybe_unused)
{
	for (int i = 0; i < 200; i++) {
		mutex_lock(&mutex);
		u64 seen = counter;

		sys_sched_yield(); /* all other threads must wait */
		counter = seen + 1;
		mutex_unlock(&mutex);
	}
	return 0;
}

KTEST(sched, mutex_excludes)
{
	struct task *t[4];

	mutex_init(&mutex, LOCK_INODE);
	counter = 0;
	for (int i = 0; i < 4; i++)
		t[i] = kthread_create(count_up, NULL, "counter");
	for (int i = 0; i < 4; i++)
		if (EXPECT(!IS_ERR(t[i])))
			kthread_join(t[i]);
	EXPECT_EQ(counter, 800);
}

static u32 hog_ends;
static u64 hog_turns, most_turns; /* mutex */

/* Releases the mutex and takes it again at once. */
static int hog(void *unused __maybe_unused)
{
	while (!READ_ONCE(hog_ends)) {
		mutex_lock(&mutex);
		hog_turns++;
		sys_sched_yield();
		mutex_unlock(&mutex);
	}
	return 0;
}

static int be_patient(void *unused __maybe_unused)
{
	for (int i = 0; i < 200; i++) {
		u64 before = READ_ONCE(hog_turns);

		mutex_lock(&mutex);
		most_turns = MAX(most_turns, hog_turns - before);
		counter++;
		mutex_unlock(&mutex);
	}
	return 0;
}

KTEST(sched, mutex_starves_nobody)
{
	struct task *t[3], *patient;

	mutex_init(&mutex, LOCK_INODE);
	counter = most_turns = 0;
	hog_ends = 0;
	for (int i = 0; i < 3; i++)
		t[i] = kthread_create(hog, NULL, "hog");
	patient = kthread_create(be_patient, NULL, "patient");
	if (EXPECT(!IS_ERR(patient)))
		kthread_join(patient);
	WRITE_ONCE(hog_ends, 1);
	for (int i = 0; i < 3; i++)
		if (EXPECT(!IS_ERR(t[i])))
			kthread_join(t[i]);
	EXPECT_EQ(counter, 200);
	/* Hogs yield at each turn; on another CPU they can take many turns meanwhile. */
	EXPECT(nr_cpus > 1 || most_turns <= 100);
	EXPECT_EQ(mutex.owner, 0); /* and the waiter bit is clear */
}
