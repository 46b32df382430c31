/*
 * kill(-1, SIGKILL) against processes that fork as fast as they can: none of the user's is left, as
 * none is made while it walks. `kill_all ROUNDS`, for a user that has no other process.
 */
#include "../check.h"

#include <dirent.h>

#define BOMBS 4

/* Two processes that take turns at being the parent. */
static void fork_for_ever(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
	}
}

/* How many processes the user has, zombies included. */
static int processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	struct stat st;
	int n = 0;

	while ((d = readdir(proc)) != NULL)
		n += atoi(d->d_name) > 0 && fstatat(dirfd(proc), d->d_name, &st, 0) == 0 &&
		     st.st_uid == getuid();
	closedir(proc);
	return n;
}

/* Is no process left but this one? A killed process may take a moment to go. */
static bool alone(void)
{
	for (int i = 0; i < 100; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (processes() == 1)
			return true;
		usleep(10000);
	}
	return false;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 10, survived = 0;

	for (int i = 0; i < rounds; i++) {
		for (int k = 0; k < BOMBS; k++)
			if (must_fork() == 0)
				fork_for_ever();
		usleep(3000 + i % 7 * 500);
		kill(-1, SIGKILL);
		if (!alone()) {
			survived++;
			kill(-1, SIGKILL);
			alone();
		}
	}
	say("survived: %d of %d", survived, rounds);
	return 0;
}
