/*
 * Locks on files: record locks of processes and of openings (fcntl(2)), and flock(2).
 *
 * The owner of a lock is the descriptor table of a process, or an open file. An inode that was ever
 * locked has a list of its locks: those of one owner side by side, by rising start, as on Linux. A
 * waiting task is woken when any lock of the file goes, and tries again.
 *
 * A mutex per file guards the list, so a long list slows only tasks that lock this file. A separate
 * hash table has what each waiting owner waits for, for the detection of deadlocks; its chains grow
 * with the number of waiting tasks.
 */
#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "mm/slab.h"

#define MAX_CHAIN    10 /* of owners that wait for one another: as on Linux */
#define TO_THE_END   ((u64)MAX_FILE_SIZE)
#define WAITER_LISTS 256

struct file_lock {
	struct file_lock *next;
	const void *owner;
	struct user *user; /* the user charged for it: a reference */
	pid_t pid;         /* of the process that made it; -1: F_OFD_SETLK did */
	bool whole;        /* flock(2): apart from record locks */
	short type;        /* F_RDLCK, F_WRLCK; in requests also F_UNLCK */
	u64 start, end;    /* both included */
};

struct lock_list {
	struct inode *inode;  /* constant: of this file, without a reference */
	struct list_head all; /* lists_lock */
	struct mutex lock;    /* LOCK_FILE_LOCKS */
	struct file_lock *first;
	u64 gone; /* grows when a lock goes or shrinks; read without the lock */
	struct wait_queue wait;
};

/* A task that waits for a lock, on its stack. */
struct lock_waiter {
	struct list_head node;
	const void *owner, *blocker;
};

static spinlock_t waiters_lock = SPINLOCK_INIT(LOCK_LOCK_OWNERS);
static struct list_head waiters[WAITER_LISTS]; /* waiters_lock; by the owner */
static u64 waiters_key;                        /* constant once random */
static spinlock_t lists_lock = SPINLOCK_INIT(LOCK_LOCK_LISTS);
static struct list_head lists = LIST_HEAD_INIT(lists); /* lists_lock: all of them */
static struct kmem_cache *lock_cache;
u64 max_user_locks;

/* A user may fill 4 % of memory with locks. */
void locks_init(void)
{
	for (u32 i = 0; i < WAITER_LISTS; i++)
		list_init(&waiters[i]);
	waiters_key = random_u64() | 1;
	lock_cache = kmem_cache_create("file_lock", sizeof(struct file_lock), 0);
	max_user_locks = nr_total_pages() / 25 * PAGE_SIZE / sizeof(struct file_lock);
}

static struct file_lock *lock_alloc(void)
{
	struct user *user = current->cred->user;
	struct file_lock *l = NULL;

	if ((u64)atomic_add_return(&user->file_locks, 1) <= max_user_locks)
		l = kmem_cache_zalloc(lock_cache);
	if (!l) {
		atomic_dec(&user->file_locks);
		return NULL;
	}
	refcount_inc(&user->count);
	l->user = user;
	return l;
}

static void lock_free(struct file_lock *l)
{
	if (!l)
		return;
	atomic_dec(&l->user->file_locks);
	put_user_struct(l->user);
	kmem_cache_free(lock_cache, l);
}

/* Does the process own it? Else an opening does. */
static bool of_process(const struct file_lock *l)
{
	return l->pid != -1 && !l->whole;
}

static void publish_list(struct lock_list *list)
{
	guard_spin(&lists_lock);
	list_add_tail(&list->all, &lists);
}

void locks_free(struct inode *i)
{
	struct lock_list *list = i->locks;

	if (likely(!list))
		return;
	spin_lock(&lists_lock);
	list_del(&list->all);
	spin_unlock(&lists_lock);
	kfree(list);
}

/* The file's list, created if missing; NULL without memory. */
static struct lock_list *list_of(struct inode *i)
{
	struct lock_list *list = READ_ONCE(i->locks), *fresh;

	if (list)
		return list;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->inode = i;
	list_init(&fresh->all);
	mutex_init(&fresh->lock, LOCK_FILE_LOCKS);
	wait_queue_init(&fresh->wait);
	if (__atomic_compare_exchange_n(&i->locks, &list, fresh, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		publish_list(fresh);
		return fresh;
	}
	kfree(fresh); /* another task was faster */
	return list;
}

/* ---- the list of one file: its lock is held ---- */

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner == b->owner && a->whole == b->whole;
}

static struct file_lock *find_conflict(struct lock_list *list, const struct file_lock *want)
{
	for (struct file_lock *l = list->first; l; l = l->next)
		if (l->whole == want->whole && l->owner != want->owner && l->start <= want->end &&
		    want->start <= l->end && (l->type == F_WRLCK || want->type == F_WRLCK))
			return l;
	return NULL;
}

static void drop_lock(struct lock_list *list, struct file_lock **where)
{
	struct file_lock *l = *where;

	*where = l->next;
	lock_free(l);
	WRITE_ONCE(list->gone, list->gone + 1);
}

/* A change of an owner's locks: the range, the lock put there (or NULL), and a spare lock. */
struct change {
	const struct file_lock *range;
	struct file_lock *new, *spare;
};

/* Split a lock that exceeds the range at both ends, into itself and the spare lock. */
static void leave_both_ends(struct change *c, struct file_lock *l)
{
	struct file_lock *rest = c->spare, *before = c->new ? c->new : l, *next = before->next;
	struct user *user = rest->user;

	c->spare = NULL;
	*rest = *l;
	rest->user = user;
	rest->start = c->range->end + 1;
	l->end = c->range->start - 1;
	before->next = rest;
	rest->next = next;
}

/* Take the range out of the owner's other locks. */
static void cut_out(struct lock_list *list, struct change *c)
{
	const struct file_lock *range = c->range;
	struct file_lock **where = &list->first, *l;

	while ((l = *where) != NULL) {
		bool before = l->start<range->start, behind = l->end> range->end;

		if (l == c->new || !same_owner(l, range) || l->end < range->start ||
		    l->start > range->end) {
			where = &l->next;
			continue;
		}
		if (!before && !behind) {
			drop_lock(list, where);
			continue;
		}
		if (before && behind)
			leave_both_ends(c, l);
		else if (before)
			l->end = range->start - 1;
		else
			l->start = range->end + 1;
		WRITE_ONCE(list->gone, list->gone + 1);
		where = &l->next;
	}
}

/* Merge the lock with its neighbours of the same type. */
static void absorb_neighbours(struct lock_list *list, struct file_lock *new)
{
	struct file_lock **where = &list->first, *l;

	while ((l = *where) != NULL) {
		bool before = l->end + 1 == new->start, after = new->end + 1 == l->start;

		if (l == new || !same_owner(l, new) || l->type != new->type || !(before || after)) {
			where = &l->next;
			continue;
		}
		new->start = MIN(new->start, l->start);
		new->end = MAX(new->end, l->end);
		drop_lock(list, where);
	}
}

/* The place behind the owner's locks that start earlier; for a new owner, the end of the list. */
static struct file_lock **place_of(struct lock_list *list, const struct file_lock *want)
{
	struct file_lock **where = &list->first;

	while (*where && !same_owner(*where, want))
		where = &(*where)->next;
	while (*where && same_owner(*where, want) && (*where)->start < want->start)
		where = &(*where)->next;
	return where;
}

/* Set a lock without conflicts. Uses the two spare locks as needed. */
static void apply(struct lock_list *list, const struct file_lock *want, struct file_lock *spare[2])
{
	struct change c = {.range = want, .spare = spare[1]};
	struct file_lock **where;
	struct user *user = spare[0]->user;

	if (want->type != F_UNLCK) {
		where = place_of(list, want);
		c.new = spare[0];
		spare[0] = NULL;
		*c.new = *want;
		c.new->user = user;
		c.new->next = *where;
		*where = c.new;
	}
	cut_out(list, &c);
	spare[1] = c.spare;
	if (c.new)
		absorb_neighbours(list, c.new);
}

/* ---- deadlocks: waiters_lock is held ---- */

static struct list_head *waiters_of(const void *owner)
{
	return &waiters[(u64)owner * waiters_key >> 56];
}

static const struct lock_waiter *waiter_of(const void *owner)
{
	struct lock_waiter *w;

	list_for_each_entry (w, waiters_of(owner), node)
		if (w->owner == owner)
			return w;
	return NULL;
}

/* Whether `blocker` waits for `owner`, directly or through others. */
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

/* Enter `w` among the waiters: -EAGAIN, or -EDEADLK. Openings belong to no process, so it is not
 * known what else they wait for. The file's list is locked. */
static int begin_waiting(const struct file_lock *want, const struct file_lock *in_the_way,
			 struct lock_waiter *w)
{
	int err = -EAGAIN;

	w->blocker = in_the_way->owner;
	guard_spin(&waiters_lock);
	if (of_process(want) && would_deadlock(want->owner, w->blocker))
		err = -EDEADLK;
	else
		list_add_tail(&w->node, waiters_of(w->owner));
	return err;
}

static void end_waiting(struct lock_waiter *w)
{
	guard_spin(&waiters_lock);
	list_del(&w->node);
}

/* ---- setting ---- */

/* Try once. 0, -EAGAIN, -EDEADLK. On -EAGAIN with `wait`, `w` is among the waiters. */
static int try_lock(struct lock_list *list, const struct file_lock *want,
		    struct file_lock *spare[2], bool wait, struct lock_waiter *w)
{
	struct file_lock *in_the_way;

	/* flock(2) drops the old lock before it asks for another type */
	if (want->whole && want->type != F_UNLCK)
		cut_out(list, &(struct change){.range = want});
	in_the_way = want->type == F_UNLCK ? NULL : find_conflict(list, want);
	if (in_the_way)
		return wait ? begin_waiting(want, in_the_way, w) : -EAGAIN;
	apply(list, want, spare);
	return 0;
}

static int lock_loop(struct lock_list *list, const struct file_lock *want,
		     struct file_lock *spare[2], bool wait)
{
	struct lock_waiter w = {.owner = want->owner};
	u64 before, seen;
	int err;

	for (;;) {
		mutex_lock(&list->lock);
		before = list->gone;
		err = try_lock(list, want, spare, wait, &w);
		seen = list->gone;
		mutex_unlock(&list->lock);
		if (seen != before)
			wake_up_all(&list->wait);
		if (err != -EAGAIN || !wait)
			return err;
		err = wait_event_interruptible(&list->wait, READ_ONCE(list->gone) != seen);
		end_waiting(&w);
		if (err)
			return err;
	}
}

static int set_lock(struct inode *i, const struct file_lock *want, bool wait)
{
	struct file_lock *spare[2] = {lock_alloc(), lock_alloc()};
	struct lock_list *list = list_of(i);
	int err = spare[0] && spare[1] && list ? lock_loop(list, want, spare, wait) : -ENOLCK;

	lock_free(spare[0]);
	lock_free(spare[1]);
	return err;
}

void locks_drop_all(struct inode *i, const void *owner)
{
	struct lock_list *list = i->locks;
	struct file_lock **where = &list->first;
	bool gone = false;

	mutex_lock(&list->lock);
	while (*where) {
		if ((*where)->owner == owner) {
			drop_lock(list, where);
			gone = true;
		} else {
			where = &(*where)->next;
		}
	}
	mutex_unlock(&list->lock);
	if (gone)
		wake_up_all(&list->wait);
}

static int import_range(struct file *f, const struct flock *in, struct file_lock *out)
{
	s64 start, end;

	if (!file_seek_base(f, in->l_whence, &start))
		return -EINVAL;
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
	if (type == F_UNLCK)
		return set ? 0 : -EINVAL;
	if (type != F_RDLCK && type != F_WRLCK)
		return -EINVAL;
	return !set || (f->mode & (type == F_RDLCK ? FMODE_READ : FMODE_WRITE)) ? 0 : -EBADF;
}

static void test_lock(struct inode *i, const struct file_lock *want, struct flock *out)
{
	struct lock_list *list = READ_ONCE(i->locks);
	const struct file_lock *l;

	out->l_type = F_UNLCK;
	if (!list)
		return;
	guard_mutex(&list->lock);
	l = find_conflict(list, want);
	if (l) {
		out->l_type = l->type;
		out->l_whence = SEEK_SET;
		out->l_start = (s64)l->start;
		out->l_len = l->end == TO_THE_END ? 0 : (s64)(l->end - l->start + 1);
		out->l_pid = l->pid;
	}
}

/* Another thread may have closed the file: then the lock must not stay. */
static void undo_if_closed(int fd, struct file *f, const struct file_lock *want)
{
	struct file *now scoped(file_put) = file_get_fd(fd);

	if (now != f && of_process(want))
		locks_drop(f->inode, want->owner);
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

/* Whether it is already held with that type. */
static bool holds_whole(struct inode *i, const struct file_lock *want)
{
	struct lock_list *list = READ_ONCE(i->locks);

	if (!list)
		return false;
	guard_mutex(&list->lock);
	for (const struct file_lock *l = list->first; l; l = l->next)
		if (l->whole && l->owner == want->owner && l->type == want->type)
			return true;
	return false;
}

long sys_flock(int fd, unsigned int op)
{
	u32 kind = op & ~(u32)LOCK_NB;
	struct file_lock want = {.pid = current->tgid_nr, .whole = true, .end = TO_THE_END};

	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return -EINVAL;
	want.type = kind == LOCK_SH ? F_RDLCK : kind == LOCK_EX ? F_WRLCK : F_UNLCK;
	struct file *f scoped(file_put) = file_get_io(fd);
	if (!f)
		return -EBADF;
	want.owner = f;
	return holds_whole(f->inode, &want) ? 0 : set_lock(f->inode, &want, !(op & LOCK_NB));
}

/* ---- /proc/locks: proc_locks(5) ---- */

static void show_lock(struct seq *s, const struct file_lock *l, const struct inode *i, u32 n)
{
	const char *kind = l->whole ? "FLOCK " : l->pid == -1 ? "OFDLCK" : "POSIX ";

	seq_printf(s, "%u: %s ADVISORY  %s %d %02x:%02x:%lu %lu ", n, kind,
		   l->type == F_WRLCK ? "WRITE" : "READ ", l->pid, major_of(i->sb->dev),
		   minor_of(i->sb->dev), i->ino, l->start);
	if (l->end == TO_THE_END)
		seq_puts(s, "EOF\n");
	else
		seq_printf(s, "%lu\n", l->end);
}

/* The list behind `list` (NULL: the first), with a reference to its inode; or NULL. Drops the
 * reference to that of `list`. */
static struct lock_list *next_list(struct lock_list *list)
{
	struct lock_list *next = NULL;
	struct list_head *at;

	spin_lock(&lists_lock);
	for (at = list ? list->all.next : lists.next; !next && at != &lists; at = at->next) {
		struct lock_list *l = list_entry(at, struct lock_list, all);

		if (refcount_inc_not_zero(&l->inode->count)) /* else it is just being freed */
			next = l;
	}
	spin_unlock(&lists_lock);
	if (list)
		inode_put(list->inode);
	return next;
}

void locks_show(struct seq *s)
{
	u32 n = 0;

	for (struct lock_list *list = next_list(NULL); list; list = next_list(list)) {
		guard_mutex(&list->lock);
		for (const struct file_lock *l = list->first; l; l = l->next)
			show_lock(s, l, list->inode, ++n);
	}
}

void locks_show_of(struct seq *s, struct file *f, const void *owner)
{
	struct lock_list *list = READ_ONCE(f->inode->locks);
	u32 n = 0;

	if (!list)
		return;
	guard_mutex(&list->lock);
	for (const struct file_lock *l = list->first; l; l = l->next) {
		if (l->owner != f && l->owner != owner)
			continue;
		seq_puts(s, "lock:\t");
		show_lock(s, l, f->inode, ++n);
	}
}
