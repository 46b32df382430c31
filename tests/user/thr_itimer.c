/* A process whose interval timer is set and stopped by one thread while another takes its signals,
 * and which ends at any point of that. */
#include "check.h"

#include <pthread.h>
#include <sys/time.h>

#define ROUNDS 12
#define TURNS  400

static volatile long taken;

static void count(int sig)
{
	(void)sig;
	taken++;
}

static void *take(void *mask)
{
	pthread_sigmask(SIG_UNBLOCK, mask, NULL);
	for (;;)
		pause();
	return NULL;
}

/* The exit code: 0 if a signal came at all. */
static int set_and_stop(int turns)
{
	struct itimerval on = {{0, 20}, {0, 20}}, off = {{0, 0}, {0, 0}};
	sigset_t mask;
	pthread_t thread;

	signal(SIGALRM, count);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	pthread_create(&thread, NULL, take, &mask);
	for (int i = 0; i < turns || !taken; i++) {
		setitimer(ITIMER_REAL, i % 2 ? &off : &on, NULL);
		for (volatile int spin = 0; spin < i % 64 * 50; spin++)
			;
	}
	return 0;
}

int main(void)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int status;
		pid_t pid = must_fork();

		if (pid == 0)
			_exit(set_and_stop(TURNS + i));
		if (waitpid(pid, &status, 0) != pid || status != 0)
			wrong++;
	}
	say("ended wrongly: %d", wrong);
	return 0;
}
