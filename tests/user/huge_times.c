/* Times as large as their types allow: none wraps round to the past. */
#include "check.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

#define FOREVER 0x7fffffffffffffffL

static volatile int fired;
static void on_signal(int sig)
{
	(void)sig;
	fired++;
}

static void catch_signal(int sig)
{
	struct sigaction act = {.sa_handler = on_signal};

	fired = 0;
	sigaction(sig, &act, NULL);
}

/* So long of CPU time, most of it in user mode, and at least so long of any other. */
static void spin_ms(long ms)
{
	struct timespec ts;
	long until = 0;

	do {
		for (volatile int i = 0; i < 100000; i++)
			;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		if (!until)
			until = ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + ms;
	} while (ts.tv_sec * 1000 + ts.tv_nsec / 1000000 < until);
}

static void interval_timer(const char *what, int which, int sig)
{
	static const long intervals[] = {FOREVER,           FOREVER / 1000,
					 FOREVER / 1000000, FOREVER / 1000000000,
					 18446744073L,      9223372037L};
	struct itimerval off = {0};

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct itimerval val = {.it_interval = {intervals[i], 999999},
					.it_value = {0, 1000}};

		catch_signal(sig);
		setitimer(which, &val, NULL);
		spin_ms(50);
		setitimer(which, &off, NULL);
		say("%s, interval %ld s: %d", what, intervals[i], fired);
	}
}

static void posix_timer(const char *what, clockid_t clock)
{
	struct itimerspec val = {.it_interval = {FOREVER, 999999999}, .it_value = {0, 1000000}},
			  off = {0};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t t;

	catch_signal(SIGUSR1);
	timer_create(clock, &event, &t);
	timer_settime(t, 0, &val, NULL);
	spin_ms(50);
	timer_settime(t, 0, &off, NULL);
	say("%s: fired %d, overrun %d", what, fired, timer_getoverrun(t));
	val.it_value.tv_sec = FOREVER;
	timer_settime(t, TIMER_ABSTIME, &val, NULL);
	spin_ms(10);
	say("%s, value: fired %d", what, fired);
	timer_delete(t);
}

/* Each sleeps until a signal comes. */
#define ENDS_BY_SIGNAL(call)                                      \
	do {                                                      \
		struct itimerval soon = {.it_value = {0, 20000}}; \
		catch_signal(SIGALRM);                            \
		setitimer(ITIMER_REAL, &soon, NULL);              \
		errno = 0;                                        \
		say_result(#call, (long)(call));                  \
	} while (0)

static void sleeps(void)
{
	struct timespec ts = {FOREVER, 999999999}, big = {9223372036L, 999999999};
	struct timeval tv = {FOREVER / 2, 999999};
	int word = 0, p[2], set = epoll_create1(0);
	struct pollfd fd;
	struct epoll_event event;

	if (pipe(p) != 0)
		return;
	fd = (struct pollfd){.fd = p[0], .events = POLLIN};
	ENDS_BY_SIGNAL(syscall(SYS_nanosleep, &ts, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_nanosleep, &big, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &big, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &ts, NULL));
	ENDS_BY_SIGNAL(syscall(SYS_ppoll, &fd, 1, &ts, NULL, 0));
	ts = (struct timespec){FOREVER, 999999999};
	ENDS_BY_SIGNAL(poll(&fd, 1, 0x7fffffff));
	ENDS_BY_SIGNAL(syscall(SYS_select, 0, NULL, NULL, NULL, &tv));
	ENDS_BY_SIGNAL(epoll_wait(set, &event, 1, 0x7fffffff));
	ts = (struct timespec){FOREVER, 999999999};
	ENDS_BY_SIGNAL(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0));
	ENDS_BY_SIGNAL(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &ts, NULL, 1));
	ENDS_BY_SIGNAL(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts,
			       NULL, 1));
}

int main(void)
{
	interval_timer("ITIMER_REAL", ITIMER_REAL, SIGALRM);
	interval_timer("ITIMER_PROF", ITIMER_PROF, SIGPROF);
	interval_timer("ITIMER_VIRTUAL", ITIMER_VIRTUAL, SIGVTALRM);
	posix_timer("CLOCK_MONOTONIC", CLOCK_MONOTONIC);
	posix_timer("CLOCK_REALTIME", CLOCK_REALTIME);
	posix_timer("CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
	sleeps();
	return 0;
}
