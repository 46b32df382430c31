/*
 * epoll(7), level-triggered: a set of files that is asked anew by each wait.
 *
 * An item does not hold its file: what closes the file for good takes it out of every set first
 * (epoll_forget). A wait takes references to the files of the set for as long as it sleeps, and is
 * woken when the set changes, to begin again with the new one.
 */
#include "kernel/fs/poll.h"
#include "kernel/fs/vfs.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"
#include "mm/slab.h"

#include <linux/eventpoll.h>

#define EPOLL_NEVER_MASKED (POLLERR | POLLHUP)
#define EPOLL_KNOWN                                                                             \
	((u32)(POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | \
	       POLLRDHUP | EPOLL_NEVER_MASKED) |                                                \
	 (u32)EPOLLONESHOT)
#define MAX_EVENTS (0x7fffffff / (int)sizeof(struct epoll_event))

struct epoll_item {
	struct list_head node; /* of the set */
	struct file *file;     /* no reference */
	int fd;
	u32 events; /* 0: a one-shot that has been told */
	u64 data;
};

struct epoll {
	struct list_head all;   /* of all sets */
	struct list_head items; /* in the order in which they are asked */
	u32 nr;
	u32 version;               /* grows with each change; read by anybody */
	struct wait_queue changed; /* a wait has to begin again */
};

static spinlock_t epoll_lock = SPINLOCK_INIT(LOCK_DCACHE); /* all sets, and all in them */
static struct list_head all_sets = LIST_HEAD_INIT(all_sets);
u32 epoll_nr_items; /* epoll_lock to write */

static void set_changed(struct epoll *ep)
{
	WRITE_ONCE(ep->version, ep->version + 1);
	wake_up_all(&ep->changed);
}

static void drop_item(struct epoll *ep, struct epoll_item *it)
{
	list_del(&it->node);
	ep->nr--;
	WRITE_ONCE(epoll_nr_items, epoll_nr_items - 1);
	kfree(it);
	set_changed(ep);
}

static void drop_items_of(struct epoll *ep, const struct file *f)
{
	struct epoll_item *it, *next;

	list_for_each_entry_safe (it, next, &ep->items, node)
		if (!f || it->file == f)
			drop_item(ep, it);
}

void epoll_forget(struct file *f)
{
	struct epoll *ep;

	if (!READ_ONCE(epoll_nr_items))
		return;
	spin_lock(&epoll_lock);
	list_for_each_entry (ep, &all_sets, all)
		drop_items_of(ep, f);
	spin_unlock(&epoll_lock);
}

void epoll_item_closed(const struct file *f)
{
	struct epoll_item *it;
	struct epoll *ep;

	spin_lock(&epoll_lock);
	list_for_each_entry (ep, &all_sets, all) {
		list_for_each_entry (it, &ep->items, node) {
			if (it->file == f) {
				set_changed(ep);
				break;
			}
		}
	}
	spin_unlock(&epoll_lock);
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private;

	spin_lock(&epoll_lock);
	drop_items_of(ep, NULL);
	list_del(&ep->all);
	spin_unlock(&epoll_lock);
	kfree(ep);
}

/* Whoever polls a set would have to wait for all files in it: there is no such thing here, and to
 * say so is better than to leave him waiting. */
static u32 epoll_poll(struct file *f __maybe_unused, struct poll_table *pt __maybe_unused)
{
	return POLLNVAL | POLLERR;
}

static const struct file_ops epoll_ops = {.release = epoll_release, .poll = epoll_poll};

/* ---- epoll_create(2) ---- */

long sys_epoll_create1(int flags)
{
	struct epoll *ep;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	list_init(&ep->items);
	wait_queue_init(&ep->changed);
	spin_lock(&epoll_lock);
	list_add_tail(&ep->all, &all_sets);
	spin_unlock(&epoll_lock);
	fd = anon_file_open("[eventpoll]", &epoll_ops, ep, flags);
	if (fd < 0) {
		spin_lock(&epoll_lock);
		list_del(&ep->all);
		spin_unlock(&epoll_lock);
		kfree(ep);
	}
	return fd;
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* ---- epoll_ctl(2) ---- */

static struct epoll_item *find_item(struct epoll *ep, const struct file *f, int fd)
{
	struct epoll_item *it;

	list_for_each_entry (it, &ep->items, node)
		if (it->file == f && it->fd == fd)
			return it;
	return NULL;
}

/* `fresh` is used up by EPOLL_CTL_ADD. */
static int change_set(struct epoll *ep, int op, struct file *f, int fd,
		      const struct epoll_event *ev, struct epoll_item **fresh)
{
	struct epoll_item *it = find_item(ep, f, fd);

	if (op == EPOLL_CTL_ADD) {
		if (it)
			return -EEXIST;
		it = *fresh;
		*fresh = NULL;
		it->file = f;
		it->fd = fd;
		list_add_tail(&it->node, &ep->items);
		ep->nr++;
		WRITE_ONCE(epoll_nr_items, epoll_nr_items + 1);
	} else if (!it) {
		return -ENOENT;
	} else if (op == EPOLL_CTL_DEL) {
		drop_item(ep, it);
		return 0;
	}
	it->events = ev->events | EPOLL_NEVER_MASKED;
	it->data = ev->data;
	set_changed(ep);
	return 0;
}

static int control(struct file *set, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *fresh = NULL;
	int err;

	if (!f->ops || !f->ops->poll)
		return -EPERM; /* it never makes anybody wait */
	if (set->ops != &epoll_ops || set == f || f->ops == &epoll_ops)
		return -EINVAL; /* a set inside of a set is not there */
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & ~EPOLL_KNOWN))
		return -EINVAL; /* no edge triggering */
	if (op == EPOLL_CTL_ADD) {
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
	}
	spin_lock(&epoll_lock);
	err = change_set(set->private, op, f, fd, ev, &fresh);
	spin_unlock(&epoll_lock);
	kfree(fresh);
	return err;
}

long sys_epoll_ctl(int epfd, int op, int fd, const struct epoll_event __user *uev)
{
	struct epoll_event ev = {0};
	struct file *set, *f;
	long err = -EBADF;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, uev, sizeof(ev)))
		return -EFAULT;
	set = file_get_io(epfd);
	f = file_get_io(fd);
	if (set && f)
		err = control(set, op, f, fd, &ev);
	file_put(f);
	file_put(set);
	return err;
}

/* ---- epoll_wait(2) ---- */

/* A reference, unless the last one is just being dropped. */
static bool file_get_live(struct file *f)
{
	return refcount_inc_not_zero(&f->count);
}

/* What is to be asked, with references: `room` items at most. How many the set has in all, and its
 * version, are told too. */
static u32 snapshot(struct epoll *ep, struct poll_item *out, u64 *data, u32 room, u32 *nr,
		    u32 *version)
{
	struct epoll_item *it;
	u32 n = 0;

	spin_lock(&epoll_lock);
	*nr = ep->nr;
	*version = ep->version;
	list_for_each_entry (it, &ep->items, node) {
		if (n == room)
			break;
		if ((it->events & ~(u32)EPOLLONESHOT) && file_get_live(it->file)) {
			out[n].file = it->file;
			out[n].fd = it->fd;
			out[n].wanted = it->events & ~(u32)EPOLLONESHOT;
			data[n++] = it->data;
		}
	}
	spin_unlock(&epoll_lock);
	return n;
}

/* It was told: behind the others with it, and a one-shot is off. */
static void item_told(struct epoll *ep, const struct poll_item *p)
{
	struct epoll_item *it;

	spin_lock(&epoll_lock);
	it = find_item(ep, p->file, p->fd);
	if (it) {
		list_move_tail(&it->node, &ep->items);
		if (it->events & (u32)EPOLLONESHOT)
			it->events = 0;
	}
	spin_unlock(&epoll_lock);
}

static long export_events(struct epoll *ep, const struct poll_item *items, const u64 *data, u32 n,
			  struct epoll_event __user *uev, int max)
{
	long told = 0;

	for (u32 i = 0; i < n && told < max; i++) {
		struct epoll_event ev = {.events = items[i].got, .data = data[i]};

		if (!items[i].got)
			continue;
		if (copy_to_user(&uev[told], &ev, sizeof(ev)))
			return told ? told : -EFAULT;
		item_told(ep, &items[i]);
		told++;
	}
	return told;
}

/* One look at the set as it is now. *again: it changed before anything happened. */
static long wait_once(struct epoll *ep, struct epoll_event __user *uev, int max, u64 until,
		      bool *again)
{
	u32 room = READ_ONCE(ep->nr), n, nr, version;
	struct poll_item *items = kzalloc((room + 1) * (sizeof(*items) + sizeof(u64)));
	u64 *data = (u64 *)(items + room + 1);
	long ret;

	if (!items)
		return -ENOMEM;
	n = snapshot(ep, items, data, room, &nr, &version);
	items[n] = (struct poll_item){.queue = &ep->changed, .word = &ep->version, .seen = version};
	ret = poll_items(items, n + 1, nr > room ? 0 : until);
	if (ret > 0)
		ret = export_events(ep, items, data, n, uev, max);
	*again = ret == 0 && (nr > room || READ_ONCE(ep->version) != version);
	poll_items_free(items, n);
	return ret;
}

static long wait_on_set(int epfd, struct epoll_event __user *uev, int max, u64 until)
{
	struct file *set = file_get_io(epfd);
	bool again = true;
	long ret = 0;

	if (!set)
		return -EBADF;
	if (set->ops != &epoll_ops || max <= 0 || max > MAX_EVENTS)
		ret = -EINVAL;
	while (!ret && again)
		ret = wait_once(set->private, uev, max, until, &again);
	file_put(set);
	return ret;
}

static u64 end_of(int timeout_ms)
{
	if (timeout_ms < 0)
		return TIME_FOREVER;
	return timeout_ms ? ktime_get() + (u64)timeout_ms * NSEC_PER_MSEC : 0;
}

long sys_epoll_wait(int epfd, struct epoll_event __user *events, int max, int timeout_ms)
{
	return wait_on_set(epfd, events, max, end_of(timeout_ms));
}

long sys_epoll_pwait(int epfd, struct epoll_event __user *events, int max, int timeout_ms,
		     const sigset_t64 __user *mask, size_t sigsetsize)
{
	long ret = poll_swap_mask(mask, sigsetsize);

	if (ret)
		return ret;
	ret = wait_on_set(epfd, events, max, end_of(timeout_ms));
	poll_restore_mask(mask, ret);
	return ret;
}
