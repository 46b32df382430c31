/* The signal that a child's end sends was chosen when it was made. Once its parent, or it itself,
 * has become another program, that may have other ids, it is SIGCHLD: clone(2). */
#include "attack.h"

#define HELPER "/tmp/exit_signal_helper"

static pid_t clone_with(unsigned long flags)
{
	return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static int got;
static void note(int sig)
{
	got = sig;
}

/* What a program finds that was exec'ed with a child: which signal its end sends. */
static void helper(int fd)
{
	sigset_t all;
	siginfo_t info;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, note);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	(void)!write(fd, "x", 1); /* the child may end */
	sigwaitinfo(&all, &info);
	say("as %s: %s", geteuid() == USER ? "the user" : "root", signal_name(info.si_signo));
	_exit(0);
}

/* A child that ends when the new program says so. With `parent`, it is its sibling's twin: made
 * with CLONE_PARENT by a child, it has that one's exit signal. */
static void exec_with_child(const char *program, int sig, bool twin)
{
	char fd[8], c;
	int p[2];

	MUST(pipe(p));
	if (clone_with(sig) == 0) {
		if (twin && clone_with(CLONE_PARENT | SIGCHLD) != 0)
			pause();
		close(p[1]);
		(void)!read(p[0], &c, 1);
		_exit(0);
	}
	snprintf(fd, sizeof(fd), "%d", p[1]);
	execl(program, program, fd, NULL);
	_exit(1);
}

static const char *program;
static int exit_signal;
static bool twin;
static void attack(void)
{
	exec_with_child(program, exit_signal, twin);
}

static void with(const char *what, int sig, bool with_twin)
{
	program = what;
	exit_signal = sig;
	twin = with_twin;
	as_user(signal_name(sig), attack);
}

/* The child became another program: its parent hears SIGCHLD, whatever it asked for. */
static void child_execs(void)
{
	int status;
	pid_t pid;

	signal(SIGUSR1, note);
	signal(SIGCHLD, note);
	pid = clone_with(SIGUSR1);
	if (pid == 0) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	while (waitpid(pid, &status, __WALL) < 0)
		;
	say("a child that execs: %s", signal_name(got));
	got = 0;
	pid = clone_with(SIGUSR1);
	if (pid == 0)
		_exit(0);
	while (waitpid(pid, &status, __WALL) < 0)
		;
	say("a child that does not: %s", signal_name(got));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		helper(atoi(argv[1]));
	copy_self(HELPER, 0, 0, 04755);
	with(HELPER, SIGKILL, false);
	with(HELPER, SIGUSR1, false);
	with(HELPER, SIGRTMIN, false);
	with(HELPER, SIGTERM, true);
	with("/proc/self/exe", SIGTERM, false);
	with("/proc/self/exe", SIGSTOP, false);
	as_user("the other side", child_execs);
	unlink(HELPER);
	return 0;
}
