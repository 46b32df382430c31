/* Slab caches and kmalloc over the real page allocator: no two objects overlap, none loses its
 * contents, and everything comes back. */
#define MM_HOST_REAL_ALLOCATOR
#define ARENA_PAGES 4096
#include "tests/unit/mm_host.h"

#include "kernel/lib/fault_injection.h"

static u32 page_countdown;
bool fault_hit(struct fault_site *site)
{
	(void)site;
	return page_countdown && --page_countdown == 0;
}

void pages_ran_out(void)
{
}

bool may_use_reserve(void)
{
	return true;
}

void arch_map_page_array(phys_addr_t section, size_t size)
{
	(void)section;
	(void)size;
}

#include "mm/section.c"
#include "mm/page.c"
#undef CPU_PAGES_ORDER
#undef CPU_PAGES_BATCH
#undef POISON_WORD
#define refill slab_refill
#include "mm/slab.c"
#undef refill

static u64 pages_at_start;

static void set_up(void)
{
	static bool done;

	page_site.countdown = 0;
	if (done)
		return;
	done = true;
	buddy_init(ARENA_PAGES * PAGE_SIZE);
	buddy_add_range(16 * PAGE_SIZE, ARENA_PAGES * PAGE_SIZE);
	slab_init();
	slab_shrink();
	pages_at_start = nr_free_pages();
}

static void check_all_returned(u64 active)
{
	slab_shrink();
	CHECK_EQ(slab_active_objects(), active);
	CHECK_EQ(nr_free_pages(), pages_at_start);
}

#define MAX_HELD 2000
static struct {
	u8 *p;
	size_t size;
	u8 fill;
} held[MAX_HELD];

static void give_back(u32 i)
{
	for (size_t n = 0; n < held[i].size; n++)
		if (!CHECK_EQ(held[i].p[n], held[i].fill))
			break;
	kfree(held[i].p);
	held[i].p = NULL;
}

static size_t random_size(void)
{
	switch (host_random_below(8)) {
	case 0:
		return 1 + host_random_below(40000);
	case 1:
		return 1 + host_random_below(4096);
	default:
		return 1 + host_random_below(300);
	}
}

TEST(kmalloc_of_all_sizes)
{
	u64 active;

	set_up();
	active = slab_active_objects();
	for (int step = 0; step < 60000 && !host_failures; step++) {
		u32 i = host_random_below(MAX_HELD);
		size_t size = random_size();

		if (held[i].p) {
			give_back(i);
			continue;
		}
		/* Sometimes the page allocator fails. */
		page_site.countdown = page_countdown = host_random_below(4) == 0;
		held[i].p = kmalloc(size);
		page_site.countdown = 0;
		if (!held[i].p)
			continue;
		CHECK_EQ((u64)(held[i].p - (u8 *)arena) % 16, 0);
		if (size >= 2048 && (size & (size - 1)) == 0)
			CHECK_EQ((u64)(held[i].p - (u8 *)arena) % MIN(size, PAGE_SIZE), 0);
		held[i].size = size;
		held[i].fill = host_random();
		memset(held[i].p, held[i].fill, size);
	}
	for (u32 i = 0; i < MAX_HELD; i++)
		if (held[i].p)
			give_back(i);
	check_all_returned(active);
}

TEST(limits_of_kmalloc)
{
	void *p;

	set_up();
	p = kmalloc(4UL << 20);
	CHECK(p != NULL);
	kfree(p);
	CHECK(kmalloc((4UL << 20) + 1) == NULL);
	CHECK(kmalloc(~0UL) == NULL);
	p = kmalloc(0);
	CHECK(p != NULL);
	kfree(p);
	kfree(NULL);
	check_all_returned(slab_active_objects());
}

TEST(caches_align_and_count)
{
	static const size_t sizes[] = {1, 24, 100, 700, 2000, 5000};
	static void *objects[300];

	set_up();
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct kmem_cache *c = kmem_cache_create("test", sizes[s], 64);
		u64 before = slab_active_objects(), pages;

		slab_shrink();
		pages = nr_free_pages();
		for (int i = 0; i < 300; i++) {
			const u8 *byte = objects[i] = kmem_cache_zalloc(c);

			CHECK_EQ((u64)((char *)objects[i] - arena) % 64, 0);
			for (size_t n = 0; n < sizes[s]; n++)
				CHECK_EQ(byte[n], 0);
			memset(objects[i], 0xee, sizes[s]);
		}
		CHECK_EQ(slab_active_objects(), before + 300);
		for (int i = 0; i < 300; i++)
			kmem_cache_free(c, objects[(i * 7) % 300]);
		CHECK_EQ(slab_active_objects(), before);
		CHECK(slab_shrink() > 0);
		CHECK_EQ(nr_free_pages(), pages);
	}
}

TEST_MAIN
