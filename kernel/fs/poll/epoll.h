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
 * epoll.c: sets, items and what epoll_ctl(2) does with them; epoll_ready.c: what is ready, and
 * waiting for it; epoll_nest.c: sets within sets.
 *
 * Order of locks: nest_lock, epoll.lock (outer set before inner), then watched.lock or a file's
 * wait queue, then epoll.waiting.lock, then epoll.pollers.lock and the same locks of outer sets.
 */
#pragma once

#include "kernel/fs/poll/poll.h"
#include "kernel/lib/treap.h"

#include <linux/eventpoll.h>

#define EPOLL_NEVER_MASKED ((u32)(POLLERR | POLLHUP))
#define ONESHOT            ((u32)EPOLLONESHOT)
#define EDGE               ((u32)EPOLLET)
#define EXCLUSIVE          ((u32)EPOLLEXCLUSIVE)
#define WAKEUP             ((u32)EPOLLWAKEUP) /* keeps a laptop awake: nothing suspends it here */
#define EPOLL_HOW          (ONESHOT | EDGE | EXCLUSIVE | WAKEUP) /* bits of `events` that are not events */
/* What may stand beside EPOLLEXCLUSIVE. */
#define WITH_EXCLUSIVE ((u32)(POLLIN | POLLOUT) | EPOLL_NEVER_MASKED | EDGE | EXCLUSIVE | WAKEUP)
#define MAX_NESTS      4 /* sets within sets: as on Linux */
#define MAX_OUTER      8 /* sets directly around one: they are woken in one hold of a lock */
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
	int above;              /* nest_lock: at least as many sets stand above it */
	int below;              /* nest_lock: sets below it, as the look with this number found: */
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

/* ---- epoll.c ---- */
bool epoll_is_set(const struct file *f);
/* The set's item of this file and descriptor, or NULL. The set is locked. */
struct epoll_item *epoll_find_item(struct epoll *ep, const struct file *f, int fd);
/* epoll_ctl(2): 0 or -errno. The set is locked, and the file held. */
int epoll_change(struct epoll *ep, int op, struct file *f, int fd, const struct epoll_event *ev);

/* ---- epoll_ready.c: the set is locked ---- */
/* Queue the item if its file is ready; `join`: from now on the file's wake-ups do so too. */
void epoll_look(struct epoll_item *it, bool join);
/* The poll operation of a set itself. Takes its lock. */
u32 epoll_poll(struct file *f, struct poll_table *pt);

/* ---- epoll_nest.c ---- */
/* Put the set `f` into the set `outer`: 0 or -errno, which is -ELOOP when the set would be in
 * itself, or too deep, and -EINVAL when it is in too many. No lock is held. */
int epoll_add_set(struct file *outer, struct file *f, int fd, const struct epoll_event *ev);
