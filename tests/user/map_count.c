/* As many mappings as there may be: what counts, what is refused at the limit, and that a child's
 * changes are its own. */
#include "check.h"

#define PAGE 4096UL

static char *base;
static long made;

static long limit(void)
{
	long n = 0;
	FILE *f = fopen("/proc/sys/vm/max_map_count", "r");

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

/* Lines of /proc/self/maps, but for the page that is the kernel's. */
static long count(void)
{
	char text[65536];
	long lines = 0;
	ssize_t n;
	int fd = open("/proc/self/maps", O_RDONLY);

	while ((n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
		if (memmem(text, (size_t)n, "[vsyscall]", 10))
			lines--;
	}
	close(fd);
	return lines;
}

/* Three pages each, with room between them. */
static char *at(long i)
{
	return base + i * 6 * PAGE;
}

static void *map(long i)
{
	return mmap(at(i), 3 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static void change_some(void)
{
	for (long i = 0; i < made; i += 2)
		if (munmap(at(i), 3 * PAGE))
			say("munmap: %s", error_name(errno));
	say("half of them gone: %s", labs(made / 2 - (limit() + 1 - count())) < 4 ? "yes" : "NO");
	for (long i = 1; i < made; i += 50)
		if (munmap(at(i) + PAGE, PAGE))
			say("munmap: %s", error_name(errno));
	WHETHER(munmap(at(0), (size_t)made * 6 * PAGE));
	WHETHER(mprotect(at(0), PAGE, PROT_READ));
	say("few are left: %s", count() < 100 ? "yes" : "NO");
}

int main(void)
{
	long room = 70000 * 6 * PAGE;

	base = mmap(NULL, (size_t)room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0);
	WHETHER(munmap(base, (size_t)room));
	(void)limit();
	while (made < 70000 && map(made) != MAP_FAILED)
		made++;
	say("refused: %s", error_name(errno));
	WHETHER(munmap(at(made - 1), 3 * PAGE)); /* for the buffer of the file */
	made--;
	say("below the limit: %ld", limit() - count());
	WHETHER(map(made) == MAP_FAILED ? -1 : 0);
	made++;
	WHETHER(map(made) == MAP_FAILED ? -1 : 0);
	WHETHER(munmap(at(0) + PAGE, PAGE));
	WHETHER(mprotect(at(1), PAGE, PROT_READ));
	WHETHER(mprotect(at(1) + PAGE, PAGE, PROT_READ));
	WHETHER(madvise(at(1), PAGE, MADV_DONTFORK));
	WHETHER(munmap(at(2), PAGE));
	WHETHER(munmap(at(2) + 2 * PAGE, PAGE));
	WHETHER(mprotect(at(3), 3 * PAGE, PROT_READ));
	WHETHER(mremap(at(4), 3 * PAGE, 4 * PAGE, 0) == MAP_FAILED ? -1 : 0);
	WHETHER(mremap(at(5), 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	WHETHER(mremap(at(6), 3 * PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	/* In place of one, and of the middle of one. */
	WHETHER(map(7) == MAP_FAILED ? -1 : 0);
	WHETHER(mmap(at(8) + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0) == MAP_FAILED
			? -1
			: 0);
	WHETHER(munmap(at(made - 1), 3 * PAGE));
	WHETHER(munmap(at(made - 2), 3 * PAGE));
	made -= 2;
	WHETHER(munmap(at(0) + PAGE, PAGE));
	WHETHER(mremap(at(5), 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	long before = count();

	in_child("child", change_some);
	say("the parent still has: %s", count() == before ? "all" : "OTHERS");
	change_some();
	return 0;
}
