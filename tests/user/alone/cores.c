/* Core dumps that need kernel.core_pattern, or are for a debugger. Says what it sees. */
#include "check.h"

#include <elf.h>
#include <poll.h>
#include <pthread.h>

static const char *self;
static volatile int one = 1;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0644);

	if (write(fd, text, strlen(text)) < 0)
		say("%s: %s", path, error_name(errno));
	close(fd);
}

static void set_pattern(const char *pattern)
{
	char now[256] = "";
	int fd;

	write_file("/proc/sys/kernel/core_pattern", pattern);
	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	if (read(fd, now, sizeof(now) - 1) < 0)
		say("pattern: %s", error_name(errno));
	close(fd);
	now[strcspn(now, "\n")] = '\0';
	if (strcmp(now, pattern) != 0)
		say("the pattern is '%s'", now);
}

static void limit_core(rlim_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	if (setrlimit(RLIMIT_CORE, &limit))
		say("limit: %s", error_name(errno));
}

/* Fork a child that aborts. */
static pid_t start_abort(rlim_t bytes)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		limit_core(bytes);
		abort();
	}
	return pid;
}

static bool end_abort(const char *what, pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	say("%s: %s, %s", what, signal_name(WTERMSIG(status)),
	    WCOREDUMP(status) ? "dumped" : "no dump");
	return WCOREDUMP(status);
}

/* ---- for a debugger ---- */

static void *wait_here(void *arg)
{
	pause();
	return arg;
}

__attribute__((noinline)) static int crash_here(volatile int *at, int depth)
{
	if (depth > 0)
		return crash_here(at, depth - 1) + one;
	*at = 42;
	return *at;
}

static int threads(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, wait_here, NULL);
	limit_core(RLIM_INFINITY);
	sleep_ms(100);
	return crash_here((volatile int *)0x1230, 3);
}

/* ---- names ---- */

static void names(void)
{
	static const char *const patterns[] = {"/tmp/c-%%-%s-%d-%u-%g-%e-%f-%E-%h-%c-%",
					       "/tmp/plain", "/tmp/odd-%q%z-end"};
	char expected[256];

	sethostname("..", 2);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		set_pattern(patterns[i]);
		end_abort(patterns[i], start_abort(1 << 20));
	}
	set_pattern("/tmp/p-%p-%P-%i-%I");
	pid_t pid = start_abort(1 << 20);
	end_abort("pids", pid);
	snprintf(expected, sizeof(expected), "/tmp/p-%d-%d-%d-%d", pid, pid, pid, pid);
	WHETHER(access(expected, F_OK));
	write_file("/proc/sys/kernel/core_uses_pid", "1");
	set_pattern("/tmp/q");
	pid = start_abort(1 << 20);
	end_abort("core_uses_pid", pid);
	snprintf(expected, sizeof(expected), "/tmp/q.%d", pid);
	WHETHER(access(expected, F_OK));
	write_file("/proc/sys/kernel/core_uses_pid", "0");
	sethostname("bident", 6);
}

/* ---- pipes ---- */

/* The helper: say what it was given, and what it reads. */
static int reader(int argc, char **argv)
{
	static char buf[65536];
	char line[512] = "", path[64];
	struct rlimit limit;
	long total = 0;
	ssize_t n;
	int fd;

	if (strcmp(argv[2], "sleep") == 0) /* until the writer is gone */
		return poll(&(struct pollfd){.fd = 0}, 1, -1) < 0;
	fd = open("/tmp/seen", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	for (int i = 2; i < argc; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "[%s]", argv[i]);
	while ((n = read(0, buf, sizeof(buf))) > 0) {
		if (total == 0 && memcmp(buf, ELFMAG, SELFMAG) != 0)
			strcat(line, " no ELF");
		total += n;
	}
	getrlimit(RLIMIT_CORE, &limit);
	snprintf(path, sizeof(path), "/proc/%s/status", argv[2]);
	snprintf(line + strlen(line), sizeof(line) - strlen(line),
		 " uid %d, limit %ld, another descriptor %s, %s bytes, its process %s\n", getuid(),
		 (long)limit.rlim_cur, fcntl(3, F_GETFD) == 0 && fd != 3 ? "open" : "closed",
		 total > 100000 ? "many" : "few", access(path, F_OK) == 0 ? "is there" : "is gone");
	if (write(fd, line, strlen(line)) < 0)
		return 1;
	return 0;
}

static void say_seen(const char *pid)
{
	char text[512] = "", *at;
	int fd = -1;

	for (int i = 0; i < 500 && !*text; i++) {
		fd = open("/tmp/seen", O_RDONLY);
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
			say("no read");
		close(fd);
		if (!*text)
			sleep_ms(10);
	}
	text[strcspn(text, "\n")] = '\0';
	at = strstr(text, pid);
	say("seen: %s%s", at ? "[PID" : "", at ? at + strlen(pid) : text);
	unlink("/tmp/seen");
}

static void pipes(void)
{
	char pattern[128], pid_text[32];
	pid_t pid;

	write_file("/proc/sys/kernel/core_pipe_limit", "4");
	snprintf(pattern, sizeof(pattern), "|%s reader %%P  %%s a%%%%b %%e", self);
	set_pattern(pattern);
	for (int limit = 0; limit < 2; limit++) {
		pid = start_abort(limit ? 1 : 0);
		snprintf(pid_text, sizeof(pid_text), "%d", pid);
		if (end_abort(limit ? "limit 1" : "limit 0", pid))
			say_seen(pid_text);
	}
	set_pattern("|/nonexistent/program");
	end_abort("no program", start_abort(1 << 20));
	set_pattern("|");
	end_abort("no name", start_abort(1 << 20));
	set_pattern("");
	end_abort("empty", start_abort(1 << 20));
	/* A reader that does not read: SIGKILL ends the dump. */
	snprintf(pattern, sizeof(pattern), "|%s reader sleep", self);
	set_pattern(pattern);
	pid = start_abort(0);
	sleep_ms(300);
	WHETHER(kill(pid, SIGTERM));
	WHETHER(kill(pid, 0));
	sleep_ms(100);
	RESULT(waitpid(pid, NULL, WNOHANG));
	WHETHER(kill(pid, SIGKILL));
	end_abort("killed", pid);
	/* One dump at a time. */
	write_file("/proc/sys/kernel/core_pipe_limit", "1");
	pid = start_abort(0);
	sleep_ms(300);
	end_abort("over the limit", start_abort(0));
	WHETHER(kill(pid, SIGKILL));
	end_abort("killed", pid);
	write_file("/proc/sys/kernel/core_pipe_limit", "0");
	set_pattern("core");
}

/* ---- rights ---- */

static void set_id(void)
{
	char copy[] = "/tmp/setid", command[256];

	snprintf(command, sizeof(command), "/bin/busybox cp %s %s", self, copy);
	if (system(command))
		say("no copy");
	if (chown(copy, 0, 0) || chmod(copy, 04755))
		say("no set-id program");
	set_pattern("/tmp/setid.core");
	for (int user = 0; user < 2; user++) {
		pid_t pid = must_fork();

		if (pid == 0) {
			limit_core(RLIM_INFINITY);
			if (user && setuid(1000))
				_exit(1);
			execl(copy, copy, "crash", NULL);
			_exit(2);
		}
		end_abort(user ? "set-id, of a user" : "set-id, of root", pid);
		WHETHER(unlink("/tmp/setid.core"));
	}
	set_pattern("core");
	unlink(copy);
}

/* ---- very many areas: PN_XNUM ---- */

#define PAIRS 33000

static void very_many(void)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh;
	pid_t pid;
	int fd;

	write_file("/proc/sys/vm/max_map_count", "100000");
	set_pattern("/tmp/core");
	pid = must_fork();
	if (pid == 0) {
		char *at = mmap(NULL, PAIRS * 2 * 4096UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		for (size_t i = 0; i < PAIRS; i++)
			if (mprotect(at + i * 8192, 4096, PROT_READ | PROT_WRITE))
				_exit(1);
		limit_core(RLIM_INFINITY);
		abort();
	}
	end_abort("many areas", pid);
	fd = open("/tmp/core", O_RDONLY);
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    pread(fd, &sh, sizeof(sh), (off_t)eh.e_shoff) != sizeof(sh))
		say("too short");
	close(fd);
	say("phnum %#x, shnum %d, size %ld, more than 66000: %d", eh.e_phnum, eh.e_shnum,
	    (long)sh.sh_size, sh.sh_info > 66000);
	unlink("/tmp/core");
	set_pattern("core");
	write_file("/proc/sys/vm/max_map_count", "65530");
}

/* ---- many at once ---- */

#define CROWD 40

static void crowd(void)
{
	pid_t pid[CROWD];
	int signalled = 0;

	set_pattern("/tmp/core.%p");
	for (int i = 0; i < CROWD; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			char *at = malloc(4 << 20);

			memset(at, i + 1, 4 << 20);
			limit_core(RLIM_INFINITY);
			abort();
		}
	}
	for (int i = 0; i < CROWD; i++) {
		int status = 0;

		waitpid(pid[i], &status, 0);
		signalled += WIFSIGNALED(status);
	}
	say("%d of %d ended by a signal", signalled, CROWD);
	if (system("/bin/busybox rm -f /tmp/core.*"))
		say("no rm");
	set_pattern("core");
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "threads") == 0)
		return threads();
	if (strcmp(argv[1], "reader") == 0)
		return reader(argc, argv);
	if (strcmp(argv[1], "crash") == 0) {
		limit_core(RLIM_INFINITY);
		abort();
	}
	if (strcmp(argv[1], "names") == 0)
		names();
	if (strcmp(argv[1], "pipes") == 0)
		pipes();
	if (strcmp(argv[1], "setid") == 0)
		set_id();
	if (strcmp(argv[1], "areas") == 0)
		very_many();
	if (strcmp(argv[1], "crowd") == 0)
		crowd();
	return 0;
}
