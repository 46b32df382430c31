/* What a child inherits of its parent's scheduling, and what SCHED_RESET_ON_FORK takes from it:
 * sched(7). */
#include "check.h"

static void look(const char *what)
{
	long prio = 0, nice = 0;
	struct sched_param p = {0};

	sscanf(own_stat(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld %ld",
	       &prio, &nice);
	sched_getparam(0, &p);
	say("%s: policy %d, priority %d, in stat %ld, nice %ld", what, sched_getscheduler(0),
	    p.sched_priority, prio, nice);
}

static void with(const char *what, int policy, int priority, int nice)
{
	struct sched_param p = {.sched_priority = priority}, other = {0};
	pid_t pid;

	say("%s", what);
	if (setpriority(PRIO_PROCESS, 0, nice) || sched_setscheduler(0, policy, &p))
		say("  %s", error_name(errno));
	pid = must_fork();
	if (pid == 0) {
		look("  child");
		if (must_fork() == 0) {
			look("  grandchild");
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	reap("  ", pid);
	pid = vfork();
	if (pid == 0) {
		look("  vfork's child");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	look("  parent");
	sched_setscheduler(0, SCHED_OTHER, &other);
	setpriority(PRIO_PROCESS, 0, 0);
}

int main(void)
{
	with("FIFO", SCHED_FIFO, 10, 0);
	with("FIFO, reset", SCHED_FIFO | SCHED_RESET_ON_FORK, 10, 0);
	with("RR", SCHED_RR, 3, 5);
	with("RR, reset", SCHED_RR | SCHED_RESET_ON_FORK, 3, 5);
	with("BATCH, reset, nice -5", SCHED_BATCH | SCHED_RESET_ON_FORK, 0, -5);
	with("OTHER, reset, nice -5", SCHED_OTHER | SCHED_RESET_ON_FORK, 0, -5);
	with("OTHER, reset, nice 5", SCHED_OTHER | SCHED_RESET_ON_FORK, 0, 5);
	with("FIFO, reset, nice -5", SCHED_FIFO | SCHED_RESET_ON_FORK, 10, -5);
	return 0;
}
