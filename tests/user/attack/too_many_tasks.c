/* RLIMIT_NPROC, of fork and of exec after a change of the user id: getrlimit(2), execve(2). */
#include "attack.h"

#include <sys/random.h>

/* Tasks are counted for all of a user's on the machine: nothing else runs as this one. */
static uid_t user;

static void limit_to(rlim_t n)
{
	struct rlimit r = {n, n};

	MUST(setrlimit(RLIMIT_NPROC, &r));
}

/* Children that stay, as many as there may be. */
static int fill(pid_t *pids, int max)
{
	int n = 0;

	while (n < max && (pids[n] = fork()) >= 0) {
		if (pids[n] == 0) {
			pause();
			_exit(0);
		}
		n++;
	}
	say("  %s %d: %s", n == max ? "at least" : "stopped at", n,
	    n == max ? "ok" : error_name(errno));
	return n;
}

static void end(pid_t *pids, int n)
{
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
}

static void forks(void)
{
	pid_t pids[20];

	limit_to(5);
	end(pids, fill(pids, 20));
	end(pids, fill(pids, 20)); /* as many again */
	limit_to(0);
	fill(pids, 20);
}

static void root_is_not_bound(void)
{
	pid_t pids[20];

	limit_to(2);
	end(pids, fill(pids, 10));
}

static void exec_one(const char *what)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/busybox", "true", NULL);
		_exit(errno == EAGAIN ? 11 : 99);
	}
	reap(what, pid);
}

/* A server that gives up root: setuid() works, exec does not. */
static void become_and_exec(void)
{
	pid_t pids[8], pid;

	limit_to(4);
	pid = must_fork();
	if (pid == 0) {
		become(user);
		fill(pids, 8);
		pause();
		_exit(0);
	}
	sleep_ms(100);
	for (int i = 0; i < 2; i++) {
		pid_t late = must_fork();

		if (late == 0) {
			limit_to(4 - i);
			become(user);
			execl("/bin/busybox", "true", NULL);
			say("  exec as one too many: %s", error_name(errno));
			if (i == 1) {
				kill(pid, SIGKILL);
				sleep_ms(100);
				RESULT(execl("/bin/busybox", "busybox", "true", NULL));
			}
			_exit(1);
		}
		reap("  late", late);
	}
	kill(0, SIGTERM);
}

static void plain(void)
{
	become(user);
	exec_one("  plain");
}

int main(void)
{
	MUST(getrandom(&user, sizeof(user), 0));
	user = 100000 + user % 1000000;
	as_id("forks", user, forks);
	in_child("root", root_is_not_bound);
	in_child("plain", plain);
	pid_t pid = must_fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTERM, SIG_DFL);
		become_and_exec();
		pause();
	}
	reap("become", pid);
	return 0;
}
