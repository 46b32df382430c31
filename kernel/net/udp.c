/* UDP: datagrams. udp(7) */
#include "kernel/fs/poll/poll.h"
#include "kernel/net/inet.h"

#include <linux/sockios.h>

/* ---- connecting ---- */

static int udp_disconnect(struct isock *s)
{
	s->remote.port = 0;
	s->state = TCP_CLOSE;
	inet_unbind(s);
	if (s->claim)
		port_receive(s, NULL);
	return 0;
}

/* Where a datagram to `to` goes: groups and broadcasts stay as they are. */
static int udp_route(struct isock *s, struct endpoint *to)
{
	if (!to->port)
		return -EINVAL;
	if (!may_send_from(&s->local.ip))
		return -ENETUNREACH;
	if (ip_is_broadcast(&to->ip))
		return socket_option(&s->base, SO_BROADCAST) ? 0 : -EACCES;
	/* without a route for them, groups need an interface that was chosen */
	if (ip_is_multicast(&to->ip))
		return s->ip.multicast_if || ip_is_local(&s->local.ip) ? 0 : -ENETUNREACH;
	return route_to(s, to);
}

static int udp_connect(struct socket *base, const union address *addr, u32 len,
		       u64 until __maybe_unused)
{
	struct isock *s = isock_of(base);
	struct endpoint to;
	int err;

	if (len < sizeof(addr->family))
		return -EINVAL;
	guard_mutex(&s->lock);
	if (addr->family == AF_UNSPEC)
		return udp_disconnect(s);
	err = read_endpoint(s, &to, addr, len);
	if (!err && to.port)
		err = udp_route(s, &to);
	else if (!err)
		err = route_to(s, &to);
	if (err)
		return err;
	s->local.ip = source_for(s, &to.ip);
	err = inet_autobind(s);
	if (err)
		return err;
	s->remote = to;
	s->state = TCP_ESTABLISHED;
	port_receive(s, &to);
	return 0;
}

/* ---- sending ---- */

/* Queue the datagram; false: there is no room, and it is lost. */
static bool udp_deliver(struct isock *to, struct packet *p)
{
	bool room;

	mutex_lock(&to->lock);
	room = to->charge < READ_ONCE(to->base.opt.rcvbuf);
	if (room) {
		if (wants_timestamp(&to->base))
			p->stamp = ktime_get_real();
		list_add_tail(&p->link, &to->queue);
		to->charge += p->charge;
	}
	mutex_unlock(&to->lock);
	if (room)
		wake_up_all(&to->read_wait);
	return room;
}

struct copies {
	struct isock *from;
	const struct packet *p;
};

/* One more receiver of a datagram to a group or to all. */
static void deliver_copy(struct isock *to, void *arg)
{
	struct copies *c = arg;
	const struct packet *p = c->p;
	bool takes = ip_is_broadcast(&p->to) || inet_joined(to, &p->to);
	struct packet *copy;
	struct uio io;

	if (to == c->from && !(to->ip.bits & IP_BIT(IP_MULTICAST_LOOP)))
		takes = false;
	if (!ip_is_any(&to->local.ip) && !same_ip(&to->local.ip, &p->to))
		takes = false;
	uio_init_kernel(&io, (void *)p->data, p->len);
	copy = takes ? packet_create(&io, p->len) : ERR_PTR(-ENOMEM);
	if (!IS_ERR(copy)) {
		copy->from = p->from;
		copy->to = p->to;
		copy->tos = p->tos;
		if (!udp_deliver(to, copy))
			packet_free(copy);
	}
	isock_put(to);
}

static void udp_transmit(struct isock *s, struct packet *p, const struct endpoint *to,
			 bool connected)
{
	struct isock *receiver;
	bool kept = false;

	if (ip_is_multicast(&to->ip) || ip_is_broadcast(&to->ip)) {
		port_each(&s->net->udp, to->port, deliver_copy, &(struct copies){s, p});
	} else {
		receiver = port_find(&s->net->udp, &p->from, to);
		if (receiver)
			kept = udp_deliver(receiver, p);
		else if (connected || (s->ip.bits & IP_BIT(IP_RECVERR)))
			socket_set_error(&s->base, ECONNREFUSED);
		if (!receiver)
			wake_up_all(&s->read_wait);
		isock_put(receiver);
	}
	if (!kept)
		packet_free(p);
}

/* Set the receiver, and bind the socket. */
static int udp_address(struct isock *s, const struct outgoing *out, struct endpoint *from,
		       struct endpoint *to)
{
	int err = 0;

	guard_mutex(&s->lock);
	if (s->shut & SHUT_SEND)
		return -EPIPE;
	if (out->len)
		err = read_endpoint(s, to, out->to, out->len);
	else if (s->state == TCP_ESTABLISHED)
		*to = s->remote;
	else
		return -EDESTADDRREQ;
	if (!err)
		err = udp_route(s, to);
	if (!err)
		err = inet_autobind(s);
	if (err)
		return err;
	from->ip = source_for(s, &to->ip);
	from->port = s->local.port;
	return 0;
}

static ssize_t udp_send(struct socket *base, struct uio *io, const struct outgoing *out)
{
	struct isock *s = isock_of(base);
	struct endpoint from, to;
	size_t n = io->left;
	struct packet *p;
	int err;

	if (out->flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (n > UDP_MOST)
		return -EMSGSIZE;
	err = udp_address(s, out, &from, &to) ?: socket_take_error(base);
	if (err)
		return err;
	p = packet_create(io, n);
	if (IS_ERR(p))
		return PTR_ERR(p);
	p->from = from;
	p->to = to.ip;
	p->tos = READ_ONCE(s->ip.tos);
	udp_transmit(s, p, &to, !out->len || s->state == TCP_ESTABLISHED);
	return (ssize_t)n;
}

/* ---- receiving ---- */

static bool readable(const struct isock *s)
{
	return !list_empty(&s->queue) || (READ_ONCE(s->shut) & SHUT_RECEIVE) ||
	       READ_ONCE(s->base.error);
}

/* Wait for a datagram: 1; 0 at the end; or -errno. The lock is held. */
static int wait_for_datagram(struct isock *s, u64 until)
{
	int err;

	for (;;) {
		err = socket_take_error(&s->base);
		if (err || !list_empty(&s->queue))
			return err ?: 1;
		if (s->shut & SHUT_RECEIVE)
			return 0;
		err = socket_wait_unlocked(&s->lock, &s->read_wait, until, readable(s));
		if (err)
			return err;
	}
}

static ssize_t udp_receive(struct socket *base, struct uio *io, struct incoming *in)
{
	struct isock *s = isock_of(base);
	u64 until = receive_until(base, in->flags);
	struct packet *p;
	size_t n, skip;
	ssize_t ret;

	if (in->flags & (MSG_OOB | MSG_ERRQUEUE))
		return in->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	guard_mutex(&s->lock);
	ret = wait_for_datagram(s, until);
	if (ret <= 0)
		return ret;
	p = list_first_entry(&s->queue, struct packet, link);
	skip = in->flags & MSG_PEEK ? MIN((size_t)MAX(base->opt.peek_off, 0), (size_t)p->len) : 0;
	n = MIN(io->left, p->len - skip);
	ret = (ssize_t)(in->flags & MSG_TRUNC ? p->len - skip : n);
	if (n < p->len - skip)
		in->got |= MSG_TRUNC;
	if (uio_store(io, p->data + skip, n) < n)
		ret = -EFAULT;
	if (in->name)
		in->len = write_endpoint(s, &p->from, in->name);
	inet_put_control(s, p, in);
	if (in->flags & MSG_PEEK) {
		if (base->opt.peek_off >= 0)
			base->opt.peek_off += (int)n;
		return ret;
	}
	if (base->opt.peek_off >= 0)
		base->opt.peek_off = MAX(base->opt.peek_off - (int)p->len, 0);
	list_del_init(&p->link);
	s->charge -= p->charge;
	packet_free(p);
	return ret;
}

static u32 udp_poll(struct socket *base, struct poll_table *pt)
{
	struct isock *s = isock_of(base);
	u32 shut, events = POLLOUT | POLLWRNORM | POLLWRBAND;

	poll_wait(pt, &s->read_wait);
	shut = READ_ONCE(s->shut);
	if (READ_ONCE(base->error))
		events |= POLLERR;
	if (shut == SHUT_BOTH)
		events |= POLLHUP;
	if (shut & SHUT_RECEIVE)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(&s->queue))
		events |= POLLIN | POLLRDNORM;
	return events;
}

static int first_length(struct isock *s)
{
	guard_mutex(&s->lock);
	return list_empty(&s->queue) ? 0
				     : (int)list_first_entry(&s->queue, struct packet, link)->len;
}

static long udp_ioctl(struct socket *base, unsigned int cmd, unsigned long arg)
{
	int __user *to = (int __user *)arg;

	switch (cmd) {
	case SIOCINQ:
		return put_user(first_length(isock_of(base)), to);
	case SIOCOUTQ:
		return put_user(0, to);
	default:
		return -ENOTTY;
	}
}

/* ---- the rest ---- */

static int udp_listen(struct socket *base __maybe_unused, int backlog __maybe_unused)
{
	return -EOPNOTSUPP;
}

static struct socket *udp_accept(struct socket *base __maybe_unused, u64 until __maybe_unused)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static int udp_shutdown(struct socket *base, u32 how)
{
	struct isock *s = isock_of(base);
	bool connected;

	mutex_lock(&s->lock);
	WRITE_ONCE(s->shut, s->shut | how);
	connected = s->state == TCP_ESTABLISHED;
	mutex_unlock(&s->lock);
	wake_up_all(&s->read_wait);
	return connected ? 0 : -ENOTCONN;
}

static void udp_close(struct socket *base)
{
	struct list_head unread = LIST_HEAD_INIT(unread);
	struct isock *s = isock_of(base);

	mutex_lock(&s->lock);
	port_release(s);
	s->shut = SHUT_BOTH;
	s->charge = UINT32_MAX; /* a sender that has just found it finds no room */
	list_splice_tail(&s->queue, &unread);
	mutex_unlock(&s->lock);
	packets_free(&unread);
	isock_put(s);
}

static void udp_buffers_changed(struct socket *base __maybe_unused)
{
}

struct socket_list udp_sockets = SOCKET_LIST_INIT(udp_sockets);

const struct socket_ops udp_ops = {
	.list = &udp_sockets,
	.bind = inet_bind,
	.listen = udp_listen,
	.connect = udp_connect,
	.accept = udp_accept,
	.name = inet_name,
	.shutdown = udp_shutdown,
	.send = udp_send,
	.receive = udp_receive,
	.poll = udp_poll,
	.ioctl = udp_ioctl,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.buffers_changed = udp_buffers_changed,
	.close = udp_close,
};
