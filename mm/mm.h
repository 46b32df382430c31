/*
 * An address space: its areas and its page-table tree.
 *
 * mm/ knows nothing of tasks. mm->lock (a mutex) guards the areas and the tables; the functions
 * below take it themselves unless their comments say otherwise.
 */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/cpumask.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"
#include "mm/object.h"
#include "mm/page.h"

enum area_flags {
	AREA_READ = 1 << 0,
	AREA_WRITE = 1 << 1,
	AREA_EXEC = 1 << 2,
	AREA_SHARED = 1 << 3,    /* MAP_SHARED */
	AREA_GROWSDOWN = 1 << 4, /* a stack: grows down to the guard gap */
	AREA_STACK = 1 << 5,     /* the initial stack, for /proc and `vm` */
	AREA_HEAP = 1 << 6,
	AREA_NOWRITE = 1 << 7,    /* shared, of a file not open for writing: never to be writable */
	AREA_DONTFORK = 1 << 8,   /* a child does not get it */
	AREA_WIPEONFORK = 1 << 9, /* a child gets it empty */
	AREA_LOCKED = 1 << 10,    /* mlock(2): only counted, since there is no swap */
	AREA_ONFAULT = 1 << 11,   /* locked, but faulted in only when touched */
	AREA_NOEXEC = 1 << 12,    /* of a file on a noexec mount: never to be executable */
	AREA_NODUMP = 1 << 13,    /* not in a core dump: MADV_DONTDUMP */
};
#define AREA_PROT (AREA_READ | AREA_WRITE | AREA_EXEC)
#define AREA_LOCK (AREA_LOCKED | AREA_ONFAULT)
/* Flags that a child does not simply inherit. */
#define AREA_FORK (AREA_DONTFORK | AREA_WIPEONFORK | AREA_LOCK)

/* An open file, which an address space holds for the name of what it maps. Never NULL here. */
struct file;
struct mapped_file_ops {
	void (*hold)(struct file *f); /* one more reference */
	void (*put)(struct file *f);
	void (*note_write)(struct file *f); /* a page is to be written through a shared mapping */
	bool (*may_tell)(struct file *f);   /* may current learn what is in memory? mincore(2) */
};
extern const struct mapped_file_ops *mapped_files; /* set while the system comes up */

/* [start, end), page-aligned. Private anonymous memory if obj is NULL. */
struct area {
	u64 start, end;
	u32 flags;
	u32 spare;
	struct vm_object *obj; /* holds a reference */
	u64 pgoff;             /* page of obj at start */
	struct file *file;     /* the open file that obj belongs to, or NULL; holds a reference */
};

/* The areas of an address space, sorted by address, none overlapping. Parent and child share the
 * set after fork until one of them changes it, as they share the page tables. */
struct area_set;

/* Counts of what happened in this address space. Written under mm->lock, read without. */
struct mm_stats {
	u64 tables_shared; /* by the fork that made it: entries shared instead of copied */
	u64 tables_copied; /* by that fork */
	u64 pages_shared;  /* by that fork, if it copied all tables: leaf pages shared */
	u64 cow_tables;    /* tables copied later, for a write */
	u64 cow_pages;     /* pages copied by write faults */
	u64 cow_reused;    /* pages made writable because no other reference was left */
	u64 zero_pages;    /* demand-zero pages */
	u64 file_pages;    /* pages mapped from objects */
	u64 faults;
};

#define AUXV_WORDS 48

/* Pages in use, by kind. */
struct mm_rss {
	u64 anon, shared; /* private pages, and pages of objects; the zero page is neither */
	u64 tables;       /* page tables without the root, including shared ones */
};

struct mm {
	pte_t *root;            /* PML4 */
	struct list_head all;   /* mm_list_lock: the list of all mms that have users */
	struct area_set *areas; /* lock */
	struct mutex lock;      /* LOCK_MM */
	refcount_t users;       /* tasks that use it; mm_put() of the last one tears it down */
	refcount_t count; /* 1 for all users, and 1 for each CPU that has it loaded (mm_drop) */
	struct cpumask cpu_mask; /* atomic: CPUs that have it loaded and must be flushed */
	u64 id;                  /* constant: no other mm ever has the same; 0: the kernel's own */
	u64 flushes;             /* atomic: flushes of its TLB so far (arch/x86_64/mm/pcid.h) */
	struct file *exe;        /* the program: set by exec, then constant. A reference, or NULL */
	u64 cow_next;    /* the address where a run of write faults on shared pages would go on */
	u32 cow_faults;  /* length of that run */
	u32 lock_future; /* mlockall(2): AREA_LOCK flags of every new area */
	u64 limit_lock;  /* bytes; set by each call that locks, since it depends on the caller */
	struct mm_stats stats;

	/* A child gets a copy of the rest, which is plain numbers. */
	u64 mmap_base; /* highest address for mmap to choose from, downwards */
	/* No gap that reaches above gap_from and lies below mmap_base is longer than gap_hole. A
	 * gap_from of 0: not searched yet. */
	u64 gap_from, gap_hole;
	u64 start_code, end_code, start_data, end_data;
	u64 start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
	u64 nr_mapped;        /* pages of all areas, for RLIMIT_AS */
	u64 nr_data;          /* private, writable and no stack, for RLIMIT_DATA */
	u64 nr_locked;        /* pages of AREA_LOCKED areas; in a child 0 after mm_fork_advice() */
	u64 peak_mapped;      /* highest nr_mapped seen when something was unmapped */
	struct mm_rss rss;    /* pages in the tree, counted at each change */
	u64 peak_resident;    /* highest rss.anon + rss.shared, likewise */
	long dumpable;        /* PR_SET_DUMPABLE; 0: /proc/PID belongs to root */
	u64 auxv[AUXV_WORDS]; /* the auxiliary vector that exec made, for /proc */
	u32 membarrier;       /* atomic: registrations, kernel/sys/membarrier.c */
	bool fork_flags;      /* an area had flags of AREA_FORK: fork must check them all */
	u16 core_filter; /* a word: /proc/PID/coredump_filter, with the bits of its default inverted
			  */
	/* Bytes: the rlimits, copied by exec and by setrlimit. Words, read without a lock. */
	u64 limit_stack, limit_data, limit_as;
};
#define GUARD_areas(mm) (&(mm)->lock)

/* The highest level that fork shares instead of copying: tunable fork.share. */
enum fork_share {
	SHARE_PAGES,
	SHARE_TABLES,
	SHARE_TREE
};
extern long fork_share;

void mm_init(void);         /* caches, init_mm, the zero page */
struct mm *mm_create(void); /* empty; NULL without memory. users = count = 1 */
/* A copy-on-write clone of src, for fork. NULL without memory. */
struct mm *mm_clone(struct mm *src);
static inline void mm_get(struct mm *mm)
{
	refcount_inc(&mm->users);
}
void mm_put(struct mm *mm); /* drop a user; the last unmaps everything */
SCOPED(mm_put, struct mm *)
void mm_drop(struct mm *mm); /* drop a `count` reference; the last frees root and struct */
static inline void mm_grab(struct mm *mm)
{
	refcount_inc(&mm->count);
}

/* ---- areas: mm/area.c, mm/map.c. Errors are negative errno ---- */
#define MM_FIXED           (1u << 0) /* at this address, replacing what is mapped there */
#define MM_FIXED_NOREPLACE (1u << 1) /* at this address, or -EEXIST */
#define MM_32BIT           (1u << 2) /* below 2 GiB */

#define STACK_GAP     (256 * PAGE_SIZE) /* kept free below a stack that grows */
#define MMAP_MIN_ADDR 0x10000UL         /* nothing is mapped below, so a null pointer faults */
extern long max_map_count;              /* tunable vm.max_map_count: areas of one address space */
/* Map `len` bytes, rounded up to pages; obj (or NULL) gains a reference. addr is a hint unless
 * MM_FIXED. Returns the address, -ENOMEM, -EAGAIN, -EINVAL, -EEXIST, -EPERM or -EOVERFLOW. */
long mm_map(struct mm *mm, u64 addr, u64 len, u32 flags, struct vm_object *obj, u64 pgoff, u32 how);
/* The same for what->flags, obj, file and pgoff. */
long mm_map_area(struct mm *mm, const struct area *what, u64 addr, u64 len, u32 how);
/* For exec, on an mm that no task uses yet. mm_find_room(): the address that mm_map() would choose
 * for so many bytes, or -ENOMEM. mm_place(): map n areas of whole pages where they say; 0, or
 * -EEXIST, -ENOMEM or -EPERM after some of them may have been mapped. */
long mm_find_room(struct mm *mm, u64 len);
int mm_place(struct mm *mm, const struct area *areas, u32 n);
long mm_unmap(struct mm *mm, u64 addr, u64 len);
long mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot); /* -ENOMEM over a hole */
long mm_remap(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags,
	      u64 new_addr);        /* mremap(2) */
u64 mm_brk(struct mm *mm, u64 brk); /* brk(2): the new break, or the old one on failure */
long mm_discard(struct mm *mm, u64 addr, u64 len); /* MADV_DONTNEED */

/* ---- flags of areas: mm/area_flags.c ---- */

/* Replace the flags in `mask`, which has none of AREA_PROT, in [start, end). -ENOMEM at a hole:
 * what lies below it has been changed. */
long mm_set_flags(struct mm *mm, u64 start, u64 end, u32 mask, u32 flags);
/* Lock with these AREA_LOCK flags, or unlock with none. -ENOMEM over a hole, or past limit_lock. */
long mm_lock(struct mm *mm, u64 start, u64 end, u32 flags);
/* Apply the AREA_FORK flags to a child's new address space, which no other task knows yet. */
int mm_fork_advice(struct mm *mm);
/* mincore(2): write a byte for each of n pages from `start` on; bit 0 says that touching the page
 * would allocate nothing. Returns the number of pages up to the first hole. */
u64 mm_incore(struct mm *mm, u64 start, u64 n, u8 *out);

/* Grow the stack above addr down to it. Returns the area, or NULL: *err is 0 if no stack may grow
 * there, else -ENOMEM. The caller holds mm->lock. */
const struct area *mm_grow_stack(struct mm *mm, u64 addr, int *err);

/* Copy the area of addr, or the first one above it, to *out. False if there is none. */
bool mm_find_area(struct mm *mm, u64 addr, struct area *out);
bool mm_find_area_locked(struct mm *mm, u64 addr, struct area *out); /* caller holds mm->lock */
/* The area of addr, or NULL. The caller holds mm->lock; the pointer is valid until its release. */
const struct area *mm_area_at(struct mm *mm, u64 addr);
/* Calls fn for each area, lowest first, with mm->lock held. */
void mm_foreach_area(struct mm *mm, void (*fn)(const struct area *, void *), void *arg);
u64 mm_area_count(struct mm *mm);

/* The address space after `prev` in the list of those that tasks use, with a reference as by
 * mm_get(); drops the reference to `prev`. NULL as argument: the first; as result: none left. An
 * address space made during the walk is last. */
struct mm *mm_next(struct mm *prev);
/* Unmap the pages [first, end) of the object everywhere; they are being removed from it. `copies`:
 * unmap also the copies that private mappings have made of them. */
void mm_zap_object(const struct vm_object *o, u64 first, u64 end, bool copies);

/* ---- faults: mm/fault.c ---- */
enum fault_access {
	ACCESS_READ = 0,
	ACCESS_WRITE = 1,
	ACCESS_EXEC = 2
};
enum fault_result {
	FAULT_OK,
	FAULT_MAPERR, /* no area there: SIGSEGV, SEGV_MAPERR */
	FAULT_ACCERR, /* its protection forbids it: SIGSEGV, SEGV_ACCERR */
	FAULT_BUS,    /* past the end of the object: SIGBUS, BUS_ADRERR */
	FAULT_OOM,    /* no memory: the caller has a process killed and tries again */
};
enum fault_result mm_fault(struct mm *mm, u64 addr, enum fault_access access);
/* The byte's address in the direct map; NULL: page absent, or access forbidden. Under mm->lock. */
void *mm_look(struct mm *mm, u64 addr, enum fault_access access);
/* mm_fault() for a caller that holds mm->lock. *kaddr is the address of the byte in the direct map,
 * valid until the lock is released. */
enum fault_result mm_fault_locked(struct mm *mm, u64 addr, enum fault_access access, void **kaddr);
/* Fault in the page of addr for writing and zero it from addr on. The page is in a private writable
 * area of an object and has not been touched yet. For exec. */
enum fault_result mm_own_first_part(struct mm *mm, u64 addr);
/* Copy between the kernel and an mm that need not be loaded, faulting pages in (exec, peek).
 * Returns the bytes copied. A write obeys copy-on-write and the protection of the area. */
size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write);
/* The same for a tracer: also writes private pages that the program may only read, into copies. */
size_t mm_access_forced(struct mm *mm, u64 addr, void *buf, size_t len, bool write);

/* For a core dump, which makes no page present. Copy the page of addr: 0; or the bytes from there
 * on, up to `end` at most, that are a hole, in which nothing was ever written. */
u64 mm_copy_present(struct mm *mm, u64 addr, u64 end, void *page);
/* Is there a page in [*addr, end) that no file and no other process's mapping has: private and
 * written to? False when *addr has become `end`; or has moved some way, not to hold the lock long.
 */
bool mm_find_private(struct mm *mm, u64 *addr, u64 end);

/* Pages that are resident now, and the most that ever were (VmHWM, ru_maxrss). Need no lock. */
static inline u64 mm_resident(const struct mm *mm)
{
	return READ_ONCE(mm->rss.anon) + READ_ONCE(mm->rss.shared);
}
static inline u64 mm_peak_resident(const struct mm *mm)
{
	return MAX(READ_ONCE(mm->peak_resident), mm_resident(mm));
}
