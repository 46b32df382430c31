/* The pidmap against a naive set: an array of bool, in which a walk finds the next free number
 * behind the last. */
#include "kernel/lib/bitmap.c"
#include "kernel/pidmap.c"
#include "tests/unit/host.h"

#define MODEL_MAX 70000 /* more than two pages of the bitmap */

static struct pidmap map;
static bool used[MODEL_MAX];
static int last;
static bool no_memory;

void *kzalloc(size_t n)
{
	return no_memory ? NULL : calloc(1, n);
}

void kfree(void *p)
{
	free(p);
}

static void reset(int pid_max)
{
	for (int i = 0; i < PIDMAP_PAGES; i++)
		free(map.page[i]);
	map = (struct pidmap){.pid_max = pid_max};
	memset(used, 0, sizeof(used));
	last = 0;
	no_memory = false;
}

/* Count on from the last number; after the end go on at 300. The first lap begins at 1. */
static int model_alloc(int pid_max)
{
	int low = pid_max > RESERVED_PIDS ? RESERVED_PIDS : pid_max - 1;
	int nr = last;

	for (int tries = 0; tries < 2 * pid_max; tries++) {
		nr++;
		if (nr >= pid_max)
			nr = low;
		if (!used[nr]) {
			used[nr] = true;
			last = nr;
			return nr;
		}
	}
	return -EAGAIN;
}

static void release(int nr)
{
	pidmap_free(&map, nr);
	used[nr] = false;
}

TEST(first_lap_counts_up)
{
	reset(PID_MAX_DEFAULT);
	for (int want = 1; want < PID_MAX_DEFAULT; want++)
		if (!CHECK_EQ(pidmap_alloc(&map), want))
			return;
	CHECK_EQ(pidmap_alloc(&map), -EAGAIN);
	CHECK_EQ(pidmap_used(&map), PID_MAX_DEFAULT - 1);
}

TEST(roll_over_spares_the_low_numbers)
{
	reset(1000);
	for (int i = 1; i < 1000; i++)
		pidmap_alloc(&map);
	pidmap_free(&map, 5); /* free, but below 300 */
	CHECK_EQ(pidmap_alloc(&map), -EAGAIN);
	pidmap_free(&map, 700);
	pidmap_free(&map, 301);
	CHECK_EQ(pidmap_alloc(&map), 301);
	CHECK_EQ(pidmap_alloc(&map), 700);
	CHECK_EQ(pidmap_alloc(&map), -EAGAIN);
}

TEST(a_number_is_not_reused_at_once)
{
	reset(PID_MAX_DEFAULT);
	int a = pidmap_alloc(&map);

	pidmap_free(&map, a);
	CHECK_EQ(pidmap_alloc(&map), a + 1);
}

TEST(failure_changes_nothing)
{
	reset(PID_MAX_DEFAULT);
	no_memory = true;
	CHECK_EQ(pidmap_alloc(&map), -ENOMEM);
	CHECK_EQ(map.last_pid, 0);
	CHECK_EQ(pidmap_used(&map), 0);
	no_memory = false;
	CHECK_EQ(pidmap_alloc(&map), 1);
}

TEST(tiny_pid_max)
{
	reset(2);
	CHECK_EQ(pidmap_alloc(&map), 1);
	CHECK_EQ(pidmap_alloc(&map), -EAGAIN);
}

static void random_walk(int pid_max, int steps)
{
	static int live[MODEL_MAX];
	int n = 0;

	reset(pid_max);
	for (int i = 0; i < steps; i++) {
		/* Waves: fill up, drain, fill up again. */
		bool grow = host_random_below(100) < (i / (pid_max + 1) % 2 ? 30u : 70u);

		if (grow || n == 0) {
			int want = model_alloc(pid_max), got = pidmap_alloc(&map);

			if (!CHECK_EQ(got, want))
				return;
			if (got > 0)
				live[n++] = got;
		} else {
			int k = (int)host_random_below(n);

			release(live[k]);
			CHECK(!pidmap_test(&map, live[k]));
			live[k] = live[--n];
		}
		CHECK_EQ(pidmap_used(&map), n);
		CHECK_EQ(map.last_pid, last);
	}
}

TEST(random_against_naive_set)
{
	random_walk(400, 20000);
	random_walk(5, 2000);
	random_walk(301, 5000);
	random_walk(69000, 250000);
	reset(1);
}
TEST_MAIN
