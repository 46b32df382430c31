/* The C library's threads, on clone, futex and the kernel's care for thread groups. */
#include "check.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int counter, turn;
static __thread int own = 1;

static void *count(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		if (i % 100 == 0)
			sched_yield();
	}
	own += (int)(long)arg;
	return (void *)(long)own;
}

static void check_counting(void)
{
	pthread_t thread[4];
	long sum = 0;

	for (long i = 0; i < 4; i++) {
		int err = pthread_create(&thread[i], NULL, count, (void *)i);
		if (err) {
			say("pthread_create: %s", error_name(err));
			_exit(1);
		}
	}
	for (int i = 0; i < 4; i++) {
		void *result;
		pthread_join(thread[i], &result);
		sum += (long)result;
	}
	say("counted to %d, own variables sum to %ld, ours is %d", counter, sum, own);
}

static void *answer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != 1)
			pthread_cond_wait(&condition, &mutex);
		turn = 0;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void check_turns(void)
{
	pthread_t thread;
	int rounds = 0;

	pthread_create(&thread, NULL, answer, NULL);
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != 0)
			pthread_cond_wait(&condition, &mutex);
		turn = 1;
		rounds++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	pthread_join(thread, NULL);
	say("%d rounds of ping-pong", rounds);
}

static void *sleep_forever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* exit_group takes the sleeping threads along. */
static void exits_with_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, sleep_forever, NULL);
	_exit(44);
}

static void *exits_the_group(void *arg)
{
	(void)arg;
	sleep_ms(20);
	_exit(45);
}
static void thread_exits(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exits_the_group, NULL);
	for (;;)
		pause();
}

/* The leader goes first: the process ends with its last thread. */
static void *ends_last(void *arg)
{
	(void)arg;
	sleep_ms(60);
	say("the last thread speaks");
	_exit(49);
}
static void leader_first(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, ends_last, NULL);
	syscall(SYS_exit, 1);
}

static void killed_with_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, sleep_forever, NULL);
	sleep_ms(20);
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}

static void *faults(void *arg)
{
	(void)arg;
	*(volatile int *)8 = 1;
	return NULL;
}
static void thread_faults(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, faults, NULL);
	for (;;)
		pause();
}

/* Another thread than the leader replaces the program: the pid stays. */
static const char *program;
static void *executes(void *arg)
{
	execl(program, program, (char *)arg, (char *)NULL);
	_exit(1);
}
static void thread_executes(void)
{
	pthread_t thread;
	static char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	pthread_create(&thread, NULL, executes, pid);
	for (;;)
		pause();
}

/* fork() in a thread: the child has that thread alone. */
static void *forks(void *arg)
{
	pid_t pid = must_fork();

	if (pid == 0)
		_exit((pid_t)syscall(SYS_gettid) == getpid() ? 46 : 1);
	reap("fork in a thread", pid);
	return arg;
}
static void thread_forks(void)
{
	pthread_t thread, other;

	pthread_create(&other, NULL, sleep_forever, NULL);
	pthread_create(&thread, NULL, forks, NULL);
	pthread_join(thread, NULL);
	_exit(0);
}

static void check_waiting_for_others_children(void)
{
	/* A thread may wait for the child that another thread made. */
	pthread_t thread;

	pthread_create(&thread, NULL, forks, NULL);
	pthread_join(thread, NULL);
	pid_t pid = must_fork();
	if (pid == 0)
		_exit(47);
	reap("child of the leader", pid);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 2) {
		say("exec by a thread: same pid: %s", atoi(argv[1]) == getpid() ? "yes" : "NO");
		return 48;
	}
	check_counting();
	check_turns();
	in_child("exit with threads", exits_with_threads);
	in_child("exit by a thread", thread_exits);
	in_child("leader first", leader_first);
	in_child("killed", killed_with_threads);
	in_child("fault in a thread", thread_faults);
	in_child("exec by a thread", thread_executes);
	in_child("fork by a thread", thread_forks);
	check_waiting_for_others_children();
	return 0;
}
