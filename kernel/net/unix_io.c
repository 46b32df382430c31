/* AF_UNIX sockets: sending, receiving, poll. unix(7) */
#include "kernel/fs/poll/poll.h"
#include "kernel/net/unix.h"

/* Bytes of a stream in one message: two messages fit the buffer, as on Linux. */
static size_t stream_chunk(const struct usock *s)
{
	return MIN((size_t)READ_ONCE(s->base.opt.sndbuf) / 2 - 64, STREAM_LINE + STREAM_PAGES);
}

/* ---- sending ---- */

static bool has_room(const struct usock *s)
{
	return (u32)atomic_read(&s->in_flight) < READ_ONCE(s->base.opt.sndbuf);
}

static int wait_to_send(struct usock *s, u64 until)
{
	if (has_room(s) || (READ_ONCE(s->shut) & SHUT_SEND))
		return 0;
	return socket_wait(&s->write_wait, until, has_room(s) || (READ_ONCE(s->shut) & SHUT_SEND));
}

/* Check that `to`, which is locked, takes what `s` sends. 0 or -errno. */
static int may_deliver(const struct usock *s, const struct usock *to)
{
	bool datagram = s->base.type == SOCK_DGRAM;

	if (datagram && to->peer && to->peer != s)
		return -EPERM; /* it has another peer */
	if (to->state == SOCKET_CLOSED)
		return datagram ? -ECONNREFUSED : -EPIPE;
	return to->shut & SHUT_RECEIVE ? -EPIPE : 0;
}

/* Queue the message at the receiver. On failure the caller still owns it. */
static int deliver(struct usock *s, struct usock *to, struct message *m, u64 until)
{
	int err, room = 0;

	mutex_lock(&to->lock);
	do {
		err = may_deliver(s, to);
		if (!err)
			room = unix_wait_for_room(s, to, until);
	} while (!err && !room);
	err = err ? err : MIN(room, 0);
	if (!err) {
		if (wants_timestamp(&to->base))
			m->stamp = ktime_get_real();
		list_add_tail(&m->link, &to->queue);
		if (s->base.type == SOCK_DGRAM)
			WRITE_ONCE(to->backlog_nr, to->backlog_nr + 1);
	}
	mutex_unlock(&to->lock);
	if (!err)
		wake_up_all(&to->read_wait);
	return err;
}

/* The files have another owner now. */
static void scm_moved(struct scm *scm)
{
	scm->nr = 0;
	scm->files = NULL;
	scm->user = NULL;
}

/* Send one message of n bytes. Returns n, or -errno. */
static ssize_t send_one(struct usock *s, struct usock *to, struct uio *io, size_t n,
			struct scm *scm, u64 until)
{
	struct message *m;
	int err = wait_to_send(s, until);

	if (err)
		return err;
	if (READ_ONCE(s->shut) & SHUT_SEND)
		return -EPIPE;
	m = message_create(s, io, n);
	if (IS_ERR(m))
		return PTR_ERR(m);
	m->scm = *scm;
	err = deliver(s, to, m, until);
	if (err) {
		m->scm.nr = 0; /* the caller still owns the files */
		message_free(m);
		return err;
	}
	scm_moved(scm);
	return (ssize_t)n;
}

static ssize_t send_stream(struct usock *s, struct usock *to, struct uio *io, struct scm *scm,
			   u32 flags, u64 until)
{
	ssize_t done = 0, n = 0;

	if (READ_ONCE(s->shut) & SHUT_SEND)
		n = -EPIPE;
	while (n >= 0 && io->left) {
		n = send_one(s, to, io, MIN(io->left, stream_chunk(s)), scm, until);
		if (n > 0)
			done += n;
	}
	if (n == -EPIPE && !done && !(flags & MSG_NOSIGNAL))
		send_sig_self(SIGPIPE);
	return done ? done : n;
}

/* The receiver: with a reference; ERR_PTR. */
static struct usock *addressee(struct usock *s, const struct sockaddr_un *to, u32 len)
{
	struct usock *peer;

	if (len && s->base.type == SOCK_DGRAM)
		return unix_find(to, len, SOCK_DGRAM);
	peer = unix_peer(s);
	if (len && s->base.type == SOCK_STREAM) {
		usock_put(peer);
		return ERR_PTR(peer ? -EISCONN : -EOPNOTSUPP);
	}
	return peer ? peer : ERR_PTR(-ENOTCONN);
}

/* The peer of a datagram socket was closed: leave it, unless `s` has another peer by now. */
static void forget_peer(struct usock *s, struct usock *peer)
{
	bool had;

	mutex_lock(&s->lock);
	had = s->peer == peer;
	if (had) {
		unix_set_peer(s, NULL);
		s->state = SOCKET_NEW;
	}
	mutex_unlock(&s->lock);
	if (had) {
		unix_leave_peer(s, peer);
		usock_put(peer);
	}
}

static ssize_t send_all(struct usock *s, struct uio *io, const struct outgoing *out,
			struct scm *scm)
{
	struct usock *to scoped(usock_put) = addressee(s, &out->to->un, out->len);
	u64 until = send_until(&s->base, out->flags);
	ssize_t ret;

	if (IS_ERR(to))
		return PTR_ERR(to);
	if (s->base.type == SOCK_STREAM)
		ret = send_stream(s, to, io, scm, out->flags, until);
	else if (io->left > READ_ONCE(s->base.opt.sndbuf) - 32)
		ret = -EMSGSIZE;
	else
		ret = send_one(s, to, io, io->left, scm, until);
	if (ret == -ECONNREFUSED && !out->len)
		forget_peer(s, to);
	return ret;
}

ssize_t unix_send(struct socket *base, struct uio *io, const struct outgoing *out)
{
	struct scm scm = {.cred = current_ucred()};
	ssize_t ret;

	if (out->flags & MSG_OOB)
		return -EOPNOTSUPP;
	ret = out->msg ? scm_import(&scm, out->msg) : 0;
	if (!ret)
		ret = send_all(usock_of(base), io, out, &scm);
	scm_free(&scm);
	return ret;
}

/* ---- receiving ---- */

static bool readable(const struct usock *s)
{
	return !list_empty(&s->queue) || (READ_ONCE(s->shut) & SHUT_RECEIVE) ||
	       READ_ONCE(s->base.error);
}

/* What a read returns beside the bytes. */
struct received {
	struct scm scm;
	struct usock *from; /* a reference, or NULL */
	u64 stamp;
};

/* Wait for a message. 1; 0 at the end; or -errno. Lock held. */
static int wait_for_message(struct usock *s, u64 until)
{
	int err;

	while (list_empty(&s->queue)) {
		err = socket_take_error(&s->base);
		if (err)
			return err;
		if (s->shut & SHUT_RECEIVE)
			return !until && s->base.type == SOCK_DGRAM ? -EAGAIN : 0; /* as on Linux */
		err = socket_wait_unlocked(&s->lock, &s->read_wait, until, readable(s));
		if (err)
			return err;
	}
	return 1;
}

/* Pass the sender and the files of the message to the reader; MSG_PEEK copies them. Lock held. */
static int take_extras(struct message *m, bool peek, struct received *r)
{
	if (!r->from) {
		r->from = usock_get(m->from);
		r->scm.cred = m->scm.cred;
		r->stamp = m->stamp;
	}
	if (!m->scm.nr)
		return 0;
	if (peek)
		return scm_copy_files(&r->scm, &m->scm);
	r->scm = m->scm;
	scm_moved(&m->scm);
	return 0;
}

static void drop_first(struct usock *s)
{
	if (s->base.type == SOCK_DGRAM)
		WRITE_ONCE(s->backlog_nr, s->backlog_nr - 1);
	message_free(list_take_first(&s->queue, struct message, link));
}

/* Read from a message of a stream, behind `skip` bytes. *stop: the next must not be mixed in. Lock
 * held. */
static ssize_t take_bytes(struct usock *s, struct message *m, size_t skip, struct uio *io,
			  bool peek, struct received *r, bool *stop)
{
	bool more = r->from != NULL;
	size_t n;
	int err;

	*stop = true;
	if (more && (m->scm.nr || (socket_option(&s->base, SO_PASSCRED) &&
				   memcmp(&m->scm.cred, &r->scm.cred, sizeof(r->scm.cred)))))
		return 0;
	skip += m->at;
	n = uio_store(io, m->data + skip, MIN(io->left, m->len - skip));
	if (!n)
		return -EFAULT;
	err = take_extras(m, peek, r);
	if (err)
		return err;
	*stop = r->scm.nr;
	if (!peek) {
		m->at += n;
		if (m->at == m->len)
			drop_first(s);
	}
	return (ssize_t)n;
}

/* SO_PEEK_OFF: MSG_PEEK begins at this byte of the queue and moves it on; a read moves it back. */
static size_t peek_start(const struct usock *s)
{
	return (size_t)MAX(s->base.opt.peek_off, 0);
}

static void move_peek(struct usock *s, ssize_t n)
{
	if (s->base.opt.peek_off >= 0 && n)
		s->base.opt.peek_off = (int)MAX(s->base.opt.peek_off + n, 0L);
}

static ssize_t peek_queue(struct usock *s, struct uio *io, struct received *r)
{
	size_t skip = peek_start(s);
	ssize_t done = 0, n;
	struct message *m;
	bool stop = false;

	list_for_each_entry (m, &s->queue, link) {
		if (skip >= m->len - m->at) {
			skip -= m->len - m->at;
			continue;
		}
		n = stop || !io->left ? 0 : take_bytes(s, m, skip, io, true, r, &stop);
		if (n <= 0)
			return done ? done : n;
		done += n;
		skip = 0;
	}
	return done;
}

static ssize_t peek_stream(struct usock *s, struct uio *io, struct received *r, u64 until)
{
	ssize_t n = wait_for_message(s, until);
	struct list_head *last;

	if (n <= 0)
		return n;
	while ((n = peek_queue(s, io, r)) == 0 && !(s->shut & SHUT_RECEIVE)) {
		last = s->queue.prev;
		n = socket_wait_unlocked(&s->lock, &s->read_wait, until,
					 READ_ONCE(s->queue.prev) != last || READ_ONCE(s->shut));
		if (n)
			return n;
	}
	if (n > 0)
		move_peek(s, n);
	return n;
}

static ssize_t receive_stream(struct usock *s, struct uio *io, u32 flags, struct received *r,
			      u64 until)
{
	ssize_t done = 0, n;
	size_t target = flags & MSG_WAITALL
				? io->left
				: MIN((size_t)READ_ONCE(s->base.opt.rcvlowat), io->left);
	bool stop = false;

	if (s->state != SOCKET_CONNECTED)
		return -EINVAL;
	if (flags & MSG_PEEK)
		return io->left ? peek_stream(s, io, r, until) : 0;
	while (io->left && !stop) {
		if ((size_t)done >= target && list_empty(&s->queue))
			break;
		n = wait_for_message(s, until);
		if (n > 0)
			n = take_bytes(s, list_first_entry(&s->queue, struct message, link), 0, io,
				       false, r, &stop);
		if (n < 0 || (n == 0 && !stop))
			return done ? done : n;
		done += n;
	}
	move_peek(s, -done);
	return done;
}

/* With SO_PEEK_OFF, MSG_PEEK reads from that byte of the first message on. */
static ssize_t receive_whole(struct usock *s, struct uio *io, struct incoming *in,
			     struct received *r)
{
	u64 until = receive_until(&s->base, in->flags);
	bool peek = in->flags & MSG_PEEK;
	struct message *m;
	size_t n, len, skip;
	int err;

	if (s->base.type == SOCK_SEQPACKET && s->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	err = wait_for_message(s, until);
	if (err <= 0)
		return err;
	m = list_first_entry(&s->queue, struct message, link);
	skip = peek ? MIN(peek_start(s), m->len) : 0;
	len = m->len - skip;
	n = MIN(io->left, len);
	err = take_extras(m, peek, r);
	if (!err && uio_store(io, m->data + skip, n) < n)
		err = -EFAULT;
	move_peek(s, peek ? (ssize_t)n : -(ssize_t)len);
	if (!peek)
		drop_first(s);
	if (len > n)
		in->got |= MSG_TRUNC;
	return err ? err : (ssize_t)(in->flags & MSG_TRUNC ? len : n);
}

/* Fill in what the reader gets beside the bytes. A stream tells no sender, not even an empty name.
 */
static void fill_in(struct usock *s, struct received *r, struct incoming *in)
{
	const struct unix_name *name = READ_ONCE(r->from->name);

	if (in->name && s->base.type != SOCK_STREAM && name)
		in->len = unix_write_name(name, in->name);
	if (wants_timestamp(&s->base) && s->base.type == SOCK_DGRAM)
		put_timestamp(&s->base, in, r->stamp);
	if (in->msg)
		scm_export(&r->scm, in, socket_option(&s->base, SO_PASSCRED));
}

ssize_t unix_receive(struct socket *base, struct uio *io, struct incoming *in)
{
	struct usock *s = usock_of(base);
	bool peek = in->flags & MSG_PEEK;
	struct received r = {0};
	ssize_t ret;

	if (in->flags & MSG_OOB)
		return -EOPNOTSUPP;
	mutex_lock(&s->lock);
	ret = base->type == SOCK_STREAM
		      ? receive_stream(s, io, in->flags, &r, receive_until(base, in->flags))
		      : receive_whole(s, io, in, &r);
	mutex_unlock(&s->lock);
	if (base->type == SOCK_DGRAM && !peek)
		unix_made_room(s);
	if (r.scm.nr && peek)
		scm_wait_for_collection();
	else
		scm_release(&r.scm);
	if (ret >= 0 && r.from)
		fill_in(s, &r, in);
	scm_free(&r.scm);
	usock_put(r.from);
	return ret;
}

u32 unix_poll(struct socket *base, struct poll_table *pt)
{
	struct usock *s = usock_of(base);
	u32 shut, events = 0;
	bool listens;

	poll_wait_for(pt, &s->read_wait, POLL_READ);
	poll_wait_for(pt, &s->write_wait, POLL_WRITE);
	shut = READ_ONCE(s->shut);
	listens = READ_ONCE(s->state) == SOCKET_LISTENS;
	if (READ_ONCE(s->base.error))
		events |= POLLERR;
	if (shut == SHUT_BOTH)
		events |= POLLHUP;
	if (shut & SHUT_RECEIVE)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(listens ? &s->backlog : &s->queue))
		events |= POLLIN | POLLRDNORM;
	if (s->base.type != SOCK_DGRAM && READ_ONCE(s->state) == SOCKET_NEW)
		events |= POLLHUP;
	if (!listens && (u32)atomic_read(&s->in_flight) * 4 <= READ_ONCE(s->base.opt.sndbuf) &&
	    (s->base.type != SOCK_DGRAM || unix_peer_has_room(s)))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

/* FIONREAD: the bytes to read, of datagrams those of the first. */
static int waiting(struct usock *s)
{
	struct message *m;
	size_t n = 0;

	guard_mutex(&s->lock);
	list_for_each_entry (m, &s->queue, link) {
		n += m->len - m->at;
		if (s->base.type == SOCK_DGRAM)
			break;
	}
	return (int)n;
}

long unix_ioctl(struct socket *base, unsigned int cmd, unsigned long arg)
{
	struct usock *s = usock_of(base);

	switch (cmd) {
	case FIONREAD:
		return base->listens ? -EINVAL : put_user(waiting(s), (int __user *)arg);
	case TIOCOUTQ: /* SIOCOUTQ: the charge of what the peer has not read */
		return put_user(atomic_read(&s->in_flight), (int __user *)arg);
	default:
		return -ENOTTY;
	}
}
