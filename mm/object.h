/* Memory objects: a growing set of pages by page number. The contents of a file, or of shared
 * anonymous memory. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"
#include "mm/page.h"

/* How many pages a number of objects may have together: the size of a file system in memory. */
struct page_quota {
	refcount_t count; /* of objects, and the file system's own */
	atomic_t used;
	int limit;
};

/* Somebody who counts the areas that show an object: mm/area.c tells of each that comes or goes,
 * its mm's lock held, and of all of them when fork shares or exit drops an address space. */
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
	struct page_quota *quota;   /* charged for each page; NULL: nobody is. A reference */
	struct object_watch *watch; /* NULL: nobody counts */
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
bool page_quota_charge(struct page_quota *q); /* one page; false: no more. NULL: any number */
void page_quota_uncharge(struct page_quota *q);
void page_quota_put(struct page_quota *q); /* NULL is allowed */
void object_put(struct vm_object *o);      /* NULL is allowed; the last reference drops the pages */
/* The page `index`, with a reference for the caller. Absent: a zeroed one is made if `create`, else
 * NULL is stored in *out. 0; -ENOMEM; -ENOSPC when the quota is used up, -EFBIG when past the size
 * (both SIGBUS). */
int object_get_page(struct vm_object *o, u64 index, bool create, struct page **out);
/* Have the page `index` there. One that is made now is only reserved: until it is asked for by
 * object_get_page(.., create, ..) it counts as a hole. Errors as there. */
int object_reserve_page(struct vm_object *o, u64 index);
/* Is the page `index` there, and more than reserved? */
bool object_has_page(struct vm_object *o, u64 index);
/* Those of the n pages from `index` on that object_has_page(), each with a reference for the
 * caller, NULL for the others. */
void object_peek_pages(struct vm_object *o, u64 index, u32 n, struct page **out);
/* The first page from `index` on that object_has_page() (`present`), or that is not. A very large
 * number when there is none. */
u64 object_seek(struct vm_object *o, u64 index, bool present);
/* Bytes [start, end) become zeroes, and whole pages of them are dropped: as object_resize() does.
 */
void object_punch(struct vm_object *o, u64 start, u64 end);
/* Change the size; pages past a smaller size are dropped, and the rest of its last page zeroed.
 * Mappings of dropped pages keep them, until mm_zap_object(). */
void object_resize(struct vm_object *o, u64 size);
