/* fork_rate TASKS MS: so many processes that fork, exit and wait in a loop, for so long: how many
 * forks a second they make together. */
#include "../check.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned long fork_until(uint64_t end)
{
	unsigned long n = 0;

	while (now_ns() < end) {
		pid_t pid = must_fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	int tasks = argc > 1 ? atoi(argv[1]) : 1;
	uint64_t ns = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1000) * 1000000, begin = now_ns();
	unsigned long *forks = mmap(NULL, sizeof(*forks) * (size_t)tasks, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long sum = 0;

	for (int i = 0; i < tasks; i++)
		if (must_fork() == 0) {
			forks[i] = fork_until(begin + ns);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < tasks; i++)
		sum += forks[i];
	say("%lu forks a second", (unsigned long)((double)sum * 1e9 / (double)(now_ns() - begin)));
	return 0;
}
