/* For the programs that trace others: how to begin, and how to say what a stop is. */
#pragma once

#include "check.h"

#include <elf.h>
#include <linux/ptrace.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/user.h>

/* The raw call: the C library's wrapper hides how a word is returned. */
static long trace(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, (long)pid, addr, data);
}

static const char *event_name(int event)
{
	static const char *const names[] = {
		[0] = "",
		[PTRACE_EVENT_FORK] = " FORK",
		[PTRACE_EVENT_VFORK] = " VFORK",
		[PTRACE_EVENT_CLONE] = " CLONE",
		[PTRACE_EVENT_EXEC] = " EXEC",
		[PTRACE_EVENT_VFORK_DONE] = " VFORK_DONE",
		[PTRACE_EVENT_EXIT] = " EXIT",
		[PTRACE_EVENT_SECCOMP] = " SECCOMP",
		[PTRACE_EVENT_STOP] = " STOP",
	};

	return names[event];
}

__attribute__((unused)) static void say_stop(const char *who, int status)
{
	if (WIFEXITED(status))
		say("%s: exited with %d", who, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("%s: killed by %s", who, signal_name(WTERMSIG(status)));
	else if (WIFCONTINUED(status))
		say("%s: continued", who);
	else if (WSTOPSIG(status) & 0x80)
		say("%s: at a system call", who);
	else
		say("%s: stopped by %s%s", who, signal_name(WSTOPSIG(status)),
		    event_name(status >> 16));
}

/* Wait for this one and say what happened. Returns the status. */
__attribute__((unused)) static int see(const char *who, pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, __WALL) != pid)
		say("%s: wait: %s", who, error_name(errno));
	else
		say_stop(who, status);
	return status;
}

/* Wait for this one, and complain unless it is stopped. */
__attribute__((unused)) static int await_stop(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		say("no stop but %#x, %s", status, error_name(errno));
	return status;
}

/* Fork a child that asks to be traced and stops itself, then runs `fn`. Returns when it has
 * stopped. */
__attribute__((unused)) static pid_t start_traced(void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (trace(PTRACE_TRACEME, 0, 0, 0))
			_exit(98);
		raise(SIGSTOP);
		fn();
		_exit(0);
	}
	await_stop(pid);
	return pid;
}

/* Fork a child that waits for a byte, and seize it with these options; then let it run `fn`. */
__attribute__((unused)) static pid_t start_seized(void (*fn)(void), unsigned long options)
{
	int go[2];
	char c = 0;
	pid_t pid;

	if (pipe(go))
		_exit(97);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(96);
		close(go[0]);
		fn();
		_exit(0);
	}
	close(go[0]);
	say_result("seize", trace(PTRACE_SEIZE, pid, 0, options));
	if (write(go[1], &c, 1) != 1)
		say("no write");
	close(go[1]);
	return pid;
}

/* ---- registers, by their place in struct user ---- */

#define REG(name)    offsetof(struct user, regs.name)
#define DEBUG_REG(n) (offsetof(struct user, u_debugreg) + 8 * (n))

__attribute__((unused)) static unsigned long peek_user(pid_t pid, size_t offset)
{
	unsigned long word = 0xdead;

	if (trace(PTRACE_PEEKUSR, pid, offset, (unsigned long)&word))
		say("peek at %zu: %s", offset, error_name(errno));
	return word;
}

__attribute__((unused)) static void poke_user(const char *what, pid_t pid, size_t offset,
					      unsigned long value)
{
	say_result(what, trace(PTRACE_POKEUSR, pid, offset, value));
}

__attribute__((unused)) static siginfo_t siginfo(pid_t pid)
{
	siginfo_t info = {0};

	trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
	return info;
}
