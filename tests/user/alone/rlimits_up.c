/* RLIMIT_NICE and RLIMIT_RTPRIO: what they let an ordinary user do. Root in a container may not
 * raise them, so that the answers are checked by tests/system, not against the host. */
#include "../check.h"

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	if (setrlimit(resource, &(struct rlimit){soft, hard}))
		_exit(77);
}

static void nice_limit(void)
{
	limit(RLIMIT_NICE, 25, 25);
	if (setuid(1000))
		_exit(77);
	RESULT(setpriority(PRIO_PROCESS, 0, 10));
	RESULT(setpriority(PRIO_PROCESS, 0, -5));
	RESULT(setpriority(PRIO_PROCESS, 0, -6));
	RESULT(getpriority(PRIO_PROCESS, 0));
	limit(RLIMIT_NICE, 0, 0);
	RESULT(setpriority(PRIO_PROCESS, 0, -5));
	RESULT(setpriority(PRIO_PROCESS, 0, 3));
	RESULT(setpriority(PRIO_PROCESS, 0, 2));
}

static void scheduler(int policy, int priority)
{
	struct sched_param param = {.sched_priority = priority};

	say_result(policy == SCHED_FIFO ? "FIFO"
		   : policy == SCHED_RR ? "RR"
					: "OTHER",
		   syscall(SYS_sched_setscheduler, 0, policy, &param));
}

static void realtime_priority(void)
{
	limit(RLIMIT_RTPRIO, 10, 10);
	if (setuid(1000))
		_exit(77);
	scheduler(SCHED_FIFO, 11);
	scheduler(SCHED_FIFO, 10);
	scheduler(SCHED_RR, 10);
	limit(RLIMIT_RTPRIO, 0, 0);
	scheduler(SCHED_RR, 9);
	scheduler(SCHED_RR, 10);
	scheduler(SCHED_FIFO, 9);
	scheduler(SCHED_OTHER, 0);
	scheduler(SCHED_FIFO, 1);
}

int main(void)
{
	in_child("nice", nice_limit);
	in_child("real-time priority", realtime_priority);
	return 0;
}
