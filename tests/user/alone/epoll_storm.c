/*
 * Threads put sets and files into sets, take them out, close, write and wait, all at random.
 *
 *   epoll_storm [SEED [STEPS]]
 *
 * Ends with "all waits ended". All waits have time-outs, so a lost wake-up does not show (see
 * epoll_edges.c for those); a hang, a leak or a lock taken in the wrong order does.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../random.h"

#define THREADS 4
#define SETS    6
#define FILES   16 /* the first SETS of them are sets */

static int files[FILES]; /* atomic */
static int steps = 3000;
static uint64_t seed = 1;

static int make(int i)
{
	struct itimerspec its = {.it_value.tv_nsec = 300000, .it_interval.tv_nsec = 300000};
	sigset_t set;
	int fd;

	if (i < SETS)
		return epoll_create1(0);
	if (i % 3 == 0)
		return eventfd(0, EFD_NONBLOCK);
	if (i % 3 == 1) {
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		return signalfd(-1, &set, SFD_NONBLOCK);
	}
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	timerfd_settime(fd, 0, &its, NULL);
	return fd;
}

static void step(void)
{
	int a = (int)below(SETS), b = (int)below(FILES);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 1}, got[4];
	struct pollfd p = {.fd = files[a], .events = POLLIN};
	uint64_t n = 1;

	if (below(2))
		ev.events |= EPOLLET;
	if (below(8) == 0)
		ev.events |= EPOLLONESHOT;
	switch (below(12)) {
	case 0:
	case 1:
	case 2:
		epoll_ctl(files[a], EPOLL_CTL_ADD, files[b], &ev);
		break;
	case 3:
		epoll_ctl(files[a], EPOLL_CTL_DEL, files[b], &ev);
		break;
	case 4:
		epoll_ctl(files[a], EPOLL_CTL_MOD, files[b], &ev);
		break;
	case 5:
		close(__atomic_exchange_n(&files[b], make(b), __ATOMIC_SEQ_CST));
		break;
	case 6:
		kill(getpid(), SIGUSR1);
		break;
	case 7:
		(void)!read(files[b], got, sizeof(got));
		break;
	case 8:
		poll(&p, 1, 1);
		break;
	case 9:
		epoll_wait(files[a], got, 4, 1);
		break;
	default:
		(void)!write(files[b], &n, sizeof(n));
	}
}

static void *run(void *arg)
{
	random_state = seed * 100 + (uintptr_t)arg;
	for (int i = 0; i < steps; i++)
		step();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];
	sigset_t all;

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		steps = atoi(argv[2]);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < FILES; i++)
		files[i] = make(i);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	puts("all waits ended");
	return 0;
}
