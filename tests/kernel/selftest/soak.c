/* Suite "soak": two workers a CPU fork, kill and wait, and write to the memory that they share with
 * their children, for soak.seconds. */
#include "kernel/kthread.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/selftest/selftest.h"
#include "tests/kernel/user_task.h"

#define WORKERS_MAX (2 * MAX_CPUS)
#define PAGES       16

static long seconds = 3;
TUNABLE(soak_seconds, "soak.seconds", seconds, 1, 1000000, NULL, "how long the suite `soak` runs");

struct soak_result last_soak;
static bool seen[MAX_CPUS];
static u64 until;

static bool exits(u64 round, u64 flags)
{
	int status = (int)(round & 0xff);

	user_script(SCRIPT_EXIT, status);
	return EXPECT_EQ(user_wait(user_fork(flags)), status << 8);
}

/* A child that sleeps keeps what was there at the fork. */
static bool keeps_memory(u64 round)
{
	u64 addr = USER_DATA + round % PAGES * PAGE_SIZE;
	struct task *child;
	bool ok;
	pid_t pid;

	user_script(SCRIPT_PAUSE, 0);
	user_poke(current->mm, addr, round);
	pid = user_fork(0);
	child = find_get_task(pid);
	if (!EXPECT(child != NULL))
		return false;
	user_poke(current->mm, addr, ~round);
	ok = EXPECT_EQ(user_peek(child->mm, addr), round);
	send_signal(SIGKILL, NULL, child, true);
	put_task(child);
	return EXPECT_EQ(user_wait(pid), SIGKILL) && ok &&
	       EXPECT_EQ(user_peek(current->mm, addr), ~round);
}

static bool one_round(u64 round)
{
	WRITE_ONCE(seen[READ_ONCE(current->cpu)], true);
	switch (round % 3) {
	case 0:
		return exits(round, 0);
	case 1:
		return exits(round, CLONE_VM | CLONE_VFORK);
	default:
		return keeps_memory(round);
	}
}

static int worker(void *unused __maybe_unused)
{
	u64 round = 0;

	if (!EXPECT(user_context_enter(PAGES)))
		return 0;
	while (ktime_get() < READ_ONCE(until) && one_round(round))
		round++;
	__atomic_add_fetch(&last_soak.forks, round, __ATOMIC_RELAXED);
	user_context_leave();
	return 0;
}

KTEST(soak, forks_on_all_cpus)
{
	static struct task *t[WORKERS_MAX];
	u32 n = 2 * nr_cpus;

	last_soak = (struct soak_result){0};
	memset(seen, 0, sizeof(seen));
	WRITE_ONCE(until, ktime_get() + (u64)seconds * NSEC_PER_SEC);
	for (u32 i = 0; i < n; i++) {
		t[i] = kthread_create(worker, NULL, "soak");
		EXPECT(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < n; i++)
		if (!IS_ERR(t[i]))
			kthread_join(t[i]);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		last_soak.cpus += seen[cpu];
	EXPECT_EQ(last_soak.cpus, nr_cpus);
	console_printf("# %lu forks on %u CPUs\n", last_soak.forks, last_soak.cpus);
}
