/* load TASKS MILLIONS: so many processes at once, each of which computes so many million steps. */
#include "../check.h"

static void compute(long millions)
{
	uint64_t x = 88172645463325252ul;

	for (long i = millions * 1000000; i > 0; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	_exit(x == 0); /* which it never is: but now it must be computed */
}

int main(int argc, char **argv)
{
	int tasks = argc > 1 ? atoi(argv[1]) : 4, failed = 0, status;

	for (int i = 0; i < tasks; i++)
		if (must_fork() == 0)
			compute(argc > 2 ? atol(argv[2]) : 100);
	while (wait(&status) > 0)
		failed += status != 0;
	return failed;
}
