/*
 * mmap(2) and its family: Linux's flags and checks in front of mm/.
 *
 * The order of the checks is Linux's where a program can tell: what is wrong first decides the
 * errno.
 */
#include <linux/mman.h>

#include "kernel/fs/fs.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/overflow.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/uapi.h"
#include "kernel/sys/mlock.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* Files are measured by a signed 64-bit number. */
#define MAX_FILE_OFFSET 0x7fffffffffffffffUL

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

/* May the file be mapped so? Notes in *area what mprotect() must not make of it later. */
static long check_map_rights(struct file *f, int prot, u32 *area)
{
	bool shared = *area & AREA_SHARED;
	long err = file_may_map(f, shared, prot & PROT_WRITE, prot & PROT_EXEC);

	if (err)
		return err;
	if (shared && file_may_map(f, true, true, false))
		*area |= AREA_NOWRITE;
	if (file_may_map(f, false, false, true))
		*area |= AREA_NOEXEC;
	return 0;
}

/* The pages of the file, and whether it may be mapped so. */
static long check_map_file(struct file *f, int prot, struct area *what)
{
	long err = check_map_rights(f, prot, &what->flags);

	if (err)
		return err;
	what->file = f;
	what->obj = file_object(f);
	return what->obj ? 0 : -ENODEV;
}

/* MAP_LOCKED: 0, or -EPERM for who may not lock at all. */
static long check_locked(int flags, struct area *what)
{
	refresh_lock_limit();
	if (!(flags & MAP_LOCKED))
		return 0;
	what->flags |= AREA_LOCKED;
	return may_mlock() ? 0 : -EPERM;
}

/* Is what is mapped with these flags to be there at once? */
static bool wants_pages(u32 flags)
{
	return (flags & AREA_LOCK) == AREA_LOCKED;
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
	/* As far as memory goes: mmap() has succeeded in any case. */
	if (ret >= 0 && (wants_pages(what->flags) || wants_pages(mm->lock_future) ||
			 (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
		(void)populate(ret, ret + ALIGN_UP(len, PAGE_SIZE), POPULATE_OWN);
	return ret;
}

/* `zero`: /dev/zero, opened so; NULL for MAP_ANONYMOUS. */
static long map_anonymous(u64 addr, u64 len, int prot, int flags, struct file *zero)
{
	struct area what = {.flags = area_prot(prot)};
	long ret = check_map_type(flags, zero != NULL, &what.flags);

	if (ret)
		return ret;
	if (flags & MAP_HUGETLB || len == 0)
		return -EINVAL;
	if (len > TASK_SIZE)
		return -ENOMEM;
	ret = check_locked(flags, &what);
	if (!ret && zero)
		ret = check_map_rights(zero, prot, &what.flags);
	if (ret)
		return ret;
	if (what.flags & AREA_SHARED) {
		what.obj = object_create("/dev/zero (deleted)", ALIGN_UP(len, PAGE_SIZE));
		if (!what.obj)
			return -ENOMEM;
	}
	ret = map_pages(addr, len, &what, flags);
	object_put(what.obj); /* the area has its own reference */
	return ret;
}

/* Can a file of this kind have a byte at the end of such a mapping? As Linux's largest offsets. */
static bool file_has_room(struct file *f, u64 pgoff, u64 len)
{
	u64 max = file_object(f) ? MAX_FILE_OFFSET : ~0UL;

	len = ALIGN_UP(len, PAGE_SIZE);
	return len <= max && pgoff <= (max - len) >> PAGE_SHIFT;
}

static long map_file(u64 addr, u64 len, int prot, int flags, int fd, u64 pgoff)
{
	struct file *f = file_get_io(fd);
	struct area what = {.flags = area_prot(prot), .pgoff = pgoff};
	long ret;

	if (!f)
		return -EBADF;
	if ((flags & MAP_HUGETLB) || len == 0)
		ret = -EINVAL;
	else if (len > TASK_SIZE)
		ret = -ENOMEM;
	else if (!file_has_room(f, pgoff, len))
		ret = -EOVERFLOW;
	else
		ret = 0;
	if (!ret && file_is_zero(f)) {
		ret = map_anonymous(addr, len, prot, flags, f);
		file_put(f);
		return ret;
	}
	if (!ret)
		ret = check_map_type(flags, true, &what.flags);
	if (!ret)
		ret = check_locked(flags, &what);
	if (!ret)
		ret = check_map_file(f, prot, &what);
	if (!ret)
		ret = map_pages(addr, len, &what, flags);
	if (ret > 0)
		file_note_map(f);
	file_put(f);
	return ret;
}

long sys_mmap(unsigned long addr, unsigned long len, int prot, int flags, int fd,
	      unsigned long offset)
{
	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (flags & MAP_ANONYMOUS)
		return map_anonymous(addr, len, prot, flags, NULL);
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
	u64 end;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (!page_range_end(addr, len, PAGE_SIZE, &end))
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
	struct mm *mm = current->mm;
	u64 before = mm->brk, now;

	refresh_lock_limit();
	now = mm_brk(mm, brk);
	if (wants_pages(mm->lock_future) && now > before)
		(void)populate(before, now, POPULATE_OWN);
	return (long)now;
}

long sys_mremap(unsigned long old, unsigned long old_len, unsigned long new_len, unsigned int flags,
		unsigned long addr)
{
	long ret;
	struct area a;

	refresh_lock_limit();
	ret = mm_remap(current->mm, old, old_len, new_len, flags, addr);
	if (ret >= 0 && mm_find_area(current->mm, ret, &a) && wants_pages(a.flags))
		(void)populate(ret, ret + new_len, POPULATE_OWN);
	return ret;
}
