/* A process whose first thread has ended takes all memory by its second: it must be found as the
 * one to kill. */
#include "../check.h"

#include <pthread.h>

static void *take(void *unused)
{
	(void)unused;
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
		if (p != MAP_FAILED)
			memset(p, 1, 1 << 20);
	}
	return NULL;
}

int main(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, take, NULL) != 0)
		return 1;
	syscall(SYS_exit, 0);
}
