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

struct ctor_cache {
	int (*ctor)(void *obj); /* 0 or -ENOMEM */
	void (*dtor)(void *obj);
	struct kmem_cache *slab;
	struct { /* a CPU's own, with interrupts off */
		void *obj[CTOR_CACHE_KEEPS];
		u32 nr;
	} cpu[MAX_CPUS];
};

/* Boot time only, as kmem_cache_create(). `ctor` and `dtor` are set already. */
void ctor_cache_init(struct ctor_cache *c, const char *name, size_t size, size_t align);
/* A constructed object whose other contents are its last user's, or NULL. */
void *ctor_cache_alloc(struct ctor_cache *c);
void ctor_cache_free(struct ctor_cache *c, void *obj);
/* Destroy what all CPUs keep. May sleep. */
void ctor_cache_drain(struct ctor_cache *c);
