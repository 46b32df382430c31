/* mlock(2) and its family. Pages are never swapped out: locking an area only faults in all its
 * pages and counts them against RLIMIT_MEMLOCK. */
#include "kernel/sys/mlock.h"

#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include <linux/mman.h>

static u64 lock_limit(void)
{
	return cred_is_root(current->cred) ? RLIM64_INFINITY
					   : current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur;
}

bool may_mlock(void)
{
	return lock_limit() != 0;
}

void refresh_lock_limit(void)
{
	current->mm->limit_lock = lock_limit();
}

static enum fault_access access_for(const struct area *a, enum populate how)
{
	if (how == POPULATE_OWN)
		return (a->flags & (AREA_WRITE | AREA_SHARED)) == AREA_WRITE ? ACCESS_WRITE
									     : ACCESS_READ;
	return how == POPULATE_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static long populate_area(const struct area *a, u64 addr, u64 end, enum populate how)
{
	static const long errors[] = {[FAULT_MAPERR] = -ENOMEM,
				      [FAULT_ACCERR] = -EACCES,
				      [FAULT_BUS] = -EFAULT,
				      [FAULT_OOM] = -EAGAIN};

	for (; addr < end; addr += PAGE_SIZE) {
		enum fault_result r = mm_fault(current->mm, addr, access_for(a, how));

		if (r != FAULT_OK)
			return errors[r];
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}

long populate(u64 addr, u64 end, enum populate how)
{
	struct area a;
	long err = 0;

	for (addr &= PAGE_MASK; addr < end && !err; addr = a.end) {
		if (!mm_find_area(current->mm, addr, &a) || a.start > addr)
			return -ENOMEM;
		err = populate_area(&a, addr, MIN(a.end, end), how);
	}
	return err;
}

/* Round [addr, addr + len) to whole pages. False if it wraps around. */
static bool page_range(u64 *addr, u64 len, u64 *end)
{
	len = ALIGN_UP(len + (*addr & ~PAGE_MASK), PAGE_SIZE);
	*addr &= PAGE_MASK;
	*end = *addr + len;
	return *end >= *addr;
}

static long lock_range(u64 addr, u64 len, u32 flags)
{
	u64 end;
	long err;

	if (!may_mlock())
		return -EPERM;
	if (!page_range(&addr, len, &end))
		return -EINVAL;
	if (addr == end)
		return 0;
	refresh_lock_limit();
	err = mm_lock(current->mm, addr, end, flags);
	if (err || (flags & AREA_ONFAULT))
		return err;
	err = populate(addr, end, POPULATE_OWN);
	return err == -EFAULT || err == -EACCES ? -ENOMEM : err;
}

long sys_mlock2(unsigned long addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(addr, len, flags ? AREA_LOCK : AREA_LOCKED);
}

long sys_munlock(unsigned long addr, size_t len)
{
	u64 end;

	if (!page_range(&addr, len, &end))
		return -EINVAL;
	return addr == end ? 0 : mm_lock(current->mm, addr, end, 0);
}

static long lock_everything(u32 flags)
{
	struct mm *mm = current->mm;
	struct area a;
	long err = 0;

	for (u64 at = 0; !err && mm_find_area(mm, at, &a); at = a.end)
		err = mm_set_flags(mm, a.start, a.end, AREA_LOCK, flags);
	return err;
}

long sys_mlockall(int flags)
{
	struct mm *mm = current->mm;
	u32 lock = flags & MCL_ONFAULT ? AREA_LOCK : AREA_LOCKED;
	struct area a;
	long err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_mlock())
		return -EPERM;
	if ((flags & MCL_CURRENT) && mm->nr_mapped > lock_limit() >> PAGE_SHIFT)
		return -ENOMEM;
	mm->lock_future = flags & MCL_FUTURE ? lock : 0;
	if (!(flags & MCL_CURRENT))
		return 0;
	err = lock_everything(lock);
	/* A page that cannot be faulted in, a guard page for example, is no error. */
	for (u64 at = 0; !err && !(flags & MCL_ONFAULT) && mm_find_area(mm, at, &a); at = a.end)
		(void)populate(a.start, a.end, POPULATE_OWN);
	return err;
}

long sys_munlockall(void)
{
	current->mm->lock_future = 0;
	return lock_everything(0);
}
