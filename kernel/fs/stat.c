/* Looking at files: the stat family, access, readlink, statfs. */
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

/* statfs(2): f_flags is filled in at all. */
#define ST_VALID    0x20
#define ST_RELATIME 0x1000
#define ST_AS_MOUNTED \
	(MS_SYNCHRONOUS | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)

/* ---- stat ---- */

long sys_newfstatat(int dirfd, const char __user *path, struct stat __user *ust, int flags)
{
	struct stat st;
	struct dentry *d;
	struct file *f;
	char first = 1;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	/* the C library's fstat(): an empty path, so that pipes, which have no dentry, must work
	 * too */
	if ((flags & AT_EMPTY_PATH) && dirfd >= 0) {
		if (path && get_user(first, path))
			return -EFAULT;
		if (!path || !first) {
			f = file_get_fd(dirfd);
			if (!f)
				return -EBADF;
			inode_stat(f->inode, &st);
			file_put(f);
			goto out;
		}
	}
	err = user_path(dirfd, path, walk_flags(flags), &d);
	if (err)
		return err;
	inode_stat(d->inode, &st);
	dentry_put(d);
out:
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

long sys_stat(const char __user *path, struct stat __user *st)
{
	return sys_newfstatat(AT_FDCWD, path, st, 0);
}

long sys_lstat(const char __user *path, struct stat __user *st)
{
	return sys_newfstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int fd, struct stat __user *ust)
{
	struct file *f = file_get_fd(fd);
	struct stat st;

	if (!f)
		return -EBADF;
	inode_stat(f->inode, &st);
	file_put(f);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

/* ---- statx ---- */

static struct statx_timestamp statx_time(long sec, unsigned long nsec)
{
	return (struct statx_timestamp){.tv_sec = sec, .tv_nsec = (u32)nsec};
}

static void fill_statx(struct statx *x, struct inode *i, bool mount_root)
{
	struct stat st;

	inode_stat(i, &st);
	memset(x, 0, sizeof(*x));
	x->stx_mask = STATX_BASIC_STATS;
	x->stx_blksize = (u32)st.st_blksize;
	x->stx_nlink = (u32)st.st_nlink;
	x->stx_uid = st.st_uid;
	x->stx_gid = st.st_gid;
	x->stx_mode = (u16)st.st_mode;
	x->stx_ino = st.st_ino;
	x->stx_size = (u64)st.st_size;
	x->stx_blocks = (u64)st.st_blocks;
	x->stx_attributes = mount_root ? STATX_ATTR_MOUNT_ROOT : 0;
	x->stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
	x->stx_atime = statx_time((long)st.st_atime, st.st_atime_nsec);
	x->stx_mtime = statx_time((long)st.st_mtime, st.st_mtime_nsec);
	x->stx_ctime = statx_time((long)st.st_ctime, st.st_ctime_nsec);
	x->stx_rdev_major = major_of(st.st_rdev);
	x->stx_rdev_minor = minor_of(st.st_rdev);
	x->stx_dev_major = major_of(st.st_dev);
	x->stx_dev_minor = minor_of(st.st_dev);
}

long sys_statx(int dirfd, const char __user *path, int flags, unsigned int mask,
	       struct statx __user *ux)
{
	struct dentry *d;
	struct statx x;
	int err;

	if (mask & STATX__RESERVED)
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)))
		return -EINVAL;
	err = user_path(dirfd, path, walk_flags(flags), &d);
	if (err)
		return err;
	fill_statx(&x, d->inode, dentry_is_root(d) && !dentry_is_anonymous(d));
	dentry_put(d);
	return copy_to_user(ux, &x, sizeof(x)) ? -EFAULT : 0;
}

/* ---- access ---- */

static long may_access(int dirfd, const char __user *path, int mode, int flags)
{
	struct dentry *d;
	long err = user_path(dirfd, path, walk_flags(flags), &d);

	if (err)
		return err;
	if ((mode & MAY_EXEC) && inode_is(d->inode, S_IFREG) &&
	    (READ_ONCE(d->inode->sb->flags) & MS_NOEXEC))
		err = -EACCES;
	else if (mode)
		err = inode_permission(d->inode, mode);
	dentry_put(d);
	return err;
}

/* The same for the real user, on the whole way to the file: access(2) is for set-user-id programs.
 */
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

long sys_faccessat(int dirfd, const char __user *path, int mode)
{
	return sys_faccessat2(dirfd, path, mode, 0);
}

long sys_access(const char __user *path, int mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

/* ---- readlink ---- */

static long put_link(struct dentry *link, char __user *buf, size_t size)
{
	const char *text = link->inode->target;
	char *computed = NULL;
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
	if (computed)
		putname(computed);
	return len;
}

long sys_readlinkat(int dirfd, const char __user *path, char __user *buf, size_t size)
{
	struct dentry *d;
	char first;
	long ret;
	int err;

	if ((int)size <= 0)
		return -EINVAL;
	err = user_path(dirfd, path, WALK_EMPTY, &d);
	if (err)
		return err;
	ret = inode_is(d->inode, S_IFLNK) ? put_link(d, buf, size) : -EINVAL;
	dentry_put(d);
	/* an empty name names a link that is open, or nothing */
	return ret == -EINVAL && get_user(first, path) == 0 && !first ? -ENOENT : ret;
}

long sys_readlink(const char __user *path, char __user *buf, size_t size)
{
	return sys_readlinkat(AT_FDCWD, path, buf, size);
}

/* ---- statfs ---- */

static long put_statfs(const struct inode *i, struct statfs __user *ust)
{
	struct super *s = i->sb;
	struct statfs st = {.f_bsize = PAGE_SIZE,
			    .f_frsize = PAGE_SIZE,
			    .f_namelen = NAME_MAX,
			    .f_flags = ST_VALID | (long)(s->flags & ST_AS_MOUNTED) |
				       (s->flags & MS_RELATIME ? ST_RELATIME : 0),
			    .f_fsid.val[0] = (int)s->dev};

	s->type->statfs(s, &st);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

long sys_statfs(const char __user *path, struct statfs __user *st)
{
	struct dentry *d;
	long err = user_path(AT_FDCWD, path, WALK_FOLLOW, &d);

	if (err)
		return err;
	err = put_statfs(d->inode, st);
	dentry_put(d);
	return err;
}

long sys_fstatfs(int fd, struct statfs __user *st)
{
	struct file *f = file_get_fd(fd);
	long err;

	if (!f)
		return -EBADF;
	err = put_statfs(f->inode, st);
	file_put(f);
	return err;
}
