/*
 * cpu_stat spin|bursts|nice MS: what /proc/stat says of a time in which this process computes, all
 * the time or in bursts that are shorter than a tick with sleeps in between.
 *
 * In milliseconds: how long it took, this process's CPU time, and what each field grew by.
 */
#include "../check.h"

#define MS 1000000l

static long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void compute(long ns)
{
	for (long end = now(CLOCK_MONOTONIC) + ns; now(CLOCK_MONOTONIC) < end;)
		for (int i = 0; i < 50000; i++) /* the clock may be a system call */
			__asm__ volatile("");
}

/* user, nice, system and idle time of all CPUs, in hundredths of a second. */
static void read_stat(long times[4])
{
	FILE *f = fopen("/proc/stat", "r");

	if (!f || fscanf(f, "cpu %ld %ld %ld %ld", times, times + 1, times + 2, times + 3) != 4)
		_exit(2);
	fclose(f);
}

int main(int argc, char **argv)
{
	long length = argc > 2 ? atol(argv[2]) * MS : 1000 * MS, before[4], after[4], wall, cpu;
	bool bursts = argc > 1 && !strcmp(argv[1], "bursts");

	if (argc > 1 && !strcmp(argv[1], "nice"))
		nice(5);
	read_stat(before);
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	while (now(CLOCK_MONOTONIC) - wall < length) {
		compute(bursts ? MS : length);
		if (bursts)
			usleep(1000);
	}
	wall = now(CLOCK_MONOTONIC) - wall;
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	read_stat(after);
	say("wall %ld own %ld user %ld nice %ld system %ld idle %ld", wall / MS, cpu / MS,
	    (after[0] - before[0]) * 10, (after[1] - before[1]) * 10, (after[2] - before[2]) * 10,
	    (after[3] - before[3]) * 10);
	return 0;
}
