/* Set-user-id and set-group-id programs, and how much execve(2) takes. */
#include "check.h"

#include <sys/auxv.h>
#include <sys/mount.h>

#define COPY "/tmp/exec_ids_copy"

/* What an exec'ed copy of this program sees. */
static int look(void)
{
	char line[256], name[8];
	unsigned id[4];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%7s %u %u %u %u", name, &id[0], &id[1], &id[2], &id[3]) == 5 &&
		    (strcmp(name, "Uid:") == 0 || strcmp(name, "Gid:") == 0))
			say("%s %u %u %u %u", name, id[0], id[1], id[2], id[3]);
	say("auxv: %lu %lu %lu %lu, secure %lu", getauxval(AT_UID), getauxval(AT_EUID),
	    getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE));
	return 0;
}

static void copy_self(const char *to)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			say("writing: %s", error_name(errno));
	close(in);
	close(out);
}

static const char *program;
static void exec_as_user(void)
{
	if (setgid(100) != 0 || setuid(1000) != 0)
		_exit(1);
	execl(program, program, "look", NULL);
	say("exec: %s", error_name(errno));
}

static void exec_as_root(void)
{
	execl(program, program, "look", NULL);
	say("exec: %s", error_name(errno));
}

static void with_mode(const char *what, mode_t mode)
{
	if (chmod(program, mode) != 0)
		say("chmod: %s", error_name(errno));
	in_child(what, exec_as_user);
}

static void check_ids(void)
{
	program = COPY;
	copy_self(program);
	if (chown(program, 1001, 1002) != 0)
		say("chown: %s", error_name(errno));
	with_mode("no bits", 0755);
	with_mode("set-user-id", 04755);
	with_mode("set-group-id", 02755);
	with_mode("both", 06755);
	with_mode("set-group-id without execution by the group", 02705);
	in_child("root, no bits in force", exec_as_root);
	chmod(program, 06755);
	in_child("root", exec_as_root);
	if (chown(program, 1000, 100) != 0)
		say("chown: %s", error_name(errno));
	with_mode("its owner already", 06755);
}

static void check_script(void)
{
	static const char text[] = "#!" COPY " look\n";
	int fd = open("/tmp/exec_ids_script", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(1);
	close(fd);
	chmod(COPY, 0755);
	program = "/tmp/exec_ids_script";
	with_mode("a script's bits mean nothing", 06755);
	chmod(COPY, 06755);
	with_mode("its interpreter's do", 0755);
	unlink(program);
}

static void check_nosuid(void)
{
	mkdir("/tmp/exec_ids_dir", 0755);
	if (mount("none", "/tmp/exec_ids_dir", "tmpfs", MS_NOSUID, "") != 0)
		say("mount: %s", error_name(errno));
	program = "/tmp/exec_ids_dir/copy";
	copy_self(program);
	with_mode("on a file system mounted nosuid", 06755);
	umount("/tmp/exec_ids_dir");
	rmdir("/tmp/exec_ids_dir");
}

/* ---- how much ---- */

static char *string(size_t length)
{
	char *s = malloc(length + 1);

	memset(s, 'x', length);
	s[length] = '\0';
	return s;
}

static char *const no_environment[] = {NULL};

/* How exec'ing a copy of this program with these arguments goes. */
static void try_exec(const char *what, char **argv)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		execve(COPY, argv, no_environment);
		_exit(errno);
	}
	reap(what, pid);
}

static void check_one_string(void)
{
	char *argv[] = {"copy", "count", NULL, NULL};

	argv[2] = string(131071);
	try_exec("an argument of 128 KiB", argv);
	argv[2] = string(131072);
	try_exec("and one byte more", argv);
}

/* Arguments that, with their pointers and the name of the file, take `total` bytes. */
static char **arguments_of(size_t total)
{
	const size_t part = 100000;
	size_t used = strlen(COPY) + 1, n = 0;
	char **argv = calloc(total / part + 8, sizeof(*argv));

	for (const char *const *first = (const char *const[]){"copy", "count", NULL}; *first;
	     first++) {
		argv[n++] = strdup(*first);
		used += strlen(*first) + 1 + sizeof(char *);
	}
	while (total - used > part + 64) {
		argv[n++] = string(part);
		used += part + 1 + sizeof(char *);
	}
	argv[n++] = string(total - used - 1 - sizeof(char *));
	return argv;
}

static void check_total(const char *what, rlim_t stack, size_t limit)
{
	struct rlimit r = {stack, RLIM_INFINITY};
	pid_t pid = must_fork();

	if (pid == 0) {
		setrlimit(RLIMIT_STACK, &r);
		try_exec("all that fits", arguments_of(limit));
		try_exec("one byte more", arguments_of(limit + 1));
		_exit(0);
	}
	reap(what, pid);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "look") == 0)
		return look();
	if (argc > 1 && strcmp(argv[1], "count") == 0)
		return argc % 100;
	check_ids();
	check_script();
	check_nosuid();
	chmod(COPY, 0755);
	check_one_string();
	check_total("a stack of 8 MiB", 8 << 20, 2 << 20);
	check_total("a stack of 1 MiB", 1 << 20, 256 << 10);
	check_total("a stack of 100 MiB", 100 << 20, 6 << 20);
	unlink(COPY);
	return 0;
}
