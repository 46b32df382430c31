/* timer_create and its family. How long something took is only compared with generous bounds. */
#include "check.h"

#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile sig_atomic_t signals, last_code, last_value, last_overrun, last_tid;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	signals++;
	last_code = info->si_code;
	last_value = info->si_value.sival_int;
	last_overrun = info->si_overrun;
	last_tid = (int)syscall(SYS_gettid);
}

static void catch (int sig)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	signals = 0;
	sigaction(sig, &act, NULL);
}

/* The raw calls, so that both C libraries say the same. */
static long create(clockid_t clock, int notify, int sig, int value, int *id)
{
	struct sigevent ev;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = notify;
	ev.sigev_signo = sig;
	ev.sigev_value.sival_int = value;
	return syscall(SYS_timer_create, clock, &ev, id);
}

static struct timespec ms(long n)
{
	return (struct timespec){.tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000};
}

static long set(int id, long first_ms, long interval_ms)
{
	struct itimerspec val = {.it_value = ms(first_ms), .it_interval = ms(interval_ms)};

	return syscall(SYS_timer_settime, id, 0, &val, NULL);
}

static long left_ms(int id)
{
	struct itimerspec val;

	if (syscall(SYS_timer_gettime, id, &val) != 0)
		return -1;
	return val.it_value.tv_sec * 1000 + (val.it_value.tv_nsec + 999999) / 1000000;
}

static long overrun(int id)
{
	return syscall(SYS_timer_getoverrun, id);
}

static void one_shot(void)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					   CLOCK_TAI};

	catch (SIGUSR1);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int id;
		sigset_t block, old;

		sigemptyset(&block);
		sigaddset(&block, SIGUSR1);
		sigprocmask(SIG_BLOCK, &block, &old);
		WHETHER(create(clocks[i], SIGEV_SIGNAL, SIGUSR1, 40 + (int)i, &id));
		say("number %d", id);
		RESULT(left_ms(id));
		RESULT(set(id, 60, 0));
		TRUTH(left_ms(id) > 0 && left_ms(id) <= 60);
		sigsuspend(&old);
		say("signals %d, of a timer %d, value %d, overrun %d", signals,
		    last_code == SI_TIMER, last_value, last_overrun);
		RESULT(left_ms(id));
		RESULT(syscall(SYS_timer_delete, id));
		RESULT(syscall(SYS_timer_delete, id));
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
}

static void default_event(void)
{
	int id, other;

	catch (SIGALRM);
	create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &other);
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
	RESULT(set(id, 20, 0));
	while (!signals)
		sleep_ms(5);
	say("alarms %d, the value is its number: %d", signals, last_value == id);
}

static void periodic(void)
{
	struct itimerspec val;
	int id;

	catch (SIGRTMIN + 1);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 7, &id);
	RESULT(set(id, 10, 10));
	while (signals < 8)
		pause();
	RESULT(syscall(SYS_timer_gettime, id, &val));
	say("interval %ld, more than 0 left: %d", (long)val.it_interval.tv_nsec,
	    val.it_value.tv_nsec > 0);
	val = (struct itimerspec){{0, 0}, {0, 0}};
	struct itimerspec old;
	RESULT(syscall(SYS_timer_settime, id, 0, &val, &old));
	say("it had an interval of %ld", (long)old.it_interval.tv_nsec);
	signals = 0;
	sleep_ms(50);
	say("after it was stopped: %d", signals);
	RESULT(left_ms(id));
}

/* While the signal is blocked it is queued once, and the rest is counted. */
static void overruns(void)
{
	sigset_t block;
	siginfo_t info;
	int id;

	sigemptyset(&block);
	sigaddset(&block, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &block, NULL);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 3, &id);
	RESULT(set(id, 1, 1));
	sleep_ms(60);
	RESULT(overrun(id));
	int sig = sigwaitinfo(&block, &info);
	say("signal %d, code of a timer %d, value %d", sig - SIGRTMIN, info.si_code == SI_TIMER,
	    info.si_value.sival_int);
	TRUTH(info.si_overrun >= 50);
	TRUTH(overrun(id) == info.si_overrun);
	sleep_ms(60);
	set(id, 0, 0); /* stops it, and takes its signal away */
	RESULT(sigtimedwait(&block, &info, &(struct timespec){0, 0}));
	RESULT(overrun(id));
	set(id, 1, 0);
	sleep_ms(30);
	RESULT(syscall(SYS_timer_delete, id));
	RESULT(sigtimedwait(&block, &info, &(struct timespec){0, 0}));
	/* The shortest period there is must not stop the machine. */
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 3, &id);
	struct itimerspec val = {.it_value = {0, 1}, .it_interval = {0, 1}};
	RESULT(syscall(SYS_timer_settime, id, 0, &val, NULL));
	sleep_ms(20);
	sigwaitinfo(&block, &info);
	TRUTH(info.si_overrun > 1000000);
}

static void two_of_one_signal(void)
{
	sigset_t block;
	siginfo_t info;
	int a, b, sum = 0;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, NULL);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 1, &a);
	create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR2, 2, &b);
	set(a, 5, 0);
	set(b, 5, 0);
	sleep_ms(50);
	for (int i = 0; i < 2; i++)
		if (sigtimedwait(&block, &info, &(struct timespec){5, 0}) == SIGUSR2)
			sum += info.si_value.sival_int;
	say("both came: %d", sum);
	RESULT(sigtimedwait(&block, &info, &(struct timespec){0, 0}));
}

static void absolute(void)
{
	struct itimerspec val = {0};
	int id;

	catch (SIGUSR1);
	for (clockid_t clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
		signals = 0;
		create(clock, SIGEV_SIGNAL, SIGUSR1, 0, &id);
		clock_gettime(clock, &val.it_value);
		val.it_value.tv_sec += 100;
		RESULT(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &val, NULL));
		TRUTH(left_ms(id) > 98000 && left_ms(id) <= 100000);
		val.it_value.tv_sec -= 200; /* past already, or nearly so since boot */
		if (val.it_value.tv_sec < 0)
			val.it_value.tv_sec = 0;
		RESULT(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &val, NULL));
		for (int i = 0; i < 100 && !signals; i++)
			sleep_ms(10);
		say("signals %d", signals);
	}
}

/* No signal, but the time can be asked for. */
static void none(void)
{
	int id;

	create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &id);
	set(id, 20, 0);
	sleep_ms(40);
	RESULT(left_ms(id));
	set(id, 10, 1000);
	sleep_ms(40);
	TRUTH(left_ms(id) > 500 && left_ms(id) <= 1000);
	RESULT(overrun(id));
}

static void ignored(void)
{
	int id;

	signal(SIGUSR1, SIG_IGN);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, &id);
	set(id, 5, 5);
	sleep_ms(40);
	catch (SIGUSR1);
	for (int i = 0; i < 100 && !signals; i++)
		sleep_ms(10);
	TRUTH(signals > 0);
}

static void *wait_for_end(void *gate)
{
	gate_wait(gate);
	return NULL;
}

static void *thread_timer(void *unused)
{
	struct sigevent ev;
	int id;

	(void)unused;
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = SIGUSR1;
	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	catch (SIGUSR1);
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	set(id, 20, 0);
	for (int i = 0; i < 100 && !signals; i++)
		sleep_ms(10);
	say("signals %d, in this thread: %d", signals, last_tid == (int)syscall(SYS_gettid));
	return NULL;
}

static void thread_id(void)
{
	struct gate g = gate_make();
	struct sigevent ev;
	pthread_t other, t;
	int id;

	pthread_create(&other, NULL, wait_for_end, &g);
	pthread_create(&t, NULL, thread_timer, NULL);
	pthread_join(t, NULL);
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = SIGUSR1;
	ev.sigev_notify_thread_id = getppid();
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	gate_open(&g);
	pthread_join(other, NULL);
}

static struct gate called;

static void call(union sigval v)
{
	if (v.sival_int == 11)
		gate_open(&called);
}

static void notify_by_thread(void)
{
	struct sigevent ev;
	struct itimerspec val = {.it_value = ms(10), .it_interval = ms(10)};
	timer_t t;

	called = gate_make();
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD;
	ev.sigev_notify_function = call;
	ev.sigev_value.sival_int = 11;
	RESULT(timer_create(CLOCK_MONOTONIC, &ev, &t));
	RESULT(timer_settime(t, 0, &val, NULL));
	for (int i = 0; i < 3; i++)
		gate_wait(&called);
	RESULT(timer_delete(t));
}

static char *own_path;

static void inheritance(void)
{
	int id;
	pid_t pid;

	catch (SIGUSR1);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, &id);
	set(id, 30, 30);
	pid = must_fork();
	if (pid == 0) {
		RESULT(left_ms(id));
		RESULT(syscall(SYS_timer_delete, id));
		signals = 0;
		sleep_ms(80);
		say("in the child: %d", signals);
		execv(own_path, (char *[]){own_path, "none", NULL});
		_exit(1);
	}
	reap("child", pid);
	signals = 0;
	while (!signals)
		sleep_ms(5);
	signal(SIGUSR1, SIG_DFL);
	execv(own_path, (char *[]){own_path, "sleep", NULL});
}

static void errors(void)
{
	struct itimerspec bad = {.it_value = {0, 1000000000}}, good = {{0, 0}, {1, 0}};
	struct rlimit limit;
	int id = -5, many[8];

	RESULT(create(77, SIGEV_SIGNAL, SIGUSR1, 0, &id));
	RESULT(create(CLOCK_MONOTONIC_RAW, SIGEV_SIGNAL, SIGUSR1, 0, &id));
	RESULT(create(CLOCK_REALTIME_COARSE, SIGEV_SIGNAL, SIGUSR1, 0, &id));
	RESULT(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, 0, &id));
	RESULT(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, 0, &id));
	RESULT(create(CLOCK_MONOTONIC, 3, SIGUSR1, 0, &id));
	RESULT(create(CLOCK_MONOTONIC, 9, SIGUSR1, 0, &id));
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void *)8, &id));
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void *)8));
	RESULT(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, NULL));
	say("id %d", id);
	create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 64, 0, &id);
	RESULT(syscall(SYS_timer_settime, id, 0, &bad, NULL));
	bad = (struct itimerspec){.it_value = {-1, 0}};
	RESULT(syscall(SYS_timer_settime, id, 0, &bad, NULL));
	bad = (struct itimerspec){.it_value = {1, 0}, .it_interval = {0, -1}};
	RESULT(syscall(SYS_timer_settime, id, 0, &bad, NULL));
	RESULT(syscall(SYS_timer_settime, id, 0, NULL, NULL));
	RESULT(syscall(SYS_timer_settime, id, 0, (void *)8, NULL));
	RESULT(syscall(SYS_timer_settime, id, 0, &good, (void *)8));
	RESULT(syscall(SYS_timer_settime, id + 99, 0, &good, NULL));
	RESULT(syscall(SYS_timer_gettime, id, (void *)8));
	RESULT(syscall(SYS_timer_gettime, -1, &good));
	RESULT(syscall(SYS_timer_getoverrun, 1234567));
	RESULT(syscall(SYS_timer_delete, -1));
	getrlimit(RLIMIT_SIGPENDING, &limit);
	limit.rlim_cur = 0;
	setrlimit(RLIMIT_SIGPENDING, &limit);
	RESULT(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, &id));
	RESULT(create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &id));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_SIGPENDING, &limit);
	for (int i = 0; i < 8; i++)
		WHETHER(create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &many[i]));
}

/* Ends with timers armed and due. */
static void ends_armed(void)
{
	int id;

	signal(SIGUSR1, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		create(i % 2 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0,
		       &id);
		set(id, 1, 1);
	}
	sleep_ms(3);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		struct itimerspec val;

		if (strcmp(argv[1], "sleep") == 0)
			sleep_ms(100);
		for (int i = 0; i < 4; i++)
			RESULT(syscall(SYS_timer_gettime, i, &val));
		return 0;
	}
	own_path = argv[0];
	in_child("one shot", one_shot);
	in_child("default event", default_event);
	in_child("periodic", periodic);
	in_child("overruns", overruns);
	in_child("two of one signal", two_of_one_signal);
	in_child("absolute", absolute);
	in_child("none", none);
	in_child("ignored", ignored);
	in_child("thread id", thread_id);
	in_child("notify by thread", notify_by_thread);
	in_child("inheritance", inheritance);
	in_child("errors", errors);
	for (int i = 0; i < 5; i++)
		in_child("ends armed", ends_armed);
	return 0;
}
