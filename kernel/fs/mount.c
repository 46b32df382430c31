/*
 * File systems and their mounts: mount(2), umount(2).
 *
 * A file system (struct super) is mounted at one place at most. The place is a dentry, covered by
 * the root of the file system: a walk that comes to the place goes on at the root, and ".." of the
 * root is that of the place (dentry.c). The files of a tmpfs live as long as its directory tree:
 * super_unmounted() takes it apart when the file system is unmounted and no longer used.
 */
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

#define ATIME_FLAGS (MS_NOATIME | MS_NODIRATIME | MS_RELATIME)
#define MOUNT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | ATIME_FLAGS)
/* Flags without effect: nothing is ever written back, so their promise holds. */
#define MOUNT_NO_MATTER (MS_DIRSYNC | MS_SILENT | MS_LAZYTIME)
#define UMOUNT_KNOWN    (MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)
/* umount(2) */
#define MNT_FORCE       1
#define MNT_DETACH      2
#define MNT_EXPIRE      4
#define UMOUNT_NOFOLLOW 8

static struct mutex mount_lock = MUTEX_INIT(mount_lock, LOCK_MOUNT);
static struct list_head mounts = LIST_HEAD_INIT(mounts); /* mount_lock */
static u64 nr_mounts;                                    /* mount_lock */
u64 mount_max = 100000;
u64 mount_changes; /* mount_lock; read without */
struct wait_queue mount_wait = WAIT_QUEUE_INIT(mount_wait);
static struct kmem_cache *super_cache;
static u32 last_dev; /* atomic: minor numbers below the unnamed major 0 */

void mount_init(void)
{
	super_cache = kmem_cache_create("super", sizeof(struct super), 0);
}

static struct super *super_alloc(const struct fs_type *type, const char *source)
{
	struct super *s = kmem_cache_zalloc(super_cache);

	if (!s)
		return NULL;
	refcount_set(&s->count, 1);
	atomic_set(&s->active, 1);
	s->type = type;
	s->dev = make_dev(0, __atomic_add_fetch(&last_dev, 1, __ATOMIC_RELAXED));
	list_init(&s->node);
	strlcpy(s->source, source, sizeof(s->source));
	return s;
}

void super_put(struct super *s)
{
	if (!refcount_dec_and_test(&s->count))
		return;
	page_quota_put(s->quota);
	kmem_cache_free(super_cache, s);
}

struct super *super_internal(const struct fs_type *type)
{
	struct super *s = super_alloc(type, type->name);

	BUG_ON(!s);
	return s;
}

/* The first entry of a directory, with a reference. NULL: it is empty, and takes no new entries. */
static struct dentry *first_or_kill(struct dentry *dir)
{
	struct dentry *d;

	guard_mutex(&dir->inode->lock);
	d = directory_next(dir, 0, NULL);
	if (d)
		return dentry_get(d);
	directory_kill(dir->inode->dir);
	return NULL;
}

static void forget_name(struct dentry *dir, struct dentry *d)
{
	guard_mutex(&dir->inode->lock);
	if (!d->unlinked)
		directory_remove(dir, d);
}

/* Remove every name below `root`, from the leaves up. A loop, for paths can be long. */
static void forget_names(struct dentry *root)
{
	struct dentry *dir scoped(dentry_put) = dentry_get(root), *d;

	if (!root->inode->dir) /* computed names: nothing to remove */
		return;
	for (;;) {
		d = first_or_kill(dir);
		if (d && inode_is(d->inode, S_IFDIR)) {
			dentry_put(dir);
			dir = d;
			continue;
		}
		if (!d && dir == root)
			break;
		if (!d) {
			d = dir;
			dir = dentry_parent(d);
		}
		forget_name(dir, d);
		dentry_put(d);
	}
}

void super_unmounted(struct super *s)
{
	struct dentry *root = __atomic_exchange_n(&s->root, NULL, __ATOMIC_ACQ_REL);
	if (!root)
		return; /* released again by a late path walk */
	if (root->inode->ops->unmounted)
		root->inode->ops->unmounted(root->inode);
	forget_names(root);
	dentry_put(root);
}

static const struct fs_type *find_type(const char *name)
{
	LINKER_SET_FOREACH(fs_types, it)
	{
		if (!strcmp((*it)->name, name))
			return *it;
	}
	return NULL;
}

/* Create a file system that is not mounted yet. ERR_PTR. */
static struct super *super_create(const struct fs_type *type, const char *source,
				  unsigned long flags, char *options)
{
	struct super *s = super_alloc(type, source);
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	err = type->fill(s, options);
	s->flags = flags;
	if (!err)
		return s;
	super_release(s);
	super_put(s);
	return ERR_PTR(err);
}

/* mount_lock is held. */
static void note_change(void)
{
	WRITE_ONCE(mount_changes, mount_changes + 1);
	wake_up_all(&mount_wait);
}

/* mount_lock is held. */
static int attach(struct super *s, struct dentry *at)
{
	int err;

	if (!at->inode->dir && !at->inode->kept && !dentry_is_root(at))
		return -EINVAL; /* a computed name: the next look-up gets another dentry */
	if (list_empty(&at->inode->sb->node))
		return -ENOENT; /* not mounted any more: no path leads here */
	if (nr_mounts >= READ_ONCE(mount_max))
		return -ENOSPC;
	guard_mutex(&at->inode->lock);
	err = dentry_cover(at, s->root);
	if (err)
		return err;
	atomic_inc(&at->inode->sb->active);
	list_add_tail(&s->node, &mounts);
	nr_mounts++;
	note_change();
	return 0;
}

/* mount_lock is held. */
static void detach(struct super *s)
{
	struct super *below = s->root->covers->inode->sb;

	list_del_init(&s->node);
	nr_mounts--;
	note_change();
	dentry_uncover(s->root);
	super_release(below);
	super_release(s);
	super_put(s);
}

static bool is_mounted_below(const struct super *s, const struct super *top)
{
	while (s != top && s->root->covers)
		s = s->root->covers->inode->sb;
	return s == top;
}

/* Unmount `top` and the mounts inside it, which came later: latest first. mount_lock is held. */
static void detach_tree(struct super *top)
{
	struct list_head *at = mounts.prev, *prev;

	for (; at != &mounts; at = prev) {
		struct super *s = list_entry(at, struct super, node);

		prev = at->prev;
		if (is_mounted_below(s, top))
			detach(s);
	}
}

void kernel_mount(const char *name, const char *path, mode_t mode)
{
	struct super *s = super_create(find_type(name), name, MS_RELATIME, NULL);
	struct node_spec spec = {.mode = S_IFDIR | 0755};
	int err;

	BUG_ON(IS_ERR(s));
	s->root->inode->mode = S_IFDIR | mode;
	if (!fs_root) {
		fs_root = s->root;
		list_add_tail(&s->node, &mounts);
		return;
	}
	err = fs_make_node(AT_FDCWD, path, &spec, NULL);
	BUG_ON(err && err != -EEXIST);
	struct dentry *at scoped(dentry_put) = path_lookup(AT_FDCWD, path, WALK_FOLLOW);
	BUG_ON(IS_ERR(at));
	guard_mutex(&mount_lock);
	err = attach(s, at);
	BUG_ON(err);
}

void mounts_foreach(void (*fn)(const struct super *s, const char *path, void *arg), void *arg)
{
	struct dentry *root scoped(dentry_put) = NULL;
	char *buf scoped(putname) = name_alloc(), *path;
	struct super *s;
	bool outside;

	if (!buf)
		return;
	fs_get_root_pwd(&root, NULL);
	guard_mutex(&mount_lock);
	list_for_each_entry (s, &mounts, node) {
		path = dentry_path(s->root, root, buf, PATH_MAX, &outside);
		if (!IS_ERR(path) && !outside)
			fn(s, path, arg);
	}
}

bool next_option(char **text, char **name, char **value)
{
	char *next;

	if (!*text || !**text)
		return false;
	*name = *text;
	next = strchr(*text, ',');
	if (next)
		*next++ = '\0';
	*text = next;
	*value = strchr(*name, '=');
	if (*value)
		*(*value)++ = '\0';
	return true;
}

static int mount_new(struct dentry *at, const char *type_name, const char *source,
		     unsigned long flags, char *options)
{
	const struct fs_type *type = find_type(type_name);
	struct super *s;
	int err;

	if (!type)
		return -ENODEV;
	s = super_create(type, source, flags, options);
	if (IS_ERR(s))
		return (int)PTR_ERR(s);
	mutex_lock(&mount_lock);
	err = attach(s, at);
	mutex_unlock(&mount_lock);
	if (err) {
		super_release(s);
		super_put(s);
	}
	return err;
}

/* The flags to keep. relatime is the default. */
static unsigned long mount_flags(unsigned long flags)
{
	if (!(flags & MS_NOATIME))
		flags |= MS_RELATIME;
	if (flags & MS_STRICTATIME)
		flags &= ~(unsigned long)(MS_RELATIME | MS_NOATIME);
	return flags & MOUNT_FLAGS;
}

static int remount(struct dentry *at, unsigned long flags, char *options)
{
	struct super *s = at->inode->sb;
	int err = 0;

	if (!dentry_is_root(at))
		return -EINVAL;
	guard_mutex(&mount_lock);
	if (options && *options)
		err = s->type->remount ? s->type->remount(s, options) : -EINVAL;
	if (!(flags & (ATIME_FLAGS | MS_STRICTATIME)))
		flags |= s->flags & ATIME_FLAGS; /* not given: unchanged */
	else
		flags = mount_flags(flags);
	if (!err) {
		WRITE_ONCE(s->flags, flags & MOUNT_FLAGS);
		note_change();
	}
	return err;
}

static int do_mount(const char *source, const char *target, const char *type, unsigned long flags,
		    char *options)
{
	unsigned long how = flags & ~(MOUNT_FLAGS | MOUNT_NO_MATTER | MS_STRICTATIME);

	if (how & ~(unsigned long)(MS_REMOUNT | MS_PRIVATE | MS_REC))
		return -EINVAL;
	struct dentry *at scoped(dentry_put) = path_lookup(AT_FDCWD, target, WALK_FOLLOW);
	if (IS_ERR(at))
		return (int)PTR_ERR(at);
	if (how & MS_PRIVATE) /* one namespace: every mount is private already */
		return dentry_is_root(at) ? 0 : -EINVAL;
	if (how & MS_REMOUNT)
		return remount(at, flags, options);
	if (!inode_is(at->inode, S_IFDIR))
		return -ENOTDIR;
	return mount_new(at, type, source, mount_flags(flags), options);
}

/* Copy a user string; "" for NULL. ERR_PTR. */
static char *optional_string(const char __user *s)
{
	char *text = s ? getname_empty(s) : name_alloc();

	if (!s && text)
		*text = '\0';
	return text ? text : ERR_PTR(-ENOMEM);
}

long sys_mount(const char __user *source, const char __user *target, const char __user *type,
	       unsigned long flags, const void __user *data)
{
	char *from scoped(putname) = NULL, *to scoped(putname) = NULL;
	char *name scoped(putname) = NULL, *options scoped(putname) = NULL;

	if (!cred_is_root(current->cred))
		return -EPERM;
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(unsigned long)MS_MGC_MSK;
	if (IS_ERR(from = optional_string(source)))
		return PTR_ERR(from);
	if (IS_ERR(to = optional_string(target)))
		return PTR_ERR(to);
	if (IS_ERR(name = optional_string(type)))
		return PTR_ERR(name);
	if (IS_ERR(options = optional_string(data)))
		return PTR_ERR(options);
	return do_mount(from, to, name, flags, options);
}

static int umount_root(struct dentry *d, int flags)
{
	struct super *s = d->inode->sb;

	guard_mutex(&mount_lock);
	if (s->root != d || list_empty(&s->node))
		return -EINVAL; /* another task was faster */
	if (d == fs_root || (!(flags & MNT_DETACH) && atomic_read(&s->active) > 1))
		return -EBUSY;
	detach_tree(s);
	return 0;
}

long sys_umount2(const char __user *target, int flags)
{
	if (flags & ~UMOUNT_KNOWN)
		return -EINVAL;
	if (!cred_is_root(current->cred))
		return -EPERM;
	struct dentry *d scoped(dentry_put) =
		user_path(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW);
	if (IS_ERR(d))
		return PTR_ERR(d);
	return dentry_is_root(d) ? umount_root(d, flags) : -EINVAL;
}
