/* What a mapping does to its file's times, what mincore() says of a file's room, and what /proc
 * says of names, titles and locked memory. */
#include "check.h"

#include <sys/prctl.h>

#define PAGE 4096

/* ---- times ---- */

static struct stat before;

static void note(const char *path)
{
	sleep_ms(30);
	stat(path, &before);
	sleep_ms(30);
}

static int later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void say_times(const char *what, const char *path)
{
	struct stat now;

	stat(path, &now);
	say("%s: atime %s, mtime %s, ctime %s", what,
	    later(now.st_atim, before.st_atim) ? "new" : "same",
	    later(now.st_mtim, before.st_mtim) ? "new" : "same",
	    later(now.st_ctim, before.st_ctim) ? "new" : "same");
}

/* Map, then read and write in every order. */
static void times(const char *name, int mode, int prot, int type)
{
	const char *path = "/tmp/map_files";
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);
	volatile char *p;
	char what[100];

	if (write(fd, "x", 1) != 1 || ftruncate(fd, 8 * PAGE))
		say("%s", error_name(errno));
	close(fd);
	fd = open(path, mode);
#define STEP(step, act)                                             \
	do {                                                        \
		note(path);                                         \
		act;                                                \
		snprintf(what, sizeof(what), "%s, %s", name, step); \
		say_times(what, path);                              \
	} while (0)
	STEP("mapped", p = mmap(NULL, 8 * PAGE, prot, type, fd, 0));
	STEP("mapped again", munmap((void *)p, 8 * PAGE);
	     p = mmap(NULL, 8 * PAGE, prot, type, fd, 0));
	if (prot & PROT_WRITE) {
		STEP("first page written", p[0] = 1);
		STEP("written again", p[1] = 1);
		STEP("second page written", p[PAGE] = 1);
		STEP("synced", msync((void *)p, 8 * PAGE, MS_SYNC));
	}
	if (prot & PROT_READ)
		STEP("third page read", (void)p[2 * PAGE]);
	STEP("unmapped", munmap((void *)p, 8 * PAGE));
	close(fd);
	unlink(path);
}

/* ---- mincore ---- */

static void say_core(const char *what, void *p, int n)
{
	unsigned char vec[16];
	char text[17] = "";

	if (syscall(SYS_mincore, p, (size_t)n * PAGE, vec)) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	for (int i = 0; i < n; i++)
		text[i] = vec[i] & 1 ? '1' : '0';
	say("%s: %s", what, text);
}

static void room(void)
{
	int fd = memfd_create("room", 0);
	char *p, *q;
	char c;

	RESULT(fallocate(fd, 0, 0, 8 * PAGE));
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say_core("room made by fallocate", p, 8);
	RESULT(lseek(fd, 0, SEEK_DATA));
	RESULT(lseek(fd, 0, SEEK_HOLE));
	RESULT(pwrite(fd, "x", 1, 3 * PAGE));
	say_core("one page written by pwrite", p, 8);
	RESULT(lseek(fd, 0, SEEK_DATA));
	RESULT(lseek(fd, 3 * PAGE, SEEK_HOLE));
	RESULT(pread(fd, &c, 1, PAGE));
	say_core("one page read by pread", p, 8);
	p[5 * PAGE] = 1;
	say_core("one page written", p, 8);
	RESULT(lseek(fd, 4 * PAGE, SEEK_DATA));
	q = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	say_core("another mapping", q, 8);
	RESULT(fallocate(fd, 0, 0, 8 * PAGE));
	RESULT(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 3 * PAGE, PAGE));
	say_core("a hole punched", q, 8);
	RESULT(fallocate(fd, 0, 3 * PAGE, PAGE));
	say_core("and room made again", q, 8);
	RESULT(lseek(fd, 0, SEEK_DATA));
	close(fd);

	fd = memfd_create("hole", 0);
	RESULT(ftruncate(fd, 4 * PAGE));
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say_core("hole", p, 4);
	RESULT(pread(fd, &c, 1, 0));
	say_core("hole that was read", p, 4);
	close(fd);

	p = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say_core("no access", p, 4);
	RESULT(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
	p[PAGE] = 1;
	(void)*(volatile char *)&p[2 * PAGE];
	say_core("written and read", p, 4);
	RESULT(mprotect(p, 4 * PAGE, PROT_NONE));
	say_core("no access again", p, 4);
	RESULT(madvise(p, 4 * PAGE, MADV_DONTNEED));
	say_core("given back", p, 4);
}

/* What is in memory of another's file is not told. */
static void others(void)
{
	int fd = open("/tmp/map_core", O_CREAT | O_RDWR, 0644);
	char *p;

	if (ftruncate(fd, 2 * PAGE) || write(fd, "x", 1) != 1)
		say("%s", error_name(errno));
	close(fd);
	if (setresuid(1000, 1000, 1000))
		say("%s", error_name(errno));
	fd = open("/tmp/map_core", O_RDONLY);
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	say_core("another's file", p, 2);
}

/* ---- /proc ---- */

static void say_lines(const char *path, const char *const *names)
{
	char line[512];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		for (int i = 0; names[i]; i++)
			if (!strncmp(line, names[i], strlen(names[i]))) {
				line[strcspn(line, "\n")] = 0;
				say("%s", line);
			}
	if (f)
		fclose(f);
}

static void locked(void)
{
	static const char *const lines[] = {
		"VmLck",   "VmPin",           "HugetlbPages",      "CoreDumping",
		"Kthread", "Seccomp_filters", "Mems_allowed_list", NULL};
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	say_lines("/proc/self/status", lines);
	RESULT(munlock(p, 512 << 10));
	say_lines("/proc/self/status", lines);
	RESULT(munmap(p + (768 << 10), 256 << 10));
	say_lines("/proc/self/status", lines);
	if (must_fork() == 0) {
		say_lines("/proc/self/status", lines);
		_exit(0);
	}
	wait(NULL);
}

static void odd_names(void)
{
	static const char *const names[] = {"a\nb", "tab\there", "back\\slash", "space d", "\n\n"};
	char line[512], path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/tmp/maps_%s", names[i]);
		int fd = open(path, O_CREAT | O_RDWR, 0644);
		if (ftruncate(fd, PAGE))
			say("%s", error_name(errno));
		void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		int mem = memfd_create(names[i], 0);
		if (ftruncate(mem, PAGE))
			say("%s", error_name(errno));
		void *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, mem, 0);
		FILE *f = fopen("/proc/self/maps", "r");
		while (fgets(line, sizeof(line), f)) {
			char *name = strstr(line, "/tmp/maps_");

			if (!name)
				name = strstr(line, "/memfd");
			line[strcspn(line, "\n")] = 0;
			if (name)
				say("%s", name);
			else if (line[0] < '0' || line[0] > 'f')
				say("torn line: %s", line);
		}
		fclose(f);
		munmap(p, PAGE);
		munmap(q, PAGE);
		close(fd);
		close(mem);
		unlink(path);
	}
}

static void say_title(const char *what)
{
	char text[8192], shown[200];
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text));
	int shown_n = n < 150 ? (int)n : 150;

	close(fd);
	for (int i = 0; i < shown_n; i++)
		shown[i] = text[i] ? text[i] : '|';
	shown[shown_n > 0 ? shown_n : 0] = 0;
	say("%s: %zd bytes: %s", what, n, shown);
}

extern char **environ;

/* Argument and environment strings lie one behind the other: 16 bytes of arguments here. */
static void titles(char **argv)
{
	char *start = argv[0], *end = argv[1] + strlen(argv[1]) + 1;
	char *env_end = end;

	for (char **e = environ; *e; e++)
		env_end = *e + strlen(*e) + 1;
	say_title("as started");
	memset(start, 0, (size_t)(end - start));
	strcpy(start, "short");
	say_title("shorter");
	memset(start, 'y', (size_t)(end - start));
	end[-1] = 0;
	say_title("just full");
	memset(start, 'z', (size_t)(end - start));
	say_title("no end, environment behind it");
	memset(start, 'l', (size_t)(env_end - start));
	say_title("all of it");
	env_end[-1] = 0;
	say_title("all of it, ended");
	end[0] = 0;
	say_title("ended at once");
	end[-1] = 0;
	say_title("ended before");
	start[0] = 0;
	say_title("empty");
}

int main(int argc, char **argv)
{
	char *const args[] = {"/tests/me", "title", NULL};
	char large[6000] = "E=";
	char *const env[] = {"A=first", large, "Z=last", NULL};

	if (argc == 2) {
		titles(argv);
		return 0;
	}
	times("shared", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED);
	times("shared read-only", O_RDONLY, PROT_READ, MAP_SHARED);
	times("private", O_RDWR, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	times("shared write-only", O_RDWR, PROT_WRITE, MAP_SHARED);
	times("no atime", O_RDWR | O_NOATIME, PROT_READ | PROT_WRITE, MAP_SHARED);
	room();
	in_child("others", others);
	locked();
	odd_names();
	memset(large + 2, 'e', sizeof(large) - 3);
	if (must_fork() == 0) {
		execve("/proc/self/exe", args, env);
		_exit(1);
	}
	wait(NULL);
	return 0;
}
