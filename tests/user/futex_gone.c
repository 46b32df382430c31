/* Futexes whose page cannot be had: past the end of a file that was cut, of memory that may not be
 * touched. And those that look shared but are not. */
#include "check.h"

#include <linux/futex.h>
#include <stddef.h>

#define PAGE 4096

static long futex(void *addr, int op, unsigned val, void *timeout, void *addr2, unsigned val3)
{
	return syscall(SYS_futex, addr, op, val, timeout, addr2, val3);
}

static unsigned good_word;

/* Every operation, with this word as the first and as the second. */
static void try_all(const char *name, unsigned *word, int private)
{
	struct timespec soon = {0, 1000};
	struct timespec past = {1, 0};
	char what[100];

#define TRY(op, call)                                                                         \
	do {                                                                                  \
		snprintf(what, sizeof(what), "%s%s, " #op, name, private ? ", private" : ""); \
		errno = 0;                                                                    \
		say_result(what, call);                                                       \
	} while (0)
	TRY(wake, futex(word, FUTEX_WAKE | private, 1, NULL, NULL, 0));
	TRY(wake bitset, futex(word, FUTEX_WAKE_BITSET | private, 1, NULL, NULL, 1));
	TRY(wait, futex(word, FUTEX_WAIT | private, 0, &soon, NULL, 0));
	TRY(wait bitset, futex(word, FUTEX_WAIT_BITSET | private, 0, &past, NULL, 1));
	TRY(requeue from, futex(word, FUTEX_REQUEUE | private, 1, (void *)1, &good_word, 0));
	TRY(requeue to, futex(&good_word, FUTEX_REQUEUE | private, 1, (void *)1, word, 0));
	TRY(cmp_requeue from,
	    futex(word, FUTEX_CMP_REQUEUE | private, 1, (void *)1, &good_word, 0));
	TRY(cmp_requeue to, futex(&good_word, FUTEX_CMP_REQUEUE | private, 1, (void *)1, word, 0));
	TRY(wake_op first, futex(word, FUTEX_WAKE_OP | private, 1, (void *)1, &good_word, 0));
	TRY(wake_op second, futex(&good_word, FUTEX_WAKE_OP | private, 1, (void *)1, word, 0));
	TRY(trylock_pi, futex(word, FUTEX_TRYLOCK_PI | private, 0, NULL, NULL, 0));
	TRY(unlock_pi, futex(word, FUTEX_UNLOCK_PI | private, 0, NULL, NULL, 0));
	TRY(lock_pi, futex(word, FUTEX_LOCK_PI | private, 0, &past, NULL, 0));
	TRY(unlock_pi, futex(word, FUTEX_UNLOCK_PI | private, 0, NULL, NULL, 0));
	TRY(wait_requeue_pi from,
	    futex(word, FUTEX_WAIT_REQUEUE_PI | private, 0, &past, &good_word, 0));
	TRY(wait_requeue_pi to,
	    futex(&good_word, FUTEX_WAIT_REQUEUE_PI | private, 0, &past, word, 0));
	TRY(cmp_requeue_pi from,
	    futex(word, FUTEX_CMP_REQUEUE_PI | private, 1, (void *)1, &good_word, 0));
	if (!private) /* else the word is not looked at while nothing waits */
		TRY(cmp_requeue_pi to,
		    futex(&good_word, FUTEX_CMP_REQUEUE_PI | private, 1, (void *)1, word, 0));
}

static void try_both(const char *name, void *word)
{
	try_all(name, word, 0);
	try_all(name, word, FUTEX_PRIVATE_FLAG);
}

/* A mapping of a file of one page, which is cut before or after the page was touched. */
static void cut(const char *name, int prot, int type, int touch)
{
	int fd = memfd_create("cut", 0);
	unsigned *p;

	RESULT(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, prot, type, fd, 0);
	if (touch)
		say("%s: %u", name, *(volatile unsigned *)p);
	RESULT(ftruncate(fd, 0));
	try_both(name, p);
	munmap(p, PAGE);
	close(fd);
}

/* Woken through one mapping, what sleeps on another of the same page? */
static void meet(const char *name, int prot_a, int type_a, int prot_b, int type_b)
{
	int fd = memfd_create("meet", 0), status;
	unsigned *a, *b;
	long woken = 0;

	if (ftruncate(fd, PAGE))
		return;
	a = mmap(NULL, PAGE, prot_a, type_a, fd, 0);
	b = mmap(NULL, PAGE, prot_b, type_b, fd, 0);
	pid_t pid = must_fork();

	if (pid == 0) {
		struct timespec limit = {0, 300000000};

		_exit(futex(a, FUTEX_WAIT, 0, &limit, NULL, 0) == 0 ? 0 : errno);
	}
	for (int i = 0; i < 20 && !woken; i++) {
		sleep_ms(10);
		woken = futex(b, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	waitpid(pid, &status, 0);
	say("%s: woken %ld, %s", name, woken,
	    WEXITSTATUS(status) ? error_name(WEXITSTATUS(status)) : "0");
	munmap(a, PAGE);
	munmap(b, PAGE);
	close(fd);
}

/* A robust list with an entry whose page is gone: the entries behind it stay as they are. */
struct entry {
	struct robust_list list;
	unsigned word;
};

static void robust_list_with_a_hole(void)
{
	struct entry *e =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("robust", 0);

	if (ftruncate(fd, PAGE))
		return;
	struct entry *gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t pid = must_fork();

	if (pid == 0) {
		struct robust_list_head head = {.list = {&e[0].list},
						.futex_offset = offsetof(struct entry, word)};

		e[0].word = e[1].word = (unsigned)getpid();
		e[0].list.next = &gone->list;
		gone->list.next = &e[1].list;
		e[1].list.next = &head.list;
		syscall(SYS_set_robust_list, &head, sizeof(head));
		if (ftruncate(fd, 0))
			_exit(1);
		_exit(0);
	}
	reap("owner", pid);
	say("before the hole: %s", e[0].word & FUTEX_OWNER_DIED ? "died" : "untouched");
	say("behind the hole: %s", e[1].word & FUTEX_OWNER_DIED ? "died" : "untouched");
}

int main(void)
{
	void *p;

	cut("shared, untouched", PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	cut("shared, touched", PROT_READ | PROT_WRITE, MAP_SHARED, 1);
	cut("shared read-only", PROT_READ, MAP_SHARED, 1);
	cut("private", PROT_READ | PROT_WRITE, MAP_PRIVATE, 1);
	cut("private read-only", PROT_READ, MAP_PRIVATE, 0);

	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_both("read-only anonymous", p);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	try_both("read-only shared anonymous", p);
	p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_both("no access", p);
	p = mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_both("write-only", p);
	munmap(p, PAGE);
	try_both("unmapped", p);
	try_both("kernel", (void *)-4096L);
	try_both("odd", (char *)&good_word + 1);

	meet("shared and shared", 3, MAP_SHARED, 3, MAP_SHARED);
	meet("shared and read-only", 3, MAP_SHARED, 1, MAP_SHARED);
	meet("shared and private", 3, MAP_SHARED, 3, MAP_PRIVATE);
	meet("shared and private read-only", 3, MAP_SHARED, 1, MAP_PRIVATE);
	meet("private read-only twice", 1, MAP_PRIVATE, 1, MAP_PRIVATE);
	meet("private and private", 3, MAP_PRIVATE, 3, MAP_PRIVATE);
	robust_list_with_a_hole();
	return 0;
}
