/*
 * Out of memory under a file's lock: one process reads a file into fresh memory, faulting while the
 * kernel holds the file; the other, the biggest and so the first to be killed, waits for that very
 * file. `oom_lock MIB`: the machine's memory.
 */
#include "../check.h"

#define MIB (1UL << 20)

static char *area(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv)
{
	size_t total = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
	size_t big = (total / 2 + total / 10) * MIB;
	int fd = open("/tmp/hole", O_RDWR | O_CREAT, 0600);
	int status, left = 2;

	ftruncate(fd, 4096 * MIB); /* reads give zeroes, and take no memory */
	pid_t waiter = must_fork();
	if (waiter == 0) {
		char *p = area(big);

		memset(p, 1, big);
		for (;;) {
			if (read(fd, p, 4096) < 0)
				_exit(1);
			lseek(fd, 0, SEEK_SET);
		}
	}
	usleep(700000);
	pid_t reader = must_fork();
	if (reader == 0)
		_exit(read(fd, area(big - 8 * MIB), big - 8 * MIB) < 0);
	while (left > 0 && wait(&status) > 0)
		if (--left == 1) {
			kill(waiter, SIGKILL);
			kill(reader, SIGKILL);
		}
	unlink("/tmp/hole");
	say("both are gone");
	return 0;
}
