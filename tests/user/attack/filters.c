/* Filters of system calls: a program that gains rights must not run under filters that its caller
 * has set. seccomp(2), "no_new_privs". */
#include "attack.h"

#include "filters.h"

#include <linux/ptrace.h>
#include <pthread.h>

#define FOLDER "/tmp/under_filters"
#define HELPER FOLDER "/helper"
#define ROUNDS 60

/* What the helper, exec'ed from a set-user-id file of root's, finds. */
static int helper(void)
{
	say("euid %d, filters %d", geteuid(), prctl(PR_GET_SECCOMP));
	return 0;
}

static int race_helper(void)
{
	return geteuid() == 0 && prctl(PR_GET_SECCOMP) != 0;
}

/* ---- without rights ---- */

static void without_no_new_privs(void)
{
	RESULT(set_filter(SYS_setuid, SECCOMP_RET_ERRNO, 0));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL));
	execl(HELPER, HELPER, "look", NULL);
}

static void with_no_new_privs(void)
{
	no_new_privs();
	RESULT(set_filter(SYS_setuid, SECCOMP_RET_ERRNO, 0));
	execl(HELPER, HELPER, "look", NULL);
}

/* ---- a thread sets filters for one that is in an exec ---- */

static int start_line;

static void *filters_all(void *unused)
{
	(void)unused;
	no_new_privs();
	__atomic_add_fetch(&start_line, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 50; i++)
		set_filter(SYS_setuid, SECCOMP_RET_ERRNO, SECCOMP_FILTER_FLAG_TSYNC);
	return NULL;
}

static void race(void)
{
	pthread_t t;

	pthread_create(&t, NULL, filters_all, NULL);
	while (!__atomic_load_n(&start_line, __ATOMIC_SEQ_CST))
		sched_yield();
	execl(HELPER, HELPER, "race", NULL);
	_exit(2);
}

static void races(void)
{
	int caught = 0, status;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = must_fork();

		if (pid == 0)
			race();
		waitpid(pid, &status, 0);
		caught += status != 0;
	}
	say("rights under filters: %d", caught);
}

/* ---- others' filters ---- */

static void read_others(void)
{
	struct gate set = gate_make(), leave = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		no_new_privs();
		set_filter(SYS_getppid, SECCOMP_RET_ERRNO, 0);
		gate_open(&set);
		gate_wait(&leave);
		_exit(0);
	}
	gate_wait(&set);
	RESULT(syscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0));
	RESULT(syscall(SYS_ptrace, PTRACE_INTERRUPT, pid, 0, 0));
	waitpid(pid, NULL, __WALL);
	RESULT(syscall(SYS_ptrace, PTRACE_SECCOMP_GET_FILTER, pid, 0, 0));
	RESULT(syscall(SYS_ptrace, PTRACE_SECCOMP_GET_METADATA, pid, 16, 0));
	kill(pid, SIGKILL);
	reap("child", pid);
	WHETHER(open("/proc/sys/kernel/seccomp/actions_logged", O_WRONLY));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return strcmp(argv[1], "race") == 0 ? race_helper() : helper();
	mkdir(FOLDER, 0755);
	copy_self(HELPER, 0, 0, 04755);
	as_user("without no_new_privs", without_no_new_privs);
	as_user("with no_new_privs", with_no_new_privs);
	as_user("races", races);
	as_user("others", read_others);
	return 0;
}
