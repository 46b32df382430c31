/*
 * Memory that is brought in when it is first needed.
 *
 * A machine with a lot of memory would spend its boot on writing struct pages, and gigabytes on
 * holding them. So free memory above DEFER_ABOVE is set aside at boot, in aligned sections. When
 * the allocator runs low, it takes the next section: the section's struct pages go into its own
 * first pages, and the rest becomes free memory. A section is not smaller than the allocator's
 * largest block, so no block needs the struct pages of a section that is still set aside.
 */
#include "mm/section.h"

#include "kernel/lib/atomic.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/string.h"
#include "mm/page.h"

#define ARRAY_SIZE_OF_SECTION (SECTION_SIZE / PAGE_SIZE * sizeof(struct page))
#define USABLE_PAGES          ((SECTION_SIZE - ARRAY_SIZE_OF_SECTION) / PAGE_SIZE)

static spinlock_t section_lock = SPINLOCK_INIT(LOCK_SECTION); /* (irq): the rest */
static struct range deferred[MAX_RANGES];
static u32 nr_deferred;
static u64 nr_sections; /* may be read without the lock */

struct range deferred_part(struct range r)
{
	phys_addr_t start = ALIGN_UP(MAX(r.start, DEFER_ABOVE), SECTION_SIZE);
	phys_addr_t end = ALIGN_DOWN(r.end, SECTION_SIZE);

	return start < end ? (struct range){start, end} : (struct range){r.end, r.end};
}

void defer_range(struct range r)
{
	if (r.start == r.end)
		return;
	deferred[nr_deferred++] = r;
	nr_sections += (r.end - r.start) / SECTION_SIZE;
}

u64 nr_deferred_pages(void)
{
	return READ_ONCE(nr_sections) * USABLE_PAGES;
}

static phys_addr_t next_section(void)
{
	struct range *r = &deferred[nr_deferred - 1];
	phys_addr_t pa = r->start;

	r->start += SECTION_SIZE;
	if (r->start == r->end)
		nr_deferred--;
	WRITE_ONCE(nr_sections, nr_sections - 1);
	return pa;
}

bool bring_in_section(void)
{
	phys_addr_t pa;

	if (likely(!READ_ONCE(nr_sections)))
		return false;
	guard_irq(&section_lock);
	if (!nr_sections)
		return false;
	pa = next_section();
	arch_map_page_array(pa, ARRAY_SIZE_OF_SECTION);
	memset(phys_to_page(pa), 0, ARRAY_SIZE_OF_SECTION);
	buddy_reserve_range(pa, pa + ARRAY_SIZE_OF_SECTION);
	buddy_add_range(pa + ARRAY_SIZE_OF_SECTION, pa + SECTION_SIZE);
	return true;
}
