/* execve(2): arguments, environment, what is kept, and every way to refuse. */
#include "check.h"

#include <elf.h>
#include <sys/auxv.h>

static const char *program;

static void show_self(int argc, char **argv, char **envp)
{
	say("argc %d", argc);
	for (int i = 0; i < argc; i++)
		say("argv[%d] = '%s'", i, argv[i]);
	say("argv[argc] is NULL: %s", argv[argc] == NULL ? "yes" : "NO");
	for (int i = 0; envp[i] != NULL; i++)
		say("envp[%d] = '%s'", i, envp[i]);
	say("stack pointer argument area aligned: %d", (int)((uintptr_t)(argv - 1) % 16));
}

static void show_auxv(void)
{
	say("AT_PAGESZ %lu", getauxval(AT_PAGESZ));
	say("AT_CLKTCK %lu", getauxval(AT_CLKTCK));
	say("AT_PHENT %lu, AT_PHNUM more than 2: %d", getauxval(AT_PHENT), getauxval(AT_PHNUM) > 2);
	TRUTH(((Elf64_Phdr *)getauxval(AT_PHDR))->p_type != 0);
	TRUTH(getauxval(AT_ENTRY) != 0);
	TRUTH(getauxval(AT_RANDOM) != 0);
	TRUTH(getauxval(AT_BASE) == 0);
	say("AT_SECURE %lu, uid %lu, euid %lu", getauxval(AT_SECURE), getauxval(AT_UID),
	    getauxval(AT_EUID));
	say("AT_EXECFN '%s'", (char *)getauxval(AT_EXECFN));
}

static void with_arguments(void)
{
	char *argv[] = {"zero", "", "two words", "ümlaut", "'quoted'", NULL};
	char *envp[] = {"A=1", "EMPTY=", "WITHOUT", NULL};

	execve(program, argv, envp);
}

static void without_arguments(void)
{
	char *argv[] = {"show", NULL};
	char *envp[] = {NULL};

	execve(program, argv, envp);
}

static void show_auxiliary(void)
{
	execl(program, program, "auxv", (char *)NULL);
}

static char *long_argv[1002];
static void many_arguments(void)
{
	static char text[1000][8];

	long_argv[0] = "count";
	for (int i = 0; i < 1000; i++) {
		snprintf(text[i], sizeof(text[i]), "%d", i);
		long_argv[i + 1] = text[i];
	}
	execv(program, long_argv);
}

static void huge_argument(void)
{
	static char huge[200000];

	memset(huge, 'x', sizeof(huge) - 1);
	char *argv[] = {"count", huge, NULL};
	execv(program, argv);
	say("an argument of 200000 bytes: %s", error_name(errno));
	huge[100000] = '\0';
	execv(program, argv);
}

static void endless_arguments(void)
{
	static char piece[100000];
	static char *argv[200];

	memset(piece, 'y', sizeof(piece) - 1);
	argv[0] = "count";
	for (int i = 1; i < 199; i++)
		argv[i] = piece;
	execv(program, argv);
	say("20 MB of arguments: %s", error_name(errno));
}

static void put(const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (write(fd, data, n) != (ssize_t)n)
		say("writing %s: %s", path, error_name(errno));
	close(fd);
}

static void try_exec(const char *what, const char *path)
{
	char *argv[] = {"x", NULL}, *envp[] = {NULL};
	pid_t pid = must_fork();

	if (pid == 0) {
		execve(path, argv, envp);
		say("%s: %s", what, error_name(errno));
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	if (status != 0)
		say_status(what, status);
}

static unsigned char image[20000];
static size_t image_size;

static void try_image(const char *what)
{
	put("/tmp/image", image, image_size, 0755);
	try_exec(what, "/tmp/image");
	unlink("/tmp/image");
}

static void load_image(void)
{
	int fd = open(program, O_RDONLY);

	image_size = read(fd, image, sizeof(image));
	close(fd);
}

static void check_refused_files(void)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;

	try_exec("no such file", "/no/such");
	try_exec("empty path", "");
	try_exec("a folder", "/tmp");
	try_exec("below a file", "/bin/busybox/x");
	try_exec("a device", "/dev/null");
	put("/tmp/plain", "just text\n", 10, 0644);
	try_exec("not executable", "/tmp/plain");
	chmod("/tmp/plain", 0755);
	try_exec("text", "/tmp/plain");
	put("/tmp/plain", "", 0, 0755);
	try_exec("nothing", "/tmp/plain");
	put("/tmp/plain", "\177ELF", 4, 0755);
	try_exec("four bytes", "/tmp/plain");
	unlink("/tmp/plain");
	symlink("/tmp/circle", "/tmp/circle");
	try_exec("circle of links", "/tmp/circle");
	unlink("/tmp/circle");

	load_image();
	image[0] = 'X';
	try_image("bad magic");
	load_image();
	header->e_ident[EI_CLASS] = 7;
	header->e_machine = EM_SPARC;
	try_image("another machine");
	load_image();
	header->e_type = ET_REL;
	try_image("an object file");
	load_image();
	header->e_phnum = 0;
	try_image("no program headers");
	load_image();
	header->e_phentsize = 1;
	try_image("odd program headers");
	load_image();
	header->e_phoff = 1UL << 40;
	try_image("program headers beyond the end");
	load_image();
	image_size = sizeof(Elf64_Ehdr);
	try_image("a header alone");
	load_image();
	image_size = 40;
	try_image("half a header");
}

static void check_scripts(void)
{
	static const char script[] = "#!/bin/busybox sh\necho script $0 $1\nexit 4\n";
	char *argv[] = {"ignored", "argument", NULL}, *envp[] = {NULL};

	put("/tmp/script", script, sizeof(script) - 1, 0755);
	pid_t pid = must_fork();
	if (pid == 0) {
		execve("/tmp/script", argv, envp);
		say("script: %s", error_name(errno));
		_exit(1);
	}
	reap("script", pid);
	static const char lost[] = "#!/no/such/interpreter\n";
	put("/tmp/script", lost, sizeof(lost) - 1, 0755);
	try_exec("lost interpreter", "/tmp/script");
	unlink("/tmp/script");
}

static void check_kept(void)
{
	char number[16];
	int kept = open("/dev/null", O_RDONLY);
	int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup2(kept, 30);
	dup3(closed, 31, O_CLOEXEC);
	umask(0123);
	if (chdir("/tmp") != 0)
		_exit(1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	execl(program, program, "kept", number, (char *)NULL);
}

static void show_kept(const char *number)
{
	char buf[32];

	TRUTH(atoi(number) == getpid());
	WHETHER(fcntl(30, F_GETFD));
	WHETHER(fcntl(31, F_GETFD));
	say("umask %o, in %s", (unsigned int)umask(0), getcwd(buf, sizeof(buf)));
}

static volatile int before_exec = 5;
static void memory_is_new(void)
{
	before_exec = 6;
	execl(program, program, "memory", (char *)NULL);
}

int main(int argc, char **argv, char **envp)
{
	if (argv[0][0] == '/')
		program = argv[0];
	if (strcmp(argv[0], "zero") == 0 || strcmp(argv[0], "show") == 0) {
		show_self(argc, argv, envp);
		return 0;
	}
	if (strcmp(argv[0], "count") == 0) {
		say("%d arguments, the last has %d bytes", argc, (int)strlen(argv[argc - 1]));
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "auxv") == 0) {
		show_auxv();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "kept") == 0) {
		show_kept(argv[2]);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "memory") == 0) {
		say("memory is new: %s", before_exec == 5 ? "yes" : "NO");
		return 0;
	}
	in_child("arguments", with_arguments);
	in_child("no environment", without_arguments);
	in_child("auxiliary vector", show_auxiliary);
	in_child("1000 arguments", many_arguments);
	in_child("huge argument", huge_argument);
	in_child("endless arguments", endless_arguments);
	check_refused_files();
	check_scripts();
	in_child("kept", check_kept);
	in_child("memory", memory_is_new);
	return 0;
}
