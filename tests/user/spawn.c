/* posix_spawn, system and popen: how programs start programs. */
#include "check.h"

#include <spawn.h>

extern char **environ;

static void check_spawn(void)
{
	char *argv[] = {"sh", "-c", "exit 6", NULL};
	char *bad[] = {"x", NULL};
	pid_t pid = -1;

	say("posix_spawn: %d", posix_spawn(&pid, "/bin/busybox", NULL, NULL, argv, environ));
	reap("sh", pid);
	say("posix_spawn of nothing: %s",
	    error_name(posix_spawn(&pid, "/no/such", NULL, NULL, bad, environ)));
	say_whether("and nothing to wait for", waitpid(-1, NULL, WNOHANG));
}

static void check_actions(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *argv[] = {"echo", "into the pipe", NULL};
	char buf[64] = "";
	pid_t pid;
	int fd[2];

	if (pipe(fd) != 0)
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	posix_spawn_file_actions_addclose(&actions, fd[0]);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attributes, 0);
	say("posix_spawn: %d",
	    posix_spawn(&pid, "/bin/busybox", &actions, &attributes, argv, environ));
	TRUTH(getpgid(pid) == pid);
	close(fd[1]);
	if (read(fd[0], buf, sizeof(buf) - 1) > 0)
		say("read: %s", buf);
	close(fd[0]);
	reap("echo", pid);
}

static void check_system(void)
{
	int status = system("exit 9");

	say_status("system", status);
	status = system("kill -9 $$");
	say_status("system", status);
	status = system("true");
	say_status("system", status);
	say("is there a shell: %s", system(NULL) ? "yes" : "no");
}

static void check_popen(void)
{
	char line[64] = "";
	FILE *f = popen("echo one; echo two; exit 3", "r");

	while (f && fgets(line, sizeof(line), f))
		say("popen: %.3s", line);
	say_status("pclose", pclose(f));
	f = popen("exec cat >/dev/null", "w");
	fputs("text", f);
	say_status("pclose", pclose(f));
}

int main(void)
{
	check_spawn();
	check_actions();
	check_system();
	check_popen();
	return 0;
}
