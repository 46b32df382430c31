/* naps N: sleep two microseconds N times, and say how long that took. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;
	struct timespec nap = {.tv_nsec = 2000}, a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < n; i++)
		nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%d naps took %ld us\n", n,
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	return 0;
}
