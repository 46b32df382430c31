/* Reading a cpio archive of the "newc" kind, the format of an initramfs. Pure: compiles on the
 * host. */
#pragma once

#include "kernel/lib/types.h"

#define CPIO_PATH_MAX 4096 /* of a name with its NUL, and of a symbolic link's text */

struct cpio_reader {
	const u8 *data;
	size_t size, pos;
	const char *why; /* what is wrong with the archive, after -EINVAL */
};

/* One member; the pointers lead into the archive. */
struct cpio_entry {
	const char *name; /* NUL-terminated, without leading '/' or "./"; "" is the root itself */
	const u8 *data;   /* `size` bytes: contents, or a symbolic link's text (no NUL behind it) */
	u32 size;
	u32 mode, uid, gid, nlink, mtime;
	u32 ino, dev_major, dev_minor; /* of the file where it was archived: equal for hard links */
	u32 rdev_major, rdev_minor;
};

void cpio_init(struct cpio_reader *r, const void *data, size_t size);

enum cpio_result {
	CPIO_BAD = -1,  /* r->why says what */
	CPIO_END = 0,   /* nothing but zeroes is left, behind a trailer */
	CPIO_ENTRY = 1, /* *e is filled in */
	CPIO_TRAILER =
		2, /* one archive is over, another may follow: hard links do not reach across */
};
enum cpio_result cpio_next(struct cpio_reader *r, struct cpio_entry *e);
