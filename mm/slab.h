/* Caches of equal objects, and kmalloc() on top of them. */
#pragma once

#include "kernel/lib/types.h"

struct kmem_cache;

/* A cache of objects of `size` bytes, aligned to `align` (0: 16). Keeps the pointer to the name.
 * Boot time only: panics without memory. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
/* An uninitialised object, or NULL. Any context. */
void *kmem_cache_alloc(struct kmem_cache *c);
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *obj);

/* Up to 4 MiB. Aligned to 16; sizes above 1 KiB, to the next power of two. NULL without memory. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *p); /* NULL is allowed */
/* scoped(kfree), for a pointer to anything. */
static inline void scoped_kfree(void *p)
{
	kfree(*(void **)p);
}
char *kstrdup(const char *s);

void slab_init(void);
/* Free the empty slabs of all caches; returns the pages freed. */
u64 slab_shrink(void);

struct kmem_cache_info {
	const char *name;
	size_t size;
	u64 active, total, pages;     /* objects in use, room for objects, pages held */
	u32 slab_objects, slab_pages; /* of one slab */
};
/* Calls fn for each cache. */
void kmem_cache_foreach(void (*fn)(const struct kmem_cache_info *, void *), void *arg);
u64 slab_active_objects(void); /* in use in all caches, for leak checks */
u64 slab_pages(void);          /* held by all caches */
