/* What is ready in an epoll set: wake-ups of its files, polling the set, and epoll_wait(2). */
#include "kernel/fs/poll/epoll.h"

#include "kernel/task.h"

#define MAX_EVENTS (0x7fffffff / (int)sizeof(struct epoll_event))

/* ---- wake-ups ---- */

/* Wake the tasks that poll the set, and tell the sets around it. The queue's lock may be taken
 * while an inner set's is held, in which case interrupts are off already. */
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

/* Queue the item, and wake one task. True: a task or a set was waiting. */
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

void epoll_look(struct epoll_item *it, bool join)
{
	struct item_table table = {.pt.join = join_item, .item = it};

	if (item_poll(it, join ? &table.pt : NULL))
		make_ready(it);
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
u32 epoll_poll(struct file *f, struct poll_table *pt)
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
	return epoll_is_set(set) ? wait_for_events(set->private, uev, max, until) : -EINVAL;
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
