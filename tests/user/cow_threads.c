/* Threads write to their own pages while another one forks: each child has a snapshot that no later
 * write reaches. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITERS  4
#define PAGES    128
#define WORDS    8  /* of each page that are written, in this order, always to the same value */
#define CHILDREN 15 /* on one CPU each has to wait for the writers' timeslices */
#define PAGE     4096

static char *memory;
static atomic_bool stop;
static atomic_int lost, failed;

static volatile uint64_t *word(int page, int k)
{
	return (volatile uint64_t *)(memory + (size_t)page * PAGE) + k * (PAGE / 8 / WORDS);
}

static void *writer(void *arg)
{
	int first = (int)(long)arg;

	for (uint64_t v = 1; !atomic_load(&stop); v++)
		for (int page = first; page < PAGES; page += WRITERS)
			for (int k = 0; k < WORDS; k++) {
				if (*word(page, k) != v - 1)
					atomic_fetch_add(&lost, 1);
				*word(page, k) = v;
			}
	return NULL;
}

/* What a page can look like while it is written: the first words one ahead of the others. */
static int check_snapshot(void)
{
	static uint64_t seen[PAGES][WORDS];

	for (int page = 0; page < PAGES; page++)
		for (int k = 0; k < WORDS; k++)
			seen[page][k] = *word(page, k);
	for (int page = 0; page < PAGES; page++)
		for (int k = 1; k < WORDS; k++)
			if (seen[page][k] > seen[page][k - 1] || seen[page][0] - seen[page][k] > 1)
				return 1;
	/* And what this process writes is its own. */
	for (int page = 0; page < PAGES; page += 7)
		*word(page, 0) = ~0ul;
	sched_yield();
	for (int page = 0; page < PAGES; page++)
		for (int k = 0; k < WORDS; k++)
			if (*word(page, k) != (page % 7 == 0 && k == 0 ? ~0ul : seen[page][k]))
				return 2;
	return 0;
}

static void fork_children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(check_snapshot());
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			atomic_fetch_add(&failed, 1);
	}
}

/* mprotect() and munmap() while others touch the neighbours. */
static void *mapper(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED)
			continue;
		memset(p, 0x5a, 8 * PAGE);
		mprotect(p + PAGE, 2 * PAGE, PROT_READ);
		for (int i = 0; i < 8; i++)
			if (p[i * PAGE] != 0x5a)
				atomic_fetch_add(&lost, 1);
		munmap(p, 8 * PAGE);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[WRITERS], map;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	for (long i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, writer, (void *)i);
	pthread_create(&map, NULL, mapper, NULL);
	fork_children();
	atomic_store(&stop, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	pthread_join(map, NULL);
	say("%d snapshots, %d of them wrong, %d writes lost", CHILDREN, failed, lost);
	return failed || lost;
}
