/*
 * ELF64 headers. Errors in a segment are found only when it is mapped. As on Linux, where the old
 * program is gone by then, the process is killed.
 *
 * Nothing in the file is trusted: every sum is checked for overflow, every range against the
 * address space. System V ABI, chapters 4 and 5, and its AMD64 supplement.
 */
#include "kernel/exec/elf.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/overflow.h"
#include "kernel/lib/string.h"
#include <asm/errno.h>

/* As Linux does, check only the first four bytes of the identification. */
int elf_check_header(const Elf64_Ehdr *eh, u64 file_size)
{
	u64 table_size = (u64)eh->e_phnum * sizeof(Elf64_Phdr);

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > ELF_MAX_PHDRS)
		return -ENOEXEC;
	if (eh->e_phoff > file_size || table_size > file_size - eh->e_phoff)
		return -ENOEXEC;
	return 0;
}

static void add_segment(struct elf_image *img, const Elf64_Ehdr *eh, const Elf64_Phdr *ph)
{
	bool power = ph->p_align && !(ph->p_align & (ph->p_align - 1));

	img->seg[img->nr++] = (struct elf_segment){.vaddr = ph->p_vaddr,
						   .filesz = ph->p_filesz,
						   .memsz = ph->p_memsz,
						   .offset = ph->p_offset,
						   .flags = ph->p_flags};
	img->low = MIN(img->low, ALIGN_DOWN(ph->p_vaddr, PAGE_SIZE));
	img->high = MAX(img->high, add_saturating(ph->p_vaddr, ph->p_memsz));
	if (power)
		img->align = MAX(img->align, ph->p_align);
	/* The program finds its own headers in the last segment that has their first byte. */
	if (eh->e_phoff >= ph->p_offset && eh->e_phoff - ph->p_offset < ph->p_filesz)
		img->phdr_vaddr = ph->p_vaddr + (eh->e_phoff - ph->p_offset);
}

void elf_parse(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, struct elf_image *img,
	       struct elf_segment *seg)
{
	memset(img, 0, offsetof(struct elf_image, few));
	img->program = eh->e_type == ET_EXEC || eh->e_type == ET_DYN;
	img->pie = eh->e_type == ET_DYN;
	img->entry = eh->e_entry;
	img->phnum = eh->e_phnum;
	img->seg = seg;
	img->low = ~0UL;
	img->align = PAGE_SIZE;

	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD) {
			add_segment(img, eh, &ph[i]);
		} else if (ph[i].p_type == PT_GNU_STACK) {
			img->exec_stack = ph[i].p_flags & PF_X;
		} else if (ph[i].p_type == PT_INTERP && !img->has_interp) {
			img->has_interp = true;
			img->interp_at = ph[i].p_offset;
			img->interp_len = ph[i].p_filesz;
		}
	}
}

bool elf_segment_fits(const struct elf_segment *s, u64 bias)
{
	u64 skip = s->vaddr & ~PAGE_MASK, at, end;

	if (s->filesz > s->memsz || s->vaddr >= TASK_SIZE || s->memsz > TASK_SIZE - s->vaddr)
		return false;
	if (!range_end(s->vaddr, bias, &at) || !range_end(at, s->memsz, &end) || end > TASK_SIZE)
		return false;
	/* Pages are mapped straight from the file: address and offset agree below the page size. */
	return !s->filesz || (s->offset >= skip && (s->offset - skip) % PAGE_SIZE == 0 &&
			      s->offset <= INT64_MAX - ALIGN_UP(s->filesz + skip, PAGE_SIZE));
}
