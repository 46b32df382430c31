/* Caches of constructed objects: see ctor_cache.h. */
#include "mm/ctor_cache.h"

#include "kernel/lib/log.h"
#include "mm/slab.h"

void ctor_cache_init(struct ctor_cache *c, const char *name, size_t size, size_t align)
{
	c->slab = kmem_cache_create(name, size, align);
}

static noinline void *construct(struct ctor_cache *c)
{
	void *obj = kmem_cache_alloc(c->slab);

	if (obj && c->ctor(obj)) {
		kmem_cache_free(c->slab, obj);
		return NULL;
	}
	return obj;
}

static noinline void destroy(struct ctor_cache *c, void *obj)
{
	c->dtor(obj);
	kmem_cache_free(c->slab, obj);
}

void *ctor_cache_alloc(struct ctor_cache *c)
{
	u64 irq = local_irq_save();
	struct ctor_objects *mine = percpu(c->cpu);
	void *obj = mine->nr ? mine->obj[--mine->nr] : NULL;

	local_irq_restore(irq);
	return likely(obj) ? obj : construct(c);
}

void ctor_cache_free(struct ctor_cache *c, void *obj)
{
	u64 irq = local_irq_save();
	struct ctor_objects *mine = percpu(c->cpu);
	bool kept = !DEBUG_CHECKS && mine->nr < CTOR_CACHE_KEEPS;

	if (kept)
		mine->obj[mine->nr++] = obj;
	local_irq_restore(irq);
	if (!kept)
		destroy(c, obj);
}

/* A destructor may take locks that an interrupt must not take: each CPU only hands its objects
 * over, chained by their first words. */
struct drain {
	struct ctor_cache *cache;
	void *first;
};

static void hand_over(void *arg)
{
	struct drain *d = arg;
	struct ctor_objects *mine = percpu(d->cache->cpu);

	while (mine->nr) {
		void **obj = mine->obj[--mine->nr];

		*obj = __atomic_load_n(&d->first, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(&d->first, obj, (void *)obj, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			cpu_relax();
	}
}

void ctor_cache_drain(struct ctor_cache *c)
{
	struct drain d = {.cache = c};

	on_each_cpu(hand_over, &d);
	while (d.first) {
		void **obj = d.first;

		d.first = *obj;
		destroy(c, obj);
	}
}
