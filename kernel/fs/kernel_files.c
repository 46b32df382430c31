/* Files for the kernel itself: the shell, the initramfs and the tests. Paths are kernel strings. */
#include "kernel/fs/vfs.h"

int kernel_write_all(struct file *f, const void *data, size_t n)
{
	while (n) {
		size_t part = MIN(n, MAX_RW_COUNT);
		struct uio io;
		ssize_t got;

		uio_init_kernel(&io, (void *)data, part);
		got = file_write(f, &io, NULL);
		if (got < 0)
			return (int)got;
		data = (const char *)data + got;
		n -= (size_t)got;
	}
	return 0;
}

int kernel_write_file(const char *path, const void *data, size_t n, mode_t mode)
{
	struct file *f scoped(file_put) =
		file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	int err = IS_ERR(f) ? (int)PTR_ERR(f) : kernel_write_all(f, data, n);

	/* regardless of the umask, also for an old file */
	return err ? err : inode_chmod(f->inode, mode);
}

bool kernel_path_exists(const char *path)
{
	struct dentry *d scoped(dentry_put) = path_lookup(AT_FDCWD, path, WALK_FOLLOW);

	return !IS_ERR(d);
}

struct list_request {
	void (*fn)(const char *name, bool is_dir, void *);
	void *arg;
};

static bool list_emit(void *arg, const char *name, u32 len, u64 cookie __maybe_unused,
		      ino_t ino __maybe_unused, u32 type)
{
	struct list_request *r = arg;

	if (!(len == 1 && name[0] == '.') && !(len == 2 && name[0] == '.' && name[1] == '.'))
		r->fn(name, type == S_DT(S_IFDIR), r->arg);
	return true;
}

int kernel_list_dir(const char *path, void (*fn)(const char *name, bool is_dir, void *), void *arg)
{
	struct list_request r = {.fn = fn, .arg = arg};
	struct file *f scoped(file_put) = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

	return IS_ERR(f) ? (int)PTR_ERR(f) : f->ops->iterate(f, list_emit, &r);
}
