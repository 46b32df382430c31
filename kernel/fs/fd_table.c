/*
 * Descriptor tables: from a small number to an open file.
 *
 * A table has room for 32 descriptors inside, with one word of bitmap each for "in use" and "close
 * on exec". So fork of an ordinary program is one allocation and a walk over the bits that are set.
 * Larger arrays are allocated and double. A descriptor whose bit is set while its pointer is NULL
 * is reserved: open(2) is under way.
 */
#include "kernel/fs/fd_table.h"

#include "kernel/net/socket.h"
#include "mm/slab.h"

static struct kmem_cache *files_cache;
u64 nr_open = NOFILE_MAX;

void files_init(void)
{
	files_cache = kmem_cache_create("files", sizeof(struct files), 0);
}

struct files *files_create(void)
{
	struct files *f = kmem_cache_alloc(files_cache);

	if (!f)
		return NULL;
	f->next = 0;
	f->few_open = f->few_cloexec = 0;
	refcount_set(&f->count, 1);
	spin_lock_init(&f->lock, LOCK_FILES);
	f->size = FEW_FDS;
	f->fd = f->few;
	f->open = &f->few_open;
	f->cloexec = &f->few_cloexec;
	return f;
}

/* Close a file of the table. That drops all record locks of the process on the file. */
static void close_file(struct files *f, struct file *file)
{
	if (!file)
		return; /* reserved only */
	locks_drop(file->inode, f);
	if (refcount_dec_and_test(&file->count))
		file_free(file);
}

struct arrays {
	struct file **fd;
	u64 *open, *cloexec;
	u32 size;
};

/* One allocation: bitmaps behind the pointers. */
static bool arrays_alloc(struct arrays *a, u32 size)
{
	size_t words = size / 64;

	a->fd = kzalloc(size * sizeof(*a->fd) + 2 * words * sizeof(u64));
	if (!a->fd)
		return false;
	a->open = (u64 *)(a->fd + size);
	a->cloexec = a->open + words;
	a->size = size;
	return true;
}

static void arrays_use(struct files *f, const struct arrays *a)
{
	size_t words = BITS_TO_WORDS(f->size);

	memcpy(a->fd, f->fd, f->size * sizeof(*a->fd));
	memcpy(a->open, f->open, words * sizeof(u64));
	memcpy(a->cloexec, f->cloexec, words * sizeof(u64));
	f->fd = a->fd;
	f->open = a->open;
	f->cloexec = a->cloexec;
	f->size = a->size;
}

/* Make room for descriptor `fd`. The caller holds the lock, which is dropped to allocate. */
static int files_grow(struct files *f, u32 fd)
{
	while (fd >= f->size) {
		struct arrays a;
		struct file **old = NULL;
		u32 size = f->size * 2;

		while (size <= fd)
			size *= 2;
		spin_unlock(&f->lock);
		if (!arrays_alloc(&a, size)) {
			spin_lock(&f->lock);
			return -ENOMEM;
		}
		spin_lock(&f->lock);
		if (a.size > f->size) {
			old = f->fd == f->few ? NULL : f->fd;
			arrays_use(f, &a);
		} else { /* another thread has grown it */
			old = a.fd;
		}
		kfree(old);
	}
	return 0;
}

static u32 highest_open(const struct files *f)
{
	for (u32 w = (u32)BITS_TO_WORDS(f->size); w-- > 0;)
		if (f->open[w])
			return w * 64 + 64 - (u32)__builtin_clzl(f->open[w]);
	return 0;
}

/* Both have room; src is locked, dst not yet shared. */
static void copy_descriptors(struct files *dst, const struct files *src)
{
	for (u32 w = 0; w < BITS_TO_WORDS(src->size) && w < BITS_TO_WORDS(dst->size); w++) {
		u64 open = src->open[w];

		for (u64 bits = open; bits; bits &= bits - 1) {
			u32 fd = w * 64 + (u32)__builtin_ctzl(bits);
			struct file *file = src->fd[fd];

			dst->fd[fd] = file;
			if (likely(file))
				file_get(file);
			else /* reserved by another thread's open(): not copied */
				open &= ~(bits & -bits);
		}
		dst->open[w] = open;
		dst->cloexec[w] = src->cloexec[w] & open;
	}
}

struct files *files_clone(struct files *src)
{
	struct files *dst = files_create();
	int err = 0;

	if (!dst)
		return NULL;
	spin_lock(&src->lock);
	/* the highest may rise while the lock is dropped to allocate: repeat until it fits */
	for (u32 top = highest_open(src); top > dst->size && !err; top = highest_open(src)) {
		spin_unlock(&src->lock);
		spin_lock(&dst->lock);
		err = files_grow(dst, top - 1);
		spin_unlock(&dst->lock);
		spin_lock(&src->lock);
	}
	if (!err)
		copy_descriptors(dst, src);
	spin_unlock(&src->lock);
	if (err) {
		files_put(dst);
		return NULL;
	}
	return dst;
}

void files_get(struct files *f)
{
	refcount_inc(&f->count);
}

u32 files_users(const struct files *f)
{
	return refcount_read(&f->count);
}

static noinline void files_free(struct files *f)
{
	for (u32 w = 0; w < BITS_TO_WORDS(f->size); w++)
		for (u64 bits = f->open[w]; bits; bits &= bits - 1)
			close_file(f, f->fd[w * 64 + (u32)__builtin_ctzl(bits)]);
	if (f->fd != f->few)
		kfree(f->fd);
	kmem_cache_free(files_cache, f);
	/* the last descriptor of files in flight may have been here */
	if (unlikely(atomic_read(&current->cred->user->in_flight)))
		unix_collect();
}

void files_put(struct files *f)
{
	if (f && refcount_dec_and_test(&f->count))
		files_free(f);
}

/* ---- one descriptor ---- */

struct file *files_get_file(struct files *f, u32 fd)
{
	struct file *file;

	guard_spin(&f->lock);
	file = files_slot(f, fd);
	if (file)
		file_get(file);
	return file;
}

struct file *files_look(struct files *f, u32 fd, bool *cloexec)
{
	struct file *file;

	guard_spin(&f->lock);
	file = files_slot(f, fd);
	if (file) {
		file_get(file);
		*cloexec = bitmap_test(f->cloexec, fd);
	}
	return file;
}

struct file *file_get_fd(int fd)
{
	struct files *f = current->files;

	return fd < 0 || !f ? NULL : files_get_file(f, (u32)fd);
}

u64 fd_limit(void)
{
	return MIN(READ_ONCE(current->signal->rlim[RLIMIT_NOFILE].rlim_cur), READ_ONCE(nr_open));
}

/* Lock held. */
static int reserve_lowest(struct files *f, u32 from)
{
	u64 limit = fd_limit();

	for (;;) {
		u32 fd = (u32)bitmap_find_clear(f->open, f->size, MAX(from, f->next));
		int err;

		if (fd >= limit)
			return -EMFILE;
		if (fd < f->size) {
			bitmap_set(f->open, fd);
			bitmap_clear(f->cloexec, fd);
			f->fd[fd] = NULL;
			if (from <= f->next)
				f->next = fd + 1;
			return (int)fd;
		}
		err = files_grow(f, MAX(fd, from));
		if (err)
			return err;
	}
}

int fd_alloc(u32 from)
{
	struct files *f = current->files;

	if (from >= fd_limit())
		return -EMFILE;
	guard_spin(&f->lock);
	return reserve_lowest(f, from);
}

void fd_install(int fd, struct file *file, bool cloexec)
{
	struct files *f = current->files;

	guard_spin(&f->lock);
	f->fd[fd] = file;
	if (cloexec)
		bitmap_set(f->cloexec, (u32)fd);
}

/* Lock held. */
static void release_slot(struct files *f, u32 fd)
{
	f->fd[fd] = NULL;
	bitmap_clear(f->open, fd);
	bitmap_clear(f->cloexec, fd);
	f->next = MIN(f->next, fd);
}

void fd_cancel(int fd)
{
	struct files *f = current->files;

	guard_spin(&f->lock);
	release_slot(f, (u32)fd);
}

int fd_open(struct file *file, u32 from, bool cloexec)
{
	int fd = fd_alloc(from);

	if (fd >= 0)
		fd_install(fd, file, cloexec);
	else
		file_put(file);
	return fd;
}

int fd_install_pair(struct file *f[2], int __user *ufds, bool cloexec)
{
	int fds[2], err;

	fds[0] = fd_alloc(0);
	fds[1] = fd_alloc(0);
	err = MIN(MIN(fds[0], fds[1]), 0);
	if (!err && copy_to_user(ufds, fds, sizeof(fds)))
		err = -EFAULT;
	for (int i = 0; i < 2; i++)
		if (!err) {
			fd_install(fds[i], f[i], cloexec);
		} else {
			if (fds[i] >= 0)
				fd_cancel(fds[i]);
			file_put(f[i]);
		}
	return err;
}

int fd_close(u32 fd)
{
	struct files *f = current->files;
	struct file *file;

	spin_lock(&f->lock);
	file = files_slot(f, fd);
	if (file)
		release_slot(f, fd);
	spin_unlock(&f->lock);
	if (!file)
		return -EBADF;
	close_file(f, file);
	return 0;
}

int fd_replace(u32 fd, struct file *file, bool cloexec)
{
	struct files *f = current->files;
	struct file *old;
	int err;

	if (fd >= fd_limit())
		return -EBADF;
	spin_lock(&f->lock);
	err = files_grow(f, fd);
	if (!err && bitmap_test(f->open, fd) && !f->fd[fd])
		err = -EBUSY; /* another thread is opening it */
	if (err) {
		spin_unlock(&f->lock);
		return err;
	}
	old = files_slot(f, fd);
	file_get(file);
	f->fd[fd] = file;
	bitmap_set(f->open, fd);
	if (cloexec)
		bitmap_set(f->cloexec, fd);
	else
		bitmap_clear(f->cloexec, fd);
	spin_unlock(&f->lock);
	close_file(f, old);
	return 0;
}

int fd_cloexec(u32 fd, int set)
{
	struct files *f = current->files;
	int old;

	guard_spin(&f->lock);
	if (!files_slot(f, fd))
		return -EBADF;
	old = bitmap_test(f->cloexec, fd);
	if (set > 0)
		bitmap_set(f->cloexec, fd);
	else if (set == 0)
		bitmap_clear(f->cloexec, fd);
	return old;
}

int fd_next_open(u32 from, u32 to)
{
	struct files *f = current->files;
	u32 fd;

	guard_spin(&f->lock);
	fd = from < f->size ? (u32)bitmap_find_set(f->open, f->size, from) : f->size;
	return fd >= f->size || fd > to ? -1 : (int)fd;
}

/* ---- all of them ---- */

void files_close_on_exec(struct files *f)
{
	for (u32 w = 0;; w++) {
		spin_lock(&f->lock);
		if (w >= BITS_TO_WORDS(f->size))
			break;
		while (f->open[w] & f->cloexec[w]) {
			u32 fd = w * 64 + (u32)__builtin_ctzl(f->open[w] & f->cloexec[w]);
			struct file *file = f->fd[fd];

			release_slot(f, fd);
			spin_unlock(&f->lock);
			close_file(f, file);
			spin_lock(&f->lock);
		}
		spin_unlock(&f->lock);
	}
	spin_unlock(&f->lock);
}

bool files_next(struct files *f, u32 *fd)
{
	guard_spin(&f->lock);
	do
		*fd = *fd < f->size ? (u32)bitmap_find_set(f->open, f->size, *fd) : f->size;
	while (*fd < f->size && !f->fd[*fd] && ++*fd); /* reserved ones do not count */
	return *fd < f->size;
}

u32 files_room(const struct files *f)
{
	return READ_ONCE(f->size);
}

void files_foreach(struct files *f,
		   void (*fn)(int fd, const char *what, u32 flags, bool cloexec, void *), void *arg)
{
	char *buf scoped(putname) = name_alloc();

	if (!buf)
		return;
	for (u32 fd = 0; files_next(f, &fd); fd++) {
		bool cloexec;
		struct file *file scoped(file_put) = files_look(f, fd, &cloexec);

		if (file)
			fn((int)fd, file_describe(file, buf, PATH_MAX), file->flags, cloexec, arg);
	}
}

int files_open_console(struct files *f)
{
	struct file *file scoped(file_put) = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0);

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	guard_spin(&f->lock);
	for (u32 fd = 0; fd < 3; fd++) {
		file_get(file);
		f->fd[fd] = file;
		bitmap_set(f->open, fd);
	}
	f->next = 3;
	return 0;
}
