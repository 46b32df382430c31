/* Takes memory until the kernel takes the process. `hog N` forks N children that do so instead. */
#include "../check.h"

static void take(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
		if (p == MAP_FAILED) {
			say("mmap: %s", error_name(errno));
			_exit(3);
		}
		memset(p, 1, 1 << 20);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		take();
	for (int i = 0; i < atoi(argv[1]); i++) {
		pid_t pid = must_fork();
		if (pid == 0)
			take();
		reap("hog", pid);
	}
	say("the parent is alive");
	return 0;
}
