/* The direct map: all physical memory at PHYSMAP_BASE, never executable; also device registers and
 * framebuffers, with suitable caching, so that one formula converts every physical address. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/mm/ktables.h"
#include "arch/x86_64/mm/paging.h"
#include "boot/boot_info.h"
#include "kernel/lib/log.h"

#define PHYSMAP_SIZE    (64UL << 40) /* nearly up to VMALLOC_BASE */
#define RAM_FLAGS       (PTE_WRITE | PTE_NX)
#define READ_ONLY_FLAGS PTE_NX
#define MAX_EARLY_MAPS  16

/* The reset value but for attribute 1 (PWT alone), which was write-through. SDM vol. 3A, 11.12. */
#define PAT_WC_IN_1 0x0007040600070106UL

/* Mappings from before the final tables, which get them too. */
static struct early_map {
	phys_addr_t start, end;
	enum map_cache cache;
} early_maps[MAX_EARLY_MAPS];
static u32 nr_early_maps;

extern char __text_start[], __rodata_end[];

void pat_init(void)
{
	wrmsr(MSR_PAT, PAT_WC_IN_1);
}

/* Where the direct map ends. An address beyond what the CPU has would be a reserved bit in the
 * entry, and a page fault at each access: a device's register may hold any address. */
static phys_addr_t physmap_end(void)
{
	return MIN(1UL << MIN(cpu_features.phys_bits, 52), PHYSMAP_SIZE);
}

static const pte_t cache_flags[] = {
	[MAP_CACHED] = 0,
	[MAP_UNCACHED] = PTE_PCD | PTE_PWT,
	[MAP_WRITECOMBINE] = PTE_PWT,
};

static int map_physical(pte_t *root, phys_addr_t start, phys_addr_t end, pte_t flags)
{
	return map_kernel_range(root, PHYSMAP_BASE + start, start, end - start, flags);
}

void *arch_map_physical(phys_addr_t pa, size_t size, enum map_cache cache)
{
	phys_addr_t start = ALIGN_DOWN(pa, PAGE_SIZE), end;

	if (size == 0 || __builtin_add_overflow(pa, size - 1, &end) || end >= physmap_end())
		return NULL;
	end = ALIGN_UP(end + 1, PAGE_SIZE);
	if (!final_tables) {
		if (nr_early_maps == MAX_EARLY_MAPS)
			return NULL;
		early_maps[nr_early_maps++] = (struct early_map){start, end, cache};
	}
	if (map_physical(kernel_root, start, end, RAM_FLAGS | cache_flags[cache]) < 0)
		return NULL;
	return phys_to_virt(pa);
}

void *arch_map_device(phys_addr_t pa, size_t size)
{
	return arch_map_physical(pa, size, MAP_UNCACHED);
}

static void must_map(pte_t *root, phys_addr_t start, phys_addr_t end, pte_t flags)
{
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = MIN(ALIGN_UP(end, PAGE_SIZE), PHYSMAP_SIZE);
	if (start < end && map_physical(root, start, end, flags) < 0)
		panic("no memory for the direct map\n");
}

static void map_loader_data(pte_t *root, const struct boot_info *boot)
{
	const struct boot_symbols *sym = &boot->symbols;

	must_map(root, boot->info_start, boot->info_end, RAM_FLAGS);
	must_map(root, sym->symtab, sym->symtab + sym->symtab_size, RAM_FLAGS);
	must_map(root, sym->strtab, sym->strtab + sym->strtab_size, RAM_FLAGS);
	for (u32 i = 0; i < boot->nr_modules; i++)
		must_map(root, boot->modules[i].start, boot->modules[i].end, RAM_FLAGS);
}

void physmap_init(pte_t *root, const struct boot_info *boot)
{
	if (fill_root_slots(root, PHYSMAP_BASE, PHYSMAP_BASE + physmap_end()) < 0)
		panic("no memory for the direct map\n");
	/* First, since existing mappings are kept: code cannot be written to by this address. */
	must_map(root, image_to_phys(__text_start), image_to_phys(__rodata_end), READ_ONLY_FLAGS);
	for (u32 i = 0; i < nr_early_maps; i++)
		must_map(root, early_maps[i].start, early_maps[i].end,
			 RAM_FLAGS | cache_flags[early_maps[i].cache]);
	for (u32 i = 0; i < boot->nr_ranges; i++)
		if (boot->ranges[i].type != BOOT_RESERVED)
			must_map(root, boot->ranges[i].start, boot->ranges[i].end, RAM_FLAGS);
	map_loader_data(root, boot);
}
