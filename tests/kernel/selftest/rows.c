/* Three rows of the benchmark (tests/bench), as this machine counts cycles: fork; fork, the child's
 * exit, and wait; the same with an exec of busybox in between. */
#include "kernel/fs/fs.h"
#include "kernel/kthread.h"
#include "kernel/lib/uapi.h"
#include "kernel/task.h"
#include "tests/kernel/selftest/selftest.h"
#include "tests/kernel/user_task.h"

#define BUSYBOX "/bin/busybox"
#define ROUNDS  500
#define EXECS   50
#define PAGES   64

static void least(u64 *best, u64 cycles)
{
	if (*best == 0 || cycles < *best)
		*best = cycles;
}

/* One fork and wait. False: it failed, or the child ended with another status. */
static bool one_child(u64 *fork, u64 *all)
{
	u64 start = cpu_cycles();
	int status = user_wait(user_fork(0));

	least(all, cpu_cycles() - start);
	if (fork)
		least(fork, current->fork_cycles);
	return status == 0;
}

static int measure(void *arg)
{
	struct rows *rows = arg;
	bool ok = true;

	if (!user_context_enter(PAGES))
		return 0;
	for (int i = 0; i < ROUNDS && ok; i++)
		ok = one_child(&rows->fork, &rows->fork_wait);
	if (!ok)
		*rows = (struct rows){0};
	ok = kernel_path_exists(BUSYBOX);
	if (ok)
		user_exec(BUSYBOX, "true");
	for (int i = 0; i < EXECS && ok; i++)
		ok = one_child(NULL, &rows->fork_exec);
	if (!ok)
		rows->fork_exec = 0;
	user_context_leave();
	return 0;
}

void rows_measure(struct rows *rows)
{
	struct task *t;

	*rows = (struct rows){0};
	t = kthread_create(measure, rows, "rows");
	if (!IS_ERR(t))
		kthread_join(t);
}
