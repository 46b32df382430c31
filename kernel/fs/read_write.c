/* Reading, writing and seeking: plain, at a position, and vectored. */
#include "kernel/fs/fd_table.h"
#include "mm/slab.h"

/* mode: FMODE_READ or FMODE_WRITE */
static inline ssize_t file_transfer(struct file *f, struct uio *io, u64 *pos, u32 mode)
{
	const struct file_ops *ops = f->ops;

	if (!(f->mode & mode))
		return -EBADF;
	if (mode == FMODE_READ)
		return ops && ops->read ? ops->read(f, io, pos) : -EINVAL;
	return ops && ops->write ? ops->write(f, io, pos) : -EINVAL;
}

ssize_t file_write(struct file *f, struct uio *io, u64 *pos)
{
	return file_transfer(f, io, pos, FMODE_WRITE);
}

static always_inline long read_or_write(int fd, void __user *buf, size_t count, u32 mode)
{
	struct fd f scoped(fd) = fd_borrow(fd);
	struct uio io;

	if (unlikely(!f.file))
		return -EBADF;
	if (unlikely((ssize_t)count < 0)) /* no address space is that big */
		return f.file->mode & mode ? -EFAULT : -EBADF;
	uio_init_user(&io, buf, MIN(count, MAX_RW_COUNT));
	return file_transfer(f.file, &io, NULL, mode);
}

long sys_read(int fd, void __user *buf, size_t count)
{
	return read_or_write(fd, buf, count, FMODE_READ);
}

long sys_write(int fd, const void __user *buf, size_t count)
{
	return read_or_write(fd, (void __user *)buf, count, FMODE_WRITE);
}

/* pos < 0: the file's own position. */
static ssize_t read_or_write_at(int fd, struct uio *io, long pos, u32 mode)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	u64 at = (u64)pos;

	if (!f)
		return -EBADF;
	if (pos >= 0 && !file_positioned(f))
		return -ESPIPE;
	if (pos >= 0 && io->left > (u64)MAX_FILE_SIZE - at)
		return -EINVAL;
	return file_transfer(f, io, pos < 0 ? NULL : &at, mode);
}

static ssize_t one_at(int fd, void __user *buf, size_t count, long pos, u32 mode)
{
	struct uio io;

	if (pos < 0)
		return -EINVAL;
	if ((ssize_t)count < 0)
		return -EFAULT;
	uio_init_user(&io, buf, MIN(count, MAX_RW_COUNT));
	return read_or_write_at(fd, &io, pos, mode);
}

long sys_pread64(int fd, void __user *buf, size_t count, long pos)
{
	return one_at(fd, buf, count, pos, FMODE_READ);
}

long sys_pwrite64(int fd, const void __user *buf, size_t count, long pos)
{
	return one_at(fd, (void __user *)buf, count, pos, FMODE_WRITE);
}

int import_iovec(const struct iovec __user *uiov, int n, struct segments *sg, struct uio *io)
{
	struct iovec *iov = sg->few;
	size_t total = 0;

	sg->more = NULL;
	if (n < 0 || n > UIO_MAXIOV)
		return -EINVAL;
	if (n > FAST_IOV) {
		iov = sg->more = kmalloc((size_t)n * sizeof(*iov));
		if (!iov)
			return -ENOMEM;
	}
	if (copy_from_user(iov, uiov, (size_t)n * sizeof(*iov)))
		return -EFAULT;
	for (int i = 0; i < n; i++) {
		if ((ssize_t)iov[i].iov_len < 0)
			return -EINVAL;
		iov[i].iov_len = MIN(iov[i].iov_len, MAX_RW_COUNT - total);
		total += iov[i].iov_len;
	}
	*io = (struct uio){.next = iov, .left = total};
	return 0;
}

void scoped_segments(struct segments *sg)
{
	kfree(sg->more);
}

static ssize_t vectored(int fd, const struct iovec __user *uiov, int n, long pos, u32 mode)
{
	struct segments sg scoped(segments);
	struct uio io;
	int err = import_iovec(uiov, n, &sg, &io);

	return err ? err : read_or_write_at(fd, &io, pos, mode);
}

long sys_readv(int fd, const struct iovec __user *iov, int iovcnt)
{
	return vectored(fd, iov, iovcnt, -1, FMODE_READ);
}

long sys_writev(int fd, const struct iovec __user *iov, int iovcnt)
{
	return vectored(fd, iov, iovcnt, -1, FMODE_WRITE);
}

/* For 32-bit programs the position has two halves; here the low one is all of it. */
long sys_preadv(int fd, const struct iovec __user *iov, int iovcnt, long pos,
		long high __maybe_unused)
{
	return pos < 0 ? -EINVAL : vectored(fd, iov, iovcnt, pos, FMODE_READ);
}

long sys_pwritev(int fd, const struct iovec __user *iov, int iovcnt, long pos,
		 long high __maybe_unused)
{
	return pos < 0 ? -EINVAL : vectored(fd, iov, iovcnt, pos, FMODE_WRITE);
}

ssize_t kernel_read(struct file *f, void *buf, size_t n, u64 pos)
{
	struct uio io;

	uio_init_kernel(&io, buf, MIN(n, MAX_RW_COUNT));
	return file_transfer(f, &io, &pos, FMODE_READ);
}

bool file_seek_base(const struct file *f, int whence, s64 *base)
{
	if (whence == SEEK_SET)
		*base = 0;
	else if (whence == SEEK_CUR)
		*base = (s64)READ_ONCE(f->pos);
	else if (whence == SEEK_END)
		*base = (s64)file_size(f);
	else
		return false;
	return true;
}

long sys_lseek(int fd, long offset, int whence)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	if (whence < 0 || whence > SEEK_HOLE)
		return -EINVAL;
	return f->ops && f->ops->lseek ? f->ops->lseek(f, offset, whence) : -ESPIPE;
}

/* Files live in memory: there is nothing to write back. */
long sys_fsync(int fd)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	return inode_is(f->inode, S_IFREG) || inode_is(f->inode, S_IFDIR) ? 0 : -EINVAL;
}

long sys_sync(void)
{
	return 0;
}
