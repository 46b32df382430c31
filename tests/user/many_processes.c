/* What concerns very many processes at once: none of them is left out. */
#include "check.h"

#include <sys/prctl.h>

#define MANY 200
#define USER 31234

static pid_t pids[MANY];

static void start(void (*begin)(int i))
{
	for (int i = 0; i < MANY; i++) {
		pids[i] = must_fork();
		if (pids[i] == 0) {
			begin(i);
			for (;;)
				pause();
		}
	}
}

static void kill_all(void)
{
	int status, killed = 0;

	for (int i = 0; i < MANY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		killed += waitpid(pids[i], &status, 0) > 0 && WIFSIGNALED(status);
	say("%d killed", killed);
}

static void nothing(int i)
{
	(void)i;
}

static int how_many_have(int nice)
{
	int n = 0;

	for (int i = 0; i < MANY; i++)
		n += getpriority(PRIO_PROCESS, pids[i]) == nice;
	return n;
}

static void of_a_user(void)
{
	struct gate g = gate_make();
	pid_t other = must_fork();

	if (other == 0) {
		if (setuid(USER + 1) != 0)
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		gate_open(&g);
		for (;;)
			pause();
	}
	gate_wait(&g);
	if (setuid(USER) != 0)
		_exit(1);
	start(nothing);
	RESULT(setpriority(PRIO_PROCESS, pids[MANY / 2], 2));
	RESULT(setpriority(PRIO_USER, 0, 3));
	say("%d have 3, this one %d, another user's %d", how_many_have(3),
	    getpriority(PRIO_PROCESS, 0), getpriority(PRIO_PROCESS, other));
	RESULT(setpriority(PRIO_USER, USER, 7));
	say("%d have 7", how_many_have(7));
	RESULT(setpriority(PRIO_PROCESS, pids[MANY - 1], 9));
	RESULT(getpriority(PRIO_USER, USER));
	errno = 0;
	RESULT(setpriority(PRIO_USER, USER + 2, 7));
	setpriority(PRIO_PROCESS, 0, 10);
	kill_all();
}

/* A session of its own, whose groups have no parent in it once this process ends. */
static void leave_stopped(void (*begin)(int i), void (*regroup)(int i))
{
	pid_t leader = must_fork();

	if (leader == 0) {
		setsid();
		start(begin);
		for (int i = 0; i < MANY; i++) {
			regroup(i);
			kill(pids[i], SIGSTOP);
		}
		for (int i = 0; i < MANY; i++)
			waitid(P_PID, pids[i], &(siginfo_t){0}, WSTOPPED);
		_exit(0);
	}
	waitpid(leader, &(int){0}, 0);
}

static void own_group(int i)
{
	setpgid(pids[i], pids[i]);
}

static void one_group(int i)
{
	setpgid(pids[i], pids[0]);
}

static void count_hung_up(void)
{
	int status, hung_up = 0, others = 0;

	while (wait(&status) > 0)
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP)
			hung_up++;
		else
			others++;
	say("%d were hung up, %d others", hung_up, others);
}

static void orphaned_groups(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leave_stopped(nothing, own_group);
	count_hung_up();
}

static void orphaned_group(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leave_stopped(nothing, one_group);
	count_hung_up();
}

int main(void)
{
	in_child("of a user", of_a_user);
	in_child("orphaned groups", orphaned_groups);
	in_child("an orphaned group", orphaned_group);
	return 0;
}
