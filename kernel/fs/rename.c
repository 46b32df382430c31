/* rename(2). rename_lock allows one rename at a time to move directories, so the check that a
 * directory does not move below itself stays valid to the end. */
#include "kernel/fs/notify/notify.h"

/* Lock both parents, the upper one first: rmdir locks a parent before its child. */
static void lock_parents(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		mutex_lock(&a->inode->lock);
	} else if (dentry_is_below(a, b)) {
		mutex_lock(&b->inode->lock);
		mutex_lock_nested(&a->inode->lock);
	} else {
		mutex_lock(&a->inode->lock);
		mutex_lock_nested(&b->inode->lock);
	}
}

static void unlock_parents(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->lock);
	if (a != b)
		mutex_unlock(&b->inode->lock);
}

/* Check types and permissions of what moves, and of what it replaces (or NULL). */
static int may_rename(struct walk *from, struct dentry *d, struct walk *to, struct dentry *victim)
{
	bool is_dir = inode_is(d->inode, S_IFDIR);
	int err = fs_may_remove(from->at, d);

	if (!err)
		err = victim ? fs_may_remove(to->at, victim) : fs_may_make(to->at);
	if (err)
		return err;
	/* moving a directory rewrites its ".." */
	if (is_dir && from->at != to->at && inode_permission(d->inode, MAY_WRITE))
		return -EACCES;
	if (!victim)
		return 0;
	if (is_dir != inode_is(victim->inode, S_IFDIR))
		return is_dir ? -ENOTDIR : -EISDIR;
	return 0;
}

static int rename_over(struct walk *from, struct dentry *d, struct walk *to, struct dentry *victim)
{
	const struct inode_ops *ops = to->at->inode->ops;
	bool victim_dir = victim && inode_is(victim->inode, S_IFDIR);
	int err;

	if (!ops->rename)
		return -EPERM;
	if (victim_dir)
		mutex_lock_nested(&victim->inode->lock);
	if (victim_dir && dentry_is_covered(victim))
		err = -EBUSY;
	else if (victim_dir && directory_size(victim->inode->dir))
		err = -ENOTEMPTY;
	else
		err = ops->rename(from->at, d, to->at, &to->last, victim);
	if (victim_dir)
		mutex_unlock(&victim->inode->lock);
	return err;
}

/* RENAME_EXCHANGE: swap the two names. */
static int exchange_locked(struct walk *from, struct dentry *a, struct walk *to, struct dentry *b)
{
	const struct inode_ops *ops = to->at->inode->ops;
	bool a_dir = inode_is(a->inode, S_IFDIR), b_dir = inode_is(b->inode, S_IFDIR);
	int err;

	if (dentry_is_below(to->at, a) || dentry_is_below(from->at, b))
		return -EINVAL;
	if ((from->slash && !a_dir) || (to->slash && !b_dir))
		return -ENOTDIR;
	if (a->inode == b->inode)
		return 0;
	err = fs_may_remove(from->at, a);
	if (!err)
		err = fs_may_remove(to->at, b);
	if (err)
		return err;
	if (from->at != to->at && ((a_dir && inode_permission(a->inode, MAY_WRITE)) ||
				   (b_dir && inode_permission(b->inode, MAY_WRITE))))
		return -EACCES;
	if (!ops->exchange)
		return -EINVAL;
	if (dentry_is_covered(a) || dentry_is_covered(b))
		return -EBUSY;
	ops->exchange(from->at, a, to->at, b);
	notify_move(from->at, &from->last, to->at, &to->last, a->inode, NULL);
	notify_move(to->at, &to->last, from->at, &from->last, b->inode, NULL);
	return 0;
}

/* All locks are held. `victim`: the entry of the new name, or NULL. */
static int rename_locked(struct walk *from, struct dentry *d, struct walk *to,
			 struct dentry *victim, unsigned int flags)
{
	int err;

	if (victim && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!victim && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (!inode_is(d->inode, S_IFDIR) &&
	    (from->slash || (to->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (dentry_is_root(d) || (victim && dentry_is_root(victim)))
		return -EBUSY;
	if (flags & RENAME_EXCHANGE)
		return exchange_locked(from, d, to, victim);
	if (dentry_is_below(to->at, d))
		return -EINVAL; /* into itself */
	if (victim && dentry_is_below(from->at, victim))
		return -ENOTEMPTY; /* over a directory above it */
	if (victim && victim->inode == d->inode)
		return 0; /* two names of one file: nothing to do, as rename(2) says */
	err = may_rename(from, d, to, victim);
	if (!err)
		err = rename_over(from, d, to, victim);
	if (!err)
		notify_move(from->at, &from->last, to->at, &to->last, d->inode,
			    victim ? victim->inode : NULL);
	return err;
}

/* `d`, `victim`: found at the two names, or ERR_PTR. */
static int rename_found(struct walk *from, struct dentry *d, struct walk *to, struct dentry *victim,
			unsigned int flags)
{
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (IS_ERR(victim) && PTR_ERR(victim) != -ENOENT)
		return (int)PTR_ERR(victim);
	return rename_locked(from, d, to, IS_ERR(victim) ? NULL : victim, flags);
}

static int rename_walked(struct walk *from, struct walk *to, unsigned int flags)
{
	struct dentry *d scoped(dentry_put) = NULL, *victim scoped(dentry_put) = NULL;
	int err;

	if (from->at->inode->sb != to->at->inode->sb)
		return -EXDEV;
	if (from->type != LAST_NAME)
		return -EBUSY;
	if (to->type != LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (inode_may_change(from->at->inode))
		return -EROFS;
	guard_mutex(&rename_lock);
	lock_parents(from->at, to->at);
	d = walk_lookup_last(from);
	victim = walk_lookup_last(to);
	err = rename_found(from, d, to, victim, flags);
	unlock_parents(from->at, to->at);
	return err;
}

/* Errors of the old name come before those of the new one, which may be an ERR_PTR. */
static long rename_paths(int fromfd, const char *from, int tofd, const char *to, unsigned int flags)
{
	struct walk a scoped(walk), b scoped(walk) = {0};
	int err = walk_parent(&a, fromfd, from);

	if (!err)
		err = IS_ERR(to) ? (int)PTR_ERR(to) : walk_parent(&b, tofd, to);
	return err ? err : rename_walked(&a, &b, flags);
}

long sys_renameat2(int fromfd, const char __user *from, int tofd, const char __user *to,
		   unsigned int flags)
{
	if ((flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	char *old scoped(putname) = getname(from);
	if (IS_ERR(old))
		return PTR_ERR(old);
	char *new scoped(putname) = getname(to);
	return rename_paths(fromfd, old, tofd, new, flags);
}
