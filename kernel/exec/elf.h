/* What exec needs to know of an ELF64 file. Pure: compiles on the host. */
#pragma once

#include "kernel/lib/types.h"
#include <linux/elf.h>

#define ELF_FEW_SEGMENTS 8 /* as many as most programs have */
/* Linux's limit: 64 KiB of program headers. */
#define ELF_MAX_PHDRS (65536 / sizeof(Elf64_Phdr))

struct elf_segment {
	u64 vaddr, filesz, memsz, offset;
	u32 flags; /* PF_R, PF_W, PF_X */
};

struct elf_image {
	bool program;    /* of a type that can be loaded at all */
	bool pie;        /* ET_DYN: loaded where the kernel likes */
	bool exec_stack; /* PT_GNU_STACK asks for it */
	bool has_interp; /* PT_INTERP is there */
	u64 entry;       /* before relocation */
	u64 phdr_vaddr;  /* where the program headers are in memory; 0: not loaded */
	u16 phnum;
	u64 interp_at;  /* PT_INTERP: where in the file its path is */
	u64 interp_len; /* with its NUL, as the file says: unchecked */
	u64 low, high;  /* bounds of the segments, unchecked */
	u64 align;      /* a power of two: the largest that a segment asks for, a page at least */
	unsigned int nr;
	struct elf_segment *seg; /* in the order of the file, unchecked: see elf_segment_fits() */
	struct elf_segment few[ELF_FEW_SEGMENTS];
};

/* Check the header. 0, or -ENOEXEC if the file cannot be loaded. */
int elf_check_header(const Elf64_Ehdr *eh, u64 file_size);
/* Digest the program headers (eh->e_phnum of them). `seg` has room for as many segments. */
void elf_parse(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, struct elf_image *img,
	       struct elf_segment *seg);
/* Can the segment be mapped at its address plus `bias`? */
bool elf_segment_fits(const struct elf_segment *s, u64 bias);
