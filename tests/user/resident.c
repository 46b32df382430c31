/* What is resident, and was at most: VmHWM, ru_maxrss of a process and of its children. And the
 * files that say which process dies when memory is short. */
#include "check.h"

#include <sys/prctl.h>

#define MIB (1UL << 20)

static long status_kib(const char *name)
{
	char line[256];
	long n = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			n = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return n;
}

static long max_kib(int who)
{
	struct rusage ru;

	getrusage(who, &ru);
	return ru.ru_maxrss;
}

/* About so many MiB: what a C library has of its own is left out. */
static void say_mib(const char *what, long kib)
{
	say("%s: %ld MiB", what, (kib + 3072) / 8192 * 8);
}

static void say_all(const char *when)
{
	char what[100];

	snprintf(what, sizeof(what), "%s, VmRSS", when);
	say_mib(what, status_kib("VmRSS"));
	snprintf(what, sizeof(what), "%s, VmHWM", when);
	say_mib(what, status_kib("VmHWM"));
	snprintf(what, sizeof(what), "%s, ru_maxrss", when);
	say_mib(what, max_kib(RUSAGE_SELF));
	snprintf(what, sizeof(what), "%s, of the thread", when);
	say_mib(what, max_kib(RUSAGE_THREAD));
	snprintf(what, sizeof(what), "%s, of children", when);
	say_mib(what, max_kib(RUSAGE_CHILDREN));
}

static char *take(unsigned long n, int prot, int flags)
{
	char *p = mmap(NULL, n, prot, flags | MAP_NORESERVE, -1, 0);

	madvise(p, n, 15 /* MADV_NOHUGEPAGE */);
	return p;
}

static void at_most(void)
{
	char *p = take(256 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	volatile char sink;

	say_all("only reserved");
	for (unsigned long i = 0; i < 32 * MIB; i += 4096)
		sink = p[i];
	(void)sink;
	/* Linux maps the zero page, which does not count; but not every build of it does. */
	TRUTH(status_kib("VmRSS") < 36 * 1024);
	memset(p, 1, 64 * MIB);
	say_all("64 MiB written");
	memset(p, 1, 64 * MIB);
	say_all("written again");
	mprotect(p, 64 * MIB, PROT_NONE);
	say_all("no access");
	mprotect(p, 64 * MIB, PROT_READ | PROT_WRITE);
	madvise(p, 48 * MIB, MADV_DONTNEED);
	say_all("48 MiB given back");
	memset(p, 1, 24 * MIB);
	say_all("24 MiB of them written");
	p = mremap(p, 256 * MIB, 512 * MIB, MREMAP_MAYMOVE);
	say_all("moved");
	if (must_fork() == 0) {
		say_all("child");
		munmap(p, 32 * MIB);
		say_all("child without 32 MiB");
		memset(p + 32 * MIB, 2, 96 * MIB);
		say_all("child with 96 MiB more");
		_exit(0);
	}
	wait(NULL);
	say_all("parent");
	munmap(p, 512 * MIB);
	say_all("all unmapped");
}

static void shared(void)
{
	char *p = take(64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);

	memset(p, 1, 32 * MIB);
	say_all("shared");
	munmap(p, 64 * MIB);
	say_all("shared unmapped");
}

/* A program that is run anew keeps what the old one had at most. */
static void over_exec(const char *self)
{
	char *p = take(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	memset(p, 1, 40 * MIB);
	execl(self, self, "executed", NULL);
}

static void of_children(void)
{
	struct rusage ru;
	int status;

	for (int i = 3; i > 0; i--) {
		if (must_fork() == 0) {
			memset(take(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS),
			       1, (unsigned long)i * 16 * MIB);
			_exit(0);
		}
		wait4(-1, &status, 0, &ru);
		say_mib("wait4", ru.ru_maxrss);
	}
	say_all("after three children");
	if (must_fork() == 0) { /* a grandchild counts through its parent */
		say_all("a child has none yet");
		if (must_fork() == 0) {
			memset(take(96 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS),
			       1, 72 * MIB);
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait4(-1, &status, 0, &ru);
	say_mib("wait4 of a parent", ru.ru_maxrss);
	say_all("after a grandchild");
}

/* ---- /proc/PID/oom_* ---- */

static void store(const char *file, const char *text)
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0) {
		say("%s: %s", file, error_name(errno));
		return;
	}
	n = write(fd, text, strlen(text));
	say("%s < '%s': %s", file, text, n < 0 ? error_name(errno) : "ok");
	close(fd);
}

static void show(void)
{
	static const char *const files[] = {"oom_score_adj", "oom_adj"};
	char path[64], text[32];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n - 1 : 0] = 0;
		say("%s: %s", files[i], text);
		close(fd);
	}
}

static void adjust(void)
{
	/* Nothing below 0 or below what is: root may lack CAP_SYS_RESOURCE where this is compared.
	 */
	static const char *const values[] = {"500",
					     "1000",
					     "1001",
					     "-1001",
					     "0x10",
					     " 7 \n",
					     "+3",
					     "",
					     "x",
					     "5 5",
					     "99999999999999999999",
					     "0"};
	static const char *const old[] = {"8", "11", "15", "16", "-18", "x"};
	struct stat st;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		store("oom_score_adj", values[i]);
		show();
	}
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		store("oom_adj", old[i]);
		show();
	}
	stat("/proc/self/oom_score_adj", &st);
	say("mode %o", st.st_mode);
	stat("/proc/self/oom_score", &st);
	say("mode %o", st.st_mode);
	store("oom_score", "1");
}

static void without_privilege(void)
{
	if (setresuid(1000, 1000, 1000))
		say("%s", error_name(errno));
	prctl(PR_SET_DUMPABLE, 1); /* else the files are root's */
	store("oom_score_adj", "300");
	store("oom_score_adj", "200");
	store("oom_score_adj", "100");
	store("oom_score_adj", "-1");
	store("oom_score_adj", "-1000");
	store("oom_adj", "-17");
	store("oom_adj", "15");
	store("oom_adj", "3");
	show();
	if (must_fork() == 0) {
		say("child:");
		show();
		store("oom_score_adj", "-99");
		store("oom_score_adj", "150");
		show();
		_exit(0);
	}
	wait(NULL);
	show();
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		say_all(argv[1]);
		return 0;
	}
	in_child("at most", at_most);
	in_child("shared", shared);
	in_child("of children", of_children);
	if (must_fork() == 0)
		over_exec("/proc/self/exe");
	wait(NULL);
	say_all("the first process");
	in_child("adjust", adjust);
	in_child("without privilege", without_privilege);
	return 0;
}
