/* Suite "exit": the end of tasks, orphans, waits, stops and continues. */
#include "kernel/fork.h"
#include "kernel/kthread.h"
#include "kernel/lib/log.h"
#include "kernel/time/timer.h"
#include "kernel/wait.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

/* Within a second, however busy the machine is. */
static bool number_is_freed(pid_t nr)
{
	u64 until = ktime_get() + NSEC_PER_SEC;

	while (pidmap_test(&init_pidmap, nr) && ktime_get() < until)
		sleep_ns(NSEC_PER_MSEC);
	return !pidmap_test(&init_pidmap, nr);
}

static void signal_pid(pid_t pid, int sig)
{
	struct task *p = find_get_task(pid);

	if (!EXPECT(p != NULL))
		return;
	EXPECT_EQ(send_signal(sig, NULL, p, true), 0);
	put_task(p);
}

/* Wait once with these options; the result is in *r. */
static long wait_once(pid_t nr, int options, struct wait_result *r)
{
	return do_wait(PIDTYPE_PID, nr, options | __WALL, r);
}

KTEST(exit, no_children)
{
	struct wait_result r;

	EXPECT_EQ(do_wait(PIDTYPE_MAX, 0, WEXITED | WNOHANG, &r), -ECHILD);
}

KTEST(exit, zombie_stays_until_waited)
{
	struct wait_result r;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_EXIT, 9);
	pid = user_fork(0);
	EXPECT_EQ(wait_once(pid, WEXITED | WNOWAIT, &r), pid);
	EXPECT_EQ(wait_once(pid, WEXITED | WNOHANG | WNOWAIT, &r), pid);
	EXPECT_EQ(r.code, CLD_EXITED);
	EXPECT(pidmap_test(&init_pidmap, pid));
	EXPECT_EQ(wait_once(pid, WEXITED | WNOHANG, &r), pid);
	EXPECT_EQ(r.status, 9 << 8);
	EXPECT(!pidmap_test(&init_pidmap, pid));
	EXPECT(find_get_pid(pid) == NULL);
	user_context_leave();
}

KTEST(exit, ignored_sigchld_reaps)
{
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	set_handler(current->sighand, SIGCHLD, (u64)SIG_IGN);
	pid = user_fork(0);
	EXPECT(number_is_freed(pid));
	EXPECT_EQ(user_wait(pid), -ECHILD);
	set_handler(current->sighand, SIGCHLD, (u64)SIG_DFL);
	user_context_leave();
}

KTEST(exit, stop_and_continue)
{
	struct wait_result r;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_PAUSE, 0);
	pid = user_fork(0);
	signal_pid(pid, SIGSTOP);
	EXPECT_EQ(wait_once(pid, WSTOPPED, &r), pid);
	EXPECT_EQ(r.code, CLD_STOPPED);
	EXPECT_EQ(r.status, SIGSTOP << 8 | 0x7f);
	/* A stop is reported once. */
	EXPECT_EQ(wait_once(pid, WSTOPPED | WNOHANG, &r), 0);
	signal_pid(pid, SIGCONT);
	EXPECT_EQ(wait_once(pid, WCONTINUED, &r), pid);
	EXPECT_EQ(r.code, CLD_CONTINUED);
	/* A stopped process can be killed without being continued. */
	signal_pid(pid, SIGSTOP);
	EXPECT_EQ(wait_once(pid, WSTOPPED, &r), pid);
	signal_pid(pid, SIGKILL);
	EXPECT_EQ(wait_once(pid, WEXITED, &r), pid);
	EXPECT_EQ(r.status, SIGKILL);
	user_context_leave();
}

KTEST(exit, clone_stopped)
{
	struct kernel_clone_args args = {.exit_signal = SIGCHLD, .stopped = true};
	struct wait_result r;
	pid_t pid;

	if (!EXPECT(user_context_enter(1)))
		return;
	user_script(SCRIPT_EXIT, 3);
	pid = do_fork(&args);
	EXPECT(pid > 0);
	EXPECT_EQ(wait_once(pid, WSTOPPED, &r), pid);
	EXPECT_EQ(wait_once(pid, WEXITED | WNOHANG, &r), 0);
	signal_pid(pid, SIGCONT);
	EXPECT_EQ(wait_once(pid, WEXITED, &r), pid);
	EXPECT_EQ(r.status, 3 << 8);
	user_context_leave();
}

/* The parent of an orphan is pid 1. */
static pid_t orphan;

static int parent_of_orphan(void *unused __maybe_unused)
{
	if (!EXPECT(user_context_enter(1)))
		return 1;
	user_script(SCRIPT_PAUSE, 0);
	orphan = user_fork(0);
	user_context_leave();
	return 0;
}

KTEST(exit, orphans_go_to_init)
{
	struct task *t = kthread_create(parent_of_orphan, NULL, "parent");
	struct task *p;

	if (!EXPECT(!IS_ERR(t)))
		return;
	kthread_join(t);
	p = find_get_task(orphan);
	if (!EXPECT(p != NULL))
		return;
	EXPECT(p->real_parent == child_reaper);
	signal_pid(orphan, SIGKILL);
	put_task(p);
	EXPECT(number_is_freed(orphan)); /* init reaps it by itself */
}
