/* Changing directories: mkdir, mknod, symlink, link, unlink, rmdir, rename. */
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

/* The sticky bit of /tmp: only the owner of the file or of the directory may take a name away. */
static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
	uid_t me = current->cred->fsuid;

	return (dir->mode & S_ISVTX) && !cred_is_fs_root(current->cred) && me != victim->uid &&
	       me != dir->uid;
}

/* May a name be made in the directory? Its lock is held. */
static int may_make(struct dentry *dir)
{
	if (directory_dead(dir->inode->dir))
		return -ENOENT;
	return inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
}

static int may_remove(struct dentry *dir, struct dentry *victim)
{
	int err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);

	if (!err && sticky_forbids(dir->inode, victim->inode))
		err = -EPERM;
	return err;
}

/* ---- making ---- */

/* The walk has come to a name that is to be made, of an inode of the file system `sb` (NULL: a new
 * one). Returns with the directory locked, or an error. */
static int lock_for_new(struct walk *w, bool is_dir, const struct super *sb)
{
	struct dentry *d;
	int err;

	if (w->type != LAST_NAME)
		return -EEXIST;
	mutex_lock(&w->at->inode->lock);
	d = walk_lookup_last(w);
	if (!IS_ERR(d)) {
		dentry_put(d);
		err = -EEXIST;
	} else if (PTR_ERR(d) != -ENOENT) {
		err = (int)PTR_ERR(d);
	} else if (w->slash && !is_dir) {
		err = -ENOENT;
	} else if (inode_may_change(w->at->inode)) {
		err = -EROFS;
	} else if (sb && w->at->inode->sb != sb) {
		err = -EXDEV;
	} else {
		err = may_make(w->at);
	}
	if (err)
		mutex_unlock(&w->at->inode->lock);
	return err;
}

/* mknod(2): devices are root's to make; a whiteout, which is none, is not. */
static bool may_make_type(const struct node_spec *spec)
{
	mode_t type = spec->mode & S_IFMT;

	return (type != S_IFCHR && type != S_IFBLK) || cred_is_root(current->cred) ||
	       (type == S_IFCHR && spec->rdev == 0);
}

/* `spec` has mode, umask, rdev and target; owner and inherited group are filled in. `path` is a
 * kernel string. *out, if it is not NULL: what was made, with a reference. */
int fs_make_node(int dirfd, const char *path, struct node_spec *spec, struct dentry **out)
{
	bool is_dir = (spec->mode & S_IFMT) == S_IFDIR;
	struct dentry *d;
	struct inode *dir;
	struct walk w;
	int err = walk_parent(&w, dirfd, path);

	if (err)
		return err;
	err = lock_for_new(&w, is_dir, NULL);
	if (err)
		goto out;
	dir = w.at->inode;
	node_set_owner(spec, dir);
	if (!may_make_type(spec) || !dir->ops->make)
		d = ERR_PTR(-EPERM);
	else
		d = dir->ops->make(w.at, &w.last, spec);
	mutex_unlock(&dir->lock);
	if (IS_ERR(d))
		err = (int)PTR_ERR(d);
	else if (out)
		*out = d;
	else
		dentry_put(d);
out:
	walk_end(&w);
	return err;
}

static long user_make_node(int dirfd, const char __user *path, struct node_spec *spec)
{
	char *name = getname(path);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = fs_make_node(dirfd, name, spec, NULL);
	putname(name);
	return err;
}

int kernel_mknod(const char *path, struct node_spec *spec)
{
	return fs_make_node(AT_FDCWD, path, spec, NULL);
}

long sys_mkdirat(int dirfd, const char __user *path, mode_t mode)
{
	struct node_spec spec = {.mode = S_IFDIR | (mode & (S_IRWXUGO | S_ISVTX)),
				 .umask = fs_umask()};

	return user_make_node(dirfd, path, &spec);
}

long sys_mkdir(const char __user *path, mode_t mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int dirfd, const char __user *path, mode_t mode, unsigned int dev)
{
	struct node_spec spec = {.mode = mode & (S_IFMT | S_IALLUGO), .umask = fs_umask()};

	switch (mode & S_IFMT) {
	case 0:
		spec.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		spec.rdev = dev;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return user_make_node(dirfd, path, &spec);
}

long sys_mknod(const char __user *path, mode_t mode, unsigned int dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}

long sys_symlinkat(const char __user *target, int dirfd, const char __user *path)
{
	struct node_spec spec = {.mode = S_IFLNK | S_IRWXUGO};
	char *text = getname(target);
	long err;

	if (IS_ERR(text))
		return PTR_ERR(text);
	spec.target = text;
	err = user_make_node(dirfd, path, &spec);
	putname(text);
	return err;
}

long sys_symlink(const char __user *target, const char __user *path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

/* ---- hard links ---- */

static int link_locked(struct walk *w, struct inode *inode)
{
	const struct inode_ops *ops = w->at->inode->ops;

	if (inode_is(inode, S_IFDIR) || !ops->link)
		return -EPERM;
	/* a file whose last name went away in the meantime does not come back */
	if (READ_ONCE(inode->nlink) == 0 && !inode->linkable)
		return -ENOENT;
	return ops->link(w->at, &w->last, inode);
}

static int link_to(struct inode *inode, int dirfd, const char *path)
{
	struct walk w;
	int err;

	err = walk_parent(&w, dirfd, path);
	if (err)
		return err;
	err = lock_for_new(&w, false, inode->sb);
	if (!err) {
		err = link_locked(&w, inode);
		mutex_unlock(&w.at->inode->lock);
	}
	walk_end(&w);
	return err;
}

int kernel_link(struct inode *inode, const char *path)
{
	return link_to(inode, AT_FDCWD, path);
}

long sys_linkat(int fromfd, const char __user *from, int tofd, const char __user *to, int flags)
{
	struct dentry *d;
	char *name;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && !cred_is_root(current->cred))
		return -ENOENT;
	err = user_path(fromfd, from,
			(flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
				(flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
			&d);
	if (err)
		return err;
	name = getname(to);
	if (IS_ERR(name)) {
		err = (int)PTR_ERR(name);
	} else {
		err = link_to(d->inode, tofd, name);
		putname(name);
	}
	dentry_put(d);
	return err;
}

long sys_link(const char __user *from, const char __user *to)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- removing ---- */

static int unlink_locked(struct walk *w, struct dentry *d)
{
	int err = may_remove(w->at, d);

	if (err)
		return err;
	if (inode_is(d->inode, S_IFDIR))
		return -EISDIR;
	if (w->slash)
		return -ENOTDIR;
	return w->at->inode->ops->remove ? w->at->inode->ops->remove(w->at, d) : -EPERM;
}

static int rmdir_locked(struct walk *w, struct dentry *d)
{
	struct inode *victim = d->inode;
	int err = may_remove(w->at, d);

	if (err)
		return err;
	if (!inode_is(victim, S_IFDIR))
		return -ENOTDIR;
	if (dentry_is_root(d))
		return -EBUSY;            /* something is mounted there */
	mutex_lock_nested(&victim->lock); /* nobody makes a name in it from here on */
	if (dentry_is_covered(d))
		err = -EBUSY;
	else if (directory_size(victim->dir))
		err = -ENOTEMPTY;
	else
		err = w->at->inode->ops->remove ? w->at->inode->ops->remove(w->at, d) : -EPERM;
	mutex_unlock(&victim->lock);
	return err;
}

static int remove_name(int dirfd, const char *path, bool dir)
{
	static const int not_a_name[] = {
		[LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
	struct dentry *d;
	struct walk w;
	int err = walk_parent(&w, dirfd, path);

	if (err)
		return err;
	if (w.type != LAST_NAME) {
		err = dir ? not_a_name[w.type] : -EISDIR;
		goto out;
	}
	err = inode_may_change(w.at->inode);
	if (err)
		goto out;
	mutex_lock(&w.at->inode->lock);
	d = walk_lookup_last(&w);
	if (IS_ERR(d)) {
		err = (int)PTR_ERR(d);
		mutex_unlock(&w.at->inode->lock);
		goto out;
	}
	err = dir ? rmdir_locked(&w, d) : unlink_locked(&w, d);
	mutex_unlock(&w.at->inode->lock);
	dentry_put(d); /* outside of the lock: it may be the last reference to a big file */
out:
	walk_end(&w);
	return err;
}

int kernel_unlink(const char *path)
{
	return remove_name(AT_FDCWD, path, false);
}

long sys_unlinkat(int dirfd, const char __user *path, int flags)
{
	char *name;
	int err;

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	name = getname(path);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = remove_name(dirfd, name, flags & AT_REMOVEDIR);
	putname(name);
	return err;
}

long sys_unlink(const char __user *path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(const char __user *path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
