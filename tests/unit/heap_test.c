/* The timers' heap against a plain array, and how many nodes its steps change. */
#include "tests/unit/host.h"

#include "kernel/time/heap.c"

#define N 300

static struct heap_node timers[N];
static bool queued[N];

/* Find the earliest queued time by looking at each. */
static u64 naive_earliest(void)
{
	u64 best = ~0UL;

	for (int i = 0; i < N; i++)
		if (queued[i] && timers[i].key < best)
			best = timers[i].key;
	return best;
}

/* Check that no node is earlier than its parent, that `parent` is right, and that the path to the
 * right is the shortest one down. Returns the number of nodes. */
static int check_shape(const struct heap_node *n)
{
	const struct heap_node *child[] = {n->left, n->right};
	u32 ranks[] = {0, 0};
	int count = 1;

	for (int i = 0; i < 2; i++) {
		if (!child[i])
			continue;
		CHECK(child[i]->key >= n->key);
		CHECK(child[i]->parent == n);
		ranks[i] = child[i]->rank;
		count += check_shape(child[i]);
	}
	CHECK(ranks[0] >= ranks[1]);
	CHECK_EQ(n->rank, ranks[1] + 1);
	return count;
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
	struct heap_node t = {.key = 7}, *root = heap_insert(NULL, &t);

	CHECK(root == &t);
	CHECK(heap_remove(root, &t) == NULL);
}

TEST(comes_out_sorted)
{
	struct heap_node *root = NULL;
	u64 last = 0;

	for (int i = 0; i < N; i++) {
		timers[i] = (struct heap_node){.key = host_random_below(1000)};
		root = heap_insert(root, &timers[i]);
	}
	for (int i = 0; i < N; i++) {
		struct heap_node *t = root;

		CHECK(t != NULL && t->key >= last);
		last = t->key;
		root = heap_remove(root, t);
	}
	CHECK(root == NULL);
}

TEST(equal_times_all_come_out)
{
	struct heap_node *root = NULL;
	int n = 0;

	for (int i = 0; i < N; i++) {
		timers[i] = (struct heap_node){.key = 5};
		root = heap_insert(root, &timers[i]);
	}
	for (; root; n++)
		root = heap_remove(root, root);
	CHECK_EQ(n, N);
}

TEST(random_against_array)
{
	struct heap_node *root = NULL;

	memset(queued, 0, sizeof(queued));
	for (int step = 0; step < 20000; step++) {
		int i = host_random_below(N);

		if (queued[i]) {
			root = heap_remove(root, &timers[i]);
			queued[i] = false;
		} else {
			timers[i].key = host_random_below(500);
			root = heap_insert(root, &timers[i]);
			queued[i] = true;
		}
		if (!CHECK_EQ(root ? root->key : ~0UL, naive_earliest()))
			return;
		if (step % 50 == 0 && root) {
			CHECK(root->parent == NULL);
			CHECK_EQ(check_shape(root), count_queued());
		}
	}
}

/* Expiring and starting again, as running timers do. */
TEST(expire_and_restart)
{
	struct heap_node *root = NULL;
	u64 now = 0;

	memset(queued, 0, sizeof(queued));
	for (int i = 0; i < N; i++) {
		timers[i].key = host_random_below(1000);
		root = heap_insert(root, &timers[i]);
		queued[i] = true;
	}
	for (int step = 0; step < 10000; step++) {
		struct heap_node *t = root;

		if (!CHECK_EQ(t->key, naive_earliest()))
			return;
		CHECK(t->key >= now);
		now = t->key;
		root = heap_remove(root, t);
		t->key = now + host_random_below(1000);
		root = heap_insert(root, t);
	}
	CHECK_EQ(check_shape(root), N);
}

/* ---- the cost of a step ---- */

#define MANY 4096 /* the path to the right has at most 12 nodes */

static struct heap_node many[MANY], before[MANY];

/* The number of nodes, except `n`, that the last step has written to. */
static int written(const struct heap_node *n)
{
	int count = 0;

	for (int i = 0; i < MANY; i++)
		count += &many[i] != n && memcmp(&many[i], &before[i], sizeof(before[i])) != 0;
	return count;
}

static struct heap_node *insert_many(u64 (*key)(int))
{
	struct heap_node *root = NULL;

	memset(many, 0, sizeof(many));
	for (int i = 0; i < MANY; i++) {
		memcpy(before, many, sizeof(many));
		many[i].key = key(i);
		root = heap_insert(root, &many[i]);
		if (!CHECK(written(&many[i]) <= 2 * 12))
			break;
	}
	return root;
}

static struct heap_node *remove_counted(struct heap_node *root, struct heap_node *n)
{
	memcpy(before, many, sizeof(many));
	root = heap_remove(root, n);
	CHECK(written(n) <= 3 * 12);
	return root;
}

static u64 rising(int i)
{
	return i;
}

static u64 falling(int i)
{
	return MANY - i;
}

static u64 at_random(int i)
{
	(void)i;
	return host_random_below(1000);
}

static u64 all_equal(int i)
{
	(void)i;
	return 5;
}

static u64 from_both_ends(int i)
{
	return i % 2 ? 2 * MANY - i : i;
}

static u64 (*const keys[])(int) = {rising, falling, at_random, all_equal, from_both_ends};

/* Even the first removal after many insertions is cheap. */
TEST(first_ones_come_off_in_few_steps)
{
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		struct heap_node *root = insert_many(keys[k]);

		while (root)
			root = remove_counted(root, root);
	}
}

TEST(any_comes_off_in_few_steps)
{
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		struct heap_node *root = insert_many(keys[k]);

		for (int i = 0; i < MANY; i++) /* 1365 and 4096 have no common factor */
			root = remove_counted(root, &many[i * 1365 % MANY]);
		CHECK(root == NULL);
	}
}

TEST_MAIN
