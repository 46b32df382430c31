/*
 * Memory objects: the pages of a file, or of shared anonymous memory.
 *
 * The pages of an object are in a radix tree, by page number. A node has 64 slots, and the tree is
 * only as high as the largest number needs. Slots of the lowest level point to pages, all others to
 * nodes. The object holds one reference to each of its pages; every mapping holds its own.
 *
 * Lock: vm_object.lock guards the tree and the size. Pages are allocated before it is taken, nodes
 * while it is held, by an allocator that never sleeps.
 */
#include "mm/object.h"

#include <asm/errno.h>

#include "arch/x86_64/arch.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define RADIX_SHIFT      6
#define RADIX_SLOTS      (1u << RADIX_SHIFT)
#define RADIX_MAX_HEIGHT 9 /* 52 bits of page number */

struct radix_node {
	u32 nr; /* slots in use */
	void *slot[RADIX_SLOTS];
};

static struct kmem_cache *object_cache, *node_cache;
atomic_t nr_object_pages;

void object_init(void)
{
	object_cache = kmem_cache_create("vm_object", sizeof(struct vm_object), 0);
	node_cache = kmem_cache_create("radix_node", sizeof(struct radix_node), 0);
}

/* ---- the radix tree: the caller holds the object's lock ---- */

/* The number of pages that a tree of this height has room for. */
static u64 radix_room(unsigned int height)
{
	return 1UL << (RADIX_SHIFT * height);
}

static unsigned int slot_index(u64 index, unsigned int height)
{
	return (index >> (RADIX_SHIFT * (height - 1))) & (RADIX_SLOTS - 1);
}

/* The lowest-level node that has the slot of `index`, or NULL. */
static const struct radix_node *radix_leaf(const struct vm_object *o, u64 index)
{
	const struct radix_node *node = o->pages;

	if (index >= radix_room(o->height))
		return NULL;
	for (unsigned int h = o->height; h > 1 && node; h--)
		node = node->slot[slot_index(index, h)];
	return node;
}

static struct page *radix_find(const struct vm_object *o, u64 index)
{
	const struct radix_node *node = radix_leaf(o, index);

	return node ? node->slot[slot_index(index, 1)] : NULL;
}

/* Put a new root above the old one until `index` fits. */
static int radix_raise(struct vm_object *o, u64 index)
{
	while (o->height == 0 || index >= radix_room(o->height)) {
		struct radix_node *root = kmem_cache_zalloc(node_cache);

		if (!root)
			return -ENOMEM;
		if (o->pages) {
			root->slot[0] = o->pages;
			root->nr = 1;
		}
		o->pages = root;
		o->height++;
	}
	return 0;
}

/* Insert a page at `index`, which is absent. 0 or -ENOMEM; empty nodes that a failure leaves behind
 * are used by the next attempt, or freed with the object. */
static int radix_insert(struct vm_object *o, u64 index, struct page *p)
{
	struct radix_node *node;

	if (radix_raise(o, index))
		return -ENOMEM;
	node = o->pages;
	for (unsigned int h = o->height; h > 1; h--) {
		void **slot = &node->slot[slot_index(index, h)];

		if (!*slot) {
			*slot = kmem_cache_zalloc(node_cache);
			if (!*slot)
				return -ENOMEM;
			node->nr++;
		}
		node = *slot;
	}
	node->slot[slot_index(index, 1)] = p;
	node->nr++;
	o->nr_pages++;
	atomic_inc(&nr_object_pages);
	return 0;
}

bool page_quota_charge(struct page_quota *q)
{
	if (!q || atomic_add_return(&q->used, 1) <= q->limit)
		return true;
	atomic_dec(&q->used);
	return false;
}

void page_quota_uncharge(struct page_quota *q)
{
	if (q)
		atomic_dec(&q->used);
}

/* Drop every page with a number in [first, end) below a node that covers numbers from `base` on.
 * True if the node became empty and was freed. */
static bool radix_prune(struct vm_object *o, struct radix_node *node, unsigned int height, u64 base,
			u64 first, u64 end)
{
	u64 span = radix_room(height - 1);

	for (unsigned int i = 0; i < RADIX_SLOTS; i++) {
		u64 start = base + i * span;

		if (!node->slot[i] || start + span <= first || start >= end)
			continue;
		if (height == 1) {
			put_page(node->slot[i]);
			o->nr_pages--;
			atomic_dec(&nr_object_pages);
			page_quota_uncharge(o->quota);
		} else if (!radix_prune(o, node->slot[i], height - 1, start, first, end)) {
			continue;
		}
		node->slot[i] = NULL;
		node->nr--;
	}
	if (node->nr)
		return false;
	kmem_cache_free(node_cache, node);
	return true;
}

static void drop_pages(struct vm_object *o, u64 first, u64 end)
{
	if (o->pages && radix_prune(o, o->pages, o->height, 0, first, end)) {
		o->pages = NULL;
		o->height = 0;
	}
}

/* ---- objects ---- */

struct vm_object *object_create(const char *name, u64 size)
{
	struct vm_object *o = kmem_cache_zalloc(object_cache);

	if (!o)
		return NULL;
	refcount_set(&o->count, 1);
	spin_lock_init(&o->lock, LOCK_OBJECT);
	o->size = size;
	strlcpy(o->name, name, sizeof(o->name));
	return o;
}

struct page_quota *page_quota_create(int limit)
{
	struct page_quota *q = kmalloc(sizeof(*q));

	if (q)
		*q = (struct page_quota){.count = REFCOUNT_INIT(1), .limit = limit};
	return q;
}

void page_quota_put(struct page_quota *q)
{
	if (q && refcount_dec_and_test(&q->count))
		kfree(q);
}

void object_set_quota(struct vm_object *o, struct page_quota *q)
{
	refcount_inc(&q->count);
	o->quota = q;
}

void object_put(struct vm_object *o)
{
	if (!o || !refcount_dec_and_test(&o->count))
		return;
	drop_pages(o, 0, ~0UL); /* the last reference: no lock needed */
	DEBUG_ON(o->nr_pages);
	page_quota_put(o->quota);
	kmem_cache_free(object_cache, o);
}

/* Look the page up. If it is absent and `fresh` is not NULL, insert `fresh`. 1: found; 0: absent or
 * inserted; or -ENOMEM, -ENOSPC, -EFBIG. *out is the page with a reference, or NULL. */
static int find_or_insert(struct vm_object *o, u64 index, struct page *fresh, struct page **out)
{
	guard_spin(&o->lock);
	*out = NULL;
	if (index >= DIV_ROUND_UP(o->size, PAGE_SIZE))
		return -EFBIG;
	*out = radix_find(o, index);
	if (*out) {
		get_page(*out);
		return 1;
	}
	if (!fresh)
		return 0;
	if (!page_quota_charge(o->quota))
		return -ENOSPC;
	if (radix_insert(o, index, fresh)) {
		page_quota_uncharge(o->quota);
		return -ENOMEM;
	}
	fresh->flags |= PG_CACHE;
	fresh->owner = o;
	fresh->index = index;
	get_page(fresh);
	*out = fresh;
	return 0;
}

/* Make the page `index`, which was absent, with these flags. */
static int make_page(struct vm_object *o, u64 index, u32 flags, struct page **out)
{
	struct page *fresh = alloc_page(ALLOC_ZERO);
	int ret;

	if (!fresh)
		return -ENOMEM;
	fresh->flags |= flags;
	ret = find_or_insert(o, index, fresh, out);
	if (ret)
		put_page(fresh); /* failed, or another task has made the page meanwhile */
	return ret < 0 ? ret : 0;
}

int object_get_page(struct vm_object *o, u64 index, bool create, struct page **out)
{
	int ret = find_or_insert(o, index, NULL, out);

	if (ret < 0)
		return ret;
	if (!create)
		return 0;
	if (!ret)
		ret = make_page(o, index, 0, out);
	if (ret < 0)
		return ret;
	if ((*out)->flags & PG_UNUSED)
		(*out)->flags &= ~PG_UNUSED;
	return 0;
}

int object_reserve_page(struct vm_object *o, u64 index)
{
	struct page *p;
	int ret = find_or_insert(o, index, NULL, &p);

	if (ret > 0 && (p->flags & PG_UNUSED))
		p->flags &= ~PG_UNUSED; /* as on Linux: reserved twice, it counts as used */
	if (!ret)
		ret = make_page(o, index, PG_UNUSED, &p);
	if (ret < 0)
		return ret;
	put_page(p);
	return 0;
}

static struct page *used_page(struct page *p)
{
	return p && !(p->flags & PG_UNUSED) ? p : NULL;
}

bool object_has_page(struct vm_object *o, u64 index)
{
	guard_spin(&o->lock);
	return used_page(radix_find(o, index)) != NULL;
}

void object_peek_pages(struct vm_object *o, u64 index, u32 n, struct page **out)
{
	guard_spin(&o->lock);
	while (n > 0) { /* one node at a time */
		const struct radix_node *leaf = radix_leaf(o, index);
		u32 first = slot_index(index, 1), run = MIN(n, RADIX_SLOTS - first);

		for (u32 i = 0; i < run; i++) {
			out[i] = leaf ? used_page(leaf->slot[first + i]) : NULL;
			if (out[i])
				get_page(out[i]);
		}
		out += run;
		index += run;
		n -= run;
	}
}

/* A number of pages from `index` on that are absent for certain; 0 if `index` is present. The
 * caller holds the object's lock. */
static u64 absent_from(const struct vm_object *o, u64 index)
{
	const struct radix_node *node = o->pages;

	if (!node || index >= radix_room(o->height))
		return ~0UL - index;
	for (unsigned int h = o->height; h >= 1; h--) {
		u64 span = radix_room(h - 1);

		node = node->slot[slot_index(index, h)];
		if (!node)
			return span - (index & (span - 1));
	}
	return used_page((struct page *)node) ? 0 : 1;
}

#define BATCH 1024 /* pages dropped or looked at in one hold of the lock */

/* Drop the pages [first, end). Lets go of the lock after each batch. */
static void drop_range(struct vm_object *o, u64 first, u64 end)
{
	while (first < end) {
		u64 step;

		guard_spin(&o->lock);
		step = absent_from(o, first);
		if (!step) {
			step = MIN(end - first, (u64)BATCH);
			drop_pages(o, first, first + step);
		}
		first = step < end - first ? first + step : end;
	}
}

/* The size is lowered first, so that no page is made beyond it while pages are dropped. */
void object_resize(struct vm_object *o, u64 size)
{
	u64 rest = size % PAGE_SIZE;
	struct page *last;
	bool shrinks;

	spin_lock(&o->lock);
	shrinks = size < o->size;
	last = shrinks && rest ? radix_find(o, size / PAGE_SIZE) : NULL;
	if (last)
		memset((char *)page_to_virt(last) + rest, 0, PAGE_SIZE - rest);
	o->size = size;
	spin_unlock(&o->lock);
	if (shrinks)
		drop_range(o, DIV_ROUND_UP(size, PAGE_SIZE), ~0UL);
}

/* Zero [start, end), which lies in one page. The caller holds the object's lock. */
static void zero_part(struct vm_object *o, u64 start, u64 end)
{
	struct page *p = start < end ? radix_find(o, start / PAGE_SIZE) : NULL;

	if (p)
		memset((char *)page_to_virt(p) + start % PAGE_SIZE, 0, end - start);
}

void object_punch(struct vm_object *o, u64 start, u64 end)
{
	u64 first = ALIGN_UP(start, PAGE_SIZE), last = end & PAGE_MASK;

	if (start >= end)
		return;
	spin_lock(&o->lock);
	zero_part(o, start, MIN(first, end));
	if (first <= last)
		zero_part(o, last, end);
	spin_unlock(&o->lock);
	drop_range(o, first / PAGE_SIZE, last / PAGE_SIZE);
}

u64 object_seek(struct vm_object *o, u64 index, bool present)
{
	u64 pages, skip;
	u32 looks = 0;

	spin_lock(&o->lock);
	pages = DIV_ROUND_UP(o->size, PAGE_SIZE);
	while (index < pages) {
		if (++looks % BATCH == 0) {
			spin_unlock(&o->lock);
			spin_lock(&o->lock);
			pages = DIV_ROUND_UP(o->size, PAGE_SIZE);
		}
		skip = absent_from(o, index);
		if (present == (skip == 0))
			break;
		if (present && skip > pages - index)
			index = ~0UL;
		else
			index += present ? skip : 1;
	}
	spin_unlock(&o->lock);
	return index < pages ? index : ~0UL;
}
