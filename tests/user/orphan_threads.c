/* A process of several threads loses its parent: all of its threads see the new one, also those
 * that fork for it. */
#include "check.h"

#include <pthread.h>

static struct gate report;

static void *second_thread(void *unused)
{
	(void)unused;
	while (getppid() != 1)
		sched_yield();
	say("second thread: parent is process 1");
	/* A brother of ours: its parent is the one we have now. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(getppid() == 1 ? 0 : 1);
	say("clone(CLONE_PARENT): %s", pid > 0 ? "ok" : error_name(errno));
	RESULT(waitpid(pid, NULL, 0));
	return NULL;
}

int main(void)
{
	report = gate_make();
	pid_t parent = must_fork();

	if (parent == 0) {
		if (must_fork() == 0) {
			pthread_t t;

			if (pthread_create(&t, NULL, second_thread, NULL) != 0)
				_exit(1);
			pthread_join(t, NULL);
			say("first thread: parent is process 1: %s", getppid() == 1 ? "yes" : "no");
			gate_open(&report);
			_exit(0);
		}
		_exit(0);
	}
	gate_wait(&report);
	reap("middle process", parent);

	/* Who is gone will not stop any more: waiting for that alone is waiting for nobody. */
	siginfo_t info;
	pid_t pid = must_fork();

	if (pid == 0)
		_exit(5);
	RESULT(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	RESULT(waitid(P_PID, pid, &info, WSTOPPED));
	RESULT(waitid(P_PID, pid, &info, WCONTINUED));
	reap("child", pid);
	return 0;
}
