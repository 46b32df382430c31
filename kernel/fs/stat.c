/* Reading attributes: the stat family, access, readlink, statfs. */
#include "kernel/fs/vfs.h"

/* statfs(2): f_flags is valid */
#define ST_VALID    0x20
#define ST_RELATIME 0x1000
#define ST_AS_MOUNTED \
	(MS_SYNCHRONOUS | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)

static long put_stat(struct inode *i, struct stat __user *ust)
{
	struct stat st;

	inode_stat(i, &st);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

long sys_newfstatat(int dirfd, const char __user *path, struct stat __user *ust, int flags)
{
	char first = 1;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	/* the C library's fstat(), also of pipes, which have no dentry */
	if ((flags & AT_EMPTY_PATH) && dirfd >= 0) {
		if (path && get_user(first, path))
			return -EFAULT;
		if (!path || !first)
			return sys_fstat(dirfd, ust);
	}
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, walk_flags(flags));
	return IS_ERR(d) ? PTR_ERR(d) : put_stat(d->inode, ust);
}

long sys_fstat(int fd, struct stat __user *ust)
{
	struct file *f scoped(file_put) = file_get_fd(fd);

	return f ? put_stat(f->inode, ust) : -EBADF;
}

static void fill_statx(struct statx *x, struct inode *i, bool mount_root)
{
	struct stat st;

	inode_stat(i, &st);
	*x = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = (u32)st.st_blksize,
		.stx_nlink = (u32)st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = (u16)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = (u64)st.st_size,
		.stx_blocks = (u64)st.st_blocks,
		.stx_attributes = mount_root ? STATX_ATTR_MOUNT_ROOT : 0,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_atime = {.tv_sec = (long)st.st_atime, .tv_nsec = (u32)st.st_atime_nsec},
		.stx_mtime = {.tv_sec = (long)st.st_mtime, .tv_nsec = (u32)st.st_mtime_nsec},
		.stx_ctime = {.tv_sec = (long)st.st_ctime, .tv_nsec = (u32)st.st_ctime_nsec},
		.stx_rdev_major = major_of(st.st_rdev),
		.stx_rdev_minor = minor_of(st.st_rdev),
		.stx_dev_major = major_of(st.st_dev),
		.stx_dev_minor = minor_of(st.st_dev)};
}

long sys_statx(int dirfd, const char __user *path, int flags, unsigned int mask,
	       struct statx __user *ux)
{
	struct statx x;

	if (mask & STATX__RESERVED)
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)))
		return -EINVAL;
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, walk_flags(flags));
	if (IS_ERR(d))
		return PTR_ERR(d);
	fill_statx(&x, d->inode, dentry_is_root(d) && !dentry_is_anonymous(d));
	return copy_to_user(ux, &x, sizeof(x)) ? -EFAULT : 0;
}

static long may_access(int dirfd, const char __user *path, int mode, int flags)
{
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, walk_flags(flags));

	if (IS_ERR(d))
		return PTR_ERR(d);
	if ((mode & MAY_EXEC) && inode_is(d->inode, S_IFREG) &&
	    (READ_ONCE(d->inode->sb->flags) & MS_NOEXEC))
		return -EACCES;
	return mode ? inode_permission(d->inode, mode) : 0;
}

/* The same with the real ids, on the whole path: access(2) serves set-user-ID programs. */
static long may_access_really(int dirfd, const char __user *path, int mode, int flags)
{
	struct cred *real = prepare_creds(), *effective;
	long err;

	if (!real)
		return -ENOMEM;
	real->fsuid = real->uid;
	real->fsgid = real->gid;
	effective = override_creds(real);
	err = may_access(dirfd, path, mode, flags);
	override_creds(effective);
	put_cred(real);
	return err;
}

long sys_faccessat2(int dirfd, const char __user *path, int mode, int flags)
{
	const struct cred *c = current->cred;

	if ((mode & ~(MAY_READ | MAY_WRITE | MAY_EXEC)) ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if ((flags & AT_EACCESS) || (c->uid == c->fsuid && c->gid == c->fsgid))
		return may_access(dirfd, path, mode, flags);
	return may_access_really(dirfd, path, mode, flags);
}

static long put_link(struct dentry *link, char __user *buf, size_t size)
{
	char *computed scoped(putname) = NULL;
	const char *text = link->inode->target;
	long len;

	if (text) {
		len = (long)strlen(text);
	} else {
		text = computed = name_alloc();
		if (!computed)
			return -ENOMEM;
		len = link->inode->ops->readlink(link, computed);
	}
	if (len > (long)size)
		len = (long)size;
	if (len > 0 && copy_to_user(buf, text, (size_t)len))
		len = -EFAULT;
	return len;
}

long sys_readlinkat(int dirfd, const char __user *path, char __user *buf, size_t size)
{
	char first;
	long ret;

	if ((int)size <= 0)
		return -EINVAL;
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, WALK_EMPTY);
	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = inode_is(d->inode, S_IFLNK) ? put_link(d, buf, size) : -EINVAL;
	/* an empty path: dirfd is a link, or -ENOENT */
	return ret == -EINVAL && get_user(first, path) == 0 && !first ? -ENOENT : ret;
}

static long put_statfs(const struct inode *i, struct statfs __user *ust)
{
	struct super *s = i->sb;
	struct statfs st = {.f_type = s->type->magic,
			    .f_bsize = PAGE_SIZE,
			    .f_frsize = PAGE_SIZE,
			    .f_namelen = NAME_MAX,
			    .f_flags = ST_VALID | (long)(s->flags & ST_AS_MOUNTED) |
				       (s->flags & MS_RELATIME ? ST_RELATIME : 0),
			    .f_fsid.val[0] = (int)s->dev};

	if (s->type->statfs)
		s->type->statfs(s, &st);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

long sys_statfs(const char __user *path, struct statfs __user *st)
{
	struct dentry *d scoped(dentry_put) = user_path(AT_FDCWD, path, WALK_FOLLOW);

	return IS_ERR(d) ? PTR_ERR(d) : put_statfs(d->inode, st);
}

long sys_fstatfs(int fd, struct statfs __user *st)
{
	struct file *f scoped(file_put) = file_get_fd(fd);

	return f ? put_statfs(f->inode, st) : -EBADF;
}
