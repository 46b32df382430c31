/* Who sleeps on a word of shared memory is requeued to private memory of a process that then ends.
 * A child that gets its struct mm must not meet him there. (On Linux 6 it does.) */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRANGERS 50

static uint32_t private;
static uint32_t *shared;

static long futex(uint32_t *word, int op, uint32_t val, long val2, uint32_t *word2)
{
	return syscall(SYS_futex, word, op, val, val2, word2, 0);
}

static int sleeper(void)
{
	return (int)futex(shared, FUTEX_WAIT, 0, 0, NULL);
}

static int mover(void)
{
	while (futex(shared, FUTEX_REQUEUE, 0, 1, &private) == 0)
		usleep(1000);
	return 0;
}

static int stranger(void)
{
	return (int)futex(&private, FUTEX_WAKE, 100, 0, NULL);
}

static pid_t start(int (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	return pid;
}

static int result(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(void)
{
	int found = 0;
	pid_t asleep;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	asleep = start(sleeper);
	result(start(mover));
	for (int i = 0; i < STRANGERS; i++)
		found += result(start(stranger));
	printf("%d sleepers found by strangers\n", found);
	kill(asleep, SIGKILL);
	result(asleep);
	return found != 0;
}
