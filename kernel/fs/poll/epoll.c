/*
 * epoll(7).
 *
 * A set has a tree of its items, by file and descriptor, and a list of items that may be ready. An
 * item hooks into the wait queues of its file: a wake-up there puts the item into the ready list
 * and wakes one task that waits for the set. That task asks only the files of the ready list.
 * Reported items stay in the list, where the next wait asks their files again; those with EPOLLET
 * do not, and come back with the next wake-up.
 *
 * An item holds no reference to its file. Each file that was ever in a set has a list of its items
 * (struct watched), so its release costs only as much as its own items. An item is freed by
 * whatever takes it out of that list: the release of the file or of the set, or EPOLL_CTL_DEL. A
 * set lives until its last item is freed. While an item is in that list and its set is locked, the
 * file is not released, for its release locks the set to take the item out.
 *
 * A set may be polled, also by other sets, up to MAX_NESTS deep and without loops. Its pollers wait
 * in a queue of their own, which is woken once until one of them has asked: so a wake-up visits
 * each set above a file once, however many ways lead there.
 *
 * Order of locks: nest_lock, epoll.lock (outer set before inner), then watched.lock or a file's
 * wait queue, then epoll.waiting.lock, then epoll.pollers.lock and the same locks of outer sets.
 */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "kernel/lib/treap.h"
#include "mm/slab.h"

#include <linux/eventpoll.h>

#define EPOLL_NEVER_MASKED ((u32)(POLLERR | POLLHUP))
#define ONESHOT            ((u32)EPOLLONESHOT)
#define EDGE               ((u32)EPOLLET)
#define EXCLUSIVE          ((u32)EPOLLEXCLUSIVE)
#define WAKEUP             ((u32)EPOLLWAKEUP) /* keeps a laptop awake: there is no suspending here */
#define EPOLL_HOW          (ONESHOT | EDGE | EXCLUSIVE | WAKEUP) /* bits of `events` that are not events */
/* What may stand beside EPOLLEXCLUSIVE. */
#define WITH_EXCLUSIVE ((u32)(POLLIN | POLLOUT) | EPOLL_NEVER_MASKED | EDGE | EXCLUSIVE | WAKEUP)
#define MAX_NESTS      4 /* sets within sets: as on Linux */
#define MAX_OUTER      8 /* sets directly around one: a wake-up follows all ways up */
#define MAX_EVENTS     (0x7fffffff / (int)sizeof(struct epoll_event))
#define MAX_QUEUES     2 /* of a file's poll operation */

struct epoll {
	refcount_t count;          /* its file, and its items */
	struct mutex lock;         /* LOCK_EPOLL; of an outer set before an inner one's */
	struct treap_node *items;  /* lock */
	u64 seed;                  /* lock: for the tree's priorities */
	struct user *user;         /* the user charged for the items: constant, a reference */
	struct wait_queue waiting; /* tasks. waiting.lock is LOCK_READY */
	struct wait_queue pollers; /* of the set itself. pollers.lock is LOCK_READY */
	struct list_head ready;    /* waiting.lock: items */
	bool collecting;        /* waiting.lock: a task has taken the ready items, to check them */
	bool told;              /* waiting.lock: the pollers were woken, and none has asked since */
	struct list_head inner; /* lock: the items whose file is a set */
	int above;              /* nest_lock: at least the sets that one finds above it */
	int below;              /* nest_lock: as found by the look with this number: */
	u64 look;               /* nest_lock */
};

/* The items of one file in all sets. */
struct watched {
	spinlock_t lock; /* LOCK_WATCHED */
	struct list_head items;
};

struct hook {
	struct wait_hook wait;
	struct wait_queue *queue;
	struct epoll_item *item;
	u32 events; /* what a wake-up may mean */
};

struct epoll_item {
	struct treap_node node;   /* set->lock */
	struct list_head ready;   /* set->waiting.lock; empty: not known to be ready */
	struct list_head of_file; /* watched->lock; empty: it is being freed */
	struct list_head inner;   /* set->lock: in set->inner, or empty */
	struct epoll *set;        /* constant; a reference */
	struct file *file;        /* constant; no reference */
	int fd;                   /* constant */
	bool in_set;              /* set->lock: in the tree, with its hooks */
	u8 queues;                /* constant after add_item() */
	u32 events;               /* set->lock to write; EPOLL_HOW alone: a one-shot that fired */
	u64 data;                 /* set->lock */
	struct hook hooks[MAX_QUEUES];
};

#define ITEM_COST (sizeof(struct epoll_item) + sizeof(struct watched))

u64 epoll_max_watches;
static struct kmem_cache *item_cache, *watched_cache;

/* A user may fill 4 % of memory with items, as on Linux. */
void epoll_init(void)
{
	item_cache = kmem_cache_create("epoll_item", sizeof(struct epoll_item), 0);
	watched_cache = kmem_cache_create("watched", sizeof(struct watched), 0);
	epoll_max_watches = nr_total_pages() / 25 * PAGE_SIZE / ITEM_COST;
}

static void epoll_put(struct epoll *ep)
{
	if (!refcount_dec_and_test(&ep->count))
		return;
	put_user_struct(ep->user);
	kfree(ep);
}

/* Those who poll the set: tasks, and sets around it. The queue's lock may be taken while an inner
 * set's is held, in which case interrupts are off already. */
static void wake_pollers(struct epoll *ep)
{
	u64 flags;

	if (likely(!has_waiters(&ep->pollers)))
		return;
	flags = local_irq_save();
	spin_lock_nested(&ep->pollers.lock);
	wake_up_locked(&ep->pollers, true);
	spin_unlock_irqrestore(&ep->pollers.lock, flags);
}

/* Queue the item, and wake one task. True: somebody was waiting. */
static bool make_ready(struct epoll_item *it)
{
	struct epoll *ep = it->set;
	u64 flags = local_irq_save();
	bool waited, tell;

	spin_lock_nested(&ep->waiting.lock);
	if (list_empty(&it->ready))
		list_add_tail(&it->ready, &ep->ready);
	waited = !list_empty(&ep->waiting.waiters) || !list_empty(&ep->pollers.waiters);
	wake_up_locked(&ep->waiting, false);
	tell = !ep->told;
	ep->told = true;
	spin_unlock_irqrestore(&ep->waiting.lock, flags);
	if (tell)
		wake_pollers(ep);
	return waited;
}

/* Does a wake-up that means these events concern an item that wants those? It tells of an error or
 * hang-up in each queue. */
static bool concerns(u32 meant, u32 wanted)
{
	u32 asked = wanted & ~EPOLL_HOW & ~EPOLL_NEVER_MASKED;

	return (wanted & ~EPOLL_HOW) && (!asked || (meant & asked));
}

/* Called with the file's wait queue locked. */
static bool item_woken(struct wait_hook *wait, bool woken)
{
	struct hook *h = container_of(wait, struct hook, wait);
	u32 wanted = READ_ONCE(h->item->events);

	if (!concerns(h->events, wanted) || ((wanted & EXCLUSIVE) && woken))
		return false;
	return make_ready(h->item) && (wanted & EXCLUSIVE);
}

struct item_table {
	struct poll_table pt;
	struct epoll_item *item;
};

static void join_item(struct poll_table *pt, struct wait_queue *q, u32 events)
{
	struct epoll_item *it = container_of(pt, struct item_table, pt)->item;
	struct hook *h = &it->hooks[it->queues];

	BUG_ON(it->queues == MAX_QUEUES);
	it->queues++;
	h->item = it;
	h->queue = q;
	h->events = events;
	wait_hook_add(q, &h->wait, item_woken);
}

/* The wanted events that the file has. The set is locked. */
static u32 item_poll(struct epoll_item *it, struct poll_table *pt)
{
	u32 events = it->file->ops->poll(it->file, pt) & it->events & ~EPOLL_HOW;

	/* 0: the file is being released, and leaves the set soon */
	return refcount_read(&it->file->count) ? events : 0;
}

static void item_look(struct epoll_item *it, struct poll_table *pt)
{
	if (item_poll(it, pt))
		make_ready(it);
}

/* ---- the set's tree ---- */

struct item_key {
	const struct file *file;
	int fd;
};

static int compare(const void *key, const struct treap_node *n)
{
	const struct epoll_item *it = container_of(n, struct epoll_item, node);
	const struct item_key *k = key;

	if (k->file != it->file)
		return k->file < it->file ? -1 : 1;
	return k->fd == it->fd ? 0 : k->fd < it->fd ? -1 : 1;
}

static struct epoll_item *find_item(struct epoll *ep, const struct file *f, int fd)
{
	struct treap_node *n = treap_find(ep->items, &(struct item_key){f, fd}, compare);

	return n ? container_of(n, struct epoll_item, node) : NULL;
}

static u32 next_prio(struct epoll *ep)
{
	ep->seed = ep->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (u32)(ep->seed >> 32);
}

/* ---- life of an item ---- */

/* The file's struct watched, created if missing. NULL without memory. */
static struct watched *watched_of(struct file *f)
{
	struct watched *w = READ_ONCE(f->watched), *fresh;

	if (w)
		return w;
	fresh = kmem_cache_zalloc(watched_cache);
	if (!fresh)
		return NULL;
	spin_lock_init(&fresh->lock, LOCK_WATCHED);
	list_init(&fresh->items);
	if (__atomic_compare_exchange_n(&f->watched, &w, fresh, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fresh;
	kmem_cache_free(watched_cache, fresh); /* another task was faster */
	return w;
}

static struct epoll_item *item_alloc(struct epoll *ep)
{
	struct epoll_item *it = kmem_cache_zalloc(item_cache);

	if (!it)
		return NULL;
	it->set = ep;
	refcount_inc(&ep->count);
	list_init(&it->ready);
	list_init(&it->inner);
	return it;
}

/* Free an item that is in no list and no tree. */
static void item_free(struct epoll_item *it)
{
	struct epoll *ep = it->set;

	atomic_dec(&ep->user->watches);
	kmem_cache_free(item_cache, it);
	epoll_put(ep);
}

/* Take an item out of its set and its file's wait queues. The set is locked. */
static void leave_set(struct epoll *ep, struct epoll_item *it)
{
	if (!it->in_set)
		return;
	treap_remove(&ep->items, &(struct item_key){it->file, it->fd}, compare);
	it->in_set = false;
	list_del_init(&it->inner);
	for (u32 i = 0; i < it->queues; i++)
		wait_hook_remove(it->hooks[i].queue, &it->hooks[i].wait);
	guard_irq(&ep->waiting.lock);
	list_del_init(&it->ready);
}

/* Take an item out of its file's list, after leave_set(): then the file may be released. True: the
 * caller frees the item; else the file's release does, which waits for the set's lock. Lock held.
 */
static bool leave_file(struct epoll_item *it)
{
	struct watched *w = it->file->watched;
	bool mine;

	guard_spin(&w->lock);
	mine = !list_empty(&it->of_file);
	list_del_init(&it->of_file);
	return mine;
}

static struct epoll_item *take_first(struct watched *w)
{
	guard_spin(&w->lock);
	return list_take_first(&w->items, struct epoll_item, of_file);
}

void epoll_forget(struct file *f)
{
	struct watched *w = f->watched;
	struct epoll_item *it;

	while ((it = take_first(w)) != NULL) {
		struct epoll *ep = it->set; /* held by the item */

		mutex_lock(&ep->lock);
		leave_set(ep, it);
		mutex_unlock(&ep->lock);
		item_free(it);
	}
	kmem_cache_free(watched_cache, w);
}

/* ---- life of a set ---- */

/* Drops the lock between two items, for files that are being released. */
static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private;

	mutex_lock(&ep->lock);
	while (ep->items) {
		struct epoll_item *it = container_of(ep->items, struct epoll_item, node);
		bool mine;

		leave_set(ep, it);
		mine = leave_file(it);
		mutex_unlock(&ep->lock);
		if (mine)
			item_free(it);
		mutex_lock(&ep->lock);
	}
	mutex_unlock(&ep->lock);
	epoll_put(ep);
}

/* ---- the list of ready items ---- */

/* Something may be ready. Also while another task checks, which may leave some of it. */
static bool may_be_ready(const struct epoll *ep)
{
	return !list_empty(&ep->ready) || READ_ONCE(ep->collecting);
}

static void begin_collecting(struct epoll *ep, struct list_head *work)
{
	guard_irq(&ep->waiting.lock);
	list_splice_tail(&ep->ready, work);
	ep->collecting = true;
}

/* Put back the unchecked items, then those ready meanwhile, then the reported. Wake one more. */
static void end_collecting(struct epoll *ep, struct list_head *work, struct list_head *told)
{
	guard_irq(&ep->waiting.lock);
	list_splice_tail(&ep->ready, work);
	list_splice_tail(told, work);
	list_splice_tail(work, &ep->ready);
	ep->collecting = false;
	if (!list_empty(&ep->ready))
		wake_up_locked(&ep->waiting, false);
}

/* Take an item out of the list before its file is asked, so that a later wake-up queues it. */
static struct epoll_item *next_item(struct epoll *ep, struct list_head *work)
{
	guard_irq(&ep->waiting.lock);
	return list_take_first(work, struct epoll_item, ready);
}

/* Queue an item that is still ready, unless a wake-up has queued it. */
static void stays_ready(struct epoll *ep, struct epoll_item *it, struct list_head *list)
{
	guard_irq(&ep->waiting.lock);
	if (list_empty(&it->ready))
		list_add_tail(&it->ready, list);
}

/* The pollers are woken again by what becomes ready from now on. */
static void forget_told(struct epoll *ep)
{
	guard_irq(&ep->waiting.lock);
	ep->told = false;
}

/* Has a ready item its events still? Those that have not leave the list. */
static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct list_head work = LIST_HEAD_INIT(work), told = LIST_HEAD_INIT(told);
	struct epoll *ep = f->private;
	struct epoll_item *it;
	bool ready = false;

	poll_wait_for(pt, &ep->pollers, POLLIN | POLLRDNORM);
	guard_mutex_nested(&ep->lock);
	forget_told(ep);
	begin_collecting(ep, &work);
	while (!ready && (it = next_item(ep, &work)) != NULL) {
		ready = item_poll(it, NULL) != 0;
		if (ready)
			stays_ready(ep, it, &told);
	}
	end_collecting(ep, &work, &told);
	return ready ? POLLIN | POLLRDNORM : 0;
}

/* The set is locked. The tree's depth is logarithmic. */
static void show_items(const struct treap_node *n, struct seq *s)
{
	const struct epoll_item *it = container_of(n, struct epoll_item, node);

	if (!n)
		return;
	show_items(n->left, s);
	seq_printf(s, "tfd: %8d events: %8x data: %16lx  pos:%lu ino:%lx sdev:%lx\n", it->fd,
		   it->events, it->data, it->file->pos, it->file->inode->ino,
		   (u64)it->file->inode->sb->dev);
	show_items(n->right, s);
}

static void epoll_show_fdinfo(struct file *f, struct seq *s)
{
	struct epoll *ep = f->private;

	guard_mutex(&ep->lock);
	show_items(ep->items, s);
}

static const struct file_ops epoll_ops = {
	.release = epoll_release, .poll = epoll_poll, .show_fdinfo = epoll_show_fdinfo};

static bool is_set(const struct file *f)
{
	return f->ops == &epoll_ops;
}

long sys_epoll_create1(int flags)
{
	struct epoll *ep;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	refcount_set(&ep->count, 1);
	mutex_init(&ep->lock, LOCK_EPOLL);
	wait_queue_init(&ep->waiting);
	spin_lock_init(&ep->waiting.lock, LOCK_READY);
	wait_queue_init(&ep->pollers);
	spin_lock_init(&ep->pollers.lock, LOCK_READY);
	list_init(&ep->ready);
	list_init(&ep->inner);
	ep->seed = random_u64();
	ep->user = current->cred->user;
	refcount_inc(&ep->user->count);
	fd = anon_file_open("[eventpoll]", &epoll_ops, ep, flags);
	if (fd < 0)
		epoll_put(ep);
	return fd;
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* ---- epoll_ctl(2): the set is locked, and the file held ---- */

static int item_create(struct epoll *ep, struct file *f, struct epoll_item **out)
{
	bool room = (u64)atomic_add_return(&ep->user->watches, 1) <= READ_ONCE(epoll_max_watches);

	*out = room && watched_of(f) ? item_alloc(ep) : NULL;
	if (*out)
		return 0;
	atomic_dec(&ep->user->watches);
	return room ? -ENOMEM : -ENOSPC;
}

static int add_item(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct item_table table = {.pt.join = join_item};
	struct epoll_item *it;
	int err = item_create(ep, f, &it);

	if (err)
		return err;
	it->file = f;
	it->fd = fd;
	it->events = ev->events | EPOLL_NEVER_MASKED;
	it->data = ev->data;
	it->node.prio = next_prio(ep);
	treap_insert(&ep->items, &it->node, &(struct item_key){f, fd}, compare);
	it->in_set = true;
	spin_lock(&f->watched->lock);
	list_add_tail(&it->of_file, &f->watched->items);
	spin_unlock(&f->watched->lock);
	table.item = it;
	item_look(it, &table.pt);
	return 0;
}

static int modify_item(struct epoll_item *it, const struct epoll_event *ev)
{
	it->data = ev->data;
	/* later wake-ups use the new events; item_look() below finds earlier ones */
	__atomic_store_n(&it->events, ev->events | EPOLL_NEVER_MASKED, __ATOMIC_SEQ_CST);
	item_look(it, NULL);
	return 0;
}

static int delete_item(struct epoll *ep, struct epoll_item *it)
{
	leave_set(ep, it);
	leave_file(it); /* true, for the caller holds the file */
	item_free(it);
	return 0;
}

static int change_set(struct epoll *ep, int op, struct file *f, int fd,
		      const struct epoll_event *ev)
{
	struct epoll_item *it = find_item(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : add_item(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return !it ? -ENOENT : it->events & EXCLUSIVE ? -EINVAL : modify_item(it, ev);
	case EPOLL_CTL_DEL:
		return it ? delete_item(ep, it) : -ENOENT;
	default:
		return -EINVAL;
	}
}

/* ---- sets within sets ---- */

static struct mutex nest_lock =
	MUTEX_INIT(nest_lock, LOCK_EPOLL_NEST); /* no two nest at the same time */
static u64 last_look;                           /* nest_lock */

/* How many sets stand below each other in `ep`? More than MAX_NESTS: too many, or one of them is
 * `outer`. Each set is walked once in a look. Caller holds nest_lock. */
static int depth_below(struct epoll *ep, const struct epoll *outer, int depth)
{
	struct epoll_item *it;
	int below = 0;

	if (ep == outer || depth > MAX_NESTS)
		return MAX_NESTS + 1;
	guard_mutex_nested(&ep->lock);
	if (ep->look == last_look)
		return ep->below;
	list_for_each_entry (it, &ep->inner, inner)
		below = MAX(below, 1 + depth_below(it->file->private, outer, depth + 1));
	ep->look = last_look;
	ep->below = below;
	return below;
}

/* There are `above` sets above `ep` now. Caller holds nest_lock. */
static void count_above(struct epoll *ep, int above)
{
	struct epoll_item *it;

	if (ep->above >= above)
		return;
	ep->above = above;
	guard_mutex_nested(&ep->lock);
	list_for_each_entry (it, &ep->inner, inner)
		count_above(it->file->private, above + 1);
}

/* How many sets is the file in? At most `most` are counted. */
static int sets_around(const struct file *f, int most)
{
	struct watched *w = READ_ONCE(f->watched);
	struct epoll_item *it;
	int n = 0;

	if (!w)
		return 0;
	guard_spin(&w->lock);
	list_for_each_entry (it, &w->items, of_file)
		if (++n == most)
			break;
	return n;
}

/* epoll_ctl(2): -ELOOP when the set would be in itself, or too deep; -EINVAL when it is in too
 * many. */
static int add_set(struct file *outer, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = outer->private, *inner = f->private;
	int err;
	guard_mutex(&nest_lock);

	if (!sets_around(outer, 1))
		ep->above = 0;
	if (!sets_around(f, 1))
		inner->above = 0;
	if (sets_around(f, MAX_OUTER) == MAX_OUTER)
		return -EINVAL;
	last_look++;
	if (ep->above + 1 + depth_below(inner, ep, 0) > MAX_NESTS)
		return -ELOOP;
	mutex_lock(&ep->lock);
	err = change_set(ep, EPOLL_CTL_ADD, f, fd, ev);
	if (!err)
		list_add_tail(&find_item(ep, f, fd)->inner, &ep->inner);
	mutex_unlock(&ep->lock);
	if (!err)
		count_above(inner, ep->above + 1);
	return err;
}

static int control(struct file *set, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = set->private;

	if (!f->ops || !f->ops->poll)
		return -EPERM; /* always ready */
	if (set == f || !is_set(set))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & EXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || is_set(f) || (ev->events & ~WITH_EXCLUSIVE)))
		return -EINVAL;
	if (op == EPOLL_CTL_ADD && is_set(f))
		return add_set(set, f, fd, ev);
	guard_mutex(&ep->lock);
	return change_set(ep, op, f, fd, ev);
}

long sys_epoll_ctl(int epfd, int op, int fd, const struct epoll_event __user *uev)
{
	struct epoll_event ev = {0};

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, uev, sizeof(ev)))
		return -EFAULT;
	struct file *set scoped(file_put) = file_get_io(epfd);
	struct file *f scoped(file_put) = file_get_io(fd);
	return set && f ? control(set, op, f, fd, &ev) : -EBADF;
}

/* ---- epoll_wait(2) ---- */

/* Report one item: 1, 0 when it is not ready, -EFAULT. The set is locked. */
static int tell_item(struct epoll *ep, struct epoll_item *it, struct epoll_event __user *uev,
		     struct list_head *told)
{
	struct epoll_event ev = {.events = item_poll(it, NULL), .data = it->data};

	if (!ev.events)
		return 0;
	if (copy_to_user(uev, &ev, sizeof(ev))) {
		stays_ready(ep, it, told);
		return -EFAULT;
	}
	if (it->events & ONESHOT)
		WRITE_ONCE(it->events, it->events & EPOLL_HOW);
	else if (!(it->events & EDGE))
		stays_ready(ep, it, told);
	return 1;
}

/* The number of reported items, or -EFAULT. */
static long collect(struct epoll *ep, struct epoll_event __user *uev, int max)
{
	struct list_head work = LIST_HEAD_INIT(work), told = LIST_HEAD_INIT(told);
	struct epoll_item *it;
	long n = 0;
	int ret = 0;

	guard_mutex(&ep->lock);
	begin_collecting(ep, &work);
	while (n < max && ret >= 0 && (it = next_item(ep, &work)) != NULL) {
		ret = tell_item(ep, it, uev + n, &told);
		n += ret > 0;
	}
	end_collecting(ep, &work, &told);
	return n ? n : ret;
}

/* A woken task checks the set once more before its wait ends, or the event could be missed. */
static long wait_for_events(struct epoll *ep, struct epoll_event __user *uev, int max, u64 until)
{
	bool over = until == 0;
	struct waiter w;
	long n;

	waiter_init(&w);
	for (;;) {
		n = may_be_ready(ep) ? collect(ep, uev, max) : 0;
		if (n || over)
			return n;
		if (signal_pending(current))
			return -EINTR;
		prepare_to_wait(&ep->waiting, &w, TASK_INTERRUPTIBLE);
		if (!may_be_ready(ep))
			over = schedule_until(until) == 0;
		finish_wait(&ep->waiting, &w);
	}
}

static long wait_on_set(int epfd, struct epoll_event __user *uev, int max, u64 until)
{
	if (max <= 0 || max > MAX_EVENTS)
		return -EINVAL;
	struct file *set scoped(file_put) = file_get_io(epfd);
	if (!set)
		return -EBADF;
	return is_set(set) ? wait_for_events(set->private, uev, max, until) : -EINVAL;
}

long sys_epoll_pwait(int epfd, struct epoll_event __user *events, int max, int timeout_ms,
		     const sigset_t64 __user *mask, size_t sigsetsize)
{
	long ret = poll_swap_mask(mask, sigsetsize);

	if (ret)
		return ret;
	ret = wait_on_set(epfd, events, max, poll_until(timeout_ms));
	poll_restore_mask(mask, ret);
	return ret;
}

long sys_epoll_pwait2(int epfd, struct epoll_event __user *events, int max,
		      const struct timespec __user *timeout, const sigset_t64 __user *mask,
		      size_t sigsetsize)
{
	u64 until;
	long ret = poll_import_timeout(timeout, &until) ?: poll_swap_mask(mask, sigsetsize);

	if (ret)
		return ret;
	ret = wait_on_set(epfd, events, max, until);
	poll_restore_mask(mask, ret);
	return ret;
}
