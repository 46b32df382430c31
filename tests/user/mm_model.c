/*
 * Random mmap, munmap, mprotect, mremap, madvise, brk, writes, reads and forks in one arena,
 * compared with a model.
 *
 *   mm_model [SEED [STEPS [DEPTH]]]
 *
 * Every page of the arena has a model: mapped or not, its rights, private or shared or of a file,
 * and a number that stands in its first and last word. After each step some pages are probed with a
 * SIGSEGV handler in place; a forked child goes on by itself for a while, and the parent then sees
 * that nothing private of its own has changed. Prints one line per mismatch, and "mm_model: ok"
 * when there was none.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

#define PAGE       4096UL
#define PAGES      1536 /* across four leaf tables */
#define ARENA      ((char *)0x3fff00000)
#define FILE_PAGES 64

enum kind {
	NONE,
	PRIVATE,
	SHARED,
	FILEMAP
};

static struct page {
	unsigned char kind, prot;
	uint64_t value;   /* NONE and SHARED: unused */
	uint64_t *shared; /* SHARED: where the model of its contents is */
} model[PAGES];

static uint64_t *pool; /* pool: models of shared pages, themselves shared */
static unsigned pool_used, failures;
static int file_fd = -1;
static char *heap_base;
static unsigned heap_pages;
static uint64_t heap_value[64];
static sigjmp_buf escape;
#define POOL 65536

static void on_fault(int sig)
{
	siglongjmp(escape, sig);
}

static void complain(const char *what, unsigned page, uint64_t got, uint64_t want)
{
	char line[160];
	int n = snprintf(line, sizeof line, "page %u: %s: %lx, not %lx\n", page, what,
			 (unsigned long)got, (unsigned long)want);

	if (failures++ < 10 && write(1, line, n) != n)
		_exit(9);
}

static uint64_t file_value(unsigned index)
{
	return index * 0x1000193 + 7;
}

static uint64_t expected(const struct page *p)
{
	return p->kind == SHARED ? *p->shared : p->value;
}

/* Both ends of the page; a write when the page should take it, or to see that it does not. */
static void probe(unsigned i, int write_it)
{
	struct page *p = &model[i];
	volatile uint64_t *first = (uint64_t *)(ARENA + i * PAGE), *last = first + PAGE / 8 - 1;
	int may_read = p->kind != NONE && p->prot != PROT_NONE,
	    may_write = p->kind != NONE && (p->prot & PROT_WRITE);
	uint64_t fresh = rnd() | 1;
	int sig = sigsetjmp(escape, 1);

	if (sig) {
		if (write_it ? may_write : may_read)
			complain(write_it ? "write killed" : "read killed", i, sig, 0);
		return;
	}
	if (!write_it) {
		uint64_t a = *first, b = *last;

		if (!may_read)
			complain("could be read", i, a, 0);
		else if (a != expected(p) || b != expected(p))
			complain("contents", i, a != expected(p) ? a : b, expected(p));
		return;
	}
	*first = fresh;
	*last = fresh;
	if (!may_write) {
		complain("could be written", i, 0, 0);
		return;
	}
	if (p->kind == SHARED)
		*p->shared = fresh;
	else
		p->value = fresh;
}

static void choose_range(unsigned *start, unsigned *n)
{
	unsigned most = below(8) ? 1 + below(40) : 1 + below(PAGES);

	*start = below(PAGES);
	if (below(4) == 0)
		*start &= ~511u;
	*n = 1 + below(most);
	if (*n > PAGES - *start)
		*n = PAGES - *start;
}

static int random_prot(void)
{
	static const int prots[] = {PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ,
				    PROT_NONE,
				    PROT_READ | PROT_EXEC};
	return prots[below(6)];
}

static void do_map(void)
{
	unsigned start, n, offset = 0;
	int prot = random_prot(), kind = 1 + below(3);
	void *at;

	choose_range(&start, &n);
	if (kind == SHARED && (pool_used + n > POOL || n > 300))
		kind = PRIVATE;
	if (kind == FILEMAP) {
		if (n > FILE_PAGES)
			n = FILE_PAGES;
		offset = below(FILE_PAGES - n + 1);
		at = mmap(ARENA + start * PAGE, n * PAGE, prot, MAP_PRIVATE | MAP_FIXED, file_fd,
			  offset * PAGE);
	} else {
		at = mmap(ARENA + start * PAGE, n * PAGE, prot,
			  (kind == SHARED ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED |
				  (below(8) ? 0 : MAP_POPULATE),
			  -1, 0);
	}
	if (at != ARENA + start * PAGE) {
		complain("mmap", start, (uint64_t)at, 0);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct page *p = &model[start + i];

		*p = (struct page){.kind = kind, .prot = prot};
		if (kind == SHARED) {
			p->shared = &pool[pool_used++];
			*p->shared = 0;
		} else if (kind == FILEMAP) {
			p->value = file_value(offset + i);
		}
	}
}

static void do_unmap(void)
{
	unsigned start, n;

	choose_range(&start, &n);
	if (munmap(ARENA + start * PAGE, n * PAGE))
		complain("munmap", start, n, 0);
	memset(&model[start], 0, n * sizeof *model);
}

static void do_protect(void)
{
	unsigned start, n, run = 0;
	int prot = random_prot();

	choose_range(&start, &n);
	while (run < n && model[start + run].kind != NONE)
		run++;
	if (!run)
		return;
	if (mprotect(ARENA + start * PAGE, run * PAGE, prot))
		complain("mprotect", start, run, 0);
	for (unsigned i = 0; i < run; i++)
		model[start + i].prot = prot;
}

static void do_discard(void)
{
	unsigned start, n;

	choose_range(&start, &n);
	for (unsigned i = 0; i < n; i++)
		if (model[start + i].kind != PRIVATE) {
			n = i;
			break;
		}
	if (!n)
		return;
	if (madvise(ARENA + start * PAGE, n * PAGE, MADV_DONTNEED))
		complain("madvise", start, n, 0);
	for (unsigned i = 0; i < n; i++)
		model[start + i].value = 0;
}

/* Moves stay inside what one mmap made: a run of private anonymous pages of one protection may
 * still span two areas, which mremap refuses; the model then does not change. */
static void do_move(void)
{
	unsigned from, to, n, run = 0;
	void *at;

	choose_range(&from, &n);
	while (run < n && model[from + run].kind == model[from].kind &&
	       model[from + run].prot == model[from].prot)
		run++;
	if (model[from].kind != PRIVATE || !run || run > PAGES / 2)
		return;
	to = below(PAGES - run + 1);
	if (to < from + run && from < to + run)
		return;
	at = mremap(ARENA + from * PAGE, run * PAGE, run * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    ARENA + to * PAGE);
	if (at == MAP_FAILED) {
		/* As on Linux the destination may be gone or not: make it certain. */
		munmap(ARENA + to * PAGE, run * PAGE);
		memset(&model[to], 0, run * sizeof *model);
		return;
	}
	memcpy(&model[to], &model[from], run * sizeof *model);
	memset(&model[from], 0, run * sizeof *model);
}

static void do_heap(void)
{
	unsigned pages = below(64);

	if (brk(heap_base + pages * PAGE)) {
		complain("brk", pages, 0, 0);
		return;
	}
	for (unsigned i = heap_pages; i < pages; i++)
		heap_value[i] = 0;
	heap_pages = pages;
	for (unsigned i = 0; i < pages; i++) {
		uint64_t *p = (uint64_t *)(heap_base + i * PAGE);

		if (*p != heap_value[i])
			complain("heap", i, *p, heap_value[i]);
		if (below(2))
			*p = heap_value[i] = rnd();
	}
}

static void check_all(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		probe(i, 0);
}

static void run(unsigned steps, unsigned depth);

static void do_fork(unsigned steps, unsigned depth)
{
	unsigned children = 1 + below(3);
	uint64_t seed = rnd();
	int status;

	for (unsigned c = 0; c < children; c++) {
		pid_t pid = fork();

		if (pid < 0) {
			complain("fork", c, 0, 0);
			return;
		}
		if (pid == 0) {
			random_state = seed + c;
			pool_used += c * 4096; /* shared models that only this child uses */
			if (pool_used > POOL)
				pool_used = POOL;
			failures = 0;
			run(steps / 8, depth - 1);
			check_all();
			_exit(failures ? 1 : 0);
		}
		/* One after the other where shared pages are concerned; the parent writes to
		 * private ones meanwhile. */
		for (unsigned i = 0; i < 8; i++) {
			unsigned page = below(PAGES);

			if (model[page].kind != SHARED)
				probe(page, below(2));
		}
		if (waitpid(pid, &status, 0) != pid || status != 0)
			complain("child", c, status, 0);
	}
}

static void run(unsigned steps, unsigned depth)
{
	for (unsigned s = 0; s < steps && failures < 10; s++) {
		unsigned what = below(32);

		if (what < 5)
			do_map();
		else if (what < 7)
			do_unmap();
		else if (what < 11)
			do_protect();
		else if (what < 13)
			do_discard();
		else if (what < 16)
			do_move();
		else if (what < 17)
			do_heap();
		else if (what < 18 && depth > 0)
			do_fork(steps, depth);
		for (unsigned i = 0; i < 12; i++)
			probe(below(PAGES), below(2));
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
	unsigned steps = argc > 2 ? atoi(argv[2]) : 600, depth = argc > 3 ? atoi(argv[3]) : 2;

	random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	pool = mmap(NULL, POOL * sizeof *pool + PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file_fd = memfd_create("mm_model", 0);
	if (file_fd < 0) {
		char name[] = "/tmp/mm_modelXXXXXX";

		file_fd = mkstemp(name);
		unlink(name);
	}
	for (unsigned i = 0; i < FILE_PAGES; i++) {
		uint64_t page[PAGE / 8];

		for (unsigned k = 0; k < PAGE / 8; k++)
			page[k] = file_value(i);
		if (write(file_fd, page, PAGE) != (ssize_t)PAGE)
			return 8;
	}
	heap_base = (char *)(((uint64_t)sbrk(0) + PAGE - 1) & -PAGE);
	run(steps, depth);
	check_all();
	puts(failures ? "mm_model: FAILED" : "mm_model: ok");
	return failures != 0;
}
