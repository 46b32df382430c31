/* Priorities and policies, as far as they can be asked for. */
#include "check.h"

static void check_nice(void)
{
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	RESULT(setpriority(PRIO_PROCESS, 0, 5));
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	pid_t pid = must_fork();
	if (pid == 0) {
		RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
		_exit(0);
	}
	reap("child", pid);
	RESULT(setpriority(PRIO_PROCESS, 0, 100));
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	RESULT(setpriority(PRIO_PROCESS, 0, -100));
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	RESULT(setpriority(PRIO_PROCESS, 0, 0));
	RESULT(syscall(SYS_getpriority, 77, 0));
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 999999));
	RESULT(setpriority(PRIO_PROCESS, 999999, 0));
	RESULT(setpriority(77, 0, 0));
}

static void check_policy(void)
{
	int priority = 0;

	RESULT(syscall(SYS_sched_getscheduler, 0));
	RESULT(syscall(SYS_sched_getparam, 0, &priority));
	say("priority %d", priority);
	priority = 10;
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority));
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority));
	RESULT(syscall(SYS_sched_getscheduler, 0));
	priority = 0;
	RESULT(syscall(SYS_sched_getparam, 0, &priority));
	say("priority %d", priority);
	priority = 20;
	RESULT(syscall(SYS_sched_setparam, 0, &priority));
	priority = 0;
	syscall(SYS_sched_getparam, 0, &priority);
	say("priority %d", priority);
	pid_t pid = must_fork();
	if (pid == 0) {
		RESULT(syscall(SYS_sched_getscheduler, 0));
		_exit(0);
	}
	reap("child", pid);
	priority = 100;
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &priority));
	priority = 0;
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &priority));
	RESULT(syscall(SYS_sched_setscheduler, 0, 77, &priority));
	RESULT(syscall(SYS_sched_setscheduler, 999999, SCHED_OTHER, &priority));
	RESULT(syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &priority));
	RESULT(syscall(SYS_sched_getscheduler, 999999));
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority));
	RESULT(syscall(SYS_sched_getscheduler, 0));
	RESULT(sched_get_priority_max(SCHED_FIFO));
	RESULT(sched_get_priority_min(SCHED_FIFO));
	RESULT(sched_get_priority_max(SCHED_OTHER));
	RESULT(sched_get_priority_max(77));
	RESULT(sched_yield());
}

static void as_user(void)
{
	int priority = 1;

	if (setuid(1000) != 0)
		_exit(1);
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority));
	RESULT(setpriority(PRIO_PROCESS, 0, 3));
	RESULT(setpriority(PRIO_PROCESS, 0, 1));
	RESULT(setpriority(PRIO_PROCESS, 1, 5));
}

/* Two that compute and one that sleeps: everybody gets a turn, and all end. */
static void check_sharing(void)
{
	volatile long *counter =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0)
			for (;;)
				counter[i]++;
	}
	for (int i = 0; i < 1000 && (counter[0] == 0 || counter[1] == 0); i++)
		sleep_ms(10);
	TRUTH(counter[0] > 0 && counter[1] > 0);
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		reap("counter", pid[i]);
	}
}

int main(void)
{
	in_child("nice", check_nice);
	in_child("policy", check_policy);
	in_child("user", as_user);
	check_sharing();
	return 0;
}
