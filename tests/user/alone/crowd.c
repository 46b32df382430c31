/* crowd N [PROGRAM [ARGUMENT]]: N children that do nothing, all alive at once, then PROGRAM, whose
 * lines of output are counted; then all end. What a fork costs in the first and in the last
 * thousand, in ns. */
#include "../check.h"
#include <sys/sysinfo.h>

#define BLOCK 1000

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_number(const char *path, long n)
{
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%ld", n) < 0 || fclose(f) != 0)
		die(path);
}

static void make_room(long n)
{
	struct rlimit limit = {n + 1000, n + 1000};

	write_number("/proc/sys/kernel/pid_max", n + 1000 > 32768 ? n + 1000 : 32768);
	write_number("/proc/sys/kernel/threads-max", n + 1000);
	if (setrlimit(RLIMIT_NPROC, &limit) != 0)
		die("setrlimit");
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static long free_memory(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return (long)(info.freeram * info.mem_unit);
}

/* Without the C library, which writes the new id into its own memory: a child that writes nothing
 * owns nothing but its kernel's side. */
static inline long bare_call(long nr)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr) : "rcx", "r11", "memory");
	return ret;
}

static inline long make_child(void)
{
	long pid = bare_call(SYS_fork);

	if (pid == 0)
		for (;;)
			bare_call(SYS_pause);
	return pid;
}

/* BLOCK forks, or as many as there can be; ns of one of them goes to *cost. */
static long make_children(long *cost)
{
	long made = 0, start = now();

	while (made < BLOCK && make_child() > 0)
		made++;
	*cost = (now() - start) / BLOCK;
	return made;
}

static long count_lines(char **argv)
{
	int out[2], c;
	long lines = 0;
	FILE *f;
	pid_t pid;

	if (pipe(out) != 0)
		die("pipe");
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	while ((c = getc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	waitpid(pid, NULL, 0);
	return lines;
}

int main(int argc, char **argv)
{
	long memory = free_memory();
	long n = argc > 1 ? atol(argv[1]) : 10 * BLOCK, made, more, first, last = 0, reaped = 0,
	     start;
	int status, bad = 0;

	make_room(n);
	setpgid(0, 0);
	made = make_children(&first);
	while (made < n && (more = make_children(&last)) > 0)
		made += more;
	say("%ld alive; a fork took %ld ns in the first thousand, %ld ns in the last", made, first,
	    last);
	say("%ld bytes of memory each", (memory - free_memory()) / made);
	if (argc > 2)
		say("%s: %ld lines", argv[2], count_lines(argv + 2));
	start = now();
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	for (; wait(&status) > 0; reaped++)
		bad += status != SIGTERM;
	say("%ld reaped, %d bad, %ld ns each", reaped, bad,
	    (now() - start) / (reaped ? reaped : 1));
	return made != n || reaped != made || bad;
}
