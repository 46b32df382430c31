/*
 * Freeing sockets that only messages refer to: unix(7), SCM_RIGHTS.
 *
 * A message keeps its files open. If a file is a socket, so do the messages in that socket's queue,
 * and so on. Such references can form a cycle that no descriptor leads to. The cycle is garbage:
 * its messages are freed, which closes the sockets.
 *
 * A socket is a suspect if all references to its file come from messages. It is cleared if one of
 * these messages is outside of the queues of suspects: in a queue that a task can read, or between
 * a queue and a task. The sockets in the queue of a cleared socket are cleared too, and so on. The
 * suspects that remain are garbage.
 *
 * collect_lock is held during the search, and to add or drop a message's reference to a socket. A
 * reader drops that reference before it can use the files, so no task gets a suspect meanwhile.
 */
#include "kernel/net/unix.h"

static struct mutex collect_lock = MUTEX_INIT(collect_lock, LOCK_COLLECT);
static struct list_head flying = LIST_HEAD_INIT(flying); /* collect_lock: usock.flying */

struct usock *file_usock(const struct file *f)
{
	struct socket *s = file_socket(f);

	return s && s->family == AF_UNIX ? usock_of(s) : NULL;
}

void scm_hold(struct file *f)
{
	struct usock *s = file_usock(f);

	if (!s)
		return;
	guard_mutex(&collect_lock);
	if (!s->held++)
		list_add_tail(&s->flying, &flying);
}

static void release_file(struct file *f)
{
	struct usock *s = file_usock(f);

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
			struct usock *t = file_usock(m->scm.files[i]);

			if (t)
				fn(t, arg);
		}
}

/* Call fn for each socket in the queue of `s` and in those of its unaccepted connections. */
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
		s->suspect = refcount_read(&s->base.file->count) == s->held;
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
	WRITE_ONCE(s->backlog_nr, s->base.type == SOCK_DGRAM ? 0 : s->backlog_nr);
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

/* Tasks that call during a collection wait for its end; then one of them collects for all. */
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
