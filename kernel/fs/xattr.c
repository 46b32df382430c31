/* Extended attributes: no file system here has any. xattr(7) */
#include "kernel/fs/vfs.h"

#include <linux/xattr.h>

/* Refuse a call for a file that exists (else `err`) and a valid name. */
static long refuse(const char __user *name, long err)
{
	char text[XATTR_NAME_MAX + 1];
	long len;

	if (err)
		return err;
	len = strncpy_from_user(text, name, sizeof(text));
	if (len == 0 || len == (long)sizeof(text))
		return -ERANGE;
	return len < 0 ? len : -EOPNOTSUPP;
}

static long on_path(const char __user *path, u32 flags)
{
	struct dentry *d scoped(dentry_put) = user_path(AT_FDCWD, path, flags);

	return IS_ERR(d) ? PTR_ERR(d) : 0;
}

static long on_file(int fd)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	return f ? 0 : -EBADF;
}

/* The calls in three forms: by path, of a link itself, of an open file. Getting is refused as
 * removing is, and a list is empty: see syscalls.def. */
#define XATTR_CALLS(prefix, object, err)                                                      \
	long sys_##prefix##setxattr(object, const char __user *name,                          \
				    const void __user *value __maybe_unused,                  \
				    size_t size __maybe_unused, int flags)                    \
	{                                                                                     \
		return flags & ~(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : refuse(name, err); \
	}                                                                                     \
	long sys_##prefix##removexattr(object, const char __user *name)                       \
	{                                                                                     \
		return refuse(name, err);                                                     \
	}                                                                                     \
	long sys_##prefix##listxattr(object, char __user *list __maybe_unused,                \
				     size_t size __maybe_unused)                              \
	{                                                                                     \
		return err;                                                                   \
	}

XATTR_CALLS(, const char __user *path, on_path(path, WALK_FOLLOW))
XATTR_CALLS(l, const char __user *path, on_path(path, 0))
XATTR_CALLS(f, int fd, on_file(fd))
