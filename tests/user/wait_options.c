/* wait4(2), waitid(2): which children, and what is told of them. */
#include "check.h"

static const char *code_name(int code)
{
	switch (code) {
	case CLD_EXITED:
		return "CLD_EXITED";
	case CLD_KILLED:
		return "CLD_KILLED";
	case CLD_DUMPED:
		return "CLD_DUMPED";
	case CLD_STOPPED:
		return "CLD_STOPPED";
	case CLD_CONTINUED:
		return "CLD_CONTINUED";
	default:
		return "another code";
	}
}

static void say_waitid(const char *what, idtype_t type, id_t id, int options, pid_t expected)
{
	siginfo_t info;

	memset(&info, 0x55, sizeof(info));
	if (waitid(type, id, &info, options) != 0) {
		say("%s: %s, signo %d, pid %d", what, error_name(errno), info.si_signo,
		    info.si_pid);
		return;
	}
	if (info.si_pid == 0) {
		say("%s: nothing yet, signo %d", what, info.si_signo);
		return;
	}
	say("%s: %s %s status %d, uid %d, the pid %s", what, signal_name(info.si_signo),
	    code_name(info.si_code), info.si_status, (int)info.si_uid,
	    info.si_pid == expected ? "expected" : "UNEXPECTED");
}

static pid_t sleeper(void)
{
	pid_t pid = must_fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static pid_t exits(int code)
{
	pid_t pid = must_fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static void check_nohang(void)
{
	int status = 0x1234;
	pid_t pid = sleeper();

	RESULT(waitpid(-1, &status, WNOHANG));
	say("status untouched: %s", status == 0x1234 ? "yes" : "NO");
	say_waitid("no event", P_ALL, 0, WNOHANG, 0);
	say_waitid("no pid", P_PID, 0, WEXITED, 0);
	say_waitid("not a child", P_PID, 1, WEXITED, 0);
	say_waitid("WNOHANG", P_PID, pid, WEXITED | WNOHANG, pid);
	kill(pid, SIGTERM);
	reap("sleeper", pid);
	RESULT(waitpid(-1, &status, WNOHANG));
}

static void check_nowait(void)
{
	pid_t pid = exits(11);

	say_waitid("WNOWAIT", P_PID, pid, WEXITED | WNOWAIT, pid);
	say_waitid("WNOWAIT again", P_ALL, 0, WEXITED | WNOWAIT, pid);
	say_waitid("without WNOWAIT", P_PID, pid, WEXITED, pid);
	say_waitid("and now", P_PID, pid, WEXITED, pid);
}

static void check_stops(void)
{
	pid_t pid = sleeper();
	int status;

	kill(pid, SIGSTOP);
	say_waitid("stop, peeked at", P_PID, pid, WSTOPPED | WNOWAIT, pid);
	say_waitid("stop", P_PID, pid, WSTOPPED, pid);
	say_waitid("stop, told already", P_PID, pid, WSTOPPED | WNOHANG, pid);
	kill(pid, SIGCONT);
	say_waitid("continue", P_PID, pid, WCONTINUED, pid);
	say_waitid("continue, told already", P_PID, pid, WCONTINUED | WNOHANG, pid);
	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) == pid)
		say_status("wait4 WUNTRACED", status);
	RESULT(waitpid(pid, &status, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) == pid)
		say_status("wait4 WCONTINUED", status);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGKILL); /* also kills what is stopped */
	say_waitid("killed", P_PID, pid, WEXITED, pid);
}

static void check_by_group(void)
{
	pid_t a = sleeper(), b = sleeper();

	setpgid(a, a);
	setpgid(b, a);
	pid_t other = exits(1);
	RESULT(waitpid(-a, NULL, WNOHANG));
	say_waitid("the group, nothing yet", P_PGID, a, WEXITED | WNOHANG, a);
	kill(b, SIGKILL);
	say_waitid("the group", P_PGID, a, WEXITED, b);
	kill(a, SIGKILL);
	int status;
	pid_t got = waitpid(-a, &status, 0);
	say("waitpid(-group): %s", got == a ? "the first of it" : "WRONG");
	say_whether("waitpid(-group) when it is empty", waitpid(-a, NULL, 0));
	got = waitpid(0, &status, 0);
	say("waitpid(0): %s", got == other ? "the one of our own group" : "WRONG");
	say_whether("waitpid(0) without children", waitpid(0, NULL, 0));
}

static void check_any_order(void)
{
	pid_t pid[3];
	int seen = 0;

	for (int i = 0; i < 3; i++)
		pid[i] = exits(i + 1);
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t got = wait(&status);
		for (int j = 0; j < 3; j++)
			if (got == pid[j] && WEXITSTATUS(status) == j + 1)
				seen |= 1 << j;
	}
	say("three children, in any order: %s", seen == 7 ? "all seen" : "NOT all seen");
}

static void check_clone_children(void)
{
	/* Without SIGCHLD as its exit signal a child is only seen with __WCLONE or __WALL. */
	pid_t pid = syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0)
		_exit(21);
	say_whether("waitpid of a clone child", waitpid(pid, NULL, 0));
	int status = 0;
	pid_t got = waitpid(pid, &status, __WCLONE);
	say("__WCLONE: %s, exited %d", got == pid ? "found" : "NOT found", WEXITSTATUS(status));
	pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (pid == 0)
		_exit(22);
	got = waitpid(pid, &status, __WALL);
	say("__WALL: %s, exited %d", got == pid ? "found" : "NOT found", WEXITSTATUS(status));
	pid = exits(23);
	say_whether("__WCLONE of an ordinary child", waitpid(pid, NULL, __WCLONE));
	got = waitpid(pid, &status, __WALL);
	say("__WALL of an ordinary child: %s, exited %d", got == pid ? "found" : "NOT found",
	    WEXITSTATUS(status));
}

static void check_errors(void)
{
	siginfo_t info;

	RESULT(waitpid(-1, NULL, 0x10));
	RESULT(waitpid(999999, NULL, 0));
	RESULT(syscall(SYS_wait4, -0x7fffffff - 1, NULL, 0, NULL));
	RESULT(waitid(P_ALL, 0, &info, 0));
	RESULT(waitid(P_ALL, 0, &info, WEXITED | 0x100));
	RESULT(waitid((idtype_t)99, 0, &info, WEXITED));
	RESULT(waitid(P_PID, 0, &info, WEXITED));
	RESULT(waitid(P_PID, -1, &info, WEXITED));
	RESULT(waitid(P_PGID, -1, &info, WEXITED));
	RESULT(waitid(P_ALL, 0, &info, WEXITED));
	pid_t pid = exits(0);
	RESULT(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL));
	pid = exits(0);
	RESULT(waitpid(pid, (int *)8, 0));
	say_whether("it was reaped all the same", waitpid(pid, NULL, 0));
	RESULT(waitpid(getppid(), NULL, 0));
}

/* wait() takes the eldest of those that have ended, in whatever order they did. */
static void check_eldest_first(void)
{
	static const int order[] = {3, 0, 4, 1, 2};
	int gate[5][2], status;
	pid_t pid[5];
	siginfo_t info;

	for (int i = 0; i < 5; i++) {
		if (pipe(gate[i]) != 0)
			_exit(1);
		pid[i] = must_fork();
		if (pid[i] == 0) {
			char c;

			_exit(read(gate[i][0], &c, 1) == 1 ? 10 + i : 1);
		}
	}
	for (int i = 0; i < 5; i++) {
		if (write(gate[order[i]][1], "x", 1) != 1)
			_exit(1);
		waitid(P_PID, pid[order[i]], &info, WEXITED | WNOWAIT);
		say("ended: %d", info.si_status);
	}
	waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	say("the first: %d", info.si_status);
	say_whether("the fourth by its number", waitpid(pid[3], &status, 0));
	while (wait(&status) > 0)
		say("reaped: %d", WEXITSTATUS(status));
	for (int i = 0; i < 5; i++) {
		close(gate[i][0]);
		close(gate[i][1]);
	}
}

/* A stop is told to who waits for any child, and once. */
static void check_any_stop(void)
{
	pid_t pid = sleeper();
	int status = 0;

	kill(pid, SIGSTOP);
	say_whether("any child", waitpid(-1, &status, WUNTRACED));
	say("stopped %d by %s", WIFSTOPPED(status), signal_name(WSTOPSIG(status)));
	say("again: %d", waitpid(-1, &status, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	say_whether("any child", waitpid(-1, &status, WCONTINUED));
	say("continued %d", WIFCONTINUED(status));
	kill(pid, SIGKILL);
	say_whether("any child", waitpid(-1, &status, WUNTRACED | WCONTINUED));
}

static void check_usage(void)
{
	struct rusage ru;
	int status;
	pid_t pid = must_fork();

	if (pid == 0) {
		for (volatile long i = 0; i < 30000000; i++)
			;
		_exit(0);
	}
	memset(&ru, 0xff, sizeof(ru));
	pid_t got = wait4(pid, &status, 0, &ru);
	TRUTH(got == pid);
	TRUTH(ru.ru_utime.tv_sec * 1000000L + ru.ru_utime.tv_usec > 0);
	TRUTH(ru.ru_utime.tv_sec < 1000 && ru.ru_utime.tv_usec < 1000000);
	getrusage(RUSAGE_CHILDREN, &ru);
	TRUTH(ru.ru_utime.tv_sec * 1000000L + ru.ru_utime.tv_usec > 0);
}

int main(void)
{
	check_nohang();
	check_nowait();
	check_stops();
	check_by_group();
	check_any_order();
	check_clone_children();
	check_errors();
	check_eldest_first();
	check_any_stop();
	check_usage();
	return 0;
}
