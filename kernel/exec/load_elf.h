/* The part of execve(2) that reads a program and maps it. */
#pragma once

#include "kernel/exec/elf.h"
#include "kernel/exec/layout.h"
#include "kernel/fs/fs.h"
#include "mm/mm.h"

#define HEAD_BYTES 1008 /* with its length, one kmalloc() of 1 KiB */

/* The beginning of a file: most often it holds all of the headers. */
struct exec_head {
	size_t n;
	union {
		Elf64_Ehdr eh;
		char bytes[HEAD_BYTES];
	};
};

/* NULL without memory; -errno in *err if it cannot be read. */
struct exec_head *exec_read_head(struct file *f, long *err);
/* Digest the headers. 0: exec_drop_image() is due. -ENOEXEC, -ENOMEM, or an error of reading. */
long exec_parse(struct file *f, const struct exec_head *head, struct elf_image *img);
void exec_drop_image(struct elf_image *img);

/* The interpreter that a program names, ld.so(8), which loads its libraries. */
struct exec_interp {
	struct file *file; /* NULL: it names none */
	struct elf_image img;
};
/* 0: exec_drop_interp() is due. -ENOEXEC, -EIO, -ELIBBAD, or an error of opening the file. */
long exec_open_interp(struct file *program, const struct elf_image *img, struct exec_interp *out);
void exec_drop_interp(struct exec_interp *interp);

/* Map a program, and set the bounds that mm keeps. 0, -ENOMEM, or -EINVAL for a broken file. */
long exec_map_program(struct mm *mm, const struct elf_image *img, struct exec_layout *l,
		      struct file *f);
/* Map the interpreter, if there is one; *entry becomes its entry. Errors as above. */
long exec_map_interp(struct mm *mm, const struct exec_interp *interp, struct exec_layout *l,
		     u64 *entry);
