/* Unpacking the initramfs into the root: each member becomes a file, directory, link or device
 * node. A bad member ends it; earlier ones stay. */
#include "kernel/fs/tmpfs/cpio.h"
#include "kernel/fs/vfs.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

/* A file with several names: the first one makes it, the others are links to it. */
struct link_group {
	struct link_group *next;
	u32 ino, major, minor;
	struct inode *inode; /* a reference */
};

struct unpack {
	struct link_group *links;
	char *path; /* PATH_MAX bytes */
};

static void forget_links(struct unpack *u)
{
	while (u->links) {
		struct link_group *g = u->links;

		u->links = g->next;
		inode_put(g->inode);
		kfree(g);
	}
}

static struct link_group *find_link(struct unpack *u, const struct cpio_entry *e)
{
	for (struct link_group *g = u->links; g; g = g->next)
		if (g->ino == e->ino && g->major == e->dev_major && g->minor == e->dev_minor)
			return g;
	return NULL;
}

static int remember_link(struct unpack *u, const struct cpio_entry *e, struct inode *inode)
{
	struct link_group *g = kmalloc(sizeof(*g));

	if (!g)
		return -ENOMEM;
	*g = (struct link_group){.next = u->links,
				 .ino = e->ino,
				 .major = e->dev_major,
				 .minor = e->dev_minor,
				 .inode = inode_get(inode)};
	u->links = g;
	return 0;
}

/* Make the directories that the archive did not mention. Cuts `path` and restores it. */
static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct node_spec spec = {.mode = S_IFDIR | 0755};
		int err;

		*slash = '\0';
		err = fs_make_node(AT_FDCWD, path, &spec, NULL);
		*slash = '/';
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* Owner, permissions and time as archived. */
static void set_attributes(struct inode *i, const struct cpio_entry *e)
{
	if (inode_is(i, S_IFDIR) && !i->dir)
		return; /* procfs is mounted there and decides itself */
	i->uid = e->uid;
	i->gid = e->gid;
	i->mode = (i->mode & S_IFMT) | (e->mode & S_IALLUGO);
	i->mtime = (s64)e->mtime * (s64)NSEC_PER_SEC;
}

static int write_contents(struct inode *i, const struct cpio_entry *e)
{
	struct file *f scoped(file_put) = file_alloc(i, NULL, i->fops, O_WRONLY, FMODE_WRITE);
	int err = f ? inode_truncate(i, 0) : -ENOMEM;

	return err ? err : kernel_write_all(f, e->data, e->size);
}

/* Make the node, in place of what is there, unless that is a directory. */
static struct dentry *make_node(struct unpack *u, const struct cpio_entry *e)
{
	struct node_spec spec = {.mode = e->mode & (S_IFMT | S_IALLUGO),
				 .rdev = make_dev(e->rdev_major, e->rdev_minor)};
	char *target scoped(putname) = NULL;
	int err;

	if ((e->mode & S_IFMT) == S_IFLNK) {
		target = name_alloc();
		if (!target)
			return ERR_PTR(-ENOMEM);
		memcpy(target, e->data, e->size);
		target[e->size] = '\0';
		spec.target = target;
	}
	err = fs_make_node(AT_FDCWD, u->path, &spec, NULL);
	if (err == -ENOENT && !(err = make_parents(u->path)))
		err = fs_make_node(AT_FDCWD, u->path, &spec, NULL);
	if (err == -EEXIST && (e->mode & S_IFMT) == S_IFDIR)
		err = 0;
	else if (err == -EEXIST && !(err = kernel_unlink(u->path)))
		err = fs_make_node(AT_FDCWD, u->path, &spec, NULL);
	return err ? ERR_PTR(err) : path_lookup(AT_FDCWD, u->path, 0);
}

static int unpack_regular(struct unpack *u, const struct cpio_entry *e)
{
	struct link_group *g = e->nlink > 1 ? find_link(u, e) : NULL;
	int err;

	if (g) {
		kernel_unlink(u->path); /* whether it was there or not */
		err = fs_link(g->inode, AT_FDCWD, u->path);
		if (!err && e->size)
			err = write_contents(g->inode, e);
		if (!err)
			set_attributes(g->inode, e);
		return err;
	}
	struct dentry *d scoped(dentry_put) = make_node(u, e);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	err = write_contents(d->inode, e);
	if (!err && e->nlink > 1)
		err = remember_link(u, e, d->inode);
	if (!err)
		set_attributes(d->inode, e);
	return err;
}

static int unpack_entry(struct unpack *u, const struct cpio_entry *e)
{
	mode_t type = e->mode & S_IFMT;

	snprintf(u->path, PATH_MAX, "/%s", e->name);
	if (type == S_IFREG)
		return *e->name ? unpack_regular(u, e) : -EISDIR;
	if (type != S_IFDIR && type != S_IFLNK && type != S_IFCHR && type != S_IFBLK &&
	    type != S_IFIFO && type != S_IFSOCK)
		return -EINVAL;
	struct dentry *d scoped(dentry_put) =
		*e->name ? make_node(u, e) : path_lookup(AT_FDCWD, "/", 0);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (!inode_is(d->inode, type))
		return -EEXIST;
	set_attributes(d->inode, e);
	return 0;
}

/* The reason why a member failed, where the parser found no fault. */
static const char *reason(int err)
{
	if (err == -ENOMEM || err == -ENOSPC)
		return "it does not fit into this machine's memory";
	if (err == -EINVAL)
		return "member of unknown type";
	if (err == -ENAMETOOLONG)
		return "name too long";
	return "member that does not fit what is there already";
}

static int unpack_all(struct unpack *u, struct cpio_reader *r, const char **why)
{
	bool trailer = false;
	struct cpio_entry e;

	for (;;) {
		int err;

		switch (cpio_next(r, &e)) {
		case CPIO_ENTRY:
			trailer = false;
			err = unpack_entry(u, &e);
			if (!err)
				continue;
			*why = reason(err);
			return -EINVAL;
		case CPIO_TRAILER:
			trailer = true;
			forget_links(u);
			continue;
		case CPIO_END:
			*why = trailer ? NULL : "no trailer: the archive is incomplete";
			return trailer ? 0 : -EINVAL;
		default:
			*why = r->why;
			return -EINVAL;
		}
	}
}

int initramfs_unpack(const void *data, size_t size, const char **why)
{
	struct unpack u = {.path = name_alloc()};
	struct cpio_reader r;
	int err;

	*why = "out of memory";
	if (!u.path)
		return -EINVAL;
	cpio_init(&r, data, size);
	err = unpack_all(&u, &r, why);
	forget_links(&u);
	putname(u.path);
	return err;
}
