/* Reading, writing and seeking: plain, at a position, and vectored. */
#include "kernel/fs/fd_table.h"
#include "kernel/lib/syscall.h"
#include "mm/slab.h"

ssize_t file_read(struct file *f, struct uio *io, u64 *pos)
{
	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (!f->ops || !f->ops->read)
		return -EINVAL;
	return f->ops->read(f, io, pos);
}

ssize_t file_write(struct file *f, struct uio *io, u64 *pos)
{
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (!f->ops || !f->ops->write)
		return -EINVAL;
	return f->ops->write(f, io, pos);
}

/* No address space is that big. */
static inline bool absurd(size_t count)
{
	return unlikely((ssize_t)count < 0);
}

/* The error of such a call: what the descriptor is for is asked first. */
static ssize_t absurd_error(const struct file *f, u32 mode)
{
	return f->mode & mode ? -EFAULT : -EBADF;
}

long sys_read(int fd, void __user *buf, size_t count)
{
	struct fd f scoped(fd) = fd_borrow(fd);
	struct uio io;

	if (unlikely(!f.file))
		return -EBADF;
	if (absurd(count))
		return absurd_error(f.file, FMODE_READ);
	uio_init_user(&io, buf, MIN(count, MAX_RW_COUNT));
	return file_read(f.file, &io, NULL);
}

long sys_write(int fd, const void __user *buf, size_t count)
{
	struct fd f scoped(fd) = fd_borrow(fd);
	struct uio io;

	if (unlikely(!f.file))
		return -EBADF;
	if (absurd(count))
		return absurd_error(f.file, FMODE_WRITE);
	uio_init_user(&io, (void __user *)buf, MIN(count, MAX_RW_COUNT));
	return file_write(f.file, &io, NULL);
}

/* ---- at a position ---- */

/* pos < 0: the file's own position. */
static ssize_t read_or_write_at(int fd, struct uio *io, long pos, bool write)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	u64 at = (u64)pos;

	if (!f)
		return -EBADF;
	if (pos < 0)
		return write ? file_write(f, io, NULL) : file_read(f, io, NULL);
	if (!file_positioned(f))
		return -ESPIPE;
	if (io->left > (u64)MAX_FILE_SIZE - at)
		return -EINVAL;
	return write ? file_write(f, io, &at) : file_read(f, io, &at);
}

static ssize_t one_at(int fd, void __user *buf, size_t count, long pos, bool write)
{
	struct uio io;

	if (pos < 0)
		return -EINVAL;
	if ((ssize_t)count < 0)
		return -EFAULT;
	uio_init_user(&io, buf, MIN(count, MAX_RW_COUNT));
	return read_or_write_at(fd, &io, pos, write);
}

long sys_pread64(int fd, void __user *buf, size_t count, long pos)
{
	return one_at(fd, buf, count, pos, false);
}

long sys_pwrite64(int fd, const void __user *buf, size_t count, long pos)
{
	return one_at(fd, (void __user *)buf, count, pos, true);
}

/* ---- vectored ---- */

int import_iovec(const struct iovec __user *uiov, int n, struct segments *sg, struct uio *io)
{
	struct iovec *iov = sg->few;
	size_t total = 0;

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

static ssize_t vectored(int fd, const struct iovec __user *uiov, int n, long pos, bool write)
{
	struct segments sg scoped(segments);
	struct uio io;
	int err;

	sg.more = NULL;
	err = import_iovec(uiov, n, &sg, &io);
	return err ? err : read_or_write_at(fd, &io, pos, write);
}

long sys_readv(int fd, const struct iovec __user *iov, int iovcnt)
{
	return vectored(fd, iov, iovcnt, -1, false);
}

long sys_writev(int fd, const struct iovec __user *iov, int iovcnt)
{
	return vectored(fd, iov, iovcnt, -1, true);
}

/* The position comes in two halves for 32-bit programs' sake; the low one is the whole of it here.
 */
long sys_preadv(int fd, const struct iovec __user *iov, int iovcnt, long pos,
		long high __maybe_unused)
{
	return pos < 0 ? -EINVAL : vectored(fd, iov, iovcnt, pos, false);
}

long sys_pwritev(int fd, const struct iovec __user *iov, int iovcnt, long pos,
		 long high __maybe_unused)
{
	return pos < 0 ? -EINVAL : vectored(fd, iov, iovcnt, pos, true);
}

ssize_t kernel_read(struct file *f, void *buf, size_t n, u64 pos)
{
	struct uio io;

	uio_init_kernel(&io, buf, MIN(n, MAX_RW_COUNT));
	return file_read(f, &io, &pos);
}

/* ---- seeking and syncing ---- */

long sys_lseek(int fd, long offset, int whence)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	if (whence < 0 || whence > SEEK_HOLE)
		return -EINVAL;
	return f->ops && f->ops->lseek ? f->ops->lseek(f, offset, whence) : -ESPIPE;
}

/* Everything lives in memory and is as safe there as it will ever be. */
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
