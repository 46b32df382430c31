/* open(2): from a path to an open file. */
#include "kernel/fs/notify/notify.h"

/* The permission for O_ACCMODE. Linux's 3 ("both, only for ioctl") is taken as both. */
static const u8 wanted[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

static int wanted_permission(int flags)
{
	return wanted[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static u32 file_mode(int flags)
{
	if (flags & O_PATH)
		return FMODE_PATH;
	return (wanted[flags & O_ACCMODE] & MAY_READ ? FMODE_READ : 0) |
	       (wanted[flags & O_ACCMODE] & MAY_WRITE ? FMODE_WRITE : 0);
}

static int may_open(const struct inode *i, int flags)
{
	if ((flags & O_DIRECTORY) && !inode_is(i, S_IFDIR))
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (inode_is(i, S_IFLNK))
		return -ELOOP;
	if (inode_is(i, S_IFDIR) && (wanted_permission(flags) & MAY_WRITE))
		return -EISDIR;
	return inode_permission(i, wanted_permission(flags));
}

struct file *file_open_dentry(struct dentry *dentry, int flags, bool created)
{
	struct dentry *d scoped(dentry_put) = dentry;
	struct inode *i = d->inode;
	const struct file_ops *ops = flags & O_PATH ? NULL : i->fops;
	bool writer = inode_is(i, S_IFREG) && !(flags & O_PATH) &&
		      ((file_mode(flags) & FMODE_WRITE) || (flags & O_TRUNC));
	struct file *f;
	int err = created ? 0 : may_open(i, flags);

	if (!err && writer)
		err = inode_count_writer(i);
	if (err)
		return ERR_PTR(err);
	f = file_alloc(i, dentry_is_anonymous(d) ? NULL : d, ops,
		       (u32)flags & ~(u32)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC),
		       file_mode(flags) | (writer ? FMODE_WRITER : 0));
	if (!f) {
		if (writer)
			atomic_dec(&i->writers);
		return ERR_PTR(file_alloc_error());
	}
	if (!(flags & O_PATH))
		f->flags |= O_LARGEFILE;
	if (ops && ops->open) {
		f->flags |= (u32)(flags & O_NOCTTY); /* for the tty */
		err = ops->open(i, f);
		f->flags &= ~(u32)O_NOCTTY;
		if (err)
			f->ops = NULL; /* not open: nothing to release */
	}
	if (!err && ops)
		notify_file(f, IN_OPEN);
	if (!err && (flags & O_TRUNC) && !created && inode_is(i, S_IFREG)) {
		err = inode_truncate(i, 0);
		if (!err)
			notify_file(f, IN_MODIFY);
	}
	if (!err)
		return f;
	file_put(f);
	return ERR_PTR(err);
}

/* Make the last component, a regular file. The directory is locked. */
static struct dentry *create_last(struct walk *w, mode_t mode)
{
	struct inode *dir = w->at->inode;
	struct node_spec spec = {.mode = S_IFREG | (mode & S_IALLUGO), .umask = fs_umask()};
	int err = fs_may_make(w->at);

	if (err)
		return ERR_PTR(err);
	node_set_owner(&spec, dir);
	return dir->ops->make ? dir->ops->make(w->at, &w->last, &spec) : ERR_PTR(-EACCES);
}

/* O_CREAT: look the last component up or make it, under the directory's lock. */
static struct dentry *lookup_or_create(struct walk *w, int flags, mode_t mode, bool *created)
{
	struct dentry *d;
	int err = 0;

	if (w->type == LAST_ROOT && !w->slash && !inode_is(w->at->inode, S_IFDIR))
		return dentry_get(w->at); /* a link jumped here */
	if (w->type != LAST_NAME || w->slash)
		return ERR_PTR(-EISDIR);
	guard_mutex(&w->at->inode->lock);
	d = walk_lookup_last(w);
	if (IS_ERR(d) && PTR_ERR(d) == -ENOENT) {
		d = create_last(w, mode);
		*created = !IS_ERR(d);
		if (*created)
			notify_name(w->at, &w->last, d->inode, IN_CREATE);
	} else if (!IS_ERR(d)) {
		err = flags & O_EXCL                ? -EEXIST
		      : inode_is(d->inode, S_IFDIR) ? -EISDIR
						    : fs_may_open_existing(w->at->inode, d->inode);
	}
	if (!err)
		return d;
	dentry_put(d);
	return ERR_PTR(err);
}

static struct dentry *open_last(struct walk *w, int flags, mode_t mode, bool *created)
{
	struct dentry *d;

	for (;;) {
		int err = walk_to_last(w);

		if (err)
			return ERR_PTR(err);
		d = flags & O_CREAT ? lookup_or_create(w, flags, mode, created)
				    : walk_lookup_last(w);
		if (IS_ERR(d))
			return d;
		if (!inode_is(d->inode, S_IFLNK) || (!w->slash && (flags & O_NOFOLLOW)))
			break;
		err = walk_follow(w, d);
		if (err)
			return ERR_PTR(err);
	}
	return walk_check_slash(w, d);
}

/* O_TMPFILE: make a file without a name. */
static struct file *open_nameless(int dirfd, const char *path, int flags, mode_t mode)
{
	struct node_spec spec = {.mode = S_IFREG | (mode & S_IALLUGO), .umask = fs_umask()};
	struct dentry *d;
	struct inode *i;
	int err;

	if (!(flags & O_DIRECTORY) || !(file_mode(flags) & FMODE_WRITE))
		return ERR_PTR(-EINVAL);
	struct dentry *dir scoped(dentry_put) = path_lookup(dirfd, path, WALK_FOLLOW);
	if (IS_ERR(dir))
		return (struct file *)dir;
	if (!inode_is(dir->inode, S_IFDIR))
		return ERR_PTR(-ENOTDIR);
	err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
	if (err)
		return ERR_PTR(err);
	if (!dir->inode->ops->nameless)
		return ERR_PTR(-EOPNOTSUPP);
	mutex_lock(&dir->inode->lock);
	node_set_owner(&spec, dir->inode);
	mutex_unlock(&dir->inode->lock);
	i = dir->inode->ops->nameless(dir->inode->sb, &spec);
	if (IS_ERR(i))
		return (struct file *)i;
	i->nlink = 0;
	i->linkable = !(flags & O_EXCL);
	d = dentry_anonymous(i);
	return IS_ERR(d) ? (struct file *)d : file_open_dentry(d, flags & ~O_DIRECTORY, true);
}

static struct file *open_path(int dirfd, const char *path, int flags, mode_t mode)
{
	struct walk w scoped(walk);
	bool created = false;
	int err = walk_start(&w, dirfd, path);
	struct dentry *d = err ? ERR_PTR(err) : open_last(&w, flags, mode, &created);

	return IS_ERR(d) ? (struct file *)d : file_open_dentry(d, flags, created);
}

struct file *file_open(int dirfd, const char *path, int flags, mode_t mode)
{
	if (flags & O_PATH)
		flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
	else if (flags & __O_TMPFILE)
		return *path ? open_nameless(dirfd, path, flags, mode) : ERR_PTR(-ENOENT);
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return ERR_PTR(-EINVAL);
	if (!*path)
		return ERR_PTR(-ENOENT);
	return open_path(dirfd, path, flags, mode);
}

long sys_openat(int dirfd, const char __user *path, int flags, mode_t mode)
{
	char *name scoped(putname) = getname(path);
	struct file *f;

	if (IS_ERR(name))
		return PTR_ERR(name);
	f = file_open(dirfd, name, flags, mode);
	return IS_ERR(f) ? PTR_ERR(f) : fd_open(f, 0, flags & O_CLOEXEC);
}

struct file *open_exec(int dirfd, const char *path, u32 walk)
{
	struct dentry *d scoped(dentry_put) = path_lookup(dirfd, path, walk);
	struct file *exec;
	int err;

	if (IS_ERR(d))
		return (struct file *)d;
	/* Opened as if created: exec needs execute permission, not read permission. */
	err = inode_is(d->inode, S_IFLNK) ? -ELOOP : -EACCES;
	if (inode_is(d->inode, S_IFREG) && !(d->inode->sb->flags & MS_NOEXEC))
		err = inode_permission(d->inode, MAY_EXEC);
	if (err)
		return ERR_PTR(err);
	exec = file_open_dentry(dentry_get(d), O_RDONLY, true);
	if (IS_ERR(exec))
		return exec;
	err = inode_deny_writers(exec->inode);
	if (err) {
		file_put(exec);
		return ERR_PTR(err);
	}
	exec->mode |= FMODE_DENIES; /* no other task knows it yet */
	return exec;
}
