/* The timers' pairing heap against a plain array. */
#include "tests/unit/host.h"

#include "kernel/time/heap.c"

#define N 300

static struct timer timers[N];
static bool queued[N];

/* The earliest time of all that are queued, by looking at each. */
static u64 naive_earliest(void)
{
	u64 best = TIME_FOREVER;

	for (int i = 0; i < N; i++)
		if (queued[i] && timers[i].expires < best)
			best = timers[i].expires;
	return best;
}

/* Every node is not earlier than its parent, and prev points back. Returns how many there are. */
static int check_shape(const struct timer *t)
{
	int n = 1;

	for (const struct timer *c = t->child, *left = t; c; left = c, c = c->next) {
		CHECK(c->expires >= t->expires);
		CHECK(c->prev == left);
		n += check_shape(c);
	}
	return n;
}

static int count_queued(void)
{
	int n = 0;

	for (int i = 0; i < N; i++)
		n += queued[i];
	return n;
}

TEST(one_timer)
{
	struct timer t = {.expires = 7}, *root = timer_heap_insert(NULL, &t);

	CHECK(root == &t);
	CHECK(timer_heap_remove(root, &t) == NULL);
	CHECK(!t.child && !t.next && !t.prev);
}

TEST(comes_out_sorted)
{
	struct timer *root = NULL;
	u64 last = 0;

	for (int i = 0; i < N; i++) {
		timers[i] = (struct timer){.expires = host_random_below(1000)};
		root = timer_heap_insert(root, &timers[i]);
	}
	for (int i = 0; i < N; i++) {
		struct timer *t = root;

		CHECK(t != NULL && t->expires >= last);
		last = t->expires;
		root = timer_heap_remove(root, t);
	}
	CHECK(root == NULL);
}

TEST(equal_times_all_come_out)
{
	struct timer *root = NULL;
	int n = 0;

	for (int i = 0; i < N; i++) {
		timers[i] = (struct timer){.expires = 5};
		root = timer_heap_insert(root, &timers[i]);
	}
	for (; root; n++)
		root = timer_heap_remove(root, root);
	CHECK_EQ(n, N);
}

TEST(random_against_array)
{
	struct timer *root = NULL;

	memset(queued, 0, sizeof(queued));
	for (int step = 0; step < 20000; step++) {
		int i = host_random_below(N);

		if (queued[i]) {
			root = timer_heap_remove(root, &timers[i]);
			queued[i] = false;
		} else {
			timers[i].expires = host_random_below(500);
			root = timer_heap_insert(root, &timers[i]);
			queued[i] = true;
		}
		if (!CHECK_EQ(root ? root->expires : TIME_FOREVER, naive_earliest()))
			return;
		if (step % 50 == 0 && root) {
			CHECK(root->prev == NULL && root->next == NULL);
			CHECK_EQ(check_shape(root), count_queued());
		}
	}
}

/* Expiring and starting again, as running timers do. */
TEST(expire_and_restart)
{
	struct timer *root = NULL;
	u64 now = 0;

	memset(queued, 0, sizeof(queued));
	for (int i = 0; i < N; i++) {
		timers[i].expires = host_random_below(1000);
		root = timer_heap_insert(root, &timers[i]);
		queued[i] = true;
	}
	for (int step = 0; step < 10000; step++) {
		struct timer *t = root;

		if (!CHECK_EQ(t->expires, naive_earliest()))
			return;
		CHECK(t->expires >= now);
		now = t->expires;
		root = timer_heap_remove(root, t);
		t->expires = now + host_random_below(1000);
		root = timer_heap_insert(root, t);
	}
	CHECK_EQ(check_shape(root), N);
}

TEST_MAIN
