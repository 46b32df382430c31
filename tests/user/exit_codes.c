/* exit(2), exit_group(2): what the parent learns. */
#include "check.h"

static void check_value(int code)
{
	pid_t pid = must_fork();
	char what[32];

	if (pid == 0)
		_exit(code);
	snprintf(what, sizeof(what), "_exit(%d)", code);
	reap(what, pid);
}

static void raw_exit(void)
{
	syscall(SYS_exit, 33);
}

static void aborts(void)
{
	/* abort(3) without its handlers: the signal is what the parent sees. */
	kill(getpid(), SIGABRT);
}

int main(void)
{
	static const int codes[] = {0, 1, 2, 42, 126, 127, 128, 129, 255, 256, 257, -1, 511, 65535};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		check_value(codes[i]);
	in_child("exit(2) alone", raw_exit);
	in_child("abort", aborts);
	return 77;
}
