/* Signals handled, ignored, blocked, stopping and deadly. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

static void blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	handled = 0;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void queued(void)
{
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 42});
}

int main(int argc, char **argv)
{
	const char *end = argc > 1 ? argv[1] : "";

	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	signal(SIGRTMIN + 1, handler);
	signal(SIGHUP, SIG_IGN);
	raise(SIGUSR1);
	printf("handled %d\n", handled);
	fflush(stdout);
	kill(getpid(), SIGHUP);
	blocked();
	printf("handled %d\n", handled);
	fflush(stdout);
	queued();
	printf("handled %d\n", handled == SIGRTMIN + 1);
	fflush(stdout);
	if (!strcmp(end, "segv"))
		*(volatile int *)16 = 1;
	if (!strcmp(end, "abort"))
		raise(SIGABRT);
	if (!strcmp(end, "term"))
		raise(SIGTERM);
	if (!strcmp(end, "fpe"))
		return 7 / (handled - handled);
	if (!strcmp(end, "trap"))
		__asm__ volatile("int3");
	return 5;
}
