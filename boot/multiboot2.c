/*
 * Converts the loader's tags into struct boot_info. Multiboot2 specification, section 3.6.
 *
 * All lengths are checked: a tag that is too short, or runs past the end of the structure, ends the
 * reading; a field is read only if it lies inside its tag.
 */
#include "boot/multiboot2.h"

#include "arch/x86_64/mm/pte.h"
#include "boot/boot_info.h"
#include "kernel/lib/string.h"

#define INFO_MAX (16UL << 20) /* a larger structure is garbage */

enum tag_type {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ELF_SECTIONS = 9,
	TAG_EFI64 = 12,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

struct tag {
	u32 type, size;
	u8 body[];
};

struct tag_memory_map {
	u32 entry_size, entry_version;
	u8 entries[];
};
struct memory_entry {
	u64 base, length;
	u32 type, reserved;
};
#define MEMORY_USABLE       1
#define MEMORY_ACPI_RECLAIM 3

struct tag_framebuffer {
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
	u16 reserved;
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
} __packed;
#define FB_INDEXED 0
#define FB_RGB     1
#define FB_TEXT    2

struct tag_elf_sections {
	u32 count, entry_size, string_index;
	u8 headers[];
};
struct elf_section {
	u32 name, type;
	u64 flags, addr, offset, size;
	u32 link, info;
	u64 align, entry_size;
};
#define SECTION_SYMTAB 2
#define SECTION_STRTAB 3

static u8 rsdp_copy[36]; /* the memory of the loader's structure is reused */

static void copy_string(char *dst, size_t size, const void *src, size_t len)
{
	size_t n = strnlen(src, MIN(len, size - 1));

	memcpy(dst, src, n);
	dst[n] = '\0';
}

static void read_module(struct boot_info *boot, const u8 *body, u32 len)
{
	struct boot_module *m = &boot->modules[boot->nr_modules];
	u32 range[2];

	if (len < sizeof(range) || boot->nr_modules == BOOT_MAX_MODULES)
		return;
	memcpy(range, body, sizeof(range));
	if (range[1] <= range[0])
		return;
	m->start = range[0];
	m->end = range[1];
	copy_string(m->name, sizeof(m->name), body + sizeof(range), len - sizeof(range));
	boot->nr_modules++;
}

/* ---- memory map ---- */

/* Add a range, or extend the last one if they touch. A full table leaves the range unused. */
static void add_range(struct boot_info *boot, u64 start, u64 end, enum boot_range_type type)
{
	struct boot_range *last = boot->nr_ranges ? &boot->ranges[boot->nr_ranges - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->type == type && last->end == start) {
		last->end = end;
		return;
	}
	if (boot->nr_ranges < BOOT_MAX_RANGES)
		boot->ranges[boot->nr_ranges++] = (struct boot_range){start, end, type};
}

/* Remove [start, end) from usable ranges: firmware's ranges overlap, and the other use wins. */
static void carve(struct boot_info *boot, u64 start, u64 end)
{
	u32 n = boot->nr_ranges;

	for (u32 i = 0; i < n; i++) {
		struct boot_range *r = &boot->ranges[i];
		u64 old_end = r->end;

		if (r->type != BOOT_RAM || r->start >= end || r->end <= start)
			continue;
		r->end = MAX(r->start, start);
		if (old_end <= end)
			continue;
		if (r->end == r->start)
			r->start = end, r->end = old_end;
		else if (boot->nr_ranges < BOOT_MAX_RANGES)
			boot->ranges[boot->nr_ranges++] =
				(struct boot_range){end, old_end, BOOT_RAM};
	}
}

/* Read the map's usable entries, or the others; an entry that overflows ends at 2^64 - 1. */
static void read_memory_map(struct boot_info *boot, const u8 *body, u32 len, bool usable)
{
	const struct tag_memory_map *map = (const void *)body;
	u32 step, left;

	if (len < sizeof(*map) || map->entry_size < sizeof(struct memory_entry))
		return;
	step = map->entry_size;
	left = len - sizeof(*map);
	for (const u8 *p = map->entries; left >= step; p += step, left -= step) {
		struct memory_entry e;
		u64 end;

		memcpy(&e, p, sizeof(e));
		if (__builtin_add_overflow(e.base, e.length, &end))
			end = ~0UL;
		if ((e.type == MEMORY_USABLE) != usable)
			continue;
		if (usable) {
			/* Page 0 stays unused: a physical address of 0 means "none". */
			add_range(boot, MAX(ALIGN_UP(e.base, PAGE_SIZE), PAGE_SIZE),
				  ALIGN_DOWN(end, PAGE_SIZE), BOOT_RAM);
			continue;
		}
		e.base = ALIGN_DOWN(e.base, PAGE_SIZE);
		end = end > ~0UL - PAGE_SIZE ? end : ALIGN_UP(end, PAGE_SIZE);
		carve(boot, e.base, end);
		add_range(boot, e.base, end,
			  e.type == MEMORY_ACPI_RECLAIM ? BOOT_ACPI_RECLAIM : BOOT_RESERVED);
	}
}

/* Drop empty ranges, and sort the rest by address. */
static void tidy_ranges(struct boot_info *boot)
{
	u32 n = 0;

	for (u32 i = 0; i < boot->nr_ranges; i++)
		if (boot->ranges[i].start < boot->ranges[i].end)
			boot->ranges[n++] = boot->ranges[i];
	boot->nr_ranges = n;
	for (u32 i = 1; i < n; i++) {
		struct boot_range r = boot->ranges[i];
		u32 j = i;

		for (; j > 0 && boot->ranges[j - 1].start > r.start; j--)
			boot->ranges[j] = boot->ranges[j - 1];
		boot->ranges[j] = r;
	}
}

/* ---- the rest ---- */

static void read_framebuffer(struct boot_info *boot, const u8 *body, u32 len)
{
	struct tag_framebuffer t = {0};

	if (len < offsetof(struct tag_framebuffer, red_pos))
		return;
	/* A palette follows, or for text nothing: zeroes will do. */
	memcpy(&t, body, MIN(len, sizeof(t)));
	if (t.type != FB_RGB)
		memset(&t.red_pos, 0, sizeof(t) - offsetof(struct tag_framebuffer, red_pos));
	if ((t.type != FB_RGB || len < sizeof(t)) && t.type != FB_TEXT && t.type != FB_INDEXED)
		return;
	boot->fb = (struct boot_framebuffer){
		.addr = t.addr,
		.pitch = t.pitch,
		.width = t.width,
		.height = t.height,
		.bpp = t.bpp,
		.present = t.width != 0 && t.height != 0 && t.pitch != 0,
		.text = t.type == FB_TEXT,
		.indexed = t.type == FB_INDEXED,
		.red_pos = t.red_pos,
		.red_size = t.red_size,
		.green_pos = t.green_pos,
		.green_size = t.green_size,
		.blue_pos = t.blue_pos,
		.blue_size = t.blue_size,
	};
}

/* The loader puts sections outside the image into memory, and their addresses into the headers. */
static void read_elf_sections(struct boot_info *boot, const u8 *body, u32 len)
{
	const struct tag_elf_sections *t = (const void *)body;
	struct elf_section sym, str;

	if (len < sizeof(*t) || t->entry_size < sizeof(struct elf_section) ||
	    t->count > (len - sizeof(*t)) / t->entry_size)
		return;
	for (u32 i = 0; i < t->count; i++) {
		memcpy(&sym, t->headers + (u64)i * t->entry_size, sizeof(sym));
		if (sym.type != SECTION_SYMTAB || sym.link >= t->count)
			continue;
		memcpy(&str, t->headers + (u64)sym.link * t->entry_size, sizeof(str));
		if (str.type != SECTION_STRTAB || sym.addr == 0 || str.addr == 0)
			continue;
		boot->symbols = (struct boot_symbols){sym.addr, str.addr, sym.size, str.size};
		return;
	}
}

static void read_rsdp(struct boot_info *boot, const u8 *body, u32 len)
{
	if (len < 20)
		return;
	memcpy(rsdp_copy, body, MIN(len, sizeof(rsdp_copy)));
	boot->rsdp = image_to_phys(rsdp_copy);
}

static void read_efi(struct boot_info *boot, const u8 *body, u32 len)
{
	if (len >= sizeof(boot->efi_system_table))
		memcpy(&boot->efi_system_table, body, sizeof(boot->efi_system_table));
}

static void read_tag(struct boot_info *boot, const struct tag *tag, u32 len)
{
	switch (tag->type) {
	case TAG_CMDLINE:
		return copy_string(boot->cmdline, sizeof(boot->cmdline), tag->body, len);
	case TAG_LOADER:
		return copy_string(boot->loader, sizeof(boot->loader), tag->body, len);
	case TAG_MODULE:
		return read_module(boot, tag->body, len);
	case TAG_MEMORY_MAP:
		read_memory_map(boot, tag->body, len, true);
		return read_memory_map(boot, tag->body, len, false);
	case TAG_FRAMEBUFFER:
		return read_framebuffer(boot, tag->body, len);
	case TAG_ELF_SECTIONS:
		return read_elf_sections(boot, tag->body, len);
	case TAG_EFI64:
		return read_efi(boot, tag->body, len);
	case TAG_ACPI_OLD:
		if (boot->rsdp)
			return; /* the new tag is preferred */
		return read_rsdp(boot, tag->body, len);
	case TAG_ACPI_NEW:
		return read_rsdp(boot, tag->body, len);
	}
}

static void read_tags(struct boot_info *boot, phys_addr_t pa)
{
	const u8 *info = phys_to_virt(pa);
	u32 total, at = 8;

	memcpy(&total, info, sizeof(total));
	if (total < 16 || total > INFO_MAX || pa + total > 1UL << 32)
		return;
	boot->info_start = pa;
	boot->info_end = pa + total;
	while (at <= total - sizeof(struct tag)) {
		const struct tag *tag = (const void *)(info + at);

		if (tag->type == TAG_END || tag->size < sizeof(*tag) || tag->size > total - at)
			return;
		read_tag(boot, tag, tag->size - sizeof(*tag));
		if (total - at - tag->size < 8)
			return;
		at += ALIGN_UP(tag->size, 8U);
	}
}

void multiboot2_read(struct boot_info *boot, phys_addr_t info)
{
	read_tags(boot, info);
	tidy_ranges(boot);
}

bool boot_option(const struct boot_info *boot, const char *key, char *buf, size_t n)
{
	const char *p = boot->cmdline;
	size_t keylen = strlen(key);
	bool found = false;

	while (*p) {
		size_t len = 0;

		while (*p == ' ' || *p == '\t')
			p++;
		while (p[len] && p[len] != ' ' && p[len] != '\t')
			len++;
		/* The last one wins: an appended word overrides earlier ones. */
		if (len >= keylen && memcmp(p, key, keylen) == 0 &&
		    (len == keylen || p[keylen] == '=')) {
			size_t skip = len == keylen ? keylen : keylen + 1;

			found = true;
			if (n)
				copy_string(buf, n, p + skip, len - skip);
		}
		p += len;
	}
	return found;
}
