/* statfs(2) and statvfs(3) of each file system, by path and by descriptor, mounted in each way; and
 * how /proc/mounts spells odd names. */
#include "check.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static void show(const char *what, int result, const struct statfs *st)
{
	if (result) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	say("%s: type %lx, bsize %ld, frsize %ld, namelen %ld, flags %lx, %s blocks, %s files",
	    what, (long)st->f_type, (long)st->f_bsize, (long)st->f_frsize, (long)st->f_namelen,
	    (long)st->f_flags, st->f_blocks ? "some" : "no", st->f_files ? "some" : "no");
}

static void by_path(const char *path)
{
	struct statfs st;

	show(path, statfs(path, &st), &st);
}

static void by_fd(const char *what, int fd)
{
	struct statfs st;

	show(what, fstatfs(fd, &st), &st);
}

static void with_flags(const char *what, unsigned long flags)
{
	struct statvfs st;

	if (mount("none", "m", "tmpfs", flags, "size=64k")) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	by_path("m");
	if (statvfs("m", &st) == 0)
		say("%s: flag %lx, namemax %lu, %lu blocks, %lu free, %lu available", what,
		    st.f_flag, st.f_namemax, (unsigned long)st.f_blocks, (unsigned long)st.f_bfree,
		    (unsigned long)st.f_bavail);
	umount("m");
}

static void odd_names(void)
{
	static const char name[] = "new\nline tab\tback\\slash hash#";
	char line[512];
	FILE *f;

	RESULT(mkdir(name, 0755));
	RESULT(mount("a b", name, "tmpfs", 0, NULL));
	for (const char *const *p =
		     (const char *const[]){"/proc/self/mounts", "/proc/self/mountinfo", NULL};
	     *p; p++) {
		f = fopen(*p, "r");
		while (f && fgets(line, sizeof(line), f)) {
			char *at = strstr(line, "/tmp/statfs/"), *end = at ? strchr(at, ' ') : NULL;

			if (end) {
				*end = '\0';
				say("%s: %s%s", *p, at,
				    strstr(end + 1, "a\\040b") || strstr(line, "a\\040b")
					    ? ", source escaped"
					    : "");
			}
		}
		if (f)
			fclose(f);
	}
	RESULT(umount(name));
	RESULT(rmdir(name));
}

int main(void)
{
	int p[2];

	mkdir("/tmp/statfs", 0755);
	if (chdir("/tmp/statfs") || pipe(p))
		return 1;
	mkdir("m", 0755);
	by_path("/tmp");
	by_path("/proc");
	by_path("/proc/self/status");
	by_path("/dev/pts");
	by_path("/dev/shm");
	by_path("/nowhere");
	by_fd("pipe", p[0]);
	by_fd("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	by_fd("memfd", memfd_create("m", 0));
	by_fd("O_PATH", open("/tmp", O_PATH));
	by_fd("none", -1);
	with_flags("plain", 0);
	with_flags("ro", MS_RDONLY);
	with_flags("nosuid, nodev", MS_NOSUID | MS_NODEV);
	with_flags("noexec", MS_NOEXEC);
	with_flags("noatime", MS_NOATIME);
	with_flags("nodiratime", MS_NODIRATIME);
	with_flags("strictatime", MS_STRICTATIME);
	with_flags("relatime", MS_RELATIME);
	with_flags("sync", MS_SYNCHRONOUS);
	odd_names();
	return 0;
}
