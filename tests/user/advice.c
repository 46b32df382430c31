/* madvise(2), mincore(2), mlock(2) and its family, msync(2). */
#include "check.h"

#define PAGE 4096UL

static char *map(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

static char *at;
static void read_it(void)
{
	_exit(*(volatile char *)at);
}

static void look_in_child(const char *what, char *p)
{
	at = p;
	in_child(what, read_it);
}

static void check_fork_advice(void)
{
	char *p = map(6, MAP_PRIVATE);

	memset(p, 5, 6 * PAGE);
	RESULT(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	RESULT(madvise(p + 3 * PAGE, 2 * PAGE, MADV_WIPEONFORK));
	look_in_child("kept", p);
	look_in_child("not forked", p + PAGE);
	look_in_child("wiped", p + 3 * PAGE);
	look_in_child("wiped too", p + 4 * PAGE);
	look_in_child("kept behind it", p + 5 * PAGE);
	say("the parent's: %d %d", p[PAGE], p[3 * PAGE]);
	RESULT(madvise(p, 3 * PAGE, MADV_DOFORK));
	RESULT(madvise(p + 4 * PAGE, PAGE, MADV_KEEPONFORK));
	look_in_child("forked again", p + PAGE);
	look_in_child("still wiped", p + 3 * PAGE);
	look_in_child("no longer wiped", p + 4 * PAGE);
	/* A grandchild: what is wiped stays so, what was left out is not there to be left out. */
	madvise(p + 2 * PAGE, PAGE, MADV_DONTFORK);
	pid_t pid = must_fork();
	if (pid == 0) {
		p[3 * PAGE] = 7;
		look_in_child("the grandchild, wiped", p + 3 * PAGE);
		look_in_child("the grandchild, left out", p + 2 * PAGE);
		RESULT(munmap(p, 6 * PAGE));
		_exit(0);
	}
	reap("child", pid);
	munmap(p, 6 * PAGE);
	p = map(1, MAP_SHARED);
	RESULT(madvise(p, PAGE, MADV_WIPEONFORK));
	RESULT(madvise(p, PAGE, MADV_FREE));
	RESULT(madvise(p, PAGE, MADV_DONTFORK));
	look_in_child("shared, not forked", p);
	munmap(p, PAGE);
}

static void check_dontneed(void)
{
	char *p = map(4, MAP_PRIVATE);

	memset(p, 5, 4 * PAGE);
	RESULT(madvise(p + PAGE, 100, MADV_DONTNEED));
	say("%d %d %d", p[0], p[PAGE], p[2 * PAGE]);
	munmap(p + PAGE, PAGE);
	RESULT(madvise(p, 3 * PAGE, MADV_DONTNEED)); /* beyond the hole too */
	say("%d %d %d", p[0], p[2 * PAGE], p[3 * PAGE]);
	p[0] = 9;
	RESULT(madvise(p, PAGE, MADV_FREE));
	TRUTH(p[0] == 9 || p[0] == 0);
	p[0] = 10;
	TRUTH(p[0] == 10);
	RESULT(madvise(p, 0, MADV_DONTNEED));
	RESULT(madvise(p + 1, PAGE, MADV_DONTNEED));
	RESULT(madvise(p, ~0UL, MADV_DONTNEED));
	RESULT(madvise(p, PAGE, 1234));
	RESULT(madvise(p, 3 * PAGE, MADV_WILLNEED));
	RESULT(madvise(p, PAGE, MADV_WILLNEED));
	RESULT(madvise(p, PAGE, MADV_DONTDUMP));
	munmap(p, 4 * PAGE);
}

static void say_incore(const char *what, char *p, size_t pages)
{
	unsigned char vec[16] = {0};
	char text[17] = "";

	if (mincore(p, pages * PAGE, vec) != 0) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	for (size_t i = 0; i < pages; i++)
		text[i] = vec[i] & 1 ? '1' : '0';
	say("%s: %s", what, text);
}

static void check_populate(void)
{
	char *p = map(4, MAP_PRIVATE);
	unsigned char vec[4];

	say_incore("fresh", p, 4);
	p[PAGE] = 1;
	say_incore("one touched", p, 4);
	RESULT(madvise(p, 3 * PAGE, 23)); /* MADV_POPULATE_WRITE */
	say_incore("populated", p, 4);
	mprotect(p, PAGE, PROT_NONE);
	RESULT(madvise(p, PAGE, 22)); /* MADV_POPULATE_READ */
	mprotect(p, PAGE, PROT_READ);
	RESULT(madvise(p, PAGE, 22));
	RESULT(madvise(p, PAGE, 23));
	munmap(p + 2 * PAGE, PAGE);
	RESULT(madvise(p + PAGE, 3 * PAGE, 22));
	say_incore("over a hole", p, 4);
	RESULT(mincore(p + 1, PAGE, vec));
	RESULT(mincore(p, PAGE, (unsigned char *)8));
	RESULT(mincore(p, 1UL << 62, vec));
	munmap(p, 4 * PAGE);
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		 -1, 0);
	say_incore("MAP_POPULATE", p, 4);
	munmap(p, 4 * PAGE);
}

static void check_mlock(void)
{
	char *p = map(4, MAP_PRIVATE);

	RESULT(mlock(p + 100, PAGE));
	say_incore("two locked", p, 4);
	RESULT(madvise(p, PAGE, MADV_DONTNEED));
	RESULT(madvise(p, PAGE, MADV_FREE));
	RESULT(munlock(p, PAGE));
	RESULT(madvise(p, PAGE, MADV_DONTNEED));
	RESULT(syscall(SYS_mlock2, p + 3 * PAGE, PAGE, MLOCK_ONFAULT));
	say_incore("locked on fault", p, 4);
	RESULT(syscall(SYS_mlock2, p, PAGE, 2));
	RESULT(mlock(p, 0));
	RESULT(mlock(p, ~0UL));
	RESULT(mlock((void *)~0xfffUL, 2 * PAGE));
	munmap(p + 2 * PAGE, PAGE);
	RESULT(mlock(p, 4 * PAGE));
	RESULT(munlock(p, 4 * PAGE));
	RESULT(munlock(p + 2 * PAGE, PAGE));
	mprotect(p, PAGE, PROT_NONE);
	RESULT(mlock(p, PAGE));
	RESULT(msync(p, PAGE, MS_INVALIDATE));
	munmap(p, 4 * PAGE);
}

static void check_limits(void)
{
	struct rlimit r = {4 * PAGE, 4 * PAGE};
	char *p = map(8, MAP_PRIVATE);

	setrlimit(RLIMIT_MEMLOCK, &r);
	if (setuid(1000) != 0)
		_exit(1);
	RESULT(mlock(p, 5 * PAGE));
	RESULT(mlock(p, 4 * PAGE));
	RESULT(mlock(p + PAGE, 3 * PAGE)); /* they are counted once */
	RESULT(mlock(p + 4 * PAGE, 1));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
	RESULT(munlock(p, PAGE));
	RESULT(mlock(p + 4 * PAGE, 1));
	WHETHER(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	pid_t pid = must_fork();
	if (pid == 0) { /* locks are not inherited */
		RESULT(mlock(p, 4 * PAGE));
		RESULT(madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED));
		_exit(0);
	}
	reap("child", pid);
	munmap(p, 8 * PAGE);
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
	RESULT(mlockall(MCL_CURRENT));
	RESULT(munlockall());
	RESULT(mlockall(MCL_FUTURE));
	WHETHER(mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	RESULT(munlockall());
	r.rlim_cur = 0;
	setrlimit(RLIMIT_MEMLOCK, &r);
	RESULT(mlock(p, PAGE));
	RESULT(mlockall(MCL_CURRENT));
	WHETHER(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
}

static void check_mlockall(void)
{
	char *p = map(2, MAP_PRIVATE), *q;

	RESULT(mlockall(0));
	RESULT(mlockall(MCL_ONFAULT));
	RESULT(mlockall(8));
	RESULT(mlockall(MCL_CURRENT | MCL_FUTURE));
	say_incore("of before", p, 2);
	q = map(2, MAP_PRIVATE);
	say_incore("of after", q, 2);
	RESULT(munlockall());
	RESULT(madvise(q, PAGE, MADV_DONTNEED));
	q = map(2, MAP_PRIVATE);
	say_incore("of later", q, 2);
	RESULT(mlockall(MCL_CURRENT | MCL_ONFAULT));
	say_incore("only when touched", q, 2);
	RESULT(munlockall());
}

static void check_msync(void)
{
	char *p = map(3, MAP_SHARED);

	RESULT(msync(p, 3 * PAGE, MS_SYNC));
	RESULT(msync(p, 3 * PAGE, MS_ASYNC | MS_INVALIDATE));
	RESULT(msync(p, PAGE, MS_SYNC | MS_ASYNC));
	RESULT(msync(p, PAGE, 64));
	RESULT(msync(p + 1, PAGE, MS_SYNC));
	RESULT(msync(p, 0, MS_SYNC));
	munmap(p + PAGE, PAGE);
	RESULT(msync(p, 3 * PAGE, MS_SYNC));
	munmap(p, 3 * PAGE);
}

int main(void)
{
	check_fork_advice();
	check_dontneed();
	check_populate();
	check_mlock();
	in_child("limits", check_limits);
	check_mlockall();
	check_msync();
	return 0;
}
