/*
 * Physical memory for the tests of mm/: an arena of pages with their page array, an allocator that
 * counts and can be made to fail, and kmalloc() on top of malloc() so that ASan sees every misuse.
 * Freed pages are poisoned for ASan. A test may look at each page that is freed (page_freed).
 */
#pragma once

#include "tests/unit/host.h"

#include <asm/errno.h>

#include "arch/x86_64/arch.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/slab.h"

void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

#ifndef ARENA_PAGES
#define ARENA_PAGES 8192
#endif

static char arena[ARENA_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static struct page arena_pages[ARENA_PAGES];

phys_addr_t page_to_phys(const struct page *p)
{
	return (phys_addr_t)(p - arena_pages) << PAGE_SHIFT;
}
struct page *phys_to_page(phys_addr_t pa)
{
	if (PFN(pa) >= ARENA_PAGES)
		abort();
	return &arena_pages[PFN(pa)];
}
void *phys_to_virt(phys_addr_t pa)
{
	return arena + pa;
}
phys_addr_t virt_to_phys(const void *va)
{
	return (const char *)va - arena;
}
void clear_page(void *p)
{
	memset(p, 0, PAGE_SIZE);
}
void copy_page(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}

/* An open file is only counted here. */
struct file {
	u32 count;
};
static void file_hold(struct file *f)
{
	f->count++;
}
static void file_put(struct file *f)
{
	if (!f->count--)
		abort();
}
static void file_note_write(struct file *f)
{
	(void)f;
}
static bool file_may_tell(struct file *f)
{
	return f != NULL;
}
static const struct mapped_file_ops host_file_ops = {.hold = file_hold,
						     .put = file_put,
						     .note_write = file_note_write,
						     .may_tell = file_may_tell};
HOST_STUB const struct mapped_file_ops *mapped_files; /* for tests without mm/mm.c */
__attribute__((constructor)) static void set_mapped_files(void)
{
	mapped_files = &host_file_ops;
}

#ifndef MM_HOST_REAL_ALLOCATOR

/* ---- failures: every allocation of any kind counts down ---- */
static u32 fail_countdown; /* 0: no failure */
static bool failed;

static bool fail_now(void)
{
	if (fail_countdown == 0 || --fail_countdown)
		return false;
	failed = true;
	return true;
}

/* ---- pages: page 0 is never handed out, so that a physical address is never 0 ---- */
static u32 free_stack[ARENA_PAGES], nr_free_stack, pages_out;
static bool arena_ready;
static void (*page_freed)(struct page *p);

static void arena_init(void)
{
	for (u32 pfn = ARENA_PAGES - 1; pfn > 0; pfn--)
		free_stack[nr_free_stack++] = pfn;
	__asan_poison_memory_region(arena, sizeof(arena));
	arena_ready = true;
}

struct page *alloc_pages(unsigned int order, unsigned int flags)
{
	struct page *p;

	if (!arena_ready)
		arena_init();
	if (order || fail_now() || !nr_free_stack)
		return NULL;
	p = &arena_pages[free_stack[--nr_free_stack]];
	pages_out++;
	memset(p, 0, sizeof(*p));
	refcount_set(&p->count, 1);
	__asan_unpoison_memory_region(page_to_virt(p), PAGE_SIZE);
	memset(page_to_virt(p), flags & ALLOC_ZERO ? 0 : 0xa5, PAGE_SIZE);
	return p;
}

void free_pages(struct page *p, unsigned int order)
{
	if (order || refcount_read(&p->count) > 1 || !(p - arena_pages))
		abort();
	if (page_freed)
		page_freed(p);
	refcount_set(&p->count, 0);
	p->flags = PG_CPU_FREE;
	__asan_poison_memory_region(page_to_virt(p), PAGE_SIZE);
	free_stack[nr_free_stack++] = p - arena_pages;
	pages_out--;
}

struct page *alloc_page(unsigned int flags)
{
	return alloc_pages(0, flags);
}

void free_prepared(struct page *p, enum page_stock as)
{
	const u64 *word = page_to_virt(p);

	for (u32 i = 0; i < PAGE_SIZE / sizeof(*word) / (as == STOCK_ROOT ? 2 : 1); i++)
		if (as != STOCK_ANY && word[i])
			abort();
	free_pages(p, 0);
}

void put_page(struct page *p)
{
	if (refcount_dec_and_test(&p->count))
		free_pages(p, 0);
}

/* ---- objects ---- */
struct kmem_cache {
	size_t size;
};
static long objects_out;

void *kmalloc(size_t size)
{
	void *p = fail_now() ? NULL : malloc(size);

	objects_out += p != NULL;
	return p;
}
void kfree(void *p)
{
	objects_out -= p != NULL;
	free(p);
}
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	static struct kmem_cache caches[16];
	static unsigned int n;

	(void)name;
	(void)align;
	caches[n].size = size;
	return &caches[n++];
}
void *kmem_cache_alloc(struct kmem_cache *c)
{
	return kmalloc(c->size);
}
void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *p = kmalloc(c->size);

	return p ? memset(p, 0, c->size) : NULL;
}
void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	kfree(p);
}
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}

#endif
