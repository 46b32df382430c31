/*
 * mmap(2) and its family: Linux's flags and checks in front of mm/.
 *
 * The order of the checks is Linux's where a program can tell: what is wrong first decides the
 * errno.
 */
#include <linux/mman.h>

#include "kernel/fs/fs.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi.h"
#include "mm/mm.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)

/* The flags that mmap() has always ignored when it did not know them; MAP_SHARED_VALIDATE does not.
 */
#define KNOWN_MAP_FLAGS                                                                          \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |         \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT)

static u32 area_prot(int prot)
{
	return (prot & PROT_READ ? AREA_READ : 0) | (prot & PROT_WRITE ? AREA_WRITE : 0) |
	       (prot & PROT_EXEC ? AREA_EXEC : 0);
}

/* ---- mmap ---- */

/* The type bits and what does not go with them. Sets AREA_SHARED and AREA_GROWSDOWN in *area. 0 or
 * -errno. */
static long check_map_type(int flags, bool file, u32 *area)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (!file)
			return -EINVAL;
		if (flags & ~KNOWN_MAP_FLAGS)
			return -EOPNOTSUPP;
		*area |= AREA_SHARED;
		break;
	case MAP_SHARED:
		*area |= AREA_SHARED;
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (flags & MAP_GROWSDOWN) {
		if (file || (*area & AREA_SHARED))
			return -EINVAL;
		*area |= AREA_GROWSDOWN;
	}
	return 0;
}

/* The pages of the file, and whether it may be mapped so. */
static long check_map_file(struct file *f, int prot, struct area *what)
{
	bool shared = what->flags & AREA_SHARED;
	long err = file_may_map(f, shared, prot & PROT_WRITE, prot & PROT_EXEC);

	if (err)
		return err;
	if (shared && file_may_map(f, true, true, false))
		what->flags |= AREA_NOWRITE;
	what->file = f;
	what->obj = file_object(f);
	return what->obj ? 0 : -ENODEV;
}

/* Fault in what was just mapped, as far as memory goes: mmap() has succeeded in any case. */
static void populate(struct mm *mm, u64 addr, u64 len, u32 area)
{
	bool write = (area & (AREA_WRITE | AREA_SHARED)) == AREA_WRITE;

	if (!(area & AREA_PROT))
		return;
	for (u64 end = addr + len; addr < end && !signal_pending(current); addr += PAGE_SIZE)
		if (mm_fault(mm, addr, write ? ACCESS_WRITE : ACCESS_READ) != FAULT_OK)
			return;
}

static long map_pages(u64 addr, u64 len, const struct area *what, int flags)
{
	struct mm *mm = current->mm;
	u32 how = 0;
	long ret;

	if (flags & MAP_FIXED_NOREPLACE)
		how = MM_FIXED_NOREPLACE;
	else if (flags & MAP_FIXED)
		how = MM_FIXED;
	else if (flags & MAP_32BIT)
		how = MM_32BIT;
	ret = mm_map_area(mm, what, addr, len, how);
	if (ret >= 0 && (flags & (MAP_POPULATE | MAP_LOCKED)) && !(flags & MAP_NONBLOCK))
		populate(mm, ret, len, what->flags);
	return ret;
}

static long map_anonymous(u64 addr, u64 len, int prot, int flags)
{
	struct area what = {.flags = area_prot(prot)};
	long ret = check_map_type(flags, false, &what.flags);

	if (ret)
		return ret;
	if (flags & MAP_HUGETLB || len == 0)
		return -EINVAL;
	if (len > TASK_SIZE)
		return -ENOMEM;
	if (what.flags & AREA_SHARED) {
		what.obj = object_create("/dev/zero (deleted)", ALIGN_UP(len, PAGE_SIZE));
		if (!what.obj)
			return -ENOMEM;
	}
	ret = map_pages(addr, len, &what, flags);
	object_put(what.obj); /* the area has its own reference */
	return ret;
}

static long map_file(u64 addr, u64 len, int prot, int flags, int fd, u64 pgoff)
{
	struct file *f = file_get_fd(fd);
	struct area what = {.flags = area_prot(prot), .pgoff = pgoff};
	long ret;

	if (!f)
		return -EBADF;
	if (file_is_zero(f)) {
		bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;

		ret = file_may_map(f, shared, prot & PROT_WRITE, prot & PROT_EXEC);
		file_put(f);
		return ret ? ret : map_anonymous(addr, len, prot, flags);
	}
	ret = flags & MAP_HUGETLB || len == 0 ? -EINVAL : check_map_type(flags, true, &what.flags);
	if (!ret)
		ret = check_map_file(f, prot, &what);
	if (!ret)
		ret = map_pages(addr, len, &what, flags);
	file_put(f);
	return ret;
}

long sys_mmap(unsigned long addr, unsigned long len, int prot, int flags, int fd,
	      unsigned long offset)
{
	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (flags & MAP_ANONYMOUS)
		return map_anonymous(addr, len, prot, flags);
	return map_file(addr, len, prot, flags, fd, offset >> PAGE_SHIFT);
}

/* ---- the others ---- */

long sys_munmap(unsigned long addr, unsigned long len)
{
	return mm_unmap(current->mm, addr, len);
}

/* PROT_GROWSDOWN: from the lower end of the stack that addr is in. */
static long grows_down_start(unsigned long *addr, unsigned long *len)
{
	struct area a;

	if (!mm_find_area(current->mm, *addr, &a) || a.start >= *addr + *len)
		return -ENOMEM;
	if (!(a.flags & AREA_GROWSDOWN))
		return -EINVAL;
	*len += *addr - a.start;
	*addr = a.start;
	return 0;
}

long sys_mprotect(unsigned long addr, unsigned long len, int prot)
{
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (addr + ALIGN_UP(len, PAGE_SIZE) <= addr)
		return -ENOMEM;
	if ((prot & ~PROT_ALL) || (grows & PROT_GROWSUP)) /* no area here grows up */
		return -EINVAL;
	if (grows) {
		long err = grows_down_start(&addr, &len);

		if (err)
			return err;
	}
	return mm_protect(current->mm, addr, len, area_prot(prot));
}

long sys_brk(unsigned long brk)
{
	return (long)mm_brk(current->mm, brk);
}

long sys_mremap(unsigned long old, unsigned long old_len, unsigned long new_len, unsigned int flags,
		unsigned long addr)
{
	return mm_remap(current->mm, old, old_len, new_len, flags, addr);
}

/* Is everything in [addr, end) mapped? */
static bool range_mapped(u64 addr, u64 end)
{
	struct area a;

	while (addr < end) {
		if (!mm_find_area(current->mm, addr, &a) || a.start > addr)
			return false;
		addr = a.end;
	}
	return true;
}

/* Advice that only asks for speed is taken by doing nothing. Advice with a meaning that is not
 * there is refused: programs ask, and believe the answer. */
long sys_madvise(unsigned long addr, unsigned long len, int advice)
{
	u64 end = addr + ALIGN_UP(len, PAGE_SIZE);

	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
		break;
	default:
		return -EINVAL;
	}
	if ((addr & ~PAGE_MASK) || end < addr || end - addr < len)
		return -EINVAL;
	if (addr == end)
		return 0;
	if (advice == MADV_DONTNEED)
		return mm_discard(current->mm, addr, len);
	return range_mapped(addr, end) ? 0 : -ENOMEM;
}
