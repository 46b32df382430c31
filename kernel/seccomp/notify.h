/*
 * SECCOMP_RET_USER_NOTIF: another process answers a system call. seccomp_unotify(2).
 *
 * A listener stands between a filter, whose tasks send notifications, and an open file, whose
 * holders receive and answer them. kernel/sys/seccomp.c has the file.
 */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"
#include "kernel/sched/wait_queue.h"

#include <linux/seccomp.h>

struct pt_regs;

enum notice_state {
	NOTICE_NEW,     /* not received yet */
	NOTICE_SENT,    /* received: an answer is expected */
	NOTICE_REPLIED, /* the task is to go on */
	NOTICE_STATES,
};

struct listener {
	refcount_t count;       /* its filter and its file */
	struct mutex lock;      /* LOCK_PIPE: all below but `wait` */
	struct wait_queue wait; /* receivers, and tasks that poll */
	struct list_head notices;
	u32 in_state[NOTICE_STATES]; /* words: how many of them are in each state */
	atomic_t announced;          /* receivers that may go on. Also changed without the lock */
	u64 next_id;
	bool closed;      /* a word: its file is closed */
	bool filter_gone; /* a word: no task has its filter any more */
};

/* A file that the holder of the listener wants to give to the task of a notification. Lies on the
 * stack of that holder. All is the listener's lock. */
struct gift {
	u64 id;     /* constant: of the notification */
	bool reply; /* constant: SECCOMP_ADDFD_FLAG_SEND */
	/* constant: add a descriptor for current, which is the task. The descriptor, or -errno */
	int (*install)(struct gift *);
	struct list_head link; /* in notice.gifts until the task takes it */
	bool taken, done;
	int result;
	struct wait_queue wait;
};

struct listener *listener_create(void); /* with the file's reference, or NULL */
void listener_put(struct listener *l);
void listener_close(struct listener *l);       /* by its file; drops the file's reference */
void listener_lose_filter(struct listener *l); /* by its filter, likewise */

/* Wait until current's call is answered. True: make the call; false: regs->rax is its result. `l`
 * NULL: nobody listens. `killable`: once it is received, only a fatal signal interrupts. */
bool seccomp_notify(struct listener *l, const struct seccomp_data *data, bool killable,
		    struct pt_regs *regs);

/* Wait for a notification. 0, -ERESTARTSYS, or -ENOENT: it has been interrupted meanwhile, or there
 * will be none. */
long listener_receive(struct listener *l, struct seccomp_notif *out);
void listener_unreceive(struct listener *l, u64 id); /* it could not be delivered */
/* 0, -ENOENT (no such notification), -EINPROGRESS (not received yet, or answered already). */
long listener_reply(struct listener *l, const struct seccomp_notif_resp *resp);
bool listener_expects(struct listener *l, u64 id); /* a reply to this one */
/* The result of the installation, the errors of listener_reply(), -EBUSY, -ESRCH, -ERESTARTSYS. */
long listener_give(struct listener *l, struct gift *g);
