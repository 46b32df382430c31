/*
 * inotify(7).
 *
 * A watch ties an inode to an inotify descriptor; it holds no reference to either. It goes with the
 * descriptor, with the inode, by inotify_rm_watch(2), or after one event (IN_ONESHOT). notify_lock
 * guards all watches and queues.
 */
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/lib/treap.h"
#include "mm/slab.h"

#define MASK_BITS (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT) /* what a watch keeps */
/* What inotify_add_watch(2) takes: Linux also takes what only an event can have. */
#define ALL_BITS                                                                           \
	(MASK_BITS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD | IN_MASK_CREATE | ALWAYS | \
	 IN_ISDIR | IN_Q_OVERFLOW)
/* Told to every watch, asked for or not: they say that it ends. */
#define ALWAYS     (IN_IGNORED | IN_UNMOUNT)
#define NAME_ALIGN sizeof(struct inotify_event) /* of an event's length, with its name */

struct event {
	struct list_head link;
	/* From here on as struct inotify_event, which clang does not want inside of a struct. */
	int wd;
	u32 mask, cookie;
	u32 len; /* of the name with its NUL bytes; 0: none */
	char name[];
};
#define HEAD offsetof(struct event, wd)
_Static_assert(offsetof(struct event, name) - HEAD == sizeof(struct inotify_event), "the ABI");

struct inotify {
	struct wait_queue wait;
	struct list_head queue;     /* notify_lock; emptiness is read without it */
	u32 nr_events;              /* notify_lock */
	int last_wd;                /* notify_lock */
	struct treap_node *watches; /* notify_lock: by number */
	struct user *user;          /* charged: constant, a reference */
	struct event overflow;      /* notify_lock: in the queue, if its link is not empty */
};

struct watch {
	struct treap_node node; /* of owner->watches; its prio is random */
	struct watch *next;     /* of the same inode */
	struct inode *inode;
	struct inotify *owner;
	int wd;
	u32 mask;
};

static spinlock_t notify_lock = SPINLOCK_INIT(LOCK_NOTIFY); /* all marked so, and struct watch */
u64 nr_watches;
u64 inotify_max_instances = 128, inotify_max_watches, inotify_max_events = 16384;

/* As on Linux: a hundredth of memory, at about a KiB for a watch with its inode. */
void inotify_init(void)
{
	u64 fit = nr_total_pages() / 100 * (PAGE_SIZE / 1024);

	inotify_max_watches = MIN(MAX(fit, 8192UL), 1048576UL);
}

/* ---- the queue ---- */

static int units(const struct event *e)
{
	return (int)DIV_ROUND_UP(sizeof(*e) + e->len, 64UL);
}

static void free_event(struct inotify *n, struct event *e)
{
	if (!e || e == &n->overflow)
		return;
	atomic_add_return(&n->user->notices, -units(e));
	kfree(e);
}

static struct event *last_event(struct inotify *n)
{
	return list_empty(&n->queue) ? NULL : list_entry(n->queue.prev, struct event, link);
}

/* Does the event say the same as the one before, which was not read yet? */
static bool repeats(const struct event *e, const struct event *last)
{
	return last && !(e->mask & IN_IGNORED) && last->wd == e->wd && last->mask == e->mask &&
	       last->cookie == e->cookie && last->len == e->len &&
	       !memcmp(last->name, e->name, e->len);
}

static void overflow(struct inotify *n)
{
	if (!list_empty(&n->overflow.link))
		return;
	n->overflow.wd = -1;
	n->overflow.mask = IN_Q_OVERFLOW;
	list_add_tail(&n->overflow.link, &n->queue);
	n->nr_events++;
}

/* Takes `e`; NULL, for want of memory, is an overflow too. Lock held. */
static void queue_event(struct inotify *n, struct event *e)
{
	if (e && repeats(e, last_event(n))) {
		free_event(n, e);
		return;
	}
	if (!e || n->nr_events >= READ_ONCE(inotify_max_events)) {
		free_event(n, e);
		overflow(n);
	} else {
		list_add_tail(&e->link, &n->queue);
		n->nr_events++;
	}
	wake_up_all(&n->wait);
}

/* NULL without memory, or when the user's unread events take a 64th of all memory. */
static struct event *make_event(struct inotify *n, int wd, u32 mask, u32 cookie,
				const struct qname *name)
{
	u32 len = name ? (u32)ALIGN_UP(name->len + 1, NAME_ALIGN) : 0;
	struct event *e = kzalloc(sizeof(*e) + len);

	if (!e)
		return NULL;
	e->wd = wd;
	e->mask = mask;
	e->cookie = cookie;
	e->len = len;
	if (name)
		memcpy(e->name, name->s, name->len);
	if ((u64)atomic_add_return(&n->user->notices, units(e)) <= nr_total_pages())
		return e;
	free_event(n, e);
	return NULL;
}

/* ---- watches: the lock is held ---- */

static int by_number(const void *key, const struct treap_node *n)
{
	int wd = container_of(n, struct watch, node)->wd, wanted = *(const int *)key;

	return wanted == wd ? 0 : wanted < wd ? -1 : 1;
}

/* Take a watch away and tell its owner, but for the owner's end. */
static void drop_watch(struct watch *w, bool tell)
{
	struct inotify *n = w->owner;
	struct watch **at = &w->inode->watches;

	while (*at != w)
		at = &(*at)->next;
	WRITE_ONCE(*at, w->next);
	treap_remove(&n->watches, &w->wd, by_number);
	if (tell)
		queue_event(n, make_event(n, w->wd, IN_IGNORED, 0, NULL));
	atomic_dec(&n->user->file_watches);
	WRITE_ONCE(nr_watches, nr_watches - 1);
	kfree(w);
}

/* What the owner reads: Linux leaves IN_ISDIR out where the watched file itself is meant so. */
static u32 shown(u32 event)
{
	return event & (IN_DELETE_SELF | IN_MOVE_SELF) ? event & ~(u32)IN_ISDIR : event;
}

static void tell_watch(struct watch *w, u32 event, u32 cookie, const struct qname *name,
		       bool unlinked)
{
	if (!(event & (w->mask | ALWAYS) & (IN_ALL_EVENTS | ALWAYS)) ||
	    (unlinked && (w->mask & IN_EXCL_UNLINK)))
		return;
	queue_event(w->owner, make_event(w->owner, w->wd, shown(event), cookie, name));
	if (w->mask & IN_ONESHOT)
		drop_watch(w, true);
}

void watches_tell(struct inode *i, u32 event, u32 cookie, const struct qname *name, bool unlinked)
{
	struct watch *next;
	guard_spin(&notify_lock);

	for (struct watch *w = i->watches; w; w = next) {
		next = w->next;
		tell_watch(w, event, cookie, name, unlinked);
	}
}

void watches_drop(struct inode *i)
{
	u32 kind = inode_is(i, S_IFDIR) ? IN_ISDIR : 0;
	struct watch *w;
	guard_spin(&notify_lock);

	while ((w = i->watches) != NULL) {
		int wd = w->wd;
		struct inotify *n = w->owner;

		tell_watch(w, i->nlink ? IN_UNMOUNT | kind : IN_DELETE_SELF, 0, NULL, false);
		if (treap_find(n->watches, &wd, by_number)) /* it was not for one event only */
			drop_watch(w, true);
	}
}

/* ---- the descriptor ---- */

/* The first event, if it fits into `room`. NULL: there is none, or (*small) it is too long. */
static struct event *take_event(struct inotify *n, size_t room, bool *small)
{
	struct event *e;
	guard_spin(&notify_lock);

	*small = false;
	if (list_empty(&n->queue))
		return NULL;
	e = list_first_entry(&n->queue, struct event, link);
	*small = sizeof(struct inotify_event) + e->len > room;
	if (*small)
		return NULL;
	list_del_init(&e->link);
	n->nr_events--;
	return e;
}

/* Copy an event out and free it. Its length, or -EFAULT. */
static ssize_t put_event(struct inotify *n, struct event *e, struct uio *io)
{
	size_t len = sizeof(struct inotify_event) + e->len;
	bool ok = uio_store(io, (char *)e + HEAD, len) == len;

	free_event(n, e);
	return ok ? (ssize_t)len : -EFAULT;
}

static ssize_t inotify_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct inotify *n = f->private;
	ssize_t done = 0, got;
	struct event *e;
	bool small;

	for (;;) {
		e = take_event(n, io->left, &small);
		if (e) {
			got = put_event(n, e, io);
			if (got < 0)
				return done ? done : got;
			done += got;
			continue;
		}
		if (done)
			return done;
		if (small)
			return -EINVAL;
		got = file_wait(f, &n->wait, !list_empty(&n->queue));
		if (got)
			return got;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *n = f->private;

	poll_wait_for(pt, &n->wait, POLL_READ);
	return list_empty(&n->queue) ? 0 : POLLIN | POLLRDNORM;
}

static long inotify_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct inotify *n = f->private;
	struct event *e;
	size_t bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_lock(&notify_lock);
	list_for_each_entry (e, &n->queue, link)
		bytes += sizeof(struct inotify_event) + e->len;
	spin_unlock(&notify_lock);
	return put_user((int)bytes, (int __user *)arg);
}

static bool drop_one(struct inotify *n)
{
	guard_spin(&notify_lock);

	if (!n->watches)
		return false;
	drop_watch(container_of(n->watches, struct watch, node), false);
	return true;
}

static void inotify_free(struct inotify *n)
{
	atomic_dec(&n->user->notifiers);
	put_user_struct(n->user);
	kfree(n);
}

static void inotify_release(struct file *f)
{
	struct inotify *n = f->private;
	struct event *e;
	bool small;

	while (drop_one(n))
		;
	while ((e = take_event(n, SIZE_MAX, &small)) != NULL)
		free_event(n, e);
	inotify_free(n);
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.lseek = no_lseek,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
};

/* A descriptor that can only be read, or -errno. Takes `n`, also on failure. */
static int open_inotify(struct inotify *n, int flags)
{
	struct file *f = anon_file_alloc("inotify", &inotify_ops, n, flags);

	if (!f) {
		inotify_free(n);
		return file_alloc_error();
	}
	f->mode &= ~(u32)FMODE_WRITE;
	f->flags = (f->flags & ~(u32)O_ACCMODE) | O_RDONLY;
	return fd_open(f, 0, flags & IN_CLOEXEC);
}

long sys_inotify_init1(int flags)
{
	struct user *user = current->cred->user;
	struct inotify *n;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	wait_queue_init(&n->wait);
	list_init(&n->queue);
	list_init(&n->overflow.link);
	n->user = user;
	refcount_inc(&user->count);
	if ((u64)atomic_add_return(&user->notifiers, 1) <= READ_ONCE(inotify_max_instances))
		return open_inotify(n, flags);
	inotify_free(n);
	return -EMFILE;
}

/* ---- inotify_add_watch(2), inotify_rm_watch(2) ---- */

static struct watch *find_watch(struct inotify *n, const struct inode *i)
{
	struct watch *w = i->watches;

	while (w && w->owner != n)
		w = w->next;
	return w;
}

static void insert_watch(struct inotify *n, struct watch *w, struct inode *i, u32 mask)
{
	w->inode = i;
	w->owner = n;
	w->mask = mask & MASK_BITS;
	do
		n->last_wd = n->last_wd == INT32_MAX ? 1 : n->last_wd + 1;
	while (treap_find(n->watches, &n->last_wd, by_number));
	w->wd = n->last_wd;
	w->node.prio = (u32)w->wd * 2654435761U;
	treap_insert(&n->watches, &w->node, &w->wd, by_number);
	w->next = i->watches;
	WRITE_ONCE(i->watches, w);
	WRITE_ONCE(nr_watches, nr_watches + 1);
}

/* Change the watch that there is, or use up *fresh. Its number; -ENOENT if there is neither. */
static int set_watch(struct inotify *n, struct inode *i, u32 mask, struct watch **fresh)
{
	struct watch *w;
	guard_spin(&notify_lock);

	w = find_watch(n, i);
	if (w && (mask & IN_MASK_CREATE))
		return -EEXIST;
	if (w) {
		w->mask = (mask & MASK_BITS) | (mask & IN_MASK_ADD ? w->mask : 0);
		return w->wd;
	}
	w = *fresh;
	if (!w)
		return -ENOENT;
	*fresh = NULL;
	insert_watch(n, w, i, mask);
	return w->wd;
}

static int add_watch(struct inotify *n, struct inode *i, u32 mask)
{
	struct watch *w = NULL;
	int ret = set_watch(n, i, mask, &w);

	if (ret != -ENOENT)
		return ret;
	if ((u64)atomic_add_return(&n->user->file_watches, 1) > READ_ONCE(inotify_max_watches))
		ret = -ENOSPC;
	else
		w = kzalloc(sizeof(*w));
	if (ret == -ENOENT)
		ret = w ? set_watch(n, i, mask, &w) : -ENOMEM;
	if (ret < 0 || w) /* not used */
		atomic_dec(&n->user->file_watches);
	kfree(w);
	return ret;
}

static int watch_path(struct inotify *n, const char __user *path, u32 mask)
{
	struct dentry *d scoped(dentry_put) =
		user_path(AT_FDCWD, path, mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW);
	int err;

	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if ((mask & IN_ONLYDIR) && !inode_is(d->inode, S_IFDIR))
		return -ENOTDIR;
	err = inode_permission(d->inode, MAY_READ);
	return err ? err : add_watch(n, d->inode, mask);
}

long sys_inotify_add_watch(int fd, const char __user *path, u32 mask)
{
	struct file *f scoped(file_put) = NULL;

	if (!(mask & ALL_BITS) || (mask & ~ALL_BITS))
		return -EINVAL;
	f = file_get_io(fd);
	if (!f)
		return -EBADF;
	if (f->ops != &inotify_ops || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	return watch_path(f->private, path, mask);
}

long sys_inotify_rm_watch(int fd, int wd)
{
	struct file *f scoped(file_put) = file_get_io(fd);
	struct treap_node *n;

	if (!f || f->ops != &inotify_ops)
		return f ? -EINVAL : -EBADF;
	guard_spin(&notify_lock);
	n = treap_find(((struct inotify *)f->private)->watches, &wd, by_number);
	if (!n)
		return -EINVAL;
	drop_watch(container_of(n, struct watch, node), true);
	return 0;
}
