/* TCP: sending, receiving, urgent data, poll. tcp(7) */
#include "kernel/fs/poll/poll.h"
#include "kernel/net/inet.h"

#include <linux/sockios.h>

#define PIECE (16384 - sizeof(struct packet)) /* bytes in one packet: an allocation of 16 KiB */

/* ---- sending ---- */

/* What may wait at the peer, whose buffer (`window`) holds some, and the sender's the rest. */
static u64 limit(const struct isock *s)
{
	return (u64)READ_ONCE(s->window) + READ_ONCE(s->base.opt.sndbuf);
}

/* A third is free: then poll(2) says so, and writers that wait go on. */
static bool writable(const struct isock *s)
{
	return (u64)atomic_read(&s->outstanding) * 3 <= limit(s) * 2;
}

static bool cannot_send(const struct isock *s)
{
	return (READ_ONCE(s->shut) & SHUT_SEND) || READ_ONCE(s->base.error);
}

static int wait_for_room(struct isock *s, u64 until)
{
	if ((u64)atomic_read(&s->outstanding) < limit(s) || cannot_send(s))
		return 0;
	return socket_wait(&s->write_wait, until, writable(s) || cannot_send(s));
}

static void drop_first(struct isock *s)
{
	struct packet *p = list_take_first(&s->queue, struct packet, link);

	if (p == s->urgent) {
		s->urgent = NULL;
		WRITE_ONCE(s->urgent_unread, false);
	}
	/* a peer that was disconnected counts for another connection by now */
	if (s->peer && READ_ONCE(s->peer->peer) == s)
		atomic_add_return(&s->peer->outstanding, -(int)p->charge);
	packet_free(p);
}

/* The urgent byte lies beside the stream: a read stops there, and the next one passes it. */
static bool beside(const struct packet *p)
{
	return p->urgent && !p->counted;
}

/* Another urgent byte comes: the older one is passed if it is the next to read, or becomes an
 * ordinary one. */
static void end_urgent(struct isock *s)
{
	struct packet *p = s->urgent;

	if (beside(p) && s->queue.next == &p->link) {
		drop_first(s);
		return;
	}
	if (beside(p))
		WRITE_ONCE(s->bytes, s->bytes + p->len);
	p->counted = true;
	p->urgent = false;
}

/* `to` is locked. */
static void append(struct isock *to, struct packet *p)
{
	p->counted = !p->urgent || socket_option(&to->base, SO_OOBINLINE);
	if (p->urgent) {
		if (to->urgent)
			end_urgent(to);
		to->urgent = p;
		WRITE_ONCE(to->urgent_unread, true);
	}
	list_add_tail(&p->link, &to->queue);
	if (p->counted)
		WRITE_ONCE(to->bytes, to->bytes + p->len);
}

/* Queue the packet at the peer. What comes to a closed socket is answered by a reset. */
static void deliver(struct isock *s, struct isock *to, struct packet *p)
{
	bool open;

	mutex_lock(&to->lock);
	open = to->peer == s && to->state != TCP_CLOSE;
	if (open) {
		atomic_add_return(&s->outstanding, (int)p->charge);
		append(to, p);
	}
	mutex_unlock(&to->lock);
	if (open) {
		wake_up_all(&to->read_wait);
		return;
	}
	packet_free(p);
	tcp_reset(s);
}

static ssize_t send_piece(struct isock *s, struct isock *to, struct uio *io, bool urgent, u64 until)
{
	size_t n = MIN(io->left, PIECE);
	struct packet *p;
	int err = wait_for_room(s, until);

	if (err)
		return err;
	if (cannot_send(s))
		return socket_take_error(&s->base) ?: -EPIPE;
	if (urgent && io->left > 1) /* the last byte alone is urgent */
		n = MIN(io->left - 1, PIECE);
	p = packet_create(io, n);
	if (IS_ERR(p))
		return PTR_ERR(p);
	p->urgent = urgent && !io->left;
	deliver(s, to, p);
	return (ssize_t)n;
}

/* Wait until the socket is connected. The peer, with a reference; ERR_PTR. */
static struct isock *sending_peer(struct isock *s, u64 until)
{
	int err = 0;

	if (READ_ONCE(s->state) == TCP_SYN_SENT)
		err = socket_wait(&s->write_wait, until, READ_ONCE(s->state) != TCP_SYN_SENT);
	if (err)
		return ERR_PTR(err);
	guard_mutex(&s->lock);
	err = socket_take_error(&s->base);
	if (err)
		return ERR_PTR(err);
	return s->peer && !(s->shut & SHUT_SEND) ? isock_get(s->peer) : ERR_PTR(-EPIPE);
}

ssize_t tcp_send(struct socket *base, struct uio *io, const struct outgoing *out)
{
	struct isock *s = isock_of(base);
	u64 until = send_until(base, out->flags);
	struct isock *peer scoped(isock_put) = sending_peer(s, until);
	ssize_t done = 0, n = IS_ERR(peer) ? PTR_ERR(peer) : 0;

	while (n >= 0 && io->left) {
		n = send_piece(s, peer, io, out->flags & MSG_OOB, until);
		if (n > 0)
			done += n;
	}
	if (n == -EPIPE && !done && !(out->flags & MSG_NOSIGNAL))
		send_sig_self(SIGPIPE);
	return done ? done : n;
}

/* ---- receiving ---- */

static bool readable(const struct isock *s)
{
	return READ_ONCE(s->bytes) || (READ_ONCE(s->shut) & SHUT_RECEIVE) ||
	       READ_ONCE(s->base.error) || READ_ONCE(s->state) == TCP_CLOSE;
}

/* Nothing is to be read: why? 1: wait for it. 0 at the end, or -errno. The lock is held. */
static int nothing(struct isock *s)
{
	int err;

	if (s->fin)
		return 0;
	err = socket_take_error(&s->base);
	if (err)
		return err;
	if (s->shut & SHUT_RECEIVE)
		return 0;
	return s->state == TCP_CLOSE || s->state == TCP_LISTEN ? -ENOTCONN : 1;
}

/* Copy or drop (MSG_TRUNC) bytes of one packet from `at` on. */
static size_t take(struct uio *io, const struct packet *p, u32 at, u32 flags)
{
	size_t n = MIN(io->left, (size_t)(p->len - at));

	if (!(flags & MSG_TRUNC))
		return uio_store(io, p->data + at, n);
	io->left -= n;
	return n;
}

/* Read what is queued, up to the urgent mark. The lock is held. Bytes, or -EFAULT. */
static ssize_t read_queue(struct isock *s, struct uio *io, bool begun, u32 flags)
{
	struct packet *p, *next;
	ssize_t done = 0;
	size_t n;

	list_for_each_entry_safe (p, next, &s->queue, link) {
		if (p->urgent && (done || begun))
			break;
		if (beside(p)) {
			if (!(flags & MSG_PEEK))
				drop_first(s);
			continue;
		}
		if (!io->left)
			break;
		n = take(io, p, p->at, flags);
		if (!n)
			return done ? done : -EFAULT;
		done += (ssize_t)n;
		if (flags & MSG_PEEK)
			continue;
		p->at += (u32)n;
		WRITE_ONCE(s->bytes, s->bytes - (u32)n);
		if (p->at == p->len)
			drop_first(s);
	}
	return done;
}

/* MSG_OOB: the urgent byte alone. */
static ssize_t read_urgent(struct isock *s, struct uio *io, struct incoming *in)
{
	guard_mutex(&s->lock);
	if (s->state == TCP_CLOSE && !s->fin)
		return -ENOTCONN;
	if (!s->urgent || !s->urgent_unread || socket_option(&s->base, SO_OOBINLINE))
		return -EINVAL;
	in->got |= MSG_OOB;
	if (!io->left) {
		in->got |= MSG_TRUNC;
		return 0;
	}
	if (uio_store(io, s->urgent->data, 1) != 1)
		return -EFAULT;
	if (!(in->flags & MSG_PEEK))
		WRITE_ONCE(s->urgent_unread, false);
	return 1;
}

/* There is room at `s` again: wake its peer's writers. The lock of `s` is held. */
static void made_room(struct isock *s)
{
	if (s->peer && writable(s->peer))
		wake_up_all(&s->peer->write_wait);
}

/* Read until `target` bytes are there. The lock is held. */
static ssize_t read_stream(struct isock *s, struct uio *io, size_t target, u32 flags, u64 until)
{
	ssize_t done = 0, n = 0;

	do {
		n = read_queue(s, io, done > 0, flags);
		if (n > 0)
			done += n;
		if (n < 0 || !io->left || (size_t)done >= target || (done && (flags & MSG_PEEK)) ||
		    (done && s->bytes))
			break;
		n = nothing(s);
		if (n == 1 && until && signal_pending(current))
			n = until == TIME_FOREVER ? -ERESTARTSYS : -EINTR;
		if (n == 1) {
			made_room(s); /* the sender may wait for that */
			n = socket_wait_unlocked(&s->lock, &s->read_wait, until, readable(s)) ?: 1;
		}
	} while (n == 1);
	return done ? done : n;
}

ssize_t tcp_receive(struct socket *base, struct uio *io, struct incoming *in)
{
	struct isock *s = isock_of(base);
	u64 until = receive_until(base, in->flags);
	size_t target = in->flags & MSG_WAITALL
				? io->left
				: MIN((size_t)READ_ONCE(base->opt.rcvlowat), io->left);
	ssize_t ret;

	if (in->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (in->flags & MSG_OOB)
		return read_urgent(s, io, in);
	guard_mutex(&s->lock);
	if (s->state == TCP_LISTEN)
		return -ENOTCONN;
	ret = read_stream(s, io, target, in->flags, until);
	made_room(s);
	return ret;
}

/* ---- poll and ioctl ---- */

/* How many bytes poll(2) waits for: no more than surely fit. */
static u32 low_mark(const struct isock *s)
{
	return MIN((u32)READ_ONCE(s->base.opt.rcvlowat), READ_ONCE(s->base.opt.rcvbuf) / 2);
}

u32 tcp_poll(struct socket *base, struct poll_table *pt)
{
	struct isock *s = isock_of(base);
	enum tcp_state state;
	u32 shut, events = 0;

	poll_wait_for(pt, &s->read_wait, POLL_READ);
	poll_wait_for(pt, &s->write_wait, POLL_WRITE);
	state = READ_ONCE(s->state);
	if (state == TCP_LISTEN)
		return list_empty(&s->backlog) ? 0 : POLLIN | POLLRDNORM;
	shut = READ_ONCE(s->shut);
	if (shut == SHUT_BOTH || state == TCP_CLOSE)
		events |= POLLHUP;
	if (shut & SHUT_RECEIVE)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (state != TCP_SYN_SENT) {
		if (READ_ONCE(s->bytes) && READ_ONCE(s->bytes) >= low_mark(s))
			events |= POLLIN | POLLRDNORM;
		if ((shut & SHUT_SEND) || writable(s))
			events |= POLLOUT | POLLWRNORM;
		if (READ_ONCE(s->urgent_unread))
			events |= POLLPRI;
	}
	if (READ_ONCE(base->error))
		events |= POLLERR;
	return events;
}

/* Whether the next byte is behind the urgent one: sockatmark(3). */
static int at_mark(struct isock *s)
{
	guard_mutex(&s->lock);
	return s->urgent && s->queue.next == &s->urgent->link;
}

/* What the peer has not read and its buffer does not hold. */
static int unsent(struct isock *s)
{
	int there = atomic_read(&s->outstanding), holds = (int)READ_ONCE(s->window);

	return there > holds ? there - holds : 0;
}

long tcp_ioctl(struct socket *base, unsigned int cmd, unsigned long arg)
{
	struct isock *s = isock_of(base);
	int __user *to = (int __user *)arg;
	bool listens = READ_ONCE(s->state) == TCP_LISTEN;

	switch (cmd) {
	case SIOCINQ:
		return listens ? -EINVAL : put_user((int)READ_ONCE(s->bytes), to);
	case SIOCOUTQ:
		return listens ? -EINVAL : put_user(unsent(s), to);
	case SIOCATMARK:
		return put_user(at_mark(s), to);
	default:
		return -ENOTTY;
	}
}
