/*
 * For programs that say what they see. Each is run on Bident and on Linux, and what it prints must
 * be the same: so nothing that may differ between two correct runs is printed: no pid, address,
 * time or order of two free processes.
 */
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How a program ends that cannot be compared: this machine lacks what it is about. Its output says
 * what. */
#define SKIPPED 77

/* One write per line: nothing is left in a buffer when a process forks or dies. */
__attribute__((format(printf, 1, 2), unused)) static void say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	for (int done = 0; done < n;) {
		ssize_t written = write(1, line + done, n - done);
		if (written > 0)
			done += written;
		else if (errno != EINTR) /* a timer may go on while a result is written */
			_exit(99);
	}
}

__attribute__((unused)) static const char *error_name(int err)
{
	static char number[16];
	static const struct {
		int err;
		const char *name;
	} names[] = {
#define NAME(x) {x, #x}
		NAME(EPERM),  NAME(ENOENT),  NAME(ESRCH),        NAME(EINTR),      NAME(EIO),
		NAME(ENXIO),  NAME(E2BIG),   NAME(ENOEXEC),      NAME(EBADF),      NAME(ECHILD),
		NAME(EAGAIN), NAME(ENOMEM),  NAME(EACCES),       NAME(EFAULT),     NAME(EBUSY),
		NAME(EEXIST), NAME(EXDEV),   NAME(ENODEV),       NAME(ENOTDIR),    NAME(EISDIR),
		NAME(EINVAL), NAME(ENFILE),  NAME(EMFILE),       NAME(ENOTTY),     NAME(EFBIG),
		NAME(ENOSPC), NAME(ESPIPE),  NAME(EROFS),        NAME(EMLINK),     NAME(EPIPE),
		NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOSYS),     NAME(ENOTEMPTY),
		NAME(ELOOP),  NAME(ETXTBSY), NAME(EOVERFLOW),    NAME(EOPNOTSUPP), NAME(ETIMEDOUT),
#undef NAME
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

__attribute__((unused)) static const char *signal_name(int sig)
{
	static char number[16];
	static const char *const names[] = {
		"0",        "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT",
		"SIGBUS",   "SIGFPE",  "SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE",
		"SIGALRM",  "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",   "SIGTSTP",
		"SIGTTIN",  "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
		"SIGWINCH", "SIGIO",   "SIGPWR",    "SIGSYS",
	};

	if (sig >= 0 && sig < (int)(sizeof(names) / sizeof(names[0])))
		return names[sig];
	snprintf(number, sizeof(number), "signal %d", sig);
	return number;
}

/* The result of a call that gives 0 or more, or -1 with errno. */
__attribute__((unused)) static void say_result(const char *what, long result)
{
	int err = errno;

	if (result == -1)
		say("%s: %s", what, error_name(err));
	else
		say("%s: %ld", what, result);
}

/* Only whether it worked, for results that differ from run to run. */
__attribute__((unused)) static void say_whether(const char *what, long result)
{
	int err = errno;

	say("%s: %s", what, result == -1 ? error_name(err) : "ok");
}
#define RESULT(call)  (errno = 0, say_result(#call, (long)(call)))
#define WHETHER(call) (errno = 0, say_whether(#call, (long)(call)))
#define TRUTH(cond)   say("%s: %s", #cond, (cond) ? "yes" : "NO")

__attribute__((unused)) static void say_status(const char *what, int status)
{
	if (WIFEXITED(status))
		say("%s: exited %d", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("%s: killed by %s", what, signal_name(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		say("%s: stopped by %s", what, signal_name(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		say("%s: continued", what);
	else
		say("%s: status %#x", what, status);
}

/* fork(), where failure ends the program. */
__attribute__((unused)) static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		say("fork: %s", error_name(errno));
		_exit(98);
	}
	return pid;
}

/* Wait for this child and say how it ended. */
__attribute__((unused)) static void reap(const char *what, pid_t pid)
{
	int status = -1;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		say("%s: waitpid gave %s", what, got < 0 ? error_name(errno) : "another pid");
	else
		say_status(what, status);
}

/* Run a function in a child and say how it ended. */
__attribute__((unused)) static void in_child(const char *what, void (*fn)(void))
{
	pid_t pid = must_fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	reap(what, pid);
}

__attribute__((unused)) static void sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

__attribute__((unused)) static struct timespec ms_from_now(clockid_t clock, long ms)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

/* What /proc/self/stat tells behind the name: "S 1 …", in a buffer that the next call uses again.
 */
__attribute__((unused)) static const char *own_stat(void)
{
	static char line[1024];
	FILE *f = fopen("/proc/self/stat", "r");
	char *at = NULL;

	if (f) {
		if (fgets(line, sizeof(line), f))
			at = strrchr(line, ')');
		fclose(f);
	}
	return at ? at + 2 : "";
}

/* A pipe on which one process waits for another: no test depends on how long something takes. */
struct gate {
	int fd[2];
};
__attribute__((unused)) static struct gate gate_make(void)
{
	struct gate g;

	if (pipe(g.fd) != 0) {
		say("pipe: %s", error_name(errno));
		_exit(97);
	}
	return g;
}
__attribute__((unused)) static void gate_open(struct gate *g)
{
	if (write(g->fd[1], "x", 1) != 1)
		_exit(96);
}
__attribute__((unused)) static void gate_wait(struct gate *g)
{
	char c;

	if (read(g->fd[0], &c, 1) != 1)
		_exit(95);
}
