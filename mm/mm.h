/*
 * An address space: its areas and its page-table tree.
 *
 * mm/ knows nothing of tasks. Locking: mm->lock (a mutex) guards the areas and the tables; the
 * functions below take it themselves unless their comment says otherwise.
 */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
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
	AREA_NOWRITE = 1 << 7, /* shared, of a file not opened for writing: mprotect() must not make
				  it writable */
	AREA_DONTFORK = 1 << 8,   /* a child does not get it */
	AREA_WIPEONFORK = 1 << 9, /* a child gets it empty */
	AREA_LOCKED = 1 << 10,  /* mlock(2): nothing leaves memory here, so this is only counted */
	AREA_ONFAULT = 1 << 11, /* locked, but faulted in only when touched */
	AREA_NOEXEC = 1 << 12,  /* of a file system mounted noexec: mprotect() must not make it
				   executable */
};
#define AREA_PROT (AREA_READ | AREA_WRITE | AREA_EXEC)
#define AREA_LOCK (AREA_LOCKED | AREA_ONFAULT)
/* What a child does not inherit as it is. */
#define AREA_FORK (AREA_DONTFORK | AREA_WIPEONFORK | AREA_LOCK)

/* An open file, as far as an address space goes: what was mapped, for its name. None of these takes
 * NULL. */
struct file;
struct mapped_file_ops {
	void (*hold)(struct file *f); /* one more reference */
	void (*put)(struct file *f);
	void (*note_write)(struct file *f); /* a page is to be written through a shared mapping */
	bool (*may_tell)(struct file *f);   /* may current learn what is in memory? mincore(2) */
};
extern const struct mapped_file_ops *mapped_files; /* set while the system comes up */

/* [start, end), page-aligned. Anonymous private when obj is NULL. */
struct area {
	u64 start, end;
	u32 flags;
	u32 spare;
	struct vm_object *obj; /* holds a reference */
	u64 pgoff;             /* page of obj at start */
	struct file *file;     /* that obj is the contents of, or NULL; holds a reference */
};

/* The areas of an address space, sorted by address, none overlapping. Shared by parent and child
 * after fork until one of them changes it: the rule of the page tables, applied to the map that
 * describes them. */
struct area_set;

/* What has happened in this address space; written under mm->lock, read by anybody. */
struct mm_stats {
	u64 tables_shared; /* by the fork that made it: entries shared instead of copied */
	u64 tables_copied; /* by that fork */
	u64 pages_shared;  /* leaf pages shared by that fork (only when it walked down to them) */
	u64 cow_tables;    /* tables copied later, because somebody wrote */
	u64 cow_pages;     /* pages copied by write faults */
	u64 cow_reused;    /* write faults that found the page was the last reference */
	u64 zero_pages;    /* demand-zero pages */
	u64 file_pages;    /* pages mapped from objects */
	u64 faults;
};

#define AUXV_WORDS 48

/* Pages in use, by kind. */
struct mm_rss {
	u64 anon, shared; /* pages of its own, and of memory objects; the zero page is neither */
	u64 tables;       /* page tables but the root, those shared with others as well */
};

struct mm {
	pte_t *root;          /* PML4 */
	struct list_head all; /* mm_list_lock: in the list of all that have users */
	struct area_set *areas;
	struct mutex lock; /* LOCK_MM */
	refcount_t users;  /* tasks that live in it: the last one out tears it down (mm_put) */
	refcount_t count;  /* users as one, plus every CPU that merely has it loaded (mm_drop) */
	u64 cpu_mask;      /* CPUs that have it loaded: they are flushed */
	struct file
		*exe;   /* the program, for its name: set by exec, constant. A reference, or NULL */
	u64 cow_next;   /* where the next write to a shared page goes, if they go on so */
	u32 cow_faults; /* that have gone on so, each where the one before ended */
	u32 lock_future; /* mlockall(2): AREA_LOCK flags of every new area */
	u64 limit_lock;  /* bytes; set by each call that locks, for it depends on who calls */
	struct mm_stats stats;

	/* From here on a child's are its parent's: plain numbers. */
	u64 mmap_base; /* highest address for mmap to choose from, downwards */
	/* Every gap that reaches above gap_from, and lies below mmap_base, is of gap_hole bytes at
	 * most. 0: nobody has looked yet. */
	u64 gap_from, gap_hole;
	u64 start_code, end_code, start_data, end_data;
	u64 start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
	u64 nr_mapped;        /* pages of all areas, for RLIMIT_AS */
	u64 nr_data;          /* private, writable and no stack, for RLIMIT_DATA */
	u64 nr_locked;        /* those that are AREA_LOCKED; a child's until mm_fork_advice() */
	u64 peak_mapped;      /* the most that nr_mapped had been when something was unmapped */
	struct mm_rss rss;    /* what its tree has: counted where that changes */
	u64 peak_resident;    /* the same for rss.anon + rss.shared */
	long dumpable;        /* PR_SET_DUMPABLE: 0: /proc/PID is root's */
	u64 auxv[AUXV_WORDS]; /* what exec told the program, for /proc */
	u32 membarrier;       /* atomic: what it has registered for, kernel/sys/membarrier.c */
	bool fork_flags;      /* some area has had flags of AREA_FORK: fork must look */
	u64 limit_stack, limit_data,
		limit_as; /* bytes; copied from the rlimits by exec and setrlimit */
};

/* How far down fork shares instead of copying: tunable fork.share. */
enum fork_share {
	SHARE_PAGES,
	SHARE_TABLES,
	SHARE_TREE
};
extern long fork_share;

void mm_init(void);         /* caches, init_mm, the zero page */
struct mm *mm_create(void); /* empty; NULL without memory. users = count = 1 */
/* A copy-on-write twin of src for fork. NULL without memory (src is unchanged in effect). */
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
#define MM_FIXED           (1u << 0) /* exactly there, replacing what is there */
#define MM_FIXED_NOREPLACE (1u << 1) /* exactly there, or -EEXIST */
#define MM_32BIT           (1u << 2) /* somewhere below 2 GiB */

#define STACK_GAP     (256 * PAGE_SIZE) /* kept free below a stack that grows */
#define MMAP_MIN_ADDR 0x10000UL         /* below it nothing is mapped: a null pointer stays one */
extern long max_map_count;              /* tunable vm.max_map_count: areas of one address space */
/* Map `len` bytes (rounded up to pages) with area_flags; obj (may be NULL) gains a reference. addr
 * is a hint unless MM_FIXED. Returns the address, -ENOMEM, -EINVAL, -EEXIST, -EPERM (below
 * MMAP_MIN_ADDR), -EOVERFLOW (pgoff). */
long mm_map(struct mm *mm, u64 addr, u64 len, u32 flags, struct vm_object *obj, u64 pgoff, u32 how);
/* The same for what->flags, obj, file and pgoff. */
long mm_map_area(struct mm *mm, const struct area *what, u64 addr, u64 len, u32 how);
/* For exec, while nobody lives in it: where mm_map() would put so much now, or -ENOMEM; and areas
 * of whole pages put exactly where they say. 0, -EEXIST, -ENOMEM, -EPERM: perhaps after some of
 * them. */
long mm_find_room(struct mm *mm, u64 len);
int mm_place(struct mm *mm, const struct area *areas, u32 n);
long mm_unmap(struct mm *mm, u64 addr, u64 len);
long mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot); /* -ENOMEM over a hole */
long mm_remap(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags,
	      u64 new_addr); /* mremap(2) */
u64 mm_brk(struct mm *mm,
	   u64 brk); /* the new break, or the old one on failure: brk(2) as the kernel has it */
long mm_discard(struct mm *mm, u64 addr, u64 len); /* MADV_DONTNEED */

/* ---- what is said of areas: mm/area_flags.c ---- */

/* Replace the flags in `mask`, none of AREA_PROT, in [start, end). -ENOMEM over a hole: what lies
 * in front of it has been changed. */
long mm_set_flags(struct mm *mm, u64 start, u64 end, u32 mask, u32 flags);
/* Lock with these AREA_LOCK flags, or unlock with none. -ENOMEM over a hole, or past limit_lock. */
long mm_lock(struct mm *mm, u64 start, u64 end, u32 flags);
/* A child's address space, just made and known to nobody: do what its areas' AREA_FORK says. */
int mm_fork_advice(struct mm *mm);
/* One byte for each of n pages from start on: bit 0 is set when touching it would not allocate. How
 * many pages, up to the first hole. */
u64 mm_incore(struct mm *mm, u64 start, u64 n, u8 *out);

/* Let the stack above addr grow down to it. The area, or NULL: *err is 0 when no stack may grow
 * there, else -ENOMEM. The caller holds mm->lock. */
const struct area *mm_grow_stack(struct mm *mm, u64 addr, int *err);

/* The area that holds addr, or the first one above it; copied to *out. False when there is none. */
bool mm_find_area(struct mm *mm, u64 addr, struct area *out);
bool mm_find_area_locked(struct mm *mm, u64 addr, struct area *out); /* caller holds mm->lock */
/* The area that holds addr, or NULL. Caller holds mm->lock, until when it is there. */
const struct area *mm_area_at(struct mm *mm, u64 addr);
/* Calls fn for each area, lowest first, with mm->lock held. */
void mm_foreach_area(struct mm *mm, void (*fn)(const struct area *, void *), void *arg);
u64 mm_area_count(struct mm *mm);

/* The next address space that somebody lives in, with a reference to it as by mm_get(); drops that
 * to `prev`. NULL: the first, and behind the last. One made during the walk comes last. */
struct mm *mm_next(struct mm *prev);
/* Pages [first, end) of the object are no longer: whoever has them mapped loses them, and finds out
 * when he touches them again. `copies`: also what private mappings have copied of them. */
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
	FAULT_OOM,    /* no memory: the caller finds a victim and tries again */
};
enum fault_result mm_fault(struct mm *mm, u64 addr, enum fault_access access);
/* Where the byte lies in the direct map if nothing has to be faulted in, or NULL. Caller holds
 * mm->lock. */
void *mm_look(struct mm *mm, u64 addr, enum fault_access access);
/* The same for a caller who holds mm->lock. *kaddr is where the byte lies in the direct map: there
 * it stays until the lock is released. */
enum fault_result mm_fault_locked(struct mm *mm, u64 addr, enum fault_access access, void **kaddr);
/* The page of addr, in a private writable area of an object, which nobody has touched yet: from
 * addr on it is to be zeroes. Like a write to it, but for the copying of what is not kept. For
 * exec. */
enum fault_result mm_own_first_part(struct mm *mm, u64 addr);
/* Fault in and copy between the kernel and an mm that need not be loaded (exec, peek, ptrace).
 * Bytes copied. `write` obeys copy-on-write and the area's protection. */
size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write);

/* Resident pages: leaves present in the tables (walks, skipping what is not used). */
u64 mm_resident(struct mm *mm);
/* The most pages that have been resident in it: VmHWM, ru_maxrss. Needs no lock. */
static inline u64 mm_peak_resident(const struct mm *mm)
{
	return MAX(READ_ONCE(mm->peak_resident),
		   READ_ONCE(mm->rss.anon) + READ_ONCE(mm->rss.shared));
}
