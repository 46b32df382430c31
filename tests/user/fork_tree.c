/* fork(2): what a child is, and a tree of them whose exit codes add up. */
#include "check.h"

static int shared_before_fork = 1;

static int grow(int depth)
{
	int sum = depth;

	if (depth == 0)
		return 1;
	for (int i = 0; i < 3; i++) {
		pid_t pid = must_fork();
		if (pid == 0)
			_exit(grow(depth - 1));
		int status;
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
			_exit(90);
		sum += WEXITSTATUS(status);
	}
	return sum;
}

static void check_identity(void)
{
	pid_t parent = getpid(), group = getpgrp(), session = getsid(0);
	pid_t pid = must_fork();

	if (pid == 0) {
		TRUTH(getpid() != parent);
		TRUTH(getppid() == parent);
		TRUTH(getpgrp() == group);
		TRUTH(getsid(0) == session);
		TRUTH((pid_t)syscall(SYS_gettid) == getpid());
		TRUTH(shared_before_fork == 1);
		shared_before_fork = 2;
		int status;
		RESULT(waitpid(-1, &status, 0));
		_exit(7);
	}
	reap("child", pid);
	TRUTH(shared_before_fork == 1);
	RESULT(waitpid(pid, NULL, 0));
}

static void check_many_at_once(void)
{
	enum {
		N = 64
	};
	pid_t pids[N];
	int sum = 0;

	for (int i = 0; i < N; i++) {
		pids[i] = must_fork();
		if (pids[i] == 0)
			_exit(i);
	}
	for (int i = N - 1; i >= 0; i--) {
		int status;
		if (waitpid(pids[i], &status, 0) == pids[i] && WIFEXITED(status))
			sum += WEXITSTATUS(status);
	}
	say("64 children: sum of exit codes %d", sum);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < i; j++)
			if (pids[i] == pids[j])
				say("children %d and %d had the same pid", i, j);
	RESULT(wait(NULL));
}

static void check_chain(void)
{
	/* Each generation forks the next and passes on its exit code. */
	int depth = 0;

	while (depth < 20) {
		pid_t pid = must_fork();
		if (pid != 0) {
			int status;
			waitpid(pid, &status, 0);
			if (depth == 0) {
				say("a chain of 20: %d", WEXITSTATUS(status));
				return;
			}
			_exit(WEXITSTATUS(status) + 1);
		}
		depth++;
	}
	_exit(1);
}

int main(void)
{
	check_identity();
	say("tree of depth 3: %d", grow(3));
	check_many_at_once();
	check_chain();
	return 0;
}
