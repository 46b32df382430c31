/* Reading a cpio archive of the "newc" kind, the format of an initramfs. Compiles on the host. */
#pragma once

#include "kernel/lib/types.h"

#define CPIO_PATH_MAX 4096 /* of a name with its NUL, and of a symbolic link's text */

struct cpio_reader {
	const u8 *data;
	size_t size, pos;
	const char *why; /* what is wrong with the archive, after -EINVAL */
};

/* One member: the numbers of its header, in order, and pointers into the archive. */
struct cpio_entry {
	u32 ino, mode, uid, gid, nlink, mtime, size;
	u32 dev_major, dev_minor; /* with ino: the file that was archived, equal for hard links */
	u32 rdev_major, rdev_minor;
	u32 name_size, check;
	const char *name; /* NUL-terminated, without leading '/' or "./"; "": the root itself */
	const u8 *data;   /* `size` bytes: contents, or a symbolic link's text without a NUL */
};

void cpio_init(struct cpio_reader *r, const void *data, size_t size);

enum cpio_result {
	CPIO_BAD = -1,    /* r->why has the reason */
	CPIO_END = 0,     /* only zeroes are left, behind a trailer */
	CPIO_ENTRY = 1,   /* *e is filled in */
	CPIO_TRAILER = 2, /* end of one archive: hard links do not reach into the next */
};
enum cpio_result cpio_next(struct cpio_reader *r, struct cpio_entry *e);
