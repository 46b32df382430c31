/*
 * Changing what is mapped: mmap, munmap, mprotect, mremap, brk and the growth of stacks.
 *
 * Each change has two phases under mm->lock. First acquire room in the area set and ownership of
 * the page tables that will be touched; this may run out of memory and changes nothing visible.
 * Then commit, which cannot fail.
 */
#include <asm/errno.h>
#include <linux/mman.h>

#include "kernel/lib/overflow.h"
#include "kernel/lib/tunable.h"
#include "mm/area.h"
#include "mm/tree.h"

long max_map_count = 65530;
TUNABLE(max_map_count, "vm.max_map_count", max_map_count, 0, 0x7fffffff, NULL,
	"areas that one address space may have");

/* ---- steps that several calls share: the caller holds mm->lock ---- */

/* May so many areas be cut in two? As on Linux, a new mapping may exceed the limit by one. */
static bool may_cut(const struct mm *mm, u32 cuts)
{
	return !cuts || area_count(mm->areas) + cuts <= (u64)max_map_count;
}

int mm_prepare_change(struct mm *mm, u64 start, u64 end)
{
	u32 cuts = areas_cuts(mm->areas, start, end);

	return may_cut(mm, cuts) ? areas_prepare_all(&mm->areas, start, end, cuts) : -ENOMEM;
}

static bool within_limits(const struct mm *mm, s64 more_mapped, s64 more_data)
{
	if (more_mapped > 0 && mm->nr_mapped + more_mapped > mm->limit_as >> PAGE_SHIFT)
		return false;
	return more_data <= 0 || mm->nr_data + more_data <= mm->limit_data >> PAGE_SHIFT;
}

static bool may_lock(const struct mm *mm, u32 flags, u64 more)
{
	return !(flags & AREA_LOCKED) || mm->nr_locked + more <= mm->limit_lock >> PAGE_SHIFT;
}

/* The end of the gap that the free address `addr` lies in, mmap_base at most. */
static u64 end_of_gap(const struct mm *mm, u64 addr)
{
	const struct area *a = area_find(mm->areas, addr);

	return a ? MIN(mm->mmap_base, area_claim(a)) : mm->mmap_base;
}

/* Remove a range for which prepare_unmap() has acquired everything. */
static void commit_unmap(struct mm *mm, u64 start, u64 end)
{
	u64 mapped, data;

	areas_pages(mm->areas, start, end, &mapped, &data);
	if (!mapped)
		return;
	(void)tree_unmap(mm, start, end); /* prepared: cannot fail */
	if (mm->nr_locked)
		mm->nr_locked -= areas_locked(mm->areas, start, end);
	areas_remove(&guarded(mm, areas), start, end);
	mm->peak_mapped = MAX(mm->peak_mapped, mm->nr_mapped);
	if (mm->gap_from && end > mm->gap_from) /* a new gap above gap_from, or a longer one */
		mm->gap_from = MAX(mm->gap_from, end_of_gap(mm, start));
	mm->nr_mapped -= mapped;
	mm->nr_data -= data;
}

/* Acquire for commit_unmap(), with room for `extra` more areas. */
static int prepare_unmap(struct mm *mm, u64 start, u64 end, u32 extra)
{
	u32 hole = areas_hole(mm->areas, start, end);
	int err = may_cut(mm, hole) ? areas_prepare(&mm->areas, start, end, extra + hole) : -ENOMEM;

	return err ? err : tree_prepare_unmap(mm, start, end);
}

static int unmap_locked(struct mm *mm, u64 start, u64 end)
{
	int err;

	if (areas_free(mm->areas, start, end))
		return 0;
	err = prepare_unmap(mm, start, end, 0);
	if (!err)
		commit_unmap(mm, start, end);
	return err;
}

/* Insert an area for which areas_prepare() was called. */
static void insert_area(struct mm *mm, const struct area *a)
{
	u64 pages = (a->end - a->start) >> PAGE_SHIFT;

	area_get_source(a);
	areas_insert(&guarded(mm, areas), a);
	mm->nr_mapped += pages;
	if (area_is_data(a->flags))
		mm->nr_data += pages;
	if (a->flags & AREA_LOCKED)
		mm->nr_locked += pages;
	mm->fork_flags |= (a->flags & AREA_FORK) != 0;
}

/* Map `a` and unmap what was there before. */
static int map_area(struct mm *mm, const struct area *a)
{
	u64 pages = (a->end - a->start) >> PAGE_SHIFT, mapped, data;
	int err;

	if (areas_free(mm->areas, a->start, a->end))
		mapped = data = 0;
	else
		areas_pages(mm->areas, a->start, a->end, &mapped, &data);
	if (!within_limits(mm, pages - mapped, (area_is_data(a->flags) ? pages : 0) - data))
		return -ENOMEM;
	if (area_count(mm->areas) > (u64)max_map_count)
		return -ENOMEM;
	err = mapped ? prepare_unmap(mm, a->start, a->end, 1)
		     : areas_prepare(&mm->areas, a->start, a->end, 1);
	if (err)
		return err;
	if (mapped)
		commit_unmap(mm, a->start, a->end);
	insert_area(mm, a);
	return 0;
}

/* ---- choosing an address ---- */

/* Is [start, end) free and not in the gap below a stack? */
static bool range_usable(const struct mm *mm, u64 start, u64 end)
{
	const struct area *a = area_find(mm->areas, start);

	return !a || area_claim(a) >= end;
}

/* Search down from mmap_base, or from where the last search ended if all gaps above are short. */
static u64 find_gap_from_base(struct mm *mm, u64 len)
{
	u64 addr;

	if (!mm->gap_from || len <= mm->gap_hole) {
		mm->gap_from = mm->mmap_base;
		mm->gap_hole = 0;
	}
	addr = areas_gap(mm->areas, len, MMAP_MIN_ADDR, mm->gap_from, &mm->gap_hole);
	if (addr)
		mm->gap_from = addr + len; /* correct even if it is not mapped after all */
	return addr;
}

/* mmap(2) without MAP_FIXED: the hint if it is free, else below mmap_base, else anywhere. */
static u64 choose_address(struct mm *mm, u64 hint, u64 len, u32 how)
{
	u64 addr, hole = 0;

	hint = hint <= TASK_SIZE ? ALIGN_UP(hint, PAGE_SIZE) : 0;
	if (how & MM_32BIT)
		return areas_gap(mm->areas, len, 1UL << 30, 1UL << 31, &hole);
	if (hint >= MMAP_MIN_ADDR && hint <= TASK_SIZE - len && range_usable(mm, hint, hint + len))
		return hint;
	addr = find_gap_from_base(mm, len);
	return addr ? addr : areas_gap(mm->areas, len, MMAP_MIN_ADDR, TASK_SIZE, &hole);
}

static long check_fixed(const struct mm *mm, u64 addr, u64 len, u32 how)
{
	if (addr > TASK_SIZE - len)
		return -ENOMEM;
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (addr < MMAP_MIN_ADDR)
		return -EPERM;
	if ((how & MM_FIXED_NOREPLACE) && !areas_free(mm->areas, addr, addr + len))
		return -EEXIST;
	return (long)addr;
}

long mm_find_room(struct mm *mm, u64 len)
{
	u64 at;

	guard_mutex(&mm->lock);
	at = choose_address(mm, 0, ALIGN_UP(len, PAGE_SIZE), 0);
	return at ? (long)at : -ENOMEM;
}

/* ---- mmap, munmap ---- */

long mm_map_area(struct mm *mm, const struct area *what, u64 addr, u64 len, u32 how)
{
	struct area a = *what;
	long ret;
	int err;

	if (len == 0)
		return -EINVAL;
	if (len > TASK_SIZE)
		return -ENOMEM;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (add_saturating(a.pgoff, len >> PAGE_SHIFT) == ~0UL)
		return -EOVERFLOW;

	guard_mutex(&mm->lock);
	a.flags |= mm->lock_future;
	if (!may_lock(mm, a.flags, len >> PAGE_SHIFT))
		return -EAGAIN;
	if (how & (MM_FIXED | MM_FIXED_NOREPLACE))
		ret = check_fixed(mm, addr, len, how);
	else
		ret = (long)choose_address(mm, addr, len, how) ?: -ENOMEM;
	if (ret < 0)
		return ret;
	a.start = ret;
	a.end = ret + len;
	err = map_area(mm, &a);
	return err ? err : ret;
}

static int place_area(struct mm *mm, const struct area *a)
{
	u64 pages = (a->end - a->start) >> PAGE_SHIFT;

	if (a->end <= a->start || a->end > TASK_SIZE)
		return -ENOMEM;
	if (a->start < MMAP_MIN_ADDR)
		return -EPERM;
	if (!areas_free(mm->areas, a->start, a->end))
		return -EEXIST;
	if (!within_limits(mm, pages, area_is_data(a->flags) ? pages : 0))
		return -ENOMEM;
	if (areas_prepare(&mm->areas, a->start, a->end, 1))
		return -ENOMEM;
	insert_area(mm, a);
	return 0;
}

int mm_place(struct mm *mm, const struct area *areas, u32 n)
{
	int err = 0;

	guard_mutex(&mm->lock);
	for (u32 i = 0; i < n && !err; i++)
		err = place_area(mm, &areas[i]);
	return err;
}

long mm_map(struct mm *mm, u64 addr, u64 len, u32 flags, struct vm_object *obj, u64 pgoff, u32 how)
{
	struct area what = {.flags = flags, .obj = obj, .pgoff = pgoff};

	return mm_map_area(mm, &what, addr, len, how);
}

long mm_unmap(struct mm *mm, u64 addr, u64 len)
{
	if ((addr & ~PAGE_MASK) || len == 0 || len > TASK_SIZE || addr > TASK_SIZE - len)
		return -EINVAL;
	guard_mutex(&mm->lock);
	return unmap_locked(mm, addr, addr + ALIGN_UP(len, PAGE_SIZE));
}

long mm_discard(struct mm *mm, u64 addr, u64 len)
{
	u64 end;

	if ((addr & ~PAGE_MASK) || !page_range_end(addr, len, PAGE_SIZE, &end))
		return -EINVAL;
	if (end > TASK_SIZE)
		return -ENOMEM;
	guard_mutex(&mm->lock);
	if (tree_unmap(mm, addr, end) || areas_cover_end(mm->areas, addr, end) != end)
		return -ENOMEM;
	return 0;
}

static void zap_area(struct mm *mm, const struct area *a, u64 first, u64 end)
{
	u64 low = MAX(first, a->pgoff);
	u64 high = MIN(end, a->pgoff + ((a->end - a->start) >> PAGE_SHIFT));

	if (low < high)
		(void)tree_unmap(mm, a->start + ((low - a->pgoff) << PAGE_SHIFT),
				 a->start + ((high - a->pgoff) << PAGE_SHIFT));
}

/* Misses no address space: one that a fork is making comes after its parent in the list, and the
 * fork holds the parent's lock until the child's tables are complete. */
void mm_zap_object(const struct vm_object *o, u64 first, u64 end, bool copies)
{
	for (struct mm *mm = mm_next(NULL); mm; mm = mm_next(mm)) {
		guard_mutex(&mm->lock);
		for_each_area(a, mm->areas, 0, TASK_SIZE)
		{
			if (a->obj == o && (copies || (a->flags & AREA_SHARED)))
				zap_area(mm, a, first, end);
		}
	}
}

/* ---- mprotect ---- */

/* Acquire for every area of the range: 0 or -ENOMEM. */
static int prepare_protect(struct mm *mm, u64 start, u64 end, u32 prot)
{
	u64 mapped, data, data_after = 0;
	int err = 0;

	for_each_area(a, mm->areas, start, end)
	{
		u64 from = MAX(a->start, start), to = MIN(a->end, end);
		u32 flags = (a->flags & ~AREA_PROT) | prot;

		if (area_is_data(flags))
			data_after += (to - from) >> PAGE_SHIFT;
		if (!err)
			err = tree_prepare_protect(mm, from, to, flags);
	}
	areas_pages(mm->areas, start, end, &mapped, &data);
	if (!err && !within_limits(mm, 0, data_after - data))
		err = -ENOMEM;
	return err ? err : mm_prepare_change(mm, start, end);
}

static void commit_protect(struct mm *mm, u64 start, u64 end, u32 prot)
{
	u64 mapped, before, after;

	areas_pages(mm->areas, start, end, &mapped, &before);
	areas_change(&guarded(mm, areas), start, end, AREA_PROT, prot);
	areas_pages(mm->areas, start, end, &mapped, &after);
	mm->nr_data += after - before;
	for_each_area(a, mm->areas, start, end)
	{
		/* prepared: cannot fail */
		(void)tree_protect(mm, MAX(a->start, start), MIN(a->end, end), a->flags);
	}
}

/* May an area with these flags get the protection `prot`? */
static bool may_protect(u32 flags, u32 prot)
{
	return !((prot & AREA_WRITE) && (flags & AREA_NOWRITE)) &&
	       !((prot & AREA_EXEC) && (flags & AREA_NOEXEC));
}

/* The end of what can be changed from `addr` on: the first hole, or the first area that must not
 * get this protection; *err is the reason. */
static u64 protect_end(const struct mm *mm, u64 addr, u64 end, u32 prot, long *err)
{
	u64 covered = areas_cover_end(mm->areas, addr, end);

	for_each_area(a, mm->areas, addr, covered)
	{
		if (!may_protect(a->flags, prot)) {
			*err = -EACCES;
			return MAX(a->start, addr);
		}
	}
	*err = covered < end ? -ENOMEM : 0;
	return covered;
}

/* When it fails at a hole or a forbidden area, what lies below has been changed, as on Linux. */
long mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot)
{
	u64 end, covered;
	long ret = 0, why;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (!page_range_end(addr, len, PAGE_SIZE, &end) || end > TASK_SIZE)
		return -ENOMEM;
	guard_mutex(&mm->lock);
	covered = protect_end(mm, addr, end, prot, &why);
	if (covered > addr)
		ret = prepare_protect(mm, addr, covered, prot & AREA_PROT);
	if (!ret && covered > addr)
		commit_protect(mm, addr, covered, prot & AREA_PROT);
	return ret ? ret : why;
}

/* ---- mremap: the caller holds mm->lock, lengths are whole pages ---- */

/* The part of an area from `start` on, moved to another address and with another length. */
static struct area moved_area(const struct area *a, u64 start, u64 to, u64 len)
{
	struct area moved = *a;

	moved.start = to;
	moved.end = to + len;
	if (a->obj)
		moved.pgoff += (start - a->start) >> PAGE_SHIFT;
	return moved;
}

static bool grow_in_place(struct mm *mm, u64 old, u64 old_len, u64 new_len)
{
	u64 end = old + old_len, pages = (new_len - old_len) >> PAGE_SHIFT;
	const struct area *a = area_find(mm->areas, old);

	if (a->end != end || new_len > TASK_SIZE - old || !range_usable(mm, end, old + new_len) ||
	    areas_prepare(&mm->areas, old, old, 0))
		return false;
	area_resize(mm->areas, old, area_find(mm->areas, old)->start, old + new_len);
	a = area_find(mm->areas, old);
	mm->nr_mapped += pages;
	if (a->flags & AREA_LOCKED)
		mm->nr_locked += pages;
	if (area_is_data(a->flags))
		mm->nr_data += pages;
	return true;
}

static long move_area(struct mm *mm, u64 old, u64 old_len, u64 to, u64 new_len)
{
	struct area moved = moved_area(area_find(mm->areas, old), old, to, new_len);
	int err = prepare_unmap(mm, old, old + old_len, 1);

	if (!err)
		err = areas_prepare(&mm->areas, to, to + new_len, 2); /* `moved`, and a hole's */
	if (!err)
		err = tree_move(mm, old, to, MIN(old_len, new_len));
	if (err)
		return err;
	/* Cannot fail from here. */
	insert_area(mm, &moved);
	commit_unmap(mm, old, old + old_len);
	return (long)to;
}

static long remap_locked(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags, u64 to)
{
	const struct area *a = area_find(mm->areas, old);
	s64 more = (s64)(new_len - old_len) >> PAGE_SHIFT;
	bool shared;
	int err;

	if (!a || a->start > old)
		return -EFAULT;
	shared = a->flags & AREA_SHARED;
	if (!(flags & MREMAP_FIXED) && new_len <= old_len) {
		err = unmap_locked(mm, old + new_len, old + old_len);
		return err ? err : (long)old;
	}
	if (old_len > a->end - old)
		return -EFAULT;
	if (old_len == 0 &&
	    !shared) /* a length of 0 asks for a second view, of a shared mapping only */
		return -EINVAL;
	if (more > 0 && !may_lock(mm, a->flags, more))
		return -EAGAIN;
	if (!within_limits(mm, more, area_is_data(a->flags) ? more : 0))
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		/* As on Linux, the destination stays unmapped if the move then fails. */
		err = unmap_locked(mm, to, to + new_len);
		if (err)
			return err;
		a = area_find(mm->areas, old); /* with old_len 0 it may have been unmapped too */
		if (!a || a->start > old)
			return -EFAULT;
	} else {
		if (old_len && grow_in_place(mm, old, old_len, new_len))
			return (long)old;
		if (area_count(mm->areas) + 3 >= (u64)max_map_count)
			return -ENOMEM; /* as on Linux: a move may cut an area into three */
		to = flags & MREMAP_MAYMOVE ? choose_address(mm, 0, new_len, 0) : 0;
		if (!to)
			return -ENOMEM;
	}
	if (old_len == 0) {
		struct area view = moved_area(area_find(mm->areas, old), old, to, new_len);

		err = map_area(mm, &view);
		return err ? err : (long)to;
	}
	return move_area(mm, old, old_len, to, new_len);
}

long mm_remap(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr)
{
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) ||
	    (flags & (MREMAP_MAYMOVE | MREMAP_FIXED)) == MREMAP_FIXED)
		return -EINVAL;
	if ((old & ~PAGE_MASK) || new_len == 0 || old_len > TASK_SIZE || old > TASK_SIZE - old_len)
		return -EINVAL;
	if (new_len > TASK_SIZE)
		return -EINVAL;
	old_len = ALIGN_UP(old_len, PAGE_SIZE);
	new_len = ALIGN_UP(new_len, PAGE_SIZE);
	if (flags & MREMAP_FIXED) {
		if ((new_addr & ~PAGE_MASK) || new_addr > TASK_SIZE - new_len)
			return -EINVAL;
		if (new_addr < old + old_len && old < new_addr + new_len)
			return -EINVAL;
		if (new_addr < MMAP_MIN_ADDR)
			return -EPERM;
	}
	guard_mutex(&mm->lock);
	return remap_locked(mm, old, old_len, new_len, flags, new_addr);
}

/* ---- brk ---- */

static int grow_heap(struct mm *mm, u64 from, u64 to)
{
	struct area a = {.start = from, .end = to, .flags = AREA_READ | AREA_WRITE | AREA_HEAP};

	a.flags |= mm->lock_future;
	if (!may_lock(mm, a.flags, (to - from) >> PAGE_SHIFT))
		return -EAGAIN;
	/* One page stays free above the heap. */
	if (!range_usable(mm, from, to + PAGE_SIZE))
		return -ENOMEM;
	return map_area(mm, &a);
}

u64 mm_brk(struct mm *mm, u64 brk)
{
	u64 from, to;

	guard_mutex(&mm->lock);
	from = ALIGN_UP(mm->brk, PAGE_SIZE);
	if (brk >= mm->start_brk && mm->start_brk && brk <= TASK_SIZE - PAGE_SIZE) {
		to = ALIGN_UP(brk, PAGE_SIZE);
		if (to == from ||
		    (to < from ? unmap_locked(mm, to, from) : grow_heap(mm, from, to)) == 0)
			mm->brk = brk;
	}
	return mm->brk;
}

/* ---- stacks ---- */

const struct area *mm_grow_stack(struct mm *mm, u64 addr, int *err)
{
	const struct area *a = area_find(mm->areas, addr), *below;
	u64 pages, start = addr & PAGE_MASK, old;

	*err = 0;
	if (!a || start < MMAP_MIN_ADDR)
		return NULL;
	if (!(a->flags & AREA_GROWSDOWN) || a->end - start > mm->limit_stack)
		return NULL;
	old = a->start;
	pages = (old - start) >> PAGE_SHIFT;
	if (!within_limits(mm, pages, 0) || !may_lock(mm, a->flags, pages))
		return NULL;
	below = area_below(mm->areas, addr);
	if (below && !(below->flags & AREA_GROWSDOWN) && (below->flags & AREA_PROT) &&
	    start - below->end < STACK_GAP)
		return NULL;
	*err = areas_prepare(&mm->areas, old, old, 0);
	if (*err)
		return NULL;
	a = area_find(mm->areas, old);
	area_resize(mm->areas, old, start, a->end);
	mm->nr_mapped += pages;
	if (a->flags & AREA_LOCKED)
		mm->nr_locked += pages;
	return a;
}

/* ---- looking ---- */

bool mm_find_area_locked(struct mm *mm, u64 addr, struct area *out)
{
	const struct area *a = area_find(mm->areas, addr);

	if (a)
		*out = *a;
	return a != NULL;
}

const struct area *mm_area_at(struct mm *mm, u64 addr)
{
	const struct area *a = area_find(mm->areas, addr);

	return a && a->start <= addr ? a : NULL;
}

bool mm_find_area(struct mm *mm, u64 addr, struct area *out)
{
	guard_mutex(&mm->lock);
	return mm_find_area_locked(mm, addr, out);
}

void mm_foreach_area(struct mm *mm, void (*fn)(const struct area *, void *), void *arg)
{
	guard_mutex(&mm->lock);
	for_each_area(a, mm->areas, 0, TASK_SIZE) fn(a, arg);
}

u64 mm_area_count(struct mm *mm)
{
	guard_mutex(&mm->lock);
	return area_count(mm->areas);
}
