/* The set of areas against a model with one entry for each page. */
#include "tests/unit/mm_host.h"

#include "mm/area.c"

/* ---- objects here are only counted ---- */
static struct vm_object objects[3];
void object_put(struct vm_object *o)
{
	if (o && refcount_dec_and_test(&o->count))
		CHECK(!"the test holds a reference of its own");
}

#define PAGES   96
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

static bool reserve(int n, u32 extra)
{
	failed = false;
	fail_countdown = host_random_below(6) == 0;
	if (areas_reserve(&sets[n], extra)) {
		CHECK(failed);
		fail_countdown = 0;
		return false;
	}
	fail_countdown = 0;
	CHECK_EQ(refcount_read(&sets[n]->count), 1);
	return true;
}

static void do_remove(int n, u32 from, u32 to)
{
	if (!reserve(n, areas_hole(sets[n], at(from), at(to))))
		return;
	areas_remove(sets[n], at(from), at(to));
	for (u32 i = from; i < to; i++)
		models[n].page[i].mapped = false;
}

static void do_insert(int n, u32 from, u32 to)
{
	int obj = (int)host_random_below(4) - 1;
	struct area a;

	/* Often a hole is filled exactly, so that both neighbours may become one with it. */
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

	if (!areas_free(sets[n], a.start, a.end) || !reserve(n, 1))
		return;
	if (obj >= 0)
		object_get(a.obj);
	areas_insert(sets[n], &a, area_index(sets[n], a.start));
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
	    !reserve(n, areas_cuts(sets[n], at(from), at(to))))
		return;
	areas_change(sets[n], at(from), at(to), AREA_PROT, prot);
	for (u32 i = from; i < to; i++)
		models[n].page[i].flags = (models[n].page[i].flags & ~AREA_PROT) | prot;
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
	for (u32 i = 1; i < area_count(s); i++) {
		const struct area *a = &s->areas[i];

		CHECK(a[-1].start < a[-1].end && a[-1].end <= a->start && a->start < a->end);
		CHECK(!alike(&a[-1], a)); /* or they would be one */
	}
}

/* Each distinct set refers once to each object of each area. */
static void check_counts(void)
{
	u32 want[3] = {1, 1, 1};

	for (int n = 0; n < NR_SETS; n++) {
		bool first = true;
		u32 users = 0;

		for (int m = 0; m < NR_SETS; m++) {
			users += sets[m] == sets[n];
			first = first && !(m < n && sets[m] == sets[n]);
		}
		if (!sets[n])
			continue;
		CHECK_EQ(refcount_read(&sets[n]->count), users);
		for (u32 i = 0; first && i < sets[n]->nr; i++)
			if (sets[n]->areas[i].obj)
				want[sets[n]->areas[i].obj - objects]++;
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(refcount_read(&objects[i].count), want[i]);
}

static void random_step(void)
{
	int n = host_random_below(NR_SETS), other = host_random_below(NR_SETS);
	u32 from = host_random_below(PAGES), to = from + 1 + host_random_below(PAGES - from);

	u32 len = 1 + host_random_below(4);

	if (host_random_below(2)) /* a short one */
		to = MIN(to, from + len);
	switch (host_random_below(16)) {
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
	for (int i = 0; i < 3; i++)
		refcount_set(&objects[i].count, 1);
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

/* Each area holds its file once, however it was cut, copied and merged. */
TEST(files_are_held)
{
	struct file f = {}, other = {};
	struct area a = {.start = at(0), .end = at(10), .flags = 1, .obj = &objects[0], .file = &f};
	struct area_set *s = NULL, *copy;

	refcount_set(&objects[0].count, 1);
	CHECK_EQ(areas_reserve(&s, 4), 0);
	area_get_source(&a);
	areas_insert(s, &a, area_index(s, a.start));
	a = (struct area){at(10), at(12), 1, 0, &objects[0], 10, &f};
	area_get_source(&a);
	areas_insert(
		s, &a,
		area_index(s, a.start)); /* goes on where the first one ends: becomes part of it */
	CHECK_EQ(f.count, 1);
	a = (struct area){at(12), at(13), 1, 0, &objects[0], 12, &other};
	area_get_source(&a);
	areas_insert(s, &a, area_index(s, a.start)); /* another opening of the same file does not */
	CHECK_EQ(area_count(s), 2);
	areas_remove(s, at(4), at(5));
	CHECK_EQ(f.count, 2);
	copy = s;
	area_set_get(copy);
	CHECK_EQ(areas_reserve(&copy, 0), 0);
	CHECK_EQ(f.count, 4);
	CHECK_EQ(other.count, 2);
	area_set_put(copy);
	areas_remove(s, at(0), at(20));
	CHECK_EQ(f.count, 0);
	CHECK_EQ(other.count, 0);
	CHECK_EQ(refcount_read(&objects[0].count), 1);
	area_set_put(s);
}

/* Ten thousand areas that cannot be merged, put in at the lower end as mmap() does: it must not
 * take long. */
TEST(many_areas)
{
	struct area_set *s = NULL;

	for (u32 i = 10000; i > 0; i--) {
		struct area a = {.start = at(2 * i), .end = at(2 * i + 1), .flags = AREA_READ};

		CHECK_EQ(areas_reserve(&s, 1), 0);
		areas_insert(s, &a, area_index(s, a.start));
	}
	CHECK_EQ(area_count(s), 10000);
	for (u32 i = 1; i <= 10000; i++)
		CHECK_EQ(area_find(s, at(2 * i))->start, at(2 * i));
	CHECK(areas_cover_end(s, at(2), at(5)) != at(5));
	CHECK(areas_free(s, at(3), at(4)));
	areas_remove(s, 0, ~0UL);
	CHECK_EQ(area_count(s), 0);
	area_set_put(s);
	CHECK_EQ(objects_out, 0);
}

TEST_MAIN
