/* What an ordinary user cannot see, change or gain by ptrace(2) and its kin. */
#include "attack.h"

#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define FOLDER     "/tmp/tracers_attack"
#define HELPER     FOLDER "/helper"
#define UNREADABLE FOLDER "/unreadable"

static pid_t roots; /* a process of root's */

/* ---- the helper, a set-user-id program ---- */

static int tracer_pid(void)
{
	char text[2048] = "", *at;
	int fd = open("/proc/self/status", O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	at = strstr(text, "TracerPid:");
	return at ? atoi(at + 10) : -1;
}

static void helper(const char *what)
{
	if (strcmp(what, "ids") == 0) {
		say("uid %d euid %d", getuid(), geteuid());
		_exit(0);
	}
	if (strcmp(what, "pause") == 0)
		for (;;)
			pause();
	/* "race": with rights, and traced? */
	for (int i = 0; i < 20; i++) {
		if (geteuid() == 0 && tracer_pid() != 0)
			_exit(77);
		sched_yield();
	}
	_exit(0);
}

/* ---- the user ---- */

static void say_attach(const char *what, pid_t pid)
{
	char byte, path[64];
	struct iovec local = {&byte, 1}, remote = {(void *)0x400000, 1};

	say("%s: attach %s", what, ptrace(PTRACE_ATTACH, pid, 0, 0) ? error_name(errno) : "ok");
	say("%s: seize %s", what, ptrace(PTRACE_SEIZE, pid, 0, 0) ? error_name(errno) : "ok");
	say("%s: read %s", what,
	    process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 ? error_name(errno) : "ok");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	say("%s: mem %s", what, open(path, O_RDWR) < 0 ? error_name(errno) : "ok");
	say("%s: compare %s", what,
	    syscall(SYS_kcmp, pid, getpid(), KCMP_VM, 0, 0) < 0 ? error_name(errno) : "ok");
}

static void roots_process(void)
{
	say_attach("root's", roots);
}

static void running_set_id(void)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		execl(HELPER, HELPER, "pause", NULL);
		_exit(91);
	}
	sleep_ms(100);
	say_attach("set-id", pid);
	kill(pid, SIGKILL);
}

static void not_dumpable(void)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		for (;;)
			pause();
	}
	sleep_ms(50);
	say_attach("not dumpable", pid);
	kill(pid, SIGKILL);
}

/* Let a tracee run to its end. */
static void follow(const char *what, pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, __WALL) != pid)
			break;
		if (!WIFSTOPPED(status))
			break;
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
	say_status(what, status);
}

static void traced_exec(void)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(HELPER, HELPER, "ids", NULL);
		_exit(91);
	}
	follow("a traced set-id program", pid);
}

static void unreadable_exec(void)
{
	pid_t pid = must_fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(UNREADABLE, UNREADABLE, "ids", NULL);
		_exit(91);
	}
	waitpid(pid, &status, 0);
	say_status("a program that may not be read", status);
	errno = 0;
	long rip = ptrace(PTRACE_PEEKUSER, pid, 16 * 8, 0);
	say("its registers: %s", errno ? error_name(errno) : "ok");
	errno = 0;
	ptrace(PTRACE_PEEKTEXT, pid, rip, 0);
	say("its memory: %s", errno ? error_name(errno) : "ok");
	ptrace(PTRACE_CONT, pid, 0, 0);
	follow("it", pid);
}

/* Attach to what is just becoming a set-id program. */
static void race(void)
{
	int gained = 0, status;

	for (int i = 0; i < 150; i++) {
		pid_t pid = must_fork();

		if (pid == 0) {
			pin(0);
			execl(HELPER, HELPER, "race", NULL);
			_exit(91);
		}
		pin(1);
		while (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 || errno == EPERM) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				break;
			if (errno == EPERM)
				continue;
			waitpid(pid, &status, 0);
			break;
		}
		gained += WIFEXITED(status) && WEXITSTATUS(status) == 77;
	}
	say("set-id programs traced with their rights: %d", gained);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		helper(argv[1]);
	root_folder(FOLDER);
	copy_self(HELPER, 0, 0, 04755);
	copy_self(UNREADABLE, 0, 0, 0711);
	roots = must_fork();
	if (roots == 0)
		for (;;)
			pause();
	as_user("root's processes", roots_process);
	as_user("a running set-id program", running_set_id);
	as_user("a process that is not dumpable", not_dumpable);
	as_user("a set-id program under trace", traced_exec);
	as_user("an unreadable program under trace", unreadable_exec);
	as_user("a race", race);
	kill(roots, SIGKILL);
	reap("root's", roots);
	return 0;
}
