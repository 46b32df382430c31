/* New processes out of processes with threads: fork, vfork, exec, posix_spawn, and waiting for
 * them. */
#include "threads.h"

#include <spawn.h>

#define __WNOTHREAD 0x20000000
#define __WALL      0x40000000

static struct gate ready, release;
static const char *program;

static void prepare1(void)
{
	say("prepare 1");
}
static void prepare2(void)
{
	say("prepare 2");
}
static void parent1(void)
{
	say("parent 1");
}
static void parent2(void)
{
	say("parent 2");
}
static void child1(void)
{
	say("child 1");
}
static void child2(void)
{
	say("child 2");
}
/* In the reverse order before, and in order after. */
static void atfork_in_the_child(void)
{
	pid_t pid;

	pthread_atfork(prepare1, NULL, child1);
	pthread_atfork(prepare2, NULL, child2);
	pid = must_fork();
	if (pid == 0)
		_exit(3);
	reap("child", pid);
}
static void atfork_in_the_parent(void)
{
	pid_t pid;

	pthread_atfork(prepare1, parent1, NULL);
	pthread_atfork(prepare2, parent2, NULL);
	pid = must_fork();
	if (pid == 0)
		_exit(5);
	reap("child", pid);
}

/* The others do not live on in the child, and what they held stays held. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long spun;
static void *holds(void *arg)
{
	pthread_mutex_lock(&mutex);
	gate_open(&ready);
	gate_wait(&release);
	pthread_mutex_unlock(&mutex);
	return arg;
}
static void *forks(void *arg)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		long before = *(volatile long *)&spun;

		sleep_ms(20);
		TRUTH(*(volatile long *)&spun == before);
		TRUTH(own_tid() == getpid());
		ERROR(pthread_mutex_trylock(&mutex));
		_exit(6);
	}
	reap("child", pid);
	return arg;
}
static void only_the_caller_lives(void)
{
	pthread_t holder;

	ready = gate_make();
	release = gate_make();
	holder = start(holds, NULL);
	gate_wait(&ready);
	start(spins_on, &spun);
	while (*(volatile long *)&spun == 0)
		sched_yield();
	join(start(forks, NULL));
	gate_open(&release);
	join(holder);
	ERROR(pthread_mutex_trylock(&mutex));
}

static void lock_it(void)
{
	pthread_mutex_lock(&mutex);
}
static void unlock_it(void)
{
	pthread_mutex_unlock(&mutex);
}
static int stop;
static void *locks_all_the_time(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}
/* With handlers that take it, the child always finds the mutex usable. */
static void locks_across_fork(void)
{
	pthread_t thread[2];
	int good = 0, status;

	pthread_atfork(lock_it, unlock_it, unlock_it);
	for (int i = 0; i < 2; i++)
		thread[i] = start(locks_all_the_time, NULL);
	for (int i = 0; i < 20; i++) {
		pid_t pid = must_fork();

		if (pid == 0)
			_exit(pthread_mutex_lock(&mutex) == 0 ? 9 : 1);
		waitpid(pid, &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 9;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	join(thread[0]);
	join(thread[1]);
	say("%d of 20 could lock", good);
}

static void *adds(void *arg)
{
	return (void *)((long)arg + 1);
}
/* The child of a thread has threads again. */
static void *forks_with_threads(void *arg)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		long sum = 0;

		for (long i = 0; i < 4; i++)
			sum += join(start(adds, (void *)i));
		exit((int)sum);
	}
	reap("child", pid);
	return arg;
}
static void threads_in_the_child(void)
{
	start(sleeps_on, NULL);
	join(start(forks_with_threads, NULL));
}

/* All fork at once, and the allocator is used meanwhile. */
static void *forks_and_allocates(void *arg)
{
	long good = 0;

	for (int i = 0; i < 10; i++) {
		int status = -1;
		char *before = malloc(1000);
		pid_t pid = must_fork();

		if (pid == 0) {
			char *p = malloc(5000);

			memset(p, 1, 5000);
			_exit(p ? 1 : 2);
		}
		free(before);
		waitpid(pid, &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	return (void *)(good + (long)arg);
}
static void all_fork_at_once(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		thread[i] = start(forks_and_allocates, NULL);
	for (int i = 0; i < 4; i++)
		say_join("good", thread[i]);
}

/* ---- exec ---- */

#define SKIP_9  " %*d %*d %*d %*d %*d %*d %*d %*d %*d"
#define SKIP_18 SKIP_9 SKIP_9

/* When this process started: proc(5), field 22 of stat. */
static unsigned long start_time(void)
{
	unsigned long ticks = 0;
	FILE *f = fopen("/proc/self/stat", "r");

	if (f && fscanf(f, "%*[^)]) %*c" SKIP_18 "%lu", &ticks) != 1)
		say("stat: %s", error_name(errno));
	if (f)
		fclose(f);
	return ticks;
}

static void *executes(void *arg)
{
	char pid[16], start[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(start, sizeof(start), "%lu", start_time());
	execl(program, program, pid, start, (char *)NULL);
	return arg;
}
static void exec_by_a_thread(void)
{
	start(sleeps_on, NULL);
	start(spins_on, &spun);
	usleep(50000); /* so long after its process starts the thread that execs */
	join(start(executes, NULL));
}
static void exec_by_the_leader(void)
{
	start(sleeps_on, NULL);
	start(spins_on, &spun);
	executes(NULL);
}
static pthread_barrier_t all_are_there;
static void *executes_with_all(void *arg)
{
	pthread_barrier_wait(&all_are_there);
	return executes(arg);
}
/* One wins. */
static void exec_by_all(void)
{
	pthread_barrier_init(&all_are_there, NULL, 5);
	for (int i = 0; i < 4; i++)
		start(executes_with_all, NULL);
	executes_with_all(NULL);
}
static void *fails_to_execute(void *arg)
{
	WHETHER(execl("/does/not/exist", "x", (char *)NULL));
	return arg;
}
static void exec_that_fails(void)
{
	pthread_t other = start(adds, (void *)8);

	join(start(fails_to_execute, NULL));
	say_join("the others live", other);
}
static void exec_after_the_leader(void)
{
	start(executes, NULL);
	pthread_exit(NULL);
}

/* ---- vfork and posix_spawn ---- */

static volatile long vfork_word;
static void *vforks(void *arg)
{
	pid_t pid = vfork();

	if (pid == 0) {
		vfork_word = 44;
		while (*(volatile long *)&spun < 100000)
			; /* only the thread that called waits for us */
		_exit(7);
	}
	reap("vfork child", pid);
	return arg;
}
static void vfork_by_a_thread(void)
{
	start(spins_on, &spun);
	join(start(vforks, NULL));
	say("it wrote %ld", vfork_word);
}

static void *spawns(void *arg)
{
	char *argv[] = {(char *)program, "exit", NULL};
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int err;

	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	err = posix_spawn(&pid, program, NULL, &attr, argv, NULL);
	if (err)
		return (void *)(long)-err;
	waitpid(pid, &err, 0);
	return (void *)(long)(WEXITSTATUS(err) + (long)arg);
}
static void spawn_by_threads(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		thread[i] = start(spawns, NULL);
	for (int i = 0; i < 4; i++)
		say_join("spawned", thread[i]);
}

/* ---- waiting ---- */

static void *makes_child(void *arg)
{
	pid_t *pid = arg;

	*pid = must_fork();
	if (*pid == 0)
		_exit(21);
	gate_open(&ready);
	gate_wait(&release);
	return NULL;
}
static long wait_raw(pid_t pid, int *status, int options)
{
	return syscall(SYS_wait4, pid, status, options, NULL);
}
/* A thread may wait for another's children, unless it asks for its own only. */
static void children_of_another(void)
{
	int status = 0;
	pthread_t maker;
	pid_t pid;

	ready = gate_make();
	release = gate_make();
	maker = start(makes_child, &pid);
	gate_wait(&ready);
	RESULT(wait_raw(-1, &status, __WNOTHREAD));
	RESULT(wait_raw(pid, &status, __WNOTHREAD | WNOHANG));
	TRUTH(wait_raw(pid, &status, __WALL) == pid);
	say_status("child", status);
	gate_open(&release);
	join(maker);
}

/* When the thread that made it has gone, the child goes to another thread of the same process. */
static void child_of_a_gone_thread(void)
{
	pid_t pid, got;
	int status = 0;

	ready = gate_make();
	release = gate_make();
	gate_open(&release);
	join(start(makes_child, &pid));
	while ((got = (pid_t)wait_raw(pid, &status, __WNOTHREAD)) < 0 && errno == ECHILD)
		sleep_ms(1); /* it is joined a little before it is gone */
	TRUTH(got == pid);
	say_status("child", status);
}

static void *tells_parent(void *arg)
{
	pid_t pid = must_fork();

	if (pid == 0)
		_exit(getppid() == *(pid_t *)arg ? 31 : 32);
	reap("child", pid);
	return NULL;
}
static void parent_is_the_process(void)
{
	pid_t pid = getpid();

	join(start(tells_parent, &pid));
}

static void *waits_for_any(void *arg)
{
	long sum = 0;
	int status;

	(void)arg;
	while (waitpid(-1, &status, 0) > 0)
		sum += WEXITSTATUS(status);
	return (void *)sum;
}
/* Several threads wait for the same children: each child is reaped by one. */
static void all_wait_for_any(void)
{
	pthread_t thread[3];

	for (int i = 1; i <= 12; i++)
		if (must_fork() == 0) {
			sleep_ms(i);
			_exit(i);
		}
	for (int i = 0; i < 3; i++)
		thread[i] = start(waits_for_any, NULL);
	say("sum %ld", join(thread[0]) + join(thread[1]) + join(thread[2]));
}

/* The process has ended when its last thread has, and not before. */
static void *ends_later(void *arg)
{
	gate_wait(&release);
	_exit((int)(long)arg);
}
static void not_before_the_last(void)
{
	int status;
	pid_t pid;

	release = gate_make();
	pid = must_fork();
	if (pid == 0) {
		start(ends_later, (void *)17);
		syscall(SYS_exit, 0);
	}
	sleep_ms(20);
	RESULT(waitpid(pid, &status, WNOHANG));
	gate_open(&release);
	reap("process", pid);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 23;
	if (argc == 3) {
		TRUTH(atoi(argv[1]) == getpid());
		TRUTH(strtoul(argv[2], NULL, 10) == start_time());
		TRUTH(own_tid() == getpid());
		return 24;
	}
	CASE(atfork_in_the_child);
	CASE(atfork_in_the_parent);
	CASE(only_the_caller_lives);
	CASE(locks_across_fork);
	CASE(threads_in_the_child);
	CASE(all_fork_at_once);
	CASE(exec_by_a_thread);
	CASE(exec_by_the_leader);
	CASE(exec_by_all);
	CASE(exec_that_fails);
	CASE(exec_after_the_leader);
	CASE(vfork_by_a_thread);
	CASE(spawn_by_threads);
	CASE(children_of_another);
	CASE(child_of_a_gone_thread);
	CASE(parent_is_the_process);
	CASE(all_wait_for_any);
	CASE(not_before_the_last);
	return 0;
}
