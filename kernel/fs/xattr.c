/* Extended attributes: no file system here has any. xattr(7) */
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"

#include <linux/xattr.h>

/* The file is there, and the name is one: then it is not supported. */
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

long sys_setxattr(const char __user *path, const char __user *name,
		  const void __user *value __maybe_unused, size_t size __maybe_unused, int flags)
{
	return flags & ~(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL
						       : refuse(name, on_path(path, WALK_FOLLOW));
}

long sys_lsetxattr(const char __user *path, const char __user *name,
		   const void __user *value __maybe_unused, size_t size __maybe_unused, int flags)
{
	return flags & ~(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : refuse(name, on_path(path, 0));
}

long sys_fsetxattr(int fd, const char __user *name, const void __user *value __maybe_unused,
		   size_t size __maybe_unused, int flags)
{
	return flags & ~(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : refuse(name, on_file(fd));
}

/* Getting is refused as removing is: see syscalls.def. */
long sys_removexattr(const char __user *path, const char __user *name)
{
	return refuse(name, on_path(path, WALK_FOLLOW));
}

long sys_lremovexattr(const char __user *path, const char __user *name)
{
	return refuse(name, on_path(path, 0));
}

long sys_fremovexattr(int fd, const char __user *name)
{
	return refuse(name, on_file(fd));
}

/* A list of none. */

long sys_listxattr(const char __user *path, char __user *list __maybe_unused,
		   size_t size __maybe_unused)
{
	return on_path(path, WALK_FOLLOW);
}

long sys_llistxattr(const char __user *path, char __user *list __maybe_unused,
		    size_t size __maybe_unused)
{
	return on_path(path, 0);
}

long sys_flistxattr(int fd, char __user *list __maybe_unused, size_t size __maybe_unused)
{
	return on_file(fd);
}
