/* Root, working directory and umask, which CLONE_FS shares. */
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

struct fs_context {
	refcount_t count; /* tasks that point here; dropped under `lock` */
	u32 execs;        /* execs that keep tasks from joining: atomic, see fs_context_fork() */
	spinlock_t lock;  /* LOCK_FS: the fields below */
	mode_t umask;
	struct dentry *root, *pwd; /* pinned */
};

static struct kmem_cache *fs_cache;

void fs_context_init(void)
{
	fs_cache = kmem_cache_create("fs_context", sizeof(struct fs_context), 0);
}

static struct fs_context *context_new(struct dentry *root, struct dentry *pwd, mode_t umask)
{
	struct fs_context *fs = kmem_cache_alloc(fs_cache);

	if (!fs)
		return NULL;
	refcount_set(&fs->count, 1);
	spin_lock_init(&fs->lock, LOCK_FS);
	fs->root = root;
	fs->pwd = pwd;
	fs->umask = umask;
	fs->execs = 0;
	return fs;
}

struct fs_context *fs_context_create(void)
{
	struct fs_context *fs = context_new(fs_root, fs_root, 022);

	if (fs) {
		dentry_pin(fs_root);
		dentry_pin(fs_root);
	}
	return fs;
}

int new_resources(void)
{
	struct files *files = files_create();
	struct fs_context *fs = fs_context_create();

	if (!files || !fs) {
		files_put(files);
		if (fs)
			fs_context_put(fs);
		return -ENOMEM;
	}
	files_put(current->files);
	if (current->fs)
		fs_context_put(current->fs);
	current->files = files;
	current->fs = fs;
	return 0;
}

void fs_context_read(struct fs_context *fs, struct dentry **root, struct dentry **pwd)
{
	guard_spin(&fs->lock);
	if (root)
		*root = dentry_get(fs->root);
	if (pwd)
		*pwd = dentry_get(fs->pwd);
}

struct fs_context *fs_context_clone(struct fs_context *src)
{
	struct fs_context *fs = context_new(NULL, NULL, READ_ONCE(src->umask));

	if (!fs)
		return NULL;
	guard_spin(&src->lock);
	fs->root = dentry_pin(src->root);
	fs->pwd = dentry_pin(src->pwd);
	return fs;
}

noinline void fs_context_free(struct fs_context *fs)
{
	dentry_unpin(fs->root);
	dentry_unpin(fs->pwd);
	kmem_cache_free(fs_cache, fs);
}

/* Change pointer and count together: an exec compares them. */
bool fs_context_leave(struct fs_context **where, struct fs_context *own)
{
	struct fs_context *fs = *where;
	bool last;

	spin_lock(&fs->lock);
	*where = own;
	last = refcount_dec_and_test(&fs->count);
	spin_unlock(&fs->lock); /* nothing frees it before this */
	return last;
}

void fs_context_put(struct fs_context *fs)
{
	if (refcount_dec_and_test(&fs->count))
		fs_context_free(fs);
}

u32 fs_context_users(const struct fs_context *fs)
{
	return refcount_read(&fs->count);
}

/* A joining task counts itself, then looks for execs. An exec announces itself, then counts the
 * users. The second of them sees the first. */
struct fs_context *fs_context_fork(struct fs_context *fs, bool share)
{
	if (!share)
		return fs_context_clone(fs) ?: ERR_PTR(-ENOMEM);
	refcount_inc(&fs->count);
	if (likely(!__atomic_load_n(&fs->execs, __ATOMIC_SEQ_CST)))
		return fs;
	fs_context_put(fs);
	return ERR_PTR(-EAGAIN);
}

bool fs_context_exec_begin(struct fs_context *fs)
{
	struct task *t;
	u32 own = 0;
	bool alone;
	u64 flags;

	__atomic_add_fetch(&fs->execs, 1, __ATOMIC_SEQ_CST);
	spin_lock(&fs->lock);
	flags = spin_lock_irqsave(&current->sighand->lock); /* for the list of threads */
	list_for_each_entry (t, &current->signal->threads, thread_node)
		own += t->fs == fs;
	alone = refcount_read(&fs->count) == own;
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	spin_unlock(&fs->lock);
	return alone;
}

void fs_context_exec_end(struct fs_context *fs)
{
	__atomic_sub_fetch(&fs->execs, 1, __ATOMIC_SEQ_CST);
}

/* A kernel thread without a context is at the root. */
void fs_get_root_pwd(struct dentry **root, struct dentry **pwd)
{
	if (current->fs) {
		fs_context_read(current->fs, root, pwd);
		return;
	}
	if (root)
		*root = dentry_get(fs_root);
	if (pwd)
		*pwd = dentry_get(fs_root);
}

mode_t fs_context_umask(const struct fs_context *fs)
{
	return READ_ONCE(fs->umask);
}

mode_t fs_umask(void)
{
	return current->fs ? READ_ONCE(current->fs->umask) : 0;
}

long sys_umask(mode_t mask)
{
	struct fs_context *fs = current->fs;
	mode_t old;

	guard_spin(&fs->lock);
	old = fs->umask;
	fs->umask = mask & S_IRWXUGO;
	return (long)old;
}

static int enter(struct dentry *d, struct dentry **which)
{
	struct fs_context *fs = current->fs;
	struct dentry *old;
	int err = inode_is(d->inode, S_IFDIR) ? inode_permission(d->inode, MAY_EXEC) : -ENOTDIR;

	if (!err && which == &fs->root && !cred_is_root(current->cred))
		err = -EPERM; /* chroot(2) */
	if (err)
		return err;
	dentry_pin(d);
	spin_lock(&fs->lock);
	old = *which;
	*which = d;
	spin_unlock(&fs->lock);
	dentry_unpin(old);
	return 0;
}

static long enter_path(const char __user *path, struct dentry **which)
{
	struct dentry *d scoped(dentry_put) = user_path(AT_FDCWD, path, WALK_FOLLOW);

	return IS_ERR(d) ? PTR_ERR(d) : enter(d, which);
}

long sys_chdir(const char __user *path)
{
	return enter_path(path, &current->fs->pwd);
}

long sys_fchdir(int fd)
{
	struct file *f scoped(file_put) = file_get_fd(fd);

	if (!f)
		return -EBADF;
	return f->dentry ? enter(f->dentry, &current->fs->pwd) : -ENOTDIR;
}

long sys_chroot(const char __user *path)
{
	return enter_path(path, &current->fs->root);
}

/* Returns the length with the NUL: the C library's getcwd depends on that. */
long sys_getcwd(char __user *buf, size_t size)
{
	struct dentry *root scoped(dentry_put) = NULL, *pwd scoped(dentry_put) = NULL;
	char *name scoped(putname) = name_alloc(), *path;
	bool gone = false;
	size_t len;

	if (!name)
		return -ENOMEM;
	fs_get_root_pwd(&root, &pwd);
	path = dentry_path(pwd, root, name, PATH_MAX, &gone);
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (gone)
		return -ENOENT;
	len = strlen(path) + 1;
	return len > size ? -ERANGE : copy_to_user(buf, path, len) ? -EFAULT : (long)len;
}
