/* Which watches an event concerns: those of the file, and those of the directory above. */
#include "kernel/fs/notify/notify.h"

static u32 last_cookie; /* atomic: ties IN_MOVED_FROM to IN_MOVED_TO */

static u32 kind_of(const struct inode *i)
{
	return inode_is(i, S_IFDIR) ? IN_ISDIR : 0;
}

void tell_inode(struct inode *i, u32 event)
{
	if (READ_ONCE(i->watches))
		watches_tell(i, event | kind_of(i), 0, NULL, false);
}

void tell_name(struct dentry *dir, const struct qname *name, const struct inode *subject, u32 event,
	       u32 cookie)
{
	if (READ_ONCE(dir->inode->watches))
		watches_tell(dir->inode, event | kind_of(subject), cookie, name, false);
}

void tell_dentry(struct dentry *d, u32 event)
{
	struct dentry *dir scoped(dentry_put) = dentry_parent(d);
	char text[NAME_MAX + 1];
	struct qname name = {.s = text};
	bool unlinked;

	if (dir != d && READ_ONCE(dir->inode->watches)) {
		name.len = dentry_name(d, text, &unlinked);
		watches_tell(dir->inode, event | kind_of(d->inode), 0, &name, unlinked);
	}
	tell_inode(d->inode, event);
}

/* As on Linux, a file that goes with its name says so first. */
static void tell_last(struct dentry *d)
{
	if (d->inode->watches && !READ_ONCE(d->inode->nlink) && refcount_read(&d->count) == 1 &&
	    refcount_read(&d->inode->count) == 1)
		watches_drop(d->inode);
}

void tell_removed(struct dentry *dir, const struct qname *name, struct dentry *d)
{
	if (!inode_is(d->inode, S_IFDIR))
		tell_inode(d->inode, IN_ATTRIB); /* it has a link less */
	tell_last(d);
	tell_name(dir, name, d->inode, IN_DELETE, 0);
}

void tell_move(struct dentry *from, const struct qname *old, struct dentry *to,
	       const struct qname *new, struct inode *moved, struct inode *victim)
{
	u32 cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);

	tell_name(from, old, moved, IN_MOVED_FROM, cookie);
	tell_name(to, new, moved, IN_MOVED_TO, cookie);
	if (victim)
		tell_inode(victim, IN_ATTRIB); /* it has a link less */
	tell_inode(moved, IN_MOVE_SELF);
}
