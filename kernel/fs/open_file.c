/* Open file descriptions: their life, and queries of exec, mmap and the shell. */
#include "kernel/fs/notify/notify.h"
#include "mm/mm.h"
#include "mm/slab.h"

static struct kmem_cache *file_cache;
static u64 open_files; /* atomic */
u64 file_max;

static void file_note_write(struct file *f)
{
	inode_modified(f->inode);
}

static bool file_may_tell(struct file *f)
{
	return inode_owner_or_root(f->inode) || !inode_permission(f->inode, MAY_WRITE);
}

static const struct mapped_file_ops mapped_file_ops = {.hold = file_hold,
						       .put = file_put,
						       .note_write = file_note_write,
						       .may_tell = file_may_tell};

void file_init(void)
{
	mapped_files = &mapped_file_ops;
	file_cache = kmem_cache_create("file", sizeof(struct file), 0);
	/* as on Linux: a tenth of memory, at a KiB per file */
	file_max = MAX(nr_total_pages() * (PAGE_SIZE / 1024) / 10, 8192UL);
}

u64 nr_open_files(void)
{
	return __atomic_load_n(&open_files, __ATOMIC_RELAXED);
}

static bool too_many_files(void)
{
	return unlikely(nr_open_files() >= READ_ONCE(file_max)) && !cred_is_root(current->cred);
}

int file_alloc_error(void)
{
	return too_many_files() ? -ENFILE : -ENOMEM;
}

struct file *file_alloc(struct inode *inode, struct dentry *dentry, const struct file_ops *ops,
			u32 flags, u32 mode)
{
	struct file *f = too_many_files() ? NULL : kmem_cache_zalloc(file_cache);

	if (!f)
		return NULL;
	refcount_set(&f->count, 1);
	f->inode = inode_get(inode);
	f->dentry = dentry ? dentry_pin(dentry) : NULL;
	f->ops = ops;
	f->flags = flags;
	f->mode = mode;
	__atomic_add_fetch(&open_files, 1, __ATOMIC_RELAXED);
	return f;
}

void file_hold(struct file *f)
{
	if (f)
		refcount_inc(&f->count);
}

void file_put(struct file *f)
{
	if (f && refcount_dec_and_test(&f->count))
		file_free(f);
}

void file_free(struct file *f)
{
	if (unlikely(f->watched))
		epoll_forget(f);
	if (f->ops)
		notify_file(f, f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	locks_drop(f->inode, f);
	if (f->ops && f->ops->release)
		f->ops->release(f);
	if (f->mode & FMODE_WRITER)
		atomic_dec(&f->inode->writers);
	if (f->mode & FMODE_DENIES)
		atomic_inc(&f->inode->writers);
	if (f->dentry)
		dentry_unpin(f->dentry);
	inode_put(f->inode);
	kmem_cache_free(file_cache, f);
	__atomic_sub_fetch(&open_files, 1, __ATOMIC_RELAXED);
}

struct file *file_get_io(int fd)
{
	struct file *f = file_get_fd(fd);

	if (f && (f->mode & FMODE_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

struct dentry *file_dentry(struct file *f)
{
	return f->dentry ? dentry_get(f->dentry) : dentry_anonymous(inode_get(f->inode));
}

struct vm_object *file_object(struct file *f)
{
	return f->inode->object;
}

u64 file_size(const struct file *f)
{
	return f->inode->object ? READ_ONCE(f->inode->object->size) : 0;
}

void file_identity(struct file *f, u64 *dev, u64 *ino)
{
	*dev = f->inode->sb->dev;
	*ino = f->inode->ino;
}

bool file_is_readable(struct file *f)
{
	return inode_permission(f->inode, MAY_READ) == 0;
}

mode_t file_set_ids(struct file *f, uid_t *uid, gid_t *gid)
{
	struct inode *i = f->inode;
	mode_t mode = READ_ONCE(i->mode);

	if (!(mode & (S_ISUID | S_ISGID)) || (READ_ONCE(i->sb->flags) & MS_NOSUID))
		return 0;
	guard_mutex(&i->lock); /* chown(2) changes mode and owner together */
	mode = i->mode;
	*uid = i->uid;
	*gid = i->gid;
	/* Without the group's execute bit, S_ISGID once meant mandatory locking. */
	return mode & (S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
}

void file_note_map(struct file *f)
{
	if (!(f->flags & O_NOATIME))
		inode_accessed(f->inode);
}

int file_may_map(struct file *f, bool shared, bool write, bool exec)
{
	if (!(f->mode & FMODE_READ) || (shared && write && !(f->mode & FMODE_WRITE)))
		return -EACCES;
	if (exec && (f->inode->sb->flags & MS_NOEXEC))
		return -EPERM;
	return file_object(f) || file_is_zero(f) ? 0 : -ENODEV;
}

const char *file_describe(struct file *f, char *buf, size_t n)
{
	struct inode *i = f->inode;

	if (f->dentry) {
		if (dentry_describe(f->dentry, buf, n) < 0)
			strlcpy(buf, "(too long)", n);
	} else if (inode_is(i, S_IFREG) && i->sb->type == &tmpfs_type) {
		snprintf(buf, n, "/#%lu (deleted)", i->ino);
	} else if (inode_is(i, S_IFREG)) {
		snprintf(buf, n, "/%s (deleted)", (const char *)i->private);
	} else if (!(i->mode & S_IFMT)) {
		snprintf(buf, n, "anon_inode:%s", (const char *)i->private);
	} else {
		const char *kind = inode_is(i, S_IFIFO)    ? "pipe"
				   : inode_is(i, S_IFSOCK) ? "socket"
							   : "anon";

		snprintf(buf, n, "%s:[%lu]", kind, i->ino);
	}
	return buf;
}
