/* sched_setaffinity(2), getcpu(2): a task runs where it is told to, and its children with it. */
#include "check.h"

#include <sched.h>

static int cpu_now(void)
{
	unsigned int cpu = ~0u, node = ~0u;

	if (syscall(SYS_getcpu, &cpu, &node, NULL) != 0)
		return -1;
	return (int)cpu;
}

static void report(const char *what, long ret)
{
	say("%s: %s", what, ret < 0 ? error_name(errno) : "done");
}

int main(void)
{
	cpu_set_t all, one, got;
	int wrong = 0, status;

	CPU_ZERO(&all);
	if (sched_getaffinity(0, sizeof(all), &all) != 0 || CPU_COUNT(&all) == 0) {
		say("no CPU to run on?");
		return 1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		wrong += sched_setaffinity(0, sizeof(one), &one) != 0;
		wrong += cpu_now() != cpu;
		CPU_ZERO(&got);
		wrong += sched_getaffinity(0, sizeof(got), &got) != 0 || !CPU_EQUAL(&got, &one);
		pid_t pid = fork();
		if (pid == 0)
			_exit(cpu_now() != cpu);
		wrong += waitpid(pid, &status, 0) != pid || status != 0;
	}
	say("bound to each CPU in turn: %d wrong", wrong);

	CPU_ZERO(&one);
	report("no CPU at all", sched_setaffinity(0, sizeof(one), &one));
	report("room for no mask", syscall(SYS_sched_getaffinity, 0, 0, &got));
	report("an odd length", syscall(SYS_sched_getaffinity, 0, 12, &got));
	report("a bad address", syscall(SYS_sched_getaffinity, 0, sizeof(got), (void *)8));
	report("a negative pid", sched_setaffinity(-1, sizeof(all), &all));
	report("nowhere to store", syscall(SYS_getcpu, NULL, NULL, NULL));
	report("back to all", sched_setaffinity(0, sizeof(all), &all));
	return 0;
}
