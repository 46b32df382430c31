/*
 * The file of a dump: an ELF file of type ET_CORE.
 *
 *   header; a program header for the notes and for each area; the notes;
 *   from the next page on the dumped part of each area;
 *   with more areas than the header can count: a section header that has their number.
 */
#include "kernel/coredump/internal.h"
#include "mm/mm.h"
#include "mm/slab.h"

#include <linux/elf-em.h>
#include <linux/elf.h>

struct plan {
	u32 nr;       /* program headers */
	u64 notes_at; /* offsets in the file */
	u64 notes_size;
	u64 data_at;
	u64 sections_at; /* 0: there is no section header */
};

static void make_plan(struct plan *plan, const struct segments_map *map, const struct notes *notes)
{
	u64 at;

	plan->nr = map->nr + 1;
	plan->notes_at = sizeof(Elf64_Ehdr) + plan->nr * sizeof(Elf64_Phdr);
	plan->notes_size = notes_size(notes);
	plan->data_at = at = ALIGN_UP(plan->notes_at + plan->notes_size, PAGE_SIZE);
	for (u32 i = 0; i < map->nr; i++)
		at += map->seg[i].size;
	plan->sections_at = plan->nr >= PN_XNUM ? at : 0;
}

static bool write_header(const struct plan *plan, struct sink *s)
{
	bool many = plan->sections_at != 0;
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
			    ELFOSABI_NONE},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(eh),
		.e_shoff = plan->sections_at,
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (u16)plan->nr,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};

	return sink_write(s, &eh, sizeof(eh));
}

static bool write_program_headers(const struct plan *plan, const struct segments_map *map,
				  struct sink *s)
{
	u64 at = plan->data_at;
	Elf64_Phdr ph = {.p_type = PT_NOTE,
			 .p_offset = plan->notes_at,
			 .p_filesz = plan->notes_size,
			 .p_align = 4};

	if (!sink_write(s, &ph, sizeof(ph)))
		return false;
	for (u32 i = 0; i < map->nr; i++) {
		const struct segment *seg = &map->seg[i];

		ph = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = (seg->flags & AREA_READ ? PF_R : 0) |
				   (seg->flags & AREA_WRITE ? PF_W : 0) |
				   (seg->flags & AREA_EXEC ? PF_X : 0),
			.p_offset = at,
			.p_vaddr = seg->start,
			.p_filesz = seg->size,
			.p_memsz = seg->end - seg->start,
			.p_align = PAGE_SIZE,
		};
		if (!sink_write(s, &ph, sizeof(ph)))
			return false;
		at += seg->size;
	}
	return true;
}

static bool write_segment(const struct segment *seg, struct sink *s, void *page)
{
	u64 addr = seg->start, end = addr + seg->size;

	while (addr < end) {
		u64 hole = mm_copy_present(current->mm, addr, end, page);

		if (fatal_signal_pending(current))
			return false;
		sink_skip(s, hole);
		if (!hole && !sink_write(s, page, PAGE_SIZE))
			return false;
		addr += hole ?: PAGE_SIZE;
	}
	return true;
}

static bool write_memory(const struct segments_map *map, struct sink *s)
{
	void *page scoped(kfree) = kmalloc(PAGE_SIZE);

	for (u32 i = 0; page && i < map->nr; i++)
		if (!write_segment(&map->seg[i], s, page))
			return false;
	return page != NULL;
}

static bool write_sections(const struct plan *plan, struct sink *s)
{
	Elf64_Shdr sh = {.sh_size = 1, .sh_info = plan->nr};

	return !plan->sections_at || sink_write(s, &sh, sizeof(sh));
}

static bool write_all(const struct plan *plan, const struct segments_map *map,
		      const struct notes *notes, struct sink *s)
{
	if (!write_header(plan, s) || !write_program_headers(plan, map, s) ||
	    !notes_write(notes, s))
		return false;
	sink_skip(s, plan->data_at - plan->notes_at - plan->notes_size);
	return write_memory(map, s) && write_sections(plan, s) && sink_end(s);
}

bool elf_core_write(const struct core_dump *core, struct sink *s)
{
	struct segments_map map;
	struct notes notes;
	struct plan plan;

	if (!segments_take(&map, current->mm))
		return false;
	if (!notes_init(&notes, core, &map)) {
		segments_drop(&map);
		return false;
	}
	make_plan(&plan, &map, &notes);
	(void)write_all(&plan, &map, &notes, s); /* what there is of it counts: core(5) */
	notes_drop(&notes);
	segments_drop(&map);
	return true;
}
