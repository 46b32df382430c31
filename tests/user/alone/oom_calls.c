/*
 * Memory runs short within system calls: no page of user memory is touched. Each call succeeds,
 * since the process that has most is killed for it, as on Linux.
 */
#include "../check.h"

#include <sched.h>
#include <sys/sysinfo.h>

#define MIB (1UL << 20)

static size_t free_memory(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return info.freeram * info.mem_unit;
}

/* Takes all but about two MiB, and waits. */
static pid_t hog(void)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		while (free_memory() > 2 * MIB)
			memset(mmap(NULL, MIB / 4, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			       1, MIB / 4);
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	return pid;
}

/* Until the hog is dead: 0, or the number of the call that failed. Once its memory comes back it
 * is only waited for: calls until it is a zombie would meet limits that are not memory's. */
static int until_killed(pid_t victim, int (*call)(void))
{
	for (int i = 1;; i++) {
		int status;

		if (call() < 0)
			return i;
		if (waitpid(victim, &status, free_memory() > 4 * MIB ? 0 : WNOHANG) == victim)
			return 0;
	}
}

/* A child in the same memory, which touches none of it: not even its stack. */
static int bare_child(void)
{
	long ret;

	__asm__ volatile("syscall\n"
			 "	test	%%rax, %%rax\n"
			 "	jnz	2f\n"
			 "1:	mov	$34, %%eax\n" /* pause(2) */
			 "	syscall\n"
			 "	jmp	1b\n"
			 "2:"
			 : "=a"(ret)
			 : "0"(56L), "D"((long)(CLONE_VM | SIGCHLD)), "S"(0L), "d"(0L)
			 : "rcx", "r11", "memory");
	errno = ret < 0 ? (int)-ret : 0;
	return ret < 0 ? -1 : 0;
}

static char block[65536];

/* Kernel memory for what nobody has read yet. A write that ends early is no error: the rest is
 * written by the next. */
static int full_pipe(void)
{
	int fd[2];

	if (pipe(fd) < 0)
		return -1;
	for (ssize_t n, left = sizeof(block); left; left -= n)
		if ((n = write(fd[1], block, (size_t)left)) < 0)
			return -1;
	return 0;
}

static void try(const char *name, int (*call)(void))
{
	pid_t group = must_fork();
	int status;

	if (group == 0) {
		setpgid(0, 0);
		pid_t victim = hog();
		int failed = until_killed(victim, call);

		say("%s: %s", name, failed ? strerror(errno) : "the hog was killed for it");
		kill(0, SIGKILL);
	}
	waitpid(group, &status, 0);
}

int main(void)
{
	try("clone", bare_child);
	try("pipe", full_pipe);
	return 0;
}
