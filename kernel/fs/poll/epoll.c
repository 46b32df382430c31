/* Epoll sets and their items: their lives, and epoll_ctl(2). See epoll.h. */
#include "kernel/fs/poll/epoll.h"
#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "mm/slab.h"

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

struct epoll_item *epoll_find_item(struct epoll *ep, const struct file *f, int fd)
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

bool epoll_is_set(const struct file *f)
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
	epoll_look(it, true);
	return 0;
}

static int modify_item(struct epoll_item *it, const struct epoll_event *ev)
{
	it->data = ev->data;
	/* later wake-ups use the new events; epoll_look() below finds earlier ones */
	__atomic_store_n(&it->events, ev->events | EPOLL_NEVER_MASKED, __ATOMIC_SEQ_CST);
	epoll_look(it, false);
	return 0;
}

static int delete_item(struct epoll *ep, struct epoll_item *it)
{
	leave_set(ep, it);
	leave_file(it); /* true, for the caller holds the file */
	item_free(it);
	return 0;
}

int epoll_change(struct epoll *ep, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *it = epoll_find_item(ep, f, fd);

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

static int control(struct file *set, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = set->private;

	if (!f->ops || !f->ops->poll)
		return -EPERM; /* always ready */
	if (set == f || !epoll_is_set(set))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & EXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || epoll_is_set(f) || (ev->events & ~WITH_EXCLUSIVE)))
		return -EINVAL;
	if (op == EPOLL_CTL_ADD && epoll_is_set(f))
		return epoll_add_set(set, f, fd, ev);
	guard_mutex(&ep->lock);
	return epoll_change(ep, op, f, fd, ev);
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
