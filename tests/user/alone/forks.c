/* forks N: that many children, one after the other, alternately by fork and vfork. */
#include "../check.h"

static bool one(int code, bool borrow)
{
	int status = -1;
	pid_t pid = borrow ? vfork() : fork();

	if (pid == 0)
		_exit(code);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == code << 8;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000, bad = 0;

	for (int i = 0; i < n; i++)
		bad += !one(i & 127, i % 2);
	say("%d forks, %d bad", n, bad);
	return bad != 0;
}
