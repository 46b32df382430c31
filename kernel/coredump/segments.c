/*
 * The memory of a dump: each area, and how much of it is dumped.
 *
 * The areas are copied when the dump begins. Another process that shares the memory may change them
 * later; what is gone then is a hole.
 */
#include "kernel/coredump/internal.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#include <linux/elf.h>

/* Bits of /proc/PID/coredump_filter: core(5). */
enum core_filter {
	DUMP_ANON_PRIVATE = 1 << 0,
	DUMP_ANON_SHARED = 1 << 1,
	DUMP_FILE_PRIVATE = 1 << 2,
	DUMP_FILE_SHARED = 1 << 3,
	DUMP_ELF_HEADERS = 1 << 4,
	DUMP_HUGE_PRIVATE = 1 << 5,
};
#define FILTER_BITS    0x1ffU
#define FILTER_DEFAULT (DUMP_ANON_PRIVATE | DUMP_ANON_SHARED | DUMP_ELF_HEADERS | DUMP_HUGE_PRIVATE)

#define FILES_MAX    (4UL << 20) /* bytes of NT_FILE: as on Linux, there is none beyond */
#define FEW_BYTES    (64 * 1024UL)
#define FILES_HEADER (2 * sizeof(u64))
#define FILES_ENTRY  (3 * sizeof(u64))

enum segment_kind {
	KIND_MEMORY,      /* private, of no file */
	KIND_KERNEL,      /* the vDSO and its data: always dumped */
	KIND_ANON_SHARED, /* of no file that has a name */
	KIND_SHARED,
	KIND_FILE,      /* private, of a file, but not its beginning */
	KIND_HEAD,      /* its beginning: dumped if there is an ELF header */
	KIND_EXEC_HEAD, /* of a file that can be executed */
};

u32 core_filter_get(const struct mm *mm)
{
	return READ_ONCE(mm->core_filter) ^ FILTER_DEFAULT;
}

void core_filter_set(struct mm *mm, u32 filter)
{
	WRITE_ONCE(mm->core_filter, (u16)((filter & FILTER_BITS) ^ FILTER_DEFAULT));
}

/* ---- copying the areas ---- */

/* A small block by kmalloc(), a large one need not be contiguous. */
static void *block_alloc(size_t size)
{
	return size <= FEW_BYTES ? kmalloc(size) : vmalloc(size);
}

static void block_free(void *block, size_t size)
{
	if (size <= FEW_BYTES)
		kfree(block);
	else if (block)
		vfree(block);
}

static u32 kind_of(const struct area *a)
{
	if (a->flags & AREA_SHARED)
		return a->file && READ_ONCE(a->file->inode->nlink) ? KIND_SHARED : KIND_ANON_SHARED;
	if (!a->file)
		return a->obj ? KIND_KERNEL : KIND_MEMORY;
	if (a->pgoff || !(a->flags & AREA_READ))
		return KIND_FILE;
	return READ_ONCE(a->file->inode->mode) & 0111 ? KIND_EXEC_HEAD : KIND_HEAD;
}

/* What NT_FILE lists: what /proc/PID/maps has a path of. */
static const char *file_name(const struct area *a, char *buf)
{
	if (a->file)
		return file_describe(a->file, buf, PATH_MAX);
	return a->obj && (a->flags & AREA_SHARED) ? a->obj->name : NULL;
}

struct copy {
	struct segments_map *map;
	u32 room;        /* for areas */
	char *name;      /* PATH_MAX bytes */
	u32 files;       /* how many have names */
	u32 files_room;  /* how many had when they were counted */
	size_t names;    /* bytes of all names, with their NULs */
	size_t names_at; /* where in map->files the next one begins */
};

static void count_area(const struct area *a, void *arg)
{
	struct copy *c = arg;
	const char *name = file_name(a, c->name);

	c->room++;
	if (name) {
		c->files++;
		c->names += strlen(name) + 1;
	}
}

static void add_file(struct copy *c, const struct area *a)
{
	const char *name = file_name(a, c->name);
	struct segments_map *map = c->map;
	size_t n = name ? strlen(name) + 1 : 0;
	u64 entry[] = {a->start, a->end, a->pgoff};

	if (!name || !map->files || c->files == c->files_room ||
	    c->names_at + n > map->files_size) /* mapped or renamed since they were counted */
		return;
	memcpy(map->files + FILES_HEADER + c->files++ * FILES_ENTRY, entry, sizeof(entry));
	memcpy(map->files + c->names_at, name, n);
	c->names_at += n;
}

static void copy_area(const struct area *a, void *arg)
{
	struct copy *c = arg;
	struct segments_map *map = c->map;

	if (map->nr == c->room)
		return;
	map->seg[map->nr++] = (struct segment){
		.start = a->start, .end = a->end, .flags = a->flags, .kind = kind_of(a)};
	add_file(c, a);
}

/* The files, without a gap between entries and names: some may have vanished. */
static void finish_files(struct copy *c)
{
	struct segments_map *map = c->map;
	size_t names = FILES_HEADER + c->files_room * FILES_ENTRY;
	size_t gap = (c->files_room - c->files) * FILES_ENTRY;

	memmove(map->files + names - gap, map->files + names, c->names_at - names);
	memcpy(map->files, (u64[]){c->files, PAGE_SIZE}, FILES_HEADER);
	memset(map->files + c->names_at - gap, 0, map->files_size - c->names_at + gap);
}

/* False without memory. */
static bool copy_areas(struct segments_map *map, struct mm *mm)
{
	char *name scoped(putname) = name_alloc();
	struct copy c = {.map = map, .name = name};

	if (!name)
		return false;
	mm_foreach_area(mm, count_area, &c);
	map->seg_size = c.room * sizeof(*map->seg);
	map->seg = block_alloc(map->seg_size);
	if (!map->seg)
		return false;
	map->files_size = FILES_HEADER + c.files * FILES_ENTRY + c.names;
	if (c.files && map->files_size <= FILES_MAX)
		map->files = block_alloc(map->files_size);
	c.files_room = c.files;
	c.names_at = map->files_size - c.names;
	c.files = 0;
	mm_foreach_area(mm, copy_area, &c);
	if (map->files)
		finish_files(&c);
	return true;
}

/* ---- how much of each ---- */

static bool has_private(struct mm *mm, const struct segment *seg)
{
	u64 addr = seg->start;

	while (addr < seg->end && !fatal_signal_pending(current))
		if (mm_find_private(mm, &addr, seg->end))
			return true;
	return false;
}

static bool has_elf_header(struct mm *mm, const struct segment *seg)
{
	char *page scoped(kfree) = kmalloc(PAGE_SIZE);

	return page && mm_copy_present(mm, seg->start, seg->start + PAGE_SIZE, page) == 0 &&
	       memcmp(page, ELFMAG, SELFMAG) == 0;
}

/* As Linux: a private area is dumped whole once a page of it was written to. */
static u64 dumped(struct mm *mm, const struct segment *seg, u32 filter)
{
	u64 all = seg->end - seg->start;

	if (seg->kind == KIND_KERNEL)
		return all;
	if (seg->flags & AREA_NODUMP)
		return 0;
	if (seg->kind == KIND_ANON_SHARED)
		return filter & DUMP_ANON_SHARED ? all : 0;
	if (seg->kind == KIND_SHARED)
		return filter & DUMP_FILE_SHARED ? all : 0;
	if ((filter & DUMP_ANON_PRIVATE) && has_private(mm, seg))
		return all;
	if (seg->kind == KIND_MEMORY)
		return 0;
	if (filter & DUMP_FILE_PRIVATE)
		return all;
	if (!(filter & DUMP_ELF_HEADERS))
		return 0;
	return seg->kind == KIND_EXEC_HEAD || (seg->kind == KIND_HEAD && has_elf_header(mm, seg))
		       ? PAGE_SIZE
		       : 0;
}

bool segments_take(struct segments_map *map, struct mm *mm)
{
	u32 filter = core_filter_get(mm);

	*map = (struct segments_map){0};
	if (!copy_areas(map, mm)) {
		segments_drop(map);
		return false;
	}
	for (u32 i = 0; i < map->nr; i++)
		map->seg[i].size = dumped(mm, &map->seg[i], filter);
	return true;
}

void segments_drop(struct segments_map *map)
{
	block_free(map->seg, map->seg_size);
	block_free(map->files, map->files_size);
}
