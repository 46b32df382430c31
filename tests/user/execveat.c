/* execveat(2), fexecve(3): a program found from a descriptor, its name, and every way to refuse. */
#include "check.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char *const ENV[] = {NULL};
static int dir, program, link_fd, closing, script, closing_script, nothing;

static long at(int fd, const char *path, char *const argv[], int flags)
{
	return syscall(SYS_execveat, fd, path, argv, ENV, flags);
}

/* In a child, so that both outcomes can be told. */
static void tried(const char *what, int fd, const char *path, int flags)
{
	char *const argv[] = {"show", NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		at(fd, path, argv, flags);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		say("%s: %s", what, error_name(WEXITSTATUS(status)));
	else
		say("%s: runs", what);
}

static void show(int argc, char **argv)
{
	char comm[16];
	char *name = (char *)getauxval(AT_EXECFN);

	prctl(PR_GET_NAME, comm);
	/* Named by the number until Linux 6.13, by the file since. */
	if (strspn(comm, "0123456789") == strlen(comm) || strrchr(name, '/')[1] < 'A')
		strcpy(comm, "-");
	say("  %d arguments, first '%s'; AT_EXECFN '%s', comm '%s'", argc, argv[0], name, comm);
}

static int file_of(const char *path, const char *text, int flags)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0755);

	if (write(fd, text, strlen(text)) < 0)
		say("write: %s", error_name(errno));
	close(fd);
	return open(path, flags);
}

static void prepare(const char *self)
{
	mkdir("/tmp/d", 0755);
	dir = dup2(open("/tmp/d", O_RDONLY | O_DIRECTORY), 30);
	symlink(self, "/tmp/d/link");
	program = dup2(open(self, O_RDONLY), 31);
	closing = fcntl(program, F_DUPFD_CLOEXEC, 32);
	link_fd = dup2(open("/tmp/d/link", O_PATH | O_NOFOLLOW), 33);
	script = dup2(file_of("/tmp/d/script", "#!/bin/busybox echo\n", O_RDONLY), 34);
	closing_script = fcntl(script, F_DUPFD_CLOEXEC, 35);
	nothing = dup2(file_of("/tmp/d/nothing", "neither", O_RDONLY), 36);
}

static void from_memory(const char *self)
{
	static char data[4096];
	int memory = dup2(memfd_create("in memory", 0), 40), fd = open(self, O_RDONLY);
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		if (write(memory, data, (size_t)n) != n)
			say("write: %s", error_name(errno));
	tried("a program in memory, still writable", memory, "", AT_EMPTY_PATH);
	close(memory);
	close(fd);
}

int main(int argc, char **argv)
{
	char relative[128], self[64];

	if (strcmp(argv[0], "show") == 0) {
		show(argc, argv);
		return 0;
	}
	snprintf(self, sizeof(self), "%s", (char *)getauxval(AT_EXECFN));
	prepare(self);
	tried("the descriptor itself", program, "", AT_EMPTY_PATH);
	tried("one that closes", closing, "", AT_EMPTY_PATH);
	tried("without the flag", program, "", 0);
	tried("by a link from a directory", dir, "link", 0);
	tried("not following it", dir, "link", AT_SYMLINK_NOFOLLOW);
	tried("a link held open", link_fd, "", AT_EMPTY_PATH);
	tried("an absolute path", -1, self, 0);
	tried("from the working directory", AT_FDCWD, self, AT_SYMLINK_NOFOLLOW);
	snprintf(relative, sizeof(relative), "../..%s", self);
	tried("a relative path", dir, relative, 0);
	tried("a script", dir, "script", 0);
	tried("a script's descriptor", script, "", AT_EMPTY_PATH);
	tried("a script's that closes", closing_script, "", AT_EMPTY_PATH);
	tried("neither program nor script", nothing, "", AT_EMPTY_PATH);
	tried("a directory", dir, "", AT_EMPTY_PATH);
	tried("the working directory", AT_FDCWD, "", AT_EMPTY_PATH);
	tried("no such name", dir, "missing", 0);
	tried("no such descriptor", 99, "", AT_EMPTY_PATH);
	tried("no such descriptor, a relative path", 99, "x", 0);
	tried("from a file", program, "x", 0);
	tried("a bad pointer", dir, (char *)8, 0);
	tried("unknown flags", program, "", AT_EMPTY_PATH | 1);
	from_memory(self);
	return 0;
}
