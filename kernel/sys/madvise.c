/*
 * madvise(2), mincore(2), msync(2).
 *
 * Advice about speed is accepted and ignored. Advice with an effect that is not supported is
 * refused, because programs rely on the answer.
 */
#include "kernel/lib/overflow.h"
#include "kernel/lib/syscall.h"
#include "kernel/sys/mlock.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include <linux/mman.h>

/* Find the end of the range in whole pages. 0 or -EINVAL. */
static long advised_range(u64 addr, u64 len, u64 *end)
{
	return (addr & ~PAGE_MASK) || !page_range_end(addr, len, PAGE_SIZE, end) ? -EINVAL : 0;
}

static bool is_known(int advice)
{
	static const u8 known[] = {MADV_NORMAL,     MADV_RANDOM,        MADV_SEQUENTIAL,
				   MADV_WILLNEED,   MADV_DONTNEED,      MADV_DONTNEED_LOCKED,
				   MADV_FREE,       MADV_DONTFORK,      MADV_DOFORK,
				   MADV_WIPEONFORK, MADV_KEEPONFORK,    MADV_DONTDUMP,
				   MADV_DODUMP,     MADV_POPULATE_READ, MADV_POPULATE_WRITE};

	for (size_t i = 0; i < sizeof(known); i++)
		if (known[i] == advice)
			return true;
	return false;
}

/* [start, end) lies inside area `a`. */
static long advise_area(const struct area *a, u64 start, u64 end, int advice)
{
	struct mm *mm = current->mm;

	switch (advice) {
	case MADV_FREE: /* the kernel may free the pages at any time: it frees them at once */
	case MADV_DONTNEED:
		if ((a->flags & AREA_LOCKED) || (advice == MADV_FREE && a->obj))
			return -EINVAL;
		return mm_discard(mm, start, end - start);
	case MADV_DONTNEED_LOCKED:
		return mm_discard(mm, start, end - start);
	case MADV_DONTFORK:
		return mm_set_flags(mm, start, end, AREA_DONTFORK, AREA_DONTFORK);
	case MADV_DOFORK:
		return mm_set_flags(mm, start, end, AREA_DONTFORK, 0);
	case MADV_DONTDUMP:
		return mm_set_flags(mm, start, end, AREA_NODUMP, AREA_NODUMP);
	case MADV_DODUMP:
		return mm_set_flags(mm, start, end, AREA_NODUMP, 0);
	case MADV_WIPEONFORK:
		return a->obj ? -EINVAL
			      : mm_set_flags(mm, start, end, AREA_WIPEONFORK, AREA_WIPEONFORK);
	case MADV_KEEPONFORK:
		return mm_set_flags(mm, start, end, AREA_WIPEONFORK, 0);
	default:
		return 0;
	}
}

/* Advise every area of the range. A hole is an error, but the rest is advised. */
static long advise(u64 addr, u64 end, int advice)
{
	long hole = 0;
	struct area a;

	while (addr < end) {
		long err;

		if (!mm_find_area(current->mm, addr, &a) || a.start >= end)
			return -ENOMEM;
		if (a.start > addr)
			hole = -ENOMEM;
		addr = MAX(addr, a.start);
		err = advise_area(&a, addr, MIN(a.end, end), advice);
		if (err)
			return err == -ENOMEM ? -EAGAIN : err; /* as madvise(2) has it */
		addr = a.end;
	}
	return hole;
}

static long advise_populate(u64 addr, u64 end, int advice)
{
	long err =
		populate(addr, end, advice == MADV_POPULATE_WRITE ? POPULATE_WRITE : POPULATE_READ);

	return err == -EACCES ? -EINVAL : err == -EAGAIN ? -ENOMEM : err;
}

long sys_madvise(unsigned long addr, unsigned long len, int advice)
{
	u64 end;
	long err = is_known(advice) ? advised_range(addr, len, &end) : -EINVAL;

	if (err || addr == end)
		return err;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(addr, end, advice);
	return advise(addr, end, advice);
}

long sys_mincore(unsigned long addr, size_t len, unsigned char __user *vec)
{
	u64 pages = len / PAGE_SIZE + (len % PAGE_SIZE != 0);
	u8 chunk[256];

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (addr > TASK_SIZE || len > TASK_SIZE - addr)
		return -ENOMEM;
	while (pages > 0) {
		u64 n = MIN(pages, sizeof(chunk)), got = mm_incore(current->mm, addr, n, chunk);

		if (fatal_signal_pending(current)) /* one call may ask about terabytes */
			return -EINTR;
		if (copy_to_user(vec, chunk, got))
			return -EFAULT;
		if (got < n)
			return -ENOMEM;
		addr += n * PAGE_SIZE;
		vec += n;
		pages -= n;
	}
	return 0;
}

/* There is no disk: a store to a shared mapping is in the file at once. */
long sys_msync(unsigned long addr, size_t len, int flags)
{
	u64 end = addr + ALIGN_UP(len, PAGE_SIZE);
	long hole = 0;
	struct area a;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & ~PAGE_MASK) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < addr)
		return -ENOMEM;
	for (; addr < end; addr = a.end) {
		if (!mm_find_area(current->mm, addr, &a) || a.start >= end)
			return -ENOMEM;
		if (a.start > addr)
			hole = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (a.flags & AREA_LOCKED))
			return -EBUSY;
	}
	return hole;
}
