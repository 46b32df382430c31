/*
 * Notifications: a task waits at its system call until a holder of the listener has answered.
 *
 * A notification lies on the stack of its task, which takes it off the list, under the lock, before
 * it goes on. All wake-ups are made under the lock, so the wait queue is no longer used by then.
 * Looking for an id walks the list: as long as there are tasks that wait (RLIMIT_NPROC).
 */
#include "kernel/seccomp/notify.h"

#include "kernel/lib/random.h"
#include "kernel/task.h"
#include "mm/slab.h"

struct notice {
	struct list_head link;           /* in listener.notices */
	u64 id;                          /* constant */
	struct task *task;               /* constant */
	const struct seccomp_data *data; /* constant */
	enum notice_state state;
	bool news; /* a word: the task is to look at the state and the gifts */
	s64 value; /* with `error` 0: the result of the call */
	int error;
	u32 flags; /* SECCOMP_USER_NOTIF_FLAG_* */
	struct list_head gifts;
	struct wait_queue wait;
};

/* ---- listeners ---- */

struct listener *listener_create(void)
{
	struct listener *l = kzalloc(sizeof(*l));

	if (!l)
		return NULL;
	refcount_set(&l->count, 1);
	mutex_init(&l->lock, LOCK_PIPE);
	wait_queue_init(&l->wait);
	list_init(&l->notices);
	l->next_id = random_u64(); /* so that an id of another listener is not valid here */
	return l;
}

void listener_put(struct listener *l)
{
	if (refcount_dec_and_test(&l->count))
		kfree(l);
}

/* The rest of this file up to the tasks' part: the caller holds the lock. */

static void count(struct listener *l, enum notice_state state, u32 more)
{
	WRITE_ONCE(l->in_state[state], l->in_state[state] + more);
}

static void set_state(struct listener *l, struct notice *n, enum notice_state state)
{
	count(l, n->state, -1U);
	count(l, state, 1);
	n->state = state;
}

static void wake_task(struct notice *n)
{
	WRITE_ONCE(n->news, true);
	wake_up_all(&n->wait);
}

static void answer(struct listener *l, struct notice *n, s64 value, int error, u32 flags)
{
	n->value = value;
	n->error = error;
	n->flags = flags;
	set_state(l, n, NOTICE_REPLIED);
	wake_task(n);
}

static void announce(struct listener *l)
{
	atomic_inc(&l->announced);
	wake_up_all(&l->wait);
}

static struct notice *find_notice(struct listener *l, u64 id)
{
	struct notice *n;

	list_for_each_entry (n, &l->notices, link)
		if (n->id == id)
			return n;
	return NULL;
}

/* One that is received and not answered. ERR_PTR: -ENOENT, -EINPROGRESS. */
static struct notice *find_unanswered(struct listener *l, u64 id)
{
	struct notice *n = find_notice(l, id);

	if (!n)
		return ERR_PTR(-ENOENT);
	return n->state == NOTICE_SENT ? n : ERR_PTR(-EINPROGRESS);
}

void listener_close(struct listener *l)
{
	struct notice *n;

	mutex_lock(&l->lock);
	WRITE_ONCE(l->closed, true);
	list_for_each_entry (n, &l->notices, link)
		if (n->state != NOTICE_REPLIED)
			answer(l, n, 0, -ENOSYS, 0);
	mutex_unlock(&l->lock);
	listener_put(l);
}

void listener_lose_filter(struct listener *l)
{
	mutex_lock(&l->lock);
	WRITE_ONCE(l->filter_gone, true);
	wake_up_all(&l->wait);
	mutex_unlock(&l->lock);
	listener_put(l);
}

/* ---- the task whose call it is ---- */

static void finish_gift(struct gift *g, int result)
{
	g->result = result;
	WRITE_ONCE(g->done, true);
	wake_up_all(&g->wait);
}

/* Install a file. Not under the lock: it may replace, and so close, any file, this listener's too.
 */
static void take_gift(struct listener *l, struct notice *n, struct gift *g)
{
	int fd;

	list_del_init(&g->link);
	g->taken = true; /* from here to finish_gift() its owner stays */
	mutex_unlock(&l->lock);
	fd = g->install(g);
	mutex_lock(&l->lock);
	if (g->reply && fd >= 0)
		n->value = fd;
	else if (g->reply)
		set_state(l, n, NOTICE_SENT);
	finish_gift(g, fd);
}

/* 0: there are news. -ERESTARTSYS: a signal, of those that interrupt. */
static int wait_for_news(struct listener *l, struct notice *n, bool killable)
{
	bool news;

	mutex_unlock(&l->lock);
	if (killable)
		news = wait_loop(&n->wait, TASK_KILLABLE, READ_ONCE(n->news),
				 fatal_signal_pending(current), schedule());
	else
		news = !wait_event_interruptible(&n->wait, READ_ONCE(n->news));
	mutex_lock(&l->lock);
	n->news = false;
	return news ? 0 : -ERESTARTSYS;
}

/* Wait for the answer. 0 or -ERESTARTSYS. */
static int wait_for_reply(struct listener *l, struct notice *n, bool want_killable)
{
	int err = 0;

	for (;;) {
		while (!list_empty(&n->gifts))
			take_gift(l, n, list_first_entry(&n->gifts, struct gift, link));
		if (n->state == NOTICE_REPLIED)
			return 0;
		if (err)
			return err;
		bool killable = want_killable && n->state == NOTICE_SENT;
		err = wait_for_news(l, n, killable);
		/* it has been received meanwhile, so this signal does not count */
		if (!killable && want_killable && n->state == NOTICE_SENT)
			err = 0;
	}
}

/* The listener's lock is held. */
static void send_notice(struct listener *l, struct notice *n, bool killable)
{
	n->id = l->next_id++;
	list_add_tail(&n->link, &l->notices);
	count(l, NOTICE_NEW, 1);
	announce(l);
	n->error = wait_for_reply(l, n, killable) ?: n->error;
	while (!list_empty(&n->gifts)) {
		struct gift *g = list_first_entry(&n->gifts, struct gift, link);

		list_del_init(&g->link);
		finish_gift(g, -ESRCH);
	}
	list_del(&n->link);
	count(l, n->state, -1U);
}

bool seccomp_notify(struct listener *l, const struct seccomp_data *data, bool killable,
		    struct pt_regs *regs)
{
	struct notice n = {.task = current, .data = data, .error = -ENOSYS};

	list_init(&n.gifts);
	wait_queue_init(&n.wait);
	if (l) {
		guard_mutex(&l->lock);
		if (!l->closed) {
			n.error = 0;
			send_notice(l, &n, killable);
		}
	}
	if (n.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return true;
	regs->rax = n.error ? (u64)(long)n.error : (u64)n.value;
	return false;
}

/* ---- the holders of the listener's file ---- */

/* Take one announcement. True also when there will never be one. */
static bool take_announcement(struct listener *l)
{
	int n = atomic_read(&l->announced);

	while (n > 0)
		if (__atomic_compare_exchange_n(&l->announced.v, &n, n - 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return true;
	return READ_ONCE(l->filter_gone);
}

long listener_receive(struct listener *l, struct seccomp_notif *out)
{
	struct notice *n;
	int err = wait_event_interruptible(&l->wait, take_announcement(l));
	if (err)
		return err;
	guard_mutex(&l->lock);
	list_for_each_entry (n, &l->notices, link)
		if (n->state == NOTICE_NEW) {
			*out = (struct seccomp_notif){
				.id = n->id, .pid = (u32)n->task->pid_nr, .data = *n->data};
			set_state(l, n, NOTICE_SENT);
			wake_up_all(&l->wait); /* POLLOUT */
			return 0;
		}
	return -ENOENT;
}

void listener_unreceive(struct listener *l, u64 id)
{
	struct notice *n;
	guard_mutex(&l->lock);

	n = find_notice(l, id);
	if (!n || n->state != NOTICE_SENT)
		return;
	set_state(l, n, NOTICE_NEW);
	wake_task(n); /* it may be interrupted again */
	announce(l);
}

long listener_reply(struct listener *l, const struct seccomp_notif_resp *resp)
{
	struct notice *n;
	guard_mutex(&l->lock);

	n = find_unanswered(l, resp->id);
	if (IS_ERR(n))
		return PTR_ERR(n);
	answer(l, n, resp->val, resp->error, resp->flags);
	return 0;
}

bool listener_expects(struct listener *l, u64 id)
{
	guard_mutex(&l->lock);
	return !IS_ERR(find_unanswered(l, id));
}

/* Offer the gift to its task. 0, -ENOENT, -EINPROGRESS, -EBUSY: others must be taken first. */
static int offer(struct listener *l, struct gift *g)
{
	struct notice *n = find_unanswered(l, g->id);

	if (IS_ERR(n))
		return (int)PTR_ERR(n);
	if (g->reply && !list_empty(&n->gifts))
		return -EBUSY;
	if (g->reply) {
		n->value = n->error = 0;
		n->flags = 0;
		set_state(l, n, NOTICE_REPLIED);
	}
	list_add_tail(&g->link, &n->gifts);
	wake_task(n);
	return 0;
}

/* A signal came. Take the gift back, unless its task is just taking it: then wait for the end. */
static long withdraw(struct listener *l, struct gift *g)
{
	struct notice *n;

	mutex_lock(&l->lock);
	if (!g->taken && !g->done) {
		list_del_init(&g->link);
		n = find_notice(l, g->id);
		if (g->reply && n)
			set_state(l, n, NOTICE_SENT);
		mutex_unlock(&l->lock);
		return -ERESTARTSYS;
	}
	mutex_unlock(&l->lock);
	wait_event(&g->wait, READ_ONCE(g->done));
	return 0;
}

long listener_give(struct listener *l, struct gift *g)
{
	long err;

	wait_queue_init(&g->wait);
	mutex_lock(&l->lock);
	err = offer(l, g);
	mutex_unlock(&l->lock);
	if (err)
		return err;
	if (wait_event_interruptible(&g->wait, READ_ONCE(g->done)))
		err = withdraw(l, g);
	mutex_lock(&l->lock); /* the waker has left the queue */
	mutex_unlock(&l->lock);
	return err ?: g->result;
}
