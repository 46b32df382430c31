/* A fork bomb that counts. Every process forks until it is refused; then all are killed as one
 * group. */
#include "../check.h"

int main(int argc, char **argv)
{
	struct {
		int forks, refused, err;
	} volatile *seen =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int uid = argc > 1 ? atoi(argv[1]) : 0;
	pid_t pid = must_fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (uid && setuid(uid) != 0)
			_exit(1);
		for (;;) {
			pid_t child = fork();
			if (child > 0) {
				__atomic_add_fetch(&seen->forks, 1, __ATOMIC_SEQ_CST);
			} else if (child < 0) {
				seen->err = errno;
				__atomic_add_fetch(&seen->refused, 1, __ATOMIC_SEQ_CST);
				for (;;)
					pause();
			}
		}
	}
	setpgid(pid, pid);
	for (int i = 0; i < 600 && seen->refused == 0 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		sleep_ms(100);
	say("forks: %s, then %s", seen->forks > 10 ? "many" : "FEW",
	    seen->refused ? error_name(seen->err) : "killed");
	/* A process that forks while we kill may escape one round. */
	while (kill(-pid, SIGKILL) == 0) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sleep_ms(20);
	}
	say("all are gone");
	return 0;
}
