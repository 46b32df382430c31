/* tmpfs: a file system in memory. Its directories are the dentry tree itself (dentry.c). The
 * contents of a regular file are a vm_object, whose pages mmap() maps directly. */
#include "kernel/fs/notify/notify.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* Longer symbolic links count as a page of the file system. */
#define SHORT_TARGET 128

static void free_target(struct inode *i)
{
	page_quota_uncharge(i->sb->quota);
}

static const struct inode_ops long_link_ops = {.free = free_target};

static int init_target(struct inode *i, const char *target)
{
	if (strlen(target) > SHORT_TARGET) {
		if (!page_quota_charge(i->sb->quota))
			return -ENOSPC;
		i->ops = &long_link_ops;
	}
	i->target = kstrdup(target);
	return i->target ? 0 : -ENOMEM;
}

static int init_contents(struct inode *i, const struct node_spec *spec)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		i->object = object_create("tmpfs", 0);
		if (i->object)
			object_set_quota(i->object, i->sb->quota);
		i->ops = &tmpfs_file_inode_ops;
		i->fops = &tmpfs_file_ops;
		return i->object ? 0 : -ENOMEM;
	case S_IFDIR:
		i->dir = directory_create();
		i->ops = &tmpfs_dir_ops;
		i->fops = &directory_file_ops;
		i->nlink = 2;
		return i->dir ? 0 : -ENOMEM;
	case S_IFLNK:
		return init_target(i, spec->target);
	case S_IFCHR:
		i->fops = &chrdev_ops;
		return 0;
	case S_IFIFO:
		i->fops = &fifo_ops;
		return 0;
	default:
		i->fops = &no_device_ops;
		return 0;
	}
}

struct inode *tmpfs_new_inode(struct super *sb, const struct node_spec *spec)
{
	struct inode *i;
	int err;

	if (!super_charge_inode(sb))
		return ERR_PTR(-ENOSPC);
	i = inode_alloc(sb, spec);
	if (!i) {
		super_uncharge_inode(sb);
		return ERR_PTR(-ENOMEM);
	}
	i->charged = true;
	err = init_contents(i, spec);
	if (err) {
		inode_put(i);
		return ERR_PTR(err);
	}
	return i;
}

/* ---- directories ---- */

static u32 nlink_add(struct inode *i, int n)
{
	return __atomic_add_fetch(&i->nlink, (u32)n, __ATOMIC_RELAXED);
}

struct dentry *tmpfs_make(struct dentry *dir, const struct qname *name,
			  const struct node_spec *spec)
{
	struct inode *i = tmpfs_new_inode(dir->inode->sb, spec);
	struct dentry *d;

	if (IS_ERR(i))
		return (struct dentry *)i;
	d = dentry_alloc(name, i);
	if (!d)
		return ERR_PTR(-ENOMEM);
	if (inode_is(i, S_IFREG))
		strlcpy(i->object->name, d->name, sizeof(i->object->name));
	if (inode_is(i, S_IFDIR))
		nlink_add(dir->inode, 1);
	directory_add(dir, d);
	inode_modified(dir->inode);
	return d;
}

int tmpfs_make_in(struct dentry *dir, const char *text, const struct node_spec *spec)
{
	struct qname name = qname_of(text, (u32)strlen(text));
	struct dentry *d scoped(dentry_put) = tmpfs_make(dir, &name, spec);

	return IS_ERR(d) ? (int)PTR_ERR(d) : 0;
}

static int tmpfs_link(struct dentry *dir, const struct qname *name, struct inode *inode)
{
	struct dentry *d;

	/* Each further name counts as an inode: it takes as much memory. */
	if (READ_ONCE(inode->nlink) && !super_charge_inode(inode->sb))
		return -ENOSPC;
	d = dentry_alloc(name, inode_get(inode));
	if (!d) {
		if (READ_ONCE(inode->nlink))
			super_uncharge_inode(inode->sb);
		return -ENOMEM;
	}
	nlink_add(inode, 1);
	inode_changed(inode);
	directory_add(dir, d);
	inode_modified(dir->inode);
	dentry_put(d);
	return 0;
}

/* Account for a removed name. The inode lives on while it is open. */
static void lost_name(struct dentry *dir, struct inode *i)
{
	if (inode_is(i, S_IFDIR)) {
		nlink_add(i, -2);
		nlink_add(dir->inode, -1);
	} else if (nlink_add(i, -1) > 0) {
		super_uncharge_inode(i->sb);
	}
	inode_changed(i);
}

static int tmpfs_remove(struct dentry *dir, struct dentry *d)
{
	lost_name(dir, d->inode);
	directory_remove(dir, d);
	inode_modified(dir->inode);
	return 0;
}

static void tmpfs_exchange(struct dentry *from, struct dentry *a, struct dentry *to,
			   struct dentry *b)
{
	int moved = inode_is(b->inode, S_IFDIR) - inode_is(a->inode, S_IFDIR);

	directory_exchange(from, a, to, b);
	if (from != to) {
		nlink_add(from->inode, moved);
		nlink_add(to->inode, -moved);
	}
	inode_changed(a->inode);
	inode_changed(b->inode);
	inode_modified(from->inode);
	inode_modified(to->inode);
}

static int tmpfs_rename(struct dentry *from, struct dentry *d, struct dentry *to,
			const struct qname *name, struct dentry *victim)
{
	int err = directory_move(from, d, to, name, victim);

	if (err)
		return err;
	if (victim)
		lost_name(to, victim->inode);
	if (inode_is(d->inode, S_IFDIR) && from != to) {
		nlink_add(from->inode, -1);
		nlink_add(to->inode, 1);
	}
	inode_changed(d->inode);
	inode_modified(from->inode);
	inode_modified(to->inode);
	return 0;
}

const struct inode_ops tmpfs_dir_ops = {
	.lookup = directory_lookup,
	.make = tmpfs_make,
	.link = tmpfs_link,
	.remove = tmpfs_remove,
	.rename = tmpfs_rename,
	.exchange = tmpfs_exchange,
	.nameless = tmpfs_new_inode,
};

/* ---- regular files ---- */

static int over_limit(void)
{
	send_sig_self(SIGXFSZ);
	return -EFBIG;
}

void object_unmap(struct vm_object *o, u64 start, u64 end, bool copies)
{
	if (refcount_read(&o->count) > 1) /* mapped: not only the file's own reference */
		mm_zap_object(o, DIV_ROUND_UP(start, PAGE_SIZE), DIV_ROUND_UP(end, PAGE_SIZE),
			      copies);
}

int tmpfs_truncate(struct inode *i, u64 size)
{
	u64 old = i->object->size;

	if (size > READ_ONCE(current->signal->rlim[RLIMIT_FSIZE].rlim_cur) && size > old)
		return over_limit();
	object_resize(i->object, size);
	if (size < old)
		object_unmap(i->object, size, old, true);
	return 0;
}

const struct inode_ops tmpfs_file_inode_ops = {.truncate = tmpfs_truncate};

/* Read up to the end of one page. A page never written reads as zeroes and is not allocated. */
static ssize_t read_page(struct vm_object *obj, struct uio *io, u64 pos, size_t n)
{
	struct page *page;
	size_t in_page = pos & ~PAGE_MASK, got;
	int err = object_get_page(obj, pos >> PAGE_SHIFT, false, &page);

	if (err)
		return err == -EFBIG ? 0 : err; /* truncated meanwhile */
	if (!page)
		return (ssize_t)uio_zero(io, n);
	got = uio_store(io, (char *)page_to_virt(page) + in_page, n);
	put_page(page);
	return (ssize_t)got;
}

/* A call may ask for gigabytes: a killed task stops early. */
static bool is_killed(ssize_t done)
{
	return done && fatal_signal_pending(current);
}

static ssize_t read_at(struct vm_object *obj, struct uio *io, u64 *pos)
{
	u64 size = READ_ONCE(obj->size);
	ssize_t done = 0;

	while (io->left && *pos < size && !is_killed(done)) {
		size_t n = MIN(MIN(io->left, size - *pos), PAGE_SIZE - (*pos & ~PAGE_MASK));
		ssize_t got = read_page(obj, io, *pos, n);

		if (got < 0)
			return done ? done : got;
		*pos += (u64)got;
		done += got;
		if ((size_t)got < n)
			return done ? done : got == 0 && READ_ONCE(obj->size) <= *pos ? 0 : -EFAULT;
	}
	return done;
}

static ssize_t tmpfs_read(struct file *f, struct uio *io, u64 *pos)
{
	struct inode *i = f->inode;
	ssize_t ret;

	if (pos) {
		ret = read_at(i->object, io, pos);
	} else {
		mutex_lock(&i->lock); /* all tasks with this opening share the position */
		ret = read_at(i->object, io, &f->pos);
		mutex_unlock(&i->lock);
	}
	if (!(f->flags & O_NOATIME))
		inode_accessed(i);
	if (ret > 0)
		notify_file(f, IN_ACCESS);
	return ret;
}

/* Write up to the end of one page. The file grows first, and shrinks back if the copy fails. */
static ssize_t write_page(struct vm_object *obj, struct uio *io, u64 pos, size_t n)
{
	u64 old = obj->size;
	struct page *page;
	size_t got;
	int err;

	if (pos + n > old)
		object_resize(obj, pos + n);
	err = object_get_page(obj, pos >> PAGE_SHIFT, true, &page);
	if (err) {
		object_resize(obj, old);
		return err;
	}
	got = uio_fetch(io, (char *)page_to_virt(page) + (pos & ~PAGE_MASK), n);
	put_page(page);
	if (got < n && pos + n > old)
		object_resize(obj, MAX(old, pos + got));
	return got ? (ssize_t)got : -EFAULT;
}

static ssize_t write_at(struct vm_object *obj, struct uio *io, u64 *pos)
{
	u64 limit =
		MIN(READ_ONCE(current->signal->rlim[RLIMIT_FSIZE].rlim_cur), (u64)MAX_FILE_SIZE);
	ssize_t done = 0;

	if (*pos >= limit && io->left)
		return *pos >= (u64)MAX_FILE_SIZE ? -EFBIG : over_limit();
	while (io->left && *pos < limit && !is_killed(done)) {
		size_t n = MIN(MIN(io->left, limit - *pos), PAGE_SIZE - (*pos & ~PAGE_MASK));
		ssize_t got = write_page(obj, io, *pos, n);

		if (got < 0)
			return done ? done : got;
		*pos += (u64)got;
		done += got;
		if ((size_t)got < n)
			break;
	}
	return done;
}

static ssize_t tmpfs_write(struct file *f, struct uio *io, u64 *pos)
{
	struct inode *i = f->inode;
	u64 *at = pos ? pos : &f->pos;
	ssize_t ret;

	guard_mutex(&i->lock);
	if (f->flags & O_APPEND)
		*at = i->object->size;
	ret = write_at(i->object, io, at);
	if (ret > 0) {
		inode_strip_set_ids(i);
		inode_modified(i);
		notify_file(f, IN_MODIFY);
	}
	return ret;
}

/* SEEK_DATA, SEEK_HOLE: pages never written are holes, and so is the end. */
static s64 seek_content(struct vm_object *o, s64 offset, bool data)
{
	s64 size = (s64)o->size;
	u64 page;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	page = object_seek(o, (u64)offset >> PAGE_SHIFT, data);
	if (page >= DIV_ROUND_UP((u64)size, PAGE_SIZE))
		return data ? -ENXIO : size;
	return MAX(offset, (s64)(page << PAGE_SHIFT));
}

static s64 tmpfs_lseek(struct file *f, s64 offset, int whence)
{
	s64 to;

	guard_mutex(&f->inode->lock);
	if (!file_seek_base(f, whence, &to))
		to = seek_content(f->inode->object, offset, whence == SEEK_DATA);
	else if (__builtin_add_overflow(to, offset, &to) || to < 0)
		to = -EINVAL;
	if (to >= 0)
		f->pos = (u64)to;
	return to;
}

const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read,
	.write = tmpfs_write,
	.lseek = tmpfs_lseek,
	.positioned = true,
};
