/*
 * The page allocator on a made-up machine: the edge cases of the boot map, then random allocations,
 * compared with a table of the pages that are in use.
 */
#define MM_HOST_REAL_ALLOCATOR
#define ARENA_PAGES 4096 /* 16 MiB */
#include "tests/unit/mm_host.h"

#include "kernel/lib/fault_injection.h"

bool fault_hit(struct fault_site *site)
{
	(void)site;
	return false;
}

static bool reserve_is_ours = true;
void pages_ran_out(void)
{
}

bool may_use_reserve(void)
{
	return reserve_is_ours;
}

#define SECTION_SIZE (4UL << 20)
#define DEFER_ABOVE  section_limit
static phys_addr_t section_limit = 1UL << 40; /* tests that bring memory in lower it */
static u32 sections_mapped;
void arch_map_page_array(phys_addr_t section, size_t size)
{
	(void)section;
	(void)size;
	sections_mapped++;
}

#include "mm/early.c"
#include "mm/section.c"
#include "mm/page.c"

#define MIB (1UL << 20)

/* The state of each page: 0 not RAM or reserved, 1 free, 2 allocated. */
static u8 owner[ARENA_PAGES];

static void mark(phys_addr_t start, phys_addr_t end, u8 what)
{
	for (u64 pfn = start / PAGE_SIZE; pfn < end / PAGE_SIZE; pfn++)
		owner[pfn] = what;
}

static u64 count(u8 what)
{
	u64 n = 0;

	for (u32 pfn = 0; pfn < ARENA_PAGES; pfn++)
		n += owner[pfn] == what;
	return n;
}

static void forget_machine(void)
{
	nr_ranges = nr_ram = 0;
	total_pages = 0;
	nr_deferred = 0;
	nr_sections = 0;
	memset(owner, 0, sizeof(owner));
	memset(arena_pages, 0, sizeof(arena_pages));
	memset(cpu_pages, 0, sizeof(cpu_pages));
	memset(zones, 0, sizeof(zones));
	depot = (struct depot){};
}

/* Boot with a map that has all known faults of such maps. `owner` gets the expected state. */
static void boot_machine(void)
{
	static struct boot_info info;

	forget_machine();
	info = (struct boot_info){
		.nr_ranges = 6,
		.ranges =
			{
				/* unsorted, overlapping, touching, and not whole pages */
				{8 * MIB, 16 * MIB - 100, BOOT_RAM},
				{0, 0x9fc00, BOOT_RAM},
				{1 * MIB + 1, 6 * MIB, BOOT_RAM},
				{5 * MIB, 8 * MIB, BOOT_RAM},
				{12 * MIB + 1, 12 * MIB + 2, BOOT_RESERVED}, /* one byte */
				{0xf0000, 1 * MIB, BOOT_RESERVED},
			},
		.kernel_start = 2 * MIB,
		.kernel_end = 3 * MIB + 5,
		.nr_modules = 1,
		.modules = {{7 * MIB - 1, 7 * MIB + 1, "initrd"}},
		.info_start = 4 * MIB,
		.info_end = 4 * MIB + 8,
		.symbols = {.symtab = 9 * MIB,
			    .symtab_size = 1,
			    .strtab = 10 * MIB,
			    .strtab_size = 4097},
	};
	early_mm_init(&info);
	mark(64 * 1024, 0x9f000, 1);
	mark(1 * MIB + PAGE_SIZE, 16 * MIB - PAGE_SIZE, 1);
	mark(2 * MIB, 3 * MIB + PAGE_SIZE, 0);
	mark(7 * MIB - PAGE_SIZE, 7 * MIB + PAGE_SIZE, 0);
	mark(4 * MIB, 4 * MIB + PAGE_SIZE, 0);
	mark(9 * MIB, 9 * MIB + PAGE_SIZE, 0);
	mark(10 * MIB, 10 * MIB + 2 * PAGE_SIZE, 0);
	mark(12 * MIB, 12 * MIB + PAGE_SIZE, 0);
}

static u64 chain_pages(const struct list_head *chain, enum page_stock stock)
{
	u64 n = 0;

	for (; chain; chain = chain->next, n++) {
		struct page *p = list_entry(chain, struct page, link);

		CHECK(p->flags & PG_CPU_FREE);
		CHECK_EQ(owner[p - arena_pages], 1);
		if (stock == STOCK_ZEROED)
			CHECK_EQ(*(u64 *)page_to_virt(p), 0);
	}
	return n;
}

static u64 depot_pages(void)
{
	u64 n = 0;

	for (int stock = 0; stock < NR_STOCKS; stock++)
		for (struct list_head *c = depot.chains[stock]; c; c = c->prev)
			n += chain_pages(c, stock);
	CHECK_EQ(depot.nr_free, n);
	return n;
}

static u64 stock_pages(const struct cpu_pages *c, enum page_stock stock)
{
	u64 first = chain_pages(c->first, stock), spare = chain_pages(c->spare, stock);

	CHECK(first == c->nr && first < CHAIN_PAGES);
	CHECK(spare == 0 || spare == CHAIN_PAGES);
	return first + spare;
}

static void check_blocks(void)
{
	u64 blocks[MAX_ORDER + 1], pages = depot_pages();

	free_blocks(blocks);
	for (int order = 0; order <= MAX_ORDER; order++)
		pages += blocks[order] << order;
	for (int stock = 0; stock < NR_STOCKS; stock++)
		pages += stock_pages(&cpu_pages[stock], stock);
	CHECK_EQ(pages, count(1));
	CHECK_EQ(nr_free_pages(), count(1));
}

/* Each free page can be allocated exactly once, and no other page can. */
TEST(boot_map)
{
	struct page *p;

	boot_machine();
	page_alloc_init();
	check_blocks();
	CHECK_EQ(nr_total_pages(), count(1));
	while ((p = alloc_page(0))) {
		if (!CHECK_EQ(owner[p - arena_pages], 1))
			return;
		owner[p - arena_pages] = 2;
	}
	CHECK_EQ(count(1), 0);
	CHECK_EQ(nr_free_pages(), 0);
}

TEST(early_memory_is_zeroed_and_never_handed_out)
{
	boot_machine();
	memset(arena, 0xff, sizeof(arena));
	for (int i = 0; i < 20; i++) {
		size_t size = 1 + host_random_below(40000);
		size_t align = PAGE_SIZE << host_random_below(6);
		phys_addr_t pa = early_alloc(size, align);

		CHECK_EQ(pa % align, 0);
		for (size_t n = 0; n < size; n++)
			if (arena[pa + n])
				CHECK(!"zeroed");
		for (u64 at = pa; at < pa + size; at += PAGE_SIZE) {
			CHECK_EQ(owner[at / PAGE_SIZE], 1);
			owner[at / PAGE_SIZE] = 0;
		}
	}
	page_alloc_init();
	check_blocks();
}

/* Of the range above 5 MiB, the sections at 8 and 12 MiB are set aside. They come one by one, each
 * without the pages of its own struct pages, and count as free memory before and after. */
TEST(sections_are_brought_in_when_needed)
{
	static struct boot_info info = {.nr_ranges = 1, .ranges = {{5 * MIB, 16 * MIB, BOOT_RAM}}};
	const u64 array = SECTION_SIZE / PAGE_SIZE * sizeof(struct page);
	u64 total, taken = 0;
	struct page *p;

	forget_machine();
	section_limit = 7 * MIB;
	sections_mapped = 0;
	early_mm_init(&info);
	CHECK(!early_deferred(8 * MIB - 1) && early_deferred(8 * MIB));
	CHECK(early_deferred(16 * MIB - 1) && !early_deferred(16 * MIB));
	page_alloc_init();
	CHECK_EQ(sections_mapped, 0);
	total = (11 * MIB - 2 * array) / PAGE_SIZE;
	CHECK_EQ(nr_total_pages(), total);
	CHECK_EQ(nr_free_pages(), total);
	while ((p = alloc_page(0))) {
		phys_addr_t pa = page_to_phys(p);

		CHECK(pa >= 5 * MIB && (pa < 8 * MIB || pa % SECTION_SIZE >= array));
		CHECK_EQ(nr_free_pages(), total - ++taken);
	}
	CHECK_EQ(taken, total);
	CHECK_EQ(sections_mapped, 2);
	CHECK_EQ(nr_total_pages(), total);
	section_limit = 1UL << 40;
}

/* A block that no part of the memory in use can give is taken from a section. */
TEST(a_large_block_brings_a_section_in)
{
	static struct boot_info info = {.nr_ranges = 1, .ranges = {{5 * MIB, 16 * MIB, BOOT_RAM}}};

	forget_machine();
	section_limit = 8 * MIB;
	early_mm_init(&info);
	page_alloc_init();
	CHECK(alloc_pages(MAX_ORDER - 1, 0));
	CHECK(alloc_pages(MAX_ORDER - 1, 0));
	CHECK(!alloc_pages(MAX_ORDER, 0)); /* a section holds its own struct pages */
	CHECK_EQ(nr_deferred_pages(), 0);
	section_limit = 1UL << 40;
}

/* Freed pages are merged into blocks as large as before. */
TEST(random_allocations)
{
	static struct {
		struct page *p;
		unsigned int order;
	} held[600];
	u64 before[MAX_ORDER + 1], after[MAX_ORDER + 1];

	boot_machine();
	page_alloc_init();
	free_blocks(before);
	for (int step = 0; step < 40000; step++) {
		int i = host_random_below(ARRAY_SIZE(held));
		unsigned int order = host_random_below(2) ? 0 : host_random_below(MAX_ORDER + 1);

		if (held[i].p) {
			free_pages(held[i].p, held[i].order);
			mark(page_to_phys(held[i].p),
			     page_to_phys(held[i].p) + (PAGE_SIZE << held[i].order), 1);
			held[i].p = NULL;
		} else if ((held[i].p = alloc_pages(order, host_random_below(4)))) {
			u64 pfn = held[i].p - arena_pages;

			held[i].order = order;
			CHECK_EQ(refcount_read(&held[i].p->count), 1);
			CHECK_EQ(pfn & ((1UL << order) - 1), 0);
			for (u64 n = pfn; n < pfn + (1UL << order); n++) {
				CHECK_EQ(owner[n], 1);
				if (n > pfn) /* slabs set these flags, and need them clear */
					CHECK_EQ(arena_pages[n].flags, 0);
			}
			mark(pfn * PAGE_SIZE, (pfn + (1UL << order)) * PAGE_SIZE, 2);
			memset(page_to_virt(held[i].p), 0x77, PAGE_SIZE << order);
		}
		if (step % 64 == 0)
			check_blocks();
		if (host_failures)
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i].p) {
			free_pages(held[i].p, held[i].order);
			mark(page_to_phys(held[i].p),
			     page_to_phys(held[i].p) + (PAGE_SIZE << held[i].order), 1);
			held[i].p = NULL;
		}
	check_blocks();
	drain_cpu_pages();
	while (shrink_depot())
		;
	check_blocks();
	free_blocks(after);
	for (int order = 0; order <= MAX_ORDER; order++)
		CHECK_EQ(after[order], before[order]);
}

/* A request for a too large block fails and changes nothing. Zeroed pages are zeroed. */
TEST(exhaustion_and_zeroing)
{
	struct page *big[8], *p;
	int n = 0;

	boot_machine();
	page_alloc_init();
	CHECK(!alloc_pages(MAX_ORDER + 1, 0));
	while (n < 8 && (big[n] = alloc_pages(MAX_ORDER, 0)))
		n++;
	CHECK_EQ(n, 0); /* this machine has no whole block of 4 MiB */
	while (n < 8 && (big[n] = alloc_pages(MAX_ORDER - 2, 0)))
		n++;
	CHECK(n > 0 && n < 8);
	while (n--)
		free_pages(big[n], MAX_ORDER - 2);
	check_blocks();
	p = alloc_page(0);
	memset(page_to_virt(p), 0xff, PAGE_SIZE);
	put_page(p);
	for (int i = 0; i < 4000 && (p = alloc_page(ALLOC_ZERO)); i++) {
		const char *byte = page_to_virt(p);

		CHECK(!byte[0] && !memcmp(byte, byte + 1, PAGE_SIZE - 1));
	}
}

/* Pages that were freed as prepared go to requests for that kind, and to other requests only when
 * no other page is free. */
TEST(prepared_pages)
{
	struct page *zeroed, *root, *p;
	u64 all = 0;

	boot_machine();
	page_alloc_init();
	zeroed = alloc_page(ALLOC_ZERO);
	root = alloc_page(ALLOC_ROOT);
	CHECK(!(root->flags & PG_ROOT)); /* the caller must fill it as one */
	memset(page_to_virt(root), 0, PAGE_SIZE / 2);
	memset((char *)page_to_virt(root) + PAGE_SIZE / 2, 0x11, PAGE_SIZE / 2);
	free_prepared(zeroed, STOCK_ZEROED);
	free_prepared(root, STOCK_ROOT);
	check_blocks();
	p = alloc_page(0);
	CHECK(p != zeroed && p != root && !(p->flags & PG_ROOT));
	CHECK(alloc_page(ALLOC_ROOT) == root && (root->flags & PG_ROOT));
	CHECK(alloc_page(ALLOC_ZERO) == zeroed && !(zeroed->flags & PG_ROOT));
	CHECK_EQ(*((char *)page_to_virt(root) + PAGE_SIZE - 1), 0x11);
	free_prepared(zeroed, STOCK_ZEROED);
	free_prepared(root, STOCK_ROOT);
	while ((p = alloc_page(0))) {
		all |= p == zeroed ? 1 : p == root ? 2 : 0;
		CHECK(!(p->flags & PG_ROOT));
	}
	CHECK_EQ(all, 3);
}

/* Prepared pages beyond what a CPU keeps go to the depot, sorted by kind. A request for a larger
 * block merges them again. */
TEST(what_is_too_much_waits_in_the_depot)
{
	static struct page *held[8 * CHAIN_PAGES];
	struct page *p;

	boot_machine();
	page_alloc_init();
	while (alloc_pages(CHAIN_ORDER + 2, 0))
		;
	for (u32 i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = alloc_page(ALLOC_ZERO);
		if (!CHECK(held[i]))
			return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(held); i++)
		free_prepared(held[i], i % 2 ? STOCK_ZEROED : STOCK_ROOT);
	for (int stock = STOCK_ZEROED; stock < NR_STOCKS; stock++)
		CHECK(cpu_pages[stock].spare);
	CHECK(depot_pages() >= ARRAY_SIZE(held) - 4 * CHAIN_PAGES);
	for (u32 i = 0; i < 3 * CHAIN_PAGES; i++) {
		p = alloc_page(ALLOC_ROOT);
		CHECK(p && (p->flags & PG_ROOT));
	}
	CHECK(depot_pages() > 0);
	while ((p = alloc_pages(1, 0)))
		;
	CHECK_EQ(depot_pages(), 0);
}

/* The last pages are a reserve: only entitled tasks get them. */
TEST(reserve)
{
	u32 n = 0;

	boot_machine();
	page_alloc_init();
	reserve_is_ours = false;
	while (alloc_page(0))
		n++;
	CHECK(n > 100);
	CHECK_EQ(nr_free_pages(), PAGE_RESERVE);
	CHECK(!alloc_pages(1, 0));
	reserve_is_ours = true;
	for (n = 0; alloc_page(0); n++)
		;
	CHECK_EQ(n, PAGE_RESERVE);
}

/* Pages freed by an entitled task refill the reserve first: other tasks do not get them. */
TEST(reserve_is_made_whole_again)
{
	struct list_head *held = NULL;
	struct page *p;

	boot_machine();
	page_alloc_init();
	while ((p = alloc_page(0))) {
		p->link.next = held;
		held = &p->link;
	}
	CHECK_EQ(nr_free_pages(), 0);
	while (held) {
		p = list_entry(held, struct page, link);
		held = held->next;
		put_page(p);
	}
	check_blocks();
	CHECK(depot_pages() > 0);
	reserve_is_ours = false;
	while (alloc_page(0))
		;
	reserve_is_ours = true;
	CHECK(in_blocks() >= PAGE_RESERVE);
}

TEST_MAIN
