/* ignored_timers: many timers of short periods whose signals are ignored, blocked, or for a thread
 * that is gone; how often kthreadd, pid 2, is woken for them in a second. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define TIMERS 100

static void make(int notify, int sig, pid_t tid)
{
	struct itimerspec soon = {{0, 1}, {0, 1}};
	struct sigevent ev;
	int id;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = notify;
	ev.sigev_signo = sig;
	ev.sigev_notify_thread_id = tid;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id) ||
	    syscall(SYS_timer_settime, id, 0, &soon, NULL)) {
		perror("timer");
		exit(1);
	}
}

static void *thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < TIMERS; i++)
		make(SIGEV_THREAD_ID, SIGUSR2, (pid_t)syscall(SYS_gettid));
	return NULL;
}

static long wakes(void)
{
	static char text[4096];
	FILE *f = fopen("/proc/2/status", "r");
	char *at;
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	if (!at)
		exit(1);
	fclose(f);
	return atol(strchr(at, ':') + 1);
}

int main(void)
{
	struct itimerval often = {{0, 1}, {0, 1}};
	sigset_t blocked;
	pthread_t t;
	long before;

	signal(SIGALRM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < TIMERS; i++) {
		make(SIGEV_SIGNAL, SIGUSR1, 0);
		make(SIGEV_SIGNAL, SIGUSR2, 0);
	}
	if (pthread_create(&t, NULL, thread, NULL))
		return 1;
	pthread_join(t, NULL);
	usleep(100000); /* each has expired once, or was not wanted */
	before = wakes();
	sleep(1);
	printf("kthreadd was woken %ld times\n", wakes() - before);
	return 0;
}
