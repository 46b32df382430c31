/* CPU time and what else getrusage(2) tells: all sources tell the same, nothing goes back, and what
 * is counted adds up. */
#include "check.h"

#include <sys/time.h>
#include <sys/times.h>

#define MS 1000000LL

static long long cpu_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

static long long tv_ns(struct timeval tv)
{
	return tv.tv_sec * 1000 * MS + tv.tv_usec * 1000LL;
}

static long long rusage_ns(int who)
{
	struct rusage ru;

	getrusage(who, &ru);
	return tv_ns(ru.ru_utime) + tv_ns(ru.ru_stime);
}

static long long stat_ns(void)
{
	unsigned long utime = 0, stime = 0;

	sscanf(own_stat(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime, &stime);
	return (utime + stime) * 10 * MS;
}

static long long times_ns(void)
{
	struct tms t;

	times(&t);
	return (t.tms_utime + t.tms_stime) * 10 * MS;
}

static void burn(long long ns)
{
	long long until = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;

	while (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) < until)
		;
}

/* What `fn` tells lies between what the clock shows before and after, but for what it rounds off.
 */
static void compare(const char *what, long long (*fn)(void), long long rounded)
{
	long long before = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), told = fn(),
		  after = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);

	say("  %s: %s", what, told >= before - rounded && told <= after ? "as the clock" : "NO");
}

static long long own_rusage(void)
{
	return rusage_ns(RUSAGE_SELF);
}

static void compare_all(const char *what)
{
	say("%s", what);
	compare("getrusage", own_rusage, 2000);
	compare("times", times_ns, 20 * MS);
	compare("stat", stat_ns, 20 * MS);
}

/* Children that each run far less than a tick: together they used what they used. */
static void short_children(void)
{
	long long sum = 0, before = rusage_ns(RUSAGE_CHILDREN);
	int p[2], status;

	if (pipe(p) != 0)
		_exit(1);
	for (int i = 0; i < 100; i++) {
		long long used;
		pid_t pid = must_fork();

		if (pid == 0) {
			burn(MS / 2);
			used = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
			_exit(write(p[1], &used, sizeof(used)) != sizeof(used));
		}
		waitpid(pid, &status, 0);
		if (read(p[0], &used, sizeof(used)) == sizeof(used))
			sum += used;
	}
	/* Each uses a little more, to end. */
	before = rusage_ns(RUSAGE_CHILDREN) - before;
	TRUTH(before >= sum);
}

static void never_goes_back(void)
{
	struct rusage last, now;
	int bad = 0;

	getrusage(RUSAGE_SELF, &last);
	for (int i = 0; i < 20000; i++) {
		getrusage(RUSAGE_SELF, &now);
		bad += tv_ns(now.ru_utime) < tv_ns(last.ru_utime) ||
		       tv_ns(now.ru_stime) < tv_ns(last.ru_stime);
		last = now;
	}
	say("times that went back: %d", bad);
}

/* A sleep that is over before the task comes to leave its CPU, as on a host that stalls, is no
 * switch: half of these count. */
#define SLEPT 10
static void sleep_often(void)
{
	for (int i = 0; i < 2 * SLEPT; i++)
		sleep_ms(3);
}

static void switches(void)
{
	struct rusage before, after;
	int status;
	pid_t pid;

	getrusage(RUSAGE_SELF, &before);
	sleep_often();
	getrusage(RUSAGE_SELF, &after);
	TRUTH(after.ru_nvcsw >= before.ru_nvcsw + SLEPT);
	pid = must_fork();
	if (pid == 0) {
		sleep_often();
		_exit(0);
	}
	getrusage(RUSAGE_CHILDREN, &before);
	wait4(pid, &status, 0, &after);
	TRUTH(after.ru_nvcsw >= SLEPT);
	TRUTH(after.ru_minflt > 0);
	getrusage(RUSAGE_CHILDREN, &after);
	TRUTH(after.ru_nvcsw >= before.ru_nvcsw + SLEPT);
	TRUTH(after.ru_majflt == 0 && after.ru_nswap == 0 && after.ru_nsignals == 0);
}

static volatile int fired;
static void on_timer(int sig)
{
	(void)sig;
	fired++;
}

/* A CPU timer fires when the clock says so, as far as Linux, which counts ticks, can tell. */
static void timer_fires(int which, int sig, const char *what)
{
	struct itimerval val = {.it_value = {0, 100000}};
	long long began = rusage_ns(RUSAGE_SELF), took;

	fired = 0;
	signal(sig, on_timer);
	setitimer(which, &val, NULL);
	while (!fired)
		;
	took = rusage_ns(RUSAGE_SELF) - began;
	say("%s: %s", what, took >= 50 * MS && took < 500 * MS ? "as asked for" : "NO");
}

int main(void)
{
	int status;

	burn(150 * MS);
	compare_all("after 150 ms");
	if (must_fork() == 0) {
		burn(100 * MS);
		_exit(0);
	}
	wait(&status);
	TRUTH(rusage_ns(RUSAGE_CHILDREN) >= 100 * MS);
	compare_all("a child has no part in it");
	short_children();
	never_goes_back();
	switches();
	timer_fires(ITIMER_PROF, SIGPROF, "ITIMER_PROF");
	timer_fires(ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL");
	return 0;
}
