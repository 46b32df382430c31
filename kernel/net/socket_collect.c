/*
 * Sockets that nothing but messages refers to: unix(7), SCM_RIGHTS.
 *
 * A message keeps the files in it open, and so the queue of a socket that is on its way, and the
 * files in there. When such references go round in a circle, and no descriptor leads to it, the
 * circle is garbage: its messages are taken out and freed, which closes the sockets.
 *
 * A socket whose file has no references but those of messages is a suspect. It is cleared when one
 * of these messages is anywhere but in the queue of a suspect: in a queue that a task can read, or
 * between a queue and a task. So is what the queue of a cleared socket holds, and so on. What
 * remains is garbage.
 *
 * collect_lock is held while that is found out, and whenever a message comes to hold a socket or
 * ends to. A reader gives its message up before it can use the files: so no task comes to have a
 * suspect meanwhile.
 */
#include "kernel/cred.h"
#include "kernel/net/socket.h"
#include "kernel/task.h"

static struct mutex collect_lock = MUTEX_INIT(collect_lock, LOCK_COLLECT);
static struct list_head flying = LIST_HEAD_INIT(flying); /* collect_lock: usock.flying */

void scm_hold(struct file *f)
{
	struct usock *s = file_socket(f);

	if (!s)
		return;
	guard_mutex(&collect_lock);
	if (!s->held++)
		list_add_tail(&s->flying, &flying);
}

static void release_file(struct file *f)
{
	struct usock *s = file_socket(f);

	if (!s)
		return;
	guard_mutex(&collect_lock);
	if (!--s->held)
		list_del_init(&s->flying);
}

void scm_release(struct scm *scm)
{
	if (!scm->user)
		return;
	for (u32 i = 0; i < scm->nr; i++)
		release_file(scm->files[i]);
	atomic_add_return(&scm->user->in_flight, -(int)scm->nr);
	put_user_struct(scm->user);
	scm->user = NULL;
}

void scm_wait_for_collection(void)
{
	mutex_lock(&collect_lock);
	mutex_unlock(&collect_lock);
}

/* ---- looking ---- */

typedef void (*socket_fn)(struct usock *s, struct list_head *arg);

static void each_in_queue(struct usock *s, socket_fn fn, struct list_head *arg)
{
	struct message *m;

	list_for_each_entry (m, &s->queue, link)
		for (u32 i = 0; i < m->scm.nr; i++) {
			struct usock *t = file_socket(m->scm.files[i]);

			if (t)
				fn(t, arg);
		}
}

/* Call fn for each socket in the queue of `s`, and in those of connections that it has not
 * accepted. */
static void each_held_by(struct usock *s, socket_fn fn, struct list_head *arg)
{
	struct usock *e;

	guard_mutex(&s->lock);
	each_in_queue(s, fn, arg);
	list_for_each_entry (e, &s->backlog, in_backlog) {
		mutex_lock_nested(&e->lock);
		each_in_queue(e, fn, arg);
		mutex_unlock(&e->lock);
	}
}

static void count_inner(struct usock *s, struct list_head *arg __maybe_unused)
{
	if (s->suspect)
		s->outer--;
}

static void clear_one(struct usock *s, struct list_head *cleared)
{
	if (!s->suspect)
		return;
	s->suspect = false;
	list_add_tail(&s->cleared, cleared);
}

static void find_suspects(void)
{
	struct usock *s;

	list_for_each_entry (s, &flying, flying) {
		s->outer = s->held;
		s->suspect = refcount_read(&s->file->count) == s->held;
	}
	list_for_each_entry (s, &flying, flying)
		if (s->suspect)
			each_held_by(s, count_inner, NULL);
}

static void clear_reachable(void)
{
	struct list_head cleared = LIST_HEAD_INIT(cleared);
	struct usock *s;

	list_for_each_entry (s, &flying, flying)
		if (s->outer)
			clear_one(s, &cleared);
	while ((s = list_take_first(&cleared, struct usock, cleared)) != NULL)
		each_held_by(s, clear_one, &cleared);
}

/* ---- taking away ---- */

static void take_queue(struct usock *s, struct list_head *garbage)
{
	list_splice_tail(&s->queue, garbage);
	WRITE_ONCE(s->backlog_nr, s->type == SOCK_DGRAM ? 0 : s->backlog_nr);
}

static void take_messages(struct usock *s, struct list_head *garbage)
{
	struct usock *e;

	guard_mutex(&s->lock);
	take_queue(s, garbage);
	list_for_each_entry (e, &s->backlog, in_backlog) {
		mutex_lock_nested(&e->lock);
		take_queue(e, garbage);
		mutex_unlock(&e->lock);
	}
}

static void collect(struct list_head *garbage)
{
	struct usock *s;

	guard_mutex(&collect_lock);
	find_suspects();
	clear_reachable();
	list_for_each_entry (s, &flying, flying)
		if (s->suspect)
			take_messages(s, garbage);
}

/* Tasks that ask while one collects wait for it to be done, and then one of them collects for all.
 */
void unix_collect(void)
{
	static struct mutex turn = MUTEX_INIT(turn, LOCK_COLLECT_TURN);
	static u64 asked, served; /* atomic; turn */
	struct list_head garbage = LIST_HEAD_INIT(garbage);
	u64 mine = __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);

	mutex_lock(&turn);
	if (served < mine) {
		served = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
		collect(&garbage);
	}
	mutex_unlock(&turn);
	free_messages(&garbage);
}
