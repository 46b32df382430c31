/* Files and folders, in a folder of our own below /tmp. */
#include "check.h"

#include <dirent.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("writing %s: %s", path, error_name(errno));
	close(fd);
}

static void show(const char *path)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0) {
		say("%s: %s", path, error_name(errno));
	} else {
		buf[n] = '\0';
		say("%s: '%s'", path, buf);
	}
	if (fd >= 0)
		close(fd);
}

static void check_open(void)
{
	RESULT(open("absent", O_RDONLY));
	RESULT(open("absent", O_RDONLY | O_DIRECTORY));
	put("a", "hello");
	show("a");
	RESULT(open("a", O_WRONLY | O_CREAT | O_EXCL, 0644));
	RESULT(open("a", O_RDONLY | O_DIRECTORY));
	RESULT(open("a/b", O_RDONLY));
	RESULT(open(".", O_WRONLY));
	RESULT(open("", O_RDONLY));
	int fd = open("a", O_RDONLY);
	RESULT(write(fd, "x", 1));
	close(fd);
	fd = open("a", O_WRONLY | O_APPEND);
	RESULT(lseek(fd, 0, SEEK_SET));
	RESULT(write(fd, " world", 6));
	RESULT(lseek(fd, 0, SEEK_CUR));
	char c;
	RESULT(read(fd, &c, 1));
	close(fd);
	show("a");
	fd = open("a", O_RDWR | O_TRUNC);
	close(fd);
	show("a");
	char longname[300];
	memset(longname, 'n', sizeof(longname));
	longname[256] = '\0';
	RESULT(open(longname, O_RDONLY));
	longname[255] = '\0';
	RESULT(open(longname, O_RDONLY));
	static char longpath[5000];
	for (size_t i = 0; i < sizeof(longpath) - 1; i++)
		longpath[i] = i % 2 ? '/' : '.';
	RESULT(open(longpath, O_RDONLY));
	RESULT(close(-1));
	RESULT(close(12345));
	RESULT(openat(-5, "a", O_RDONLY));
	RESULT(openat(12345, "a", O_RDONLY));
}

/* A count that no address space has room for: what the descriptor is for is asked first. */
static void check_absurd_counts(void)
{
	static const int how[] = {O_RDONLY, O_WRONLY, O_RDWR, O_PATH};
	volatile size_t absurd = (size_t)-1;
	char c = 'x';

	put("a", "hello");
	for (unsigned int i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		int fd = open("a", how[i]);

		RESULT(syscall(SYS_read, fd, &c, absurd));
		RESULT(syscall(SYS_write, fd, &c, absurd));
		close(fd);
	}
	show("a");
}

static void check_seek(void)
{
	char buf[32];
	int fd = open("seek", O_RDWR | O_CREAT, 0644);

	RESULT(write(fd, "0123456789", 10));
	RESULT(lseek(fd, 2, SEEK_SET));
	RESULT(lseek(fd, 3, SEEK_CUR));
	RESULT(lseek(fd, -1, SEEK_END));
	RESULT(lseek(fd, -11, SEEK_END));
	RESULT(lseek(fd, -1, SEEK_SET));
	RESULT(lseek(fd, 0, 77));
	RESULT(lseek(fd, 20, SEEK_SET));
	RESULT(read(fd, buf, 1));
	RESULT(write(fd, "end", 3));
	RESULT(lseek(fd, 0, SEEK_SET));
	memset(buf, 'x', sizeof(buf));
	RESULT(read(fd, buf, sizeof(buf)));
	int zeros = 0;
	for (int i = 10; i < 20; i++)
		zeros += buf[i] == 0;
	say("the hole: %d zeros, then '%.3s'", zeros, buf + 20);
	RESULT(pread(fd, buf, 3, 4));
	say("pread: '%.3s'", buf);
	RESULT(pwrite(fd, "AB", 2, 1));
	RESULT(lseek(fd, 0, SEEK_CUR));
	RESULT(pread(fd, buf, 4, 0));
	say("pwrite: '%.4s'", buf);
	RESULT(pread(fd, buf, 4, 100));
	RESULT(pread(fd, buf, 4, -1));
	RESULT(ftruncate(fd, 5));
	RESULT(pread(fd, buf, sizeof(buf), 0));
	RESULT(ftruncate(fd, 8));
	RESULT(pread(fd, buf, sizeof(buf), 0));
	say("after growing again: %d %d %d", buf[5], buf[6], buf[7]);
	RESULT(ftruncate(fd, -1));
	RESULT(truncate("seek", 3));
	RESULT(truncate("absent", 3));
	RESULT(truncate(".", 3));
	struct iovec v[2] = {{"x", 1}, {"yz", 2}};
	RESULT(lseek(fd, 0, SEEK_SET));
	RESULT(writev(fd, v, 2));
	show("seek");
	close(fd);
}

static void check_big(void)
{
	static unsigned char block[65536];
	unsigned long sum = 0;
	int fd = open("big", O_RDWR | O_CREAT, 0644);

	for (int i = 0; i < 40; i++) {
		memset(block, i, sizeof(block));
		if (write(fd, block, sizeof(block)) != sizeof(block))
			say("write: %s", error_name(errno));
	}
	struct stat st;
	fstat(fd, &st);
	say("size %ld", (long)st.st_size);
	lseek(fd, 0, SEEK_SET);
	ssize_t n;
	while ((n = read(fd, block, 12345)) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum += block[i];
	say("sum %lu", sum);
	int out = open("copy", O_RDWR | O_CREAT, 0644);
	off_t offset = 65530;
	RESULT(sendfile(out, fd, &offset, 12));
	say("offset %ld", (long)offset);
	RESULT(pread(out, block, 12, 0));
	say("%d %d", block[5], block[6]);
	close(out);
	close(fd);
	unlink("big");
	unlink("copy");
}

static void check_links(void)
{
	struct stat st;

	put("one", "1");
	RESULT(link("one", "two"));
	RESULT(stat("two", &st));
	say("links: %d", (int)st.st_nlink);
	RESULT(link("one", "two"));
	RESULT(link("absent", "three"));
	RESULT(link(".", "folder"));
	RESULT(unlink("one"));
	RESULT(unlink("one"));
	show("two");
	RESULT(stat("two", &st));
	say("links: %d", (int)st.st_nlink);
	int fd = open("two", O_RDWR);
	RESULT(unlink("two"));
	RESULT(fstat(fd, &st));
	say("links of the open one: %d", (int)st.st_nlink);
	char c = 0;
	RESULT(read(fd, &c, 1));
	say("it still reads '%c'", c);
	close(fd);
	RESULT(unlink("."));
}

static void check_symlinks(void)
{
	char buf[64];
	struct stat st;

	put("target", "t");
	RESULT(symlink("target", "link"));
	RESULT(symlink("target", "link"));
	ssize_t n = readlink("link", buf, sizeof(buf));
	say("readlink: %.*s", (int)n, buf);
	RESULT(readlink("link", buf, 3));
	RESULT(readlink("target", buf, sizeof(buf)));
	RESULT(readlink("link", buf, 0));
	show("link");
	RESULT(lstat("link", &st));
	TRUTH(S_ISLNK(st.st_mode));
	say("size of a link: %ld", (long)st.st_size);
	RESULT(stat("link", &st));
	TRUTH(S_ISREG(st.st_mode));
	RESULT(open("link", O_RDONLY | O_NOFOLLOW));
	RESULT(symlink("loop2", "loop1"));
	RESULT(symlink("loop1", "loop2"));
	RESULT(open("loop1", O_RDONLY));
	RESULT(symlink("nowhere", "dangling"));
	RESULT(open("dangling", O_RDONLY));
	RESULT(symlink("", "empty"));
	put("dangling", "made through the link");
	show("nowhere");
	RESULT(mkdir("deep", 0755));
	RESULT(symlink("../target", "deep/up"));
	show("deep/up");
	RESULT(unlink("deep/up"));
	RESULT(rmdir("deep"));
}

static void check_folders(void)
{
	struct stat st;

	RESULT(mkdir("d", 0755));
	RESULT(mkdir("d", 0755));
	RESULT(mkdir("absent/d", 0755));
	RESULT(mkdir("a/d", 0755));
	put("d/file", "x");
	RESULT(rmdir("d"));
	RESULT(unlink("d"));
	RESULT(rmdir("d/file"));
	RESULT(mkdir("d/sub", 0700));
	RESULT(stat("d", &st));
	say("links of a folder: %d", (int)st.st_nlink);
	RESULT(stat("d/sub", &st));
	say("mode %o", (unsigned int)(st.st_mode & 07777));
	RESULT(rmdir("d/sub"));
	RESULT(rmdir("d/."));
	RESULT(unlink("d/file"));
	RESULT(unlinkat(AT_FDCWD, "d", 0));
	RESULT(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	RESULT(rmdir("d"));
	RESULT(rmdir("/"));
	RESULT(stat("d", &st));
	RESULT(mkdirat(AT_FDCWD, "e", 0777));
	RESULT(rmdir("e/"));
}

static void check_rename(void)
{
	put("r1", "one");
	put("r2", "two");
	RESULT(rename("r1", "r2"));
	show("r1");
	show("r2");
	RESULT(rename("absent", "r2"));
	RESULT(mkdir("rd", 0755));
	RESULT(rename("r2", "rd"));
	RESULT(rename("rd", "r2"));
	RESULT(rename("rd", "rd/inside"));
	RESULT(rename("r2", "rd/r2"));
	show("rd/r2");
	RESULT(mkdir("rd2", 0755));
	RESULT(rename("rd2", "rd"));
	RESULT(rename("rd", "rd2"));
	show("rd2/r2");
	RESULT(rename("rd2/r2", "rd2/r2"));
	RESULT(rename("rd2/r2", "r2"));
	RESULT(rmdir("rd2"));
	RESULT(renameat(AT_FDCWD, "r2", AT_FDCWD, "r3"));
	show("r3");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_listing(void)
{
	char *names[400];
	char name[32];
	int n = 0;

	mkdir("many", 0755);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "many/file-%03d", i);
		put(name, "");
	}
	unlink("many/file-007");
	DIR *dir = opendir("many");
	struct dirent *entry;
	int dots = 0, types = 0;
	while ((entry = readdir(dir)) != NULL && n < 400) {
		if (entry->d_name[0] == '.')
			dots++;
		else
			names[n++] = strdup(entry->d_name);
		types += entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
	}
	say("%d names, %d dots, %d regular", n, dots, types);
	rewinddir(dir);
	int again = 0;
	while (readdir(dir) != NULL)
		again++;
	say("again: %d", again);
	closedir(dir);
	qsort(names, n, sizeof(names[0]), compare);
	say("first %s, eighth %s, last %s", names[0], names[7], names[n - 1]);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "many/%s", names[i]);
		unlink(name);
	}
	RESULT(rmdir("many"));
	int fd = open("a", O_RDONLY);
	RESULT(syscall(SYS_getdents64, fd, name, sizeof(name)));
	close(fd);
	fd = open(".", O_RDONLY);
	RESULT(syscall(SYS_getdents64, fd, name, 1));
	RESULT(read(fd, name, 1));
	close(fd);
}

static void check_cwd(void)
{
	char buf[PATH_MAX];

	RESULT(chdir("/tmp"));
	say("%s", getcwd(buf, sizeof(buf)));
	RESULT(chdir(".."));
	say("%s", getcwd(buf, sizeof(buf)));
	RESULT(chdir(".."));
	say("%s", getcwd(buf, sizeof(buf)));
	RESULT(chdir("/tmp/./../tmp//files-test"));
	say("%s", getcwd(buf, sizeof(buf)));
	RESULT(syscall(SYS_getcwd, buf, 3));
	RESULT(chdir("a"));
	RESULT(chdir("absent"));
	int fd = open("/", O_RDONLY);
	RESULT(fchdir(fd));
	say("%s", getcwd(buf, sizeof(buf)));
	close(fd);
	fd = open("/tmp/files-test/a", O_RDONLY);
	RESULT(fchdir(fd));
	close(fd);
	RESULT(chdir("/tmp/files-test"));
	RESULT(mkdir("gone", 0755));
	RESULT(chdir("gone"));
	RESULT(rmdir("../gone"));
	RESULT(syscall(SYS_getcwd, buf, sizeof(buf)));
	RESULT(open("x", O_CREAT | O_WRONLY, 0644));
	RESULT(chdir("/tmp/files-test"));
}

static void check_modes(void)
{
	struct stat st;

	umask(022);
	int fd = open("mode", O_CREAT | O_WRONLY, 0666);
	fstat(fd, &st);
	say("0666 with umask 022: %o", (unsigned int)(st.st_mode & 07777));
	RESULT(fchmod(fd, 0755));
	RESULT(chmod("mode", 04711));
	stat("mode", &st);
	say("mode %o, regular %d, size %ld, uid %d", (unsigned int)(st.st_mode & 07777),
	    S_ISREG(st.st_mode), (long)st.st_size, (int)st.st_uid);
	close(fd);
	RESULT(chmod("absent", 0));
	RESULT(access("mode", F_OK));
	RESULT(access("mode", R_OK | W_OK));
	RESULT(access("absent", F_OK));
	RESULT(access("mode", 77));
	chmod("mode", 0600);
	RESULT(access("mode", X_OK));
	RESULT(stat("/dev/null", &st));
	say("/dev/null: %d, device %#lx", S_ISCHR(st.st_mode), (unsigned long)st.st_rdev);
	RESULT(stat("/dev/zero", &st));
	say("/dev/zero: %d, device %#lx", S_ISCHR(st.st_mode), (unsigned long)st.st_rdev);
}

/* Mode bits bind those who are not root. */
static void as_somebody(void)
{
	chmod("/tmp/files-test", 0755);
	put("private", "x");
	chmod("private", 0600);
	put("public", "x");
	RESULT(setgid(1000));
	RESULT(setuid(1000));
	RESULT(open("private", O_RDONLY));
	RESULT(open("public", O_WRONLY));
	WHETHER(open("public", O_RDONLY));
	RESULT(open("new", O_CREAT | O_WRONLY, 0644));
	RESULT(mkdir("newdir", 0755));
	RESULT(unlink("public"));
	RESULT(access("private", R_OK));
	RESULT(chmod("public", 0777));
	RESULT(rename("public", "mine"));
}

static void check_devices(void)
{
	char buf[8] = "xxxxxxx";
	int fd = open("/dev/null", O_RDWR);

	RESULT(read(fd, buf, 4));
	RESULT(write(fd, buf, 4));
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	RESULT(read(fd, buf, 4));
	say("%d %d %d %d %c", buf[0], buf[1], buf[2], buf[3], buf[4]);
	RESULT(write(fd, buf, 4));
	close(fd);
}

static void check_sharing(void)
{
	char c;
	int fd = open("seek", O_RDWR);
	int copy = dup(fd);

	RESULT(read(fd, &c, 1));
	RESULT(lseek(copy, 0, SEEK_CUR));
	pid_t pid = must_fork();
	if (pid == 0) {
		lseek(fd, 2, SEEK_SET);
		close(fd);
		_exit(0);
	}
	reap("child", pid);
	RESULT(lseek(fd, 0, SEEK_CUR)); /* the child moved the description we share */
	int other = open("seek", O_RDONLY);
	RESULT(lseek(other, 0, SEEK_CUR));
	RESULT(dup2(fd, 50));
	RESULT(dup2(fd, fd) == fd);
	RESULT(dup2(99, 51));
	RESULT(dup2(fd, -1));
	RESULT(dup2(fd, 1 << 30));
	RESULT(dup3(fd, fd, 0));
	RESULT(dup3(fd, 52, O_CLOEXEC));
	RESULT(fcntl(52, F_GETFD));
	RESULT(dup3(fd, 52, O_APPEND));
	RESULT(fcntl(50, F_GETFD));
	RESULT(fcntl(50, F_SETFD, FD_CLOEXEC));
	RESULT(fcntl(50, F_GETFD));
	RESULT(fcntl(fd, F_GETFD));
	RESULT(fcntl(fd, F_DUPFD, 60));
	RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 60));
	RESULT(fcntl(61, F_GETFD));
	RESULT(fcntl(fd, F_DUPFD, -1));
	RESULT(fcntl(fd, F_GETFL) & O_ACCMODE);
	RESULT(fcntl(fd, F_SETFL, O_APPEND));
	RESULT((fcntl(50, F_GETFL) & O_APPEND) != 0);
	RESULT(fcntl(99, F_GETFD));
	RESULT(fcntl(fd, 9999));
	RESULT(dup(99));
	close(fd);
	close(copy);
	close(other);
}

static void check_times(void)
{
	struct stat st;
	struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 7}};

	RESULT(utimensat(AT_FDCWD, "a", times, 0));
	stat("a", &st);
	say("atime %ld mtime %ld", (long)st.st_atim.tv_sec, (long)st.st_mtim.tv_sec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	RESULT(utimensat(AT_FDCWD, "a", times, 0));
	stat("a", &st);
	say("atime %ld, mtime is now: %s", (long)st.st_atim.tv_sec,
	    st.st_mtim.tv_sec > 2000 ? "yes" : "NO");
	RESULT(utimensat(AT_FDCWD, "absent", NULL, 0));
	times[1].tv_nsec = UTIME_OMIT;
	RESULT(utimensat(AT_FDCWD, "absent", times, 0));
	times[1].tv_nsec = 1000000000;
	RESULT(utimensat(AT_FDCWD, "a", times, 0));
}

/* utime(2), utimes(2), futimesat(2): the C library has other ways now, old programs have not. */
static void check_old_times(void)
{
	struct {
		time_t access, modification;
	} seconds = {.access = 3000, .modification = -4000};
	struct timeval times[2] = {{.tv_sec = 5000, .tv_usec = 999999}, {.tv_sec = 6000}};
	struct stat st;
	int fd = open("a", O_RDONLY);

	RESULT(syscall(SYS_utime, "a", &seconds));
	stat("a", &st);
	say("atime %ld mtime %ld", (long)st.st_atim.tv_sec, (long)st.st_mtim.tv_sec);
	RESULT(syscall(SYS_utimes, "a", times));
	stat("a", &st);
	say("atime %ld.%09ld mtime %ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
	    (long)st.st_mtim.tv_sec);
	times[0].tv_sec = 7000;
	RESULT(syscall(SYS_futimesat, fd, NULL, times));
	fstat(fd, &st);
	say("atime %ld", (long)st.st_atim.tv_sec);
	RESULT(syscall(SYS_utime, "a", NULL));
	stat("a", &st);
	say("both now: %s", st.st_atim.tv_sec > 7000 && st.st_mtim.tv_sec > 7000 ? "yes" : "NO");
	RESULT(syscall(SYS_futimesat, fd, "a", times));
	RESULT(syscall(SYS_futimesat, 99, NULL, times));
	RESULT(syscall(SYS_utime, "absent", NULL));
	times[1].tv_usec = 1000000;
	RESULT(syscall(SYS_utimes, "a", times));
	close(fd);
}

static void clean_up(void)
{
	execl("/bin/busybox", "rm", "-rf", "/tmp/files-test", (char *)NULL);
	_exit(1);
}

int main(void)
{
	mkdir("/tmp/files-test", 0755);
	if (chdir("/tmp/files-test") != 0)
		return 1;
	check_open();
	check_absurd_counts();
	check_seek();
	check_big();
	check_links();
	check_symlinks();
	check_folders();
	check_rename();
	check_listing();
	check_cwd();
	check_modes();
	in_child("somebody", as_somebody);
	check_devices();
	check_sharing();
	check_times();
	check_old_times();
	in_child("rm -rf", clean_up);
	return 0;
}
