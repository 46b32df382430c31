/* membarrier(2): who may, and that it is a barrier. */
#include "check.h"

#include <linux/membarrier.h>
#include <pthread.h>

#define KNOWN 0x7f /* without the commands for rseq and later ones */

static long membarrier(int cmd, unsigned int flags)
{
	return syscall(SYS_membarrier, cmd, flags, 0);
}

static char *own_path;

static void unregistered(void)
{
	RESULT(membarrier(MEMBARRIER_CMD_GLOBAL, 0));
	RESULT(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
}

static void nonsense(void)
{
	RESULT(membarrier(MEMBARRIER_CMD_QUERY, 0) & KNOWN);
	RESULT(membarrier(MEMBARRIER_CMD_QUERY, 1));
	RESULT(membarrier(MEMBARRIER_CMD_GLOBAL, 1));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 1));
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 2));
	RESULT(membarrier(3, 0));
	RESULT(membarrier(1 << 20, 0));
	RESULT(membarrier(-1, 0));
	RESULT(membarrier((int)0x80000000, 0));
}

static void one_does_not_give_the_other(void)
{
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
}

static void after_exec(void)
{
	char *argv[] = {own_path, "again", NULL};

	execv(own_path, argv);
	_exit(1);
}

static void registered(void)
{
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0));
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
	unregistered();
	in_child("fork inherits", unregistered);
	in_child("exec does not", after_exec);
}

/* ---- Dekker: one side with a barrier for the compiler only ---- */

#define ROUNDS 2000

static volatile int x, y, saw_x, saw_y, started, finished;

static void wait_for(volatile int *what, int value)
{
	for (int i = 0; __atomic_load_n(what, __ATOMIC_SEQ_CST) < value; i++)
		if (i % 64 == 63)
			sched_yield();
}

static void *fast_side(void *arg)
{
	for (int i = 1; i <= ROUNDS; i++) {
		wait_for(&started, i);
		x = 1;
		__asm__ volatile("" ::: "memory");
		saw_y = y;
		__atomic_store_n(&finished, i, __ATOMIC_SEQ_CST);
	}
	return arg;
}

/* Each side writes its own and reads the other's: they must not both have missed it. */
static void dekker(int cmd)
{
	pthread_t other;
	int both_missed = 0;

	started = finished = 0;
	pthread_create(&other, NULL, fast_side, NULL);
	for (int i = 1; i <= ROUNDS; i++) {
		x = y = 0;
		__atomic_store_n(&started, i, __ATOMIC_SEQ_CST);
		y = 1;
		membarrier(cmd, 0);
		saw_x = x;
		wait_for(&finished, i);
		both_missed += !saw_x && !saw_y;
	}
	pthread_join(other, NULL);
	say("command %d: both missed it %d times", cmd, both_missed);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		unregistered();
		return 0;
	}
	own_path = argv[0];
	nonsense();
	unregistered();
	in_child("sync core", one_does_not_give_the_other);
	registered();
	one_does_not_give_the_other();
	dekker(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	dekker(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
	return 0;
}
