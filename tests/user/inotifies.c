/* inotify(7): every event of files and directories, in which order, and how the queue is read. */
#include "check.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static int in;

static void say_mask(char *text, size_t n, uint32_t mask)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{IN_ACCESS, "ACCESS"},
		{IN_MODIFY, "MODIFY"},
		{IN_ATTRIB, "ATTRIB"},
		{IN_CLOSE_WRITE, "CLOSE_WRITE"},
		{IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
		{IN_OPEN, "OPEN"},
		{IN_MOVED_FROM, "MOVED_FROM"},
		{IN_MOVED_TO, "MOVED_TO"},
		{IN_CREATE, "CREATE"},
		{IN_DELETE, "DELETE"},
		{IN_DELETE_SELF, "DELETE_SELF"},
		{IN_MOVE_SELF, "MOVE_SELF"},
		{IN_UNMOUNT, "UNMOUNT"},
		{IN_Q_OVERFLOW, "Q_OVERFLOW"},
		{IN_IGNORED, "IGNORED"},
		{IN_ISDIR, "ISDIR"},
	};

	text[0] = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask & names[i].bit)
			snprintf(text + strlen(text), n - strlen(text), " %s", names[i].name);
}

static void show(const char *what)
{
	static char buf[1 << 16] __attribute__((aligned(8)));
	uint32_t cookie = 0;
	char mask[256];
	ssize_t n;

	say("%s:", what);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (void *)p;

			say_mask(mask, sizeof(mask), e->mask);
			say("  %d:%s%s%s, length %u, %s", e->wd, mask, e->len ? " " : "",
			    e->len ? e->name : "", e->len,
			    !e->cookie            ? "no cookie"
			    : e->cookie == cookie ? "the same cookie"
						  : "a cookie");
			cookie = e->cookie;
			p += sizeof(*e) + e->len;
		}
	if (errno != EAGAIN)
		say("  %s", error_name(errno));
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("%s: %s", path, error_name(errno));
	close(fd);
}

static void errors(void)
{
	int p[2];
	char small[15];

	say("-- errors");
	pipe(p);
	RESULT(inotify_init1(1));
	RESULT(inotify_add_watch(in, "d", 0));
	RESULT(inotify_add_watch(in, "d", IN_ONLYDIR));
	RESULT(inotify_add_watch(in, "d", 0x00100000));
	RESULT(inotify_add_watch(in, "nothing", IN_OPEN));
	RESULT(inotify_add_watch(in, "f", IN_OPEN | IN_ONLYDIR));
	RESULT(inotify_add_watch(p[0], "f", IN_OPEN));
	RESULT(inotify_add_watch(99, "f", IN_OPEN));
	RESULT(inotify_add_watch(in, (char *)8, IN_OPEN));
	RESULT(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
	RESULT(inotify_rm_watch(in, 1));
	RESULT(inotify_rm_watch(p[0], 1));
	RESULT(inotify_rm_watch(99, 1));
	RESULT(read(in, small, sizeof(small)));
	RESULT(write(in, small, 1));
	close(p[0]);
	close(p[1]);
}

static void of_a_file(void)
{
	struct timespec times[2] = {{1, 0}, {1, 0}}, one[2] = {{2, 0}, {0, UTIME_OMIT}},
			other[2] = {{0, UTIME_OMIT}, {3, 0}};
	char buf[8];
	int fd, w;

	say("-- a file");
	RESULT(w = inotify_add_watch(in, "f", IN_ALL_EVENTS));
	put_file("f", "abc");
	show("written");
	fd = open("f", O_RDWR);
	(void)!read(fd, buf, 1);
	(void)!read(fd, buf, 8);
	(void)!read(fd, buf, 8);
	show("read");
	(void)!write(fd, "x", 1);
	(void)!write(fd, "y", 1);
	(void)!pwrite(fd, "z", 1, 0);
	(void)!write(fd, "", 0);
	show("written three times");
	ftruncate(fd, 1);
	show("truncated");
	fchmod(fd, 0600);
	show("mode");
	close(fd);
	show("closed");
	chmod("f", 0644);
	chown("f", 0, 0);
	truncate("f", 10);
	utimensat(AT_FDCWD, "f", times, 0);
	show("mode, owner, size, times");
	utimensat(AT_FDCWD, "f", one, 0);
	utimensat(AT_FDCWD, "f", other, 0);
	show("a time each");
	link("f", "d/link");
	show("linked");
	rename("f", "g");
	show("moved");
	put_file("h", "");
	rename("h", "g");
	show("replaced");
	unlink("d/link");
	show("deleted");
	RESULT(inotify_rm_watch(in, w));
	unlink("g");
	show("nothing");
}

static void of_a_directory(void)
{
	int fd, w;
	char buf[1024];

	say("-- a directory");
	RESULT(w = inotify_add_watch(in, "d", IN_ALL_EVENTS));
	put_file("d/a", "text");
	show("a file");
	mkdir("d/sub", 0755);
	mknod("d/fifo", S_IFIFO | 0644, 0);
	symlink("a", "d/symlink");
	link("d/a", "d/link");
	show("made");
	fd = open("d", O_RDONLY | O_DIRECTORY);
	(void)!syscall(SYS_getdents64, fd, buf, sizeof(buf));
	close(fd);
	show("listed");
	fd = open("d/a", O_RDONLY);
	(void)!read(fd, buf, 10);
	show("read in it");
	unlink("d/a");
	(void)!pread(fd, buf, 10, 0);
	close(fd);
	show("deleted while open");
	chmod("d", 0700);
	chmod("d/link", 0600);
	show("modes");
	rename("d/link", "d/moved");
	rename("d/moved", "out");
	rename("out", "d/in");
	show("moved within, out and in");
	rename("d/sub", "d/in2");
	show("a directory is moved");
	put_file("d/over", "");
	show("another");
	rename("d/over", "d/in");
	show("moved over");
	syscall(SYS_renameat2, AT_FDCWD, "d/in", AT_FDCWD, "d/fifo", 2 /* RENAME_EXCHANGE */);
	show("exchanged");
	rmdir("d/in2");
	unlink("d/in");
	unlink("d/fifo");
	unlink("d/symlink");
	show("emptied");
	mkdir("e", 0755);
	rename("d", "e/d");
	show("moved itself");
	rmdir("e/d");
	show("removed");
	RESULT(inotify_rm_watch(in, w));
	rmdir("e");
	mkdir("d", 0755);
}

/* A watch of a file, and one of its directory. */
static void of_both(void)
{
	int fd, w[2];

	say("-- both");
	put_file("d/f", "");
	RESULT(w[0] = inotify_add_watch(in, "d", IN_ALL_EVENTS));
	RESULT(w[1] = inotify_add_watch(in, "d/f", IN_ALL_EVENTS));
	put_file("d/f", "x");
	show("written");
	rename("d/f", "d/g");
	show("moved");
	fd = open("d/g", O_RDONLY);
	unlink("d/g");
	show("deleted while open");
	close(fd);
	show("closed");
	put_file("d/f", "");
	inotify_add_watch(in, "d/f", IN_DELETE_SELF);
	unlink("d/f");
	show("deleted");
	mkdir("d/sub", 0755);
	inotify_add_watch(in, "d/sub", IN_ALL_EVENTS);
	rmdir("d/sub");
	show("a directory is removed");
	RESULT(inotify_rm_watch(in, w[0]));
	show("no more");
}

static void flags(void)
{
	int fd, w, w2;

	say("-- flags");
	put_file("f", "");
	symlink("f", "l");
	RESULT(w = inotify_add_watch(in, "f", IN_OPEN | IN_ONESHOT));
	put_file("f", "");
	put_file("f", "");
	show("once");
	RESULT(inotify_rm_watch(in, w));
	RESULT(w = inotify_add_watch(in, "f", IN_OPEN));
	RESULT(w2 = inotify_add_watch(in, "l", IN_CLOSE_WRITE | IN_MASK_ADD));
	RESULT(w == w2);
	put_file("f", "x");
	show("two kinds");
	RESULT(inotify_add_watch(in, "f", IN_MODIFY) == w);
	put_file("f", "x");
	show("another kind");
	RESULT(inotify_add_watch(in, "f", IN_MODIFY | IN_MASK_CREATE));
	RESULT(w2 = inotify_add_watch(in, "l", IN_ALL_EVENTS | IN_DONT_FOLLOW));
	put_file("l", "x");
	unlink("l");
	show("the link itself");
	RESULT(inotify_rm_watch(in, w));
	show("removed");
	put_file("d/f", "");
	RESULT(w = inotify_add_watch(in, "d", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	fd = open("d/f", O_RDWR);
	(void)!write(fd, "x", 1);
	unlink("d/f");
	(void)!write(fd, "x", 1);
	close(fd);
	show("not when deleted");
	RESULT(inotify_rm_watch(in, w));
	show("removed");
	unlink("f");
}

static void queue(void)
{
	struct pollfd p = {.fd = in, .events = POLLIN | POLLOUT};
	char buf[64];
	int n, w, other = inotify_init();
	pid_t pid;

	say("-- the queue");
	RESULT(poll(&p, 1, 0));
	RESULT(w = inotify_add_watch(in, "d", IN_CREATE | IN_DELETE));
	RESULT(inotify_add_watch(other, "d", IN_CREATE));
	put_file("d/a name of more than sixteen bytes", "");
	put_file("d/short", "");
	RESULT(poll(&p, 1, 0));
	say("%#x", p.revents);
	RESULT(ioctl(in, FIONREAD, &n));
	say("%d bytes", n);
	RESULT(read(in, buf, 60));
	RESULT(read(in, buf, 64));
	RESULT(read(in, buf, 64));
	RESULT(read(other, buf, 64));
	if (read(other, (void *)8, 64) < 0)
		say("bad address: %s", error_name(errno));
	unlink("d/a name of more than sixteen bytes");
	unlink("d/short");
	show("deleted");
	pid = must_fork();
	if (pid == 0) {
		usleep(30000);
		put_file("d/late", "");
		_exit(0);
	}
	RESULT(read(other, buf, 64));
	reap("child", pid);
	show("late");
	unlink("d/late");
	RESULT(inotify_rm_watch(in, w));
	show("removed");
	close(other);
}

static void mounted(void)
{
	int w;

	say("-- a file system");
	if (mount("none", "d", "tmpfs", 0, NULL))
		return;
	put_file("d/f", "");
	w = inotify_add_watch(in, "d", IN_ALL_EVENTS);
	inotify_add_watch(in, "d/f", IN_ALL_EVENTS);
	RESULT(umount("d"));
	show("unmounted");
	RESULT(inotify_rm_watch(in, w));
}

static void refused(void)
{
	pid_t pid;

	say("-- refused");
	mkdir("private", 0700);
	mkdir("listed", 0755);
	pid = must_fork();
	if (pid == 0) {
		if (setresuid(1000, 1000, 1000))
			_exit(1);
		RESULT(inotify_add_watch(in, "private", IN_ALL_EVENTS));
		RESULT(inotify_add_watch(in, "private/x", IN_ALL_EVENTS));
		WHETHER(inotify_add_watch(in, "listed", IN_ALL_EVENTS));
		_exit(0);
	}
	reap("child", pid);
	rmdir("private");
	rmdir("listed");
	show("of the child");
}

int main(void)
{
	alarm(60);
	umask(022);
	if (mkdir("/tmp/inotify", 0755) || chdir("/tmp/inotify"))
		say("folder: %s", error_name(errno));
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	mkdir("d", 0755);
	put_file("f", "");
	errors();
	of_a_file();
	of_a_directory();
	of_both();
	flags();
	queue();
	mounted();
	refused();
	return 0;
}
