/* The base of poll and select, and partly of epoll (poll.c); waiting for a file. */
#pragma once

#include "kernel/fs/vfs.h"

/* Receives the wait queues that a file's poll operation names. */
struct poll_table {
	void (*join)(struct poll_table *pt, struct wait_queue *q); /* NULL: joined already */
};

/* Called by a file's poll operation with at most two queues in which it wakes waiting tasks. */
static inline void poll_wait(struct poll_table *pt, struct wait_queue *q)
{
	if (pt && pt->join)
		pt->join(pt, q);
}

/* Wait for a condition of the file: 0, -ERESTARTSYS; -EAGAIN without waiting by O_NONBLOCK. */
#define file_wait(f, q, cond) \
	((f)->flags & O_NONBLOCK ? -EAGAIN : wait_event_interruptible(q, cond))

u64 poll_until(int timeout_ms); /* as monotonic time; negative: for ever; 0: do not wait */
/* Set the signal mask of ppoll(2): 0, -EINVAL, -EFAULT. Restore it, by the call's result. */
int poll_swap_mask(const sigset_t64 __user *umask, size_t size);
void poll_restore_mask(const sigset_t64 __user *umask, long ret);

extern u64 epoll_max_watches; /* fs.epoll.max_user_watches, of one user: epoll.c */
