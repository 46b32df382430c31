/* Reading and mapping a program and its interpreter: as on Linux, a later segment lies on top. */
#include "kernel/exec/load_elf.h"

#include "kernel/fs/vfs.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include <linux/limits.h>

/* ---- headers ---- */

/* -EIO for less than asked for. */
static long read_exact(struct file *f, void *buf, size_t n, u64 pos)
{
	ssize_t got = (s64)pos < 0 ? -EINVAL : kernel_read(f, buf, n, pos);

	if (got < 0)
		return got;
	return (size_t)got == n ? 0 : -EIO;
}

struct exec_head *exec_read_head(struct file *f, long *err)
{
	struct exec_head *head = kmalloc(sizeof(*head));
	ssize_t n = head ? kernel_read(f, head->bytes, sizeof(head->bytes), 0) : -ENOMEM;

	*err = n < 0 ? n : 0;
	if (head)
		head->n = n < 0 ? 0 : (size_t)n;
	return head;
}

static long parse_table(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, struct elf_image *img)
{
	struct elf_segment *seg = img->few;

	if (eh->e_phnum > ELF_FEW_SEGMENTS) {
		u32 n = 0;

		for (u32 i = 0; i < eh->e_phnum; i++)
			n += ph[i].p_type == PT_LOAD;
		if (n > ELF_FEW_SEGMENTS)
			seg = kmalloc(n * sizeof(*seg));
	}
	if (!seg)
		return -ENOMEM;
	elf_parse(eh, ph, img, seg);
	return 0;
}

void exec_drop_image(struct elf_image *img)
{
	if (img->seg != img->few)
		kfree(img->seg);
}

static long read_table(struct file *f, const struct exec_head *head, struct elf_image *img)
{
	size_t n = head->eh.e_phnum * sizeof(Elf64_Phdr);
	Elf64_Phdr *ph scoped(kfree) = kmalloc(n);

	if (!ph)
		return -ENOMEM;
	if (read_exact(f, ph, n, head->eh.e_phoff))
		return -ENOEXEC;
	return parse_table(&head->eh, ph, img);
}

long exec_parse(struct file *f, const struct exec_head *head, struct elf_image *img)
{
	const Elf64_Ehdr *eh = &head->eh;
	long err = head->n < sizeof(*eh) ? -ENOEXEC : elf_check_header(eh, file_size(f));

	if (err)
		return err;
	if (eh->e_phoff % sizeof(u64) || eh->e_phoff > head->n ||
	    eh->e_phnum * sizeof(Elf64_Phdr) > head->n - eh->e_phoff)
		return read_table(f, head, img);
	return parse_table(eh, (const Elf64_Phdr *)(head->bytes + eh->e_phoff), img);
}

/* ---- the interpreter ---- */

/* Open what PT_INTERP names. ERR_PTR. */
static struct file *open_named(struct file *program, const struct elf_image *img)
{
	char *path scoped(kfree) = NULL;
	long err;

	if (img->interp_len < 2 || img->interp_len > PATH_MAX)
		return ERR_PTR(-ENOEXEC);
	path = kmalloc(img->interp_len);
	if (!path)
		return ERR_PTR(-ENOMEM);
	err = read_exact(program, path, img->interp_len, img->interp_at);
	if (!err && path[img->interp_len - 1])
		err = -ENOEXEC;
	return err ? ERR_PTR(err) : open_exec(AT_FDCWD, path, WALK_FOLLOW);
}

static long parse_interp(struct file *f, struct elf_image *img)
{
	long err;
	struct exec_head *head scoped(kfree) = exec_read_head(f, &err);

	if (!err)
		err = head->n < sizeof(head->eh) ? -EIO : exec_parse(f, head, img);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

long exec_open_interp(struct file *program, const struct elf_image *img, struct exec_interp *out)
{
	struct file *f;
	long err;

	out->file = NULL;
	if (!img->has_interp)
		return 0;
	f = open_named(program, img);
	if (IS_ERR(f))
		return PTR_ERR(f);
	err = file_object(f) ? parse_interp(f, &out->img) : -EACCES;
	if (err)
		file_put(f);
	else
		out->file = f;
	return err;
}

void exec_drop_interp(struct exec_interp *interp)
{
	if (!interp->file)
		return;
	exec_drop_image(&interp->img);
	file_put(interp->file);
}

/* ---- mapping ---- */

static u32 area_flags_of(const struct elf_segment *seg)
{
	return (seg->flags & PF_R ? AREA_READ : 0) | (seg->flags & PF_W ? AREA_WRITE : 0) |
	       (seg->flags & PF_X ? AREA_EXEC : 0);
}

/* The areas of one segment: its part of the file, and anonymous read-write pages beyond that. */
static u32 segment_areas(const struct elf_segment *seg, u64 bias, struct file *f, struct area *out)
{
	u64 start = ALIGN_DOWN(seg->vaddr + bias, PAGE_SIZE);
	u64 end = ALIGN_UP(seg->vaddr + bias + seg->memsz, PAGE_SIZE);
	u64 file_end = seg->filesz ? ALIGN_UP(seg->vaddr + bias + seg->filesz, PAGE_SIZE) : start;
	u32 n = 0;

	if (file_end > start)
		out[n++] = (struct area){.start = start,
					 .end = file_end,
					 .flags = area_flags_of(seg),
					 .obj = file_object(f),
					 .file = f,
					 .pgoff = seg->offset >> PAGE_SHIFT};
	if (end > file_end && seg->memsz > seg->filesz)
		out[n++] = (struct area){.start = file_end,
					 .end = end,
					 .flags = AREA_READ | AREA_WRITE |
						  (seg->flags & PF_X ? AREA_EXEC : 0)};
	return n;
}

/* Zero the rest of the last page of a writable segment's part of the file. All of it, since ld.so
 * takes its first memory from there. */
static long zero_behind(struct mm *mm, const struct elf_segment *seg, u64 bias)
{
	u64 file_end = seg->vaddr + bias + seg->filesz;
	enum fault_result r;

	if (!(seg->flags & PF_W) || !seg->filesz || seg->memsz == seg->filesz ||
	    file_end % PAGE_SIZE == 0)
		return 0;
	r = mm_own_first_part(mm, file_end);
	if (r == FAULT_OK)
		return 0;
	return r == FAULT_OOM ? -ENOMEM : -EINVAL; /* the file ends before that */
}

/* Map in place of what an earlier segment has put there. */
static long map_over(struct mm *mm, const struct area *areas, u32 n)
{
	long err = 0;

	for (u32 i = 0; i < n && !err; i++) {
		err = mm_unmap(mm, areas[i].start, areas[i].end - areas[i].start);
		if (!err)
			err = mm_place(mm, &areas[i], 1);
	}
	return err;
}

static long map_segment(struct mm *mm, const struct elf_segment *seg, u64 bias, struct file *f)
{
	struct area areas[2];
	u32 n;
	long err;

	if (!elf_segment_fits(seg, bias))
		return -EINVAL;
	n = segment_areas(seg, bias, f, areas);
	err = mm_place(mm, areas, n);
	if (err == -EEXIST)
		err = map_over(mm, areas, n);
	return err ? err : zero_behind(mm, seg, bias);
}

static long map_segments(struct mm *mm, const struct elf_image *img, u64 bias, struct file *f)
{
	long err = img->program ? 0 : -EINVAL;

	for (unsigned int i = 0; i < img->nr && !err; i++)
		err = map_segment(mm, &img->seg[i], bias, f);
	return err;
}

/* Find room for a relocatable image where mmap() would put it; *bias moves the image there. */
static long find_room(struct mm *mm, const struct elf_image *img, u64 *bias)
{
	long at;

	if (!img->nr || img->high <= img->low || img->high - img->low > TASK_SIZE - PAGE_SIZE)
		return -EINVAL;
	at = mm_find_room(mm, ALIGN_UP(img->high, PAGE_SIZE) - img->low);
	if (at < 0)
		return at;
	*bias = (u64)at - img->low;
	return 0;
}

static void set_bounds(struct mm *mm, const struct elf_image *img, const struct exec_layout *l)
{
	u64 code = ~0UL, end = 0;

	for (unsigned int i = 0; i < img->nr; i++) {
		const struct elf_segment *seg = &img->seg[i];
		u64 at = seg->vaddr + l->bias;

		if (seg->flags & PF_X) {
			code = MIN(code, at);
			mm->end_code = MAX(mm->end_code, at + seg->filesz);
		}
		mm->start_data = MAX(mm->start_data, at);
		mm->end_data = MAX(mm->end_data, at + seg->filesz);
		end = MAX(end, at + seg->memsz);
	}
	mm->start_code = mm->end_code ? code : 0;
	mm->start_brk = mm->brk = ALIGN_UP(end, PAGE_SIZE) + l->heap_skip;
}

long exec_map_program(struct mm *mm, const struct elf_image *img, struct exec_layout *l,
		      struct file *f)
{
	long err = 0;

	if (img->pie) {
		l->bias = ALIGN_DOWN(l->bias, img->align);
		if (img->high > TASK_SIZE - l->bias)
			err = find_room(mm, img, &l->bias);
	}
	if (!err)
		err = map_segments(mm, img, l->bias, f);
	if (!err)
		set_bounds(mm, img, l);
	return err;
}

long exec_map_interp(struct mm *mm, const struct exec_interp *interp, struct exec_layout *l,
		     u64 *entry)
{
	const struct elf_image *img = &interp->img;
	long err = 0;

	if (!interp->file)
		return 0;
	if (!img->nr)
		return -EINVAL;
	if (img->pie)
		err = find_room(mm, img, &l->interp);
	if (!err)
		err = map_segments(mm, img, l->interp, interp->file);
	if (!err && !file_is_readable(interp->file))
		mm->dumpable = 0;
	*entry = l->interp + img->entry;
	return err;
}
