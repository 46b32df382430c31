/*
 * Telling of what happens to files: inotify(7).
 *
 * As long as no file is watched, an operation on one pays for the test of one word. The
 * events are those of <linux/inotify.h>; IN_ISDIR is added here.
 */
#pragma once

#include "kernel/fs/vfs.h"

#include <linux/inotify.h>

extern u64 nr_watches; /* a word: of all users */

static inline bool anybody_watches(void)
{
	return unlikely(READ_ONCE(nr_watches) != 0);
}

/* ---- notify.c: called by the notify functions below, which look for watches first ---- */
void tell_name(struct dentry *dir, const struct qname *name, const struct inode *subject, u32 event,
	       u32 cookie);
void tell_dentry(struct dentry *d, u32 event);
void tell_removed(struct dentry *dir, const struct qname *name, struct dentry *d);
void tell_inode(struct inode *i, u32 event);
void tell_move(struct dentry *from, const struct qname *old, struct dentry *to,
	       const struct qname *new, struct inode *moved, struct inode *victim);

/* In directory `dir` the name of `subject` has come (IN_CREATE) or gone (IN_DELETE). */
static inline void notify_name(struct dentry *dir, const struct qname *name,
			       const struct inode *subject, u32 event)
{
	if (anybody_watches())
		tell_name(dir, name, subject, event, 0);
}

/* Something has happened to what `d` names: for its watches, and those of the directory above. */
static inline void notify_dentry(struct dentry *d, u32 event)
{
	if (anybody_watches())
		tell_dentry(d, event);
}

/* The same for an open file; one without a name is not watched. */
static inline void notify_file(struct file *f, u32 event)
{
	if (anybody_watches() && f->dentry)
		tell_dentry(f->dentry, event);
}

/* A name of `d` was removed from `dir`; the caller holds a reference to d. */
static inline void notify_removed(struct dentry *dir, const struct qname *name, struct dentry *d)
{
	if (anybody_watches())
		tell_removed(dir, name, d);
}

/* To the file alone, whatever its names. */
static inline void notify_inode(struct inode *i, u32 event)
{
	if (anybody_watches())
		tell_inode(i, event);
}

/* rename(2): `victim` has lost the name, or is NULL. */
static inline void notify_move(struct dentry *from, const struct qname *old, struct dentry *to,
			       const struct qname *new, struct inode *moved, struct inode *victim)
{
	if (anybody_watches())
		tell_move(from, old, to, new, moved, victim);
}

/* ---- inotify.c ---- */
struct watch;
/* Queue an event at each watch of the inode that wants it. `name` NULL: the event is the inode's
 * own. `unlinked`: the name leads there no more. No lock is held but mutexes. */
void watches_tell(struct inode *i, u32 event, u32 cookie, const struct qname *name, bool unlinked);
/* The inode is about to go, or its file system is unmounted: tell and drop its watches. */
void watches_drop(struct inode *i);

extern u64 inotify_max_instances, inotify_max_watches, inotify_max_events; /* fs.inotify.* */
