/* Processes with threads that fault, exit and sleep; and from outside SIGKILL, SIGQUIT, SIGSTOP and
 * SIGCONT at any moment of their dumps. Each must end by a signal. */
#include "check.h"

#include <pthread.h>

#define PROCESSES 150
#define THREADS   8

static unsigned int start;

static unsigned int die(unsigned int *seed, unsigned int sides)
{
	return (unsigned int)rand_r(seed) % sides;
}

/* A thread with an odd number may end. */
static void *live(void *arg)
{
	unsigned int number = (unsigned int)(uintptr_t)arg, seed = start + number;

	for (;;) {
		if (die(&seed, 3) == 0)
			usleep(die(&seed, 300));
		else if (number % 2 && die(&seed, 50) == 0)
			pthread_exit(NULL);
		else if (die(&seed, 400) == 0)
			*(volatile int *)8 = 1;
	}
	return NULL;
}

static void be_dumped(unsigned int n)
{
	char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	memset(at, 1, 1 << 20);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t, NULL, live, (void *)(i + (uintptr_t)n * THREADS));
	usleep(1000);
	if (n % 4 == 0)
		abort();
	live((void *)(uintptr_t)(n * 2));
}

static void disturb(pid_t pid, unsigned int n, unsigned int *seed)
{
	if (n % 2) {
		usleep(die(seed, 20000));
		kill(pid, SIGKILL);
	} else if (n % 8 == 2) {
		usleep(die(seed, 5000));
		kill(pid, SIGQUIT);
		kill(pid, SIGSTOP);
		usleep(1000);
		kill(pid, SIGCONT);
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	unsigned int seed = start = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	int dumped = 0, killed = 0;

	if (chdir("/tmp") || setrlimit(RLIMIT_CORE, &limit))
		return 1;
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = must_fork();
		int status = 0;

		if (pid == 0)
			be_dumped(i);
		disturb(pid, i, &seed);
		waitpid(pid, &status, 0);
		dumped += WIFSIGNALED(status) && WCOREDUMP(status);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	unlink("core");
	say("some were dumped: %d, some were killed: %d, all: %d", dumped > 0, killed > 0,
	    dumped + killed == PROCESSES);
	return 0;
}
