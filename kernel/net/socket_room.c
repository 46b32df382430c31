/*
 * Room for datagrams: how many may wait to be read from one socket. unix(7), max_dgram_qlen.
 *
 * A sender that finds its receiver's queue full waits in the receiver's room_wait. One that polls
 * waits in its own write_wait, and its socket stands in the receiver's list of those to be told:
 * poll(2) could not keep the receiver in place, which another thread may replace by connect(2).
 */
#include "kernel/net/socket.h"
#include "kernel/task.h"

u64 unix_max_dgrams = 10;

/* usock.to_tell, .tell_link, .told_by, and a datagram socket's peer beside the socket's own lock,
 * which poll cannot take. */
static spinlock_t tell_lock = SPINLOCK_INIT(LOCK_SOCKETS);

/* What was sent may be read, or the receiver is gone: nothing to wait for. */
static bool has_room(const struct usock *to)
{
	return READ_ONCE(to->backlog_nr) <= READ_ONCE(to->backlog_max) ||
	       READ_ONCE(to->state) == SOCKET_CLOSED || (READ_ONCE(to->shut) & SHUT_RECEIVE);
}

/* Two sockets that have each other as peer have only the limit of their buffers, as on Linux. */
static bool limited(const struct usock *s, const struct usock *to)
{
	return s->type == SOCK_DGRAM && to != s && READ_ONCE(to->peer) != s;
}

int unix_wait_for_room(struct usock *s, struct usock *to, bool nonblock)
{
	int err;

	if (!limited(s, to) || has_room(to))
		return 1;
	err = usock_wait(to, &to->room_wait, nonblock, has_room(to));
	if (err && has_room(to))
		wake_up(&to->room_wait); /* what this sender was woken for is another's now */
	return err;
}

/* Take `s` out of the list it is in. tell_lock is held; returns what held the list, whose reference
 * is the caller's. */
static struct usock *leave_list(struct usock *s)
{
	struct usock *to = s->told_by;

	list_del_init(&s->tell_link);
	s->told_by = NULL;
	return to;
}

void unix_forget_room(struct usock *s)
{
	struct usock *to;

	spin_lock(&tell_lock);
	to = leave_list(s);
	spin_unlock(&tell_lock);
	usock_put(to);
}

static void ask_to_be_told(struct usock *s, struct usock *to)
{
	struct usock *old = NULL;

	spin_lock(&tell_lock);
	if (s->told_by != to) {
		old = leave_list(s);
		s->told_by = usock_get(to);
		list_add_tail(&s->tell_link, &to->to_tell);
	}
	spin_unlock(&tell_lock);
	usock_put(old);
}

struct usock *unix_set_peer(struct usock *s, struct usock *peer)
{
	struct usock *old;

	guard_spin(&tell_lock);
	old = s->peer;
	s->peer = peer;
	return old;
}

bool unix_peer_has_room(struct usock *s)
{
	struct usock *to;
	bool room = true;

	spin_lock(&tell_lock);
	to = s->peer ? usock_get(s->peer) : NULL;
	spin_unlock(&tell_lock);

	if (to && limited(s, to) && !has_room(to)) {
		ask_to_be_told(s, to);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* unix_made_room() has the other */
		room = has_room(to);
	}
	usock_put(to);
	return room;
}

/* The next sender to tell, with a reference; NULL: none. */
static struct usock *next_to_tell(struct usock *to)
{
	struct usock *s;

	guard_spin(&tell_lock);
	if (list_empty(&to->to_tell))
		return NULL;
	s = usock_get(list_first_entry(&to->to_tell, struct usock, tell_link));
	leave_list(s);
	return s;
}

/* A sender that is told and polls again gets back into the list only while there is no room. */
void unix_made_room(struct usock *to)
{
	struct usock *s;

	wake_up(&to->room_wait);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* unix_peer_has_room() has the other */
	while (READ_ONCE(to->to_tell.next) != &to->to_tell && has_room(to) &&
	       (s = next_to_tell(to))) {
		wake_up_all(&s->write_wait);
		usock_put(s);
		usock_put(to); /* the reference of s */
	}
}

void unix_room_for_all(struct usock *to)
{
	wake_up_all(&to->room_wait);
	unix_made_room(to);
}
