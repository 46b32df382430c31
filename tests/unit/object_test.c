/* Memory objects: the radix tree of pages against a plain table, sizes, and failing allocations.
 */
#include "tests/unit/mm_host.h"

#include "mm/object.c"

#define NR 40
static u64 index_of[NR]; /* page numbers from 0 to the last that a file can have */
static u64 value[NR];    /* what was written; 0: nothing */

static void set_up(void)
{
	static bool done;

	fail_countdown = 0;
	if (!done)
		object_init();
	done = true;
	memset(value, 0, sizeof(value));
	for (u32 i = 0; i < NR; i++)
		index_of[i] = i < 10 ? i : host_random() >> (13 + host_random_below(50));
	index_of[10] = 63;
	index_of[11] = 64;
	index_of[12] = 4095;
	index_of[13] = 4096;
	index_of[14] = (1UL << 51) - 1;
	for (u32 i = 0; i < NR; i++)
		for (u32 j = 0; j < i; j++)
			if (index_of[i] == index_of[j])
				index_of[i]++, j = -1;
}

static u64 *word(struct page *p)
{
	return page_to_virt(p);
}

/* The model: pages past the size do not exist; the others read as what was written, or 0. */
static void check_page(struct vm_object *o, u32 i)
{
	struct page *p = (struct page *)8; /* must be overwritten */
	int ret = object_get_page(o, index_of[i], false, &p);
	bool exists = index_of[i] < DIV_ROUND_UP(o->size, PAGE_SIZE);

	CHECK_EQ(ret, exists ? 0 : -EFBIG);
	if (value[i] && exists)
		CHECK(p != NULL);
	if (!p)
		return;
	CHECK(exists);
	CHECK_EQ(*word(p), value[i]);
	CHECK((p->flags & PG_CACHE) && p->owner == o && p->index == index_of[i]);
	CHECK_EQ(refcount_read(&p->count), 2);
	put_page(p);
}

static void write_page(struct vm_object *o, u32 i)
{
	struct page *p = NULL;
	int ret;

	failed = false;
	fail_countdown = host_random_below(6);
	ret = object_get_page(o, index_of[i], true, &p);
	fail_countdown = 0;
	if (ret == -ENOMEM && failed)
		return;
	if (index_of[i] >= DIV_ROUND_UP(o->size, PAGE_SIZE)) {
		CHECK_EQ(ret, -EFBIG);
		return;
	}
	if (!CHECK_EQ(ret, 0))
		return;
	CHECK_EQ(*word(p), value[i]);
	*word(p) = value[i] = host_random() | 1;
	put_page(p);
}

static void resize(struct vm_object *o)
{
	u64 size =
		host_random_below(2) ? 1UL << 62 : (host_random() >> (2 + host_random_below(50)));

	object_resize(o, size);
	CHECK_EQ(o->size, size);
	for (u32 i = 0; i < NR; i++) /* only the first word of a page is looked at */
		if (index_of[i] >= DIV_ROUND_UP(size, PAGE_SIZE))
			value[i] = 0;
}

TEST(random_pages)
{
	u32 before = pages_out;

	for (int round = 0; round < 50; round++) {
		struct vm_object *o;

		set_up();
		o = object_create("a name that is far too long to be kept", 1UL << 62);
		CHECK_EQ(strlen(o->name), sizeof(o->name) - 1);
		for (int step = 0; step < 300 && !host_failures; step++) {
			if (host_random_below(20) == 0)
				resize(o);
			else
				write_page(o, host_random_below(NR));
			for (u32 i = 0; i < NR; i++)
				check_page(o, i);
			CHECK_EQ(o->nr_pages, pages_out - before);
		}
		object_put(o);
		CHECK_EQ(pages_out, before);
		CHECK_EQ(objects_out, 0);
	}
}

/* Shrinking zeroes the rest of the last page, so growing again shows zeroes. */
TEST(tail_of_the_last_page)
{
	struct vm_object *o;
	struct page *p;

	set_up();
	o = object_create("tail", 3 * PAGE_SIZE);
	CHECK_EQ(object_get_page(o, 1, true, &p), 0);
	memset(page_to_virt(p), 0x55, PAGE_SIZE);
	put_page(p);
	object_resize(o, PAGE_SIZE + 100);
	object_resize(o, 3 * PAGE_SIZE);
	CHECK_EQ(object_get_page(o, 1, false, &p), 0);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		CHECK_EQ(((u8 *)page_to_virt(p))[i], i < 100 ? 0x55 : 0);
	/* A page with another reference outlives the object. */
	object_put(o);
	CHECK_EQ(((u8 *)page_to_virt(p))[0], 0x55);
	put_page(p);
	CHECK_EQ(pages_out, 0);
	object_put(NULL);
}

/* A run of pages may cross from one node to the next, and may end behind the last node. */
TEST(pages_that_are_there)
{
	static const u64 there[] = {61, 63, 64, 70};
	struct page *p[20], *made;
	struct vm_object *o;

	set_up();
	o = object_create("run", 72 * PAGE_SIZE);
	object_peek_pages(o, 0, 20, p); /* no tree at all */
	for (u32 i = 0; i < 20; i++)
		CHECK(!p[i]);
	for (u32 i = 0; i < ARRAY_SIZE(there); i++) {
		CHECK_EQ(object_get_page(o, there[i], true, &made), 0);
		put_page(made);
	}
	object_peek_pages(o, 60, 20, p);
	for (u32 i = 0, found = 0; i < 20; i++) {
		if (found == ARRAY_SIZE(there) || 60 + i != there[found]) {
			CHECK(!p[i]);
			continue;
		}
		found++;
		CHECK_EQ(object_get_page(o, 60 + i, false, &made), 0);
		CHECK(p[i] == made && refcount_read(&made->count) == 3);
		put_page(made);
		put_page(p[i]);
	}
	object_put(o);
	CHECK_EQ(pages_out, 0);
}

/* Objects that share a quota limit each other; freed pages can be allocated again. */
TEST(quota)
{
	struct page_quota quota = {.count = REFCOUNT_INIT(1), .limit = 10};
	struct vm_object *a = object_create("a", 100 * PAGE_SIZE);
	struct vm_object *b = object_create("b", 100 * PAGE_SIZE);
	struct vm_object *free_one = object_create("c", 100 * PAGE_SIZE);
	struct page *p;

	object_set_quota(a, &quota);
	object_set_quota(b, &quota);
	for (u64 i = 0; i < 10; i++) {
		CHECK_EQ(object_get_page(i & 1 ? a : b, i, true, &p), 0);
		put_page(p);
	}
	CHECK_EQ(object_get_page(a, 50, true, &p), -ENOSPC);
	CHECK_EQ(atomic_read(&quota.used), 10);
	CHECK_EQ(object_get_page(a, 1, true, &p), 0); /* it exists already */
	put_page(p);
	CHECK_EQ(object_get_page(free_one, 50, true, &p), 0);
	put_page(p);
	object_resize(a, 2 * PAGE_SIZE); /* keeps page 1 of 1, 3, 5, 7, 9 */
	CHECK_EQ(atomic_read(&quota.used), 6);
	CHECK_EQ(object_get_page(b, 50, true, &p), 0);
	put_page(p);
	object_put(a);
	object_put(b);
	object_put(free_one);
	CHECK_EQ(atomic_read(&quota.used), 0);
}

TEST_MAIN
