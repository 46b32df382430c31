/* Interval timers and alarm. How long something took is only ever compared with generous bounds. */
#include "check.h"

#include <sys/time.h>

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void catch_alarm(int flags)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = flags};

	alarms = 0;
	sigaction(SIGALRM, &act, NULL);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int set_real(long first_ms, long interval_ms, struct itimerval *old)
{
	struct itimerval val = {.it_value = {first_ms / 1000, first_ms % 1000 * 1000},
				.it_interval = {interval_ms / 1000, interval_ms % 1000 * 1000}};

	return setitimer(ITIMER_REAL, &val, old);
}

static void alarm_interrupts(void)
{
	struct timespec req = {.tv_sec = 20}, rem = {0};
	struct gate g = gate_make();
	char c;

	catch_alarm(SA_RESTART);
	RESULT(alarm(10));
	RESULT(alarm(1));
	RESULT(nanosleep(&req, &rem));
	say("alarms %d, between 18 and 19 seconds left: %d", alarms,
	    rem.tv_sec == 18 || rem.tv_sec == 19);
	RESULT(alarm(0));
	catch_alarm(0);
	set_real(150, 0, NULL);
	RESULT(read(g.fd[0], &c, 1));
	set_real(150, 0, NULL);
	RESULT(pause());
	say("alarms %d", alarms);
}

static void alarm_kills(void)
{
	set_real(150, 0, NULL);
	for (;;)
		pause();
}

static void alarm_kills_busy(void)
{
	set_real(150, 0, NULL);
	for (;;)
		;
}

static void periodic(void)
{
	struct itimerval val;
	long start = now_ms(), took;

	catch_alarm(0);
	set_real(10, 10, NULL);
	while (alarms < 10)
		pause();
	took = now_ms() - start;
	say("ten periods of 10 ms took at least 95 ms: %d", took >= 95);
	RESULT(getitimer(ITIMER_REAL, &val));
	/* It may have expired just now, and begin again when its signal is delivered. */
	for (int i = 0; i < 100 && val.it_value.tv_usec == 0; i++)
		getitimer(ITIMER_REAL, &val);
	say("interval %ld us, running: %d", (long)val.it_interval.tv_usec,
	    val.it_value.tv_usec > 0 && val.it_value.tv_usec <= 10000);
	RESULT(set_real(0, 0, &val));
	alarms = 0;
	sleep_ms(40);
	say("after it was stopped: %d", alarms);
	getitimer(ITIMER_REAL, &val);
	say("%ld %ld", (long)val.it_value.tv_usec, (long)val.it_interval.tv_usec);
}

/* fork does not inherit it, exec keeps it. */
static void inheritance(void)
{
	struct itimerval val;
	pid_t pid;

	catch_alarm(0);
	set_real(5000, 0, NULL);
	pid = must_fork();
	if (pid == 0) {
		getitimer(ITIMER_REAL, &val);
		_exit(val.it_value.tv_sec || val.it_value.tv_usec ? 1 : 0);
	}
	reap("the child has none", pid);
	RESULT(alarm(0));
}

static char *own_path;

static void exec_keeps(void)
{
	char *argv[] = {own_path, "sleep", NULL};

	set_real(100, 0, NULL);
	execv(own_path, argv);
}

static void blocked(void)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_real(5, 5, NULL);
	sleep_ms(60);
	set_real(0, 0, NULL);
	sigpending(&pending);
	say("pending: %d", sigismember(&pending, SIGALRM));
	siginfo_t info;
	int sig = sigtimedwait(&set, &info, &(struct timespec){0});
	say("%s, from the kernel: %d", signal_name(sig), info.si_code == SI_KERNEL);
	RESULT(sigtimedwait(&set, &info, &(struct timespec){0}));
}

/* A periodic timer rests until its signal is taken: for ever, while that is ignored. */
static void rests(const char *when)
{
	struct itimerval now;

	sleep_ms(40);
	RESULT(getitimer(ITIMER_REAL, &now));
	say("%s: %ld us left of %ld", when, (long)now.it_value.tv_usec,
	    (long)now.it_interval.tv_usec);
}

static void not_taken(void)
{
	sigset_t set;

	signal(SIGALRM, SIG_IGN);
	set_real(1, 1, NULL);
	rests("ignored");
	catch_alarm(0);
	rests("handled too late");
	TRUTH(alarms == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_real(1, 1, NULL);
	rests("blocked");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (int i = 0; i < 100 && alarms < 3; i++)
		sleep_ms(10);
	TRUTH(alarms >= 3);
}

static void errors(void)
{
	struct itimerval bad = {.it_value = {.tv_usec = 1000000}};
	struct itimerval negative = {.it_value = {.tv_sec = -1}};

	RESULT(setitimer(ITIMER_REAL, &bad, NULL));
	RESULT(setitimer(ITIMER_REAL, &negative, NULL));
	RESULT(setitimer(7, &bad, NULL));
	RESULT(syscall(SYS_getitimer, 7, &bad));
	RESULT(syscall(SYS_getitimer, ITIMER_REAL, (void *)8));
	RESULT(syscall(SYS_setitimer, ITIMER_REAL, (void *)8, NULL));
}

/* Many processes end with their timers armed. */
static void ends_armed(void)
{
	set_real(1, 1, NULL);
	signal(SIGALRM, SIG_IGN);
	sleep_ms(3);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		sleep_ms(5000);
		return 1;
	}
	own_path = argv[0];
	in_child("alarm interrupts", alarm_interrupts);
	in_child("alarm kills", alarm_kills);
	in_child("alarm kills a busy one", alarm_kills_busy);
	in_child("periodic", periodic);
	in_child("inheritance", inheritance);
	in_child("exec keeps", exec_keeps);
	in_child("blocked", blocked);
	in_child("not taken", not_taken);
	in_child("errors", errors);
	for (int i = 0; i < 10; i++) {
		pid_t pid = must_fork();
		if (pid == 0) {
			signal(SIGALRM, SIG_IGN);
			ends_armed();
			_exit(0);
		}
		reap("armed", pid);
	}
	return 0;
}
