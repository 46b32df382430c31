/* Changing attributes: chmod, chown, truncate, utimensat. */
#include "kernel/fs/notify/notify.h"
#include "kernel/time/timer.h"

/* Tell of a change that has succeeded. Returns its result. */
static int tell_name_changed(struct dentry *d, int err)
{
	if (!err)
		notify_dentry(d, IN_ATTRIB);
	return err;
}

static int tell_file_changed(struct file *f, int err)
{
	if (!err)
		notify_file(f, IN_ATTRIB);
	return err;
}

long sys_fchmodat(int dirfd, const char __user *path, mode_t mode)
{
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, WALK_FOLLOW);

	return IS_ERR(d) ? PTR_ERR(d) : tell_name_changed(d, inode_chmod(d->inode, mode));
}

long sys_fchmod(int fd, mode_t mode)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	return f ? tell_file_changed(f, inode_chmod(f->inode, mode)) : -EBADF;
}

long sys_fchownat(int dirfd, const char __user *path, uid_t uid, gid_t gid, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, walk_flags(flags));
	return IS_ERR(d) ? PTR_ERR(d) : tell_name_changed(d, inode_chown(d->inode, uid, gid));
}

long sys_fchown(int fd, uid_t uid, gid_t gid)
{
	struct file *f scoped(file_put) = file_get_io(fd);

	return f ? tell_file_changed(f, inode_chown(f->inode, uid, gid)) : -EBADF;
}

long sys_truncate(const char __user *path, long length)
{
	int err;

	if (length < 0)
		return -EINVAL;
	struct dentry *d scoped(dentry_put) = user_path(AT_FDCWD, path, WALK_FOLLOW);
	if (IS_ERR(d))
		return PTR_ERR(d);
	if (inode_is(d->inode, S_IFDIR))
		return -EISDIR;
	err = inode_permission(d->inode, MAY_WRITE);
	if (!err)
		err = inode_count_writer(d->inode);
	if (!err) {
		err = inode_truncate(d->inode, length);
		if (!err)
			notify_dentry(d, IN_MODIFY);
		atomic_dec(&d->inode->writers);
	}
	return err;
}

long sys_ftruncate(int fd, long length)
{
	int err;

	if (length < 0)
		return -EINVAL;
	struct file *f scoped(file_put) = file_get_io(fd);
	if (!f)
		return -EBADF;
	if (!(f->mode & FMODE_WRITE) || !inode_is(f->inode, S_IFREG))
		return -EINVAL;
	err = inode_truncate(f->inode, length);
	if (!err)
		notify_file(f, IN_MODIFY);
	return err;
}

/* ---- times: utimensat(2) ---- */

struct new_times {
	s64 atime, mtime;
	bool set_atime, set_mtime, now; /* now: both are "now", which needs less permission */
};

static int decode_time(const struct timespec *ts, s64 now, s64 *out, bool *set)
{
	*set = ts->tv_nsec != UTIME_OMIT;
	if (!*set)
		return 0;
	if (ts->tv_nsec == UTIME_NOW) {
		*out = now;
		return 0;
	}
	/* 64 bits of nanoseconds reach from 1677 to 2262 */
	if (ts->tv_nsec < 0 || (u64)ts->tv_nsec >= NSEC_PER_SEC ||
	    __builtin_mul_overflow((s64)ts->tv_sec, (s64)NSEC_PER_SEC, out) ||
	    __builtin_add_overflow(*out, (s64)ts->tv_nsec, out))
		return -EINVAL;
	return 0;
}

/* NULL: both now. */
static int decode_times(const struct timespec *ts, struct new_times *t)
{
	s64 now = (s64)ktime_get_real();
	int err;

	if (!ts) {
		*t = (struct new_times){now, now, true, true, true};
		return 0;
	}
	t->now = ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW;
	err = decode_time(&ts[0], now, &t->atime, &t->set_atime);
	return err ? err : decode_time(&ts[1], now, &t->mtime, &t->set_mtime);
}

static int set_times(struct inode *i, const struct new_times *t)
{
	if (!t->set_atime && !t->set_mtime)
		return 0;
	if (inode_may_change(i))
		return -EROFS;
	if (!inode_owner_or_root(i)) {
		if (!t->now)
			return -EPERM;
		if (inode_permission(i, MAY_WRITE))
			return -EACCES;
	}
	guard_mutex(&i->lock);
	if (t->set_atime)
		WRITE_ONCE(i->atime, t->atime);
	if (t->set_mtime)
		WRITE_ONCE(i->mtime, t->mtime);
	inode_changed(i);
	return 0;
}

/* As on Linux: a single time counts as an access, or as a change of the contents. */
static int tell_times(struct dentry *d, const struct new_times *t, int err)
{
	if (!err && (t->set_atime || t->set_mtime))
		notify_dentry(d, t->set_atime && t->set_mtime ? IN_ATTRIB
				 : t->set_atime               ? IN_ACCESS
							      : IN_MODIFY);
	return err;
}

static long set_times_at(int dirfd, const char __user *path, u32 walk, const struct timespec *ts)
{
	struct new_times t;
	int err = decode_times(ts, &t);

	if (err)
		return err;
	struct dentry *d scoped(dentry_put) = user_path(dirfd, path, walk);
	return IS_ERR(d) ? PTR_ERR(d) : tell_times(d, &t, set_times(d->inode, &t));
}

/* futimens(3) */
static long set_times_of(int fd, const struct timespec *ts)
{
	struct new_times t;
	int err = decode_times(ts, &t);

	if (err)
		return err;
	struct file *f scoped(file_put) = file_get_io(fd);
	err = f ? set_times(f->inode, &t) : -EBADF;
	return err || !f->dentry ? err : tell_times(f->dentry, &t, err);
}

long sys_utimensat(int dirfd, const char __user *path, const struct timespec __user *utimes,
		   int flags)
{
	struct timespec times[2], *ts = utimes ? times : NULL;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (ts && copy_from_user(ts, utimes, sizeof(times)))
		return -EFAULT;
	if (ts && ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
		return 0; /* even if the path is bad */
	if (path || dirfd == AT_FDCWD)
		return set_times_at(dirfd, path, walk_flags(flags), ts);
	return flags ? -EINVAL : set_times_of(dirfd, ts);
}

/* The older forms, in microseconds, without UTIME_NOW and UTIME_OMIT. */
long sys_futimesat(int dirfd, const char __user *path, const struct timeval __user *utimes)
{
	struct timespec times[2], *ts = utimes ? times : NULL;
	struct timeval tv[2];

	if (ts && copy_from_user(tv, utimes, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; ts && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= (long)(NSEC_PER_SEC / NSEC_PER_USEC))
			return -EINVAL;
		ts[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * (long)NSEC_PER_USEC};
	}
	if (path || dirfd == AT_FDCWD)
		return set_times_at(dirfd, path, WALK_FOLLOW, ts);
	return set_times_of(dirfd, ts);
}

long sys_utime(const char __user *path, const struct utimbuf __user *utimes)
{
	struct timespec times[2], *ts = utimes ? times : NULL;
	struct utimbuf seconds;

	if (ts) {
		if (copy_from_user(&seconds, utimes, sizeof(seconds)))
			return -EFAULT;
		times[0] = (struct timespec){.tv_sec = seconds.actime};
		times[1] = (struct timespec){.tv_sec = seconds.modtime};
	}
	return set_times_at(AT_FDCWD, path, WALK_FOLLOW, ts);
}
