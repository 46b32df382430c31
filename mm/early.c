/*
 * Memory before there is an allocator: finds free RAM, and hands out a little of it for good.
 *
 * The loader's map may be unsorted, unaligned or overlapping. Free memory is the union of its RAM
 * ranges, without every range of another type, and without what is known to be in use.
 */
#include "mm/page.h"

#include "boot/boot_info.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "mm/section.h"

/* The BIOS writes into the first 64 KiB, and application processors start there. */
#define LOW_RESERVED_END 0x10000UL
/* EBDA, video memory and option ROMs, whatever the map says. */
#define LEGACY_HOLE_START 0x9f000UL
#define LEGACY_HOLE_END   0x100000UL
#define EARLY_LIMIT       (4UL << 30)

/* Free RAM, sorted, no two ranges touching. */
static struct range ranges[MAX_RANGES];
static u32 nr_ranges;
static phys_addr_t highest_ram;
/* All RAM, free or not: the page array covers it. */
static struct range ram[MAX_RANGES];
static u32 nr_ram;

static void delete_range(u32 i)
{
	memmove(&ranges[i], &ranges[i + 1], (nr_ranges - i - 1) * sizeof(ranges[0]));
	nr_ranges--;
}

static void insert_range(u32 i, phys_addr_t start, phys_addr_t end)
{
	if (nr_ranges == MAX_RANGES)
		panic("the memory map has more than %u free ranges\n", MAX_RANGES);
	memmove(&ranges[i + 1], &ranges[i], (nr_ranges - i) * sizeof(ranges[0]));
	ranges[i] = (struct range){start, end};
	nr_ranges++;
}

/* Only whole pages count as free. */
static void add_free(phys_addr_t start, phys_addr_t end)
{
	u32 i = 0;

	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start >= end)
		return;
	while (i < nr_ranges && ranges[i].end < start)
		i++;
	while (i < nr_ranges && ranges[i].start <= end) { /* they touch: merge */
		start = MIN(start, ranges[i].start);
		end = MAX(end, ranges[i].end);
		delete_range(i);
	}
	insert_range(i, start, end);
}

/* A page that is in use in part is not free. */
static void take_out(phys_addr_t start, phys_addr_t end)
{
	if (start >= end)
		return;
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (u32 i = 0; i < nr_ranges;) {
		struct range r = ranges[i];

		if (r.end <= start || end <= r.start) {
			i++;
			continue;
		}
		delete_range(i);
		if (end < r.end)
			insert_range(i, end, r.end);
		if (r.start < start)
			insert_range(i++, r.start, start);
	}
}

void early_mm_init(const struct boot_info *boot)
{
	const struct boot_symbols *sym = &boot->symbols;

	for (u32 i = 0; i < boot->nr_ranges; i++)
		if (boot->ranges[i].type == BOOT_RAM)
			add_free(boot->ranges[i].start, boot->ranges[i].end);
	memcpy(ram, ranges, sizeof(ram));
	nr_ram = nr_ranges;
	highest_ram = nr_ram ? ram[nr_ram - 1].end : 0;
	for (u32 i = 0; i < boot->nr_ranges; i++)
		if (boot->ranges[i].type != BOOT_RAM)
			take_out(boot->ranges[i].start, boot->ranges[i].end);
	take_out(0, LOW_RESERVED_END);
	take_out(LEGACY_HOLE_START, LEGACY_HOLE_END);
	take_out(boot->kernel_start, boot->kernel_end);
	take_out(boot->info_start, boot->info_end);
	take_out(sym->symtab, sym->symtab + sym->symtab_size);
	take_out(sym->strtab, sym->strtab + sym->strtab_size);
	for (u32 i = 0; i < boot->nr_modules; i++)
		take_out(boot->modules[i].start, boot->modules[i].end);
	if (!nr_ranges)
		panic("the boot loader reported no usable memory\n");
}

/* Takes from the top of the highest range that has room, to keep low memory free for devices. */
phys_addr_t early_alloc(size_t size, size_t align)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	for (u32 i = nr_ranges; i-- > 0;) {
		phys_addr_t end = MIN(ranges[i].end, EARLY_LIMIT), start;

		if (end < ranges[i].start || end - ranges[i].start < size)
			continue;
		start = ALIGN_DOWN(end - size, align);
		if (start < ranges[i].start)
			continue;
		take_out(start, start + size);
		memset(phys_to_virt(start), 0, size);
		return start;
	}
	panic("out of memory while starting: %zu KiB wanted\n", size / 1024);
}

phys_addr_t early_highest_ram(void)
{
	return highest_ram;
}

bool early_deferred(phys_addr_t pa)
{
	for (u32 i = 0; i < nr_ranges; i++) {
		struct range r = deferred_part(ranges[i]);

		if (r.start <= pa && pa < r.end)
			return true;
	}
	return false;
}

static void hand_over(struct range r)
{
	struct range later = deferred_part(r);

	buddy_add_range(r.start, later.start);
	buddy_add_range(later.end, r.end);
	defer_range(later);
}

/* Reserve the parts of this range of RAM that lie between the free ranges. */
static void reserve_rest(struct range r)
{
	for (u32 i = 0; i < nr_ranges; i++) {
		if (ranges[i].end <= r.start || ranges[i].start >= r.end)
			continue;
		buddy_reserve_range(r.start, ranges[i].start);
		r.start = ranges[i].end;
	}
	buddy_reserve_range(r.start, r.end);
}

void page_alloc_init(void)
{
	buddy_init(highest_ram);
	for (u32 i = 0; i < nr_ram; i++)
		reserve_rest(ram[i]);
	for (u32 i = 0; i < nr_ranges; i++)
		hand_over(ranges[i]);
	pr_info("memory: %lu MiB free in %u ranges, highest address %#lx\n",
		nr_total_pages() >> (20 - PAGE_SHIFT), nr_ranges, highest_ram);
	if (nr_deferred_pages())
		pr_info("memory: %lu MiB of it will be brought in when needed\n",
			nr_deferred_pages() >> (20 - PAGE_SHIFT));
}
