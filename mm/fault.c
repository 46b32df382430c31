/*
 * Page faults: a page is mapped, or copied, when it is first touched.
 *
 *   absent leaf     anonymous area: a read maps the shared zero page, a write a zeroed page;
 *                   area of an object: its page, or a copy for a write to a private mapping
 *   read-only leaf  write in a writable area: own the path to the leaf; then the page is reused if
 *                   its count is 1, and copied otherwise
 *
 * A fault costs more than mapping a page or two. So a fault also handles its neighbours where that
 * is likely to save another fault: pages of a file that are in memory already, pages whose count
 * has dropped to 1, and copies for a task that writes one page after the other.
 *
 * Everything happens under mm->lock, so a decision stays valid until it is carried out. Running out
 * of memory at any step leaves what each address maps as it was, and the fault can be taken again.
 */
#include <asm/errno.h>

#include "kernel/lib/fuzz.h"
#include "kernel/lib/string.h"
#include "kernel/trace/trace.h"
#include "mm/area.h"
#include "mm/tree.h"

static bool allowed(u32 area_flags, enum fault_access access)
{
	static const u32 needed[] = {
		[ACCESS_READ] = AREA_PROT, /* x86: what can be written or executed can be read */
		[ACCESS_WRITE] = AREA_WRITE,
		[ACCESS_EXEC] = AREA_EXEC,
	};

	return area_flags & needed[access];
}

/* The area of addr, after growing a stack down to it if necessary; NULL with the reason. */
static const struct area *area_for(struct mm *mm, u64 addr, enum fault_result *why)
{
	const struct area *a = area_find(mm->areas, addr);
	int err = 0;

	if (a && a->start > addr)
		a = mm_grow_stack(mm, addr, &err);
	*why = err ? FAULT_OOM : FAULT_MAPERR;
	return a;
}

static struct page *copy_of(struct page *p)
{
	struct page *copy = alloc_page(p->flags & PG_ZERO ? ALLOC_ZERO : 0);

	if (copy && !(p->flags & PG_ZERO))
		copy_page(page_to_virt(copy), page_to_virt(p));
	return copy;
}

/* ---- absent leaves ---- */

/* Both return a page with a reference for the new leaf, or NULL with the reason. */

static struct page *anonymous_page(struct mm *mm, bool write, enum fault_result *why)
{
	struct page *p = write ? alloc_page(ALLOC_ZERO) : zero_page;

	if (!write)
		get_page(p);
	mm->stats.zero_pages += p != NULL;
	*why = FAULT_OOM;
	return p;
}

static struct page *object_page(struct mm *mm, const struct area *a, u64 addr, bool copy,
				enum fault_result *why)
{
	u64 index = a->pgoff + ((addr - a->start) >> PAGE_SHIFT);
	struct page *p, *private;
	int err = object_get_page(a->obj, index, true, &p);

	*why = err == -ENOMEM ? FAULT_OOM : FAULT_BUS;
	if (err)
		return NULL;
	mm->stats.file_pages++;
	if (!copy)
		return p;
	private = copy_of(p);
	put_page(p);
	*why = FAULT_OOM;
	mm->stats.cow_pages += private != NULL;
	return private;
}

#define AROUND 16 /* pages, a power of two: those that a fault may handle too */

/* A program that reads one page of a file soon reads the pages beside it. Mapping now those that
 * are in memory costs less than a fault for each. `slot` has just been filled. */
static void map_around(struct mm *mm, const struct area *a, pte_t *slot, u64 addr)
{
	u64 block = ALIGN_DOWN(addr, AROUND * PAGE_SIZE), start = MAX(block, a->start);
	u32 n = (MIN(block + AROUND * PAGE_SIZE, a->end) - start) >> PAGE_SHIFT;
	struct page *pages[AROUND];

	if (n == 1)
		return;
	object_peek_pages(a->obj, a->pgoff + ((start - a->start) >> PAGE_SHIFT), n, pages);
	slot -= (addr - start) >> PAGE_SHIFT;
	n = tree_fill_slots(slot, pages, n, tree_leaf_bits(a->flags));
	mm->stats.file_pages += n;
	mm->rss.shared += n;
}

/* Map the page of addr. The path to `slot` is owned. */
static enum fault_result map_missing(struct mm *mm, const struct area *a, pte_t *slot, u64 addr,
				     bool write)
{
	bool private = !(a->flags & AREA_SHARED);
	pte_t bits = tree_leaf_bits(a->flags);
	enum fault_result why;
	struct page *p = a->obj ? object_page(mm, a, addr, private && write, &why)
				: anonymous_page(mm, write, &why);

	if (!p) {
		(void)tree_unmap(mm, addr, addr + PAGE_SIZE); /* frees the tables made for it */
		return why;
	}
	sched_fuzz_point();
	if (write)
		bits |= PTE_WRITE | PTE_DIRTY;
	tree_fill_slot(slot, page_to_phys(p) | bits);
	if (!a->obj) {
		mm->rss.anon += write;
		return FAULT_OK;
	}
	rss_count(&mm->rss, p, 1);
	if (!write)
		map_around(mm, a, slot, addr);
	else if (!private && a->file)
		mapped_files->note_write(a->file);
	return FAULT_OK;
}

/* ---- read-only leaves ---- */

/* The zero page and pages of files are never written in place, whatever their counts. */
static bool is_special(pte_t leaf)
{
	return phys_to_page(pte_addr(leaf))->flags & (PG_CACHE | PG_ZERO);
}

/* On an owned path only this mm adds references, under mm->lock: a count of 1 stays 1. */
bool leaf_is_owned(pte_t leaf)
{
	return refcount_read(&phys_to_page(pte_addr(leaf))->count) == 1 && !is_special(leaf);
}

/* The page at `slot` has a single reference again, probably because a child has exited. Its
 * neighbours then often do too, and are likely to be written next: make those writable. */
static void reuse_around(struct mm *mm, const struct area *a, pte_t *slot, u64 addr)
{
	u64 block = ALIGN_DOWN(addr, AROUND * PAGE_SIZE), start = MAX(block, a->start);
	u64 end = MIN(block + AROUND * PAGE_SIZE, a->end);
	pte_t *at = slot - ((addr - start) >> PAGE_SHIFT);

	for (; start < end; start += PAGE_SIZE, at++) {
		if (!*at || (*at & (PTE_WRITE | PTE_SHARED)) || !leaf_is_owned(*at))
			continue;
		WRITE_ONCE(*at, *at | PTE_WRITE | PTE_DIRTY);
		mm->stats.cow_reused++;
		trace_cow_page(start, 0);
	}
}

/* Replace the shared page at `slot` by a copy, which is still read-only. False without memory. */
bool copy_leaf(struct gather *g, pte_t *slot, u64 addr)
{
	struct mm *mm = g->mm;
	pte_t leaf = *slot;
	struct page *p = phys_to_page(pte_addr(leaf)), *copy = copy_of(p);

	if (!copy)
		return false;
	if (p->flags & PG_ZERO) {
		mm->stats.zero_pages++;
		mm->rss.anon++;
	} else {
		if (p->flags & PG_CACHE) {
			mm->rss.shared--;
			mm->rss.anon++;
		}
		mm->stats.cow_pages++;
		trace_cow_page(addr, 1);
	}
	sched_fuzz_point();
	tree_replace_leaf(g, slot, addr, (leaf & ~PTE_ADDR_MASK) | page_to_phys(copy));
	return true;
}

#define COPY_AHEAD_ORDER 4U /* at most 2^4 pages are copied by one fault */

/* A task that writes to one shared page after the other, upwards, is likely to write to the next:
 * from the third such fault on, copy pages ahead, twice as many each time. Returns how many. */
static u32 copy_ahead(struct gather *g, const struct area *a, pte_t *slot, u64 addr)
{
	struct mm *mm = g->mm;
	u64 end = MIN(a->end, ALIGN_DOWN(addr, pt_span(2)) + pt_span(2)), at = addr + PAGE_SIZE;

	mm->cow_faults = addr == mm->cow_next ? mm->cow_faults + 1 : 0;
	if (mm->cow_faults > 1)
		end = MIN(end, addr + (PAGE_SIZE << MIN(mm->cow_faults - 1, COPY_AHEAD_ORDER)));
	else
		end = addr;
	for (slot++; at < end; at += PAGE_SIZE, slot++)
		if (!*slot || (*slot & (PTE_WRITE | PTE_SHARED)) || is_special(*slot) ||
		    leaf_is_owned(*slot) || !copy_leaf(g, slot, at))
			break;
	mm->cow_next = at;
	return (at - addr) / PAGE_SIZE - 1;
}

/* A copy becomes writable after the flush: until then another CPU could read the old page. */
static enum fault_result copy_on_write(struct gather *g, const struct area *a, pte_t *slot,
				       u64 addr)
{
	u32 n;

	if (!copy_leaf(g, slot, addr))
		return FAULT_OOM;
	n = 1 + copy_ahead(g, a, slot, addr);
	gather_finish(g);
	sched_fuzz_point();
	for (u32 i = 0; i < n; i++)
		WRITE_ONCE(slot[i], slot[i] | PTE_WRITE | PTE_DIRTY);
	return FAULT_OK;
}

/* A write to a read-only leaf in a writable area. The path to `slot` is owned. */
static enum fault_result write_protected(struct gather *g, const struct area *a, pte_t *slot,
					 u64 addr)
{
	sched_fuzz_point();
	if (*slot & PTE_SHARED)
		WRITE_ONCE(*slot, *slot | PTE_WRITE | PTE_DIRTY);
	else if (leaf_is_owned(*slot))
		reuse_around(g->mm, a, slot, addr);
	else
		return copy_on_write(g, a, slot, addr);
	return FAULT_OK;
}

/* ---- the fault ---- */

/* The slow part: own the path first. */
static enum fault_result own_and_map(struct mm *mm, const struct area *a, u64 addr, bool write)
{
	enum fault_result result = FAULT_OK;
	struct gather g;
	pte_t *slot;

	gather_init(&g, mm);
	slot = tree_own_path(&g, addr);
	if (!slot)
		result = FAULT_OOM;
	else if (!*slot)
		result = map_missing(mm, a, slot, addr, write);
	else if (!(*slot & PTE_WRITE))
		result = write_protected(&g, a, slot, addr);
	gather_finish(&g);
	return result;
}

/* The caller holds mm->lock. After FAULT_OK the leaf is present and allows the access. After
 * FAULT_OOM tables may have been copied or made for nothing, which changes no mapping. */
static enum fault_result fault_locked(struct mm *mm, u64 addr, enum fault_access access)
{
	enum fault_result why;
	const struct area *a = area_for(mm, addr, &why);
	bool write = access == ACCESS_WRITE;
	pte_t *slot;

	if (!a)
		return why;
	if (!allowed(a->flags, access))
		return FAULT_ACCERR;
	addr &= PAGE_MASK;
	slot = tree_owned_slot(mm, addr);
	if (slot && !*slot)
		return map_missing(mm, a, slot, addr, write);
	if (!write && (slot || tree_walk(mm, addr)))
		return FAULT_OK; /* it is mapped already */
	return own_and_map(mm, a, addr, write);
}

enum fault_result mm_fault(struct mm *mm, u64 addr, enum fault_access access)
{
	if (addr >= TASK_SIZE)
		return FAULT_MAPERR;
	guard_mutex(&mm->lock);
	mm->stats.faults++;
	return fault_locked(mm, addr, access);
}

void *mm_look(struct mm *mm, u64 addr, enum fault_access access)
{
	pte_t need = PTE_PRESENT | (access == ACCESS_WRITE ? PTE_WRITE : 0);
	pte_t leaf = addr < TASK_SIZE ? tree_walk(mm, addr) : 0;

	return (leaf & need) == need ? phys_to_virt(pte_addr(leaf)) + (addr & ~PAGE_MASK) : NULL;
}

enum fault_result mm_fault_locked(struct mm *mm, u64 addr, enum fault_access access, void **kaddr)
{
	enum fault_result result;

	*kaddr = mm_look(mm, addr, access);
	if (*kaddr) /* mapped already */
		return FAULT_OK;
	result = addr < TASK_SIZE ? fault_locked(mm, addr, access) : FAULT_MAPERR;
	if (result == FAULT_OK)
		*kaddr = mm_look(mm, addr, ACCESS_READ);
	return result;
}

enum fault_result mm_own_first_part(struct mm *mm, u64 addr)
{
	enum fault_result why;
	struct page *from, *p;
	const struct area *a;
	struct gather g;
	pte_t *slot;

	guard_mutex(&mm->lock);
	a = area_find(mm->areas, addr);
	from = object_page(mm, a, addr & PAGE_MASK, false, &why);
	if (!from)
		return why;
	p = alloc_page(ALLOC_ZERO);
	gather_init(&g, mm);
	slot = p ? tree_own_path(&g, addr) : NULL;
	gather_finish(&g);
	if (slot) {
		memcpy(page_to_virt(p), page_to_virt(from), addr % PAGE_SIZE);
		mm->stats.cow_pages++;
		rss_count(&mm->rss, p, 1);
		tree_fill_slot(slot,
			       page_to_phys(p) | tree_leaf_bits(a->flags) | PTE_WRITE | PTE_DIRTY);
	} else if (p) {
		put_page(p);
	}
	put_page(from);
	return slot ? FAULT_OK : FAULT_OOM;
}
