/* What poll and select are made of, and epoll in part: poll.c. */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/signal/signal.h"

/* What a file's poll operation hands its wait queues to. */
struct poll_table {
	void (*join)(struct poll_table *pt, struct wait_queue *q); /* NULL: it has them already */
};

/* One file of the set. */
struct poll_item {
	struct file *file; /* with a reference; NULL: bad or ignored descriptor */
	int fd;
	u32 wanted, got;
};

/* What wakes those that wait for the file wakes them in `q`. For the file's poll operation: at most
 * two queues. */
static inline void poll_wait(struct poll_table *pt, struct wait_queue *q)
{
	if (pt && pt->join)
		pt->join(pt, q);
}

/* `until` monotonic; 0: only look. The number of items with events, or -errno: -EINTR is the
 * caller's to translate. */
long poll_items(struct poll_item *items, u32 n, u64 until);
u64 poll_until(int timeout_ms);                       /* below 0: for ever */
void poll_items_free(struct poll_item *items, u32 n); /* and the references to n files */
/* The signal mask of the p-forms: 0, -EINVAL, -EFAULT; and back again, by how it ended. */
int poll_swap_mask(const sigset_t64 __user *umask, size_t size);
void poll_restore_mask(const sigset_t64 __user *umask, long ret);

extern u64 epoll_max_watches; /* fs.epoll.max_user_watches, of one user: epoll.c */
