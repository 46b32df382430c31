/* mmap(2) and its family: Linux's flags and checks in front of mm/. The checks are in Linux's
 * order, since the first that fails decides the errno. */
#include <linux/mman.h>

#include "kernel/fs/vfs.h"
#include "kernel/lib/overflow.h"
#include "kernel/sys/mlock.h"
#include "mm/mm.h"

#define MAX_FILE_OFFSET 0x7fffffffffffffffUL /* off_t is signed */
#define PROT_ALL        (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)

/* mmap() ignores unknown flags; MAP_SHARED_VALIDATE refuses them. */
#define KNOWN_MAP_FLAGS                                                                          \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |         \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT)

static u32 area_prot(int prot)
{
	return (prot & PROT_READ ? AREA_READ : 0) | (prot & PROT_WRITE ? AREA_WRITE : 0) |
	       (prot & PROT_EXEC ? AREA_EXEC : 0);
}

/* Check the type bits and MAP_GROWSDOWN, and set AREA_SHARED and AREA_GROWSDOWN. 0 or -errno. */
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

/* May the file be mapped with these rights? Notes in *area what mprotect() must refuse later. */
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

/* Check the rights, and set the area's file and object. */
static long check_map_file(struct file *f, int prot, struct area *what)
{
	long err = check_map_rights(f, prot, &what->flags);

	if (err)
		return err;
	what->file = f;
	what->obj = file_object(f);
	return what->obj ? 0 : -ENODEV;
}

/* MAP_LOCKED: 0, or -EPERM if the caller may not lock memory at all. */
static long check_locked(int flags, struct area *what)
{
	refresh_lock_limit();
	if (!(flags & MAP_LOCKED))
		return 0;
	what->flags |= AREA_LOCKED;
	return may_mlock() ? 0 : -EPERM;
}

/* Must the pages of an area with these flags be faulted in at once? */
static bool wants_pages(u32 flags)
{
	return (flags & AREA_LOCK) == AREA_LOCKED;
}

static long map_pages(u64 addr, u64 len, const struct area *what, int flags)
{
	struct mm *mm = current->mm;
	u32 how = flags & MAP_FIXED_NOREPLACE ? MM_FIXED_NOREPLACE
		  : flags & MAP_FIXED         ? MM_FIXED
		  : flags & MAP_32BIT         ? MM_32BIT
					      : 0;
	long ret = mm_map_area(mm, what, addr, len, how);

	/* If memory runs out here, mmap() succeeds all the same. */
	if (ret >= 0 && (wants_pages(what->flags) || wants_pages(mm->lock_future) ||
			 (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
		(void)populate(ret, ret + ALIGN_UP(len, PAGE_SIZE), POPULATE_OWN);
	return ret;
}

/* `zero`: the open file of /dev/zero; NULL for MAP_ANONYMOUS. */
static long map_anonymous(u64 addr, u64 len, int prot, int flags, struct file *zero)
{
	struct area what = {.flags = area_prot(prot)};
	long ret = check_map_type(flags, zero != NULL, &what.flags);

	if (ret)
		return ret;
	if ((flags & MAP_HUGETLB) || len == 0)
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

/* Are the mapping's offsets possible for a file of this kind? The limits are Linux's. */
static bool file_has_room(struct file *f, u64 pgoff, u64 len)
{
	u64 max = file_object(f) ? MAX_FILE_OFFSET : ~0UL;

	len = ALIGN_UP(len, PAGE_SIZE);
	return len <= max && pgoff <= (max - len) >> PAGE_SHIFT;
}

static long map_file(u64 addr, u64 len, int prot, int flags, int fd, u64 pgoff)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	struct area what = {.flags = area_prot(prot), .pgoff = pgoff};
	long ret;

	if (!f)
		return -EBADF;
	if ((flags & MAP_HUGETLB) || len == 0)
		return -EINVAL;
	if (len > TASK_SIZE)
		return -ENOMEM;
	if (!file_has_room(f, pgoff, len))
		return -EOVERFLOW;
	if (file_is_zero(f))
		return map_anonymous(addr, len, prot, flags, f);
	ret = check_map_type(flags, true, &what.flags);
	if (!ret)
		ret = check_locked(flags, &what);
	if (!ret)
		ret = check_map_file(f, prot, &what);
	if (!ret)
		ret = map_pages(addr, len, &what, flags);
	if (ret > 0)
		file_note_map(f);
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

/* PROT_GROWSDOWN: extend the range down to the start of addr's area, which must grow down. */
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
	long err;
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
	err = grows ? grows_down_start(&addr, &len) : 0;
	return err ? err : mm_protect(current->mm, addr, len, area_prot(prot));
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
