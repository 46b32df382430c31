/* System calls on descriptors: close, dup, fcntl, ioctl, close_range. */
#include "kernel/fs/vfs.h"
#include "kernel/sharing.h"

#include <linux/close_range.h>

/* What F_SETFL may change: fcntl(2). */
#define SETFL_MASK ((u32)(O_APPEND | O_NONBLOCK | O_NOATIME))

long sys_close(int fd)
{
	return fd < 0 ? -EBADF : fd_close((u32)fd);
}

long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	int fd, err;

	if ((flags & ~(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)) || first > last)
		return -EINVAL;
	err = flags & CLOSE_RANGE_UNSHARE ? unshare_files() : 0;
	if (err)
		return err;
	while (first <= last && (fd = fd_next_open(first, last)) >= 0) {
		/* a descriptor that another thread is still opening does not count yet */
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_cloexec((u32)fd, 1);
		else
			fd_close((u32)fd);
		first = (u32)fd + 1;
	}
	return 0;
}

static long dup_from(int fd, u32 from, bool cloexec)
{
	struct file *f = file_get_fd(fd);

	return f ? fd_open(f, from, cloexec) : -EBADF;
}

long sys_dup(int fd)
{
	return dup_from(fd, 0, false);
}

static long dup_to(int oldfd, int newfd, bool cloexec)
{
	struct file *f scoped(file_put) = file_get_fd(oldfd);
	int err = f && newfd >= 0 ? fd_replace((u32)newfd, f, cloexec) : -EBADF;

	return err ? err : newfd;
}

long sys_dup2(int oldfd, int newfd)
{
	if (oldfd != newfd)
		return dup_to(oldfd, newfd, false);
	struct file *f scoped(file_put) = file_get_fd(oldfd);
	return f ? newfd : -EBADF;
}

long sys_dup3(int oldfd, int newfd, int flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return dup_to(oldfd, newfd, flags & O_CLOEXEC);
}

static long set_flags(struct file *f, unsigned long arg)
{
	if (((u32)arg & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_root(f->inode))
		return -EPERM;
	if ((u32)arg & (FASYNC | O_DIRECT))
		return -EINVAL;
	WRITE_ONCE(f->flags, (f->flags & ~SETFL_MASK) | ((u32)arg & SETFL_MASK));
	return 0;
}

static long fcntl_file(int fd, struct file *f, unsigned int cmd, unsigned long arg)
{
	if (cmd == F_GETFL)
		return (long)f->flags;
	if (f->mode & FMODE_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(fd, f, cmd, arg);
	case F_GETPIPE_SZ:
		return pipe_get_size(f);
	case F_SETPIPE_SZ:
		return pipe_set_size(f, arg);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(int fd, unsigned int cmd, unsigned long arg)
{
	struct file *f scoped(file_put) = file_get_fd(fd);

	if (!f)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return arg >= fd_limit() ? -EINVAL : dup_from(fd, (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_cloexec((u32)fd, -1);
	case F_SETFD:
		return MIN(fd_cloexec((u32)fd, arg & FD_CLOEXEC ? 1 : 0), 0);
	default:
		return fcntl_file(fd, f, cmd, arg);
	}
}

static long set_nonblock(struct file *f, unsigned long arg)
{
	int on;

	if (get_user(on, (int __user *)arg))
		return -EFAULT;
	WRITE_ONCE(f->flags, on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK);
	return 0;
}

/* FIONREAD of a regular file: the bytes behind its position. */
static long bytes_ahead(struct file *f, unsigned long arg)
{
	u64 pos = READ_ONCE(f->pos), size = file_size(f);

	return put_user((int)(size > pos ? MIN(size - pos, 0x7fffffffUL) : 0), (int __user *)arg);
}

long sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	if (cmd == FIOCLEX || cmd == FIONCLEX)
		return MIN(fd_cloexec((u32)fd, cmd == FIOCLEX), 0);
	if (cmd == FIONBIO)
		return set_nonblock(f, arg);
	if (cmd == FIONREAD && inode_is(f->inode, S_IFREG))
		return bytes_ahead(f, arg);
	return f->ops && f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}
