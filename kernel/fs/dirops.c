/* Changing directories: mkdir, mknod, symlink, link, unlink, rmdir, rename. */
#include "kernel/fs/notify/notify.h"

/* The sticky bit of /tmp: only the owner of the file or directory may remove a name. */
static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
	uid_t me = current->cred->fsuid;

	return (dir->mode & S_ISVTX) && !cred_is_fs_root(current->cred) && me != victim->uid &&
	       me != dir->uid;
}

int fs_may_make(struct dentry *dir)
{
	if (directory_dead(dir->inode->dir))
		return -ENOENT;
	return inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
}

int fs_may_remove(struct dentry *dir, struct dentry *victim)
{
	int err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);

	if (!err && sticky_forbids(dir->inode, victim->inode))
		err = -EPERM;
	return err;
}

/* Check that the walk's last name may be made, for an inode of file system `sb` (NULL: a new
 * inode). On success the directory is locked. */
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
		err = fs_may_make(w->at);
	}
	if (err)
		mutex_unlock(&w->at->inode->lock);
	return err;
}

/* mknod(2): only root makes devices; anyone makes a whiteout. */
static bool may_make_type(const struct node_spec *spec)
{
	mode_t type = spec->mode & S_IFMT;

	return (type != S_IFCHR && type != S_IFBLK) || cred_is_root(current->cred) ||
	       (type == S_IFCHR && spec->rdev == 0);
}

/* `spec`: mode, umask, rdev, target; owner and group are set here. `path`: a kernel string. *out
 * (unless NULL): the new dentry, with a reference. */
int fs_make_node(int dirfd, const char *path, struct node_spec *spec, struct dentry **out)
{
	bool is_dir = (spec->mode & S_IFMT) == S_IFDIR;
	struct dentry *d;
	struct inode *dir;
	struct walk w scoped(walk);
	int err = walk_parent(&w, dirfd, path);

	if (!err)
		err = lock_for_new(&w, is_dir, NULL);
	if (err)
		return err;
	dir = w.at->inode;
	node_set_owner(spec, dir);
	if (!may_make_type(spec) || !dir->ops->make)
		d = ERR_PTR(-EPERM);
	else
		d = dir->ops->make(w.at, &w.last, spec);
	if (!IS_ERR(d))
		notify_name(w.at, &w.last, d->inode, IN_CREATE);
	mutex_unlock(&dir->lock);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (out)
		*out = dentry_get(d);
	dentry_put(d);
	return 0;
}

static long user_make_node(int dirfd, const char __user *path, struct node_spec *spec)
{
	char *name scoped(putname) = getname(path);

	return IS_ERR(name) ? PTR_ERR(name) : fs_make_node(dirfd, name, spec, NULL);
}

long sys_mkdirat(int dirfd, const char __user *path, mode_t mode)
{
	struct node_spec spec = {.mode = S_IFDIR | (mode & (S_IRWXUGO | S_ISVTX)),
				 .umask = fs_umask()};

	return user_make_node(dirfd, path, &spec);
}

long sys_mknodat(int dirfd, const char __user *path, mode_t mode, unsigned int dev)
{
	struct node_spec spec = {.mode = mode & (S_IFMT | S_IALLUGO), .umask = fs_umask()};
	mode_t type = mode & S_IFMT;

	if (type == S_IFDIR)
		return -EPERM;
	if (type == S_IFCHR || type == S_IFBLK)
		spec.rdev = dev;
	else if (type == 0)
		spec.mode |= S_IFREG;
	else if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
		return -EINVAL;
	return user_make_node(dirfd, path, &spec);
}

long sys_symlinkat(const char __user *target, int dirfd, const char __user *path)
{
	struct node_spec spec = {.mode = S_IFLNK | S_IRWXUGO};
	char *text scoped(putname) = getname(target);

	spec.target = text;
	return IS_ERR(text) ? PTR_ERR(text) : user_make_node(dirfd, path, &spec);
}

static int link_locked(struct walk *w, struct inode *inode)
{
	const struct inode_ops *ops = w->at->inode->ops;

	if (inode_is(inode, S_IFDIR) || !ops->link)
		return -EPERM;
	/* a file that has lost its last name gets no new one */
	if (READ_ONCE(inode->nlink) == 0 && !inode->linkable)
		return -ENOENT;
	return ops->link(w->at, &w->last, inode);
}

int fs_link(struct inode *inode, int dirfd, const char *path)
{
	struct walk w scoped(walk);
	int err = walk_parent(&w, dirfd, path);

	if (!err)
		err = lock_for_new(&w, false, inode->sb);
	if (!err) {
		err = link_locked(&w, inode);
		if (!err) {
			notify_inode(inode, IN_ATTRIB); /* it has a link more */
			notify_name(w.at, &w.last, inode, IN_CREATE);
		}
		mutex_unlock(&w.at->inode->lock);
	}
	return err;
}

long sys_linkat(int fromfd, const char __user *from, int tofd, const char __user *to, int flags)
{
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && !cred_is_root(current->cred))
		return -ENOENT;
	struct dentry *d scoped(dentry_put) =
		user_path(fromfd, from,
			  (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
				  (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (IS_ERR(d))
		return PTR_ERR(d);
	char *name scoped(putname) = getname(to);
	if (IS_ERR(name))
		return PTR_ERR(name);
	return fs_may_link(d->inode) ?: fs_link(d->inode, tofd, name);
}

static int unlink_locked(struct walk *w, struct dentry *d)
{
	int err = fs_may_remove(w->at, d);

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
	int err = fs_may_remove(w->at, d);

	if (err)
		return err;
	if (!inode_is(victim, S_IFDIR))
		return -ENOTDIR;
	if (dentry_is_root(d))
		return -EBUSY;             /* something is mounted there */
	guard_mutex_nested(&victim->lock); /* no new names in it from here on */
	if (dentry_is_covered(d))
		return -EBUSY;
	if (directory_size(victim->dir))
		return -ENOTEMPTY;
	return w->at->inode->ops->remove ? w->at->inode->ops->remove(w->at, d) : -EPERM;
}

static int remove_name(int dirfd, const char *path, bool dir)
{
	static const int not_a_name[] = {
		[LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
	/* declared before the guard: the last reference to a big file goes after the unlock */
	struct dentry *d scoped(dentry_put) = NULL;
	struct walk w scoped(walk);
	int err = walk_parent(&w, dirfd, path);

	if (err)
		return err;
	if (w.type != LAST_NAME)
		return dir ? not_a_name[w.type] : -EISDIR;
	if (inode_may_change(w.at->inode))
		return -EROFS;
	guard_mutex(&w.at->inode->lock);
	d = walk_lookup_last(&w);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	err = dir ? rmdir_locked(&w, d) : unlink_locked(&w, d);
	if (!err)
		notify_removed(w.at, &w.last, d);
	return err;
}

int kernel_unlink(const char *path)
{
	return remove_name(AT_FDCWD, path, false);
}

long sys_unlinkat(int dirfd, const char __user *path, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	char *name scoped(putname) = getname(path);
	return IS_ERR(name) ? PTR_ERR(name) : remove_name(dirfd, name, flags & AT_REMOVEDIR);
}
