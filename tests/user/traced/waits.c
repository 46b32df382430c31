/* Waits for SIGUSR1 (says so) and SIGTERM (ends), with as many more threads as it is told. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

volatile int rounds;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		_exit(6);
	rounds++;
}

static void *waiting(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0;
	sigset_t set;
	pthread_t thread;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL); /* the other threads get none */
	while (threads-- > 0)
		pthread_create(&thread, NULL, waiting, NULL);
	signal(SIGUSR1, on_signal);
	signal(SIGTERM, on_signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (write(1, "waits\n", 6) != 6)
		return 1;
	for (;;) {
		pause();
		if (write(1, "again\n", 6) != 6)
			return 1;
	}
}
