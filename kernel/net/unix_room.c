/*
 * Room for datagrams: how many may wait to be read from one socket. unix(7), max_dgram_qlen.
 *
 * A sender that finds its receiver's queue full waits in the receiver's room_wait. A sender that
 * polls waits in its own write_wait and enters the receiver's list to_tell. It cannot wait at the
 * receiver: poll(2) does not pin the receiver, and another thread's connect(2) may replace it.
 */
#include "kernel/net/unix.h"

u64 unix_max_dgrams = 10;

/* Guards usock.to_tell, .tell_link, .told_by; and, beside the socket's own lock, the peer of a
 * datagram socket, for poll cannot take that lock. */
static spinlock_t tell_lock = SPINLOCK_INIT(LOCK_SOCKETS);

/* There is room, or the receiver is gone: no reason to wait. */
static bool has_room(const struct usock *to)
{
	return READ_ONCE(to->backlog_nr) <= READ_ONCE(to->backlog_max) ||
	       READ_ONCE(to->state) == SOCKET_CLOSED || (READ_ONCE(to->shut) & SHUT_RECEIVE);
}

/* Two sockets that are each other's peers have only the limit of their buffers, as on Linux. */
static bool limited(const struct usock *s, const struct usock *to)
{
	return s->base.type == SOCK_DGRAM && to != s && READ_ONCE(to->peer) != s;
}

int unix_wait_for_room(struct usock *s, struct usock *to, u64 until)
{
	int err;

	if (!limited(s, to) || has_room(to))
		return 1;
	err = socket_wait_unlocked(&to->lock, &to->room_wait, until, has_room(to));
	if (err && has_room(to))
		wake_up(&to->room_wait); /* pass the wake-up on to another sender */
	return err;
}

/* Take `s` out of its list. Returns the list's socket with its reference. tell_lock is held. */
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
	bool room = true;

	spin_lock(&tell_lock);
	struct usock *to scoped(usock_put) = s->peer ? usock_get(s->peer) : NULL;
	spin_unlock(&tell_lock);

	if (to && limited(s, to) && !has_room(to)) {
		ask_to_be_told(s, to);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with unix_made_room() */
		room = has_room(to);
	}
	return room;
}

/* The next sender to wake, with a reference; NULL: none. */
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

/* A woken sender that polls again gets back into the list only while there is no room. */
void unix_made_room(struct usock *to)
{
	struct usock *s;

	wake_up(&to->room_wait);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with unix_peer_has_room() */
	while (READ_ONCE(to->to_tell.next) != &to->to_tell && has_room(to) &&
	       (s = next_to_tell(to))) {
		wake_up_all(&s->write_wait);
		usock_put(s);
		usock_put(to); /* the reference in s->told_by */
	}
}

void unix_room_for_all(struct usock *to)
{
	wake_up_all(&to->room_wait);
	unix_made_room(to);
}
