/* What a user may have of the kernel's objects, and what says so: the limits that root sets. Not
 * for the host, whose limits they would be. */
#include "../attack/attack.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

static void write_number(const char *path, long value)
{
	char text[32];
	int fd = open(path, O_WRONLY), n = snprintf(text, sizeof(text), "%ld\n", value);

	say("%s = %ld: %s", path, value,
	    fd >= 0 && write(fd, text, (size_t)n) == n ? "ok" : error_name(errno));
	close(fd);
}

static long read_number(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		say("%s: %s", path, error_name(errno));
	close(fd);
	return atol(text);
}

/* Set for the tests, and set back by the same process: these are the machine's. */
static void set_back(const char *path, long value)
{
	FILE *f = fopen(path, "w");

	if (f)
		fprintf(f, "%ld\n", value);
	if (f)
		fclose(f);
}

/* ---- pipes ---- */

static void say_pipe(const char *what, int want)
{
	int p[2], size;

	if (pipe(p)) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	size = fcntl(p[0], F_GETPIPE_SZ);
	say("%s: %d bytes, resized: %d", what, size, want ? fcntl(p[0], F_SETPIPE_SZ, want) : 0);
}

static void many_pipes(void)
{
	int p[2];

	say_pipe("first", 1 << 17);
	say_pipe("second", 0);
	say_pipe("past the soft limit", 1 << 16);
	say_pipe("may shrink", 4096);
	for (int i = 0; i < 3; i++)
		say_pipe("more", 0);
	pipe(p);
	RESULT(fcntl(p[0], F_SETPIPE_SZ, (1 << 20) + 1));
	RESULT(fcntl(p[0], F_SETPIPE_SZ, 0x80000001U));
	RESULT(fcntl(p[0], F_SETPIPE_SZ, 0));
}

static void pipes_end(void)
{
	int last = -1, fd[2], n = 0;

	while (pipe(fd) == 0 && n < 100)
		last = fcntl(fd[0], F_GETPIPE_SZ), n++;
	say("%d pipes, the last of %d, then %s", n, last, error_name(errno));
}

static void check_pipes(void)
{
	long soft = read_number("/proc/sys/fs/pipe-user-pages-soft");
	long hard = read_number("/proc/sys/fs/pipe-user-pages-hard");
	int p[2];

	say("%ld %ld %ld", soft, hard, read_number("/proc/sys/fs/pipe-max-size"));
	write_number("/proc/sys/fs/pipe-user-pages-soft", 48);
	as_user("soft", many_pipes);
	write_number("/proc/sys/fs/pipe-user-pages-hard", 60);
	as_user("hard", pipes_end);
	pipe(p); /* root is not bound */
	RESULT(fcntl(p[0], F_SETPIPE_SZ, 1 << 20));
	RESULT(fcntl(p[0], F_SETPIPE_SZ, 1 << 21));
	set_back("/proc/sys/fs/pipe-user-pages-soft", soft);
	set_back("/proc/sys/fs/pipe-user-pages-hard", hard);
	write_number("/proc/sys/fs/pipe-max-size", 5000);
	say("rounded: %ld", read_number("/proc/sys/fs/pipe-max-size"));
	as_user("smaller", many_pipes);
	set_back("/proc/sys/fs/pipe-max-size", 1 << 20);
}

/* ---- epoll ---- */

static void many_watches(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int set = epoll_create1(0), other = epoll_create1(0), e[12], n = 0;

	for (int i = 0; i < 12; i++)
		e[i] = eventfd(0, 0);
	while (n < 12 && epoll_ctl(set, EPOLL_CTL_ADD, e[n], &ev) == 0)
		n++;
	say("%d watches, then %s", n, error_name(errno));
	RESULT(epoll_ctl(other, EPOLL_CTL_ADD, e[0], &ev));
	RESULT(epoll_ctl(set, EPOLL_CTL_ADD, e[0], &ev));
	close(e[1]); /* gives one back */
	RESULT(epoll_ctl(other, EPOLL_CTL_ADD, e[0], &ev));
	RESULT(epoll_ctl(other, EPOLL_CTL_ADD, e[2], &ev));
	close(set); /* and this the others */
	RESULT(epoll_ctl(other, EPOLL_CTL_ADD, e[2], &ev));
}

static void check_watches(void)
{
	long most = read_number("/proc/sys/fs/epoll/max_user_watches");

	TRUTH(most > 1000);
	write_number("/proc/sys/fs/epoll/max_user_watches", -1);
	write_number("/proc/sys/fs/epoll/max_user_watches", 10);
	as_user("watches", many_watches);
	set_back("/proc/sys/fs/epoll/max_user_watches", most);
}

/* ---- pseudo-terminals ---- */

static void many_ptys(void)
{
	int n = 0, last = -1, fd;

	while (n < 20 && (fd = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0)
		last = fd, n++;
	say("%d ptys, then %s", n, error_name(errno));
	close(last);
	WHETHER(open("/dev/ptmx", O_RDWR | O_NOCTTY));
}

static void check_ptys(void)
{
	long most = read_number("/proc/sys/kernel/pty/max"), now;

	now = read_number("/proc/sys/kernel/pty/nr");
	TRUTH(most >= 1024 && now >= 0);
	set_back("/proc/sys/kernel/pty/max", now + 3);
	as_user("ptys", many_ptys);
	set_back("/proc/sys/kernel/pty/max", most);
}

/* ---- sockets ---- */

static void many_connections(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0bident-backlog"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), n = 0;

	bind(l, (struct sockaddr *)&a, sizeof(a));
	RESULT(listen(l, 1000));
	for (; n < 100; n++) {
		int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (connect(s, (struct sockaddr *)&a, sizeof(a)))
			break;
	}
	say("%d connections wait, then %s", n, error_name(errno));
}

static void check_backlog(void)
{
	long most = read_number("/proc/sys/net/core/somaxconn");

	say("somaxconn %ld", most);
	set_back("/proc/sys/net/core/somaxconn", 5);
	as_user("backlog", many_connections);
	set_back("/proc/sys/net/core/somaxconn", most);
}

/* ---- descriptors ---- */

static void descriptors(void)
{
	struct rlimit r = {200, 200};

	RESULT(setrlimit(RLIMIT_NOFILE, &r));
	RESULT(dup2(0, 199));
	RESULT(dup2(0, 200));
}

static void check_nr_open(void)
{
	long most = read_number("/proc/sys/fs/nr_open");
	struct rlimit r = {2000, 2000};

	say("nr_open %ld", most);
	set_back("/proc/sys/fs/nr_open", 1024);
	RESULT(setrlimit(RLIMIT_NOFILE, &r));
	set_back("/proc/sys/fs/nr_open", most);
	RESULT(setrlimit(RLIMIT_NOFILE, &r));
	as_user("descriptors", descriptors);
}

/* ---- open files ---- */

static void open_until_full(void)
{
	int fd[2], n = 0;

	while (n < 200 && open("/", O_RDONLY) >= 0)
		n++;
	say("%s: %s", n < 40 ? "few" : "many", error_name(errno));
	WHETHER(pipe(fd));
	WHETHER(eventfd(0, 0));
	WHETHER(epoll_create1(0));
	WHETHER(socket(AF_UNIX, SOCK_STREAM, 0));
	WHETHER(memfd_create("x", 0));
	close(3);
	WHETHER(open("/", O_RDONLY));
}

static void check_file_max(void)
{
	long most = read_number("/proc/sys/fs/file-max"), now = read_number("/proc/sys/fs/file-nr");

	TRUTH(most >= 8192 && now > 0);
	set_back("/proc/sys/fs/file-max", now + 30);
	as_user("files", open_until_full);
	set_back("/proc/sys/fs/file-max", 1);
	WHETHER(open("/", O_RDONLY)); /* root is not bound */
	set_back("/proc/sys/fs/file-max", most);
}

/* ---- locks ---- */

static void lock_until_full(void)
{
	long n = 0;
	char name[32];
	int fd = -1;

	for (int file = 0; file < 400; file++) {
		snprintf(name, sizeof(name), "/tmp/locked%d", file);
		fd = open(name, O_RDWR | O_CREAT, 0600);
		for (int i = 0; i < 500; i++, n++) {
			struct flock l = {.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1};

			if (fcntl(fd, F_SETLK, &l)) {
				say("%s locks, then ENOLCK: %s", n > 1000 ? "many" : "few",
				    errno == ENOLCK ? "yes" : "NO");
				say("flock as well: %s",
				    flock(fd, LOCK_SH) && errno == ENOLCK ? "yes" : "NO");
				close(fd);
				fd = open(name, O_RDWR);
				RESULT(fcntl(fd, F_SETLK, &l)); /* closing gave them back */
				return;
			}
		}
	}
	say("%ld locks and no end", n);
}

/* ---- mounts ---- */

static void check_mounts(void)
{
	long most = read_number("/proc/sys/fs/mount-max");

	say("mount-max %ld", most);
	mkdir("/tmp/mounted", 0700);
	set_back("/proc/sys/fs/mount-max", 1);
	RESULT(mount("none", "/tmp/mounted", "tmpfs", 0, NULL));
	set_back("/proc/sys/fs/mount-max", most);
	RESULT(mount("none", "/tmp/mounted", "tmpfs", 0, NULL));
	RESULT(umount("/tmp/mounted"));
}

int main(void)
{
	check_file_max();
	as_user("locks", lock_until_full);
	check_mounts();
	check_pipes();
	check_watches();
	check_ptys();
	check_backlog();
	check_nr_open();
	return 0;
}
