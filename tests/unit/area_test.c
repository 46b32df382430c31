/* The set of areas against a model with one entry for each page. The nodes of its tree are small,
 * so that it is deep. */
#include "tests/unit/mm_host.h"

#define AREA_LEAF_MAX 4
#define AREA_NODE_MAX 4
#include "mm/area.c"
#include "mm/area_find.c"
#include "mm/area_tree.c"

/* ---- the objects of this test are only counted ---- */
static struct vm_object objects[3];
void object_put(struct vm_object *o)
{
	if (o && refcount_dec_and_test(&o->count))
		CHECK(!"the test holds a reference of its own");
}

#define PAGES   192
#define NR_SETS 4

struct model {
	struct {
		bool mapped;
		u32 flags;
		int obj;
		u64 pgoff;
	} page[PAGES];
};
static struct area_set *sets[NR_SETS];
static struct model models[NR_SETS];

static u64 at(u32 page)
{
	return (page + 16UL) << PAGE_SHIFT;
}

/* A change of one set must not show in the others. */
static void check_own(int n)
{
	CHECK_EQ(refcount_read(&sets[n]->count), 1);
}

/* Prepare a change; at random, an allocation fails. False: it did. */
static bool prepare(int n, u32 from, u32 to, u32 extra, bool all)
{
	int err;

	failed = false;
	fail_countdown = host_random_below(6) == 0 ? 1 + host_random_below(6) : 0;
	err = all ? areas_prepare_all(&sets[n], at(from), at(to), extra)
		  : areas_prepare(&sets[n], at(from), at(to), extra);
	fail_countdown = 0;
	CHECK(!err || failed);
	if (!err)
		check_own(n);
	return !err;
}

static void do_remove(int n, u32 from, u32 to)
{
	if (!prepare(n, from, to, areas_hole(sets[n], at(from), at(to)), false))
		return;
	areas_remove(&sets[n], at(from), at(to));
	check_own(n);
	for (u32 i = from; i < to; i++)
		models[n].page[i].mapped = false;
}

static void do_insert(int n, u32 from, u32 to)
{
	int obj = (int)host_random_below(4) - 1;
	struct area a;

	/* Often fill a hole exactly, so that the new area may be merged with both neighbours. */
	if (!models[n].page[from].mapped && host_random_below(2)) {
		while (from > 0 && !models[n].page[from - 1].mapped)
			from--;
		for (to = from; to < PAGES && !models[n].page[to].mapped;)
			to++;
	}
	a = (struct area){.start = at(from),
			  .end = at(to),
			  .flags = 1 + host_random_below(2),
			  .obj = obj < 0 ? NULL : &objects[obj],
			  .pgoff = obj < 0 ? 0
					   : (host_random_below(4) ? from : host_random_below(9))};

	/* Sometimes replace existing areas, prepared as one change. */
	if (!areas_free(sets[n], a.start, a.end) && host_random_below(2))
		return;
	if (!prepare(n, from, to, 1 + areas_hole(sets[n], a.start, a.end), false))
		return;
	areas_remove(&sets[n], a.start, a.end);
	area_get_source(&a);
	areas_insert(&sets[n], &a);
	check_own(n);
	for (u32 i = from; i < to; i++) {
		models[n].page[i].mapped = true;
		models[n].page[i].flags = a.flags;
		models[n].page[i].obj = obj;
		models[n].page[i].pgoff = a.pgoff + (i - from);
	}
}

static void do_protect(int n, u32 from, u32 to)
{
	u32 prot = host_random_below(3);

	if (areas_cover_end(sets[n], at(from), at(to)) != at(to) ||
	    !prepare(n, from, to, areas_cuts(sets[n], at(from), at(to)), true))
		return;
	areas_change(&sets[n], at(from), at(to), AREA_PROT, prot);
	check_own(n);
	for (u32 i = from; i < to; i++)
		models[n].page[i].flags = (models[n].page[i].flags & ~AREA_PROT) | prot;
}

/* Move only the bounds of an area, as stack growth and mremap() do. */
static void do_resize(int n, u32 page)
{
	const struct area *a = area_find(sets[n], at(page)), *below;
	u32 first;
	u64 low;

	if (!models[n].page[page].mapped || !prepare(n, page, page, 0, false))
		return;
	a = area_find(sets[n], at(page));
	below = area_below(sets[n], a->start);
	low = below ? below->end : at(0);
	if (low >= a->start || (a->obj && a->pgoff < PAGES))
		return;
	first = (low >> PAGE_SHIFT) - 16;
	for (u32 i = first; at(i) < a->start; i++) {
		models[n].page[i] = models[n].page[(a->start >> PAGE_SHIFT) - 16];
		models[n].page[i].pgoff -= (a->start - at(i)) >> PAGE_SHIFT;
	}
	area_resize(sets[n], at(page), low, a->end);
}

/* Check what each node records of the nodes below it. */
static void check_node(const struct area_set *s, bool root)
{
	struct area_set copy;

	CHECK(s->nr <= (s->level ? AREA_NODE_MAX : AREA_LEAF_MAX));
	CHECK(root || s->nr > 0);
	for (u32 i = 0; s->level && i < s->nr; i++) {
		CHECK_EQ(s->child[i]->level, s->level - 1);
		check_node(s->child[i], false);
	}
	if (root && !s->level)
		return;
	CHECK(!root || s->nr > 1);
	memcpy(&copy, s, s->level ? node_cache->size : sizeof(copy));
	refresh(&copy);
	CHECK_EQ(copy.total, s->total);
	CHECK_EQ(copy.start, s->start);
	CHECK_EQ(copy.end, s->end);
	CHECK_EQ(copy.low, s->low);
	CHECK(copy.gap <= s->gap);
	CHECK(s->watched || !copy.watched);
}

/* The highest gap of n pages in [low, high), by looking at each page. */
static u64 naive_gap(int n, u32 len, u32 low, u32 high)
{
	u32 free = 0;

	for (u32 i = high; i-- > low;) {
		free = models[n].page[i].mapped ? 0 : free + 1;
		if (free == len)
			return at(i);
	}
	return 0;
}

static void check_gaps(int n)
{
	u32 low = host_random_below(PAGES), high = low + host_random_below(PAGES - low + 1);
	u32 len = 1 + host_random_below(host_random_below(4) ? 4 : 40);
	u64 hole = 0;

	CHECK_EQ(areas_gap(sets[n], (u64)len << PAGE_SHIFT, at(low), at(high), &hole),
		 naive_gap(n, len, low, high));
	CHECK(hole < (u64)len << PAGE_SHIFT);
}

static void check_promises(const struct area_set *s, u64 len)
{
	for (u32 i = 0; s->level && i < s->nr; i++) {
		CHECK(s->child[i]->gap < len);
		check_promises(s->child[i], len);
	}
}

/* A change may leave a node's recorded gap too long. A search that finds nothing must correct it,
 * so that the next search does not go there. */
static void check_vain_search(int n)
{
	u64 len = (1UL + host_random_below(40)) << PAGE_SHIFT, hole = 0;

	if (sets[n] && !areas_gap(sets[n], len, at(0), at(PAGES), &hole))
		check_promises(sets[n], len);
}

static void check_below(int n)
{
	u32 page = host_random_below(PAGES), i = page;
	const struct area *a = area_below(sets[n], at(page)),
			  *inside = area_find(sets[n], at(page));

	if (inside && inside->start < at(page))
		i = (inside->start >> PAGE_SHIFT) - 16;
	while (i > 0 && !models[n].page[i - 1].mapped)
		i--;
	CHECK_EQ(a != NULL, i > 0);
	if (a)
		CHECK_EQ(a->end, at(i));
}

static void check_set(int n)
{
	const struct area_set *s = sets[n];
	u64 mapped = 0, pages, data;

	for (u32 i = 0; i < PAGES; i++) {
		const struct area *a = area_find(s, at(i) + host_random_below(PAGE_SIZE));
		bool inside = a && a->start <= at(i);

		CHECK_EQ(inside, models[n].page[i].mapped);
		CHECK_EQ(areas_free(s, at(i), at(i + 1)), !models[n].page[i].mapped);
		mapped += models[n].page[i].mapped;
		if (!inside || !models[n].page[i].mapped)
			continue;
		CHECK_EQ(a->flags, models[n].page[i].flags);
		CHECK(a->obj ==
		      (models[n].page[i].obj < 0 ? NULL : &objects[models[n].page[i].obj]));
		if (a->obj)
			CHECK_EQ(a->pgoff + ((at(i) - a->start) >> PAGE_SHIFT),
				 models[n].page[i].pgoff);
	}
	areas_pages(s, 0, at(PAGES), &pages, &data);
	CHECK_EQ(pages, mapped);
	u32 count = 0;
	struct area last = {};

	for_each_area(a, s, 0, ~0UL)
	{
		CHECK(last.end <= a->start && a->start < a->end);
		count++;
		last = *a;
	}
	CHECK_EQ(area_count(s), count);
	if (s)
		check_node(s, true);
	check_gaps(n);
	check_vain_search(n);
	check_below(n);
}

/* Each reachable node, and the number of references to it. */
static struct {
	const struct area_set *node;
	u32 refs;
} nodes[4 * PAGES * NR_SETS];
static u32 nr_nodes;

static void count_node(const struct area_set *s, u32 *objects_seen)
{
	for (u32 i = 0; i < nr_nodes; i++)
		if (nodes[i].node == s) {
			nodes[i].refs++;
			return;
		}
	nodes[nr_nodes].node = s;
	nodes[nr_nodes++].refs = 1;
	for (u32 i = 0; i < s->nr; i++)
		if (s->level)
			count_node(s->child[i], objects_seen);
		else if (s->areas[i].obj)
			objects_seen[s->areas[i].obj - objects]++;
}

/* Compare the counts of all nodes and objects with the references. `shown` counts the areas that
 * map the watched object. */
static long shown;
static void check_counts(void)
{
	u32 want[3] = {1, 1, 1};
	long seen = 0;

	nr_nodes = 0;
	for (int n = 0; n < NR_SETS; n++) {
		if (sets[n])
			count_node(sets[n], want);
		for_each_area(a, sets[n], 0, ~0UL) seen += a->obj == &objects[2];
	}
	for (u32 i = 0; i < nr_nodes; i++)
		CHECK_EQ(refcount_read(&nodes[i].node->count), nodes[i].refs);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(refcount_read(&objects[i].count), want[i]);
	CHECK_EQ(shown, seen);
}

static void on_change(struct object_watch *w, bool more)
{
	(void)w;
	shown += more ? 1 : -1;
}
static struct object_watch watch = {on_change};

static void random_step(void)
{
	int n = host_random_below(NR_SETS), other = host_random_below(NR_SETS);
	u32 from = host_random_below(PAGES), to = from + 1 + host_random_below(PAGES - from);

	u32 len = 1 + host_random_below(4);

	if (host_random_below(2)) /* a short one */
		to = MIN(to, from + len);
	switch (host_random_below(18)) {
	case 16:
	case 17:
		do_resize(n, from);
		break;
	case 0: /* fork */
		if (n == other)
			break;
		area_set_put(sets[other]);
		area_set_get(sets[n]);
		sets[other] = sets[n];
		models[other] = models[n];
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		do_remove(n, from, to);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		do_protect(n, from, to);
		break;
	default:
		do_insert(n, from, to);
	}
}

TEST(random_changes)
{
	area_tree_init();
	for (int i = 0; i < 3; i++)
		refcount_set(&objects[i].count, 1);
	objects[2].watch = &watch;
	for (int step = 0; step < 20000 && !host_failures; step++) {
		random_step();
		for (int n = 0; n < NR_SETS; n++)
			check_set(n);
		check_counts();
	}
	for (int n = 0; n < NR_SETS; n++) {
		area_set_put(sets[n]);
		sets[n] = NULL;
	}
	check_counts();
	CHECK_EQ(objects_out, 0);
}

/* Each area holds one reference to its file, even after cuts, copies and merges. */
TEST(files_are_held)
{
	struct file f = {}, other = {};
	struct area a = {.start = at(0), .end = at(10), .flags = 1, .obj = &objects[0], .file = &f};
	struct area_set *s = NULL, *copy;

	area_tree_init();
	refcount_set(&objects[0].count, 1);
	CHECK_EQ(areas_prepare(&s, at(0), at(20), 3), 0);
	area_get_source(&a);
	areas_insert(&s, &a);
	a = (struct area){at(10), at(12), 1, 0, &objects[0], 10, &f};
	area_get_source(&a);
	areas_insert(&s, &a); /* continues the first one: merged with it */
	CHECK_EQ(f.count, 1);
	a = (struct area){at(12), at(13), 1, 0, &objects[0], 12, &other};
	area_get_source(&a);
	areas_insert(&s, &a); /* another opening of the file: not merged */
	CHECK_EQ(area_count(s), 2);
	areas_remove(&s, at(4), at(5));
	CHECK_EQ(f.count, 2);
	copy = s;
	area_set_get(copy);
	CHECK_EQ(areas_prepare(&copy, at(0), at(1), 0), 0);
	CHECK_EQ(f.count, 4);
	CHECK_EQ(other.count, 2);
	area_set_put(copy);
	areas_remove(&s, at(0), at(20));
	CHECK_EQ(f.count, 0);
	CHECK_EQ(other.count, 0);
	CHECK_EQ(refcount_read(&objects[0].count), 1);
	area_set_put(s);
}

static void insert_one(struct area_set **s, u32 page)
{
	struct area a = {.start = at(page), .end = at(page + 1), .flags = AREA_READ};

	CHECK_EQ(areas_prepare(s, a.start, a.end, 1), 0);
	areas_insert(s, &a);
}

static void remove_range(struct area_set **s, u32 from, u32 to)
{
	CHECK_EQ(areas_prepare(s, at(from), at(to), 1), 0);
	areas_remove(s, at(from), at(to));
}

static u32 count_nodes(const struct area_set *s)
{
	u32 n = 1;

	for (u32 i = 0; s->level && i < s->nr; i++)
		n += count_nodes(s->child[i]);
	return n;
}

/* Insert 100,000 areas that cannot be merged, each below the last, as mmap() does, and remove most.
 * This must be fast, and must not leave a tree of nearly empty nodes. */
TEST(many_areas)
{
	struct area_set *s = NULL, *copy;
	u32 n = 100000;

	area_tree_init();
	for (u32 i = n; i > 0; i--)
		insert_one(&s, 2 * i);
	CHECK_EQ(area_count(s), n);
	for (u32 i = 1; i <= n; i++)
		CHECK_EQ(area_find(s, at(2 * i))->start, at(2 * i));
	CHECK(areas_cover_end(s, at(2), at(5)) != at(5));
	CHECK(areas_free(s, at(3), at(4)));
	copy = s;
	area_set_get(copy);
	for (u32 i = 1; i <= n; i++) /* 99 of 100 */
		if (i % 100)
			remove_range(&s, 2 * i, 2 * i + 1);
	CHECK_EQ(area_count(s), n / 100);
	CHECK(count_nodes(s) < n / 100 * 2);
	CHECK_EQ(area_count(copy), n);
	remove_range(&copy, 0, n); /* half of its areas; most of its nodes are not shared */
	CHECK_EQ(area_count(copy), n / 2 + 1);
	area_set_put(copy);
	remove_range(&s, 0, 3 * n);
	CHECK_EQ(area_count(s), 0);
	insert_one(&s, 7);
	CHECK_EQ(area_count(s), 1);
	area_set_put(s);
	CHECK_EQ(objects_out, 0);
}

TEST_MAIN
