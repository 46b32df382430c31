/*
 * Kernel memory that is contiguous in virtual addresses only, with an unmapped page on either side.
 *
 * The window [VMALLOC_BASE, VMALLOC_END) has two halves. The lower half holds blocks of any size,
 * in a list sorted by address. The upper half is divided into slots for kernel stacks: a guard
 * page, then the stack. With a fixed stride the double-fault handler can tell a guard page by
 * arithmetic, without a lock. The lowest free slot is always taken first, so that the stacks need
 * few page tables, which are never freed.
 *
 * Lock: vmalloc_lock guards the list and the slots.
 */
#include "mm/vmalloc.h"

#include <asm/errno.h>

#include "arch/x86_64/arch.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/log.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define KERNEL_DATA (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | PTE_NX)

static spinlock_t vmalloc_lock = SPINLOCK_INIT(LOCK_VMALLOC);

FAULT_SITE(vmalloc_site, "vmalloc");
FAULT_SITE(stack_site, "stack");

/* ---- mapping pages, for both halves ---- */

/* Unmap and free what map_pages() mapped. The pages are chained by page.link.next until the flush,
 * since no CPU may have a translation of a page that is freed. */
static void unmap_pages(u64 start, u64 size)
{
	struct list_head *chain = NULL;

	for (u64 va = start; va < start + size; va += PAGE_SIZE) {
		phys_addr_t pa;
		struct page *p;

		arch_unmap_kernel_pages(va, 1, &pa);
		p = phys_to_page(pa);
		p->link.next = chain;
		chain = &p->link;
	}
	flush_tlb_kernel_range(start, start + size);
	while (chain) {
		struct page *p = list_entry(chain, struct page, link);

		chain = chain->next;
		put_page(p);
	}
}

/* Map new pages at [start, start + size). 0, or -1 with nothing mapped. */
static int map_pages(u64 start, u64 size)
{
	for (u64 done = 0; done < size; done += PAGE_SIZE) {
		struct page *p = alloc_page(0);

		if (p && arch_map_kernel_pages(start + done, page_to_phys(p), 1, KERNEL_DATA) == 0)
			continue;
		if (p)
			put_page(p);
		if (done)
			unmap_pages(start, done);
		return -1;
	}
	return 0;
}

/* ---- blocks of any size ---- */

#define AREAS_START VMALLOC_BASE
#define AREAS_END   (VMALLOC_BASE + (VMALLOC_END - VMALLOC_BASE) / 2)

struct vm_block {
	struct list_head link; /* vmalloc_lock: blocks, by address */
	u64 start, size;       /* without the guard page that follows */
};
static struct list_head blocks = LIST_HEAD_INIT(blocks);
static struct kmem_cache *block_cache;

/* Put `b` into the first gap that has room for it and a guard page. */
static bool place_block(struct vm_block *b)
{
	struct vm_block *next;
	u64 start = AREAS_START + PAGE_SIZE;

	guard_spin(&vmalloc_lock);
	list_for_each_entry (next, &blocks, link) {
		if (next->start - start >= b->size + PAGE_SIZE)
			break;
		start = next->start + next->size + PAGE_SIZE;
	}
	if (b->size + PAGE_SIZE > AREAS_END - start)
		return false;
	b->start = start;
	list_add_tail(&b->link, &next->link);
	return true;
}

static void remove_block(struct vm_block *b)
{
	spin_lock(&vmalloc_lock);
	list_del(&b->link);
	spin_unlock(&vmalloc_lock);
	kmem_cache_free(block_cache, b);
}

void *vmalloc(size_t size)
{
	struct vm_block *b;

	if (size == 0 || size > AREAS_END - AREAS_START || should_fail(&vmalloc_site))
		return NULL;
	b = kmem_cache_alloc(block_cache);
	if (!b)
		return NULL;
	b->size = ALIGN_UP(size, PAGE_SIZE);
	if (!place_block(b)) {
		kmem_cache_free(block_cache, b);
		return NULL;
	}
	if (map_pages(b->start, b->size)) {
		remove_block(b);
		return NULL;
	}
	return (void *)b->start;
}

static struct vm_block *find_block(u64 start)
{
	struct vm_block *b;

	guard_spin(&vmalloc_lock);
	list_for_each_entry (b, &blocks, link)
		if (b->start == start)
			return b;
	panic("vfree: nothing was allocated at %#lx\n", start);
}

void vfree(void *p)
{
	struct vm_block *b;

	if (!p)
		return;
	b = find_block((u64)p);
	unmap_pages(b->start, b->size);
	remove_block(b);
}

/* ---- kernel stacks ---- */

#define STACKS_START AREAS_END
#define STACK_STRIDE (PAGE_SIZE + KERNEL_STACK_SIZE)
#define STACK_ORDER  2
#define STACK_PAGES  (1UL << STACK_ORDER)
_Static_assert(PAGE_SIZE << STACK_ORDER == KERNEL_STACK_SIZE, "a stack is a block");

/* The bitmap of slots in use. It grows by a page at a time and never shrinks. */
#define SLOTS_PER_PAGE (PAGE_SIZE * 8)
#define SLOT_PAGES     64
static u64 *slot_map[SLOT_PAGES]; /* vmalloc_lock */
static u64 lowest_free_slot;      /* vmalloc_lock: none below it */

static u64 slot_stack(u64 slot)
{
	return STACKS_START + slot * STACK_STRIDE + PAGE_SIZE;
}

/* Find the lowest free slot, under vmalloc_lock. False if the bitmap has to grow first. */
static bool find_slot(u64 *slot)
{
	u64 page = lowest_free_slot / SLOTS_PER_PAGE, bit = lowest_free_slot % SLOTS_PER_PAGE;

	for (; page < SLOT_PAGES && slot_map[page]; page++, bit = 0) {
		bit = bitmap_find_clear(slot_map[page], SLOTS_PER_PAGE, bit);
		if (bit < SLOTS_PER_PAGE) {
			*slot = page * SLOTS_PER_PAGE + bit;
			return true;
		}
	}
	return false;
}

/* Add a page to the bitmap. False without memory, or if all slots are in use. */
static bool grow_slots(void)
{
	struct page *p = alloc_page(ALLOC_ZERO);
	u64 page = 0;

	if (!p)
		return false;
	spin_lock(&vmalloc_lock);
	while (page < SLOT_PAGES && slot_map[page])
		page++;
	if (page < SLOT_PAGES)
		slot_map[page] = page_to_virt(p);
	spin_unlock(&vmalloc_lock);
	if (page == SLOT_PAGES)
		put_page(p);
	return page < SLOT_PAGES;
}

static bool try_take_slot(u64 *slot)
{
	guard_spin(&vmalloc_lock);
	if (!find_slot(slot))
		return false;
	bitmap_set(slot_map[*slot / SLOTS_PER_PAGE], *slot % SLOTS_PER_PAGE);
	lowest_free_slot = *slot + 1;
	return true;
}

static bool take_slot(u64 *slot)
{
	while (!try_take_slot(slot))
		if (!grow_slots())
			return false;
	return true;
}

static void give_slot(u64 slot)
{
	guard_spin(&vmalloc_lock);
	bitmap_clear(slot_map[slot / SLOTS_PER_PAGE], slot % SLOTS_PER_PAGE);
	lowest_free_slot = MIN(lowest_free_slot, slot);
}

/* Map a stack to one block of pages if there is one, else to single pages. 0 or -1. */
static int map_stack(u64 start)
{
	struct page *block = alloc_pages(STACK_ORDER, 0);

	if (block && arch_map_kernel_pages(start, page_to_phys(block), STACK_PAGES, KERNEL_DATA)) {
		free_pages(block, STACK_ORDER);
		return -1;
	}
	return block ? 0 : map_pages(start, KERNEL_STACK_SIZE);
}

static void free_stack_pages(const phys_addr_t pa[STACK_PAGES])
{
	struct page *first = phys_to_page(pa[0]);

	if (first->order == STACK_ORDER) {
		free_pages(first, STACK_ORDER);
		return;
	}
	for (u64 i = 0; i < STACK_PAGES; i++)
		put_page(phys_to_page(pa[i]));
}

/* Unmapping a stack takes a flush on every CPU. So free stacks stay mapped, for reuse, until there
 * are SPARE_STACKS of them, which are then unmapped by one flush. A debug build unmaps each stack
 * at once, so that a late use of it faults. */
#define SPARE_STACKS 16
static u64 spare_stacks[SPARE_STACKS]; /* vmalloc_lock */
static u32 nr_spare_stacks;            /* vmalloc_lock */

static void unmap_stacks(const u64 *start, u32 n)
{
	phys_addr_t pa[SPARE_STACKS][STACK_PAGES];
	u64 low = VMALLOC_END, high = 0;

	for (u32 i = 0; i < n; i++) {
		arch_unmap_kernel_pages(start[i], STACK_PAGES, pa[i]);
		low = MIN(low, start[i]);
		high = MAX(high, start[i] + KERNEL_STACK_SIZE);
	}
	flush_tlb_kernel_range(low, high);
	for (u32 i = 0; i < n; i++) {
		free_stack_pages(pa[i]);
		give_slot((start[i] - STACKS_START) / STACK_STRIDE);
	}
}

static u64 take_spare_stack(void)
{
	guard_spin(&vmalloc_lock);
	return nr_spare_stacks ? spare_stacks[--nr_spare_stacks] : 0;
}

/* Take all spare stacks; the caller holds vmalloc_lock. Returns how many. */
static u32 take_spare_stacks(u64 *stacks)
{
	u32 n = nr_spare_stacks;

	memcpy(stacks, spare_stacks, n * sizeof(*stacks));
	nr_spare_stacks = 0;
	return n;
}

static u64 new_stack(void)
{
	u64 slot, stack;

	if (!take_slot(&slot))
		return 0;
	stack = slot_stack(slot);
	if (map_stack(stack)) {
		give_slot(slot);
		return 0;
	}
	*(u64 *)stack = STACK_END_MAGIC;
	return stack;
}

void *alloc_kernel_stack(void)
{
	u64 stack;

	if (should_fail(&stack_site))
		return NULL;
	stack = take_spare_stack();
	return (void *)(stack ? stack : new_stack());
}

void free_kernel_stack(void *stack)
{
	u64 start = (u64)stack, old[SPARE_STACKS];
	u32 n = 0;

	DEBUG_ON(*(u64 *)stack != STACK_END_MAGIC);
	if (DEBUG_CHECKS) {
		unmap_stacks(&start, 1);
		return;
	}
	spin_lock(&vmalloc_lock);
	if (nr_spare_stacks == SPARE_STACKS)
		n = take_spare_stacks(old);
	spare_stacks[nr_spare_stacks++] = start;
	spin_unlock(&vmalloc_lock);
	if (n)
		unmap_stacks(old, n);
}

void drain_kernel_stacks(void)
{
	u64 old[SPARE_STACKS];
	u32 n;

	spin_lock(&vmalloc_lock);
	n = take_spare_stacks(old);
	spin_unlock(&vmalloc_lock);
	if (n)
		unmap_stacks(old, n);
}

bool is_stack_guard(u64 addr)
{
	return addr >= STACKS_START && addr < VMALLOC_END &&
	       (addr - STACKS_START) % STACK_STRIDE < PAGE_SIZE;
}

/* The bitmap and the tables are never freed. If they were made when tasks need them, a test that
 * compares free memory before and after would see a leak. So they are made in advance, for as many
 * stacks as are asked for and have room in memory. */
int reserve_kernel_stacks(u64 stacks)
{
	u64 end;

	stacks = MIN(stacks, (nr_total_pages() << PAGE_SHIFT) / KERNEL_STACK_SIZE);
	stacks = MIN(stacks, SLOT_PAGES * SLOTS_PER_PAGE); /* all slots there are */
	end = slot_stack(stacks) + KERNEL_STACK_SIZE;
	for (u64 va = STACKS_START; va < end; va += pt_span(2))
		if (arch_prepare_kernel_page(va))
			return -ENOMEM;
	for (u64 page = 0; page * SLOTS_PER_PAGE < stacks; page++)
		if (!READ_ONCE(slot_map[page]) && !grow_slots())
			return -ENOMEM;
	return 0;
}

#define STACKS_IN_ADVANCE 65536UL

void vmalloc_init(void)
{
	u64 stacks;

	block_cache = kmem_cache_create("vm_block", sizeof(struct vm_block), 0);
	/* By default fork may spend an eighth of memory on stacks, and there are 32,768 pids. */
	stacks = (nr_total_pages() << PAGE_SHIFT) / 8 / KERNEL_STACK_SIZE;
	(void)reserve_kernel_stacks(MIN(stacks, STACKS_IN_ADVANCE));
	vfree(vmalloc(PAGE_SIZE)); /* makes the first tables of the other half in advance too */
}
