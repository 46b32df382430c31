/* Owner, group and mode: what new files get, and which changes are allowed. Decided under the
 * inode's lock, under which exec reads mode and owner together. inode(7), chown(2), chmod(2). */
#include "kernel/fs/vfs.h"

/* Root and members of the group may set S_ISGID. */
static bool may_set_gid_bit(gid_t gid)
{
	return cred_is_fs_root(current->cred) || in_group(gid);
}

void node_set_owner(struct node_spec *spec, const struct inode *dir)
{
	spec->uid = current->cred->fsuid;
	spec->gid = current->cred->fsgid;
	if (dir && (dir->mode & S_ISGID)) {
		spec->gid = dir->gid;
		if ((spec->mode & S_IFMT) == S_IFDIR)
			spec->mode |= S_ISGID;
		else if ((spec->mode & S_ISGID) && (spec->mode & S_IXGRP) &&
			 !may_set_gid_bit(dir->gid))
			spec->mode &= ~(mode_t)S_ISGID;
	}
	spec->mode &= ~spec->umask;
}

struct inode *inode_of_caller(struct super *sb, mode_t mode)
{
	struct node_spec spec = {.mode = mode};
	struct inode *i;

	node_set_owner(&spec, NULL);
	i = inode_alloc(sb, &spec);
	if (i)
		i->fops = &no_device_ops;
	return i;
}

int inode_chmod(struct inode *i, mode_t mode)
{
	if (inode_may_change(i))
		return -EROFS;
	mode &= S_IALLUGO;
	guard_mutex(&i->lock);
	if (!inode_owner_or_root(i))
		return -EPERM;
	if (!may_set_gid_bit(i->gid))
		mode &= ~(mode_t)S_ISGID;
	WRITE_ONCE(i->mode, (i->mode & S_IFMT) | mode);
	inode_changed(i);
	return 0;
}

static bool may_give_to(const struct inode *i, uid_t uid)
{
	return uid == (uid_t)-1 || cred_is_fs_root(current->cred) ||
	       (uid == i->uid && i->uid == current->cred->fsuid);
}

static bool may_give_to_group(const struct inode *i, gid_t gid)
{
	return gid == (gid_t)-1 || cred_is_fs_root(current->cred) ||
	       (i->uid == current->cred->fsuid && (gid == i->gid || in_group(gid)));
}

/* The bits that any chown(2) takes away, even one that changes nothing. S_ISGID without the group's
 * execute bit once meant mandatory locking, and stays if the caller may set it. */
static mode_t lost_by_chown(const struct inode *i)
{
	mode_t lost = i->mode & S_ISUID;

	if (inode_is(i, S_IFDIR))
		return 0;
	if ((i->mode & S_ISGID) && ((i->mode & S_IXGRP) || !may_set_gid_bit(i->gid)))
		lost |= S_ISGID;
	return lost;
}

static int chown_locked(struct inode *i, uid_t uid, gid_t gid)
{
	mode_t lost = lost_by_chown(i), mode = i->mode & ~lost;

	if (!may_give_to(i, uid) || !may_give_to_group(i, gid) || (lost && !inode_owner_or_root(i)))
		return -EPERM;
	if (uid != (uid_t)-1)
		i->uid = uid;
	if (gid != (gid_t)-1)
		i->gid = gid;
	if (lost && (mode & S_ISGID) && !may_set_gid_bit(i->gid))
		mode &= ~(mode_t)S_ISGID;
	WRITE_ONCE(i->mode, mode);
	inode_changed(i);
	return 0;
}

int inode_chown(struct inode *i, uid_t uid, gid_t gid)
{
	if (inode_may_change(i))
		return -EROFS;
	guard_mutex(&i->lock);
	return chown_locked(i, uid, gid);
}

void inode_strip_set_ids(struct inode *i)
{
	mode_t mode = i->mode;

	if (likely(!(mode & (S_ISUID | S_ISGID))) || !inode_is(i, S_IFREG) ||
	    cred_is_fs_root(current->cred))
		return;
	mode &= ~(mode_t)S_ISUID;
	if ((mode & S_IXGRP) || !in_group(i->gid))
		mode &= ~(mode_t)S_ISGID;
	WRITE_ONCE(i->mode, mode);
}
