/* Epoll sets within sets: no loops, and not too deep. */
#include "kernel/fs/poll/epoll.h"

/* One task at a time puts a set into another. */
static struct mutex nest_lock = MUTEX_INIT(nest_lock, LOCK_EPOLL_NEST);
static u64 last_look; /* nest_lock */

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

int epoll_add_set(struct file *outer, struct file *f, int fd, const struct epoll_event *ev)
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
	err = epoll_change(ep, EPOLL_CTL_ADD, f, fd, ev);
	if (!err)
		list_add_tail(&epoll_find_item(ep, f, fd)->inner, &ep->inner);
	mutex_unlock(&ep->lock);
	if (!err)
		count_above(inner, ep->above + 1);
	return err;
}
