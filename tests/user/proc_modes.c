/* Modes and owners of what procfs shows: of the system and of processes, one's own and others'. */
#include "check.h"

#include <sys/prctl.h>

static const char *const own[] = {
	"",      "/cmdline",   "/comm",          "/environ", "/exe",       "/fd",
	"/fd/1", "/limits",    "/maps",          "/mounts",  "/mountinfo", "/root",
	"/cwd",  "/stat",      "/statm",         "/status",  "/task",      "/wchan",
	"/auxv", "/oom_score", "/oom_score_adj", "/oom_adj", NULL,
};
static const char *const others[] = {
	"/proc",
	"/proc/cpuinfo",
	"/proc/meminfo",
	"/proc/loadavg",
	"/proc/uptime",
	"/proc/stat",
	"/proc/version",
	"/proc/mounts",
	"/proc/self",
	"/proc/thread-self",
	"/proc/filesystems",
	"/proc/interrupts",
	"/proc/cmdline",
	"/proc/vmstat",
	"/proc/sys",
	"/proc/sys/kernel",
	"/proc/sys/kernel/hostname",
	"/proc/sys/kernel/pid_max",
	"/proc/sys/kernel/osrelease",
	"/proc/sys/kernel/threads-max",
	"/proc/sys/kernel/sched_rt_runtime_us",
	"/proc/sys/vm",
	"/proc/sys/vm/max_map_count",
	"/proc/sys/fs",
	"/proc/sys/fs/file-max",
	"/proc/sys/fs/file-nr",
	"/proc/sys/fs/nr_open",
	"/proc/sys/fs/pipe-max-size",
	"/proc/sys/fs/pipe-user-pages-soft",
	"/proc/sys/fs/mount-max",
	"/proc/sysvipc",
	"/proc/sysvipc/shm",
	"/proc/sysvipc/sem",
	NULL,
};

static void look(const char *shown, const char *path)
{
	struct stat st;

	if (lstat(path, &st)) {
		say("%s: %s", shown, error_name(errno));
		return;
	}
	say("%s: mode %06o uid %d gid %d", shown, st.st_mode, st.st_uid, st.st_gid);
}

static void look_at(const char *what, pid_t pid)
{
	char path[64];

	say("%s", what);
	for (const char *const *p = own; *p; p++) {
		snprintf(path, sizeof(path), "/proc/%d%s", pid, *p);
		if (strncmp(*p, "/fd", 3) != 0) /* the number of links is that of open files */
			look(*p, path);
	}
}

/* What opening tells, for reading and for writing. */
static void may_open(const char *what, pid_t pid)
{
	static const char *const links[] = {"/exe", "/cwd", "/root", "/fd/1"};
	char path[64], buf[256];

	say("%s", what);
	for (const char *const *p = own + 1; *p; p++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d%s", pid, *p);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			say("  %s: open %s", *p, error_name(errno));
		else if (read(fd, buf, sizeof(buf)) < 0)
			say("  %s: read %s", *p, error_name(errno));
		else
			say("  %s: ok", *p);
		close(fd);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d%s", pid, links[i]);
		if (readlink(path, buf, sizeof(buf)) < 0)
			say("  readlink %s: %s", links[i], error_name(errno));
		else
			say("  readlink %s: ok", links[i]);
	}
}

static pid_t sleeper(uid_t uid, bool dumpable)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		if (setgid(uid) || setuid(uid))
			_exit(1);
		prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	return pid;
}

static void as_user(pid_t root, pid_t mine, pid_t closed, pid_t other)
{
	if (setgid(1000) || setuid(1000))
		_exit(1);
	may_open("root's", root);
	may_open("the user's", mine);
	may_open("the user's, not dumpable", closed);
	may_open("another's", other);
}

int main(void)
{
	pid_t root, mine, closed, other, pid;

	for (const char *const *p = others; *p; p++)
		look(*p, *p);
	root = sleeper(0, true);
	mine = sleeper(1000, true);
	closed = sleeper(1000, false);
	other = sleeper(2000, true);
	look_at("root's", root);
	look_at("a user's", mine);
	look_at("a user's, not dumpable", closed);
	pid = must_fork();
	if (pid == 0) {
		as_user(root, mine, closed, other);
		_exit(0);
	}
	reap("as a user", pid);
	kill(root, SIGKILL);
	kill(mine, SIGKILL);
	kill(closed, SIGKILL);
	kill(other, SIGKILL);
	return 0;
}
