/* The final kernel tables, made once at boot. Every root slot that a kernel range can use gets its
 * table here, so that all processes see later kernel mappings without copying them. */
#include "arch/x86_64/mm/paging.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/mm/ktables.h"
#include "boot/boot_info.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "mm/mm.h"
#include "mm/section.h"

extern pte_t boot_pml4[]; /* boot/start.asm */
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __kernel_end[];

pte_t *kernel_root = boot_pml4;
bool final_tables;

#define LARGE_PAGE (2UL << 20)
/* The buddy allocator looks at a block's other half, even if there is no RAM. */
#define ARRAY_ROUND (PAGE_SIZE << MAX_ORDER)

static void map_image_part(pte_t *root, const char *start, const char *end, pte_t flags)
{
	if (map_kernel_range(root, (u64)start, image_to_phys(start), end - start, flags) < 0)
		panic("no memory for the kernel's own tables\n");
}

/* Text R-X, constants R--, data RW-. The guard page below the boot stack is not mapped. */
static void map_image(pte_t *root)
{
	map_image_part(root, __text_start, __text_end, 0);
	map_image_part(root, __rodata_start, __rodata_end, PTE_NX);
	map_image_part(root, __data_start, init_stack_guard, PTE_WRITE | PTE_NX);
	map_image_part(root, init_stack_guard + PAGE_SIZE, __kernel_end, PTE_WRITE | PTE_NX);
}

_Static_assert(SECTION_SIZE / PAGE_SIZE * sizeof(struct page) == LARGE_PAGE,
	       "one entry maps the struct pages of a section");

static void prepare_large_page(pte_t *root, u64 va)
{
	if (!large_entry(root, va))
		panic("no memory for the page array\n");
}

/* Map the struct pages of the RAM at [start, end). Two ranges may share a page of the array. */
static void map_page_array(pte_t *root, phys_addr_t start, phys_addr_t end)
{
	u64 va = PAGE_ARRAY_BASE + PFN(ALIGN_DOWN(start, ARRAY_ROUND)) * sizeof(struct page);
	u64 stop = PAGE_ARRAY_BASE + PFN(ALIGN_UP(end, ARRAY_ROUND)) * sizeof(struct page);
	u64 step;

	for (va &= PAGE_MASK; va < stop; va += step) {
		step = PAGE_SIZE;
		if (early_deferred(page_to_phys((struct page *)va))) {
			prepare_large_page(root, va);
			step = LARGE_PAGE - va % LARGE_PAGE;
			continue;
		}
		if (kernel_mapped(root, va))
			continue;
		if ((va & (LARGE_PAGE - 1)) == 0 && stop - va >= LARGE_PAGE)
			step = LARGE_PAGE;
		if (map_kernel_range(root, va, early_alloc(step, step), step, PTE_WRITE | PTE_NX) <
		    0)
			panic("no memory for the page array\n");
	}
}

/* The section's struct pages are mapped by one entry, whose table the boot has prepared. */
void arch_map_page_array(phys_addr_t section, size_t size)
{
	u64 va = PAGE_ARRAY_BASE + PFN(section) * sizeof(struct page);

	if (map_kernel_range(kernel_root, va, section, size, PTE_WRITE | PTE_NX) < 0)
		panic("no memory for the page array\n");
}

/* The used slots of the root's upper half: few of 256. */
static struct slot_run {
	u32 first, nr;
} kernel_slots[8];
static u32 nr_kernel_slots;

static void note_kernel_slots(const pte_t *root)
{
	for (u32 i = PTRS_PER_TABLE / 2; i < PTRS_PER_TABLE; i++) {
		if (!root[i])
			continue;
		if (!root[i - 1]) {
			BUG_ON(nr_kernel_slots == ARRAY_SIZE(kernel_slots));
			kernel_slots[nr_kernel_slots++].first = i;
		}
		kernel_slots[nr_kernel_slots - 1].nr++;
	}
}

void arch_paging_init(const struct boot_info *boot)
{
	pte_t *root = phys_to_virt(new_kernel_table());

	map_image(root);
	physmap_init(root, boot);
	if (fill_root_slots(root, VMALLOC_BASE, VMALLOC_END) < 0 ||
	    fill_root_slots(root, PAGE_ARRAY_BASE,
			    PAGE_ARRAY_BASE + PFN(early_highest_ram()) * sizeof(struct page)) < 0)
		panic("no memory for the kernel's own tables\n");
	for (u32 i = 0; i < boot->nr_ranges; i++)
		if (boot->ranges[i].type == BOOT_RAM)
			map_page_array(root, boot->ranges[i].start, boot->ranges[i].end);

	note_kernel_slots(root);
	kernel_root = root;
	final_tables = true;
	init_mm.root = root;
	mm_grab(&init_mm);      /* for init_task, which borrows it */
	arch_load_mm(&init_mm); /* the identity mapping is gone with the boot tables */
}

void arch_init_root(pte_t *root)
{
	for (const struct slot_run *run = kernel_slots; run < kernel_slots + nr_kernel_slots; run++)
		memcpy(root + run->first, kernel_root + run->first, run->nr * sizeof(*root));
}

/* The entry of the page at va. `prev`: the entry of the page before it, or NULL. */
static pte_t *next_leaf(pte_t *prev, u64 va, bool create)
{
	return prev && pt_index(va, 1) ? prev + 1 : kernel_leaf(kernel_root, va, create);
}

int arch_map_kernel_pages(u64 va, phys_addr_t pa, u64 pages, pte_t flags)
{
	pte_t *leaf = NULL;

	for (u64 i = 0; i < pages; i++) {
		leaf = next_leaf(leaf, va + i * PAGE_SIZE, true);
		if (!leaf) {
			if (i)
				arch_unmap_kernel_pages(va, i, NULL);
			return -ENOMEM;
		}
		BUG_ON(*leaf & PTE_PRESENT);
		*leaf = (pa + i * PAGE_SIZE) | flags | PTE_KERNEL;
	}
	return 0;
}

void arch_unmap_kernel_pages(u64 va, u64 pages, phys_addr_t *pa)
{
	pte_t *leaf = NULL;

	for (u64 i = 0; i < pages; i++) {
		leaf = next_leaf(leaf, va + i * PAGE_SIZE, false);
		BUG_ON(!leaf || !(*leaf & PTE_PRESENT));
		if (pa)
			pa[i] = pte_addr(*leaf);
		*leaf = 0;
	}
}

int arch_prepare_kernel_page(u64 va)
{
	return kernel_leaf(kernel_root, va, true) ? 0 : -ENOMEM;
}
