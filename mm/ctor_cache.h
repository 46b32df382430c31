/*
 * Caches of objects that stay constructed while they are free, for their next users.
 *
 * Each CPU keeps a few free objects. A debug build keeps none and constructs each object anew, so
 * that the slab below can poison what is free.
 */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/types.h"

#define CTOR_CACHE_KEEPS 4 /* free objects a CPU */

struct ctor_objects {
	void *obj[CTOR_CACHE_KEEPS];
	u32 nr;
};

struct ctor_cache {
	int (*ctor)(void *obj); /* 0 or -ENOMEM */
	void (*dtor)(void *obj);
	struct ctor_objects *cpu; /* likewise: PER_CPU, used with interrupts off */
	struct kmem_cache *slab;
};

#define CTOR_CACHE(name, ctor_, dtor_)                  \
	static PER_CPU struct ctor_objects name##_kept; \
	static struct ctor_cache name = {.ctor = (ctor_), .dtor = (dtor_), .cpu = &name##_kept}

/* Boot time only, as kmem_cache_create(). CTOR_CACHE() has set the rest. */
void ctor_cache_init(struct ctor_cache *c, const char *name, size_t size, size_t align);
/* A constructed object whose other contents are its last user's, or NULL. */
void *ctor_cache_alloc(struct ctor_cache *c);
void ctor_cache_free(struct ctor_cache *c, void *obj);
/* Destroy what all CPUs keep. May sleep. */
void ctor_cache_drain(struct ctor_cache *c);
