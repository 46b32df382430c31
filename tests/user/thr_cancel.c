/* pthread_cancel() in all the places where a thread can be, and what is cleaned up on the way out.
 */
#include "threads.h"

#include <semaphore.h>

static struct gate ready;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void cleaned(void *what)
{
	say("cleaning up %s", (char *)what);
}

/* What the thread says comes before what we say. */
static void cancel_and_join(pthread_t thread)
{
	int err = pthread_cancel(thread);

	say_join("thread", thread);
	say_error("pthread_cancel", err);
}

/* Start, wait until it says that it is about to block, give it a moment, cancel. Whether it blocks
 * by then does not change what is printed. */
static void cancel_in(void *(*fn)(void *))
{
	pthread_t thread;

	ready = gate_make();
	thread = start(fn, NULL);
	gate_wait(&ready);
	sleep_ms(10);
	cancel_and_join(thread);
}

static void *reads(void *arg)
{
	struct gate never = gate_make();
	char c;

	pthread_cleanup_push(cleaned, "a read");
	gate_open(&ready);
	(void)!read(never.fd[0], &c, 1);
	pthread_cleanup_pop(0);
	return arg;
}
static void in_read(void)
{
	cancel_in(reads);
}

static void *sleeps(void *arg)
{
	struct timespec long_time = {.tv_sec = 1000};

	pthread_cleanup_push(cleaned, "a sleep");
	gate_open(&ready);
	nanosleep(&long_time, NULL);
	pthread_cleanup_pop(0);
	return arg;
}
static void in_nanosleep(void)
{
	cancel_in(sleeps);
}

/* The mutex is locked again before the handlers run. */
static void unlocks(void *arg)
{
	say_error("a stranger's trylock", pthread_mutex_trylock(arg));
	say_error("unlock", pthread_mutex_unlock(arg));
}
static void *waits_for_condition(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlocks, &mutex);
	gate_open(&ready);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
	pthread_cleanup_pop(0);
	return arg;
}
static void in_cond_wait(void)
{
	cancel_in(waits_for_condition);
	ERROR(pthread_mutex_trylock(&mutex));
}

static void *waits_for_condition_for_long(void *arg)
{
	struct timespec later = ms_from_now(CLOCK_REALTIME, 1000000);

	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlocks, &mutex);
	gate_open(&ready);
	while (pthread_cond_timedwait(&condition, &mutex, &later) == 0)
		;
	pthread_cleanup_pop(0);
	return arg;
}
static void in_cond_timedwait(void)
{
	cancel_in(waits_for_condition_for_long);
	ERROR(pthread_mutex_trylock(&mutex));
}

static struct gate release;
static void *released(void *arg)
{
	gate_wait(&release);
	return arg;
}
static void *joins(void *arg)
{
	pthread_cleanup_push(cleaned, "a join");
	gate_open(&ready);
	pthread_join(*(pthread_t *)arg, NULL);
	pthread_cleanup_pop(0);
	return NULL;
}
/* Who was waited for can still be joined. */
static void in_join(void)
{
	pthread_t thread, joiner;

	ready = gate_make();
	release = gate_make();
	thread = start(released, (void *)7);
	joiner = start(joins, &thread);
	gate_wait(&ready);
	sleep_ms(10);
	cancel_and_join(joiner);
	gate_open(&release);
	say_join("thread", thread);
}

static void *waits_for_semaphore(void *arg)
{
	sem_t sem;

	sem_init(&sem, 0, 0);
	pthread_cleanup_push(cleaned, "a semaphore");
	gate_open(&ready);
	sem_wait(&sem);
	pthread_cleanup_pop(0);
	return arg;
}
static void in_sem_wait(void)
{
	cancel_in(waits_for_semaphore);
}

static void *pauses(void *arg)
{
	gate_open(&ready);
	pause();
	return arg;
}
static void in_pause(void)
{
	cancel_in(pauses);
}

static void *waits_for_signal(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	gate_open(&ready);
	sigwait(&set, &sig);
	return arg;
}
static void in_sigwait(void)
{
	cancel_in(waits_for_signal);
}

static void *waits_for_child(void *arg)
{
	gate_open(&ready);
	waitpid(*(pid_t *)arg, NULL, 0);
	return NULL;
}
static void in_waitpid(void)
{
	pid_t pid = must_fork();
	pthread_t thread;

	if (pid == 0)
		for (;;)
			pause();
	ready = gate_make();
	thread = start(waits_for_child, &pid);
	gate_wait(&ready);
	sleep_ms(10);
	cancel_and_join(thread);
	kill(pid, SIGKILL);
	reap("the child", pid);
}

/* Held back while it is disabled, and taken at the next point after. */
static volatile int reached;
static void *disables(void *arg)
{
	int old;

	ERROR(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	TRUTH(old == PTHREAD_CANCEL_ENABLE);
	gate_open(&ready);
	gate_wait(&release);
	sleep_ms(1);
	pthread_testcancel();
	say("not yet");
	reached = 1;
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	reached = 2;
	return arg;
}
static void held_back(void)
{
	pthread_t thread;

	ready = gate_make();
	release = gate_make();
	thread = start(disables, NULL);
	gate_wait(&ready);
	ERROR(pthread_cancel(thread));
	gate_open(&release);
	say_join("thread", thread);
	say("reached %d", reached);
}

static volatile long turns;
static void *spins(void *arg)
{
	gate_open(&ready);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		turns++;
	return arg;
}
static void asynchronous(void)
{
	cancel_in(spins);
}

static void *nests(void *arg)
{
	pthread_cleanup_push(cleaned, "one");
	pthread_cleanup_push(cleaned, "two");
	pthread_cleanup_push(cleaned, "three");
	pthread_cleanup_pop(1);
	pthread_cleanup_push(cleaned, "four");
	pthread_cleanup_pop(0);
	pthread_exit((void *)5);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return arg;
}
static void handlers_in_order(void)
{
	say_join("thread", start(nests, NULL));
}

static void *cancels_itself(void *arg)
{
	pthread_cancel(pthread_self());
	reached = 1;
	pthread_testcancel();
	reached = 2;
	return arg;
}
static void itself(void)
{
	say_join("thread", start(cancels_itself, NULL));
	say("reached %d", reached);
}

/* All at once, in the same futex. */
static void many(void)
{
	pthread_t thread[20];
	int canceled = 0;

	ready = gate_make();
	for (int i = 0; i < 20; i++)
		thread[i] = start(pauses, NULL);
	for (int i = 0; i < 20; i++)
		pthread_cancel(thread[i]);
	for (int i = 0; i < 20; i++)
		canceled += join(thread[i]) == (long)PTHREAD_CANCELED;
	say("%d canceled", canceled);
}

int main(void)
{
	CASE(in_read);
	CASE(in_nanosleep);
	CASE(in_cond_wait);
	CASE(in_cond_timedwait);
	CASE(in_join);
	CASE(in_sem_wait);
	CASE(in_pause);
	CASE(in_sigwait);
	CASE(in_waitpid);
	CASE(held_back);
	CASE(asynchronous);
	CASE(handlers_in_order);
	CASE(itself);
	CASE(many);
	return 0;
}
