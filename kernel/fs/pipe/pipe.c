/* Pipes and FIFOs: pipe(7), fifo(7). pipe_ring.c has the buffer; this file has the ends and the
 * waiting. Fields are changed under pipe->lock; poll reads them without it. Readers and writers
 * wait for a condition of that lock, polling tasks in a wait queue. */
#include "kernel/fs/pipe/pipe_ring.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/vfs.h"
#include "mm/slab.h"

#include <linux/magic.h>

#define FEWEST_SLOTS 2 /* for a user with too many pages in pipes */
#define MOST_SIZE    (1UL << 31)

u64 pipe_max_size = 1UL << 20;
u64 pipe_pages_soft = 16384, pipe_pages_hard;

struct pipe {
	struct mutex lock; /* LOCK_PIPE: all below */
	struct ring ring;
	struct user *user; /* the user charged for its slots: constant, a reference */
	u32 readers, writers;
	u64 reader_opens, writer_opens; /* ever: open() of a FIFO waits for a change */
	struct condition readable, writable;
	struct wait_queue read_polls, write_polls;
	bool polled; /* a word: for readers, at least once */
};

static struct kmem_cache *pipe_cache;
static struct super *pipe_super; /* the file system of pipes, never mounted */

static const struct fs_type pipefs_type = {.name = "pipefs", .magic = PIPEFS_MAGIC};

void pipe_init(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 0);
	pipe_super = super_internal(&pipefs_type);
}

/* ---- what a user may have in pipes: pipe(7) ---- */

static u64 charge_slots(struct user *user, int more)
{
	return (u64)atomic_add_return(&user->pipe_pages, more);
}

static bool exceeds(u64 pages, const u64 *limit)
{
	u64 most = READ_ONCE(*limit);

	return unlikely(most && pages > most) && !cred_is_root(current->cred);
}

/* Charge a new pipe. Returns its slots, 0 when the user may have no more. */
static u32 charge_pipe(struct user *user)
{
	u32 nr = RING_SLOTS;
	u64 pages;

	if (unlikely(nr * PAGE_SIZE > READ_ONCE(pipe_max_size)) && !cred_is_root(current->cred))
		nr = (u32)(READ_ONCE(pipe_max_size) / PAGE_SIZE);
	pages = charge_slots(user, (int)nr);
	if (exceeds(pages, &pipe_pages_soft)) {
		pages = charge_slots(user, FEWEST_SLOTS - (int)nr);
		nr = FEWEST_SLOTS;
	}
	if (!exceeds(pages, &pipe_pages_hard))
		return nr;
	charge_slots(user, -(int)nr);
	return 0;
}

/* Charge a change of size. 0, or -EPERM over the limit. */
static int charge_resize(struct pipe *p, u32 nr)
{
	bool more = nr > p->ring.nr_slots;
	int change = (int)(nr - p->ring.nr_slots);
	u64 pages;

	if (more && nr * PAGE_SIZE > READ_ONCE(pipe_max_size) && !cred_is_root(current->cred))
		return -EPERM;
	pages = charge_slots(p->user, change);
	if (!more || (!exceeds(pages, &pipe_pages_hard) && !exceeds(pages, &pipe_pages_soft)))
		return 0;
	charge_slots(p->user, -change);
	return -EPERM;
}

static u64 round_size(u64 size)
{
	u64 rounded = PAGE_SIZE;

	while (rounded < size)
		rounded *= 2;
	return rounded;
}

int pipe_set_max_size(s64 size)
{
	WRITE_ONCE(pipe_max_size, round_size((u64)size));
	return 0;
}

/* NULL: no memory, or over the user's limit. */
static struct pipe *pipe_create(void)
{
	struct user *user = current->cred->user;
	u32 nr = charge_pipe(user);
	struct pipe *p = nr ? kmem_cache_zalloc(pipe_cache) : NULL;

	if (!p) {
		charge_slots(user, -(int)nr);
		return NULL;
	}
	refcount_inc(&user->count);
	p->user = user;
	mutex_init(&p->lock, LOCK_PIPE);
	condition_init(&p->readable);
	condition_init(&p->writable);
	wait_queue_init(&p->read_polls);
	wait_queue_init(&p->write_polls);
	ring_init(&p->ring, nr);
	return p;
}

void pipe_free(struct pipe *p)
{
	charge_slots(p->user, -(int)p->ring.nr_slots);
	put_user_struct(p->user);
	ring_free(&p->ring);
	kmem_cache_free(pipe_cache, p);
}

/* ---- waking ---- Lock held. */

static void wake_readers(struct pipe *p)
{
	condition_wake(&p->readable);
	wake_up_all(&p->read_polls);
}

static void wake_writers(struct pipe *p)
{
	condition_wake(&p->writable);
	wake_up_all(&p->write_polls);
}

static ssize_t pipe_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct pipe *p = f->inode->pipe;
	bool was_full;
	ssize_t ret;

	if (!io->left)
		return 0;
	guard_mutex(&p->lock);
	while (!ring_bytes(&p->ring)) {
		if (!p->writers)
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		ret = condition_wait(&p->readable, &p->lock);
		if (ret)
			return ret;
	}
	/* a writer sleeps only with less room than this */
	was_full = ring_free_bytes(&p->ring) < PIPE_BUF;
	ret = ring_take(&p->ring, io);
	if (unlikely(was_full) && ring_free_bytes(&p->ring) >= PIPE_BUF)
		wake_writers(p);
	return ret;
}

/* Wait for room for n bytes. Returns the room, or -errno. Lock held. */
static ssize_t wait_for_room(struct pipe *p, struct file *f, size_t n)
{
	u64 room;
	int err;

	for (;;) {
		if (!p->readers)
			return -EPIPE;
		room = ring_free_bytes(&p->ring);
		if (likely(room >= n))
			return (ssize_t)n;
		/* Part of it, unless the write must be atomic. */
		if (room >= PIPE_BUF || (n > PIPE_BUF && room && (f->flags & O_NONBLOCK)))
			return (ssize_t)room;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = condition_wait(&p->writable, &p->lock);
		if (err)
			return err;
	}
}

static ssize_t pipe_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct pipe *p = f->inode->pipe;
	ssize_t done = 0, n = 0, room;
	bool was_empty;

	mutex_lock(&p->lock);
	while (io->left) {
		n = room = wait_for_room(p, f, io->left);
		if (n < 0)
			break;
		was_empty = !ring_bytes(&p->ring);
		n = ring_put(&p->ring, io, (size_t)room);
		if (n < 0)
			break;
		done += n;
		if (was_empty)
			wake_readers(p);
		else if (unlikely(READ_ONCE(p->polled)))
			wake_up_all(&p->read_polls); /* each write is an edge for EPOLLET */
		if (unlikely(n < room))              /* a failed copy is not retried */
			break;
	}
	mutex_unlock(&p->lock);
	if (n == -EPIPE)
		send_sig_self(SIGPIPE); /* even after a partial write */
	return done ? done : n;
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->inode->pipe;
	u32 events = 0;

	if (f->mode & FMODE_READ) {
		poll_wait_for(pt, &p->read_polls, POLL_READ);
		if (pt && !READ_ONCE(p->polled))
			WRITE_ONCE(p->polled, true);
		if (ring_used(&p->ring))
			events |= POLLIN | POLLRDNORM;
		/* not hung up: a FIFO that no writer has opened yet */
		if (!READ_ONCE(p->writers) && READ_ONCE(p->writer_opens))
			events |= POLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait_for(pt, &p->write_polls, POLL_WRITE);
		if (ring_room(&p->ring) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			events |= POLLERR;
	}
	return events;
}

static long pipe_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user((int)ring_used(&f->inode->pipe->ring), (int __user *)arg);
}

/* ---- capacity: F_GETPIPE_SZ, F_SETPIPE_SZ ---- */

static bool is_pipe(const struct file *f)
{
	return inode_is(f->inode, S_IFIFO) && !(f->mode & FMODE_PATH);
}

long pipe_get_size(struct file *f)
{
	return is_pipe(f) ? (long)(f->inode->pipe->ring.nr_slots * PAGE_SIZE) : -EBADF;
}

long pipe_set_size(struct file *f, unsigned long size)
{
	struct pipe *p;
	int err = 0;
	u32 nr, old;

	if (!is_pipe(f))
		return -EBADF;
	if (size > MOST_SIZE)
		return -EINVAL;
	nr = (u32)(round_size(size) / PAGE_SIZE);
	p = f->inode->pipe;
	guard_mutex(&p->lock);
	old = p->ring.nr_slots;
	if (nr != old)
		err = charge_resize(p, nr);
	if (!err && nr != old) {
		err = ring_resize(&p->ring, nr);
		if (err)
			charge_slots(p->user, (int)(old - nr));
	}
	if (!err)
		wake_writers(p);
	return err ? err : (long)(nr * PAGE_SIZE);
}

/* Lock held. */
static void pipe_add_end(struct pipe *p, u32 mode)
{
	if (mode & FMODE_READ) {
		p->reader_opens++;
		WRITE_ONCE(p->readers, p->readers + 1);
	}
	if (mode & FMODE_WRITE) {
		p->writer_opens++;
		WRITE_ONCE(p->writers, p->writers + 1);
	}
}

/* Drop an end. The last of its kind ends the other side's wait. */
static void pipe_release(struct file *f)
{
	struct pipe *p = f->inode->pipe;

	guard_mutex(&p->lock);
	if (f->mode & FMODE_READ)
		WRITE_ONCE(p->readers, p->readers - 1);
	if (f->mode & FMODE_WRITE)
		WRITE_ONCE(p->writers, p->writers - 1);
	if (!p->readers)
		wake_writers(p);
	if (!p->writers)
		wake_readers(p);
	if (!p->readers && !p->writers) /* a FIFO loses its unread bytes */
		ring_clear(&p->ring);
}

void pipe_end_and_wait(struct file *f)
{
	struct pipe *p = f->inode->pipe;

	guard_mutex(&p->lock);
	WRITE_ONCE(p->writers, p->writers - 1);
	wake_readers(p);
	while (p->readers && !condition_wait(&p->writable, &p->lock))
		;
	WRITE_ONCE(p->writers, p->writers + 1); /* pipe_release() takes it off */
}

static struct inode *pipe_inode(void)
{
	struct inode *i = inode_of_caller(pipe_super, S_IFIFO | 0600);

	if (!i)
		return NULL;
	i->fops = &fifo_ops; /* for another open() by /proc/self/fd */
	i->pipe = pipe_create();
	if (i->pipe)
		return i;
	inode_put(i);
	return NULL;
}

static struct file *pipe_end(struct inode *i, u32 flags, u32 mode)
{
	struct file *f = file_alloc(i, NULL, &fifo_ops, flags, mode);

	if (f) {
		mutex_lock(&i->pipe->lock);
		pipe_add_end(i->pipe, mode);
		mutex_unlock(&i->pipe->lock);
	}
	return f;
}

int pipe_files(struct file *out[2], u32 flags)
{
	struct inode *i scoped(inode_put) = pipe_inode();

	if (!i)
		return -ENFILE; /* as on Linux, whatever is missing */
	out[0] = pipe_end(i, O_RDONLY | flags, FMODE_READ);
	out[1] = out[0] ? pipe_end(i, O_WRONLY | flags, FMODE_WRITE) : NULL;
	if (out[1])
		return 0;
	file_put(out[0]);
	return -ENFILE;
}

long sys_pipe2(int __user *ufds, int flags)
{
	struct file *f[2];
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL; /* no packet mode (O_DIRECT) */
	err = pipe_files(f, (u32)flags & O_NONBLOCK);
	return err ? err : fd_install_pair(f, ufds, flags & O_CLOEXEC);
}

/* ---- FIFOs: fifo(7) ---- */

/* The first open() of a FIFO creates its buffer, which stays with the inode. */
static int fifo_buffer(struct inode *i)
{
	guard_mutex(&i->lock);
	if (!i->pipe)
		i->pipe = pipe_create();
	return i->pipe ? 0 : -ENOMEM;
}

/* Wait until the other side has been opened, if only for a moment. Lock held. */
static int fifo_wait_partner(struct pipe *p, struct file *f)
{
	bool reads = f->mode == FMODE_READ;
	const u64 *opens = reads ? &p->writer_opens : &p->reader_opens;
	u64 seen = *opens;
	int err = 0;

	if (reads ? p->writers : p->readers)
		return 0;
	if (f->flags & O_NONBLOCK)
		return reads ? 0 : -ENXIO;
	while (!err && *opens == seen)
		err = condition_wait(reads ? &p->readable : &p->writable, &p->lock);
	return err;
}

/* Also opens a pipe again, by /proc/self/fd, without waiting. */
static int fifo_open(struct inode *i, struct file *f)
{
	bool fifo = i->sb != pipe_super;
	struct pipe *p;
	int err = fifo_buffer(i);

	if (err)
		return err;
	p = i->pipe;
	mutex_lock(&p->lock);
	if (fifo && f->mode == FMODE_WRITE && !p->readers && (f->flags & O_NONBLOCK)) {
		mutex_unlock(&p->lock);
		return -ENXIO;
	}
	pipe_add_end(p, f->mode);
	wake_readers(p);
	wake_writers(p);
	if (fifo && f->mode != (FMODE_READ | FMODE_WRITE))
		err = fifo_wait_partner(p, f);
	mutex_unlock(&p->lock);
	if (err)
		pipe_release(f);
	return err;
}

const struct file_ops fifo_ops = {
	.open = fifo_open,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};
