/* The loop behind poll, select and epoll_wait: poll.c. */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/signal.h"

/* One file of the set, or a word whose change is waited for as well. */
struct poll_item {
	struct file *file; /* with a reference; NULL: bad or ignored descriptor */
	int fd;
	u32 wanted, got;
	struct wait_queue
		*queue; /* not NULL: instead of a file, *word becoming another than seen */
	const u32 *word;
	u32 seen;
};

/* `until` monotonic; 0: only look. The number of items with events, or -errno: -EINTR is the
 * caller's to translate. */
long poll_items(struct poll_item *items, u32 n, u64 until);
void poll_items_free(struct poll_item *items, u32 n); /* and the references to n files */
/* The signal mask of the p-forms: 0, -EINVAL, -EFAULT; and back again, by how it ended. */
int poll_swap_mask(const sigset_t64 __user *umask, size_t size);
void poll_restore_mask(const sigset_t64 __user *umask, long ret);
