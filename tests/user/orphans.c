/* A process whose parent dies is adopted by the first process, which reaps it. */
#include "check.h"

int main(void)
{
	struct gate born = gate_make(), report = gate_make();
	pid_t parent = must_fork();

	if (parent == 0) {
		if (must_fork() == 0) {
			close(born.fd[1]);
			/* End of file comes when the middle process is gone and its parent has
			 * waited for it. */
			char c;
			while (read(born.fd[0], &c, 1) == 1)
				;
			say("orphan: parent is process 1: %s", getppid() == 1 ? "yes" : "no");
			gate_open(&report);
			_exit(3);
		}
		_exit(0);
	}
	reap("middle process", parent);
	close(born.fd[1]);
	gate_wait(&report);
	/* Not ours: there is nobody left to wait for. */
	RESULT(waitpid(-1, NULL, 0));

	/* Many at once, each with a child that outlives it. */
	struct gate done = gate_make();
	for (int i = 0; i < 10; i++) {
		pid_t pid = must_fork();
		if (pid == 0) {
			if (must_fork() == 0) {
				while (getppid() != 1)
					sched_yield();
				gate_open(&done);
				_exit(0);
			}
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 10; i++)
		gate_wait(&done);
	say("ten orphans came home");
	return 0;
}
