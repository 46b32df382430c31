/* Inodes: life, permissions, attributes. */
#include "kernel/fs/notify/notify.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

static struct kmem_cache *inode_cache;
static u64 last_ino; /* atomic */

void inode_init(void)
{
	inode_cache = kmem_cache_create("inode", sizeof(struct inode), 0);
}

struct inode *inode_alloc(struct super *sb, const struct node_spec *spec)
{
	struct inode *i = kmem_cache_zalloc(inode_cache);

	if (!i)
		return NULL;
	refcount_set(&i->count, 1);
	refcount_inc(&sb->count);
	i->sb = sb;
	i->mode = spec->mode;
	i->uid = spec->uid;
	i->gid = spec->gid;
	i->rdev = spec->rdev;
	i->nlink = 1;
	i->ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED);
	i->atime = i->mtime = i->ctime = (s64)ktime_get_real();
	mutex_init(&i->lock, inode_is(i, S_IFDIR) ? LOCK_DIR : LOCK_INODE);
	return i;
}

static void inode_free_contents(struct inode *i)
{
	if (i->ops && i->ops->free)
		i->ops->free(i);
	locks_free(i);
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		object_put(i->object);
		break;
	case S_IFDIR:
		if (i->dir)
			directory_free(i->dir);
		break;
	case S_IFLNK:
		kfree(i->target);
		break;
	case S_IFIFO:
		if (i->pipe)
			pipe_free(i->pipe);
		break;
	}
}

void inode_put(struct inode *i)
{
	if (!i || !refcount_dec_and_test(&i->count))
		return;
	if (unlikely(i->watches))
		watches_drop(i);
	inode_free_contents(i);
	if (i->charged)
		super_uncharge_inode(i->sb);
	super_put(i->sb);
	kmem_cache_free(inode_cache, i);
}

/* ---- permission: path_resolution(7) ---- */

bool in_group(gid_t gid)
{
	const struct cred *c = current->cred;

	if (c->fsgid == gid)
		return true;
	for (int n = 0; n < c->ngroups; n++)
		if (c->groups[n] == gid)
			return true;
	return false;
}

int inode_permission(const struct inode *i, int mask)
{
	mode_t mode = READ_ONCE(i->mode);
	mode_t bits;

	if ((mask & MAY_WRITE) && !inode_is(i, S_IFCHR) && !inode_is(i, S_IFBLK) &&
	    !inode_is(i, S_IFIFO) && !inode_is(i, S_IFSOCK) && inode_may_change(i))
		return -EROFS;
	/* root may do anything; to execute, it needs one execute bit of the three */
	if (cred_is_fs_root(current->cred))
		return (mask & MAY_EXEC) && !inode_is(i, S_IFDIR) && !(mode & 0111) ? -EACCES : 0;
	if (current->cred->fsuid == i->uid)
		bits = mode >> 6;
	else if (in_group(i->gid))
		bits = mode >> 3;
	else
		bits = mode;
	if ((bits & (mode_t)mask) == (mode_t)mask)
		return 0;
	return i->ops && i->ops->permits && i->ops->permits(i) ? 0 : -EACCES;
}

bool inode_owner_or_root(const struct inode *i)
{
	uid_t uid = current->cred->fsuid;

	return cred_is_fs_root(current->cred) || uid == i->uid;
}

int inode_may_change(const struct inode *i)
{
	return READ_ONCE(i->sb->flags) & MS_RDONLY ? -EROFS : 0;
}

/* ---- writing and executing exclude each other ---- */

static int count_towards(struct inode *i, int step)
{
	int old = atomic_read(&i->writers);

	do {
		if (step > 0 ? old < 0 : old > 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(&i->writers.v, &old, old + step, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return 0;
}

int inode_count_writer(struct inode *i)
{
	return count_towards(i, 1);
}

int inode_deny_writers(struct inode *i)
{
	return count_towards(i, -1);
}

void inode_changed(struct inode *i)
{
	WRITE_ONCE(i->ctime, (s64)ktime_get_real());
}

void inode_modified(struct inode *i)
{
	s64 now = (s64)ktime_get_real();

	WRITE_ONCE(i->mtime, now);
	WRITE_ONCE(i->ctime, now);
}

void inode_accessed(struct inode *i)
{
	unsigned long flags = READ_ONCE(i->sb->flags);
	s64 atime = READ_ONCE(i->atime);

	if ((flags & MS_NOATIME) || ((flags & MS_NODIRATIME) && inode_is(i, S_IFDIR)))
		return;
	if (!(flags & MS_RELATIME) || atime <= READ_ONCE(i->mtime) || atime <= READ_ONCE(i->ctime))
		WRITE_ONCE(i->atime, (s64)ktime_get_real());
}

int inode_truncate(struct inode *i, s64 size)
{
	int err;

	if (size < 0)
		return -EINVAL;
	if (inode_is(i, S_IFDIR))
		return -EISDIR;
	if (!inode_is(i, S_IFREG) || !i->ops || !i->ops->truncate)
		return -EINVAL;
	guard_mutex(&i->lock);
	err = i->ops->truncate(i, (u64)size);
	if (!err) {
		inode_strip_set_ids(i);
		inode_modified(i);
	}
	return err;
}

static u64 inode_size(const struct inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		return i->object ? READ_ONCE(i->object->size) : 0;
	case S_IFDIR:
		return i->dir ? (directory_size(i->dir) + 2) * DIRENT_SIZE : 0;
	case S_IFLNK:
		return i->target ? strlen(i->target) : 0;
	}
	return 0;
}

/* Split into seconds and nanoseconds; the latter are positive also before 1970. */
static void split_time(s64 t, u64 *sec, u64 *nsec)
{
	s64 s = t / (s64)NSEC_PER_SEC, ns = t % (s64)NSEC_PER_SEC;

	if (ns < 0) {
		s--;
		ns += (s64)NSEC_PER_SEC;
	}
	*sec = (u64)s;
	*nsec = (u64)ns;
}

void inode_stat(struct inode *i, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = i->sb->dev;
	st->st_ino = i->ino;
	st->st_nlink = READ_ONCE(i->nlink);
	st->st_mode = READ_ONCE(i->mode);
	st->st_uid = i->uid;
	st->st_gid = i->gid;
	st->st_rdev = i->rdev;
	st->st_size = (long)inode_size(i);
	st->st_blksize = PAGE_SIZE;
	if (i->object)
		st->st_blocks = (long)(READ_ONCE(i->object->nr_pages) * BLOCK_SECTORS);
	split_time(READ_ONCE(i->atime), &st->st_atime, &st->st_atime_nsec);
	split_time(READ_ONCE(i->mtime), &st->st_mtime, &st->st_mtime_nsec);
	split_time(READ_ONCE(i->ctime), &st->st_ctime, &st->st_ctime_nsec);
}
