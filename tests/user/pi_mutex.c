/* Mutexes with priority inheritance, as the C library offers them. */
#include "check.h"

#include <pthread.h>

static const char *result(int err)
{
	return !err                     ? "0"
	       : err == EOWNERDEAD      ? "EOWNERDEAD"
	       : err == ENOTRECOVERABLE ? "ENOTRECOVERABLE"
					: error_name(err);
}
#define ERR(call) say("%s: %s", #call, result(call))

static pthread_mutex_t *m;

static void make(int type, int robust, int pshared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	ERR(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setpshared(&attr, pshared);
	memset(m, 0, sizeof(*m));
	ERR(pthread_mutex_init(m, &attr));
}

static void *in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	void *ret = NULL;

	if (pthread_create(&thread, NULL, fn, arg))
		_exit(94);
	pthread_join(thread, &ret);
	return ret;
}

static void *tries(void *arg)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 10), past = {0};

	ERR(pthread_mutex_trylock(m));
	ERR(pthread_mutex_timedlock(m, &soon));
	ERR(pthread_mutex_timedlock(m, &past));
	return arg;
}

static void *takes(void *arg)
{
	ERR(pthread_mutex_trylock(m));
	ERR(pthread_mutex_unlock(m));
	return arg;
}

static void types(void)
{
	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	ERR(pthread_mutex_lock(m));
	in_thread(tries, NULL);
	ERR(pthread_mutex_unlock(m));
	in_thread(takes, NULL);
	ERR(pthread_mutex_destroy(m));

	make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	ERR(pthread_mutex_unlock(m));
	ERR(pthread_mutex_lock(m));
	ERR(pthread_mutex_lock(m));
	in_thread(tries, NULL);
	ERR(pthread_mutex_unlock(m));
	in_thread(takes, NULL);

	make(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	ERR(pthread_mutex_lock(m));
	ERR(pthread_mutex_lock(m));
	ERR(pthread_mutex_trylock(m));
	ERR(pthread_mutex_unlock(m));
	ERR(pthread_mutex_unlock(m));
	in_thread(tries, NULL);
	ERR(pthread_mutex_unlock(m));
	in_thread(takes, NULL);
}

/* ---- many at once ---- */

#define THREADS 4
#define ROUNDS  2000

static long counter;

static void *counts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(m);
		long seen = counter;
		if (i % 64 == 0)
			sched_yield(); /* inside: the others come to wait */
		counter = seen + 1;
		pthread_mutex_unlock(m);
	}
	return arg;
}

static void contention(int robust)
{
	pthread_t thread[THREADS];

	make(PTHREAD_MUTEX_NORMAL, robust, PTHREAD_PROCESS_PRIVATE);
	counter = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, counts, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	say("counted %ld", counter);
}

/* ---- with a condition variable ---- */

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *plays(void *arg)
{
	int me = arg != NULL;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(m);
		while (turn % 2 != me)
			pthread_cond_wait(&cond, m);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(m);
	}
	return NULL;
}

static void condition(void)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 10);
	pthread_t other;

	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	pthread_create(&other, NULL, plays, &turn);
	plays(NULL);
	pthread_join(other, NULL);
	say("turns: %d", turn);
	pthread_mutex_lock(m);
	ERR(pthread_cond_timedwait(&cond, m, &soon));
	pthread_mutex_unlock(m);
}

/* ---- robust ---- */

static void *dies(void *arg)
{
	pthread_mutex_lock(m);
	return arg;
}

static void child_dies(void)
{
	pthread_mutex_lock(m);
}

static void child_is_killed(void)
{
	pthread_mutex_lock(m);
	kill(getpid(), SIGKILL);
}

static void take_over(void)
{
	int err = pthread_mutex_lock(m);

	say("lock: %s", result(err));
	if (err == EOWNERDEAD)
		ERR(pthread_mutex_consistent(m));
	ERR(pthread_mutex_unlock(m));
	ERR(pthread_mutex_lock(m));
	ERR(pthread_mutex_unlock(m));
}

static void *takes_over(void *arg)
{
	take_over();
	return arg;
}

static void robust(void)
{
	struct gate held = gate_make();
	pthread_t heir;
	pid_t pid;

	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	in_thread(dies, NULL);
	take_over();
	in_thread(dies, NULL);
	ERR(pthread_mutex_trylock(m));
	ERR(pthread_mutex_unlock(m)); /* without making it consistent: lost */
	ERR(pthread_mutex_lock(m));

	make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	in_child("dies", child_dies);
	take_over();
	in_child("is killed", child_is_killed);
	take_over();

	/* Its owner is killed while another one waits. */
	pid = must_fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		gate_open(&held);
		pause();
	}
	gate_wait(&held);
	pthread_create(&heir, NULL, takes_over, NULL);
	sleep_ms(30);
	kill(pid, SIGKILL);
	pthread_join(heir, NULL);
	reap("owner", pid);
}

/* ---- what it is good for ---- */

static volatile bool low_has_it, high_waits, high_had_it;
static volatile bool middle_gave_up;

static void run_at(int fifo)
{
	struct sched_param param = {.sched_priority = fifo};
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(first), &first) < 0 ||
	    syscall(SYS_sched_setscheduler, 0, fifo ? SCHED_FIFO : SCHED_OTHER, &param) < 0)
		say("cannot run at %d: %s", fifo, error_name(errno));
}

/* About as long as `ms` of this CPU; the clock is read, not slept for. */
static void burn(long ms, volatile bool *until)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms % 1000 * 1000000;
	end.tv_sec += ms / 1000 + end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (!(until && *until) && (now.tv_sec < end.tv_sec ||
				      (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec)));
}

static void *low(void *arg)
{
	run_at(0);
	pthread_mutex_lock(m);
	low_has_it = true;
	while (!high_waits)
		sched_yield();
	burn(20, NULL); /* the middle one has come by then */
	pthread_mutex_unlock(m);
	return arg;
}

static void *middle(void *arg)
{
	run_at(10);
	burn(3000, &high_had_it);
	middle_gave_up = !high_had_it;
	return arg;
}

static void *high(void *arg)
{
	run_at(20);
	high_waits = true;
	pthread_mutex_lock(m);
	high_had_it = true;
	pthread_mutex_unlock(m);
	return arg;
}

/* On one CPU: low holds the mutex, high waits for it, middle computes. */
static void inversion(void)
{
	pthread_t thread[3];

	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	pthread_create(&thread[0], NULL, low, NULL);
	while (!low_has_it)
		sleep_ms(1);
	pthread_create(&thread[1], NULL, high, NULL);
	while (!high_waits)
		sleep_ms(1);
	pthread_create(&thread[2], NULL, middle, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	say("high had it: %d; middle ran out of time: %d", high_had_it, middle_gave_up);
}

int main(void)
{
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	types();
	contention(PTHREAD_MUTEX_STALLED);
	contention(PTHREAD_MUTEX_ROBUST);
	condition();
	robust();
	inversion();
	return 0;
}
