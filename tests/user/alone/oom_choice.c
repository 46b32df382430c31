/*
 * Which process dies when memory is short: the one that has most in memory, moved by its
 * oom_score_adj; how much it has only reserved does not count. `oom_choice MIB`: of so much memory.
 */
#include "../check.h"

static void adjust(int adj)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY), n = sprintf(text, "%d", adj);

	if (write(fd, text, n) != n)
		_exit(9);
	close(fd);
}

/* A child that has `have` MiB, and has reserved very much more. It waits. */
static pid_t child(size_t have, int adj)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		adjust(adj);
		if (mmap(NULL, 1UL << 40, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
			_exit(8);
		memset(mmap(NULL, (have + 1) << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       1, have << 20);
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	return pid;
}

/* Takes all that is left. */
static pid_t hog(int adj)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		adjust(adj);
		for (;;) {
			char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(p, 1, 1 << 20);
		}
	}
	return pid;
}

static void is_first(const char *what, pid_t victim, pid_t other, pid_t third)
{
	int status;
	pid_t got = wait(&status);

	say("%s: %s", what, got == victim && WIFSIGNALED(status) ? "right" : "WRONG");
	kill(victim, SIGKILL);
	kill(other, SIGKILL);
	kill(third, SIGKILL);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	size_t all = argc > 1 ? strtoul(argv[1], NULL, 10) : 128;
	pid_t small, large, taker;

	small = child(all / 16, 0);
	large = child(all / 8, 0);
	taker = hog(0);
	is_first("the one that has most", taker, small, large);

	small = child(all / 16, 0);
	large = child(all / 2, 0);
	taker = hog(-1000);
	is_first("the larger of two, beside one that may not be chosen", large, small, taker);

	small = child(all / 16, 900);
	large = child(all / 8, 0);
	taker = hog(0);
	is_first("a small one that offers itself", small, large, taker);
	return 0;
}
