/* Clocks and sleeping: how long something takes is never printed, only whether it was long enough.
 */
#include "check.h"

#include <sys/time.h>
#include <sys/times.h>

static long long now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		return -1;
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void check_clocks(void)
{
	struct timespec ts;
	static const clockid_t clocks[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
					   CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
					   CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
					   CLOCK_MONOTONIC_COARSE,   CLOCK_BOOTTIME};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		long long before = now(clocks[i]);
		for (volatile int k = 0; k < 100000; k++)
			;
		long long after = now(clocks[i]);
		say("clock %d: %s", (int)clocks[i],
		    before < 0        ? error_name(errno)
		    : after >= before ? "goes on"
				      : "GOES BACK");
	}
	RESULT(syscall(SYS_clock_gettime, 77, &ts));
	RESULT(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
	RESULT(syscall(SYS_clock_getres, 77, &ts));
	/* The calls of different age agree. */
	struct timeval tv;
	time_t old;
	syscall(SYS_gettimeofday, &tv, NULL);
	syscall(SYS_time, &old);
	long long real = now(CLOCK_REALTIME) / 1000000000;
	TRUTH(tv.tv_sec - real <= 1 && real - tv.tv_sec <= 1);
	TRUTH(old - real <= 1 && real - old <= 1);
	TRUTH(real > 1700000000);
}

static void check_sleeps(void)
{
	struct timespec ts = {.tv_nsec = 50000000};
	long long before = now(CLOCK_MONOTONIC);

	RESULT(nanosleep(&ts, NULL));
	long long took = now(CLOCK_MONOTONIC) - before;
	TRUTH(took >= 50000000 && took < 5000000000LL);
	ts.tv_nsec = 1000000000;
	RESULT(nanosleep(&ts, NULL));
	ts.tv_nsec = -1;
	RESULT(nanosleep(&ts, NULL));
	ts.tv_nsec = 0;
	ts.tv_sec = -1;
	RESULT(nanosleep(&ts, NULL));
	ts.tv_sec = 0;
	RESULT(nanosleep(&ts, NULL));
	before = now(CLOCK_MONOTONIC);
	long long until = before + 30000000;
	ts.tv_sec = until / 1000000000;
	ts.tv_nsec = until % 1000000000;
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	TRUTH(now(CLOCK_MONOTONIC) >= until);
	RESULT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts,
		       NULL)); /* past already */
	RESULT(syscall(SYS_clock_nanosleep, 77, 0, &ts, NULL));
}

/* Sleepers wake in the order of their times, whatever the order they lay down in. */
static void check_order(void)
{
	static const int delays[] = {300, 100, 200};
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			sleep_ms(delays[i]);
			_exit(delays[i] / 10);
		}
	}
	for (int i = 0; i < 3; i++) {
		int status;
		wait(&status);
		say_status("woke", status);
	}
}

static void check_cpu_time(void)
{
	struct tms before, after;
	struct rusage ru;
	clock_t t = times(&before);

	TRUTH(t != (clock_t)-1);
	long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 60000000)
		;
	TRUTH(times(&after) - t >= 5);
	TRUTH(after.tms_utime + after.tms_stime > before.tms_utime + before.tms_stime);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(100);
	TRUTH(now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 60000000);
	RESULT(getrusage(RUSAGE_SELF, &ru));
	TRUTH(ru.ru_utime.tv_sec + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec > 0);
	RESULT(getrusage(99, &ru));
}

int main(void)
{
	check_clocks();
	check_sleeps();
	check_order();
	check_cpu_time();
	return 0;
}
