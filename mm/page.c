/*
 * The buddy allocator, stocks of single pages for each CPU, and the depot between them.
 *
 * Free memory is kept in blocks of 2^order pages, each aligned to its size. When a block is freed
 * and its buddy, the other half of the block of the next order, is free too, the two are merged. So
 * memory does not stay fragmented, and a block of any order costs a few list operations.
 *
 * A page table is all zeroes again when its last entry is gone, and a root table is as it was made.
 * Such pages go to stocks of their own, for the next allocation that needs a page in that state.
 *
 * A CPU with too many pages in a stock moves a chain of them to the depot, where CPUs that run out
 * find it; a whole chain costs as much there as one page costs from the blocks. If an allocation
 * finds no free block, it takes the chains of the depot apart, one by one, until there is one.
 *
 * Locks: zone.lock guards the blocks, depot.lock the chains. A CPU uses its stocks with irqs off.
 */
#include "mm/page.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/string.h"
#include "mm/section.h"

/* Memory that 32-bit devices can reach is used for other purposes only as a last resort. */
enum zone_id {
	ZONE_DMA32,
	ZONE_NORMAL,
	NR_ZONES
};
#define DMA32_END (4UL << 30)

struct zone {
	spinlock_t lock;                        /* LOCK_ZONE (irq): the rest */
	u32 nonempty;                           /* bit n: blocks[n] is not empty */
	u64 nr_free;                            /* pages */
	struct list_head blocks[MAX_ORDER + 1]; /* page.link of the head of each free block */
};
static struct zone zones[NR_ZONES];

/* Most allocations are of single pages, for page tables and user memory. Those move in chains. */
#define CHAIN_ORDER 5
#define CHAIN_PAGES (1 << CHAIN_ORDER)
struct cpu_pages {
	struct list_head *first; /* page.link.next chains them, ends with NULL */
	struct list_head *spare; /* one more chain, whole, or NULL */
	u32 nr;                  /* in the first chain; never a whole one */
};
static PER_CPU struct cpu_pages cpu_pages[NR_STOCKS];

static struct depot {
	spinlock_t lock; /* LOCK_ZONE (irq): the rest; chains[] may be compared with NULL without */
	struct list_head *chains[NR_STOCKS]; /* page.link.prev of its first page: the next chain */
	u64 nr_free;                         /* pages */
} depot = {.lock = SPINLOCK_INIT(LOCK_ZONE)};

static u64 end_pfn;     /* the page array ends here */
static u64 total_pages; /* ever given to the allocator; atomic */

/* A larger block may be missing because memory is fragmented: killing a process may not help. */
#define MAX_ORDER_WORTH_A_KILL 3

#define POISON_WORD 0x6b6b6b6b6b6b6b6bUL

FAULT_SITE(page_site, "page");

static struct zone *zone_of(const struct page *p)
{
	return &zones[page_to_phys(p) < DMA32_END ? ZONE_DMA32 : ZONE_NORMAL];
}

/* ---- blocks: the caller holds zone.lock ---- */

static void insert_block(struct zone *z, struct page *p, unsigned int order)
{
	p->flags = PG_BUDDY | (p->flags & PG_POISONED);
	p->order = order;
	list_add(&p->link, &z->blocks[order]);
	z->nonempty |= 1u << order;
}

static void remove_block(struct zone *z, struct page *p)
{
	list_del(&p->link);
	p->flags &= ~PG_BUDDY;
	if (list_empty(&z->blocks[p->order]))
		z->nonempty &= ~(1u << p->order);
}

/* Take the smallest block that is large enough and give back what is left of it, in halves. */
static struct page *zone_take(struct zone *z, unsigned int order)
{
	u32 fitting = z->nonempty >> order;
	struct page *p;
	unsigned int have;

	if (!fitting)
		return NULL;
	have = order + __builtin_ctz(fitting);
	p = list_first_entry(&z->blocks[have], struct page, link);
	remove_block(z, p);
	while (have > order) {
		have--;
		insert_block(z, p + (1UL << have), have);
	}
	z->nr_free -= 1UL << order;
	return p;
}

/* The free buddy of a block, or NULL. */
static struct page *free_buddy(u64 pfn, unsigned int order)
{
	u64 buddy_pfn = pfn ^ (1UL << order);
	struct page *buddy;

	if (buddy_pfn >= end_pfn)
		return NULL;
	buddy = phys_to_page(buddy_pfn << PAGE_SHIFT);
	return (buddy->flags & PG_BUDDY) && buddy->order == order ? buddy : NULL;
}

static void zone_give(struct zone *z, struct page *p, unsigned int order)
{
	u64 pfn = PFN(page_to_phys(p));
	struct page *buddy;

	z->nr_free += 1UL << order;
	while (order < MAX_ORDER && (buddy = free_buddy(pfn, order))) {
		remove_block(z, buddy);
		pfn &= ~(1UL << order);
		order++;
	}
	insert_block(z, phys_to_page(pfn << PAGE_SHIFT), order);
}

static u64 in_blocks(void)
{
	return READ_ONCE(zones[ZONE_DMA32].nr_free) + READ_ONCE(zones[ZONE_NORMAL].nr_free);
}

/* The last pages are reserved for tasks whose work frees memory, and for the shell. The reserve
 * applies to the blocks: pages in the stocks and the depot are free for all. */
static bool may_take(unsigned int order)
{
	return in_blocks() >= PAGE_RESERVE + (1UL << order) || may_use_reserve();
}

static struct page *find_block(unsigned int order, unsigned int flags)
{
	struct page *p = NULL;

	for (int id = flags & ALLOC_DMA32 ? ZONE_DMA32 : ZONE_NORMAL; !p && id >= 0; id--) {
		if (!(READ_ONCE(zones[id].nonempty) >> order))
			continue;
		guard_irq(&zones[id].lock);
		p = zone_take(&zones[id], order);
	}
	return p;
}

/* Memory for 32-bit devices is spared as long as a section can be brought in. */
#define PAGES_AHEAD (2UL << MAX_ORDER)

static struct page *take_block(unsigned int order, unsigned int flags)
{
	struct page *p;

	if (READ_ONCE(zones[ZONE_NORMAL].nr_free) < PAGES_AHEAD)
		bring_in_section();
	if (!may_take(order))
		return NULL;
	do {
		p = find_block(order, flags);
	} while (!p && !(flags & ALLOC_DMA32) && bring_in_section());
	return p;
}

static void give_block(struct page *p, unsigned int order)
{
	struct zone *z = zone_of(p);
	guard_irq(&z->lock);

	zone_give(z, p, order);
}

/* ---- chains ---- */

/* Interrupts are off. */
static void depot_give(struct list_head *chain, enum page_stock as)
{
	guard_spin(&depot.lock);
	chain->prev = depot.chains[as];
	depot.chains[as] = chain;
	depot.nr_free += CHAIN_PAGES;
}

/* A chain, or NULL. */
static struct list_head *depot_take(enum page_stock stock)
{
	struct list_head *chain;

	if (!READ_ONCE(depot.chains[stock]))
		return NULL;
	guard_irq(&depot.lock);
	chain = depot.chains[stock];
	if (chain) {
		depot.chains[stock] = chain->prev;
		depot.nr_free -= CHAIN_PAGES;
	}
	return chain;
}

/* Give the pages of a chain back to the blocks. */
static void take_apart(struct list_head *chain)
{
	struct zone *held = NULL;
	u64 irq = local_irq_save();

	while (chain) {
		struct page *p = list_entry(chain, struct page, link);
		struct zone *z = zone_of(p);

		chain = chain->next;
		p->flags &= ~PG_CPU_FREE;
		if (z != held) {
			if (held)
				spin_unlock(&held->lock);
			spin_lock(&z->lock);
			held = z;
		}
		zone_give(z, p, 0);
	}
	if (held)
		spin_unlock(&held->lock);
	local_irq_restore(irq);
}

/* False: the depot is empty. */
static bool shrink_depot(void)
{
	struct list_head *chain = NULL;

	for (int stock = 0; !chain && stock < NR_STOCKS; stock++)
		chain = depot_take(stock);
	take_apart(chain);
	return chain;
}

/* ---- single pages: interrupts are off ---- */

static struct page *pop_page(struct cpu_pages *c)
{
	struct page *p = list_entry(c->first, struct page, link);

	c->first = p->link.next;
	c->nr--;
	return p;
}

static void push_page(struct cpu_pages *c, struct page *p)
{
	p->flags = PG_CPU_FREE | (DEBUG_CHECKS ? p->flags & PG_POISONED : 0);
	p->link.next = c->first;
	c->first = &p->link;
	c->nr++;
}

/* Fill a stock with a block of the size of a chain; if there is none, with some single pages. */
static void cut_blocks(struct cpu_pages *c)
{
	struct page *p = take_block(CHAIN_ORDER, 0);

	if (p)
		for (int i = CHAIN_PAGES; i-- > 0;)
			push_page(c, p + i);
	while (c->nr < CHAIN_PAGES / 2 && (p = take_block(0, 0)))
		push_page(c, p);
}

/* Does this CPU's stock have a page, after a look into the depot if necessary? */
static bool stocked(struct cpu_pages *mine, enum page_stock stock)
{
	struct cpu_pages *c = &mine[stock];

	if (c->nr)
		return true;
	c->first = c->spare ? c->spare : depot_take(stock);
	c->spare = NULL;
	c->nr = c->first ? CHAIN_PAGES : 0;
	return c->first;
}

/* May change at once: another CPU can give the depot a chain at any time. */
static bool out_of_stock(const struct cpu_pages *mine, enum page_stock stock)
{
	return !mine[stock].nr && !mine[stock].spare && !READ_ONCE(depot.chains[stock]);
}

/* A stock that has a page after refilling: the wanted one if possible. */
static noinline enum page_stock refilled(struct cpu_pages *mine, enum page_stock want)
{
	if (stocked(mine, want))
		return want;
	if (!stocked(mine, STOCK_ANY))
		cut_blocks(&mine[STOCK_ANY]);
	for (int stock = 0; stock < NR_STOCKS; stock++)
		if (stocked(mine, stock))
			return stock;
	return want;
}

/* Take a page from the stock that is wanted, or from another; *from says which. */
static struct page *take_page(enum page_stock want, enum page_stock *from)
{
	u64 irq = local_irq_save();
	struct cpu_pages *mine = percpu(&cpu_pages[0]);
	struct page *p;

	if (out_of_stock(mine, want))
		want = STOCK_ANY;
	if (unlikely(!mine[want].nr))
		want = refilled(mine, want);
	p = likely(mine[want].nr) ? pop_page(&mine[want]) : NULL;
	local_irq_restore(irq);
	*from = want;
	return p;
}

/* The first chain is full and becomes the spare one. The old spare goes to the depot, or to the
 * blocks if the reserve has been used. */
static noinline void set_aside(struct cpu_pages *c, enum page_stock as)
{
	if (unlikely(in_blocks() < PAGE_RESERVE))
		take_apart(c->spare);
	else if (c->spare)
		depot_give(c->spare, as);
	c->spare = c->first;
	c->first = NULL;
	c->nr = 0;
}

static void give_page(struct page *p, enum page_stock as)
{
	u64 irq = local_irq_save();
	struct cpu_pages *c = percpu(&cpu_pages[as]);

	push_page(c, p);
	if (unlikely(c->nr == CHAIN_PAGES))
		set_aside(c, as);
	local_irq_restore(irq);
}

void drain_cpu_pages(void)
{
	struct cpu_pages *mine = percpu(&cpu_pages[0]);

	for (int i = 0; i < NR_STOCKS; i++) {
		take_apart(mine[i].first);
		take_apart(mine[i].spare);
		mine[i] = (struct cpu_pages){};
	}
}

/* ---- debug builds: free pages are filled with poison, which is checked on allocation ---- */

static void poison(struct page *p, unsigned int order)
{
	for (struct page *end = p + (1UL << order); p < end; p++) {
		u64 *word = page_to_virt(p);

		for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++)
			word[i] = POISON_WORD;
		p->flags |= PG_POISONED;
	}
}

static void check_poison(struct page *p, unsigned int order)
{
	for (struct page *end = p + (1UL << order); p < end; p++) {
		const u64 *word = page_to_virt(p);

		if (!(p->flags & PG_POISONED))
			continue;
		p->flags &= ~PG_POISONED;
		for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++)
			if (word[i] != POISON_WORD)
				panic("page %#lx was written to after it was freed: %#lx at %p\n",
				      PFN(page_to_phys(p)), word[i], (const void *)&word[i]);
	}
}

/* A page from a stock of prepared pages must be as it was freed. */
static void check_prepared(const struct page *p, enum page_stock stock)
{
	const u64 *word = page_to_virt(p);
	size_t n = PAGE_SIZE / sizeof(*word) / (stock == STOCK_ROOT ? 2 : 1);

	for (size_t i = 0; i < n; i++)
		if (word[i])
			panic("page %#lx was not empty, or written to, when freed: %#lx at %p\n",
			      PFN(page_to_phys(p)), word[i], (const void *)&word[i]);
}

/* ---- the interface ---- */

struct page *alloc_page(unsigned int flags)
{
	enum page_stock want = flags & ALLOC_ZERO   ? STOCK_ZEROED
			       : flags & ALLOC_ROOT ? STOCK_ROOT
						    : STOCK_ANY;
	enum page_stock from;
	struct page *p;

	if (should_fail(&page_site))
		return NULL;
	p = take_page(want, &from);
	if (unlikely(!p)) {
		pages_ran_out();
		return NULL;
	}
	if (DEBUG_CHECKS && from == STOCK_ANY)
		check_poison(p, 0);
	if (DEBUG_CHECKS && from != STOCK_ANY)
		check_prepared(p, from);
	refcount_set(&p->count, 1);
	p->flags = want == STOCK_ROOT && from == STOCK_ROOT ? PG_ROOT : 0;
	p->order = 0;
	if (want == STOCK_ZEROED && from != STOCK_ZEROED)
		clear_page(page_to_virt(p));
	return p;
}

struct page *alloc_pages(unsigned int order, unsigned int flags)
{
	struct page *p;

	if (!order && !(flags & ALLOC_DMA32))
		return alloc_page(flags);
	if (order > MAX_ORDER || should_fail(&page_site))
		return NULL;
	do {
		p = take_block(order, flags);
	} while (!p && shrink_depot());
	if (!p) {
		if (order <= MAX_ORDER_WORTH_A_KILL)
			pages_ran_out();
		return NULL;
	}
	if (DEBUG_CHECKS)
		check_poison(p, order);
	refcount_set(&p->count, 1);
	p->flags = order ? PG_HEAD : 0;
	p->order = order;
	if (flags & ALLOC_ZERO)
		for (unsigned long i = 0; i < 1UL << order; i++)
			clear_page(page_to_virt(p + i));
	return p;
}

static void check_free(struct page *p, unsigned int order)
{
	if (unlikely(p->flags & (PG_BUDDY | PG_CPU_FREE | PG_RESERVED) || p->order != order ||
		     refcount_read(&p->count) > 1))
		panic("page %#lx freed wrongly: order %u, its flags %#x, order %u, count %u\n",
		      PFN(page_to_phys(p)), order, p->flags, p->order, refcount_read(&p->count));
	refcount_set(&p->count, 0);
	p->flags = 0; /* inside a larger block the flags are not looked at again */
}

void free_pages(struct page *p, unsigned int order)
{
	check_free(p, order);
	if (DEBUG_CHECKS)
		poison(p, order);
	if (order)
		give_block(p, order);
	else
		give_page(p, STOCK_ANY);
}

void free_prepared(struct page *p, enum page_stock as)
{
	check_free(p, 0);
	give_page(p, as);
}

void put_page(struct page *p)
{
	if (refcount_dec_and_test(&p->count))
		free_pages(p, 0);
}

u64 nr_free_pages(void)
{
	u64 n = zones[ZONE_DMA32].nr_free + zones[ZONE_NORMAL].nr_free + depot.nr_free +
		nr_deferred_pages();

	for (u32 i = 0; i < nr_cpus; i++)
		for (int stock = 0; stock < NR_STOCKS; stock++) {
			const struct cpu_pages *c = percpu_of(i, &cpu_pages[stock]);

			n += READ_ONCE(c->nr) + (READ_ONCE(c->spare) ? CHAIN_PAGES : 0);
		}
	return n;
}

u64 nr_total_pages(void)
{
	return READ_ONCE(total_pages) + nr_deferred_pages();
}

void free_blocks(u64 *counts)
{
	struct list_head *pos;

	memset(counts, 0, (MAX_ORDER + 1) * sizeof(*counts));
	for (int id = 0; id < NR_ZONES; id++) {
		guard_irq(&zones[id].lock);
		for (int order = 0; order <= MAX_ORDER; order++) {
			struct list_head *head = &zones[id].blocks[order];

			for (pos = head->next; pos != head; pos = pos->next)
				counts[order]++;
		}
	}
}

/* ---- boot ---- */

void buddy_init(phys_addr_t highest)
{
	end_pfn = PFN(highest);
	for (int id = 0; id < NR_ZONES; id++) {
		spin_lock_init(&zones[id].lock, LOCK_ZONE);
		for (int order = 0; order <= MAX_ORDER; order++)
			list_init(&zones[id].blocks[order]);
	}
}

void buddy_reserve_range(phys_addr_t start, phys_addr_t end)
{
	for (phys_addr_t pa = start; pa < end; pa += PAGE_SIZE) {
		struct page *p = phys_to_page(pa);

		refcount_set(&p->count, 1);
		p->flags = PG_RESERVED;
	}
}

/* Adds the largest blocks that are aligned and fit. */
void buddy_add_range(phys_addr_t start, phys_addr_t end)
{
	u64 pfn = PFN(start), last = PFN(end);

	__atomic_add_fetch(&total_pages, last - pfn, __ATOMIC_RELAXED);
	while (pfn < last) {
		unsigned int order = pfn ? MIN(__builtin_ctzl(pfn), MAX_ORDER) : MAX_ORDER;

		while (pfn + (1UL << order) > last)
			order--;
		for (u64 i = 0; i < 1UL << order; i++) {
			struct page *p = phys_to_page((pfn + i) << PAGE_SHIFT);

			refcount_set(&p->count, 0);
			p->flags = 0;
		}
		give_block(phys_to_page(pfn << PAGE_SHIFT), order);
		pfn += 1UL << order;
	}
}

void free_reserved_range(phys_addr_t start, phys_addr_t end)
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start < end)
		buddy_add_range(start, end);
}
