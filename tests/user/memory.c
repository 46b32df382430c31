/* mmap(2), munmap(2), mprotect(2), brk(2), mremap(2), madvise(2). */
#include "check.h"

#define PAGE 4096UL

static char *map(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		say("mmap: %s", error_name(errno));
		_exit(1);
	}
	return p;
}

static char *target;
static void read_target(void)
{
	char c = *(volatile char *)target;

	_exit(c & 0x3f);
}
static void write_target(void)
{
	*(volatile char *)target = 1;
	_exit(0);
}

/* What happens to a process that reads or writes there. */
static void probe(const char *what, char *address)
{
	char text[80];

	target = address;
	snprintf(text, sizeof(text), "%s: read", what);
	in_child(text, read_target);
	snprintf(text, sizeof(text), "%s: write", what);
	in_child(text, write_target);
}

static void check_mmap(void)
{
	char *p = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	long sum = 0;

	for (size_t i = 0; i < 4 * PAGE; i++)
		sum += p[i];
	say("fresh memory sums to %ld, page-aligned %d", sum, (uintptr_t)p % PAGE == 0);
	memset(p, 7, 4 * PAGE);
	RESULT(munmap(p + PAGE, PAGE));
	probe("hole", p + PAGE);
	probe("below the hole", p);
	probe("above the hole", p + 2 * PAGE);
	RESULT(munmap(p, 4 * PAGE)); /* over the hole */
	probe("unmapped", p);
	RESULT(munmap(p, 4 * PAGE));
	RESULT(munmap(p + 1, PAGE));
	RESULT(munmap(p, 0));
	RESULT(munmap((void *)~0xfffUL, PAGE));
}

static void check_mmap_errors(void)
{
	WHETHER(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
	WHETHER(mmap((void *)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	WHETHER(mmap(NULL, 1UL << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap(NULL, ~0UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap((void *)(1UL << 47), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0));
	WHETHER(mmap((void *)0xffff800000000000UL, PAGE, PROT_READ,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	int fd = open("/bin/busybox", O_RDONLY);
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1));
	close(fd);
	int fds[2];
	if (pipe(fds) == 0)
		WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fds[0], 0));
	fd = open("/tmp", O_RDONLY);
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
}

static void check_fixed(void)
{
	char *p = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(p, 'o', 3 * PAGE);
	char *q = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	TRUTH(q == p + PAGE);
	say("%c %d %c", p[0], p[PAGE], p[2 * PAGE]);
	q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("MAP_FIXED_NOREPLACE: %s", q == MAP_FAILED ? error_name(errno) : "mapped");
	munmap(p, 3 * PAGE);
	q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("a free hint is taken: %s", q == p ? "yes" : "NO");
	munmap(q, PAGE);
}

static void check_mprotect(void)
{
	char *p = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(p, 1, 3 * PAGE);
	RESULT(mprotect(p + PAGE, PAGE, PROT_READ));
	probe("read-only page", p + PAGE);
	probe("its neighbour", p + 2 * PAGE);
	RESULT(mprotect(p + PAGE, PAGE, PROT_NONE));
	probe("PROT_NONE", p + PAGE);
	RESULT(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
	probe("writable again", p + PAGE);
	say("contents kept: %d", p[PAGE]);
	RESULT(mprotect(p + 1, PAGE, PROT_READ));
	RESULT(mprotect(p, 0, PROT_READ));
	RESULT(mprotect(p, PAGE, 0x1000));
	munmap(p + PAGE, PAGE);
	RESULT(mprotect(p, 3 * PAGE, PROT_READ));
	probe("before the hole", p);
	char *none = map(1, PROT_NONE, MAP_PRIVATE);
	probe("mapped PROT_NONE", none);
}

/* Not through the C library, whose malloc has ideas of its own about the break. */
static void check_brk(void)
{
	char *start = (char *)syscall(SYS_brk, 0);

	TRUTH(syscall(SYS_brk, start + 100) == (long)(start + 100));
	start[0] = 1;
	start[99] = 2;
	TRUTH(syscall(SYS_brk, start + 12345) == (long)(start + 12345));
	start[12344] = 3;
	TRUTH(syscall(SYS_brk, 0) == (long)(start + 12345));
	TRUTH(syscall(SYS_brk, 16) == (long)(start + 12345)); /* refused: the old value */
	TRUTH(syscall(SYS_brk, 1UL << 47) == (long)(start + 12345));
	TRUTH(syscall(SYS_brk, start) == (long)start);
	char *page = (char *)(((uintptr_t)start + PAGE - 1) & ~(PAGE - 1));
	probe("beyond the break", page + PAGE);
	syscall(SYS_brk, page + 3 * PAGE);
	page[PAGE] = 9;
	syscall(SYS_brk, page);
	syscall(SYS_brk, page + 3 * PAGE);
	say("memory after shrinking and growing: %d", page[PAGE]);
	syscall(SYS_brk, start);
}

static void check_mremap(void)
{
	char *p = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	for (int i = 0; i < 4; i++)
		p[i * PAGE] = 'a' + i;
	char *q = mremap(p, 4 * PAGE, 2 * PAGE, 0);
	TRUTH(q == p);
	probe("cut off", p + 2 * PAGE);
	char *wall =
		mmap(p + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	TRUTH(wall == p + 2 * PAGE);
	q = mremap(p, 2 * PAGE, 64 * PAGE, 0);
	say("no room: %s", q == MAP_FAILED ? error_name(errno) : "it grew");
	q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	say("moved: %d, contents %c %c, then %d", q != p, q[0], q[PAGE], q[63 * PAGE]);
	q[63 * PAGE] = 1;
	probe("where it was", p);
	char *room = map(64, PROT_NONE, MAP_PRIVATE);
	char *r = mremap(q, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	TRUTH(r == room);
	say("contents %c %c", r[0], r[PAGE]);
	q = mremap(r, 64 * PAGE, 0, 0);
	say("to nothing: %s", q == MAP_FAILED ? error_name(errno) : "done");
	q = mremap(r + 1, PAGE, 2 * PAGE, 0);
	say("unaligned: %s", q == MAP_FAILED ? error_name(errno) : "done");
	q = mremap(p, PAGE, 2 * PAGE, 0);
	say("of nothing: %s", q == MAP_FAILED ? error_name(errno) : "done");
	q = mremap(r, PAGE, PAGE, 0x80);
	say("unknown flag: %s", q == MAP_FAILED ? error_name(errno) : "done");
	munmap(r, 64 * PAGE);
	munmap(wall, PAGE);
}

static void check_madvise(void)
{
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(p, 5, 2 * PAGE);
	RESULT(madvise(p, PAGE, MADV_DONTNEED));
	say("%d %d", p[0], p[PAGE]);
	RESULT(madvise(p + 1, PAGE, MADV_DONTNEED));
	RESULT(madvise(p, PAGE, 9999));
	munmap(p + PAGE, PAGE);
	RESULT(madvise(p, 2 * PAGE, MADV_DONTNEED));
}

static void check_shared(void)
{
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_SHARED);

	p[0] = 1;
	pid_t pid = must_fork();
	if (pid == 0) {
		p[0]++;
		p[PAGE] = 40; /* first touched after the fork */
		pid_t grandchild = must_fork();
		if (grandchild == 0) {
			p[PAGE] += 2;
			_exit(0);
		}
		waitpid(grandchild, NULL, 0);
		_exit(0);
	}
	reap("child", pid);
	say("shared: %d %d", p[0], p[PAGE]);
	munmap(p, 2 * PAGE);
}

static void check_file_mapping(void)
{
	int fd = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char text[16] = "";

	if (ftruncate(fd, 3 * PAGE) != 0 || pwrite(fd, "first", 5, 0) != 5 ||
	    pwrite(fd, "third", 5, 2 * PAGE) != 5)
		say("writing: %s", error_name(errno));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	say("%.5s", p);
	p[0] = 'F';
	if (pread(fd, text, 5, 0) == 5)
		say("the file keeps: %s", text);
	say("the mapping has: %.5s", p);
	char *q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
	say("%.5s", q);
	munmap(p, 2 * PAGE);
	munmap(q, PAGE);
	/* The rest of the last page is zero; the page after it does not exist. */
	if (ftruncate(fd, PAGE + 10) != 0)
		say("ftruncate: %s", error_name(errno));
	p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	say("behind the end, same page: %d", p[PAGE + 100]);
	target = p + 2 * PAGE;
	in_child("behind the last page", read_target);
	close(fd); /* the mapping stays */
	say("%.5s", p);
	munmap(p, 3 * PAGE);
	fd = open("/tmp/mapped", O_WRONLY);
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
	unlink("/tmp/mapped");
}

static void check_many_areas(void)
{
	/* 200 single pages with holes in between, unmapped in another order. */
	enum {
		N = 200
	};
	char *base = map(2 * N, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int wrong = 0;

	for (int i = 0; i < N; i++) {
		base[2 * i * PAGE] = i;
		munmap(base + (2 * i + 1) * PAGE, PAGE);
	}
	pid_t pid = must_fork();
	if (pid == 0) {
		for (int i = 0; i < N; i++)
			wrong += base[2 * i * PAGE] != (char)i;
		_exit(wrong);
	}
	reap("200 areas in the child", pid);
	for (int i = 0; i < N; i++) {
		int k = i * 77 % N;
		wrong += base[2 * k * PAGE] != (char)k;
		munmap(base + 2 * k * PAGE, PAGE);
	}
	say("200 areas: %d wrong", wrong);
}

int main(void)
{
	check_mmap();
	check_mmap_errors();
	check_fixed();
	check_mprotect();
	check_brk();
	check_mremap();
	check_madvise();
	check_shared();
	check_file_mapping();
	check_many_areas();
	return 0;
}
