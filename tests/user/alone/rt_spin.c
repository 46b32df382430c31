/* rt_spin SECONDS: a SCHED_FIFO child computes; how long does its ordinary parent, on the same CPU,
 * not run? */
#define _GNU_SOURCE
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	long ms = argc > 1 ? atol(argv[1]) * 1000 : 3000, longest = 0, last, ran = 0;
	struct sched_param p = {.sched_priority = 10};
	cpu_set_t set;
	pid_t pid;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	last = now_ms();
	pid = fork();
	if (pid == 0) {
		long until = now_ms() + ms;

		if (sched_setscheduler(0, SCHED_FIFO, &p) != 0)
			_exit(1);
		while (now_ms() < until)
			;
		_exit(0);
	}
	for (bool ended = false; !ended;) {
		long now;

		ended = waitpid(pid, NULL, WNOHANG) != 0;
		now = now_ms();
		if (now - last > longest)
			longest = now - last;
		else if (!ended)
			ran += now - last;
		last = now;
	}
	printf("longest gap %ld ms, ran %ld ms\n", longest, ran);
	return 0;
}
