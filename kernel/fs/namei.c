/*
 * From path to dentry: path_resolution(7).
 *
 * A walk goes component by component and stops before the last one, which the caller looks up,
 * makes or removes. A symbolic link on the way is replaced by its text. The rest of the path behind
 * it is kept in a stack of frames, allocated with the first link that needs it.
 */
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

static struct kmem_cache *name_cache;

char *name_alloc(void)
{
	return kmem_cache_alloc(name_cache);
}

void putname(char *name)
{
	kmem_cache_free(name_cache, name);
}

char *getname_empty(const char __user *path)
{
	char *name = name_alloc();
	long len;

	if (!name)
		return ERR_PTR(-ENOMEM);
	len = strncpy_from_user(name, path, PATH_MAX);
	if (len == PATH_MAX)
		len = -ENAMETOOLONG;
	if (len < 0) {
		putname(name);
		return ERR_PTR(len);
	}
	return name;
}

char *getname(const char __user *path)
{
	char *name = getname_empty(path);

	if (!IS_ERR(name) && !*name) {
		putname(name);
		return ERR_PTR(-ENOENT);
	}
	return name;
}

/* ---- beginning and end ---- */

/* The dentry of a descriptor, or the working directory for AT_FDCWD. With a reference; ERR_PTR. */
static struct dentry *lookup_fd(int dirfd)
{
	struct dentry *d;

	if (dirfd == AT_FDCWD) {
		fs_get_root_pwd(NULL, &d);
		return d;
	}
	struct file *f scoped(file_put) = file_get_fd(dirfd);
	return f ? file_dentry(f) : ERR_PTR(-EBADF);
}

int walk_start(struct walk *w, int dirfd, const char *path)
{
	struct dentry *d;

	memset(w, 0, sizeof(*w));
	w->rest = path;
	fs_get_root_pwd(&w->root, NULL);
	d = *path == '/' ? dentry_get(w->root) : lookup_fd(dirfd);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	w->at = d;
	return inode_is(d->inode, S_IFDIR) ? 0 : -ENOTDIR;
}

void scoped_walk(struct walk *w)
{
	dentry_put(w->at);
	dentry_put(w->root);
	dentry_put(w->link);
	while (w->depth)
		dentry_put(w->frames[--w->depth].link);
	kfree(w->frames);
}

/* ---- single steps ---- */

static void walk_move(struct walk *w, struct dentry *to)
{
	dentry_put(w->at);
	w->at = to;
}

static void walk_up(struct walk *w)
{
	if (w->at != w->root)
		walk_move(w, dentry_up(w->at, w->root));
}

/* Follow a procfs link straight to its file, from which the rest of the path goes on. */
static int walk_jump(struct walk *w, struct dentry *link)
{
	struct dentry *to = link->inode->ops->jump(link);

	dentry_put(link);
	if (IS_ERR(to))
		return (int)PTR_ERR(to);
	walk_move(w, to);
	return 0;
}

int walk_follow(struct walk *w, struct dentry *link)
{
	const char *text = link->inode->target;
	int err = ++w->links > MAX_SYMLINKS ? -ELOOP : 0;

	if (!err && !*w->rest && !w->depth)
		err = fs_may_follow(w->at->inode, link->inode);
	if (err) {
		dentry_put(link);
		return err;
	}
	if (!text)
		return walk_jump(w, link);
	if (*w->rest) { /* more path follows the link: return to it */
		if (!w->frames)
			w->frames = kmalloc(MAX_SYMLINKS * sizeof(*w->frames));
		if (!w->frames) {
			dentry_put(link);
			return -ENOMEM;
		}
		w->frames[w->depth++] = (struct walk_frame){.rest = w->rest, .link = w->link};
	} else {
		dentry_put(w->link);
	}
	w->link = link;
	w->rest = text;
	if (*text == '/')
		walk_move(w, dentry_get(w->root));
	return 0;
}

static int may_search(const struct walk *w)
{
	if (!inode_is(w->at->inode, S_IFDIR))
		return -ENOTDIR;
	return inode_permission(w->at->inode, MAY_EXEC);
}

static struct dentry *lookup_in(struct dentry *dir, const struct qname *name)
{
	struct dentry *d;

	if (name->len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	d = dir->inode->ops->lookup(dir, name);
	if (!d)
		return ERR_PTR(-ENOENT);
	return IS_ERR(d) ? d : dentry_cross(d);
}

static enum last_type classify(const struct qname *name)
{
	if (name->len == 1 && name->s[0] == '.')
		return LAST_DOT;
	if (name->len == 2 && name->s[0] == '.' && name->s[1] == '.')
		return LAST_DOTDOT;
	return LAST_NAME;
}

/* Walk one component in the middle of the path. */
static int walk_step(struct walk *w, const struct qname *name)
{
	enum last_type type = classify(name);
	struct dentry *d;

	if (type == LAST_DOTDOT)
		walk_up(w);
	if (type != LAST_NAME)
		return 0;
	d = lookup_in(w->at, name);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (inode_is(d->inode, S_IFLNK))
		return walk_follow(w, d);
	walk_move(w, d);
	return 0;
}

/* Cut off the next component. False: the path is at its end. */
static bool walk_next(struct walk *w, const char **start, u32 *len)
{
	for (;;) {
		const char *p = w->rest;

		while (*p == '/')
			p++;
		if (*p) {
			*start = p;
			while (*p && *p != '/')
				p++;
			*len = (u32)(p - *start);
			w->rest = p;
			return true;
		}
		w->rest = p;
		if (!w->depth)
			return false;
		dentry_put(w->link);
		w->depth--;
		w->rest = w->frames[w->depth].rest;
		w->link = w->frames[w->depth].link;
	}
}

int walk_to_last(struct walk *w)
{
	const char *s;
	u32 len;
	int err;

	while (walk_next(w, &s, &len)) {
		const char *after = w->rest;
		struct qname name = qname_of(s, len);

		err = may_search(w);
		if (err)
			return err;
		while (*after == '/')
			after++;
		if (!*after && !w->depth) {
			w->slash |= after != w->rest;
			w->rest = after;
			w->last = name;
			w->type = classify(&name);
			return 0;
		}
		w->rest = after;
		err = walk_step(w, &name);
		if (err)
			return err;
	}
	w->type = LAST_ROOT;
	return 0;
}

struct dentry *walk_lookup_last(struct walk *w)
{
	switch (w->type) {
	case LAST_DOTDOT:
		walk_up(w);
		return dentry_get(w->at);
	case LAST_DOT:
	case LAST_ROOT:
		return dentry_get(w->at);
	default:
		return lookup_in(w->at, &w->last);
	}
}

int walk_parent(struct walk *w, int dirfd, const char *path)
{
	int err = walk_start(w, dirfd, path);

	return err ? err : walk_to_last(w);
}

/* ---- whole paths ---- */

struct dentry *walk_check_slash(const struct walk *w, struct dentry *d)
{
	if (!w->slash || inode_is(d->inode, S_IFDIR))
		return d;
	dentry_put(d);
	return ERR_PTR(-ENOTDIR);
}

static struct dentry *walk_whole(struct walk *w, u32 flags)
{
	for (;;) {
		struct dentry *d;
		int err = walk_to_last(w);

		if (err)
			return ERR_PTR(err);
		d = walk_lookup_last(w);
		if (IS_ERR(d))
			return d;
		if (!inode_is(d->inode, S_IFLNK) || (!(flags & WALK_FOLLOW) && !w->slash))
			return walk_check_slash(w, d);
		err = walk_follow(w, d);
		if (err)
			return ERR_PTR(err);
	}
}

static struct dentry *walk_path(int dirfd, const char *path, u32 flags)
{
	struct walk w scoped(walk);
	int err = walk_start(&w, dirfd, path);

	return err ? ERR_PTR(err) : walk_whole(&w, flags);
}

struct dentry *path_lookup(int dirfd, const char *path, u32 flags)
{
	if (!*path)
		return flags & WALK_EMPTY ? lookup_fd(dirfd) : ERR_PTR(-ENOENT);
	return walk_path(dirfd, path, flags);
}

struct dentry *user_path(int dirfd, const char __user *path, u32 flags)
{
	char *name scoped(putname) = flags & WALK_EMPTY ? getname_empty(path) : getname(path);

	return IS_ERR(name) ? ERR_PTR(PTR_ERR(name)) : path_lookup(dirfd, name, flags);
}

void namei_init(void)
{
	name_cache = kmem_cache_create("path", PATH_MAX, 0);
}
