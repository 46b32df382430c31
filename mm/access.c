/* The kernel's access to an address space, which need not be loaded: for exec, /proc and the shell.
 */
#include "kernel/lib/string.h"
#include "mm/area.h"
#include "mm/mm.h"
#include "mm/tree.h"

/* Give the private page of addr, which the program may not write, a copy of its own. It stays
 * read-only to the program. */
static enum fault_result own_read_only(struct mm *mm, u64 addr, void **at)
{
	enum fault_result result = mm_fault_locked(mm, addr, ACCESS_READ, at);
	struct gather g;
	pte_t *slot;

	if (result != FAULT_OK)
		return result;
	gather_init(&g, mm);
	slot = tree_own_path(&g, addr & PAGE_MASK);
	if (!slot || (!leaf_is_owned(*slot) && !copy_leaf(&g, slot, addr & PAGE_MASK)))
		result = FAULT_OOM;
	gather_finish(&g);
	*at = mm_look(mm, addr, ACCESS_READ);
	return result;
}

/* A page in an area that forbids all access. One that a file or a shared object would first have to
 * give is not looked for. */
static enum fault_result look_at_forbidden(struct mm *mm, const struct area *a, u64 addr, void **at)
{
	pte_t leaf = tree_walk(mm, addr);

	if (!leaf && a->obj)
		return FAULT_ACCERR;
	*at = leaf ? phys_to_virt(pte_addr(leaf)) : page_to_virt(zero_page);
	*at = (char *)*at + (addr & ~PAGE_MASK);
	return FAULT_OK;
}

static enum fault_result reach(struct mm *mm, u64 addr, bool write, bool forced, void **at)
{
	enum fault_result result =
		mm_fault_locked(mm, addr, write ? ACCESS_WRITE : ACCESS_READ, at);
	const struct area *a;

	if (result != FAULT_ACCERR || !forced)
		return result;
	a = area_find(mm->areas, addr);
	if (!write)
		return look_at_forbidden(mm, a, addr, at);
	return a->flags & AREA_SHARED ? FAULT_ACCERR : own_read_only(mm, addr, at);
}

static size_t access_pages(struct mm *mm, u64 addr, void *buf, size_t len, bool write, bool forced)
{
	size_t done = 0;

	while (done < len) {
		size_t n = MIN(len - done, PAGE_SIZE - addr % PAGE_SIZE);
		void *at;

		guard_mutex(&mm->lock);
		if (reach(mm, addr, write, forced, &at) != FAULT_OK)
			break;
		if (write)
			memcpy(at, (char *)buf + done, n);
		else
			memcpy((char *)buf + done, at, n);
		done += n;
		addr += n;
	}
	return done;
}

size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write)
{
	return access_pages(mm, addr, buf, len, write, false);
}

size_t mm_access_forced(struct mm *mm, u64 addr, void *buf, size_t len, bool write)
{
	return access_pages(mm, addr, buf, len, write, true);
}

/* ---- core dumps ---- */

static struct page *page_of(pte_t leaf)
{
	return phys_to_page(pte_addr(leaf));
}

/* The same for a page that is in no table: it may be in the object. */
static u64 copy_of_object(const struct area *a, u64 addr, u64 end, void *page)
{
	u64 index = a->pgoff + ((addr - a->start) >> PAGE_SHIFT);
	u64 first = object_seek(a->obj, index, true);
	struct page *p;

	if (first > index)
		return MIN(first - index, (end - addr) >> PAGE_SHIFT) << PAGE_SHIFT;
	if (object_get_page(a->obj, index, false, &p) || !p)
		return PAGE_SIZE;
	copy_page(page, page_to_virt(p));
	put_page(p);
	return 0;
}

u64 mm_copy_present(struct mm *mm, u64 addr, u64 end, void *page)
{
	const struct area *a;
	u64 next;

	guard_mutex(&mm->lock);
	a = area_find(mm->areas, addr);
	if (!a || a->start > addr) /* another process that shares the memory has unmapped it */
		return (a ? MIN(a->start, end) : end) - addr;
	next = tree_next_leaf(mm, addr, MIN(end, a->end));
	if (next > addr)
		return a->obj ? copy_of_object(a, addr, next, page) : next - addr;
	if (page_of(tree_walk(mm, addr))->flags & PG_ZERO)
		return PAGE_SIZE;
	copy_page(page, page_to_virt(page_of(tree_walk(mm, addr))));
	return 0;
}

#define LEAVES_MAX 512 /* looked at in one hold of mm->lock */

bool mm_find_private(struct mm *mm, u64 *addr, u64 end)
{
	guard_mutex(&mm->lock);
	for (u32 i = 0; i < LEAVES_MAX && *addr < end; i++, *addr += PAGE_SIZE) {
		*addr = tree_next_leaf(mm, *addr, end);
		if (*addr == end)
			return false;
		if (!(page_of(tree_walk(mm, *addr))->flags & (PG_CACHE | PG_ZERO)))
			return true;
	}
	return false;
}
