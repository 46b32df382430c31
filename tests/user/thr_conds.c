/* Condition variables and semaphores, in one process and between processes. */
#include "threads.h"

#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER, reply = PTHREAD_COND_INITIALIZER;
static int waiting, tokens, woken;

static void *takes_token(void *arg)
{
	pthread_mutex_lock(&mutex);
	waiting++;
	pthread_cond_signal(&reply);
	while (tokens == 0)
		pthread_cond_wait(&condition, &mutex);
	tokens--;
	woken++;
	pthread_cond_signal(&reply);
	pthread_mutex_unlock(&mutex);
	return arg;
}

/* Each signal lets one go on. */
static void signal_wakes_one(void)
{
	pthread_t thread[5];

	for (int i = 0; i < 5; i++)
		thread[i] = start(takes_token, NULL);
	pthread_mutex_lock(&mutex);
	while (waiting < 5)
		pthread_cond_wait(&reply, &mutex);
	for (int i = 1; i <= 5; i++) {
		tokens++;
		pthread_cond_signal(&condition);
		while (woken < i)
			pthread_cond_wait(&reply, &mutex);
		say("woken: %d, tokens: %d", woken, tokens);
	}
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 5; i++)
		join(thread[i]);
}

static void broadcast_wakes_all(void)
{
	pthread_t thread[40];

	for (int i = 0; i < 40; i++)
		thread[i] = start(takes_token, NULL);
	pthread_mutex_lock(&mutex);
	while (waiting < 40)
		pthread_cond_wait(&reply, &mutex);
	tokens = 40;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 40; i++)
		join(thread[i]);
	say("woken: %d", woken);
	ERROR(pthread_cond_destroy(&condition));
}

static void wait_in_vain(clockid_t clock)
{
	pthread_condattr_t attr;
	pthread_cond_t c;
	struct timespec soon, now, past = {.tv_sec = 1}, bad = {.tv_nsec = -1};

	pthread_condattr_init(&attr);
	ERROR(pthread_condattr_setclock(&attr, clock));
	ERROR(pthread_cond_init(&c, &attr));
	pthread_mutex_lock(&mutex);
	soon = ms_from_now(clock, 20);
	ERROR(pthread_cond_timedwait(&c, &mutex, &soon));
	clock_gettime(clock, &now);
	TRUTH(now.tv_sec > soon.tv_sec ||
	      (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
	ERROR(pthread_cond_timedwait(&c, &mutex, &past));
	ERROR(pthread_cond_timedwait(&c, &mutex, &bad));
	ERROR(pthread_mutex_unlock(&mutex));
	ERROR(pthread_cond_destroy(&c));
}
static void timed_by_the_real_clock(void)
{
	wait_in_vain(CLOCK_REALTIME);
}
static void timed_by_the_monotonic_clock(void)
{
	wait_in_vain(CLOCK_MONOTONIC);
}

/* A time-out that does not come, because the signal does. */
static void in_time(void)
{
	struct timespec later = ms_from_now(CLOCK_REALTIME, 1000000);
	pthread_t thread;
	int err = 0;

	pthread_mutex_lock(&mutex);
	tokens = 1;
	thread = start(takes_token, NULL);
	while (woken == 0 && err == 0)
		err = pthread_cond_timedwait(&reply, &mutex, &later);
	pthread_mutex_unlock(&mutex);
	join(thread);
	say_error("timed wait", err);
}

#define SLOTS 4
#define ITEMS 500
static long queue[SLOTS];
static int head, filled, produced;
static void *produces(void *arg)
{
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&mutex);
		while (filled == SLOTS)
			pthread_cond_wait(&condition, &mutex);
		queue[(head + filled++) % SLOTS] = ++produced;
		pthread_cond_signal(&reply);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}
static void *consumes(void *arg)
{
	long sum = 0;

	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&mutex);
		while (filled == 0)
			pthread_cond_wait(&reply, &mutex);
		sum += queue[head];
		head = (head + 1) % SLOTS;
		filled--;
		pthread_cond_signal(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(sum + (long)arg);
}
static void bounded_queue(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		thread[i] = start(i % 2 ? produces : consumes, NULL);
	say("sum: %ld", join(thread[0]) + join(thread[1]) + join(thread[2]) + join(thread[3]));
}

struct common {
	pthread_mutex_t mutex;
	pthread_cond_t condition;
	sem_t ping, pong;
	int turn;
};

static void shared_by_processes(void)
{
	struct common *c = map_shared(sizeof(*c));
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pid_t pid;

	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&c->mutex, &ma);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&c->condition, &ca);
	pid = must_fork();
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&c->mutex);
		while (c->turn % 2 != (pid == 0))
			pthread_cond_wait(&c->condition, &c->mutex);
		c->turn++;
		pthread_cond_signal(&c->condition);
		pthread_mutex_unlock(&c->mutex);
	}
	if (pid == 0)
		_exit(0);
	reap("child", pid);
	say("%d turns", c->turn);
}

/* ---- semaphores ---- */

static sem_t sem;

static void semaphore_values(void)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 20), bad = {.tv_nsec = 1000000000};
	int value = -1;

	RESULT(sem_init(&sem, 0, 2));
	RESULT(sem_wait(&sem));
	RESULT(sem_trywait(&sem));
	RESULT(sem_trywait(&sem));
	RESULT(sem_timedwait(&sem, &soon));
	RESULT(sem_timedwait(&sem, &bad));
	RESULT(sem_post(&sem));
	RESULT(sem_getvalue(&sem, &value));
	say("value %d", value);
	RESULT(sem_timedwait(&sem, &bad));
	RESULT(sem_destroy(&sem));
	RESULT(sem_init(&sem, 0, 0x80000000u));
	RESULT(sem_init(&sem, 0, 0x7fffffffu));
	RESULT(sem_post(&sem));
}

static long inside, most;
static void *enters(void *arg)
{
	for (int i = 0; i < 100; i++) {
		sem_wait(&sem);
		if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) > 3)
			most = 4;
		sched_yield();
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		sem_post(&sem);
	}
	return arg;
}
static void at_most_three(void)
{
	pthread_t thread[8];
	int value;

	sem_init(&sem, 0, 3);
	for (int i = 0; i < 8; i++)
		thread[i] = start(enters, NULL);
	for (int i = 0; i < 8; i++)
		join(thread[i]);
	sem_getvalue(&sem, &value);
	say("too many: %ld, value %d", most, value);
}

static void semaphores_of_processes(void)
{
	struct common *c = map_shared(sizeof(*c));
	pid_t pid;

	sem_init(&c->ping, 1, 0);
	sem_init(&c->pong, 1, 0);
	pid = must_fork();
	for (int i = 0; i < 100; i++) {
		if (pid == 0) {
			sem_wait(&c->ping);
			c->turn++;
			sem_post(&c->pong);
		} else {
			sem_post(&c->ping);
			sem_wait(&c->pong);
		}
	}
	if (pid == 0)
		_exit(0);
	reap("child", pid);
	say("%d turns", c->turn);
}

static void posts(int sig)
{
	(void)sig;
	sem_post(&sem);
}
static void *signals_it(void *arg)
{
	sleep_ms(10);
	kill(getpid(), SIGUSR1);
	return arg;
}
/* The handler runs in the middle of the wait, which may be interrupted or go on. */
static void post_by_a_handler(void)
{
	pthread_t thread;
	int turns = 0;

	sem_init(&sem, 0, 0);
	signal(SIGUSR1, posts);
	thread = start(signals_it, NULL);
	while (sem_wait(&sem) != 0 && errno == EINTR)
		turns++;
	say("taken, interrupted at most once: %s", turns <= 1 ? "yes" : "NO");
	join(thread);
}

static void handles(int sig)
{
	(void)sig;
}
static void *interrupts(void *arg)
{
	while (!__atomic_load_n(&woken, __ATOMIC_SEQ_CST)) {
		pthread_kill(*(pthread_t *)arg, SIGUSR2);
		sleep_ms(5);
	}
	return NULL;
}
/* Without SA_RESTART a signal ends the wait. */
static void interrupted(void)
{
	struct sigaction action = {.sa_handler = handles};
	pthread_t self = pthread_self(), thread;

	sem_init(&sem, 0, 0);
	sigaction(SIGUSR2, &action, NULL);
	thread = start(interrupts, &self);
	WHETHER(sem_wait(&sem));
	__atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
	join(thread);
}

int main(void)
{
	CASE(signal_wakes_one);
	CASE(broadcast_wakes_all);
	CASE(timed_by_the_real_clock);
	CASE(timed_by_the_monotonic_clock);
	CASE(in_time);
	CASE(bounded_queue);
	CASE(shared_by_processes);
	CASE(semaphore_values);
	CASE(at_most_three);
	CASE(semaphores_of_processes);
	CASE(post_by_a_handler);
	CASE(interrupted);
	return 0;
}
