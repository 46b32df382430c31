/* mount(2), umount(2): file systems of memory over one another, in a folder of our own. */
#include "check.h"

#include <sys/mount.h>
#include <sys/statfs.h>

static void make_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		say("%s: %s", path, error_name(errno));
	fchmod(fd, mode);
	close(fd);
}

static void check_errors(void)
{
	make_file("plain", 0644);
	RESULT(mount("none", "absent", "tmpfs", 0, NULL));
	RESULT(mount("none", "plain", "tmpfs", 0, NULL));
	RESULT(mount("none", "m", "no-such-type", 0, NULL));
	RESULT(mount("none", "m", "tmpfs", 0, "size=nonsense"));
	RESULT(mount("none", "m", "tmpfs", 0, "nonsense"));
	RESULT(mount("none", "m", "tmpfs", 0, (void *)8));
	RESULT(mount("none", (void *)8, "tmpfs", 0, NULL));
	RESULT(umount("m"));
	RESULT(umount("absent"));
	RESULT(umount2("m", 0x1000));
	if (fork() == 0) {
		if (setuid(1000))
			_exit(1);
		RESULT(mount("none", "m", "tmpfs", 0, NULL));
		RESULT(umount("m"));
		_exit(0);
	}
	wait(NULL);
}

/* What lies below is hidden and comes back; names do not leak from one file system to the other. */
static void check_cover(void)
{
	char cwd[256];
	struct stat below, top;

	make_file("m/hidden", 0644);
	stat("m", &below);
	RESULT(mount("none", "m", "tmpfs", 0, "mode=0750"));
	stat("m", &top);
	say("other device: %d, mode %o, nlink %lu", below.st_dev != top.st_dev, top.st_mode & 07777,
	    (unsigned long)top.st_nlink);
	RESULT(access("m/hidden", F_OK));
	make_file("m/inside", 0644);
	RESULT(rename("m/inside", "outside"));
	RESULT(link("m/inside", "outside"));
	RESULT(rmdir("m"));
	RESULT(rename("m", "n"));
	RESULT(unlink("m"));
	RESULT(mkdir("m/sub", 0755));
	RESULT(chdir("m/sub"));
	say("%s", strstr(getcwd(cwd, sizeof(cwd)), "/m/sub"));
	RESULT(access("../../plain", F_OK));
	RESULT(umount("../../m"));
	RESULT(chdir("../.."));
	RESULT(mount("none", "m/sub", "tmpfs", 0, NULL));
	RESULT(umount("m"));
	RESULT(mount("none", "m", "tmpfs", 0, NULL)); /* one more over the same place */
	RESULT(access("m/inside", F_OK));
	RESULT(umount("m"));
	RESULT(access("m/inside", F_OK));
	RESULT(umount("m/sub"));
	RESULT(umount("m"));
	RESULT(access("m/hidden", F_OK));
	RESULT(access("m/inside", F_OK));
}

static void check_size(void)
{
	static char block[4096];
	struct statfs st;
	int written = 0;

	RESULT(mount("none", "m", "tmpfs", 0, "size=64k"));
	RESULT(statfs("m", &st));
	say("type %lx, %ld blocks of %ld, %ld free", (long)st.f_type, (long)st.f_blocks,
	    (long)st.f_bsize, (long)st.f_bfree);
	int fd = open("m/big", O_RDWR | O_CREAT, 0644);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		written++;
	say("%d pages written, then %s", written, error_name(errno));
	statfs("m", &st);
	say("%ld free", (long)st.f_bfree);
	RESULT(mount("none", "m", "tmpfs", MS_REMOUNT, "size=4k"));
	RESULT(mount("none", "m", "tmpfs", MS_REMOUNT, "size=128k"));
	RESULT(write(fd, block, sizeof(block)));
	RESULT(umount("m"));
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	RESULT(umount2("m", MNT_DETACH));
	RESULT(access("m/big", F_OK));
	RESULT(pwrite(fd, "still here", 10, 0));
	close(fd);
	say("%.10s", map);
	munmap(map, 4096);
}

static void check_flags(void)
{
	RESULT(mount("none", "m", "tmpfs", 0, NULL));
	make_file("m/file", 0644);
	mknod("m/null", S_IFCHR | 0666, 1 << 8 | 3);
	mkdir("m/dir", 0755);
	RESULT(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NODEV, NULL));
	RESULT(open("m/file", O_RDWR));
	RESULT(open("m/new", O_CREAT | O_WRONLY, 0644));
	RESULT(mkdir("m/new", 0755));
	RESULT(unlink("m/file"));
	RESULT(rmdir("m/dir"));
	RESULT(rename("m/file", "m/other"));
	RESULT(symlink("x", "m/link"));
	RESULT(chmod("m/file", 0600));
	RESULT(chown("m/file", 1, 1));
	RESULT(truncate("m/file", 10));
	RESULT(access("m/file", W_OK));
	RESULT(access("m/file", R_OK));
	RESULT(utimensat(AT_FDCWD, "m/file", NULL, 0));
	RESULT(open("m/null", O_RDWR));
	RESULT(umount("m"));
	RESULT(mount("none", "m", "tmpfs", MS_NOEXEC, NULL));
	make_file("m/program", 0755);
	RESULT(execl("m/program", "program", NULL));
	int fd = open("m/program", O_RDWR);
	say("mapped: %d",
	    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
	RESULT(umount("m"));
}

/* What is mounted in it goes with it, and nothing is mounted where nobody comes any more. */
static void check_detach(void)
{
	struct stat below, now;

	mkdir("m/sub", 0755);
	stat("m", &below);
	RESULT(mount("none", "m", "tmpfs", 0, NULL));
	mkdir("m/a", 0755);
	RESULT(mount("none", "m/a", "tmpfs", 0, NULL));
	mkdir("m/a/b", 0755);
	RESULT(mount("none", "m/a/b", "tmpfs", 0, NULL));
	make_file("m/a/b/file", 0644);
	int in_a = open("m/a", O_RDONLY | O_DIRECTORY);
	RESULT(umount2("m", MNT_DETACH));
	stat("m", &now);
	say("uncovered: %d", now.st_ino == below.st_ino && now.st_dev == below.st_dev);
	RESULT(faccessat(in_a, "b", F_OK, 0));
	RESULT(faccessat(in_a, "b/file", F_OK, 0));
	RESULT(fchdir(in_a));
	RESULT(mount("none", "b", "tmpfs", 0, NULL));
	RESULT(chdir("/tmp/mounts"));
	close(in_a);
	RESULT(rmdir("m/sub"));
}

int main(void)
{
	char dir[] = "/tmp/mounts";

	mkdir(dir, 0755);
	if (chdir(dir))
		return 1;
	mkdir("m", 0755);
	check_errors();
	check_cover();
	check_size();
	check_flags();
	check_detach();
	RESULT(rmdir("m"));
	return 0;
}
