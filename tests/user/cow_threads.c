/*
 * cow_threads [MIB CHILDREN]: four threads write to their own pages of one area while a fifth
 * forks. Each child has a snapshot of all of it that no later write reaches.
 *
 * A writer goes through its words always in the same order and sets each to the number of the
 * round, so at any one moment its words say: this round up to here, the round before from here on.
 * A child checks that of the whole area, twice, with writes of its own in between: a page or a
 * table that was copied in part, that came from another moment, or that somebody else can still
 * write to shows.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITERS 4
#define WORDS   8 /* of each page that are written */
#define PAGE    4096
#define STRIDE  61 /* of the pages that a child writes to */
#define MARK    (~0ul)

static char *memory;
static int pages = 128, slices = 1;
static int children = 15; /* on one CPU each has to wait for the writers' timeslices */
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
		for (int page = first; page < pages; page += WRITERS)
			for (int k = 0; k < WORDS; k++) {
				if (*word(page, k) != v - 1)
					atomic_fetch_add(&lost, 1);
				*word(page, k) = v;
			}
	return NULL;
}

/* The pages that a child checks, and of those the ones it writes to. */
struct view {
	int begin, end, mine;
};

/* The words of one writer, in the order in which they are written. Their sum goes into `sum`; pages
 * that this process wrote to, if it did already, must have its mark. */
static bool check_share(const struct view *v, int writer, bool marks, uint64_t *sum)
{
	uint64_t ahead = 0, now = 0;
	bool any = false;

	for (int page = v->begin + writer; page < v->end; page += WRITERS) {
		bool marked = marks && page % STRIDE == v->mine;

		if (marked && *word(page, 0) != MARK)
			return false;
		for (int k = marked; k < WORDS; k++) {
			uint64_t seen = *word(page, k);

			if (!any)
				ahead = now = seen;
			any = true;
			if (seen > now || ahead - seen > 1)
				return false;
			now = seen;
			*sum += seen;
		}
	}
	return true;
}

static bool check_shares(const struct view *v, bool marks, uint64_t *sum)
{
	for (int i = 0; i < WRITERS; i++)
		if (!check_share(v, i, marks, sum))
			return false;
	return true;
}

static int check_snapshot(const struct view *v)
{
	uint64_t before = 0, after = 0;

	if (!check_shares(v, false, &before))
		return 1;
	for (int page = v->begin; page < v->end; page++)
		if (page % STRIDE == v->mine) {
			before -= *word(page, 0);
			*word(page, 0) = MARK;
		}
	if (v->end - v->begin == pages)
		sched_yield(); /* to whoever writes on this CPU, and may keep it for long */
	if (!check_shares(v, true, &after))
		return 2;
	return before == after ? 0 : 3;
}

static struct view view_of(int child)
{
	int size = child % 16 == 15 ? pages : pages / slices;
	int begin = child % (pages / size) * size;

	return (struct view){begin, begin + size, child % STRIDE};
}

static void fork_children(void)
{
	for (int i = 0; i < children; i++) {
		struct view view = view_of(i);
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(check_snapshot(&view));
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

int main(int argc, char **argv)
{
	pthread_t thread[WRITERS], map;
	uint64_t sum = 0;

	if (argc == 4) {
		pages = atoi(argv[1]) * (1024 * 1024 / PAGE);
		children = atoi(argv[2]);
		slices = atoi(argv[3]); /* at least a few pages each */
	}
	memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, writer, (void *)i);
	pthread_create(&map, NULL, mapper, NULL);
	fork_children();
	atomic_store(&stop, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	pthread_join(map, NULL);
	if (!check_shares(&(struct view){0, pages, 0}, false, &sum))
		lost++;
	say("%d snapshots, %d of them wrong, %d writes lost", children, failed, lost);
	return failed || lost;
}
