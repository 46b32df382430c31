/* The life of a thread: its stack, its variables, its number, its end, and that of the process. */
#include "threads.h"

static struct gate ready, release;

static void *returns(void *arg)
{
	return arg;
}
static void *waits(void *arg)
{
	gate_open(&ready);
	gate_wait(&release);
	return arg;
}
static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return arg;
}
static void prepare(void)
{
	ready = gate_make();
	release = gate_make();
}

static void joining(void)
{
	struct timespec soon = ms_from_now(CLOCK_REALTIME, 20);
	pthread_t thread;
	void *result;

	prepare();
	thread = start(waits, (void *)5);
	gate_wait(&ready);
	ERROR(pthread_tryjoin_np(thread, &result));
	ERROR(pthread_timedjoin_np(thread, &result, &soon));
	gate_open(&release);
	say_join("thread", thread);
	say_join("value", start(returns, (void *)-7));
}

/* Nobody joins them: they clean up after themselves. */
static int finished;
static void *finishes(void *arg)
{
	pthread_detach(pthread_self());
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	return arg;
}
static void detached(void)
{
	pthread_attr_t attr;
	int state = -1;

	ERROR(pthread_attr_init(&attr));
	ERROR(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	ERROR(pthread_attr_getdetachstate(&attr, &state));
	TRUTH(state == PTHREAD_CREATE_DETACHED);
	prepare();
	for (int i = 0; i < 10; i++)
		start_with(&attr, waits, NULL);
	for (int i = 0; i < 10; i++)
		gate_wait(&ready);
	for (int i = 0; i < 10; i++)
		gate_open(&release);
	for (int i = 0; i < 10; i++)
		start(finishes, NULL);
	while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < 10)
		sleep_ms(1);
	say("all %d have finished", finished);
}

/* ---- stacks ---- */

static void *uses_stack(void *arg)
{
	volatile char big[200 * 1024];

	for (size_t i = 0; i < sizeof(big); i += 512)
		big[i] = (char)i;
	return (void *)(big[512 * 3] + (long)arg);
}
static void stack_size(void)
{
	pthread_attr_t attr;
	size_t size = 0;

	pthread_attr_init(&attr);
	ERROR(pthread_attr_setstacksize(&attr, 100));
	ERROR(pthread_attr_setstacksize(&attr, 256 * 1024));
	ERROR(pthread_attr_getstacksize(&attr, &size));
	say("%zu", size);
	say_join("thread", start_with(&attr, uses_stack, NULL));
}

static char own_stack[128 * 1024] __attribute__((aligned(4096)));
static void *where(void *arg)
{
	char here;

	(void)arg;
	return (void *)(long)(&here >= own_stack && &here < own_stack + sizeof(own_stack));
}
static void stack_of_ours(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	ERROR(pthread_attr_setstack(&attr, own_stack, sizeof(own_stack)));
	say_join("on it", start_with(&attr, where, NULL));
	say_join("and again", start_with(&attr, where, NULL));
}

static char *stack_bottom; /* the guard lies below */
static void overflowed(int sig, siginfo_t *si, void *context)
{
	char *at = si->si_addr;

	(void)context;
	say("%s, in the guard: %s", signal_name(sig),
	    at < stack_bottom && at >= stack_bottom - 65536 ? "yes" : "NO");
	_exit(12);
}
static volatile int depth;
static int recurse(int n)
{
	volatile char frame[1000];

	frame[n % 1000] = (char)n;
	if (n == depth)
		return n;
	return recurse(n + 1) + frame[n % 1000];
}
static void *overflows(void *arg)
{
	stack_t alternate = {.ss_sp = malloc(65536), .ss_size = 65536};
	pthread_attr_t attr;
	size_t size;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, (void **)&stack_bottom, &size);
	sigaltstack(&alternate, NULL);
	depth = -1;
	return (void *)(recurse(0) + (long)arg);
}
static void stack_overflow(void)
{
	struct sigaction action = {.sa_sigaction = overflowed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	pthread_attr_t attr;

	sigaction(SIGSEGV, &action, NULL);
	pthread_attr_init(&attr);
	ERROR(pthread_attr_setguardsize(&attr, 65536));
	ERROR(pthread_attr_setstacksize(&attr, 256 * 1024));
	say_join("overflow", start_with(&attr, overflows, NULL));
}
/* Without an alternate stack there is nowhere to say so. */
static void stack_overflow_unhandled(void)
{
	depth = -1;
	signal(SIGSEGV, SIG_IGN);
	start(sleeps, NULL);
	recurse(0);
}

/* ---- many ---- */

static void two_hundred(void)
{
	static pthread_t thread[200];
	pthread_attr_t attr;
	long sum = 0;

	prepare();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (long i = 0; i < 200; i++)
		thread[i] = start_with(&attr, waits, (void *)i);
	for (int i = 0; i < 200; i++)
		gate_wait(&ready);
	for (int i = 0; i < 200; i++)
		gate_open(&release);
	for (int i = 0; i < 200; i++)
		sum += join(thread[i]);
	say("sum %ld", sum);
}

static void *tells_tid(void *arg)
{
	*(pid_t *)arg = own_tid();
	return NULL;
}
/* One after the other, as fast as it goes: each has a number of its own, which is not the
 * process's. */
static void one_after_the_other(void)
{
	static pid_t tid[200];
	int same = 0;

	for (int i = 0; i < 200; i++)
		join(start(tells_tid, &tid[i]));
	for (int i = 1; i < 200; i++)
		same += tid[i] == tid[i - 1] || tid[i] == getpid() || tid[i] <= 0;
	say("%d numbers used twice in a row", same);
}

static void *starts_next(void *arg)
{
	long left = (long)arg;

	if (left == 0)
		return NULL;
	return (void *)(1 + join(start(starts_next, (void *)(left - 1))));
}
static void each_starts_the_next(void)
{
	say_join("generations", start(starts_next, (void *)30));
}

/* ---- variables ---- */

static pthread_key_t key[3];
static int destroyed[3];
static void destroy(void *value)
{
	int i = (int)(long)value;

	destroyed[i]++;
	if (i > 0) /* set again: again destroyed, PTHREAD_DESTRUCTOR_ITERATIONS times at most */
		pthread_setspecific(key[i], value);
}
static void *sets_keys(void *arg)
{
	for (long i = 0; i < 3; i++) {
		TRUTH(!pthread_getspecific(key[i]));
		ERROR(pthread_setspecific(key[i], (void *)i));
	}
	ERROR(pthread_setspecific(key[0], NULL));
	return arg;
}
static void keys_and_destructors(void)
{
	for (int i = 0; i < 3; i++)
		ERROR(pthread_key_create(&key[i], destroy));
	ERROR(pthread_setspecific(key[1], (void *)1));
	join(start(sets_keys, NULL));
	say("destroyed %d, %d, %d times", destroyed[0], destroyed[1], destroyed[2]);
	TRUTH(pthread_getspecific(key[1]) == (void *)1);
	ERROR(pthread_key_delete(key[1]));
}
static void all_keys(void)
{
	pthread_key_t k;
	int n = 0, err;

	while ((err = pthread_key_create(&k, NULL)) == 0)
		n++;
	say("%d keys, then %s", n, error_name(err));
}

static __thread int with_value = 41;
static __thread char zeroed[5000];
static __thread long aligned __attribute__((aligned(256))) = 17;
static _Thread_local const char *text = "each has its own";
static void *changes_variables(void *arg)
{
	static _Thread_local int calls = 10;
	int nonzero = 0;

	for (size_t i = 0; i < sizeof(zeroed); i++)
		nonzero += zeroed[i] != 0;
	memset(zeroed, 1, sizeof(zeroed));
	calls++;
	return (void *)(long)(with_value++ + nonzero + calls + aligned++ + (long)strlen(text) +
			      ((uintptr_t)&aligned % 256 != 0) + (long)arg);
}
static void thread_variables(void)
{
	pthread_t thread[4];

	with_value = 1;
	text = "";
	for (int i = 0; i < 4; i++)
		thread[i] = start(changes_variables, NULL);
	for (int i = 0; i < 4; i++)
		say_join("thread", thread[i]);
	say("ours: %d, %s, %ld", with_value, text, aligned);
}

static __thread int constructed = 1;
static int order;
static void *constructs(void *arg)
{
	return (void *)(long)(++constructed + (long)arg);
}
__attribute__((constructor(200))) static void second(void)
{
	constructed = order = order * 10 + 2;
}
__attribute__((constructor(101))) static void first(void)
{
	pthread_t thread;

	order = order * 10 + 1;
	if (pthread_create(&thread, NULL, constructs, NULL) == 0) /* before main() */
		order += (int)join(thread);
}
static void constructors(void)
{
	say("order %d, ours %d", order, constructed);
	say_join("another's", start(constructs, NULL));
}

/* ---- what is counted and set for each thread ---- */

static long micros(const struct timeval *tv)
{
	return tv->tv_sec * 1000000 + tv->tv_usec;
}
static void *burns(void *arg)
{
	struct rusage own, all;

	do
		getrusage(RUSAGE_THREAD, &own);
	while (micros(&own.ru_utime) + micros(&own.ru_stime) < 30000);
	getrusage(RUSAGE_SELF, &all);
	TRUTH(micros(&all.ru_utime) + micros(&all.ru_stime) >= 30000);
	return arg;
}
static void usage_of_a_thread(void)
{
	struct rusage own, all;

	join(start(burns, NULL));
	getrusage(RUSAGE_THREAD, &own);
	getrusage(RUSAGE_SELF, &all);
	TRUTH(micros(&all.ru_utime) + micros(&all.ru_stime) >= 30000);
	TRUTH(micros(&own.ru_utime) + micros(&own.ru_stime) < 30000);
}

static void *binds_itself(void *arg)
{
	cpu_set_t set, got;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	RESULT(sched_setaffinity(0, sizeof(set), &set));
	ERROR(pthread_getaffinity_np(pthread_self(), sizeof(got), &got));
	TRUTH(CPU_EQUAL(&set, &got));
	TRUTH(sched_getcpu() == 0);
	return arg;
}
static void affinity_of_a_thread(void)
{
	cpu_set_t before, after;

	sched_getaffinity(0, sizeof(before), &before);
	join(start(binds_itself, NULL));
	sched_getaffinity(0, sizeof(after), &after);
	TRUTH(CPU_EQUAL(&before, &after));
}

static void *looks_at_fpu(void *arg)
{
	volatile double x = 1;

	for (int i = 1; i < 2000; i++) {
		x = x * (double)(long)arg + 1 / (double)i;
		x = x / (double)(long)arg;
		if (i % 50 == 0)
			sched_yield();
	}
	return (void *)(long)(x * 1000);
}
static void floating_point(void)
{
	pthread_t thread[6];

	for (long i = 0; i < 6; i++)
		thread[i] = start(looks_at_fpu, (void *)(i + 1));
	for (int i = 0; i < 6; i++)
		say_join("thread", thread[i]);
}

/* ---- the end ---- */

static pid_t leader;
static void *speaks_last(void *arg)
{
	sleep_ms(20);
	/* The leader has gone, its number has not. */
	RESULT(kill(leader, 0));
	TRUTH(getpid() == leader);
#ifndef __GLIBC__
	_exit(0); /* musl 1.2.3 may hang in exit() here, on Linux too */
#endif
	return arg;
}
static void main_exits_first(void)
{
	leader = getpid();
	start(speaks_last, NULL);
	pthread_exit(NULL);
}

static void *reads(void *arg)
{
	char c;

	gate_open(&ready);
	(void)!read(release.fd[0], &c, 1);
	return arg;
}
static void *locks(void *arg)
{
	gate_open(&ready);
	pthread_mutex_lock(arg);
	return NULL;
}
static void *waits_for_child(void *arg)
{
	gate_open(&ready);
	waitpid(*(pid_t *)arg, NULL, 0);
	return NULL;
}
static void *sleeps_long(void *arg)
{
	gate_open(&ready);
	sleep_ms(1000000);
	return arg;
}
static void *spins(void *arg)
{
	gate_open(&ready);
	for (;;)
		*(volatile char *)arg += 1;
	return NULL;
}
static void *exits_all(void *arg)
{
	sleep_ms(10);
	_exit((int)(long)arg);
}
/* Wherever they are, exit_group takes them along. */
static void exit_while_others_block(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static char spun;
	pid_t child = must_fork();

	if (child == 0)
		for (;;)
			pause();
	prepare();
	pthread_mutex_lock(&mutex);
	start(reads, NULL);
	start(locks, &mutex);
	start(waits_for_child, &child);
	start(sleeps_long, NULL);
	start(spins, &spun);
	for (int i = 0; i < 5; i++)
		gate_wait(&ready);
	kill(child, SIGTERM);
	start(exits_all, (void *)61);
	start(exits_all, (void *)61);
	for (;;)
		pause();
}
static void *exits_alone(void *arg)
{
	syscall(SYS_exit, 5);
	return arg;
}
/* The status of the last thread is that of the process, if nobody said exit_group. */
static void last_status(void)
{
	start(exits_alone, NULL);
	sleep_ms(20);
	syscall(SYS_exit, 6);
}
static void *exits_alone_later(void *arg)
{
	sleep_ms(20);
	syscall(SYS_exit, 5);
	return arg;
}
static void last_status_of_another(void)
{
	start(exits_alone_later, NULL);
	syscall(SYS_exit, 6);
}

#ifdef __GLIBC__
static int at_exit_runs;
static void runs_at_exit(void)
{
	say("at exit, run %d", ++at_exit_runs);
}
static void *returns_last(void *arg)
{
	sleep_ms(20);
	return arg;
}
static void exit_handlers_of_the_last(void)
{
	atexit(runs_at_exit);
	start(returns_last, NULL);
	pthread_exit(NULL);
}
#endif

int main(void)
{
	CASE(joining);
	CASE(detached);
	CASE(stack_size);
	CASE(stack_of_ours);
	CASE(stack_overflow);
	CASE(stack_overflow_unhandled);
	CASE(two_hundred);
	CASE(one_after_the_other);
	CASE(each_starts_the_next);
	CASE(keys_and_destructors);
	CASE(all_keys);
	CASE(thread_variables);
	CASE(constructors);
	CASE(usage_of_a_thread);
	CASE(affinity_of_a_thread);
	CASE(floating_point);
	CASE(main_exits_first);
	CASE(exit_while_others_block);
	CASE(last_status);
	CASE(last_status_of_another);
#ifdef __GLIBC__
	CASE(exit_handlers_of_the_last);
#endif
	return 0;
}
