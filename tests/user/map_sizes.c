/* Addresses, lengths and offsets at the edges of what numbers can say, in every call that takes
 * some. */
#include "check.h"

#include <sys/shm.h>

#define PAGE 4096UL
#define TOP  0x7ffffffff000UL /* the end of the address space */

static const unsigned long sizes[] = {
	0,
	1,
	PAGE - 1,
	PAGE,
	2 * PAGE,
	TOP - PAGE,
	TOP,
	TOP + 1,
	1UL << 47,
	(1UL << 47) + 1,
	1UL << 62,
	1UL << 63,
	-2 * PAGE,
	-PAGE - 1,
	-PAGE,
	-PAGE + 1,
	-1UL,
	(1UL << 63) - 1,
	(1UL << 63) - PAGE,
	(1UL << 63) - 2 * PAGE,
	(1UL << 63) - 3 * PAGE,
	-3 * PAGE,
	(1UL << 52) - 1,
	1UL << 52,
};
#define NR (sizeof(sizes) / sizeof(sizes[0]))

static char *base; /* three pages, with nothing above or below */

static void line(const char *what, unsigned long a, unsigned long b, long r)
{
	int err = errno;

	say("%s %#lx %#lx: %s", what, a, b, r == -1 ? error_name(err) : "ok");
}

/* Put the pages back, whatever the last call did. */
static void renew(void)
{
	mmap(base, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
}

static void offsets(const char *name, int fd, int type)
{
	for (size_t i = 0; i < NR; i++)
		for (size_t j = 0; j < 5; j++) {
			void *p = mmap(NULL, sizes[j], PROT_READ, type, fd, (long)sizes[i]);

			line(name, sizes[i], sizes[j], p == MAP_FAILED ? -1 : 0);
			if (p != MAP_FAILED)
				munmap(p, sizes[j]);
		}
}

static void lengths_of_mappings(int fd)
{
	for (size_t i = 0; i < NR; i++) {
		void *p;

		if (sizes[i] == TOP - PAGE) /* what fits depends on what is there */
			continue;
		p = mmap(NULL, sizes[i], PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		line("mmap anonymous", sizes[i], 0, p == MAP_FAILED ? -1 : 0);
		p = mmap(NULL, sizes[i], PROT_READ, MAP_SHARED, fd, 0);
		line("mmap file", sizes[i], 0, p == MAP_FAILED ? -1 : 0);
	}
}

static void ranges(void)
{
	unsigned char vec[4];

	for (size_t i = 0; i < NR; i++) {
		unsigned long len = sizes[i];

		renew();
		line("mprotect", 0, len, mprotect(base, len, PROT_READ));
		if (len <= 3 * PAGE || len >= -3 * PAGE) /* or the program loses its stack */
			line("madvise dontneed", 0, len, madvise(base, len, MADV_DONTNEED));
		line("madvise normal", 0, len, madvise(base, len, MADV_NORMAL));
		line("madvise populate", 0, len, madvise(base, len, 22 /* MADV_POPULATE_READ */));
		line("msync", 0, len, msync(base, len, MS_ASYNC));
		line("mincore", 0, len, syscall(SYS_mincore, base, len, vec));
		line("munlock", 0, len, munlock(base, len));
		line("munlock inside", 1, len, munlock(base + 1, len));
		line("munlock", 0, len, syscall(SYS_munlock, base, len));
		renew();
		line("munmap", 0, len, munmap(base + PAGE, len));
		renew();
	}
	for (size_t i = 0; i < NR; i++) {
		char *at = (char *)sizes[i];

		/* neither what root alone may map, nor what looks like an errno */
		if (sizes[i] < 1UL << 16 || sizes[i] > -PAGE)
			continue;
		line("mprotect at", sizes[i], PAGE, mprotect(at, PAGE, PROT_READ));
		line("madvise at", sizes[i], PAGE, madvise(at, PAGE, MADV_DONTNEED));
		line("msync at", sizes[i], PAGE, msync(at, PAGE, MS_ASYNC));
		line("mincore at", sizes[i], PAGE, syscall(SYS_mincore, at, PAGE, vec));
		line("mlock at", sizes[i], PAGE, mlock(at, PAGE));
		line("munmap at", sizes[i], PAGE, munmap(at, PAGE));
		line("munlock at", sizes[i], PAGE, munlock(at, PAGE));
		line("mmap at", sizes[i], PAGE,
		     (long)mmap(at, PAGE, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == -1
			     ? -1
			     : 0);
		line("shmat at", sizes[i], 0, (long)shmat(-1, at, 0));
	}
}

static void moves(void)
{
	for (size_t i = 0; i < NR; i++)
		for (size_t j = 0; j < NR; j++) {
			void *p;

			if (sizes[i] == TOP || sizes[i] == TOP - PAGE)
				continue; /* what is there decides */
			renew();
			p = mremap(base, sizes[i], sizes[j], 0);
			line("mremap", sizes[i], sizes[j], p == MAP_FAILED ? -1 : 0);
		}
	for (size_t i = 0; i < NR; i++)
		for (size_t j = 0; j < 5; j++) {
			void *p;

			if (sizes[i] < 1UL << 16) /* what root alone may map */
				continue;
			renew();
			p = mremap(base, PAGE, sizes[j], MREMAP_MAYMOVE | MREMAP_FIXED,
				   (void *)sizes[i]);
			line("mremap to", sizes[i], sizes[j], p == MAP_FAILED ? -1 : 0);
			if (p != MAP_FAILED)
				munmap(p, sizes[j]);
		}
}

static void breaks(void)
{
	unsigned long now = (unsigned long)syscall(SYS_brk, 0);

	for (size_t i = 0; i < NR; i++)
		say("brk %#lx: %s", sizes[i],
		    (unsigned long)syscall(SYS_brk, sizes[i]) == now ? "stays" : "MOVED");
	for (size_t i = 0; i < NR; i++)
		if (sizes[i] > 1UL << 40)
			say("brk by %#lx: %s", sizes[i],
			    (unsigned long)syscall(SYS_brk, now + sizes[i]) == now ? "stays"
										   : "MOVED");
}

int main(void)
{
	int fd = memfd_create("x", 0), zero = open("/dev/zero", O_RDWR);

	base = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(base, 64 * PAGE);
	base += 32 * PAGE;
	offsets("memfd shared", fd, MAP_SHARED);
	offsets("memfd private", fd, MAP_PRIVATE);
	offsets("zero shared", zero, MAP_SHARED);
	offsets("zero private", zero, MAP_PRIVATE);
	offsets("anonymous", -1, MAP_PRIVATE | MAP_ANONYMOUS);
	offsets("shared anonymous", -1, MAP_SHARED | MAP_ANONYMOUS);
	lengths_of_mappings(fd);
	ranges();
	moves();
	breaks();
	return 0;
}
