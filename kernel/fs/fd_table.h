/* The inside of a descriptor table, for fd_table.c and short look-ups. */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/lib/bitmap.h"

#define FEW_FDS 32

struct files {
	refcount_t count;
	spinlock_t lock; /* LOCK_FILES: all below */
	u32 size;        /* FEW_FDS, or a multiple of 64 */
	u32 next;        /* no descriptor below it is free */
	struct file **fd;
	u64 *open, *cloexec; /* bitmaps of `size` bits */
	struct file *few[FEW_FDS];
	u64 few_open, few_cloexec;
};

/* few[] is not cleared at creation: a slot counts only while its bit is set. */
static inline struct file *files_slot(const struct files *f, u32 fd)
{
	return likely(fd < f->size && bitmap_test(f->open, fd)) ? f->fd[fd] : NULL;
}

/* A file for one call, also of O_PATH. A table that is not shared needs no
 * reference: only current can change it. */
struct fd {
	struct file *file;
	bool owned;
};

static inline struct fd fd_borrow(int fd)
{
	const struct files *f = current->files;

	if (unlikely(!f || refcount_read(&f->count) != 1))
		return (struct fd){.file = file_get_fd(fd), .owned = true};
	return (struct fd){.file = files_slot(f, (u32)fd)};
}

static always_inline void scoped_fd(struct fd *f)
{
	if (unlikely(f->owned))
		file_put(f->file);
}
