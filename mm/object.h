/* Memory objects: a growing set of pages by number, of a file or of shared anonymous memory. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"
#include "mm/page.h"

/* A limit on the pages of several objects together: the size of a file system in memory. */
struct page_quota {
	refcount_t count; /* of objects, and the file system's own */
	atomic_t used;
	int limit;
};

/* Counts the areas that map an object. mm/area.c calls changed() for each area that is added or
 * removed, with the mm's lock held, and for all areas when fork or exit shares or drops a set. */
struct object_watch {
	void (*changed)(struct object_watch *w, bool more);
};

struct vm_object {
	refcount_t count;
	spinlock_t lock; /* LOCK_OBJECT: the fields below */
	u64 size;        /* bytes; pages past it do not exist (SIGBUS) */
	u64 nr_pages;
	void *pages; /* radix tree, mm/object.c */
	unsigned int height;
	struct page_quota *quota;   /* charged for each page; a reference, or NULL */
	struct object_watch *watch; /* or NULL */
	char name[24];              /* for people: the file's name */
};

extern atomic_t nr_object_pages; /* of all objects */

void object_init(void);                                      /* caches; called by mm_init() */
struct vm_object *object_create(const char *name, u64 size); /* NULL without memory */
static inline void object_get(struct vm_object *o)
{
	refcount_inc(&o->count);
}
void object_set_quota(struct vm_object *o, struct page_quota *q); /* before the first page */
struct page_quota *page_quota_create(int limit);                  /* NULL without memory */
bool page_quota_charge(struct page_quota *q); /* one page; false: used up. NULL: no limit */
void page_quota_uncharge(struct page_quota *q);
void page_quota_put(struct page_quota *q); /* NULL is allowed */
void object_put(struct vm_object *o);      /* NULL is allowed; the last reference drops the pages */
/* Store the page `index` in *out, with a reference for the caller. If it is absent, make a zeroed
 * page if `create`, else store NULL. 0, -ENOMEM, -ENOSPC when the quota is used up, or -EFBIG past
 * the size (both SIGBUS in a fault). */
int object_get_page(struct vm_object *o, u64 index, bool create, struct page **out);
/* Make the page `index` if it is absent. A page made here is only reserved: it counts as a hole
 * until object_get_page() with `create` asks for it. Errors as there. */
int object_reserve_page(struct vm_object *o, u64 index);
/* Is the page `index` present and not only reserved? */
bool object_has_page(struct vm_object *o, u64 index);
/* Store in out[] the n pages from `index` on, each with a reference for the caller; NULL for those
 * that are absent or only reserved. */
void object_peek_pages(struct vm_object *o, u64 index, u32 n, struct page **out);
/* The first page from `index` on for which object_has_page() is `present`; ~0 if there is none. */
u64 object_seek(struct vm_object *o, u64 index, bool present);
/* Zero the bytes [start, end); whole pages in it are dropped, as by object_resize(). */
void object_punch(struct vm_object *o, u64 start, u64 end);
/* Change the size. Pages past a smaller size are dropped, and the rest of the last page is zeroed.
 * Mappings keep dropped pages until mm_zap_object(). */
void object_resize(struct vm_object *o, u64 size);
