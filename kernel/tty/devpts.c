/* devpts: the names of pseudo-terminals. Each mount counts from 0. */
#include "kernel/tty/tty_internal.h"
#include "mm/slab.h"

#include <linux/magic.h>
#include <linux/major.h>

u64 pty_max = 4096; /* NR_UNIX98_PTY_DEFAULT */
u64 nr_ptys;

/* Mount options: what slaves get. The private part of the root inode. */
struct devpts_options {
	uid_t uid; /* -1: the user that opens the master */
	gid_t gid;
	mode_t mode, ptmx_mode;
};

static void devpts_free_root(struct inode *i)
{
	kfree(i->private);
}

/* No make, no remove: only this file changes the names. */
static const struct inode_ops devpts_root_ops = {.lookup = directory_lookup,
						 .free = devpts_free_root};

static void pts_free_inode(struct inode *i)
{
	tty_put(i->private);
}

static const struct inode_ops pts_inode_ops = {.free = pts_free_inode};

struct dentry *devpts_for(struct inode *ptmx, struct dentry *dentry)
{
	struct qname name = qname_of("pts", 3);
	struct dentry *dir = dentry_parent(dentry), *pts = NULL;

	if (ptmx->sb->type == &devpts_type)
		return dir;
	if (dir->inode->dir)
		pts = directory_lookup(dir, &name);
	dentry_put(dir);
	if (pts)
		pts = dentry_cross(pts);
	if (pts && pts->inode->sb->type == &devpts_type && dentry_is_root(pts))
		return pts;
	dentry_put(pts);
	return ERR_PTR(-ENODEV);
}

/* Find the lowest free number, also as text in buf. False: none. The root is locked. */
static bool free_name(struct dentry *root, u32 *index, char *buf, size_t n)
{
	for (*index = 0; *index < READ_ONCE(pty_max); ++*index) {
		int len = scnprintf(buf, n, "%u", *index);
		struct qname name = qname_of(buf, (u32)len);
		struct dentry *d = directory_lookup(root, &name);

		if (!d)
			return true;
		dentry_put(d);
	}
	return false;
}

struct dentry *devpts_add(struct dentry *root, struct tty *t, u32 *index)
{
	const struct devpts_options *o = root->inode->private;
	struct node_spec spec = {.mode = S_IFCHR | o->mode,
				 .uid = o->uid == (uid_t)-1 ? current->cred->fsuid : o->uid,
				 .gid = o->gid == (gid_t)-1 ? current->cred->fsgid : o->gid};
	struct dentry *d = ERR_PTR(-ENOSPC);
	struct qname name;
	char text[16];

	guard_mutex(&root->inode->lock);
	if (__atomic_add_fetch(&nr_ptys, 1, __ATOMIC_RELAXED) <= READ_ONCE(pty_max) &&
	    free_name(root, index, text, sizeof(text))) {
		name = qname_of(text, (u32)strlen(text));
		spec.rdev = make_dev(UNIX98_PTY_SLAVE_MAJOR, *index);
		t->dev = (u32)spec.rdev;
		d = tmpfs_make(root, &name, &spec);
	}
	if (!IS_ERR(d)) {
		d->inode->ops = &pts_inode_ops;
		WRITE_ONCE(d->inode->private, tty_get(t)); /* it can be opened from here on */
	} else {
		__atomic_sub_fetch(&nr_ptys, 1, __ATOMIC_RELAXED);
	}
	return d;
}

void devpts_remove(struct dentry *node)
{
	struct dentry *root = dentry_parent(node);

	mutex_lock(&root->inode->lock);
	if (!node->unlinked) {
		directory_remove(root, node);
		__atomic_sub_fetch(&nr_ptys, 1, __ATOMIC_RELAXED);
	}
	mutex_unlock(&root->inode->lock);
	WRITE_ONCE(node->inode->nlink, 0);
	dentry_put(root);
}

/* Parse uid, gid, mode, ptmxmode; every mount is a `newinstance`. Cuts `text` up. */
static int parse_options(char *text, struct devpts_options *o)
{
	char *name, *value;

	while (next_option(&text, &name, &value)) {
		if (!value && !strcmp(name, "newinstance"))
			continue;
		if (!value || !(!strcmp(name, "uid")        ? parse_number(value, 10, &o->uid)
				: !strcmp(name, "gid")      ? parse_number(value, 10, &o->gid)
				: !strcmp(name, "mode")     ? parse_number(value, 8, &o->mode)
				: !strcmp(name, "ptmxmode") ? parse_number(value, 8, &o->ptmx_mode)
							    : false))
			return -EINVAL;
	}
	o->mode &= S_IALLUGO;
	o->ptmx_mode &= S_IALLUGO;
	return 0;
}

static void show_options(struct super *s, const struct devpts_options *o)
{
	int n = 0;

	if (o->uid != (uid_t)-1)
		n += scnprintf(s->options, sizeof(s->options), ",uid=%u", o->uid);
	if (o->gid != (gid_t)-1)
		n += scnprintf(s->options + n, sizeof(s->options) - (size_t)n, ",gid=%u", o->gid);
	scnprintf(s->options + n, sizeof(s->options) - (size_t)n, ",mode=%03o,ptmxmode=%03o",
		  o->mode, o->ptmx_mode);
}

static int devpts_fill(struct super *s, char *options)
{
	struct devpts_options *o = kmalloc(sizeof(*o));
	struct node_spec spec = {.mode = S_IFDIR | 0755},
			 ptmx = {.rdev = make_dev(TTYAUX_MAJOR, 2)};
	struct inode *i;
	int err;

	if (!o)
		return -ENOMEM;
	*o = (struct devpts_options){.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	err = parse_options(options, o);
	i = err ? ERR_PTR(err) : tmpfs_new_inode(s, &spec);
	if (IS_ERR(i)) {
		kfree(o);
		return (int)PTR_ERR(i);
	}
	i->ops = &devpts_root_ops;
	i->private = o;
	s->root = dentry_make_root(i);
	if (!s->root)
		return -ENOMEM;
	show_options(s, o);
	ptmx.mode = S_IFCHR | o->ptmx_mode;
	return tmpfs_make_in(s->root, "ptmx", &ptmx);
}

static int devpts_remount(struct super *s, char *options)
{
	struct devpts_options *o = s->root->inode->private, new = *o;
	int err = parse_options(options, &new);

	if (!err) {
		*o = new;
		show_options(s, o);
	}
	return err;
}

const struct fs_type devpts_type = {.name = "devpts",
				    .magic = DEVPTS_SUPER_MAGIC,
				    .fill = devpts_fill,
				    .remount = devpts_remount};
LINKER_SET_ADD(fs_types, devpts_type);
