/*
 * Slab caches: objects of one size, cut from blocks of pages ("slabs"), and kmalloc() on top.
 *
 * The struct page of a slab's first page describes it: owner = the cache, index = the first free
 * object (free objects are chained through themselves), spare = objects cut so far (a new slab is
 * not chained in advance), nr_present = objects taken out, link = the cache's list of slabs with
 * room. Every other page of the slab has owner = the first page, so any address leads to its slab.
 *
 * In front of the slabs each CPU has a short chain of free objects, which it uses with interrupts
 * off and without a lock. The chain is filled and emptied in batches.
 *
 * Locks: kmem_cache.lock guards the slabs; each CPU uses its own kmem_cache.cpu with interrupts
 * off.
 */
#include "mm/slab.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "mm/page.h"

#define SLAB_MAX_ORDER   3
#define SLAB_MIN_OBJECTS 8 /* a slab is made larger rather than hold fewer */
#define EMPTY_SLABS_KEPT 2
#define BATCH_BYTES      4096 /* a CPU moves so many bytes at a time … */
#define BATCH_MAX        8    /* … but no more objects than this */

struct cpu_objects {
	void *first;
	u32 nr;
};

struct kmem_cache {
	const char *name;
	u32 size;        /* of an object, as asked for */
	u32 slot;        /* distance from one object to the next */
	u32 link_offset; /* where a free object keeps the address of the next one */
	u16 per_slab;    /* objects */
	u8 order;        /* pages of a slab: 2^order */
	u8 batch;
	spinlock_t lock;            /* LOCK_SLAB (irq): from here to `cpu` */
	struct list_head with_room; /* page.link of slabs that have a free object */
	u64 nr_slabs, nr_empty;
	u64 nr_out;              /* objects taken out of slabs: in use, or free on a CPU */
	struct kmem_cache *next; /* all_caches; constant after boot */
	struct cpu_objects *cpu; /* PER_CPU: one of objects[] */
};

static struct kmem_cache cache_of_caches;
static struct kmem_cache *all_caches;

#define MAX_CACHES 64
static PER_CPU struct cpu_objects objects[MAX_CACHES];
static u32 nr_caches;

FAULT_SITE(slab_site, "slab");
FAULT_SITE(kmalloc_site, "kmalloc");

/* ---- debug builds: a red zone after each object, poison in free objects ---- */

#define RED_FREE   0x5ab5ab5ab0000f2eUL
#define RED_IN_USE 0x5ab5ab5ab000051eUL
#define POISON     0x6b

static u64 *red_zone(const struct kmem_cache *c, void *obj)
{
	return (u64 *)((char *)obj + c->link_offset - sizeof(u64));
}

static void mark_free(const struct kmem_cache *c, void *obj)
{
	memset(obj, POISON, c->size);
	*red_zone(c, obj) = RED_FREE;
}

static void mark_in_use(const struct kmem_cache *c, void *obj)
{
	const u8 *byte = obj;

	if (*red_zone(c, obj) != RED_FREE)
		panic("slab %s: free object %p was written past its end\n", c->name, obj);
	for (u32 i = 0; i < c->size; i++)
		if (byte[i] != POISON)
			panic("slab %s: object %p was written to after it was freed, at +%u\n",
			      c->name, obj, i);
	*red_zone(c, obj) = RED_IN_USE;
}

static void check_in_use(const struct kmem_cache *c, void *obj)
{
	u64 red = *red_zone(c, obj);

	if (red == RED_FREE)
		panic("slab %s: object %p freed twice\n", c->name, obj);
	if (red != RED_IN_USE)
		panic("slab %s: object %p was written past its end: %#lx\n", c->name, obj, red);
}

/* ---- slabs: the caller holds the cache's lock, except in new_slab() and free_slab() ---- */

static void **link_of(const struct kmem_cache *c, void *obj)
{
	return (void **)((char *)obj + c->link_offset);
}

static struct page *slab_of(const void *obj)
{
	struct page *p = virt_to_page(obj);

	return p->flags & PG_HEAD ? p : p->owner;
}

static struct page *new_slab(struct kmem_cache *c)
{
	struct page *slab = alloc_pages(c->order, 0);

	if (!slab)
		return NULL;
	for (u32 i = 0; i < 1u << c->order; i++) {
		slab[i].flags |= PG_SLAB;
		slab[i].owner = slab;
	}
	slab->flags |= PG_HEAD;
	slab->owner = c;
	slab->index = 0;
	slab->spare = 0;
	slab->nr_present = 0;
	return slab;
}

/* Returns the pages freed. */
static u64 free_slab(struct kmem_cache *c, struct page *slab)
{
	for (u32 i = 0; i < 1u << c->order; i++)
		slab[i].flags &= ~PG_SLAB;
	free_pages(slab, c->order);
	return 1UL << c->order;
}

static void add_slab(struct kmem_cache *c, struct page *slab)
{
	list_add_tail(&slab->link, &c->with_room);
	c->nr_slabs++;
	c->nr_empty++;
}

static bool has_room(const struct kmem_cache *c, const struct page *slab)
{
	return slab->index || slab->spare < c->per_slab;
}

/* Cut one more object from the part of a slab that was never used. */
static void *cut_object(const struct kmem_cache *c, struct page *slab)
{
	void *obj = (char *)page_to_virt(slab) + (size_t)slab->spare++ * c->slot;

	if (DEBUG_CHECKS)
		mark_free(c, obj);
	return obj;
}

static void *take_from_slab(struct kmem_cache *c)
{
	struct page *slab = list_first_entry(&c->with_room, struct page, link);
	void *obj = (void *)slab->index;

	if (obj)
		slab->index = (u64)*link_of(c, obj);
	else
		obj = cut_object(c, slab);
	if (slab->nr_present++ == 0)
		c->nr_empty--;
	if (!has_room(c, slab))
		list_del(&slab->link);
	c->nr_out++;
	return obj;
}

/* Returns the slab if the caller is to free it: it is empty, and enough empty ones are kept. */
static struct page *give_to_slab(struct kmem_cache *c, void *obj)
{
	struct page *slab = slab_of(obj);

	if (!has_room(c, slab))
		list_add(&slab->link, &c->with_room);
	*link_of(c, obj) = (void *)slab->index;
	slab->index = (u64)obj;
	c->nr_out--;
	if (--slab->nr_present)
		return NULL;
	if (c->nr_empty < EMPTY_SLABS_KEPT) {
		c->nr_empty++;
		list_move_tail(&slab->link, &c->with_room); /* used last */
		return NULL;
	}
	list_del(&slab->link);
	c->nr_slabs--;
	return slab;
}

/* ---- a CPU's own objects: interrupts are off ---- */

static void *pop_object(const struct kmem_cache *c, struct cpu_objects *mine)
{
	void *obj = mine->first;

	mine->first = *link_of(c, obj);
	mine->nr--;
	return obj;
}

static void push_object(const struct kmem_cache *c, struct cpu_objects *mine, void *obj)
{
	*link_of(c, obj) = mine->first;
	mine->first = obj;
	mine->nr++;
}

static void refill(struct kmem_cache *c, struct cpu_objects *mine)
{
	struct page *slab = NULL;

	spin_lock(&c->lock);
	if (list_empty(&c->with_room)) {
		spin_unlock(&c->lock);
		slab = new_slab(c);
		spin_lock(&c->lock);
	}
	if (slab)
		add_slab(c, slab);
	while (mine->nr < c->batch && !list_empty(&c->with_room))
		push_object(c, mine, take_from_slab(c));
	spin_unlock(&c->lock);
}

/* Move objects back to their slabs until `keep` are left. Returns the pages freed. */
static u64 flush(struct kmem_cache *c, struct cpu_objects *mine, u32 keep)
{
	u64 freed = 0;

	spin_lock(&c->lock);
	while (mine->nr > keep) {
		struct page *slab = give_to_slab(c, pop_object(c, mine));

		if (slab)
			freed += free_slab(c, slab);
	}
	spin_unlock(&c->lock);
	return freed;
}

/* The chain of this CPU is empty. Restores interrupts from `irq`. */
static noinline void *take_after_refill(struct kmem_cache *c, struct cpu_objects *mine, u64 irq)
{
	void *obj;

	refill(c, mine);
	obj = mine->nr ? pop_object(c, mine) : NULL;
	local_irq_restore(irq);
	return obj;
}

static inline void *cache_take(struct kmem_cache *c)
{
	u64 irq = local_irq_save();
	struct cpu_objects *mine = percpu(c->cpu);
	void *obj;

	if (likely(mine->nr)) {
		obj = pop_object(c, mine);
		local_irq_restore(irq);
	} else {
		obj = take_after_refill(c, mine, irq);
	}
	if (DEBUG_CHECKS && obj)
		mark_in_use(c, obj);
	return obj;
}

static noinline void free_and_flush(struct kmem_cache *c, struct cpu_objects *mine, u64 irq)
{
	flush(c, mine, c->batch);
	local_irq_restore(irq);
}

/* ---- caches ---- */

void *kmem_cache_alloc(struct kmem_cache *c)
{
	return should_fail(&slab_site) ? NULL : cache_take(c);
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *obj = kmem_cache_alloc(c);

	return obj ? memset(obj, 0, c->size) : NULL;
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	struct cpu_objects *mine;
	u64 irq;

	if (DEBUG_CHECKS) {
		BUG_ON(!(virt_to_page(obj)->flags & PG_SLAB) || slab_of(obj)->owner != c);
		check_in_use(c, obj);
		mark_free(c, obj);
	}
	irq = local_irq_save();
	mine = percpu(c->cpu);
	push_object(c, mine, obj);
	if (unlikely(mine->nr > 2u * c->batch)) {
		free_and_flush(c, mine, irq);
		return;
	}
	local_irq_restore(irq);
}

/* A free object keeps the link in its first word. In a debug build the link and the red zone lie
 * behind the object instead, so that the whole object can be poisoned. */
static void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align)
{
	u32 need = MAX(size, sizeof(void *));

	align = MAX(align, 16UL);
	BUG_ON(nr_caches == MAX_CACHES);
	memset(c, 0, sizeof(*c));
	c->cpu = &objects[nr_caches++];
	c->name = name;
	c->size = size;
	if (DEBUG_CHECKS) {
		c->link_offset = ALIGN_UP(need, sizeof(u64)) + sizeof(u64);
		need = c->link_offset + sizeof(void *);
	}
	c->slot = ALIGN_UP(need, align);
	while (c->order < SLAB_MAX_ORDER && (PAGE_SIZE << c->order) / c->slot < SLAB_MIN_OBJECTS)
		c->order++;
	c->per_slab = (PAGE_SIZE << c->order) / c->slot;
	BUG_ON(c->per_slab == 0);
	c->batch = MAX(1UL, MIN(BATCH_BYTES / c->slot, (u64)BATCH_MAX));
	spin_lock_init(&c->lock, LOCK_SLAB);
	list_init(&c->with_room);
	c->next = all_caches;
	all_caches = c;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = cache_take(&cache_of_caches);

	if (!c)
		panic("no memory for the cache of %s\n", name);
	cache_setup(c, name, size, align);
	return c;
}

/* Free the empty slabs; the caller holds the lock. Returns the pages freed. */
static u64 free_empty_slabs(struct kmem_cache *c)
{
	struct list_head *pos = c->with_room.next, *next;
	u64 freed = 0;

	for (; pos != &c->with_room; pos = next) { /* the head is not aligned like a struct page */
		struct page *slab = list_entry(pos, struct page, link);

		next = pos->next;
		if (slab->nr_present)
			continue;
		list_del(&slab->link);
		c->nr_slabs--;
		c->nr_empty--;
		freed += free_slab(c, slab);
	}
	return freed;
}

u64 slab_shrink(void)
{
	u64 freed = 0;

	for (struct kmem_cache *c = all_caches; c; c = c->next) {
		u64 irq = local_irq_save();

		freed += flush(c, percpu(c->cpu), 0);
		spin_lock(&c->lock);
		freed += free_empty_slabs(c);
		spin_unlock(&c->lock);
		local_irq_restore(irq);
	}
	return freed;
}

static u64 free_on_cpus(const struct kmem_cache *c)
{
	u64 n = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(percpu_of(i, c->cpu)->nr);
	return n;
}

void kmem_cache_foreach(void (*fn)(const struct kmem_cache_info *, void *), void *arg)
{
	for (struct kmem_cache *c = all_caches; c; c = c->next) {
		u64 slabs = READ_ONCE(c->nr_slabs);
		struct kmem_cache_info info = {
			.name = c->name,
			.size = c->size,
			.active = READ_ONCE(c->nr_out) - free_on_cpus(c),
			.total = slabs * c->per_slab,
			.pages = slabs << c->order,
			.slab_objects = c->per_slab,
			.slab_pages = 1u << c->order,
		};

		fn(&info, arg);
	}
}

u64 slab_pages(void)
{
	u64 pages = 0;

	for (struct kmem_cache *c = all_caches; c; c = c->next)
		pages += READ_ONCE(c->nr_slabs) << c->order;
	return pages;
}

/* ---- kmalloc ---- */

static const u16 class_sizes[] = {16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048};
static const char *const class_names[] = {
	"kmalloc-16",  "kmalloc-32",  "kmalloc-64",  "kmalloc-96",   "kmalloc-128",
	"kmalloc-192", "kmalloc-256", "kmalloc-512", "kmalloc-1024", "kmalloc-2048",
};
#define CLASS_MAX 2048
static struct kmem_cache *classes[ARRAY_SIZE(class_sizes)];
static atomic_t large_blocks; /* allocations straight from the page allocator */

static struct kmem_cache *class_for(size_t size)
{
	unsigned int i = 0;

	while (class_sizes[i] < size)
		i++;
	return classes[i];
}

static unsigned int order_for(size_t size)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

void *kmalloc(size_t size)
{
	struct page *p;

	if (should_fail(&kmalloc_site))
		return NULL;
	if (likely(size <= CLASS_MAX))
		return cache_take(class_for(size));
	if (size > PAGE_SIZE << MAX_ORDER)
		return NULL;
	p = alloc_pages(order_for(size), 0);
	if (!p)
		return NULL;
	atomic_inc(&large_blocks);
	return page_to_virt(p);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = virt_to_page(p);
	if (page->flags & PG_SLAB) {
		kmem_cache_free(slab_of(p)->owner, p);
		return;
	}
	atomic_dec(&large_blocks);
	free_pages(page, page->order);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

u64 slab_active_objects(void)
{
	u64 n = atomic_read(&large_blocks);

	for (struct kmem_cache *c = all_caches; c; c = c->next)
		n += READ_ONCE(c->nr_out) - free_on_cpus(c);
	return n;
}

void slab_init(void)
{
	cache_setup(&cache_of_caches, "kmem_cache", sizeof(struct kmem_cache), 0);
	for (size_t i = 0; i < ARRAY_SIZE(class_sizes); i++)
		classes[i] = kmem_cache_create(class_names[i], class_sizes[i],
					       class_sizes[i] == CLASS_MAX ? CLASS_MAX : 0);
}
