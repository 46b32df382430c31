/* /proc/PID/fd after a change of ids, when root owns it: a process still uses its own, and no
 * other's.
 */
#include "attack.h"

static int file;
static pid_t other;

static void open_by_name(const char *what, pid_t pid, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, file);
	fd = open(path, flags);
	say("%s: open %s", what, fd < 0 ? error_name(errno) : "ok");
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	say("%s: list %s", what, fd < 0 ? error_name(errno) : "ok");
	if (fd >= 0)
		close(fd);
}

static void user_side(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd");
	RESULT(stat(path, &st));
	say("owner %d", (int)st.st_uid);
	open_by_name("own", getpid(), O_RDONLY);
	open_by_name("own, to write", getpid(), O_RDWR);
	open_by_name("root's", getppid(), O_RDONLY);
	open_by_name("of another with these ids", other, O_RDONLY);
	RESULT(open("/proc/self/environ", O_RDONLY));
	RESULT(unlink("/proc/self/fd/0"));
}

int main(void)
{
	struct gate g = gate_make();

	root_folder("/tmp/own_fds");
	file = open("/tmp/own_fds/file", O_RDWR | O_CREAT, 0644);
	must("file", file);
	other = must_fork();
	if (other == 0) {
		become(USER);
		gate_open(&g);
		for (;;)
			pause();
	}
	gate_wait(&g);
	as_user("user", user_side);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	unlink("/tmp/own_fds/file");
	rmdir("/tmp/own_fds");
	return 0;
}
