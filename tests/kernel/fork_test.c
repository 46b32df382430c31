/* Suite "fork": every step of fork, and every way it can fail. */
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kthread.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/perf/perf.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

/* ---- plain forks ---- */

KTEST(fork, exit_status)
{
	if (!EXPECT(user_context_enter(1)))
		return;
	for (int status = 0; status < 256; status += 51) {
		user_script(SCRIPT_EXIT, status);
		EXPECT_EQ(user_wait(user_fork(0)), status << 8);
	}
	user_context_leave();
}

KTEST(fork, many_in_a_row)
{
	if (!EXPECT(user_context_enter(4)))
		return;
	for (int i = 0; i < 20000; i++)
		if (!EXPECT_EQ(user_wait(user_fork(0)), 0))
			break;
	user_context_leave();
}

KTEST(fork, many_at_once)
{
	static pid_t pids[100];

	if (!EXPECT(user_context_enter(4)))
		return;
	user_script(SCRIPT_PAUSE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT((pids[i] = user_fork(0)) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		struct task *p = find_get_task(pids[i]);

		if (EXPECT(p != NULL)) {
			send_signal(SIGTERM, NULL, p, true);
			put_task(p);
			EXPECT_EQ(user_wait(pids[i]), SIGTERM);
		}
	}
	user_context_leave();
}

/* ---- which task runs first: the trace says it, not the clock ---- */

/* Does the trace since `seq` show the child switched in before its parent after the wake-up? */
static bool child_ran_first(u64 seq, pid_t child, pid_t parent)
{
	bool woken = false;
	struct trace_view v;

	for (; seq < trace_next_seq(); seq++) {
		if (!trace_get(seq, &v))
			continue;
		if (v.id == TRACE_sched_wakeup_new && (pid_t)v.arg[0] == child)
			woken = true;
		/* sched_switch: arg 0 is the old task, arg 3 the new one. */
		if (woken && v.id == TRACE_sched_switch) {
			if ((pid_t)v.arg[3] == child)
				return true;
			if ((pid_t)v.arg[3] == parent)
				return false;
		}
		if (woken && v.id == TRACE_sched_process_wait)
			return false;
	}
	return false;
}

static bool fork_and_look(u64 flags)
{
	bool was_on = trace_enabled, first;
	u64 seq = trace_next_seq();
	pid_t pid;

	user_script(SCRIPT_EXIT, 0);
	trace_on();
	pid = user_fork(flags);
	user_wait(pid);
	first = child_ran_first(seq, pid, current->pid_nr);
	if (!was_on)
		trace_off();
	return first;
}

/* Did the child run before the parent returned from do_fork()? The count of the child's switches
 * tells. */
static bool child_before_parent(u64 flags)
{
	struct mm *mm = current->mm;
	struct task *p;
	bool ran;
	pid_t pid;

	mm_get(mm);
	user_script(SCRIPT_PAUSE, 0);
	pid = user_fork(flags);
	p = find_get_task(pid);
	ran = p && p->nvcsw + p->nivcsw > 0; /* it has been on the CPU and left it */
	if (p) {
		send_signal(SIGKILL, NULL, p, true);
		put_task(p);
	}
	user_wait(pid);
	mm_put(mm);
	return ran;
}

/* fork's decision which task runs first holds until the parent loses the CPU for another reason.
 * This excludes two such reasons: a preemption by sched.fuzz and the end of the timeslice. */
static long undisturbed(void)
{
	long seed = sched_fuzz;

	sched_fuzz = 0;
	current->time_slice = task_timeslice(current);
	return seed;
}

KTEST(fork, child_runs_first)
{
	sched_set_affinity(current, cpumask_of(0)); /* parent and child stay on one CPU */
	if (!EXPECT(user_context_enter(1)))
		return;
	EXPECT(child_before_parent(0));
	EXPECT(fork_and_look(0));
	user_context_leave();
}

KTEST(fork, parent_runs_first_when_told)
{
	long seed;

	sched_set_affinity(current, cpumask_of(0));
	if (!EXPECT(user_context_enter(1)))
		return;
	seed = undisturbed();
	sched_child_first = 0;
	EXPECT(!child_before_parent(0));
	sched_child_first = 1;
	undisturbed();
	EXPECT(!child_before_parent(CLONE_VM)); /* no page to be saved from a copy */
	sched_fuzz = seed;
	user_context_leave();
}

#define SLICE (20 * (s64)TICK_NS)

/* Fork with a slice of this length, and wait for the child. False: parent and child used too much
 * CPU time (or seemed to, on a busy host) for their slices to be compared. */
static bool split_and_return(void)
{
	u64 before = task_runtime(current), spent;
	struct task *p;
	s64 mine, its, left;
	pid_t pid;

	task_charge(current);
	current->time_slice = SLICE;
	pid = user_fork(0);
	p = find_get_task(pid);
	if (!EXPECT(p != NULL))
		return true;
	mine = current->time_slice;
	its = p->time_slice;
	send_signal(SIGKILL, NULL, p, true);
	user_wait(pid);
	left = current->time_slice; /* read before `spent`: a tick may come in
				     * between */
	/* Soon after boot the rate of the run clock is not exactly known: allow for a tick.
	 */
	spent = task_runtime(current) - before + task_runtime(p) + TICK_NS;
	put_task(p);
	if (spent > SLICE / 4)
		return false;
	EXPECT(mine <= SLICE / 2 && mine >= SLICE / 2 - (s64)spent);
	EXPECT(its <= SLICE / 2 && its >= SLICE / 2 - (s64)spent);
	EXPECT(left <= SLICE && left >= SLICE - (s64)spent);
	return true;
}

KTEST(fork, timeslice_is_split_and_returned)
{
	int tries = 0;

	if (!EXPECT(user_context_enter(1)))
		return;
	sched_child_first = 0;
	user_script(SCRIPT_PAUSE, 0);
	while (!split_and_return() && tries < 100)
		tries++;
	EXPECT(tries < 100);
	sched_child_first = 1;
	user_context_leave();
}

/* ---- memory ---- */

static const char *const share_names[] = {"pages", "tables", "tree"};

static void check_cow(enum fork_share share)
{
	const u64 addr = USER_DATA + 3 * PAGE_SIZE;
	struct task *p;
	pid_t pid;

	fork_share = share;
	user_script(SCRIPT_PAUSE, 0);
	user_poke(current->mm, addr, 1111);
	pid = user_fork(0);
	p = find_get_task(pid);
	if (!EXPECT(p != NULL))
		return;
	EXPECT_EQ(user_peek(p->mm, addr), 1111);
	EXPECT(user_poke(current->mm, addr, 2222));
	EXPECT_EQ(user_peek(p->mm, addr), 1111);
	EXPECT(user_poke(p->mm, addr, 3333));
	EXPECT_EQ(user_peek(current->mm, addr), 2222);
	EXPECT_EQ(user_peek(p->mm, addr), 3333);
	/* Classic fork copies every table; the tree shares what hangs below the root. */
	if (share == SHARE_TREE) {
		EXPECT_EQ(p->mm->stats.tables_copied, 0);
		EXPECT(p->mm->stats.tables_shared > 0);
	}
	if (share == SHARE_PAGES) {
		EXPECT(p->mm->stats.tables_copied >= 3);
		EXPECT_EQ(p->mm->stats.tables_shared, 0);
	}
	send_signal(SIGKILL, NULL, p, true);
	put_task(p);
	EXPECT_EQ(user_wait(pid), SIGKILL);
}

KTEST(fork, copy_on_write)
{
	if (!EXPECT(user_context_enter(16)))
		return;
	for (int share = SHARE_PAGES; share <= SHARE_TREE; share++) {
		console_printf("# fork.share=%s\n", share_names[share]);
		check_cow(share);
	}
	user_context_leave();
}

KTEST(fork, clone_vm_shares_memory)
{
	struct task *p;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_PAUSE, 0);
	pid = user_fork(CLONE_VM);
	p = find_get_task(pid);
	if (EXPECT(p != NULL)) {
		EXPECT(p->mm == current->mm);
		EXPECT(user_poke(current->mm, USER_DATA, 77));
		EXPECT_EQ(user_peek(p->mm, USER_DATA), 77);
		send_signal(SIGKILL, NULL, p, true);
		put_task(p);
	}
	EXPECT_EQ(user_wait(pid), SIGKILL);
	user_context_leave();
}

/* ---- what is refused ---- */

KTEST(fork, illegal_flags)
{
	static const u64 illegal[] = {
		CLONE_THREAD,
		CLONE_SIGHAND,
		CLONE_THREAD | CLONE_SIGHAND,
		CLONE_THREAD | CLONE_VM,
		CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND,
		CLONE_NEWPID,
		CLONE_NEWNS,
		CLONE_NEWUSER,
		CLONE_NEWNET,
		CLONE_NEWUTS,
		CLONE_NEWIPC,
		CLONE_NEWCGROUP,

		CLONE_IO,
		CLONE_PIDFD,
		CLONE_INTO_CGROUP,
		1UL << 40,
	};

	if (!EXPECT(user_context_enter(1)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(illegal); i++)
		if (!EXPECT_EQ(user_fork(illegal[i]), -EINVAL))
			console_printf("# flags %#lx\n", illegal[i]);
	user_context_leave();
}

KTEST(fork, too_many_tasks)
{
	long saved = max_threads;

	if (!EXPECT(user_context_enter(1)))
		return;
	max_threads = atomic_read(&nr_threads);
	EXPECT_EQ(user_fork(0), -EAGAIN);
	max_threads = saved;
	EXPECT_EQ(user_wait(user_fork(0)), 0);
	user_context_leave();
}

KTEST(fork, pids_exhausted)
{
	int saved_max = init_pidmap.pid_max, saved_last = init_pidmap.last_pid;
	pid_t pids[8];
	int n = 0;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_PAUSE, 0);
	init_pidmap.last_pid = RESERVED_PIDS - 1;
	init_pidmap.pid_max = RESERVED_PIDS + 5;
	while (n < 8 && (pids[n] = user_fork(0)) > 0)
		n++;
	EXPECT(n <= 5);
	EXPECT_EQ(pids[n], -EAGAIN);
	for (int i = 0; i < n; i++) {
		struct task *p = find_get_task(pids[i]);

		if (EXPECT(p != NULL)) {
			send_signal(SIGKILL, NULL, p, true);
			put_task(p);
			EXPECT_EQ(user_wait(pids[i]), SIGKILL);
		}
	}
	EXPECT(user_fork(0) >= RESERVED_PIDS); /* there are free pids again */
	init_pidmap.pid_max = saved_max;
	init_pidmap.last_pid = saved_last;
	/* The last child has not ended yet. */
	spin_lock(&tasklist_lock);
	struct task *p = list_first_entry(&current->children, struct task, sibling);
	pid_t last = p->pid_nr;

	send_signal(SIGKILL, NULL, p, true);
	spin_unlock(&tasklist_lock);
	EXPECT_EQ(user_wait(last), SIGKILL);
	user_context_leave();
}

/* ---- fault injection: each allocation of a fork fails in turn; a failure must leak nothing
 * ---- */

/* Make the n-th pass through `site` fail during one fork. True: the fork ended before the n-th
 * pass. */
static bool fork_with_fault(struct fault_site *site, u32 n, u64 flags)
{
	struct account before, after;
	bool reached;
	pid_t pid;

	account_take(&before);
	fault_arm(site->name, n);
	pid = user_fork(flags);
	reached = site->countdown == 0;
	fault_arm(site->name, 0);
	if (pid > 0) {
		/* If the failure hits a page fault of the child instead, the fault is retried and
		 * finds memory. */
		EXPECT_EQ(user_wait(pid), 0);
	} else {
		EXPECT(reached);
		EXPECT(pid == -ENOMEM || pid == -EAGAIN);
	}
	if (flags & CLONE_SYSVSEM)
		exit_sem(current); /* drop the list of undos, which fork made and shared */
	account_take(&after);
	if (!EXPECT(account_equal(&before, &after)))
		console_printf("# after failure %u of site %s, flags %#lx\n", n, site->name, flags);
	return !reached;
}

/* The caller has entered a user context, which this function leaves. */
static void walk_faults_here(u64 flags)
{
	user_wait(user_fork(flags)); /* allocates what is kept for later forks */
	exit_sem(current);
	LINKER_SET_FOREACH(fault_sites, site)
	{
		u32 n = 1;

		while (!fork_with_fault(*site, n, flags))
			if (!EXPECT(++n < 1000))
				break;
		if (n > 1)
			console_printf("# %s: %u places\n", (*site)->name, n - 1);
	}
	user_context_leave();
}

static void walk_faults(u64 flags)
{
	if (EXPECT(user_context_enter(8)))
		walk_faults_here(flags);
}

/* Areas that the child does not get (DONTFORK), or gets empty (WIPEONFORK), change tables and areas
 * that fork has shared before. */
KTEST(fork, faults_in_fork_with_advice)
{
	struct mm *mm;

	if (!EXPECT(user_context_enter(8)))
		return;
	mm = current->mm;
	EXPECT_EQ(mm_set_flags(mm, USER_DATA + PAGE_SIZE, USER_DATA + 2 * PAGE_SIZE, AREA_DONTFORK,
			       AREA_DONTFORK),
		  0);
	EXPECT_EQ(mm_set_flags(mm, USER_DATA + 4 * PAGE_SIZE, USER_DATA + 5 * PAGE_SIZE,
			       AREA_WIPEONFORK | AREA_LOCKED, AREA_WIPEONFORK | AREA_LOCKED),
		  0);
	walk_faults_here(0);
}

KTEST(fork, faults_in_fork)
{
	walk_faults(0);
}

KTEST(fork, faults_in_fork_sharing_pages)
{
	fork_share = SHARE_PAGES;
	walk_faults(0);
	fork_share = SHARE_TREE;
}

KTEST(fork, faults_in_fork_sharing_tables)
{
	fork_share = SHARE_TABLES;
	walk_faults(0);
	fork_share = SHARE_TREE;
}

KTEST(fork, faults_in_vfork)
{
	walk_faults(CLONE_VM | CLONE_VFORK);
}

KTEST(fork, faults_in_clone_sharing_all)
{
	walk_faults(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND);
}

/* With a group of events that the child inherits. */
KTEST(fork, faults_in_fork_while_counted)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_PAGE_FAULTS, .inherit = 1};
	struct perf_event *leader = perf_event_create(&attr, current, NULL), *other;

	if (!EXPECT(!IS_ERR(leader)))
		return;
	other = perf_event_create(&attr, current, leader);
	if (EXPECT(!IS_ERR(other))) {
		size_t bytes;

		fault_arm("kmalloc", 1);
		EXPECT(!perf_event_read(leader, &bytes));
		fault_arm("kmalloc", 0);
		walk_faults(0);
		perf_event_free(other);
	}
	perf_event_free(leader);
}

KTEST(fork, faults_in_clone_sharing_undos)
{
	walk_faults(CLONE_SYSVSEM);
	exit_sem(current);
}

KTEST(fork, faults_in_clone_sharing_some)
{
	walk_faults(CLONE_FS | CLONE_FILES);
}

/* ---- what a fork leaves behind ---- */

/* The parent's timeslice loses no more than the CPU time that the failed forks took. */
KTEST(fork, a_failed_fork_gives_the_timeslice_back)
{
	struct kernel_clone_args args = {
		.flags = CLONE_SETTLS, .tls = 1UL << 63, .exit_signal = SIGCHLD};
	s64 slice, spent;
	u64 start;

	if (!EXPECT(user_context_enter(1)))
		return;
	while (READ_ONCE(current->time_slice) < 10 * (s64)TICK_NS)
		cpu_relax(); /* until a new slice begins */
	start = task_runtime(current);
	task_charge(current);
	slice = READ_ONCE(current->time_slice);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(do_fork(&args), -EPERM);
	task_charge(current);
	/* Negative if a new slice has begun meanwhile. The sum of a returned slice is cut to one
	 * whole slice, which loses half a tick at most. */
	spent = slice - READ_ONCE(current->time_slice);
	EXPECT(spent <= (s64)(task_runtime(current) - start + TICK_NS));
	user_context_leave();
}

/* A debug build fills freed memory with this word. A field of a new task that still has it was not
 * initialised. */
#define FREED_WORD 0x6b6b6b6bU

/* Fields that need no value in a new task, since each is written before it is read. */
#define FIELD(m) offsetof(struct task, m), sizeof(current->m)
static const struct {
	size_t offset, size;
} late_fields[] = {
	{FIELD(pending.spare)},                                  /* when a signal is queued */
	{FIELD(saved_sigmask)},                                  /* with WORK_RESTORE_SIGMASK */
	{FIELD(restart_arg)},                                    /* with restart_fn */
	{FIELD(trace)},                                          /* with traced */
	{FIELD(held)},                                           /* with nr_held */
	{FIELD(cpus_mask)},                                      /* with bound */
	{FIELD(oom_retried)},                                    /* with oom_retries */
	{FIELD(fork_cycles)},                                    /* by its first fork */
	{offsetof(struct task, cpu) + sizeof(u32), sizeof(u32)}, /* padding */
};

static bool is_late(size_t offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(late_fields); i++)
		if (offset - late_fields[i].offset < late_fields[i].size)
			return true;
	return false;
}

/* The caller is a real-time task and shares one CPU with its child, which has not run yet. */
static void expect_no_stale_field(pid_t pid)
{
	struct task *p = find_get_task(pid);

	if (!EXPECT(p != NULL))
		return;
	for (size_t at = 0; at < TASK_ZERO_START; at += sizeof(u32)) {
		if (*(const u32 *)((const char *)p + at) != FREED_WORD || is_late(at))
			continue;
		if (!EXPECT(!"a field of the new task has no value"))
			console_printf("# struct task, byte %lu\n", at);
	}
	put_task(p);
}

static int return_at_once(void *unused __maybe_unused)
{
	return 0;
}

KTEST(fork, a_new_task_has_a_value_in_each_field)
{
	struct cpumask cpus = sched_get_affinity(current);
	pid_t pids[3];

	if (!DEBUG_CHECKS || !EXPECT(user_context_enter(1)))
		return;
	EXPECT_EQ(sched_set_affinity(current, cpumask_of(0)), 0);
	EXPECT_EQ(sched_set_policy(current, SCHED_FIFO, 1), 0);
	user_script(SCRIPT_EXIT, 0);
	pids[0] = user_fork(0);
	pids[1] = user_fork(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM);
	pids[2] = kernel_thread(return_at_once, NULL, "stale");
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		if (EXPECT(pids[i] > 0))
			expect_no_stale_field(pids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(user_wait(pids[i]), 0);
	EXPECT_EQ(sched_set_policy(current, SCHED_NORMAL, 0), 0);
	EXPECT_EQ(sched_set_affinity(current, cpus), 0);
	user_context_leave();
}

/* ---- vfork ---- */

KTEST(fork, vfork_waits_for_exit)
{
	struct task *p;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_EXIT, 5);
	pid = user_fork(CLONE_VM | CLONE_VFORK);
	p = find_get_task(pid);
	if (EXPECT(p != NULL)) {
		EXPECT(p->mm == NULL); /* dropped before the parent went on */
		put_task(p);
	}
	EXPECT_EQ(user_wait(pid), 5 << 8);
	user_context_leave();
}

/* Wait until the parent sleeps in its vfork: a second at most, which is enough on a busy machine.
 */
static bool sleeps_in_vfork(struct task *parent)
{
	u64 until = ktime_get() + NSEC_PER_SEC;

	while (READ_ONCE(parent->state) != TASK_KILLABLE && ktime_get() < until)
		sleep_ns(NSEC_PER_MSEC);
	return READ_ONCE(parent->state) == TASK_KILLABLE;
}

static int kill_child_of(void *data)
{
	struct task *parent = data, *child = NULL;

	EXPECT(sleeps_in_vfork(parent));
	spin_lock(&tasklist_lock);
	if (EXPECT(!list_empty(&parent->children))) {
		child = list_first_entry(&parent->children, struct task, sibling);
		send_signal(SIGKILL, NULL, child, true);
	}
	spin_unlock(&tasklist_lock);
	return 0;
}

KTEST(fork, vfork_ends_when_child_is_killed)
{
	struct task *killer;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	killer = kthread_create(kill_child_of, current, "killer");
	if (EXPECT(!IS_ERR(killer))) {
		user_script(SCRIPT_PAUSE, 0);
		pid = user_fork(CLONE_VM | CLONE_VFORK);
		EXPECT_EQ(user_wait(pid), SIGKILL);
		kthread_join(killer);
	}
	user_context_leave();
}
