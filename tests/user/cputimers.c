/* CPU-time clocks, the timers on them, and RLIMIT_CPU. */
#include "check.h"

#include <pthread.h>
#include <sys/time.h>

static volatile sig_atomic_t signals, last_value;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	signals++;
	last_value = info->si_value.sival_int;
}

static void catch (int sig)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	signals = 0;
	sigaction(sig, &act, NULL);
}

static long long now(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) == 0 ? ts.tv_sec * 1000000000LL + ts.tv_nsec : -1;
}

static void burn_ms(long ms)
{
	long long until = now(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000LL;

	while (now(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

static long create(clockid_t clock, int sig, int value, int *id)
{
	struct sigevent ev;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = sig;
	ev.sigev_value.sival_int = value;
	return syscall(SYS_timer_create, clock, &ev, id);
}

static long set(int id, long first_ms, long interval_ms, int flags)
{
	struct itimerspec val = {.it_value = {first_ms / 1000, first_ms % 1000 * 1000000},
				 .it_interval = {0, interval_ms * 1000000}};

	return syscall(SYS_timer_settime, id, flags, &val, NULL);
}

/* Exact: less than a tick is seen, and sleep costs nothing. */
static void exact(void)
{
	int small_steps = 0;

	for (int i = 0; i < 20; i++) {
		long long before = now(CLOCK_THREAD_CPUTIME_ID), after;

		for (volatile int k = 0; k < 1000; k++)
			;
		after = now(CLOCK_THREAD_CPUTIME_ID);
		small_steps += after > before && after - before < 4000000;
	}
	TRUTH(small_steps >= 10);
	long long before = now(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(100);
	TRUTH(now(CLOCK_PROCESS_CPUTIME_ID) - before < 50000000);
	long long wall = now(CLOCK_MONOTONIC);
	before = now(CLOCK_PROCESS_CPUTIME_ID);
	burn_ms(50);
	TRUTH(now(CLOCK_PROCESS_CPUTIME_ID) - before >= 50000000);
	TRUTH(now(CLOCK_MONOTONIC) - wall >= 50000000);
}

static void dynamic_ids(void)
{
	struct timespec ts;
	clockid_t mine, thread, parent;
	struct gate g = gate_make();
	pid_t pid;

	RESULT(clock_getcpuclockid(0, &mine));
	RESULT(clock_getcpuclockid(getpid(), &mine));
	RESULT(clock_getcpuclockid(getppid(), &parent));
	RESULT(pthread_getcpuclockid(pthread_self(), &thread));
	burn_ms(10);
	long long a = now(CLOCK_PROCESS_CPUTIME_ID), b = now(mine),
		  c = now(CLOCK_PROCESS_CPUTIME_ID);
	TRUTH(a <= b && b <= c);
	a = now(CLOCK_THREAD_CPUTIME_ID), b = now(thread), c = now(CLOCK_THREAD_CPUTIME_ID);
	TRUTH(a <= b && b <= c);
	TRUTH(now(parent) >= 0);
	RESULT(clock_getres(mine, &ts));
	say("%ld.%09ld", (long)ts.tv_sec, (long)ts.tv_nsec);
	RESULT(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &ts));
	say("%ld.%09ld", (long)ts.tv_sec, (long)ts.tv_nsec);
	RESULT(clock_getcpuclockid(4000000, &mine) != 0);
	RESULT(syscall(SYS_clock_gettime, -1, &ts)); /* a clock of a file: there is none */
	RESULT(syscall(SYS_clock_gettime, (~4000000u << 3) | 2, &ts));
	RESULT(syscall(SYS_clock_gettime, (~(unsigned)getppid() << 3) | 6, &ts)); /* its thread */
	pid = must_fork();
	if (pid == 0) {
		gate_wait(&g);
		_exit(0);
	}
	clock_getcpuclockid(pid, &mine);
	TRUTH(now(mine) >= 0);
	gate_open(&g);
	reap("child", pid);
	RESULT(syscall(SYS_clock_gettime, mine, &ts));
}

static void process_timer(void)
{
	int id;

	catch (SIGUSR1);
	RESULT(create(CLOCK_PROCESS_CPUTIME_ID, SIGUSR1, 5, &id));
	RESULT(set(id, 50, 0, 0));
	sleep_ms(200);
	say("asleep: %d", signals);
	long long before = now(CLOCK_PROCESS_CPUTIME_ID);
	while (!signals && now(CLOCK_PROCESS_CPUTIME_ID) - before < 20000000000LL)
		;
	say("busy: %d, value %d", signals, last_value);
	TRUTH(now(CLOCK_PROCESS_CPUTIME_ID) >= 50000000);
	RESULT(set(id, 10, 10, 0));
	while (signals < 4)
		;
	RESULT(set(id, 0, 0, 0));
	signals = 0;
	RESULT(set(id, 1, 0, TIMER_ABSTIME)); /* long past */
	for (int i = 0; i < 100 && !signals; i++)
		sleep_ms(10);
	say("past: %d", signals);
}

static void *burner(void *stop)
{
	while (!*(volatile int *)stop)
		;
	return NULL;
}

/* The thread's own time, however much the others use. */
static void thread_timer(void)
{
	static volatile int stop;
	pthread_t t;
	int id;

	catch (SIGUSR1);
	RESULT(create(CLOCK_THREAD_CPUTIME_ID, SIGUSR1, 6, &id));
	pthread_create(&t, NULL, burner, (void *)&stop);
	RESULT(set(id, 100, 0, 0));
	sleep_ms(300);
	say("another thread is busy: %d", signals);
	stop = 1;
	pthread_join(t, NULL);
	burn_ms(200);
	for (int i = 0; i < 100 && !signals; i++)
		sleep_ms(10);
	say("this one was: %d", signals);
}

/* On the time of another process. */
static void other_process(void)
{
	clockid_t clock;
	int id;
	pid_t pid = must_fork();

	if (pid == 0)
		for (;;)
			;
	catch (SIGUSR1);
	clock_getcpuclockid(pid, &clock);
	RESULT(create(clock, SIGUSR1, 7, &id));
	RESULT(set(id, 30, 30, 0));
	while (signals < 3)
		pause();
	kill(pid, SIGKILL);
	reap("child", pid);
	RESULT(syscall(SYS_timer_delete, id));
}

static void sleeping(void)
{
	static volatile int stop;
	struct timespec ts = {.tv_nsec = 50000000}, zero = {0, 0};
	pthread_t t;

	pthread_create(&t, NULL, burner, (void *)&stop);
	long long before = now(CLOCK_PROCESS_CPUTIME_ID);
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL));
	TRUTH(now(CLOCK_PROCESS_CPUTIME_ID) - before >= 50000000);
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &zero, NULL));
	stop = 1;
	pthread_join(t, NULL);
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	RESULT(syscall(SYS_clock_nanosleep, -2, 0, &ts, NULL));
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &ts, NULL));
	catch (SIGALRM);
	alarm(1); /* alone and asleep it would wait for ever */
	ts = (struct timespec){.tv_sec = 1000};
	struct timespec rem = {0, 0};
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &ts, &rem));
	TRUTH(rem.tv_sec == 999);
}

static void interval_timers(void)
{
	static const struct {
		int which, sig;
	} kinds[] = {{ITIMER_VIRTUAL, SIGVTALRM}, {ITIMER_PROF, SIGPROF}};

	for (int i = 0; i < 2; i++) {
		struct itimerval val = {.it_value = {0, 40000}, .it_interval = {0, 20000}}, old;
		int which = kinds[i].which;

		catch (kinds[i].sig);
		RESULT(setitimer(which, &val, NULL));
		sleep_ms(150);
		say("asleep: %d", signals);
		while (signals < 3)
			;
		RESULT(getitimer(which, &old));
		say("interval %ld, some left: %d", (long)old.it_interval.tv_usec,
		    old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 40000);
		pid_t pid = must_fork();
		if (pid == 0) {
			getitimer(which, &old);
			_exit(old.it_value.tv_usec || old.it_value.tv_sec ? 1 : 0);
		}
		reap("the child has none", pid);
		RESULT(setitimer(which, &(struct itimerval){{0, 0}, {0, 0}}, &old));
		say("interval %ld", (long)old.it_interval.tv_usec);
		signals = 0;
		burn_ms(60);
		say("stopped: %d", signals);
		RESULT(getitimer(which, &old));
		say("%ld %ld", (long)old.it_value.tv_usec, (long)old.it_interval.tv_usec);
	}
}

static void profiled_to_death(void)
{
	setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 30000}}, NULL);
	for (;;)
		;
}

static void limited(void)
{
	struct rlimit limit = {1, 3};

	catch (SIGXCPU);
	setrlimit(RLIMIT_CPU, &limit);
	while (signals < 2)
		;
	getrlimit(RLIMIT_CPU, &limit);
	say("SIGXCPU %d times, the limit is now %ld", signals, (long)limit.rlim_cur);
	for (;;)
		;
}

static void limited_soft(void)
{
	setrlimit(RLIMIT_CPU, &(struct rlimit){1, 3});
	for (;;)
		;
}

int main(void)
{
	in_child("exact", exact);
	in_child("dynamic ids", dynamic_ids);
	in_child("process timer", process_timer);
	in_child("thread timer", thread_timer);
	in_child("other process", other_process);
	in_child("sleeping", sleeping);
	in_child("interval timers", interval_timers);
	in_child("profiled to death", profiled_to_death);
	in_child("limited", limited);
	in_child("limited, soft", limited_soft);
	return 0;
}
