/* Users, groups and what root may that others may not; resource limits. */
#include "check.h"

#include <grp.h>

static void check_root(void)
{
	gid_t groups[8];

	say("uid %d euid %d gid %d egid %d", (int)getuid(), (int)geteuid(), (int)getgid(),
	    (int)getegid());
	RESULT(syscall(SYS_setuid, -1));
	RESULT(syscall(SYS_setgid, -1));
	RESULT(syscall(SYS_getgroups, -1, groups));
}

static void become_user(void)
{
	RESULT(setgid(1000));
	RESULT(setuid(1000));
	say("uid %d euid %d gid %d egid %d", (int)getuid(), (int)geteuid(), (int)getgid(),
	    (int)getegid());
	RESULT(setuid(0));
	RESULT(setgid(0));
	RESULT(setuid(1000));
	RESULT(kill(1, 0)); /* EPERM: somebody else's */
	RESULT(kill(getpid(), 0));
	RESULT(setpriority(PRIO_PROCESS, 0, -5));
	pid_t pid = must_fork();
	if (pid == 0) {
		say("child: uid %d", (int)getuid());
		_exit(0);
	}
	reap("child", pid);
}

static void signal_between_users(void)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		if (setuid(1000) != 0)
			_exit(1);
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	pid_t other = must_fork();
	if (other == 0) {
		if (setuid(1001) != 0)
			_exit(1);
		RESULT(kill(pid, SIGTERM));
		_exit(0);
	}
	reap("other user", other);
	RESULT(kill(pid, SIGTERM));
	reap("victim of root", pid);
}

static void check_limits(void)
{
	struct rlimit limit, old;

	for (int resource = 0; resource < 16; resource++)
		if (syscall(SYS_getrlimit, resource, &limit) != 0)
			say("getrlimit(%d): %s", resource, error_name(errno));
	RESULT(syscall(SYS_getrlimit, 16, &limit));
	RESULT(syscall(SYS_getrlimit, -1, &limit));
	limit.rlim_cur = 100;
	limit.rlim_max = 200;
	RESULT(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
	RESULT(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &old));
	say("descriptors: %lu of %lu", (unsigned long)old.rlim_cur, (unsigned long)old.rlim_max);
	limit.rlim_cur = 300;
	RESULT(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
	RESULT(dup2(1, 99));
	RESULT(dup2(1, 100));
	RESULT(fcntl(1, F_DUPFD, 100));
	int n = 0;
	while (dup(1) >= 0)
		n++;
	say("then: %s", error_name(errno));
	int fds[2];
	RESULT(pipe(fds));
	RESULT(open("/dev/null", O_RDONLY));
	pid_t pid = must_fork();
	if (pid == 0) {
		syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit);
		say("inherited: %lu", (unsigned long)limit.rlim_cur);
		_exit(0);
	}
	reap("child", pid);
	RESULT(syscall(SYS_prlimit64, 999999, RLIMIT_NOFILE, NULL, &old));
}

/* May a user change the limits of a process with these ids? */
static void limit_of(uid_t uid, uid_t euid, uid_t suid, gid_t gid, gid_t egid, gid_t sgid)
{
	struct gate ready = gate_make(), end = gate_make();
	pid_t child = must_fork(), user;

	if (child == 0) {
		if (setresgid(gid, egid, sgid) != 0 || setresuid(uid, euid, suid) != 0)
			_exit(1);
		gate_open(&ready);
		gate_wait(&end);
		_exit(0);
	}
	gate_wait(&ready);
	user = must_fork();
	if (user == 0) {
		struct rlimit limit = {0, 0};

		if (setresgid(100, 100, 100) != 0 || setresuid(1000, 1000, 1000) != 0)
			_exit(1);
		RESULT(syscall(SYS_prlimit64, child, RLIMIT_CORE, NULL, &limit));
		RESULT(syscall(SYS_prlimit64, child, RLIMIT_CORE, &limit, NULL));
		_exit(0);
	}
	reap("user", user);
	gate_open(&end);
	reap("child", child);
}

static void check_limits_of_others(void)
{
	limit_of(1000, 1000, 1000, 100, 100, 100);
	limit_of(1001, 1001, 1001, 100, 100, 100);
	limit_of(1001, 1000, 1000, 100, 100, 100);
	limit_of(1000, 1001, 1000, 100, 100, 100);
	limit_of(1000, 1000, 1001, 100, 100, 100);
	limit_of(1000, 1000, 1000, 101, 100, 100);
	limit_of(1000, 1000, 1000, 100, 101, 100);
	limit_of(1000, 1000, 1000, 100, 100, 101);
}

static void raise_limit_as_user(void)
{
	struct rlimit limit = {100, 200};

	syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit);
	if (setuid(1000) != 0)
		_exit(1);
	limit.rlim_cur = 150;
	RESULT(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
	limit.rlim_max = 300;
	RESULT(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
}

/* RLIMIT_NPROC counts the processes of a user; root may go beyond. */
static void check_nproc(void)
{
	struct rlimit limit = {5, 5};
	pid_t pid[10];
	int n = 0;

	if (syscall(SYS_setrlimit, RLIMIT_NPROC, &limit) != 0 || setgid(54321) != 0 ||
	    setuid(54321) != 0)
		_exit(1);
	struct gate wait = gate_make();
	while (n < 10) {
		pid[n] = fork();
		if (pid[n] == 0) {
			close(wait.fd[1]);
			char c;
			_exit(read(wait.fd[0], &c, 1) == 0 ? 0 : 1);
		}
		if (pid[n] < 0) {
			say("fork number %d: %s", n + 1, error_name(errno));
			break;
		}
		n++;
	}
	close(wait.fd[1]);
	for (int i = 0; i < n; i++)
		reap("one of them", pid[i]);
	pid_t again = fork();
	if (again == 0)
		_exit(0);
	reap("after they are gone", again);
}

static void nproc_does_not_bind_root(void)
{
	struct rlimit limit = {1, 1};

	syscall(SYS_setrlimit, RLIMIT_NPROC, &limit);
	pid_t pid = must_fork();
	if (pid == 0)
		_exit(0);
	reap("root's child", pid);
}

static void check_address_space(void)
{
	struct rlimit limit = {64 << 20, 64 << 20};

	RESULT(syscall(SYS_setrlimit, RLIMIT_AS, &limit));
	WHETHER(mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

int main(void)
{
	check_root();
	in_child("user", become_user);
	signal_between_users();
	in_child("limits", check_limits);
	in_child("limits of others", check_limits_of_others);
	in_child("limits of a user", raise_limit_as_user);
	in_child("RLIMIT_NPROC", check_nproc);
	in_child("root", nproc_does_not_bind_root);
	in_child("RLIMIT_AS", check_address_space);
	return 0;
}
