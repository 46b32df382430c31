/* The base of poll and select, and partly of epoll (poll.c); waiting for a file. */
#pragma once

#include "kernel/fs/vfs.h"

/* Receives the wait queues that a file's poll operation names. */
struct poll_table {
	/* NULL: joined already. */
	void (*join)(struct poll_table *pt, struct wait_queue *q, u32 events);
};

/* Called by a file's poll operation with at most two queues in which it wakes waiting tasks.
 * `events`: what a wake-up there may mean, beside POLLERR and POLLHUP. */
static inline void poll_wait_for(struct poll_table *pt, struct wait_queue *q, u32 events)
{
	if (pt && pt->join)
		pt->join(pt, q, events);
}

static inline void poll_wait(struct poll_table *pt, struct wait_queue *q)
{
	poll_wait_for(pt, q, ~0u);
}

#define POLL_READ  ((u32)(POLLIN | POLLRDNORM | POLLRDHUP | POLLPRI | POLLRDBAND))
#define POLL_WRITE ((u32)(POLLOUT | POLLWRNORM | POLLWRBAND))

/* Wait for a condition of the file: 0, -ERESTARTSYS; -EAGAIN without waiting by O_NONBLOCK. */
#define file_wait(f, q, cond) \
	((f)->flags & O_NONBLOCK ? -EAGAIN : wait_event_interruptible(q, cond))

u64 poll_until(int timeout_ms); /* as monotonic time; negative: for ever; 0: do not wait */
/* The same for a relative time; NULL: for ever. 0, -EFAULT, -EINVAL. */
int poll_import_timeout(const struct timespec __user *uts, u64 *until);
/* Set the signal mask of ppoll(2): 0, -EINVAL, -EFAULT. Restore it, by the call's result. */
int poll_swap_mask(const sigset_t64 __user *umask, size_t size);
void poll_restore_mask(const sigset_t64 __user *umask, long ret);

extern u64 epoll_max_watches; /* fs.epoll.max_user_watches, of one user: epoll.c */
