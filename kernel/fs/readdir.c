/* Open directories: getdents64(2) and seeking in them. */
#include "kernel/fs/notify/notify.h"

ssize_t directory_read(struct file *f __maybe_unused, struct uio *io __maybe_unused,
		       u64 *pos __maybe_unused)
{
	return -EISDIR;
}

s64 directory_lseek(struct file *f, s64 offset, int whence)
{
	s64 to = -EINVAL;

	guard_mutex(&f->inode->lock);
	if (whence == SEEK_SET)
		to = offset;
	else if (whence == SEEK_CUR && __builtin_add_overflow((s64)f->pos, offset, &to))
		to = -EOVERFLOW;
	if (to >= 0)
		f->pos = (u64)to;
	else if (to != -EOVERFLOW)
		to = -EINVAL;
	return to;
}

/* Remember the last entry: the next call's search begins there. */
static void remember(struct file *f, struct dentry *d)
{
	struct dentry *old = f->private;

	f->private = d ? dentry_get(d) : NULL;
	dentry_put(old);
}

bool directory_emit_dots(struct file *f, dir_emit_fn emit, void *arg)
{
	struct dentry *parent;
	bool ok;

	if (f->pos == 0) {
		if (!emit(arg, ".", 1, 1, f->inode->ino, S_DT(S_IFDIR)))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		parent = dentry_parent(f->dentry);
		ok = emit(arg, "..", 2, 2, parent->inode->ino, S_DT(S_IFDIR));
		dentry_put(parent);
		if (!ok)
			return false;
		f->pos = 2;
	}
	return true;
}

/* An entry's cookie is its position; the position behind it is one more. */
static int directory_iterate(struct file *f, dir_emit_fn emit, void *arg)
{
	struct dentry *d, *last = NULL;
	int err = 0;

	mutex_lock(&f->inode->lock);
	if (directory_dead(f->inode->dir)) {
		err = -ENOENT;
	} else if (directory_emit_dots(f, emit, arg)) {
		while ((d = directory_next(f->dentry, f->pos, last ? last : f->private)) != NULL) {
			if (!emit(arg, d->name, d->len, d->cookie + 1, d->inode->ino,
				  S_DT(d->inode->mode)))
				break;
			f->pos = d->cookie + 1;
			last = d;
		}
		if (last)
			remember(f, last);
	}
	mutex_unlock(&f->inode->lock);
	inode_accessed(f->inode);
	if (!err)
		notify_file(f, IN_ACCESS);
	return err;
}

static void directory_release(struct file *f)
{
	dentry_put(f->private);
}

const struct file_ops directory_file_ops = {
	.read = directory_read,
	.lseek = directory_lseek,
	.iterate = directory_iterate,
	.release = directory_release,
	.positioned = true,
};

struct dirent64_head {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
} __packed;
#define DIRENT_HEAD 19

/* Entries are gathered in a kernel page, for emit() runs under the directory's lock. */
struct gather {
	char *page;
	size_t used, room;
	bool too_small; /* not even one entry fits */
};

static bool gather_entry(void *arg, const char *name, u32 len, u64 cookie, ino_t ino, u32 type)
{
	struct gather *g = arg;
	size_t reclen = ALIGN_UP(DIRENT_HEAD + len + 1, 8UL);
	struct dirent64_head *e = (void *)(g->page + g->used);

	if (reclen > g->room - g->used) {
		g->too_small = g->used == 0;
		return false;
	}
	memset(e, 0, reclen);
	e->ino = ino;
	e->off = (s64)cookie;
	e->reclen = (u16)reclen;
	e->type = (u8)type;
	memcpy(e->name, name, len);
	g->used += reclen;
	return true;
}

static long get_entries(struct file *f, void __user *buf, size_t count)
{
	u64 start = READ_ONCE(f->pos);
	int err;

	if (!f->ops || !f->ops->iterate)
		return -ENOTDIR;
	char *page scoped(putname) = name_alloc();
	struct gather g = {.page = page, .room = MIN(count, (size_t)PATH_MAX)};
	if (!page)
		return -ENOMEM;
	err = f->ops->iterate(f, gather_entry, &g);
	if (err || g.too_small)
		return err ? err : -EINVAL;
	if (!copy_to_user(buf, page, g.used))
		return (long)g.used;
	WRITE_ONCE(f->pos, start);
	return -EFAULT;
}

long sys_getdents64(int fd, void __user *buf, size_t count)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	return f ? get_entries(f, buf, count) : -EBADF;
}
