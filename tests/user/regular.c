/* Regular files beyond read and write: holes, room, files without names, copies, exchanges, statx.
 */
#include "check.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#ifndef STATX_TYPE /* musl: the kernel's header, without what it repeats of sys/stat.h */
#define __GLIBC__ 2
#include <linux/stat.h>
#undef __GLIBC__
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

static void *volatile bad_pointer = (void *)8;

static void say_file(const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		say("%s: %s", what, error_name(errno));
	else
		say("%s: mode %o, %ld bytes, %ld blocks, %ld names", what, st.st_mode,
		    (long)st.st_size, (long)st.st_blocks, (long)st.st_nlink);
}

static void say_map(const char *what, int fd)
{
	char text[256] = "";
	off_t at = 0, end = lseek(fd, 0, SEEK_END);

	while (at < end) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %ld-%ld", (long)data,
			 (long)hole);
		at = hole;
	}
	say("%s: data at%s", what, text);
}

static void check_holes(void)
{
	int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[64];

	RESULT(lseek(fd, 0, SEEK_DATA));
	pwrite(fd, "x", 1, 8192);
	pwrite(fd, "yy", 2, 5 << 20);
	ftruncate(fd, 6 << 20);
	say_map("two", fd);
	say_file("two", fd);
	RESULT(lseek(fd, 100, SEEK_DATA));
	RESULT(lseek(fd, 8200, SEEK_DATA));
	RESULT(lseek(fd, 8200, SEEK_HOLE));
	RESULT(lseek(fd, 100, SEEK_HOLE));
	RESULT(lseek(fd, 6 << 20, SEEK_HOLE));
	RESULT(lseek(fd, -1, SEEK_DATA));
	RESULT(lseek(fd, (5 << 20) + 4096, SEEK_DATA));
	ftruncate(fd, 1L << 40);
	RESULT(lseek(fd, 6 << 20, SEEK_DATA));
	RESULT(lseek(fd, 6 << 20, SEEK_HOLE));
	ftruncate(fd, 0);
	RESULT(fallocate(fd, 0, 100, 10000));
	say_file("room", fd);
	RESULT(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
	memset(buf, 'a', sizeof(buf));
	for (int i = 0; i < 10100 / 64; i++)
		pwrite(fd, buf, 64, i * 64);
	RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 8200));
	say_map("punched", fd);
	say_file("punched", fd);
	pread(fd, buf, 12, 0);
	say("%d %d %d", buf[9], buf[10], buf[11]);
	pread(fd, buf, 12, 8205);
	say("%d %d %d", buf[4], buf[5], buf[6]);
	RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3, 4));
	RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 3, 4));
	RESULT(fallocate(fd, FALLOC_FL_ZERO_RANGE, 3, 4));
	RESULT(fallocate(fd, 0, -1, 4));
	RESULT(fallocate(fd, 0, 0, 0));
	RESULT(fallocate(fd, 0, 1, 0x7fffffffffffffffL));
	RESULT(fallocate(99, 0, 0, 1));
	RESULT(fallocate(open("holes", O_RDONLY), 0, 0, 1));
	RESULT(fallocate(1, 0, 0, 1));
	RESULT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	RESULT(posix_fadvise(fd, 0, -1, POSIX_FADV_DONTNEED) == EINVAL);
	RESULT(posix_fadvise(fd, 0, 0, 99) == EINVAL);
	RESULT(readahead(fd, 0, 100));
	RESULT(readahead(99, 0, 100));
	RESULT(sync_file_range(fd, 0, 0, 7));
	RESULT(sync_file_range(fd, 0, 0, 8));
	RESULT(syncfs(fd));
	close(fd);
}

static void check_memfd(void)
{
	int fd = (int)syscall(SYS_memfd_create, "some name", 1), again;
	char path[64], text[128] = {0};

	say("cloexec %d", fcntl(fd, F_GETFD));
	say_file("memfd", fd);
	RESULT(write(fd, "contents", 8));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readlink(path, text, sizeof(text) - 1);
	say("%s", text);
	again = open(path, O_RDWR);
	RESULT(read(again, text, 8));
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("mapped: %.8s", p);
	p[0] = 'C';
	pread(again, text, 1, 0);
	say("written: %c", text[0]);
	RESULT(ftruncate(fd, 100000));
	RESULT(linkat(AT_FDCWD, path, AT_FDCWD, "name", AT_SYMLINK_FOLLOW));
	RESULT(syscall(SYS_memfd_create, bad_pointer, 0));
	RESULT(syscall(SYS_memfd_create, "x", 0x100));
	memset(text, 'n', sizeof(text));
	char name[251];
	memset(name, 'n', 250);
	name[250] = 0;
	RESULT(syscall(SYS_memfd_create, name, 0));
	name[249] = 0;
	WHETHER(syscall(SYS_memfd_create, name, 0));
	close(fd);
	close(again);
}

static void check_nameless(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);
	char path[64];

	say_file("nameless", fd);
	RESULT(write(fd, "found", 5));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	RESULT(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	RESULT(linkat(fd, "", AT_FDCWD, "twice", AT_EMPTY_PATH));
	say_file("named", fd);
	close(fd);
	unlink("twice");
	fd = open("named", O_RDONLY);
	RESULT(read(fd, path, 10));
	close(fd);
	unlink("named");
	fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0640);
	RESULT(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
	close(fd);
	RESULT(open(".", O_TMPFILE | O_RDONLY, 0640));
	RESULT(open("holes", O_TMPFILE | O_RDWR, 0640));
	RESULT(open("absent", O_TMPFILE | O_RDWR, 0640));
	RESULT(open("/proc", O_TMPFILE | O_RDWR, 0640));
}

static void check_copy(void)
{
	int in = open("in", O_RDWR | O_CREAT | O_TRUNC, 0600),
	    out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
	loff_t from = 3, to = 5000;
	char buf[16] = {0};
	int p[2];

	write(in, "0123456789", 10);
	lseek(in, 2, SEEK_SET);
	RESULT(copy_file_range(in, NULL, out, NULL, 4, 0));
	RESULT(lseek(in, 0, SEEK_CUR));
	RESULT(lseek(out, 0, SEEK_CUR));
	RESULT(copy_file_range(in, &from, out, &to, 100, 0));
	say("%ld %ld", (long)from, (long)to);
	RESULT(pread(out, buf, 16, 4998));
	say("%.7s", buf + 2);
	RESULT(copy_file_range(in, &from, out, &to, 100, 0));
	RESULT(copy_file_range(in, NULL, out, NULL, 4, 1));
	from = 0, to = 3;
	RESULT(copy_file_range(in, &from, in, &to, 4, 0));
	RESULT(copy_file_range(in, &from, in, &to, 3, 0));
	pipe(p);
	RESULT(copy_file_range(p[0], NULL, out, NULL, 4, 0));
	RESULT(copy_file_range(99, NULL, out, NULL, 4, 0));
	RESULT(copy_file_range(open(".", O_RDONLY), NULL, out, NULL, 4, 0));
	RESULT(copy_file_range(in, NULL, open("out", O_RDONLY), NULL, 4, 0));
	RESULT(copy_file_range(in, NULL, open("out", O_WRONLY | O_APPEND), NULL, 4, 0));
	from = -100;
	RESULT(copy_file_range(in, &from, out, NULL, 4, 0));
	unlink("in"), unlink("out");
}

static long exchange(const char *a, const char *b)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static long links(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_nlink;
}

static void check_exchange(void)
{
	const char *longer = "d/a_name_that_does_not_fit_into_the_entry_itself";

	mkdir("d", 0755);
	mkdir("e", 0755);
	mkdir("e/sub", 0755);
	close(open("a", O_CREAT | O_WRONLY, 0600));
	close(open(longer, O_CREAT | O_WRONLY, 0644));
	RESULT(exchange("a", longer));
	struct stat st;
	stat("a", &st);
	say("a: %o", st.st_mode);
	stat(longer, &st);
	say("the other: %o", st.st_mode);
	RESULT(exchange("a", "e/sub"));
	say("links %ld %ld %ld", links("a"), links("e"), links("e/sub"));
	RESULT(exchange("e/sub", "e/sub"));
	RESULT(exchange("a", "a/inside"));
	mkdir("a/inside", 0755);
	RESULT(exchange("a", "a/inside"));
	RESULT(exchange("a/inside", "a"));
	RESULT(exchange("a", "absent"));
	RESULT(exchange("absent", "a"));
	RESULT(exchange("e/sub", "d"));
	RESULT(exchange("d/", "e/sub"));
	RESULT(exchange("e/sub", "d/"));
	RESULT(exchange("e/sub", "/proc/version"));
	RESULT(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "d", 3));
	RESULT(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "d", 8));
	DIR *dir = opendir("e");
	int n = 0;
	while (readdir(dir))
		n++;
	say("%d entries", n);
	closedir(dir);
}

static void check_statx(void)
{
	struct statx x;
	struct stat st;

	RESULT(syscall(SYS_statx, AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x));
	stat("a", &st);
	say("same: %d %d %d %d %d %d", x.stx_ino == st.st_ino, x.stx_mode == st.st_mode,
	    x.stx_nlink == st.st_nlink, x.stx_size == (uint64_t)st.st_size,
	    x.stx_mtime.tv_sec == st.st_mtime && x.stx_mtime.tv_nsec == st.st_mtim.tv_nsec,
	    makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
	say("mask %x, block size %d", x.stx_mask & STATX_BASIC_STATS, x.stx_blksize);
	RESULT(syscall(SYS_statx, 1, "", AT_EMPTY_PATH, STATX_TYPE, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "/dev/null", 0, 0, &x));
	say("device %d %d", x.stx_rdev_major, x.stx_rdev_minor);
	RESULT(syscall(SYS_statx, AT_FDCWD, "/dev/fd", AT_SYMLINK_NOFOLLOW, 0, &x));
	say("mode %o", x.stx_mode);
	RESULT(syscall(SYS_statx, AT_FDCWD, "", 0, 0, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "absent", 0, 0, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "a", 0x6000, 0, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "a", 0x10000, 0, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "a", 0, 0x80000000u, &x));
	RESULT(syscall(SYS_statx, AT_FDCWD, "a", 0, 0, bad_pointer));
}

static void check_attributes(void)
{
	char buf[32];

	RESULT(listxattr("a", buf, sizeof(buf)));
	RESULT(llistxattr("absent", buf, sizeof(buf)));
	RESULT(getxattr("/proc/version", "user.x", buf, sizeof(buf)));
	RESULT(lgetxattr("absent", "user.x", buf, sizeof(buf)));
	RESULT(fgetxattr(99, "user.x", buf, sizeof(buf)));
	RESULT(getxattr("a", "", buf, sizeof(buf)));
	RESULT(getxattr("a", bad_pointer, buf, sizeof(buf)));
	RESULT(setxattr("a", "user.x", "v", 1, 9));
	RESULT(removexattr("absent", "user.x"));
}

int main(void)
{
	umask(022);
	char folder[] = "/tmp/regular-XXXXXX";

	chdir(mkdtemp(folder));
	check_holes();
	check_memfd();
	check_nameless();
	check_copy();
	check_exchange();
	check_statx();
	check_attributes();
	return 0;
}
