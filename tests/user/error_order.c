/* Which error comes first: calls on names, with each kind of name, as root and as a user. */
#include "check.h"

#include <grp.h>
#include <sys/mount.h>

#define FOLDER "/tmp/error_order"

static const char *const names[] = {
	"file",
	"dir",
	"missing",
	"none/missing",
	"file/missing",
	"closed/missing",
	"closed/in",
	"locked/missing",
	"locked/in",
	"other/missing",
	"other/in",
	"ro/missing",
	"ro/in",
	"link",
	"dangling",
	"loop",
	"missing/",
	"dir/",
	"file/",
	".",
	"..",
	"/",
	"",
	"dir/.",
	"ro/missing/",
	NULL,
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void make(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0666));
}

static void prepare(void)
{
	mkdir(FOLDER, 0777);
	if (chdir(FOLDER))
		_exit(1);
	make("file");
	mkdir("dir", 0777);
	mkdir("closed", 0777); /* cannot be searched */
	make("closed/in");
	chmod("closed", 0600);
	mkdir("locked", 0777); /* cannot be written to */
	make("locked/in");
	chmod("locked", 0555);
	mkdir("other", 0777);
	mount("none", "other", "tmpfs", 0, "mode=777");
	make("other/in");
	mkdir("ro", 0777);
	mount("none", "ro", "tmpfs", 0, "mode=777");
	make("ro/in");
	mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, "");
	(void)!symlink("file", "link");
	(void)!symlink("missing", "dangling");
	(void)!symlink("loop", "loop");
	/* Whose files may be linked to differs from system to system: proc(5), protected_hardlinks.
	 */
	for (const char *const *p =
		     (const char *const[]){"file", "dir", "link", "dangling", "loop", NULL};
	     *p; p++)
		(void)!lchown(*p, 1000, 1000);
}

static const char *text(const char *name)
{
	return name ? name : "NULL";
}

static char line[800];
static void note(long result)
{
	snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s",
		 result == -1 ? error_name(errno) : "ok");
}

static void as_user(void)
{
	if (setgroups(0, NULL) || setegid(1000) || seteuid(1000))
		_exit(1);
}

static void as_root(void)
{
	if (seteuid(0) || setegid(0))
		_exit(1);
}

static void remove_all(void)
{
	static const char *const made[] = {"file",      "missing",        "closed/missing",
					   "closed/in", "locked/missing", "locked/in",
					   "link",      "dangling",       "loop"};

	(void)!chdir(FOLDER);
	umount2("other", MNT_DETACH);
	umount2("ro", MNT_DETACH);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (unlink(made[i]))
			rmdir(made[i]);
	rmdir("dir/file");
	unlink("dir/file");
	for (const char *const *p =
		     (const char *const[]){"dir", "closed", "locked", "other", "ro", NULL};
	     *p; p++)
		rmdir(*p);
}

static bool user;

/* Each call finds everything as it was. */
#define TRY(call)                  \
	do {                       \
		prepare();         \
		if (user)          \
			as_user(); \
		note(call);        \
		as_root();         \
		remove_all();      \
	} while (0)

static void one_name(const char *name)
{
	char target[16];

	snprintf(line, sizeof(line), "%s:", text(name));
	TRY(syscall(SYS_mkdir, name, 0777));
	TRY(syscall(SYS_mknod, name, S_IFREG | 0666, 0));
	TRY(syscall(SYS_mknod, name, S_IFCHR | 0666, 0x103));
	TRY(syscall(SYS_mknod, name, S_IFDIR | 0666, 0));
	TRY(syscall(SYS_mknod, name, 0170000, 0));
	TRY(syscall(SYS_symlink, "target", name));
	TRY(syscall(SYS_symlink, "", name));
	TRY(syscall(SYS_chdir, name));
	TRY(syscall(SYS_readlink, name, target, sizeof(target)));
	TRY(syscall(SYS_rmdir, name));
	TRY(syscall(SYS_unlink, name));
	TRY(syscall(SYS_truncate, name, 0));
	TRY(syscall(SYS_access, name, W_OK));
	if (name && *name != '/' && strcmp(name, "..") != 0) { /* those are others' */
		TRY(syscall(SYS_chmod, name, 0777));
		TRY(syscall(SYS_chown, name, 1000, 1000));
	}
	say("%s", line);
}

static void two_names(const char *from, const char *to)
{
	snprintf(line, sizeof(line), "%s, %s:", text(from), text(to));
	if (!from || strcmp(from, "..") != 0) /* which is not the user's: see above */
		TRY(syscall(SYS_link, from, to));
	TRY(syscall(SYS_rename, from, to));
	say("%s", line);
}

static void chroots(const char *name)
{
	snprintf(line, sizeof(line), "chroot %s:", text(name));
	if (user)
		TRY(syscall(SYS_chroot, name));
	say("%s", line);
}

static void all(void)
{
	for (size_t i = 0; i < NAMES; i++) {
		one_name(names[i]);
		chroots(names[i]);
	}
	for (size_t i = 0; i < NAMES; i++)
		for (size_t k = 0; k < NAMES; k++)
			two_names(names[i], names[k]);
}

int main(void)
{
	umask(0);
	say("as root");
	all();
	say("as a user");
	user = true;
	all();
	return 0;
}
