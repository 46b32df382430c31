/* What exec needs to know of an ELF64 file. Pure: compiles on the host. */
#pragma once

#include "kernel/lib/types.h"
#include <linux/elf.h>

#define ELF_MAX_SEGMENTS 16
#define ELF_MAX_PHDRS    64

struct elf_segment {
	u64 vaddr, filesz, memsz, offset;
	u32 flags; /* PF_R, PF_W, PF_X */
};

struct elf_image {
	bool pie;        /* ET_DYN: loaded where we like */
	bool exec_stack; /* PT_GNU_STACK asks for it */
	u64 entry;       /* before relocation */
	u64 phdr_vaddr;  /* where the program headers are in memory; 0: not loaded */
	u16 phnum;
	u64 interp_at;  /* PT_INTERP: where in the file its path is */
	u32 interp_len; /* with its NUL; 0: a static program */
	unsigned int nr;
	struct elf_segment seg[ELF_MAX_SEGMENTS]; /* by rising address, page ranges disjoint */
};

/* Is this the header of a program for us, and where are its program headers? 0 or -ENOEXEC. */
int elf_check_header(const Elf64_Ehdr *eh, u64 file_size);
/* Digest the program headers (eh->e_phnum of them). 0, or -ENOEXEC for anything that could not be
 * mapped as it says. */
int elf_parse(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, u64 file_size, struct elf_image *out);
