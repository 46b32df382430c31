/* AF_UNIX sockets: sending, receiving, poll. unix(7) */
#include "kernel/fs/poll/poll.h"
#include "kernel/net/socket.h"

/* Bytes of a stream in one message: two messages fit the buffer, as on Linux. */
static size_t stream_chunk(const struct usock *s)
{
	return MIN((size_t)READ_ONCE(s->sndbuf) / 2 - 64, STREAM_LINE + STREAM_PAGES);
}

/* ---- sending ---- */

static bool has_room(const struct usock *s)
{
	return (u32)atomic_read(&s->in_flight) < READ_ONCE(s->sndbuf);
}

static int wait_to_send(struct usock *s, bool nonblock)
{
	if (has_room(s) || (READ_ONCE(s->shut) & SHUT_SEND))
		return 0;
	if (nonblock)
		return -EAGAIN;
	return wait_event_interruptible(&s->write_wait,
					has_room(s) || (READ_ONCE(s->shut) & SHUT_SEND));
}

/* Check that `to`, which is locked, takes what `s` sends. 0 or -errno. */
static int may_deliver(const struct usock *s, const struct usock *to)
{
	bool datagram = s->type == SOCK_DGRAM;

	if (datagram && to->peer && to->peer != s)
		return -EPERM; /* it has another peer */
	if (to->state == SOCKET_CLOSED)
		return datagram ? -ECONNREFUSED : -EPIPE;
	return to->shut & SHUT_RECEIVE ? -EPIPE : 0;
}

/* Queue the message at the receiver. On failure the caller still owns it. */
static int deliver(struct usock *s, struct usock *to, struct message *m, bool nonblock)
{
	int err, room = 0;

	mutex_lock(&to->lock);
	do {
		err = may_deliver(s, to);
		if (!err)
			room = unix_wait_for_room(s, to, nonblock);
	} while (!err && !room);
	err = err ? err : MIN(room, 0);
	if (!err) {
		list_add_tail(&m->link, &to->queue);
		if (s->type == SOCK_DGRAM)
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
			struct scm *scm, bool nonblock)
{
	struct message *m;
	int err = wait_to_send(s, nonblock);

	if (err)
		return err;
	if (READ_ONCE(s->shut) & SHUT_SEND)
		return -EPIPE;
	m = message_create(s, io, n);
	if (IS_ERR(m))
		return PTR_ERR(m);
	m->scm = *scm;
	err = deliver(s, to, m, nonblock);
	if (err) {
		m->scm.nr = 0; /* the caller still owns the files */
		message_free(m);
		return err;
	}
	scm_moved(scm);
	return (ssize_t)n;
}

static ssize_t send_stream(struct usock *s, struct usock *to, struct uio *io, struct scm *scm,
			   u32 flags)
{
	ssize_t done = 0, n = 0;

	if (READ_ONCE(s->shut) & SHUT_SEND)
		n = -EPIPE;
	while (n >= 0 && io->left) {
		n = send_one(s, to, io, MIN(io->left, stream_chunk(s)), scm, flags & MSG_DONTWAIT);
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

	if (len && s->type == SOCK_DGRAM)
		return unix_find(to, len, SOCK_DGRAM);
	peer = unix_peer(s);
	if (len && s->type == SOCK_STREAM) {
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

ssize_t unix_send(struct usock *s, struct uio *io, const struct sockaddr_un *to, u32 len,
		  struct scm *scm, u32 flags)
{
	ssize_t ret;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	struct usock *dest scoped(usock_put) = addressee(s, to, len);
	if (IS_ERR(dest))
		return PTR_ERR(dest);
	if (s->type == SOCK_STREAM)
		ret = send_stream(s, dest, io, scm, flags);
	else if (io->left > READ_ONCE(s->sndbuf) - 32)
		ret = -EMSGSIZE;
	else
		ret = send_one(s, dest, io, io->left, scm, flags & MSG_DONTWAIT);
	if (ret == -ECONNREFUSED && !len)
		forget_peer(s, dest);
	return ret;
}

/* ---- receiving ---- */

static bool readable(const struct usock *s)
{
	return !list_empty(&s->queue) || (READ_ONCE(s->shut) & SHUT_RECEIVE) || READ_ONCE(s->error);
}

/* Wait for a message. 1; 0 at the end; or -errno. Lock held. */
static int wait_for_message(struct usock *s, bool nonblock)
{
	int err;

	while (list_empty(&s->queue)) {
		if (s->error) {
			err = -s->error;
			s->error = 0;
			return err;
		}
		if (s->shut & SHUT_RECEIVE)
			return nonblock && s->type == SOCK_DGRAM ? -EAGAIN : 0; /* as on Linux */
		err = usock_wait(s, &s->read_wait, nonblock, readable(s));
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
	if (s->type == SOCK_DGRAM)
		WRITE_ONCE(s->backlog_nr, s->backlog_nr - 1);
	message_free(list_take_first(&s->queue, struct message, link));
}

/* Read from a stream's first message. *stop: the next must not be mixed in. Lock held. */
static ssize_t take_bytes(struct usock *s, struct uio *io, bool peek, struct received *r,
			  bool *stop)
{
	struct message *m = list_first_entry(&s->queue, struct message, link);
	bool more = r->from != NULL;
	size_t n;
	int err;

	*stop = true;
	if (more &&
	    (m->scm.nr || (s->passcred && memcmp(&m->scm.cred, &r->scm.cred, sizeof(r->scm.cred)))))
		return 0;
	n = uio_store(io, m->data + m->at, MIN(io->left, m->len - m->at));
	if (!n)
		return -EFAULT;
	err = take_extras(m, peek, r);
	if (err)
		return err;
	*stop = peek || r->scm.nr;
	if (!peek) {
		m->at += n;
		if (m->at == m->len)
			drop_first(s);
	}
	return (ssize_t)n;
}

static ssize_t receive_stream(struct usock *s, struct uio *io, u32 flags, struct received *r)
{
	ssize_t done = 0, n;
	bool stop = false;

	if (s->state != SOCKET_CONNECTED)
		return -EINVAL;
	while (io->left && !stop) {
		if (done && list_empty(&s->queue) && !(flags & MSG_WAITALL))
			break;
		n = wait_for_message(s, flags & MSG_DONTWAIT);
		if (n <= 0)
			return done ? done : n;
		n = take_bytes(s, io, flags & MSG_PEEK, r, &stop);
		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

static ssize_t receive_whole(struct usock *s, struct uio *io, u32 flags, struct received *r)
{
	struct message *m;
	size_t n, len;
	int err;

	if (s->type == SOCK_SEQPACKET && s->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	err = wait_for_message(s, flags & MSG_DONTWAIT);
	if (err <= 0)
		return err;
	m = list_first_entry(&s->queue, struct message, link);
	len = m->len;
	n = MIN(io->left, len);
	err = take_extras(m, flags & MSG_PEEK, r);
	if (!err && uio_store(io, m->data, n) < n)
		err = -EFAULT;
	if (!(flags & MSG_PEEK))
		drop_first(s);
	if (len > n)
		r->flags |= MSG_TRUNC;
	return err ? err : (ssize_t)(flags & MSG_TRUNC ? len : n);
}

ssize_t unix_receive(struct usock *s, struct uio *io, u32 flags, struct received *r)
{
	ssize_t ret;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	mutex_lock(&s->lock);
	ret = s->type == SOCK_STREAM ? receive_stream(s, io, flags, r)
				     : receive_whole(s, io, flags, r);
	mutex_unlock(&s->lock);
	if (s->type == SOCK_DGRAM && !(flags & MSG_PEEK))
		unix_made_room(s);
	if (r->scm.nr && (flags & MSG_PEEK))
		scm_wait_for_collection();
	else
		scm_release(&r->scm);
	return ret;
}

u32 unix_poll(struct file *f, struct poll_table *pt)
{
	struct usock *s = f->private;
	u32 shut, events = 0;
	bool listens;

	poll_wait(pt, &s->read_wait);
	poll_wait(pt, &s->write_wait);
	shut = READ_ONCE(s->shut);
	listens = READ_ONCE(s->state) == SOCKET_LISTENS;
	if (READ_ONCE(s->error))
		events |= POLLERR;
	if (shut == SHUT_BOTH)
		events |= POLLHUP;
	if (shut & SHUT_RECEIVE)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(listens ? &s->backlog : &s->queue))
		events |= POLLIN | POLLRDNORM;
	if (s->type != SOCK_DGRAM && READ_ONCE(s->state) == SOCKET_NEW)
		events |= POLLHUP;
	if (!listens && (u32)atomic_read(&s->in_flight) * 4 <= READ_ONCE(s->sndbuf) &&
	    (s->type != SOCK_DGRAM || unix_peer_has_room(s)))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

size_t unix_waiting(struct usock *s)
{
	struct message *m;
	size_t n = 0;

	guard_mutex(&s->lock);
	list_for_each_entry (m, &s->queue, link) {
		n += m->len - m->at;
		if (s->type == SOCK_DGRAM)
			break;
	}
	return n;
}
