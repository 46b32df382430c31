/* What a user may not do with files that others put into directories such as /tmp: proc_sys_fs(5),
 * fs.protected_*. All is allowed until root sets these. */
#include "kernel/fs/vfs.h"

u64 protected_symlinks, protected_hardlinks, protected_fifos, protected_regular;

int fs_may_follow(const struct inode *dir, const struct inode *link)
{
	const mode_t open_to_all = S_ISVTX | S_IWOTH;

	if (likely(!READ_ONCE(protected_symlinks)) || (dir->mode & open_to_all) != open_to_all ||
	    link->uid == current->cred->fsuid || link->uid == dir->uid)
		return 0;
	return -EACCES;
}

int fs_may_link(const struct inode *i)
{
	bool special = !inode_is(i, S_IFREG) || (i->mode & S_ISUID) ||
		       (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);

	if (likely(!READ_ONCE(protected_hardlinks)) || inode_owner_or_root(i))
		return 0;
	return special || inode_permission(i, MAY_READ | MAY_WRITE) ? -EPERM : 0;
}

int fs_may_open_existing(const struct inode *dir, const struct inode *i)
{
	u64 level = inode_is(i, S_IFIFO)   ? READ_ONCE(protected_fifos)
		    : inode_is(i, S_IFREG) ? READ_ONCE(protected_regular)
					   : 0;

	if (likely(!level) || !(dir->mode & S_ISVTX) || i->uid == dir->uid ||
	    i->uid == current->cred->fsuid)
		return 0;
	return (dir->mode & S_IWOTH) || (level >= 2 && (dir->mode & S_IWGRP)) ? -EACCES : 0;
}
