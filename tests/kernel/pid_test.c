/* Suite "pid": pids, their wrap-around, and what stays when one is freed. The bitmap itself is
 * tested on the host. */
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

KTEST(pid, number_is_freed_before_the_struct)
{
	struct pid *pid = alloc_pid(&init_pidmap);
	pid_t nr;

	if (!EXPECT(!IS_ERR(pid)))
		return;
	nr = pid->nr;
	get_pid(pid);
	EXPECT(pidmap_test(&init_pidmap, nr));
	free_pid(pid);
	EXPECT(!pidmap_test(&init_pidmap, nr)); /* the struct outlives its number */
	EXPECT(find_get_pid(nr) == NULL);
	put_pid(pid);
}

KTEST(pid, roll_over)
{
	int saved_last = init_pidmap.last_pid;
	struct pid *a, *b;

	init_pidmap.last_pid = init_pidmap.pid_max - 2;
	a = alloc_pid(&init_pidmap);
	b = alloc_pid(&init_pidmap);
	if (EXPECT(!IS_ERR(a)) && EXPECT(!IS_ERR(b))) {
		EXPECT_EQ(a->nr, init_pidmap.pid_max - 1);
		EXPECT_EQ(b->nr, RESERVED_PIDS); /* the low ones are not used again */
		free_pid(a);
		free_pid(b);
	}
	init_pidmap.last_pid = saved_last;
}

KTEST(pid, find)
{
	struct pid *pid = find_get_pid(1);

	EXPECT(pid && pid->nr == 1);
	EXPECT(pid->task == child_reaper);
	put_pid(pid);
	EXPECT(find_get_pid(0) == NULL);
	EXPECT(find_get_pid(-1) == NULL);
	EXPECT(find_get_task(init_pidmap.pid_max) == NULL);
}
