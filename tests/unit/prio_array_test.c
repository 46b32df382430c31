/* The priority array against a plain list of (priority, arrival) that is searched from the front.
 */
#include "kernel/lib/bitmap.c"
#include "kernel/sched/prio_array.h"
#include "tests/unit/host.h"

#define NODES 200

struct item {
	struct list_head link;
	int prio;
	bool queued;
};

static struct prio_array array;
static struct item items[NODES];
static struct item *model[NODES]; /* in the order in which they would run */
static int n;

static void model_insert(struct item *it, int at)
{
	memmove(&model[at + 1], &model[at], (n - at) * sizeof(model[0]));
	model[at] = it;
	n++;
}

static int end_of_prio(int prio)
{
	int at = 0;

	while (at < n && model[at]->prio <= prio)
		at++;
	return at;
}

static int position(const struct item *it)
{
	int at = 0;

	while (model[at] != it)
		at++;
	return at;
}

static void check_first(void)
{
	int best = prio_array_best(&array);

	CHECK_EQ(array.nr, n);
	if (n == 0) {
		CHECK_EQ(best, PRIO_LISTS);
		return;
	}
	CHECK_EQ(best, model[0]->prio);
	CHECK(list_first_entry(&array.queue[best], struct item, link) == model[0]);
}

static void add_one(struct item *it)
{
	struct item *other = n ? model[host_random_below(n)] : NULL;

	it->queued = true;
	it->prio = (int)host_random_below(PRIO_LISTS);
	if (!other || (host_random() & 1)) {
		model_insert(it, end_of_prio(it->prio));
		prio_array_add(&array, &it->link, it->prio);
	} else { /* the child ahead of its parent */
		it->prio = other->prio;
		model_insert(it, position(other));
		prio_array_add_before(&array, &it->link, &other->link);
	}
}

static void remove_one(struct item *it)
{
	int at = position(it);

	it->queued = false;
	n--;
	memmove(&model[at], &model[at + 1], (n - at) * sizeof(model[0]));
	prio_array_del(&array, &it->link, it->prio);
}

TEST(random_against_list)
{
	prio_array_init(&array);
	for (int i = 0; i < 100000; i++) {
		struct item *it = &items[host_random_below(NODES)];

		if (it->queued)
			remove_one(it);
		else
			add_one(it);
		check_first();
	}
	while (n > 0) {
		remove_one(model[0]);
		check_first();
	}
}
TEST_MAIN
