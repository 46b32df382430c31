/* Flags of areas that do not change what is mapped: advice for fork, and locks. Without swap a lock
 * is only counted; the system call that sets it faults the pages in afterwards. */
#include <asm/errno.h>

#include "mm/area.h"
#include "mm/tree.h"

/* The caller holds mm->lock. */
static long set_flags_locked(struct mm *mm, u64 start, u64 end, u32 mask, u32 flags)
{
	u64 covered = areas_cover_end(mm->areas, start, end), before;
	int err;

	if (covered == start)
		return -ENOMEM;
	err = mm_prepare_change(mm, start, covered);
	if (err)
		return err;
	before = areas_locked(mm->areas, start, covered);
	areas_change(&guarded(mm, areas), start, covered, mask, flags);
	mm->nr_locked += areas_locked(mm->areas, start, covered) - before;
	mm->fork_flags |= (flags & AREA_FORK) != 0;
	return covered < end ? -ENOMEM : 0;
}

long mm_set_flags(struct mm *mm, u64 start, u64 end, u32 mask, u32 flags)
{
	guard_mutex(&mm->lock);
	return set_flags_locked(mm, start, end, mask, flags);
}

long mm_lock(struct mm *mm, u64 start, u64 end, u32 flags)
{
	u64 pages = (end - start) >> PAGE_SHIFT;

	guard_mutex(&mm->lock);
	if (flags && mm->nr_locked + pages - areas_locked(mm->areas, start, end) > mm->limit_lock >>
			     PAGE_SHIFT)
		return -ENOMEM;
	return set_flags_locked(mm, start, end, AREA_LOCK, flags);
}

int mm_fork_advice(struct mm *mm)
{
	struct area a;
	long err = 0;

	for (u64 at = 0; !err && mm_find_area(mm, at, &a); at = a.end) {
		if (a.flags & AREA_DONTFORK)
			err = mm_unmap(mm, a.start, a.end - a.start);
		else if (a.flags & AREA_WIPEONFORK)
			err = mm_discard(mm, a.start, a.end - a.start);
		if (!err && (a.flags & AREA_LOCK) && !(a.flags & AREA_DONTFORK))
			err = mm_set_flags(mm, a.start, a.end, AREA_LOCK, 0);
	}
	return (int)err;
}

/* Only root, the file's owner and tasks that may write it learn what is in memory: mincore(2). */
static bool may_tell(const struct area *a)
{
	return !a->file || mapped_files->may_tell(a->file);
}

static bool page_incore(struct mm *mm, const struct area *a, u64 addr)
{
	if (tree_walk(mm, addr))
		return true;
	return a->obj && object_has_page(a->obj, a->pgoff + ((addr - a->start) >> PAGE_SHIFT));
}

u64 mm_incore(struct mm *mm, u64 start, u64 n, u8 *out)
{
	u64 done;

	guard_mutex(&mm->lock);
	for (done = 0; done < n; done++) {
		const struct area *a = area_find(mm->areas, start + done * PAGE_SIZE);

		if (!a || a->start > start + done * PAGE_SIZE)
			break;
		out[done] = !may_tell(a) || page_incore(mm, a, start + done * PAGE_SIZE);
	}
	return done;
}
