/* Open files without a name, whose operations alone define them. */
#include "kernel/fs/vfs.h"

#include <linux/magic.h>

static struct super *anon_super;

static const struct fs_type anon_type = {.name = "anon_inodefs", .magic = ANON_INODE_FS_MAGIC};

void anon_file_init(void)
{
	anon_super = super_internal(&anon_type);
}

struct file *anon_file_alloc(const char *what, const struct file_ops *ops, void *private, int flags)
{
	struct inode *i scoped(inode_put) = inode_of_caller(anon_super, 0600);
	struct file *f = NULL;

	if (i)
		f = file_alloc(i, NULL, ops, O_RDWR | ((u32)flags & O_NONBLOCK),
			       FMODE_READ | FMODE_WRITE);
	if (f) {
		i->private = (void *)what;
		f->private = private;
	}
	return f;
}

int anon_file_open(const char *what, const struct file_ops *ops, void *private, int flags)
{
	int fd = fd_alloc(0);
	struct file *f = fd < 0 ? NULL : anon_file_alloc(what, ops, private, flags);

	if (f) {
		fd_install(fd, f, flags & O_CLOEXEC);
	} else if (fd >= 0) {
		fd_cancel(fd);
		fd = file_alloc_error();
	}
	return fd;
}
