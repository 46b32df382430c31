/*
 * ELF64 program headers, checked before anything is mapped.
 *
 * Nothing in the file is trusted: every sum is checked for overflow, every range against the file
 * or the address space. System V ABI, chapters 4 and 5, and its AMD64 supplement.
 */
#include "kernel/elf.h"

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/string.h"
#include <asm/errno.h>
#include <linux/limits.h>

int elf_check_header(const Elf64_Ehdr *eh, u64 file_size)
{
	u64 table_size = (u64)eh->e_phnum * sizeof(Elf64_Phdr);

	if (eh->e_ident[EI_MAG0] != ELFMAG0 || eh->e_ident[EI_MAG1] != ELFMAG1 ||
	    eh->e_ident[EI_MAG2] != ELFMAG2 || eh->e_ident[EI_MAG3] != ELFMAG3)
		return -ENOEXEC;
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if ((eh->e_type != ET_EXEC && eh->e_type != ET_DYN) || eh->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > ELF_MAX_PHDRS)
		return -ENOEXEC;
	if (eh->e_phoff > file_size || table_size > file_size - eh->e_phoff)
		return -ENOEXEC;
	return 0;
}

static int add_segment(struct elf_image *img, const Elf64_Phdr *ph, u64 file_size)
{
	const struct elf_segment *last = img->nr ? &img->seg[img->nr - 1] : NULL;

	if (ph->p_memsz == 0)
		return 0;
	if (img->nr == ELF_MAX_SEGMENTS || ph->p_filesz > ph->p_memsz)
		return -ENOEXEC;
	if (ph->p_offset > file_size || ph->p_filesz > file_size - ph->p_offset)
		return -ENOEXEC;
	if (ph->p_vaddr >= TASK_SIZE || ph->p_memsz > TASK_SIZE - ph->p_vaddr)
		return -ENOEXEC;
	/* Pages are mapped straight from the file: address and offset agree below the page size. */
	if ((ph->p_vaddr ^ ph->p_offset) & ~PAGE_MASK)
		return -ENOEXEC;
	if (last &&
	    ALIGN_DOWN(ph->p_vaddr, PAGE_SIZE) < ALIGN_UP(last->vaddr + last->memsz, PAGE_SIZE))
		return -ENOEXEC;
	img->seg[img->nr++] = (struct elf_segment){.vaddr = ph->p_vaddr,
						   .filesz = ph->p_filesz,
						   .memsz = ph->p_memsz,
						   .offset = ph->p_offset,
						   .flags = ph->p_flags};
	return 0;
}

/* The address at which the program finds its own headers: they lie in some segment's part of the
 * file. */
static u64 find_phdrs(const Elf64_Ehdr *eh, const struct elf_image *img)
{
	u64 size = (u64)eh->e_phnum * sizeof(Elf64_Phdr);

	for (unsigned int i = 0; i < img->nr; i++) {
		const struct elf_segment *s = &img->seg[i];

		if (eh->e_phoff >= s->offset && s->filesz >= size &&
		    eh->e_phoff - s->offset <= s->filesz - size)
			return s->vaddr + (eh->e_phoff - s->offset);
	}
	return 0;
}

/* The path of the program that loads this one. */
static int set_interp(struct elf_image *img, const Elf64_Phdr *ph, u64 file_size)
{
	if (img->interp_len || ph->p_filesz < 2 || ph->p_filesz > PATH_MAX)
		return -ENOEXEC;
	if (ph->p_offset > file_size || ph->p_filesz > file_size - ph->p_offset)
		return -ENOEXEC;
	img->interp_at = ph->p_offset;
	img->interp_len = (u32)ph->p_filesz;
	return 0;
}

static bool entry_is_executable(const struct elf_image *img)
{
	for (unsigned int i = 0; i < img->nr; i++) {
		const struct elf_segment *s = &img->seg[i];

		if ((s->flags & PF_X) && img->entry >= s->vaddr && img->entry - s->vaddr < s->memsz)
			return true;
	}
	return false;
}

int elf_parse(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, u64 file_size, struct elf_image *img)
{
	memset(img, 0, offsetof(struct elf_image, seg));
	img->pie = eh->e_type == ET_DYN;
	img->entry = eh->e_entry;
	img->phnum = eh->e_phnum;

	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		int err = 0;

		if (ph[i].p_type == PT_LOAD)
			err = add_segment(img, &ph[i], file_size);
		else if (ph[i].p_type == PT_GNU_STACK)
			img->exec_stack = ph[i].p_flags & PF_X;
		else if (ph[i].p_type == PT_INTERP)
			err = set_interp(img, &ph[i], file_size);
		if (err)
			return err;
	}
	if (img->nr == 0 || !entry_is_executable(img))
		return -ENOEXEC;
	img->phdr_vaddr = find_phdrs(eh, img);
	return 0;
}
