/* Owner, group and mode: what new files get, who may change them, and when set-id bits go. */
#include "attack.h"

#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>

#define FOLDER "/tmp/inodes"
#define GROUP  50

static void look(const char *what, const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		say("%s: %s", what, error_name(errno));
	else
		say("%s: mode %06o uid %d gid %d", what, st.st_mode, st.st_uid, st.st_gid);
}

static void look_fd(const char *what, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		say("%s: %s", what, error_name(errno));
	else
		say("%s: mode %06o uid %d gid %d", what, st.st_mode, st.st_uid, st.st_gid);
}

/* ---- what is made ---- */

static void bind_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	WHETHER(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	close(fd);
}

static void make_all(mode_t mask, mode_t mode)
{
	int fd;

	umask(mask);
	say("umask %03o, mode %04o", mask, mode);
	close(open("file", O_CREAT | O_EXCL | O_WRONLY, mode));
	look("open", "file");
	fd = open(".", O_TMPFILE | O_RDWR, mode);
	look_fd("O_TMPFILE", fd);
	close(fd);
	(void)!mkdir("dir", mode);
	look("mkdir", "dir");
	(void)!mkdir("dir/sub", mode);
	look("mkdir in it", "dir/sub");
	(void)!mknod("node", S_IFREG | mode, 0);
	look("mknod", "node");
	(void)!mkfifo("fifo", mode);
	look("mkfifo", "fifo");
	(void)!symlink("target", "link");
	look("symlink", "link");
	bind_at("socket");
	look("bind", "socket");
	fd = memfd_create("m", 0);
	look_fd("memfd", fd);
	close(fd);
	for (const char *const *p =
		     (const char *const[]){"file", "node", "fifo", "link", "socket", NULL};
	     *p; p++)
		unlink(*p);
	rmdir("dir/sub");
	rmdir("dir");
}

static void make_in_folder(void)
{
	make_all(0, 0777);
	make_all(0, 02777);
	make_all(0, 06777);
	make_all(010, 02777);
	make_all(022, 02767);
	make_all(077, 07777);
}

static void check_making(void)
{
	static const struct {
		const char *what;
		gid_t gid;
		mode_t mode;
	} folders[] = {{"a folder of another group", GROUP, 03777},
		       {"a folder of the own group", USER, 03777},
		       {"without S_ISGID", GROUP, 01777}};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		MUST(mkdir("made", 0777));
		MUST(chown("made", 0, folders[i].gid));
		MUST(chmod("made", folders[i].mode));
		MUST(chdir("made"));
		as_user(folders[i].what, make_in_folder);
		if (i == 0)
			in_child("the same as root", make_in_folder);
		MUST(chdir(".."));
		MUST(rmdir("made"));
	}
}

/* A program made in such a folder runs as the user's own group only. */
static void run_made(void)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out;
	ssize_t n;
	off_t at = 0;
	struct stat st;
	char *map;

	umask(0);
	out = open("made/program", O_CREAT | O_EXCL | O_RDWR, 02777);
	if (fstat(in, &st) || ftruncate(out, st.st_size)) /* a write would take the bit away */
		_exit(1);
	map = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
	while ((n = read(in, buf, sizeof(buf))) > 0) {
		memcpy(map + at, buf, n);
		at += n;
	}
	munmap(map, st.st_size);
	close(out);
	look("program", "made/program");
	execl("made/program", "program", "ids", NULL);
	say("exec: %s", error_name(errno));
}

static void check_running(void)
{
	MUST(mkdir("made", 0777));
	MUST(chown("made", 0, GROUP));
	MUST(chmod("made", 03777));
	as_user("a program in a folder of another group", run_made);
	unlink("made/program");
	MUST(rmdir("made"));
}

/* ---- what is changed ---- */

static void reset(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	unlink(path);
	MUST(close(open(path, O_CREAT | O_WRONLY, 0600)));
	MUST(truncate(path, 8192));
	MUST(chown(path, uid, gid));
	MUST(chmod(path, mode));
}

static void chown_none(void)
{
	RESULT(chown("victim", -1, -1));
}
static void chown_same(void)
{
	RESULT(chown("victim", 0, 0));
}
static void chown_mine(void)
{
	RESULT(chown("victim", USER, -1));
}
static void chown_group(void)
{
	RESULT(chown("victim", -1, USER));
}
static void chown_foreign(void)
{
	RESULT(chown("victim", -1, GROUP));
}
static void chown_away(void)
{
	RESULT(chown("victim", 0, -1));
}
static void chmod_set(void)
{
	RESULT(chmod("victim", 06777));
}
static void chmod_plain(void)
{
	RESULT(chmod("victim", 0700));
}
static void write_it(void)
{
	int fd = open("victim", O_WRONLY);

	RESULT(write(fd, "x", 1));
}
static void write_nothing(void)
{
	int fd = open("victim", O_WRONLY);

	RESULT(write(fd, "x", 0));
}
static void truncate_it(void)
{
	RESULT(truncate("victim", 100));
}
static void ftruncate_same(void)
{
	int fd = open("victim", O_WRONLY);

	RESULT(ftruncate(fd, 8192));
}
static void open_trunc(void)
{
	WHETHER(open("victim", O_WRONLY | O_TRUNC));
}
static void fallocate_it(void)
{
	int fd = open("victim", O_WRONLY);

	RESULT(fallocate(fd, 0, 0, 100));
}
static void punch_it(void)
{
	int fd = open("victim", O_WRONLY);

	RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}
static void copy_range(void)
{
	int out = open("victim", O_WRONLY), in = open("source", O_RDONLY);

	RESULT(copy_file_range(in, NULL, out, NULL, 100, 0));
}
static void send_file(void)
{
	int out = open("victim", O_WRONLY), in = open("source", O_RDONLY);

	RESULT(sendfile(out, in, NULL, 100));
}
static void map_it(void)
{
	int fd = open("victim", O_RDWR);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	map[0] = 1;
	munmap(map, 4096);
}
static void touch_it(void)
{
	RESULT(utimensat(AT_FDCWD, "victim", NULL, 0));
}

static const struct {
	const char *what;
	void (*fn)(void);
} changes[] = {
	{"chown(-1, -1)", chown_none},
	{"chown(0, 0)", chown_same},
	{"chown(1000, -1)", chown_mine},
	{"chown(-1, 1000)", chown_group},
	{"chown(-1, 50)", chown_foreign},
	{"chown(0, -1)", chown_away},
	{"chmod(6777)", chmod_set},
	{"chmod(700)", chmod_plain},
	{"write", write_it},
	{"write of nothing", write_nothing},
	{"truncate", truncate_it},
	{"ftruncate to the same", ftruncate_same},
	{"O_TRUNC", open_trunc},
	{"fallocate", fallocate_it},
	{"punch", punch_it},
	{"copy_file_range", copy_range},
	{"sendfile", send_file},
	{"mapped", map_it},
	{"touched", touch_it},
};

static void check_changing(const char *what, uid_t uid, gid_t gid, mode_t mode)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		say("%s, mode %04o: %s", what, mode, changes[i].what);
		reset("victim", uid, gid, mode);
		as_user("  the user", changes[i].fn);
		look("  then", "victim");
		reset("victim", uid, gid, mode);
		in_child("  root", changes[i].fn);
		look("  then", "victim");
	}
}

/* ---- how many ---- */

static void fill(void)
{
	char name[64];
	int made = 0;

	for (int i = 0; i < 100; i++) {
		int err;

		snprintf(name, sizeof(name), "small/%d", i);
		switch (i % 5) {
		case 0:
			err = open(name, O_CREAT | O_WRONLY, 0600);
			break;
		case 1:
			err = mkdir(name, 0700);
			break;
		case 2:
			err = symlink("short", name);
			break;
		case 3:
			err = mkfifo(name, 0600);
			break;
		default:
			err = link("small/0", name);
		}
		if (err < 0) {
			say("stopped after %d: %s", made, error_name(errno));
			break;
		}
		made++;
	}
	WHETHER(open("small", O_TMPFILE | O_WRONLY, 0600));
	RESULT(unlink("small/4"));
	RESULT(link("small/0", "small/again"));
	RESULT(link("small/0", "small/more"));
	RESULT(unlink("small/again"));
	WHETHER(open("small/again", O_CREAT | O_WRONLY, 0600));
}

static void long_links(void)
{
	char target[1024], name[64];
	int made = 0;

	memset(target, 'x', sizeof(target));
	target[1000] = '\0';
	for (; made < 200; made++) {
		snprintf(name, sizeof(name), "small/%d", made);
		if (symlink(target, name))
			break;
	}
	say("long links: stopped after %d: %s", made, error_name(errno));
}

static void check_limits(void)
{
	struct statfs st;

	MUST(mkdir("small", 0777));
	MUST(mount("none", "small", "tmpfs", 0, "nr_inodes=30,mode=777"));
	as_user("few inodes", fill);
	statfs("small", &st);
	say("%ld files, %ld free", (long)st.f_files, (long)st.f_ffree);
	RESULT(mount("none", "small", "tmpfs", MS_REMOUNT, "nr_inodes=10"));
	RESULT(mount("none", "small", "tmpfs", MS_REMOUNT, "nr_inodes=1k"));
	statfs("small", &st);
	say("%ld files", (long)st.f_files);
	RESULT(mount("none", "small", "tmpfs", MS_REMOUNT, "nr_inodes=x"));
	MUST(umount("small"));
	MUST(mount("none", "small", "tmpfs", 0, "size=160k,mode=777"));
	as_user("few pages", long_links);
	MUST(umount("small"));
	MUST(mount("none", "small", "tmpfs", 0, ""));
	statfs("small", &st);
	TRUTH(st.f_files == st.f_blocks);
	TRUTH(st.f_ffree == st.f_files - 1);
	MUST(umount("small"));
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		say("gid %d egid %d", getgid(), getegid());
		return 0;
	}
	umask(0);
	root_folder(FOLDER);
	MUST(chdir(FOLDER));
	reset("source", 0, 0, 0644);
	check_making();
	check_running();
	check_changing("root's", 0, 0, 06777);
	check_changing("root's", 0, 0, 0644);
	check_changing("root's, no execution by the group", 0, 0, 06767);
	check_changing("the user's", USER, USER, 06777);
	check_changing("the user's, of another group", USER, GROUP, 06767);
	check_changing("another's, of the user's group", 2000, USER, 06775);
	check_limits();
	return 0;
}
