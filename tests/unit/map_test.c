/*
 * Mappings: where they lie, what is refused, what counts towards limits, and stack growth.
 * tree_test.c tests the contents, and what fork shares.
 */
// sources: mm/tree.c mm/tree_walk.c mm/tree_range.c mm/area.c mm/area_tree.c mm/area_find.c
// sources: mm/map.c mm/access.c mm/area_flags.c mm/fault.c mm/mm.c mm/object.c
// flags: -DAREA_LEAF_MAX=4 -DAREA_NODE_MAX=4
#include "tests/unit/tree_host.h"

#include "mm/area.h"
#include "mm/mm.h"

void flush_tlb_range(struct mm *mm, u64 start, u64 end)
{
	(void)mm;
	(void)start;
	(void)end;
}
void arch_leave_mm(struct mm *mm)
{
	(void)mm;
}
void flush_tlb_mm(struct mm *mm)
{
	(void)mm;
}

static struct vm_object *object;

static void set_up(void)
{
	static bool done;

	if (!done)
		mm_init();
	done = true;
	object = object_create("object", 20 * PAGE_SIZE);
}

/* Only the zero page stays allocated. */
static void tear_down(struct mm *mm)
{
	mm_put(mm);
	object_put(object);
	CHECK_EQ(pages_out, 1);
	CHECK_EQ(objects_out, 0);
	CHECK_EQ(refcount_read(&zero_page->count), 1);
}

TEST(stack_grows_to_its_limit_and_keeps_its_gap)
{
	struct mm *mm;
	u64 top = 0x7fff00000000, low = top - (2UL << 20);

	set_up();
	mm = mm_create();
	mm->limit_stack = 4UL << 20;
	CHECK_EQ(mm_map(mm, top - PAGE_SIZE, PAGE_SIZE,
			AREA_READ | AREA_WRITE | AREA_GROWSDOWN | AREA_STACK, NULL, 0, MM_FIXED),
		 top - PAGE_SIZE);
	CHECK_EQ(mm_fault(mm, top - (1UL << 20), ACCESS_WRITE), FAULT_OK);
	CHECK_EQ(mm->nr_mapped, (1UL << 20) / PAGE_SIZE);
	CHECK_EQ(mm_fault(mm, top - (4UL << 20) - 1, ACCESS_WRITE), FAULT_MAPERR);
	/* A mapping below: 256 pages above it stay free. */
	CHECK_EQ(mm_map(mm, low - PAGE_SIZE, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED),
		 low - PAGE_SIZE);
	CHECK_EQ(mm_fault(mm, low + STACK_GAP - 1, ACCESS_WRITE), FAULT_MAPERR);
	CHECK_EQ(mm_unmap(mm, low - PAGE_SIZE, PAGE_SIZE), 0);
	CHECK_EQ(mm_fault(mm, top - (4UL << 20), ACCESS_WRITE), FAULT_OK);
	/* mmap() without an address keeps clear of the gap too. */
	mm->mmap_base = top;
	CHECK_EQ(mm_map(mm, 0, PAGE_SIZE, AREA_READ, NULL, 0, 0),
		 top - (4UL << 20) - STACK_GAP - PAGE_SIZE);
	tear_down(mm);
}

/* ---- a mapping without an address lies in the highest gap, even after other searches
 * ---- */

#define GAP_PAGES 200

/* Find the highest place for n pages below `top` by looking at each. */
static u64 naive_gap(struct mm *mm, u64 top, u64 n)
{
	u64 free = 0;

	for (u64 addr = top - PAGE_SIZE; addr >= top - GAP_PAGES * PAGE_SIZE; addr -= PAGE_SIZE) {
		struct area a;
		bool used = mm_find_area(mm, addr, &a) && a.start <= addr;

		free = used ? 0 : free + 1;
		if (free == n)
			return addr;
	}
	return 0;
}

static void map_or_unmap(struct mm *mm, u64 top)
{
	u64 n = 1 + host_random_below(host_random_below(8) ? 4 : 30);
	u64 addr = top - (30 + host_random_below(GAP_PAGES - 30)) * PAGE_SIZE, expected;
	u32 flags = host_random_below(2) ? AREA_READ : AREA_READ | AREA_WRITE;

	switch (host_random_below(8)) {
	case 0:
	case 1:
	case 2:
		CHECK_EQ(mm_unmap(mm, addr, n * PAGE_SIZE), 0);
		break;
	case 3:
		CHECK(mm_map(mm, addr, n * PAGE_SIZE, flags, NULL, 0, MM_FIXED) > 0);
		break;
	default:
		expected = naive_gap(mm, top, n);
		if (expected && host_random_below(4) == 0)
			CHECK_EQ(mm_find_room(mm, n * PAGE_SIZE), expected);
		else if (expected)
			CHECK_EQ(mm_map(mm, 0, n * PAGE_SIZE, flags, NULL, 0, 0), expected);
	}
}

TEST(mappings_go_into_the_highest_gap)
{
	for (int round = 0; round < 20; round++) {
		struct mm *mm, *child;
		u64 top;

		set_up();
		mm = mm_create();
		top = mm->mmap_base;
		for (int i = 0; i < 2000; i++)
			map_or_unmap(mm, top);
		child = mm_clone(mm);
		for (int i = 0; i < 200; i++)
			map_or_unmap(child, top);
		mm_put(child);
		tear_down(mm);
	}
}

TEST(arguments_are_checked)
{
	struct mm *mm;

	set_up();
	mm = mm_create();
	CHECK_EQ(mm_map(mm, 0, 0, AREA_READ, NULL, 0, 0), -EINVAL);
	CHECK_EQ(mm_map(mm, 0, ~0UL, AREA_READ, NULL, 0, 0), -ENOMEM);
	CHECK_EQ(mm_map(mm, 0, TASK_SIZE, AREA_READ, NULL, 0, 0), -ENOMEM);
	CHECK_EQ(mm_map(mm, 0x20001, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED), -EINVAL);
	CHECK_EQ(mm_map(mm, 0, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED), -EPERM);
	CHECK_EQ(mm_map(mm, TASK_SIZE, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED), -ENOMEM);
	CHECK_EQ(mm_map(mm, 0x20000, PAGE_SIZE, AREA_READ, object, ~0UL, MM_FIXED), -EOVERFLOW);
	CHECK_EQ(mm_map(mm, TASK_SIZE - PAGE_SIZE, 1, AREA_READ, NULL, 0, MM_FIXED),
		 TASK_SIZE - PAGE_SIZE);
	CHECK_EQ(mm_map(mm, TASK_SIZE - PAGE_SIZE, 1, AREA_READ, NULL, 0, MM_FIXED_NOREPLACE),
		 -EEXIST);
	CHECK_EQ(mm_unmap(mm, 1, PAGE_SIZE), -EINVAL);
	CHECK_EQ(mm_unmap(mm, 0x20000, 0), -EINVAL);
	CHECK_EQ(mm_unmap(mm, 0x20000, ~0UL), -EINVAL);
	CHECK_EQ(mm_unmap(mm, TASK_SIZE, PAGE_SIZE), -EINVAL);
	CHECK_EQ(mm_unmap(mm, 0, TASK_SIZE), 0);
	CHECK_EQ(mm_protect(mm, 0x20000, ~0UL, AREA_READ), -ENOMEM);
	CHECK_EQ(mm_protect(mm, 0x20000, PAGE_SIZE, AREA_READ), -ENOMEM);
	CHECK_EQ(mm_discard(mm, 0x20000, ~0UL), -EINVAL);
	CHECK_EQ(mm_remap(mm, 0x20000, PAGE_SIZE, PAGE_SIZE, 2, 0), -EINVAL);
	CHECK_EQ(mm_remap(mm, 0x20000, PAGE_SIZE, 0, 1, 0), -EINVAL);
	CHECK_EQ(mm_remap(mm, 0x20000, PAGE_SIZE, 2 * PAGE_SIZE, 1, 0), -EFAULT);
	CHECK_EQ(mm_remap(mm, 0x20000, PAGE_SIZE, PAGE_SIZE, 3, 0x20000), -EINVAL);
	CHECK_EQ(mm_fault(mm, TASK_SIZE, ACCESS_READ), FAULT_MAPERR);
	CHECK_EQ(mm_fault(mm, ~0UL, ACCESS_READ), FAULT_MAPERR);
	tear_down(mm);
}

TEST(limits)
{
	u32 rw = AREA_READ | AREA_WRITE;
	struct mm *mm;
	long addr;

	set_up();
	mm = mm_create();
	mm->limit_as = 10 * PAGE_SIZE;
	mm->limit_data = 4 * PAGE_SIZE;
	CHECK_EQ(mm_map(mm, 0, 11 * PAGE_SIZE, AREA_READ, NULL, 0, 0), -ENOMEM);
	CHECK_EQ(mm_map(mm, 0, 5 * PAGE_SIZE, rw, NULL, 0, 0), -ENOMEM);
	addr = mm_map(mm, 0, 10 * PAGE_SIZE, AREA_READ, NULL, 0, 0);
	CHECK(addr > 0);
	CHECK_EQ(mm_protect(mm, addr, 5 * PAGE_SIZE, rw), -ENOMEM);
	CHECK_EQ(mm_protect(mm, addr, 4 * PAGE_SIZE, rw), 0);
	CHECK_EQ(mm_remap(mm, addr, PAGE_SIZE, 2 * PAGE_SIZE, 1, 0), -ENOMEM);
	/* Replacing counts only what is new. */
	CHECK_EQ(mm_map(mm, addr, 4 * PAGE_SIZE, rw, NULL, 0, MM_FIXED), addr);
	CHECK_EQ(mm_unmap(mm, addr, 10 * PAGE_SIZE), 0);
	CHECK_EQ(mm->nr_mapped + mm->nr_data, 0);
	mm->limit_as = ~0UL;
	mm->start_brk = mm->brk = 0x100123;
	CHECK_EQ(mm_brk(mm, 0), 0x100123);
	CHECK_EQ(mm_brk(mm, 0x100124), 0x100124);
	CHECK_EQ(mm_brk(mm, 0x105001), 0x100124); /* five pages and a bit */
	CHECK_EQ(mm_brk(mm, 0x104fff), 0x104fff); /* four */
	CHECK_EQ(mm_brk(mm, 0x100122), 0x104fff);
	CHECK_EQ(mm_brk(mm, 0x101000), 0x101000);
	CHECK_EQ(mm->nr_data, 0);
	max_map_count = 16;
	for (int i = 0; i < 16; i++)
		CHECK_EQ(mm_map(mm, 0x200000 + i * 0x2000, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED),
			 0x200000 + i * 0x2000);
	/* A new mapping may exceed the limit by one, a cut may not. */
	CHECK_EQ(mm_protect(mm, 0x200000, PAGE_SIZE, AREA_READ | AREA_WRITE), 0);
	CHECK_EQ(mm_map(mm, 0x300000, 3 * PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED), 0x300000);
	CHECK_EQ(mm_map(mm, 0x400000, PAGE_SIZE, AREA_READ, NULL, 0, MM_FIXED), -ENOMEM);
	CHECK_EQ(mm_unmap(mm, 0x301000, PAGE_SIZE), -ENOMEM);
	CHECK_EQ(mm_protect(mm, 0x301000, PAGE_SIZE, 0), -ENOMEM);
	CHECK_EQ(mm_unmap(mm, 0x302000, PAGE_SIZE), 0);
	CHECK_EQ(area_count(mm->areas), 17);
	max_map_count = 65530;
	tear_down(mm);
}

TEST_MAIN
