/* Physical pages: the page array and the buddy allocator. */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"

enum page_flags {
	PG_RESERVED = 1 << 0, /* not RAM, or never handed out */
	PG_BUDDY = 1 << 1,    /* free, head of a block of 2^order pages */
	PG_SLAB = 1 << 2,
	PG_TABLE = 1 << 3,    /* a page table */
	PG_CACHE = 1 << 4,    /* belongs to a memory object: a private mapping always copies it */
	PG_ZERO = 1 << 5,     /* the zero page: always copied */
	PG_HEAD = 1 << 6,     /* first page of an allocation of more than one page, or of a slab */
	PG_CPU_FREE = 1 << 7, /* free, in a CPU's stock or the depot */
	PG_POISONED = 1 << 8, /* debug builds: free, and filled with the poison */
	PG_ROOT = 1 << 9,     /* came out of STOCK_ROOT: is an empty root table already */
	PG_UNUSED = 1 << 10,  /* PG_CACHE: reserved by fallocate(2), not used yet */
};

/*
 * One per physical page, 64 bytes.
 *
 * count: references. For user pages and page tables: the number of page-table entries that point
 * here, plus one for each other holder, such as a memory object. Saturates.
 */
struct page {
	refcount_t count;
	u32 flags;
	u8 order;       /* of a free or allocated block, in its head */
	u8 level;       /* PG_TABLE: 1 … 4 */
	u16 spare;      /* PG_SLAB: objects cut so far */
	u32 nr_present; /* PG_TABLE: present entries (user half of a root) */
	union {
		struct list_head link; /* buddy: free list. slab: partial or full list */
		struct {
			u64 used; /* PG_TABLE: bit i: one of entries 8i … 8i+7 may be present */
			spinlock_t lock; /* PG_TABLE: held while a shared table is copied */
		};
	};
	void *owner; /* PG_SLAB: its cache; of other pages the head page. PG_CACHE: its object */
	u64 index;   /* PG_CACHE: page number in the object. PG_SLAB: first free object */
} __aligned(64);

#define PFN(pa) ((pa) >> PAGE_SHIFT)

#ifndef HOST_TEST
#define page_array ((struct page *)PAGE_ARRAY_BASE)
static inline phys_addr_t page_to_phys(const struct page *p)
{
	return (phys_addr_t)(p - page_array) << PAGE_SHIFT;
}
static inline struct page *phys_to_page(phys_addr_t pa)
{
	return page_array + PFN(pa);
}
#else
phys_addr_t page_to_phys(const struct page *p);
struct page *phys_to_page(phys_addr_t pa);
#endif
static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}
static inline struct page *virt_to_page(const void *va)
{
	return phys_to_page(virt_to_phys(va));
}

#define MAX_ORDER 10 /* largest block: 4 MiB */

/* ---- before the buddy allocator: mm/early.c ---- */
struct boot_info;
void early_mm_init(const struct boot_info *boot);
/* The address of zeroed memory below 4 GiB that is never freed; panics if there is none. */
phys_addr_t early_alloc(size_t size, size_t align);
phys_addr_t early_highest_ram(void); /* end of the highest usable range */
/* Is this free memory that has no struct pages yet (mm/section.c)? */
bool early_deferred(phys_addr_t pa);
/* Hand all remaining RAM to the buddy allocator. The page array is mapped by now. */
void page_alloc_init(void);

/* ---- the buddy allocator: mm/page.c ---- */
/* Boot time only. RAM ends at `highest`. Then each range of RAM is added or reserved once. The page
 * array is zeroed, and mapped for each 4 MiB that has RAM in it, but for deferred sections. */
void buddy_init(phys_addr_t highest);
void buddy_add_range(phys_addr_t start, phys_addr_t end);
void buddy_reserve_range(phys_addr_t start, phys_addr_t end);
/* Free the whole pages in [start, end), which were reserved (a module that has been read). */
void free_reserved_range(phys_addr_t start, phys_addr_t end);
enum alloc_flags {
	ALLOC_ZERO = 1 << 0,  /* filled with zeroes */
	ALLOC_DMA32 = 1 << 1, /* below 4 GiB */
	ALLOC_ROOT = 1 << 2,  /* one page, from STOCK_ROOT if it has one (PG_ROOT is then set) */
};
/* Pages that only tasks with may_use_reserve() can get: enough for the shell to answer and for a
 * process killed for lack of memory to exit. */
#define PAGE_RESERVE 64
/* May the running task use the reserve? kernel/oom.c */
bool may_use_reserve(void);
/* The running task did not get the pages that it asked for. Any context. kernel/oom.c */
void pages_ran_out(void);
/* Kill the process whose death frees most, and sleep a little; the caller then tries again. False:
 * it should give up. `tries`: how often it has tried again in vain. The first time, nothing is
 * killed if enough pages for a page fault are free. */
bool out_of_memory(u32 tries);
/* On the way to user mode, after the allocator failed: if the system call returned -ENOMEM, kill a
 * process if that is needed, and have the call tried again. */
void oom_work(struct pt_regs *regs);
/* 2^order pages with count 1, or NULL. Any context. */
struct page *alloc_pages(unsigned int order, unsigned int flags);
/* Free the pages of one allocation. Its count is 1, or 0: the last reference was dropped. */
void free_pages(struct page *p, unsigned int order);
struct page *alloc_page(unsigned int flags); /* one page, with the fast path */
/* Each CPU keeps stocks of single pages. Those freed in a prepared state are not prepared again. */
enum page_stock {
	STOCK_ANY,
	STOCK_ZEROED, /* for ALLOC_ZERO */
	STOCK_ROOT,   /* root tables without an entry in the user's half */
	NR_STOCKS
};
/* free_pages(p, 0) of a page whose contents are as the stock says. */
void free_prepared(struct page *p, enum page_stock as);
static inline void get_page(struct page *p)
{
	refcount_inc(&p->count);
}
/* Give the stocks of this CPU back to the allocator. Interrupts are off. */
void drain_cpu_pages(void);
/* Drop a reference to an order-0 page; the last one frees it. */
void put_page(struct page *p);

u64 nr_free_pages(void); /* including the CPUs' stocks */
u64 nr_total_pages(void);
/* Free blocks of each order, for `mem`: counts[0 … MAX_ORDER]. */
void free_blocks(u64 *counts);
extern struct page *zero_page;
