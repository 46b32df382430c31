/* Regular files beyond read and write: holes, preallocation, memfd, advice. */
#include "kernel/fs/notify/notify.h"
#include "mm/slab.h"

#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <linux/memfd.h>

#define MEMFD_NAME_MAX 249 /* memfd_create(2) */

/* Allocate the pages of [start, end). */
static int make_pages(struct vm_object *o, u64 start, u64 end)
{
	for (u64 i = start >> PAGE_SHIFT; i < DIV_ROUND_UP(end, PAGE_SIZE); i++) {
		int err = object_reserve_page(o, i);

		if (err)
			return err == -ENOMEM ? -ENOSPC : err;
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Allocate the range. The size grows first: no pages lie beyond it. inode->lock is held. */
static int reserve(struct inode *i, u64 start, u64 end)
{
	u64 old = i->object->size;
	int err;

	if (end > old && end > READ_ONCE(current->signal->rlim[RLIMIT_FSIZE].rlim_cur)) {
		send_sig_self(SIGXFSZ);
		return -EFBIG;
	}
	if (end > old)
		object_resize(i->object, end);
	err = make_pages(i->object, start, end);
	if (err && end > old)
		object_resize(i->object, old);
	return err;
}

/* Private copies of the pages stay. */
static void punch(struct vm_object *o, u64 start, u64 end)
{
	object_punch(o, start, end);
	if (start < end)
		object_unmap(o, start, end & PAGE_MASK, false);
}

static int do_fallocate(struct inode *i, int mode, u64 start, u64 end)
{
	int err = 0;

	guard_mutex(&i->lock);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		punch(i->object, start, MIN(end, i->object->size));
	else if ((mode & FALLOC_FL_KEEP_SIZE) && end > i->object->size)
		err = -EOPNOTSUPP; /* pages beyond the end cannot be kept */
	else
		err = reserve(i, start, end);
	if (!err) {
		inode_strip_set_ids(i);
		inode_modified(i);
	}
	return err;
}

static long fallocate_file(struct file *f, int mode, long offset, long len)
{
	struct inode *i = f->inode;
	int err;

	/* FALLOC_FL_PUNCH_HOLE needs FALLOC_FL_KEEP_SIZE too */
	if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) || mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (inode_is(i, S_IFIFO))
		return -ESPIPE;
	if (inode_is(i, S_IFDIR))
		return -EISDIR;
	if (!inode_is(i, S_IFREG))
		return -ENODEV;
	if (!i->object)
		return -EOPNOTSUPP;
	if (len > MAX_FILE_SIZE - offset)
		return -EFBIG;
	err = do_fallocate(i, mode, (u64)offset, (u64)(offset + len));
	if (!err)
		notify_file(f, IN_MODIFY);
	return err;
}

long sys_fallocate(int fd, int mode, long offset, long len)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	return offset < 0 || len <= 0 ? -EINVAL : fallocate_file(f, mode, offset, len);
}

static struct super *memfd_super; /* their file system, never mounted */

static const struct fs_type memfd_type = {.name = "memfd", .magic = TMPFS_MAGIC};

/* All memfds together may use as much as one tmpfs by default. */
void memfd_init(void)
{
	memfd_super = super_internal(&memfd_type);
	memfd_super->quota = page_quota_create((int)(nr_total_pages() / 2));
	BUG_ON(!memfd_super->quota);
}

static void memfd_free(struct inode *i)
{
	kfree(i->private);
}

static const struct inode_ops memfd_inode_ops = {.truncate = tmpfs_truncate, .free = memfd_free};

static struct file *memfd_file(char *name)
{
	struct node_spec spec = {.mode = S_IFREG | S_IRWXUGO};
	struct file *f;

	node_set_owner(&spec, NULL);
	struct inode *i scoped(inode_put) = tmpfs_new_inode(memfd_super, &spec);
	if (IS_ERR(i))
		return NULL;
	f = file_alloc(i, NULL, i->fops, O_RDWR | O_LARGEFILE, FMODE_READ | FMODE_WRITE);
	if (f) {
		i->ops = &memfd_inode_ops;
		i->private = name;
		i->nlink = 0;
	}
	return f;
}

/* "memfd:NAME", for /proc. ERR_PTR. */
static char *import_name(const char __user *uname)
{
	char *path scoped(putname) = getname_empty(uname), *name;

	if (IS_ERR(path))
		return ERR_PTR(PTR_ERR(path) == -ENAMETOOLONG ? -EINVAL : PTR_ERR(path));
	if (strlen(path) > MEMFD_NAME_MAX)
		return ERR_PTR(-EINVAL);
	name = kmalloc(strlen(path) + sizeof("memfd:"));
	if (!name)
		return ERR_PTR(-ENOMEM);
	snprintf(name, strlen(path) + sizeof("memfd:"), "memfd:%s", path);
	return name;
}

long sys_memfd_create(const char __user *uname, unsigned int flags)
{
	struct file *f;
	char *name;

	if (flags & ~MFD_CLOEXEC) /* no seals, no huge pages */
		return -EINVAL;
	name = import_name(uname);
	if (IS_ERR(name))
		return PTR_ERR(name);
	f = memfd_file(name);
	if (!f) {
		kfree(name);
		return file_alloc_error();
	}
	return fd_open(f, 0, flags & MFD_CLOEXEC);
}

/* ---- advice: everything is in memory already ---- */

long sys_fadvise64(int fd, long offset __maybe_unused, long len, int advice)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f)
		return -EBADF;
	if (inode_is(f->inode, S_IFIFO))
		return -ESPIPE;
	return len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}

long sys_readahead(int fd, long offset __maybe_unused, size_t count __maybe_unused)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	if (!f || !(f->mode & FMODE_READ))
		return -EBADF;
	return f->inode->object ? 0 : -EINVAL;
}

long sys_sync_file_range(int fd, long offset, long len, unsigned int flags)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	long end;

	if (!f)
		return -EBADF;
	if ((flags &
	     ~(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)) ||
	    offset < 0 || __builtin_add_overflow(offset, len, &end) || end < offset)
		return -EINVAL;
	if (!inode_is(f->inode, S_IFREG) && !inode_is(f->inode, S_IFDIR) &&
	    !inode_is(f->inode, S_IFBLK))
		return -ESPIPE;
	return 0;
}

long sys_syncfs(int fd)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	return f ? 0 : -EBADF;
}
