/* Files of /proc that tell of pages, descriptors, mounts and the log, and which users may read
 * them. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/klog.h>
#include <sys/mount.h>

#define PAGE    4096UL
#define PRESENT (1UL << 63)
#define FILE_   (1UL << 61)
#define SOLE    (1UL << 56)
#define FRAME   ((1UL << 55) - 1)

static char text[1 << 16];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int err = errno;

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return n < 0 ? error_name(err) : text;
}

/* ---- pagemap ---- */

static uint64_t entry_of(int fd, const volatile void *addr)
{
	uint64_t e = 0;

	if (pread(fd, &e, sizeof(e), (off_t)((uint64_t)addr / PAGE * sizeof(e))) != sizeof(e))
		say("pread: %s", error_name(errno));
	return e;
}

static void show_page(const char *what, uint64_t e)
{
	say("%s:%s%s%s, frame %s", what, e & PRESENT ? " present" : "", e & FILE_ ? " file" : "",
	    e & SOLE ? " sole" : "", e & FRAME ? "shown" : "0");
}

static void pagemap(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	volatile char *mine =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *ours =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t several[4], odd[2];
	struct gate g = gate_make();
	pid_t pid;

	madvise((void *)mine, 4 * PAGE, MADV_NOHUGEPAGE);
	show_page("untouched", entry_of(fd, mine));
	mine[0] = 1;
	show_page("written", entry_of(fd, mine));
	ours[0] = 1;
	show_page("shared memory", entry_of(fd, ours));
	pid = must_fork();
	if (pid == 0) {
		gate_wait(&g);
		_exit(0);
	}
	show_page("after fork", entry_of(fd, mine));
	mine[0] = 2;
	show_page("copied", entry_of(fd, mine));
	gate_open(&g);
	reap("child", pid);
	show_page("null", entry_of(fd, NULL));
	mine[2 * PAGE] = 1;
	TRUTH(pread(fd, several, sizeof(several), (off_t)((uint64_t)mine / PAGE * 8)) == 32);
	TRUTH((several[0] & PRESENT) && !(several[1] & PRESENT) && (several[2] & PRESENT));
	RESULT(pread(fd, odd, 7, 0));
	RESULT(pread(fd, odd, 8, 4));
	RESULT(pread(fd, odd, 0, 0));
	RESULT(pread(fd, odd, 8, (off_t)((1UL << 47) / PAGE * 8)));
	RESULT(pread(fd, (void *)8, 8, 0));
	TRUTH(lseek(fd, 80, SEEK_SET) == 80 && read(fd, odd, 16) == 16 &&
	      lseek(fd, 0, SEEK_CUR) == 96);
}

static void pagemap_as_user(void)
{
	char path[64];
	volatile char *mine =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mine[0] = 1;
	int before = open("/proc/self/pagemap", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", getppid());
	if (setgid(1000) || setuid(1000))
		_exit(1);
	show_page("opened by root", entry_of(before, mine));
	RESULT(open(path, O_RDONLY));
	pid_t pid = must_fork();
	if (pid == 0) {
		/* An exec makes the process its own again. */
		execl("/proc/self/exe", "proc_files", "as-user", NULL);
		_exit(1);
	}
	reap("as a user", pid);
}

/* ---- what another user may see of root's process ---- */

static void others(void)
{
	static const char *const names[] = {"pagemap",       "io",         "stack",
					    "personality",   "mountstats", "smaps_rollup",
					    "timerslack_ns", "sched",      "cgroup"};
	char path[64];
	pid_t root = getppid();

	if (setgid(1000) || setuid(1000))
		_exit(1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", root, names[i]);
		int fd = open(path, O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, text, 100);

		say("%s: %s", names[i], fd < 0 || n < 0 ? error_name(errno) : "ok");
	}
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", root);
	RESULT(open(path, O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/0", root);
	RESULT(open(path, O_RDONLY));
	RESULT(open("/proc/slabinfo", O_RDONLY));
	RESULT(open("/dev/kmsg", O_WRONLY));
	RESULT(klogctl(5, NULL, 0));
	RESULT(klogctl(8, NULL, 3));
	RESULT(klogctl(9, NULL, 0));
	RESULT(klogctl(2, text, 10));
	RESULT(klogctl(99, NULL, 0));
}

/* ---- fdinfo ---- */

/* The lines of this descriptor but for its mount and inode. */
static void show_fdinfo(const char *what, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	slurp(path);
	say("%s", what);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "mnt_id:", 7) && strncmp(line, "ino:", 4) &&
		    strncmp(line, "eventfd-id:", 11)) {
			char *end = strstr(line, " ino:");

			say("  %.*s", (int)(end ? end - line : (long)strlen(line)), line);
		}
}

static void fdinfo(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x1234};
	struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
	int fd = open("/tmp/fdinfo", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int event = eventfd(7, EFD_NONBLOCK), set = epoll_create1(EPOLL_CLOEXEC), pipes[2];
	struct stat st;
	unsigned long ino = 0;

	show_fdinfo("appending", fd);
	RESULT(write(fd, "hello", 5));
	show_fdinfo("written", fd);
	fstat(fd, &st);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	slurp(path);
	TRUTH(strstr(text, "\nino:\t") &&
	      sscanf(strstr(text, "\nino:\t"), "\nino:\t%lu", &ino) == 1);
	TRUTH(ino == st.st_ino);
	show_fdinfo("eventfd", event);
	if (pipe2(pipes, O_NONBLOCK))
		_exit(1);
	show_fdinfo("pipe, for writing", pipes[1]);
	if (dup2(pipes[0], 50) != 50 || epoll_ctl(set, EPOLL_CTL_ADD, 50, &ev))
		_exit(1);
	show_fdinfo("epoll", set);
	RESULT(fcntl(fd, F_SETLK, &lock));
	slurp(path);
	char *at = strstr(text, "lock:\t");
	TRUTH(at && strstr(at, "POSIX  ADVISORY  WRITE") && strstr(at, " 10 14\n"));
	lock.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &lock);
	slurp(path);
	TRUTH(!strstr(text, "lock:"));
	RESULT(open("/proc/self/fdinfo/77", O_RDONLY));
	unlink("/tmp/fdinfo");
}

/* ---- /proc/locks ---- */

/* The line of the lock on this inode, but for its number, pid and device. */
static void show_lock(const char *what, ino_t ino)
{
	char kind[16], how[16], type[16], end[32], expected[64], *dev, *line;
	int number, pid;
	long start;
	bool found = false;

	slurp("/proc/locks");
	snprintf(expected, sizeof(expected), ":%lu", (unsigned long)ino);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char place[64];

		if (sscanf(line, "%d: %15s %15s %15s %d %63s %ld %31s", &number, kind, how, type,
			   &pid, place, &start, end) != 8)
			continue;
		dev = strrchr(place, ':');
		if (!dev || strcmp(dev, expected))
			continue;
		found = true;
		say("%s: %s %s %s %s %ld %s", what, kind, how, type,
		    pid == getpid() ? "own pid"
		    : pid == -1     ? "-1"
				    : "pid",
		    start, end);
	}
	if (!found)
		say("%s: none", what);
}

static void locks(void)
{
	struct flock lock = {.l_type = F_RDLCK, .l_start = 3};
	int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
	struct stat st;

	fstat(fd, &st);
	show_lock("unlocked", st.st_ino);
	fcntl(fd, F_SETLK, &lock);
	show_lock("to the end", st.st_ino);
	lock = (struct flock){.l_type = F_WRLCK, .l_len = 7};
	fcntl(fd, F_SETLK, &lock);
	show_lock("in part for writing", st.st_ino);
	lock = (struct flock){.l_type = F_UNLCK};
	fcntl(fd, F_SETLK, &lock);
	show_lock("unlocked again", st.st_ino);
	lock = (struct flock){.l_type = F_WRLCK, .l_start = 1, .l_len = 1};
	fcntl(fd, 37 /* F_OFD_SETLK */, &lock);
	show_lock("of the opening", st.st_ino);
	unlink("/tmp/locked");
}

/* ---- mounts can be polled ---- */

static int polled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};

	poll(&p, 1, 0);
	return p.revents;
}

static void mounts(void)
{
	int fd = open("/proc/self/mounts", O_RDONLY), info = open("/proc/self/mountinfo", O_RDONLY);
	const int news = POLLERR | POLLPRI;
	struct gate g = gate_make();

	TRUTH(polled(fd) == POLLIN && polled(info) == POLLIN);
	mkdir("/tmp/mounted", 0755);
	RESULT(mount("none", "/tmp/mounted", "tmpfs", 0, ""));
	TRUTH((polled(fd) & news) == news);
	TRUTH(polled(fd) == POLLIN);
	TRUTH((polled(info) & news) == news);
	pid_t pid = must_fork();
	if (pid == 0) {
		gate_wait(&g);
		sleep_ms(50);
		_exit(umount("/tmp/mounted"));
	}
	struct pollfd p = {.fd = fd, .events = POLLPRI};
	gate_open(&g);
	RESULT(poll(&p, 1, 20000));
	TRUTH((p.revents & news) == news);
	reap("unmounts", pid);
	rmdir("/tmp/mounted");
	struct pollfd plain = {.fd = open("/proc/self/stat", O_RDONLY), .events = POLLIN | POLLOUT};
	RESULT(poll(&plain, 1, 0));
	say("%#x", plain.revents);
}

/* ---- timerslack_ns ---- */

static void slack(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/timerslack_ns", getppid());
	say("%s", slurp(path));
	fd = open(path, O_WRONLY);
	RESULT(write(fd, "70000", 5));
	say("%s", slurp(path));
	RESULT(write(fd, "-1", 2));
	RESULT(write(fd, "0", 1));
	say("%s", slurp(path));
	if (setuid(1000))
		_exit(1);
	RESULT(write(fd, "70000", 5));
	fd = open("/proc/self/timerslack_ns", O_RDWR);
	RESULT(fd < 0 ? -1 : write(fd, "80000", 5));
}

/* ---- loginuid, sessionid ---- */

static void login(void)
{
	int fd = open("/proc/self/loginuid", O_RDWR);

	say("%s %s", slurp("/proc/self/loginuid"), "at first");
	TRUTH(!strcmp(slurp("/proc/self/sessionid"), "4294967295"));
	RESULT(write(fd, "1234", 4));
	pid_t pid = must_fork();
	if (pid == 0) {
		say("%s in a child", slurp("/proc/self/loginuid"));
		TRUTH(strcmp(slurp("/proc/self/sessionid"), "4294967295") != 0);
		_exit(0);
	}
	reap("child", pid);
	RESULT(write(fd, "x", 1));
	RESULT(write(fd, "-1", 2));
	RESULT(write(open("/proc/1/loginuid", O_WRONLY), "5", 1));
	RESULT(write(fd, "4294967295", 10));
	TRUTH(!strcmp(slurp("/proc/self/sessionid"), "4294967295"));
	if (setuid(1000))
		_exit(1);
	RESULT(write(fd, "77", 2));
	RESULT(write(fd, "78", 2));
	say("%s", slurp("/proc/self/loginuid"));
}

/* ---- the log ---- */

static void kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char small[2];
	ssize_t n;

	TRUTH(klogctl(10, NULL, 0) > 0);
	TRUTH(klogctl(3, text, sizeof(text)) > 0);
	RESULT(klogctl(3, NULL, 10));
	RESULT(klogctl(3, text, -1));
	RESULT(klogctl(3, text, 0));
	RESULT(klogctl(3, (void *)8, 1000));
	RESULT(klogctl(0, NULL, 0));
	RESULT(klogctl(1, NULL, 0));
	RESULT(klogctl(8, NULL, 0));
	RESULT(klogctl(8, NULL, 9));
	RESULT(klogctl(11, NULL, 0));
	RESULT(read(fd, small, sizeof(small)));
	n = read(fd, text, sizeof(text));
	text[n > 0 ? n : 0] = '\0';
	TRUTH(n > 0 && strchr(text, ';') && strchr(text, '\n'));
	RESULT(lseek(fd, 0, SEEK_END));
	RESULT(lseek(fd, 1, SEEK_SET));
	RESULT(lseek(fd, 0, SEEK_CUR));
	RESULT(lseek(fd, 0, SEEK_SET));
	TRUTH(polled(fd) & POLLIN);
	TRUTH(pread(fd, text, sizeof(text), 0) > 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "as-user")) {
		volatile char *mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		mine[0] = 1;
		show_page("a user's own", entry_of(open("/proc/self/pagemap", O_RDONLY), mine));
		return 0;
	}
	(void)argv;
	in_child("pagemap", pagemap);
	in_child("pagemap of a user", pagemap_as_user);
	in_child("another user", others);
	in_child("fdinfo", fdinfo);
	in_child("locks", locks);
	in_child("mounts", mounts);
	in_child("slack", slack);
	in_child("login", login);
	in_child("the log", kernel_log);
	return 0;
}
