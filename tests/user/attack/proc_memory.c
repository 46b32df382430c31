/* Long files of /proc, read a little of and left open: the kernel's memory for them is limited. */
#include "attack.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

#define AREAS 30000
#define FILES 200

static unsigned long free_memory(unsigned long *total)
{
	struct sysinfo si;

	MUST(sysinfo(&si));
	*total = si.totalram;
	return si.freeram;
}

/* Memory that is cut into areas, each of which is a line of /proc/self/maps. */
static void make_areas(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, AREAS * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(at == MAP_FAILED ? -1 : 0);
	for (int i = 0; i < AREAS; i += 2)
		MUST(mprotect(at + (size_t)i * page, page, PROT_READ));
}

/* Whether a byte can be read; that it cannot, for want of memory, is right as well. */
static bool read_one(int fd)
{
	char c;
	ssize_t n = pread(fd, &c, 1, 0);

	if (n != 1 && (n == 0 || errno != ENOMEM))
		say("read: %zd %s", n, error_name(errno));
	return n == 1;
}

static void read_whole(const char *what)
{
	static char buf[65536];
	int fd = open("/proc/self/maps", O_RDONLY), lines = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	say("%s: %s", what, n == 0 && lines >= AREAS ? "read" : error_name(errno));
	close(fd);
}

static void hold_texts(void)
{
	unsigned long total, before = free_memory(&total), after;
	int fds[FILES], n = 0;

	for (int i = 0; i < FILES; i++) {
		fds[i] = open("/proc/self/maps", O_RDONLY);
		must("open", fds[i]);
		n += read_one(fds[i]);
	}
	after = free_memory(&total);
	say("some were read: %s", n ? "yes" : "no");
	say("memory is left: %s", after > before || before - after < total / 4 ? "yes" : "no");
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
}

static void user_side(void)
{
	make_areas();
	read_whole("before");
	hold_texts();
	read_whole("after");
}

int main(void)
{
	as_user("user", user_side);
	return 0;
}
