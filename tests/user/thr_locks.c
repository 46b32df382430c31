/* Mutexes of every kind, rwlocks, spinlocks, barriers and pthread_once. */
#include "threads.h"

#define THREADS 4
#define TURNS   1000

static pthread_mutex_t mutex;
static volatile long counter;

static void make_mutex(pthread_mutex_t *m, int type, int robust, int pshared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setpshared(&attr, pshared);
	pthread_mutex_init(m, &attr);
}

static void *counts(void *arg)
{
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&mutex);
		long before = counter;
		if (i % 64 == 0)
			sched_yield();
		counter = before + 1;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void run_threads(void *(*fn)(void *))
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		thread[i] = start(fn, NULL);
	for (int i = 0; i < THREADS; i++)
		join(thread[i]);
}

static void each_kind_counts(void)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				    PTHREAD_MUTEX_ERRORCHECK};

	for (int i = 0; i < 6; i++) {
		make_mutex(&mutex, types[i / 2],
			   i % 2 ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED,
			   PTHREAD_PROCESS_PRIVATE);
		counter = 0;
		run_threads(counts);
		say("type %d, robust %d: counted to %ld", i / 2, i % 2, counter);
	}
}

static void *tries(void *arg)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 20), past = {.tv_sec = 1},
			bad = {.tv_nsec = 1000000000};

	ERROR(pthread_mutex_trylock(&mutex));
	ERROR(pthread_mutex_timedlock(&mutex, &soon));
	TRUTH(ms_from_now(CLOCK_REALTIME, 0).tv_sec >= soon.tv_sec);
	ERROR(pthread_mutex_timedlock(&mutex, &past));
	ERROR(pthread_mutex_timedlock(&mutex, &bad));
	return arg;
}
static void try_and_timed(void)
{
	struct timespec past = {.tv_sec = 1};

	make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	ERROR(pthread_mutex_timedlock(&mutex, &past)); /* free: no time is looked at */
	join(start(tries, NULL));
	ERROR(pthread_mutex_unlock(&mutex));
}

static void *is_not_owner(void *arg)
{
	say_error("unlock by another", pthread_mutex_unlock(&mutex));
	say_error("trylock by another", pthread_mutex_trylock(&mutex));
	return arg;
}

static void recursive(void)
{
	make_mutex(&mutex, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 3; i++)
		ERROR(pthread_mutex_lock(&mutex));
	ERROR(pthread_mutex_trylock(&mutex));
	for (int i = 0; i < 4; i++) {
		join(start(is_not_owner, NULL));
		ERROR(pthread_mutex_unlock(&mutex));
	}
	ERROR(pthread_mutex_unlock(&mutex));
}

static void errorcheck(void)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 20);

	make_mutex(&mutex, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PROCESS_PRIVATE);
	ERROR(pthread_mutex_unlock(&mutex));
	ERROR(pthread_mutex_lock(&mutex));
	ERROR(pthread_mutex_lock(&mutex));
	ERROR(pthread_mutex_timedlock(&mutex, &soon));
	ERROR(pthread_mutex_trylock(&mutex));
	join(start(is_not_owner, NULL));
	ERROR(pthread_mutex_unlock(&mutex));
}

/* A free mutex hands over to each of a row of sleepers. */
static void *takes_turn(void *arg)
{
	pthread_mutex_lock(&mutex);
	counter++;
	pthread_mutex_unlock(&mutex);
	return arg;
}
static void row_of_sleepers(void)
{
	pthread_t thread[30];

	make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 30; i++)
		thread[i] = start(takes_turn, NULL);
	sleep_ms(10);
	say("before: %ld", counter);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 30; i++)
		join(thread[i]);
	say("after: %ld", counter);
}

/* ---- robust ---- */

static void *dies_with_it(void *arg)
{
	pthread_mutex_lock(&mutex);
	sleep_ms(10);
	return arg;
}
static void robust_in_a_thread(void)
{
	make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	join(start(dies_with_it, NULL));
	TRUTH(pthread_mutex_trylock(&mutex) == EOWNERDEAD);
	ERROR(pthread_mutex_consistent(&mutex));
	ERROR(pthread_mutex_unlock(&mutex));
	ERROR(pthread_mutex_lock(&mutex));
	ERROR(pthread_mutex_unlock(&mutex));
	ERROR(pthread_mutex_consistent(&mutex));
}

/* Unlocked without having been made consistent: of no use any more. */
static void robust_given_up(void)
{
	make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	join(start(dies_with_it, NULL));
	TRUTH(pthread_mutex_lock(&mutex) == EOWNERDEAD);
	ERROR(pthread_mutex_unlock(&mutex));
	TRUTH(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
	TRUTH(pthread_mutex_trylock(&mutex) == ENOTRECOVERABLE);
}

/* The owner is killed in another process while others sleep on the mutex. */
static void robust_in_a_process(void)
{
	pthread_mutex_t *m = map_shared(sizeof(*m));
	struct gate held = gate_make();
	pid_t owner, heir[3];
	int sum = 0;

	make_mutex(m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	owner = must_fork();
	if (owner == 0) {
		pthread_mutex_lock(m);
		gate_open(&held);
		for (;;)
			pause();
	}
	gate_wait(&held);
	for (int i = 0; i < 3; i++) {
		heir[i] = must_fork();
		if (heir[i] == 0) {
			int err = pthread_mutex_lock(m);

			if (err == EOWNERDEAD)
				pthread_mutex_consistent(m);
			pthread_mutex_unlock(m);
			_exit(err == EOWNERDEAD ? 10 : err ? 1 : 0);
		}
	}
	sleep_ms(10);
	kill(owner, SIGKILL);
	reap("owner", owner);
	for (int i = 0; i < 3; i++) {
		int status;

		waitpid(heir[i], &status, 0);
		sum += WEXITSTATUS(status);
	}
	say("one of three inherits: %d", sum);
}

static pthread_mutex_t several[5];
static void *dies_with_several(void *arg)
{
	for (int i = 0; i < 5; i++)
		pthread_mutex_lock(&several[i]);
	pthread_mutex_unlock(&several[2]);
	return arg;
}
static void several_robust(void)
{
	for (int i = 0; i < 5; i++)
		make_mutex(&several[i], PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ROBUST,
			   PTHREAD_PROCESS_PRIVATE);
	join(start(dies_with_several, NULL));
	for (int i = 0; i < 5; i++) {
		int err = pthread_mutex_lock(&several[i]);

		say("%d: %s", i, err == EOWNERDEAD ? "the owner died" : err ? "?" : "free");
	}
}

struct common {
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	pthread_spinlock_t spin;
	long counter;
	int serial;
};

static void count_in_processes(struct common *c)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			for (int n = 0; n < TURNS; n++) {
				pthread_mutex_lock(&c->mutex);
				c->counter++;
				pthread_mutex_unlock(&c->mutex);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		reap("process", pid[i]);
	say("counted to %ld", c->counter);
}
static void shared_by_processes(void)
{
	struct common *c = map_shared(sizeof(*c));

	make_mutex(&c->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
	count_in_processes(c);
}

/* ---- rwlocks ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile long left, right, torn;

static void *other_reader(void *arg)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 10);

	ERROR(pthread_rwlock_tryrdlock(&rwlock));
	ERROR(pthread_rwlock_unlock(&rwlock));
	ERROR(pthread_rwlock_trywrlock(&rwlock));
	ERROR(pthread_rwlock_timedwrlock(&rwlock, &soon));
	return arg;
}
static void *other_writer(void *arg)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 10);

	ERROR(pthread_rwlock_tryrdlock(&rwlock));
	ERROR(pthread_rwlock_timedrdlock(&rwlock, &soon));
	ERROR(pthread_rwlock_trywrlock(&rwlock));
	return arg;
}
static void rwlock_excludes(void)
{
	ERROR(pthread_rwlock_rdlock(&rwlock));
	join(start(other_reader, NULL));
	ERROR(pthread_rwlock_unlock(&rwlock));
	ERROR(pthread_rwlock_wrlock(&rwlock));
	join(start(other_writer, NULL));
	ERROR(pthread_rwlock_unlock(&rwlock));
}

static void *reads_and_writes(void *arg)
{
	for (int i = 0; i < 400; i++) {
		if (i % 8 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			left++;
			if (i % 64 == 0)
				sched_yield();
			right++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			torn += left != right;
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return arg;
}
static void readers_and_writers(void)
{
	run_threads(reads_and_writes);
	say("%ld and %ld, %ld torn", left, right, torn);
}

static void rwlock_of_processes(void)
{
	struct common *c = map_shared(sizeof(*c));
	pthread_rwlockattr_t attr;
	pid_t pid;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&c->rwlock, &attr);
	pthread_rwlock_wrlock(&c->rwlock);
	pid = must_fork();
	if (pid == 0) {
		pthread_rwlock_rdlock(&c->rwlock);
		_exit((int)c->counter);
	}
	sleep_ms(10);
	c->counter = 33;
	pthread_rwlock_unlock(&c->rwlock);
	reap("reader", pid);
}

/* ---- spinlocks, barriers, once ---- */

static pthread_spinlock_t spin;
static void *spins(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_spin_lock(&spin);
		counter++;
		pthread_spin_unlock(&spin);
	}
	return arg;
}
static void spinlock(void)
{
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	ERROR(pthread_spin_trylock(&spin));
	ERROR(pthread_spin_trylock(&spin));
	ERROR(pthread_spin_unlock(&spin));
	run_threads(spins);
	say("counted to %ld", counter);
}

static pthread_barrier_t barrier;
static int serial, arrived[20];
static void *passes(void *arg)
{
	long early = 0;

	for (int i = 0; i < 20; i++) {
		__atomic_add_fetch(&arrived[i], 1, __ATOMIC_SEQ_CST);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
		early += __atomic_load_n(&arrived[i], __ATOMIC_SEQ_CST) != THREADS;
	}
	return (void *)(early + (long)arg);
}
static void barriers(void)
{
	pthread_t thread[THREADS];
	long early = 0;

	ERROR(pthread_barrier_init(&barrier, NULL, 0));
	ERROR(pthread_barrier_init(&barrier, NULL, THREADS));
	for (int i = 0; i < THREADS; i++)
		thread[i] = start(passes, NULL);
	for (int i = 0; i < THREADS; i++)
		early += join(thread[i]);
	say("20 rounds, %d times serial, %ld early", serial, early);
}

static void barrier_of_processes(void)
{
	struct common *c = map_shared(sizeof(*c));
	pthread_barrierattr_t attr;
	pid_t pid[2];

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&c->barrier, &attr, 3);
	for (int i = 0; i < 3; i++) {
		if (i < 2 && (pid[i] = must_fork()) != 0)
			continue;
		for (int n = 0; n < 10; n++)
			if (pthread_barrier_wait(&c->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
				__atomic_add_fetch(&c->serial, 1, __ATOMIC_SEQ_CST);
		if (i < 2)
			_exit(0);
	}
	reap("first", pid[0]);
	reap("second", pid[1]);
	say("%d times serial", c->serial);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void happens_once(void)
{
	counter++;
	sleep_ms(5);
}
static void *calls_once(void *arg)
{
	pthread_once(&once, happens_once);
	return (void *)(counter + (long)arg);
}
static void just_once(void)
{
	pthread_t thread[8];
	long sum = 0;

	for (int i = 0; i < 8; i++)
		thread[i] = start(calls_once, NULL);
	for (int i = 0; i < 8; i++)
		sum += join(thread[i]);
	say("called %ld times, seen by %ld", counter, sum);
}

/* Canceled in the middle it did not happen, and the next caller does it. */
static struct gate inside;
static void blocks_the_first_time(void)
{
	if (counter++ == 0) {
		gate_open(&inside);
		for (;;)
			pause();
	}
}
static void *calls_blocking_once(void *arg)
{
	pthread_once(&once, blocks_the_first_time);
	return arg;
}
static void once_canceled(void)
{
	pthread_t thread;

	inside = gate_make();
	thread = start(calls_blocking_once, NULL);
	gate_wait(&inside);
	pthread_cancel(thread);
	say_join("first", thread);
	say_join("second", start(calls_blocking_once, NULL));
	say_join("third", start(calls_blocking_once, NULL));
	say("begun %ld times", counter);
}

int main(void)
{
	CASE(each_kind_counts);
	CASE(try_and_timed);
	CASE(recursive);
	CASE(errorcheck);
	CASE(row_of_sleepers);
	CASE(robust_in_a_thread);
	CASE(robust_given_up);
	CASE(robust_in_a_process);
	CASE(several_robust);
	CASE(shared_by_processes);
	CASE(rwlock_excludes);
	CASE(readers_and_writers);
	CASE(rwlock_of_processes);
	CASE(spinlock);
	CASE(barriers);
	CASE(barrier_of_processes);
	CASE(just_once);
	CASE(once_canceled);
	return 0;
}
