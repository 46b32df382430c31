/*
 * Locks on files: record locks of processes and of openings (fcntl(2)), and flock(2).
 *
 * A lock belongs to an owner: the descriptor table of a process, or an open file. The list of a
 * file's locks, and that of owners who wait, are guarded by one lock; whoever waits is woken by any
 * lock that goes, and looks again.
 */
#include "kernel/fs/vfs.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "mm/slab.h"

#define MAX_CHAIN  10 /* of owners who wait for one another: as deep as Linux looks */
#define TO_THE_END ((u64)MAX_FILE_SIZE)

struct file_lock {
	struct file_lock *next;
	const void *owner;
	pid_t pid;      /* of who made it; -1: it belongs to an opening */
	bool whole;     /* flock(2): knows nothing of records, nor they of it */
	short type;     /* F_RDLCK, F_WRLCK; in a request also F_UNLCK */
	u64 start, end; /* both included */
};

/* Somebody who waits: on his stack. */
struct lock_waiter {
	struct list_head node;
	const void *owner, *blocker;
};

static spinlock_t locks_lock = SPINLOCK_INIT(LOCK_DCACHE);
static struct list_head lock_waiters = LIST_HEAD_INIT(lock_waiters);
static struct wait_queue locks_wait = WAIT_QUEUE_INIT(locks_wait);
static u64 locks_gone; /* grows when a lock goes or shrinks */

/* ---- the list of one file; locks_lock is held ---- */

static struct file_lock *find_conflict(struct inode *i, const struct file_lock *want)
{
	for (struct file_lock *l = i->locks; l; l = l->next)
		if (l->whole == want->whole && l->owner != want->owner && l->start <= want->end &&
		    want->start <= l->end && (l->type == F_WRLCK || want->type == F_WRLCK))
			return l;
	return NULL;
}

static void drop_lock(struct file_lock **where)
{
	struct file_lock *l = *where;

	*where = l->next;
	kfree(l);
	locks_gone++;
}

/* What of the owner's locks lies in [start, end] goes: one that reaches out at both ends leaves
 * two, for which `spare` is used (and set to NULL). */
static void cut_out(struct inode *i, const struct file_lock *range, struct file_lock **spare)
{
	struct file_lock **where = &i->locks, *l;

	while ((l = *where) != NULL) {
		if (l->owner != range->owner || l->whole != range->whole || l->end < range->start ||
		    l->start > range->end) {
			where = &l->next;
		} else if (l->start < range->start && l->end > range->end) {
			struct file_lock *rest = *spare;

			*spare = NULL;
			*rest = *l;
			rest->start = range->end + 1;
			l->end = range->start - 1;
			l->next = rest;
			locks_gone++;
			return;
		} else if (l->start >= range->start && l->end <= range->end) {
			drop_lock(where);
		} else {
			if (l->start < range->start)
				l->end = range->start - 1;
			else
				l->start = range->end + 1;
			locks_gone++;
			where = &l->next;
		}
	}
}

/* Neighbours of the same kind become one with it. */
static void absorb_neighbours(struct inode *i, struct file_lock *new)
{
	struct file_lock **where = &i->locks, *l;

	while ((l = *where) != NULL) {
		bool before = l->end + 1 == new->start, after = new->end + 1 == l->start;

		if (l == new || l->owner != new->owner || l->whole != new->whole ||
		    l->type != new->type || !(before || after)) {
			where = &l->next;
			continue;
		}
		new->start = MIN(new->start, l->start);
		new->end = MAX(new->end, l->end);
		drop_lock(where);
	}
}

/* Nobody objects. Uses up what it needs of the two spare ones. */
static void apply(struct inode *i, const struct file_lock *want, struct file_lock *spare[2])
{
	struct file_lock *new = spare[0];

	cut_out(i, want, &spare[1]);
	if (want->type == F_UNLCK)
		return;
	spare[0] = NULL;
	*new = *want;
	new->next = i->locks;
	i->locks = new;
	absorb_neighbours(i, new);
}

static const struct lock_waiter *waiter_of(const void *owner)
{
	struct lock_waiter *w;

	list_for_each_entry (w, &lock_waiters, node)
		if (w->owner == owner)
			return w;
	return NULL;
}

/* Does `blocker` wait, perhaps through others, for `owner`? */
static bool would_deadlock(const void *owner, const void *blocker)
{
	for (int n = 0; n < MAX_CHAIN; n++) {
		const struct lock_waiter *w = waiter_of(blocker);

		if (!w)
			return false;
		blocker = w->blocker;
		if (blocker == owner)
			return true;
	}
	return false;
}

/* ---- setting ---- */

static int wait_for_change(u64 seen)
{
	return wait_event_interruptible(&locks_wait, READ_ONCE(locks_gone) != seen);
}

/* One attempt. 0, -EAGAIN, -EDEADLK. On -EAGAIN `w` stands in the list if `wait`. */
static int try_lock(struct inode *i, const struct file_lock *want, struct file_lock *spare[2],
		    bool wait, struct lock_waiter *w, u64 *seen)
{
	struct file_lock *in_the_way;
	u64 gone_before = locks_gone;
	int err = 0;

	/* a file's whole lock is given up before a new kind is asked for: flock(2) */
	if (want->whole && want->type != F_UNLCK)
		cut_out(i, want, &spare[1]);
	in_the_way = want->type == F_UNLCK ? NULL : find_conflict(i, want);
	if (!in_the_way) {
		apply(i, want, spare);
	} else if (wait && want->pid != -1 && would_deadlock(want->owner, in_the_way->owner)) {
		err = -EDEADLK;
	} else {
		err = -EAGAIN;
		if (wait) {
			w->blocker = in_the_way->owner;
			list_add_tail(&w->node, &lock_waiters);
		}
	}
	*seen = locks_gone;
	if (locks_gone != gone_before)
		wake_up_all(&locks_wait);
	return err;
}

static int lock_loop(struct inode *i, const struct file_lock *want, struct file_lock *spare[2],
		     bool wait)
{
	struct lock_waiter w = {.owner = want->owner};
	u64 seen;
	int err;

	for (;;) {
		spin_lock(&locks_lock);
		err = try_lock(i, want, spare, wait, &w, &seen);
		spin_unlock(&locks_lock);
		if (err != -EAGAIN || !wait)
			return err;
		err = wait_for_change(seen);
		spin_lock(&locks_lock);
		list_del(&w.node);
		spin_unlock(&locks_lock);
		if (err)
			return err;
	}
}

static int set_lock(struct inode *i, const struct file_lock *want, bool wait)
{
	struct file_lock *spare[2] = {kmalloc(sizeof(*spare[0])), kmalloc(sizeof(*spare[0]))};
	int err = spare[0] && spare[1] ? lock_loop(i, want, spare, wait) : -ENOLCK;

	kfree(spare[0]);
	kfree(spare[1]);
	return err;
}

void locks_drop_all(struct inode *i, const void *owner)
{
	struct file_lock **where = &i->locks;
	bool gone = false;

	spin_lock(&locks_lock);
	while (*where) {
		if ((*where)->owner == owner) {
			drop_lock(where);
			gone = true;
		} else {
			where = &(*where)->next;
		}
	}
	spin_unlock(&locks_lock);
	if (gone)
		wake_up_all(&locks_wait);
}

/* ---- fcntl(2) ---- */

/* Where l_whence counts from. */
static int lock_base(struct file *f, short whence, s64 *base)
{
	switch (whence) {
	case SEEK_SET:
		*base = 0;
		return 0;
	case SEEK_CUR:
		*base = (s64)READ_ONCE(f->pos);
		return 0;
	case SEEK_END:
		*base = (s64)file_size(f);
		return 0;
	default:
		return -EINVAL;
	}
}

static int import_range(struct file *f, const struct flock *in, struct file_lock *out)
{
	s64 start, end;
	int err = lock_base(f, in->l_whence, &start);

	if (err)
		return err;
	if (__builtin_add_overflow(start, in->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	end = MAX_FILE_SIZE;
	if (in->l_len > 0) {
		if (__builtin_add_overflow(start, in->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (in->l_len < 0) {
		if (start + in->l_len < 0)
			return -EINVAL;
		end = start - 1;
		start += in->l_len;
	}
	out->start = (u64)start;
	out->end = (u64)end;
	out->type = in->l_type;
	return 0;
}

static int check_type(const struct file *f, short type, bool set)
{
	switch (type) {
	case F_RDLCK:
		return !set || (f->mode & FMODE_READ) ? 0 : -EBADF;
	case F_WRLCK:
		return !set || (f->mode & FMODE_WRITE) ? 0 : -EBADF;
	case F_UNLCK:
		return set ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static void test_lock(struct inode *i, const struct file_lock *want, struct flock *out)
{
	const struct file_lock *l;

	spin_lock(&locks_lock);
	l = find_conflict(i, want);
	out->l_type = F_UNLCK;
	if (l) {
		out->l_type = l->type;
		out->l_whence = SEEK_SET;
		out->l_start = (s64)l->start;
		out->l_len = l->end == TO_THE_END ? 0 : (s64)(l->end - l->start + 1);
		out->l_pid = l->pid;
	}
	spin_unlock(&locks_lock);
}

/* The process has closed the file in another thread just now: its lock must not stay. */
static void undo_if_closed(int fd, struct file *f, const struct file_lock *want)
{
	struct file *now = file_get_fd(fd);

	if (now != f && want->pid != -1)
		locks_drop(f->inode, want->owner);
	file_put(now);
}

long fcntl_lock(int fd, struct file *f, unsigned int cmd, unsigned long arg)
{
	bool own = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool set = cmd != F_GETLK && cmd != F_OFD_GETLK;
	struct file_lock want = {.owner = own ? (void *)f : (void *)current->files,
				 .pid = own ? -1 : current->tgid_nr};
	struct flock lock;
	int err;

	if (copy_from_user(&lock, (void __user *)arg, sizeof(lock)))
		return -EFAULT;
	if (own && lock.l_pid)
		return -EINVAL;
	err = import_range(f, &lock, &want);
	if (!err)
		err = check_type(f, lock.l_type, set);
	if (err)
		return err;
	if (set) {
		err = set_lock(f->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
		if (!err && want.type != F_UNLCK)
			undo_if_closed(fd, f, &want);
		return err;
	}
	test_lock(f->inode, &want, &lock);
	return copy_to_user((void __user *)arg, &lock, sizeof(lock)) ? -EFAULT : 0;
}

/* ---- flock(2) ---- */

static int flock_type(int op, short *type)
{
	switch (op) {
	case LOCK_SH:
		*type = F_RDLCK;
		return 0;
	case LOCK_EX:
		*type = F_WRLCK;
		return 0;
	case LOCK_UN:
		*type = F_UNLCK;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Already held in that kind: nothing is to be given up. */
static bool holds_whole(struct inode *i, const struct file_lock *want)
{
	bool found = false;

	spin_lock(&locks_lock);
	for (struct file_lock *l = i->locks; l && !found; l = l->next)
		found = l->whole && l->owner == want->owner && l->type == want->type;
	spin_unlock(&locks_lock);
	return found;
}

long sys_flock(int fd, unsigned int op)
{
	struct file_lock want = {.pid = -1, .whole = true, .end = TO_THE_END};
	struct file *f;
	long err = flock_type((int)op & ~LOCK_NB, &want.type);

	if (err)
		return err;
	f = file_get_io(fd);
	if (!f)
		return -EBADF;
	want.owner = f;
	if (!holds_whole(f->inode, &want))
		err = set_lock(f->inode, &want, !(op & LOCK_NB));
	file_put(f);
	return err;
}
