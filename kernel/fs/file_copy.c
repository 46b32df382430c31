/* Copying between files: sendfile(2), copy_file_range(2). */
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

/* Copy one page at most. `to` NULL: to the position of `out`. Returns bytes written, 0 at the end
 * of `in`. Bytes read but not written are read again: `in` has positions. */
static ssize_t copy_some(struct file *in, u64 *from, struct file *out, u64 *to, void *page,
			 size_t n)
{
	ssize_t got = kernel_read(in, page, MIN(n, PAGE_SIZE), *from), put;
	u64 at = to ? *to : 0;
	struct uio io;

	if (got <= 0)
		return got;
	uio_init_kernel(&io, page, (size_t)got);
	put = file_write(out, &io, to ? &at : NULL);
	if (put > 0) {
		*from += (u64)put;
		if (to)
			*to += (u64)put;
	}
	return put;
}

static ssize_t copy_range(struct file *in, u64 *from, struct file *out, u64 *to, size_t count)
{
	void *page scoped(kfree) = kmalloc(PAGE_SIZE);
	size_t done = 0;
	ssize_t n = 0;

	if (!page)
		return -ENOMEM;
	while (done < count && (!done || !fatal_signal_pending(current))) {
		n = copy_some(in, from, out, to, page, count - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done ? (ssize_t)done : n;
}

/* The position given, or the file's own. */
static int get_offset(const struct file *f, const long __user *upos, u64 *pos)
{
	long given;

	*pos = READ_ONCE(f->pos);
	if (!upos)
		return 0;
	if (get_user(given, upos))
		return -EFAULT;
	*pos = (u64)given;
	return given < 0 ? -EINVAL : 0;
}

static int put_offset(struct file *f, long __user *upos, u64 pos)
{
	if (upos)
		return put_user((long)pos, upos) ? -EFAULT : 0;
	WRITE_ONCE(f->pos, pos);
	return 0;
}

static ssize_t send_file(struct file *out, struct file *in, long __user *offset, size_t count)
{
	u64 pos;
	ssize_t n;

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!file_positioned(in) || (out->flags & O_APPEND))
		return -EINVAL;
	n = get_offset(in, offset, &pos);
	if (!n)
		n = copy_range(in, &pos, out, NULL, MIN(count, MAX_RW_COUNT));
	return n > 0 && put_offset(in, offset, pos) ? -EFAULT : n;
}

long sys_sendfile(int out_fd, int in_fd, long __user *offset, size_t count)
{
	struct file *out scoped(file_put) = file_get_io(out_fd);
	struct file *in scoped(file_put) = file_get_io(in_fd);

	if (!in || !out)
		return -EBADF;
	return (ssize_t)count < 0 ? -EINVAL : send_file(out, in, offset, count);
}

static int may_copy(const struct file *in, u64 from, const struct file *out, u64 to, size_t n)
{
	if (inode_is(in->inode, S_IFDIR) || inode_is(out->inode, S_IFDIR))
		return -EISDIR;
	if (!inode_is(in->inode, S_IFREG) || !inode_is(out->inode, S_IFREG))
		return -EINVAL;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE) || (out->flags & O_APPEND))
		return -EBADF;
	if (in->inode->sb != out->inode->sb)
		return -EXDEV;
	if (n > MAX_FILE_SIZE - from || n > MAX_FILE_SIZE - to)
		return -EOVERFLOW;
	if (in->inode == out->inode && from < to + n && to < from + n)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(int in_fd, long __user *in_pos, int out_fd, long __user *out_pos,
			 size_t count, unsigned int flags)
{
	struct file *in scoped(file_put) = file_get_io(in_fd);
	struct file *out scoped(file_put) = file_get_io(out_fd);
	u64 from, to;
	ssize_t ret;

	if (!in || !out)
		return -EBADF;
	count = MIN(count, MAX_RW_COUNT);
	ret = flags ? -EINVAL : get_offset(in, in_pos, &from);
	if (!ret)
		ret = get_offset(out, out_pos, &to);
	if (!ret)
		ret = may_copy(in, from, out, to, count);
	if (!ret && count)
		ret = copy_range(in, &from, out, &to, count);
	if (ret > 0 && (put_offset(in, in_pos, from) || put_offset(out, out_pos, to)))
		return -EFAULT;
	return ret;
}
