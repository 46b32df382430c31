/*
 * TCP: connections and their ends. tcp(7)
 *
 * connect(2) makes both ends. The far one waits in the listener's backlog. If the backlog is full,
 * the caller waits in the listener's list of callers instead, in state SYN_SENT, with its far end
 * ready in `embryo`; accept(2) makes room for the first of them.
 */
#include "kernel/net/inet.h"

#define CONNECT_NS (127 * NSEC_PER_SEC) /* how long Linux tries: net.ipv4.tcp_syn_retries */

static void wake_both(struct isock *s)
{
	wake_up_all(&s->read_wait);
	wake_up_all(&s->write_wait);
}

/* ---- connecting ---- */

/* A far end, which will be accepted from `l`: it has the listener's options. */
static struct isock *make_embryo(struct isock *l)
{
	struct isock *n = isock_create(l->base.family, SOCK_STREAM, IPPROTO_TCP);

	if (!n)
		return NULL;
	n->base.opt = l->base.opt;
	n->tcp = l->tcp;
	n->ip = l->ip;
	n->ip.groups = NULL;
	n->ip.nr_groups = 0;
	return n;
}

/* Make it ready, unless another thread just has. False: no memory. */
static bool prepare_embryo(struct isock *s, struct isock *l)
{
	struct isock *n = make_embryo(l), *spare = n;

	if (!n)
		return false;
	mutex_lock(&s->lock);
	if (!s->embryo) {
		s->embryo = n;
		spare = NULL;
	}
	mutex_unlock(&s->lock);
	isock_put(spare);
	return true;
}

/* Connect `s` and its embryo. `l` and `s` are locked; there is room in the backlog. */
static void establish(struct isock *l, struct isock *s)
{
	struct isock *n = s->embryo;

	s->embryo = NULL;
	n->claim = port_share(l);
	n->local = s->remote;
	n->remote = s->local;
	n->peer = isock_get(s);
	n->window = READ_ONCE(s->base.opt.rcvbuf);
	n->state = TCP_ESTABLISHED;
	WRITE_ONCE(s->peer, isock_get(n));
	s->window = n->base.opt.rcvbuf;
	atomic_set(&s->outstanding, 0);
	WRITE_ONCE(s->state, TCP_ESTABLISHED);
	list_add_tail(&n->in_backlog, &l->backlog);
	l->backlog_nr++;
}

/*
 * The listener `l` at `to` is locked. Another thread may have disconnected `s` meanwhile, or called
 * elsewhere with it; it may even listen, and is not locked then: its callers may include `l`.
 */
static int call_locked(struct isock *s, struct isock *l, const struct endpoint *to)
{
	int err = 0;

	if (l->state != TCP_LISTEN)
		return -ECONNREFUSED;
	if (READ_ONCE(s->state) != TCP_SYN_SENT)
		return -ECONNABORTED;
	mutex_lock_nested(&s->lock);
	if (s->state != TCP_SYN_SENT || !s->embryo || s->listener ||
	    !same_endpoint(&s->remote, to)) {
		err = -ECONNABORTED;
	} else if (l->backlog_nr <= l->backlog_max) {
		establish(l, s);
	} else {
		WRITE_ONCE(s->listener, isock_get(l));
		list_add_tail(&s->in_backlog, &l->callers);
		isock_get(s); /* the list's */
	}
	mutex_unlock(&s->lock);
	return err;
}

/* Give the next callers the room in the backlog, which is locked. */
static void admit_callers(struct isock *l)
{
	struct isock *s, *old;

	while (l->backlog_nr <= l->backlog_max &&
	       (s = list_take_first(&l->callers, struct isock, in_backlog)) != NULL) {
		mutex_lock_nested(&s->lock);
		old = s->listener;
		WRITE_ONCE(s->listener, NULL);
		if (s->state == TCP_SYN_SENT && s->embryo)
			establish(l, s);
		mutex_unlock(&s->lock);
		wake_both(s);
		wake_up_all(&l->read_wait);
		isock_put(s);
		isock_put(old); /* not the last: the caller has one */
	}
}

/* The lock is held. The caller drops the reference. */
static struct isock *take_embryo(struct isock *s)
{
	struct isock *n = s->embryo;

	s->embryo = NULL;
	return n;
}

/* Leave this listener's list of callers, if it is still there. */
static void hang_up_from(struct isock *s, struct isock *l)
{
	struct isock *embryo = NULL;
	bool called, listed = false;

	mutex_lock(&l->lock);
	called = READ_ONCE(s->listener) == l; /* stable under this lock */
	if (called) {
		mutex_lock_nested(&s->lock);
		listed = !list_empty(&s->in_backlog);
		list_del_init(&s->in_backlog);
		WRITE_ONCE(s->listener, NULL);
		embryo = take_embryo(s);
		mutex_unlock(&s->lock);
	}
	mutex_unlock(&l->lock);
	isock_put(embryo);
	if (listed)
		isock_put(s);
	if (called)
		isock_put(l);
}

/* Leave the listener's list of callers. Returns with the lock held. */
static void hang_up_and_lock(struct isock *s)
{
	struct isock *l;

	mutex_lock(&s->lock);
	while ((l = s->listener) != NULL) {
		isock_get(l);
		mutex_unlock(&s->lock);
		hang_up_from(s, l);
		isock_put(l);
		mutex_lock(&s->lock);
	}
}

static void hang_up(struct isock *s)
{
	struct isock *embryo;

	hang_up_and_lock(s);
	embryo = take_embryo(s);
	mutex_unlock(&s->lock);
	isock_put(embryo);
}

static int tcp_listen(struct socket *base, int backlog)
{
	struct isock *s = isock_of(base);
	int err = 0;

	guard_mutex(&s->lock);
	if (s->state != TCP_CLOSE && s->state != TCP_LISTEN)
		return -EINVAL;
	if (s->state == TCP_CLOSE) {
		if (s->connecting || s->peer || s->listener)
			return -EINVAL;
		err = inet_autobind(s);
		if (!err)
			err = port_listen(s);
	}
	if (err)
		return err;
	s->backlog_max = (u32)backlog;
	s->shut = 0;
	WRITE_ONCE(s->state, TCP_LISTEN);
	base->listens = true;
	admit_callers(s); /* the backlog may be a longer one now */
	return 0;
}

static void connect_failed(struct isock *s, int err)
{
	guard_mutex(&s->lock);
	if (s->state != TCP_SYN_SENT || s->listener) /* it calls anew */
		return;
	WRITE_ONCE(s->state, TCP_CLOSE);
	socket_set_error(&s->base, err);
	WRITE_ONCE(s->shut, SHUT_BOTH);
	inet_unbind(s);
}

/* Check the address and bind: the state becomes SYN_SENT. The lock is held. */
static int start_connect(struct isock *s, struct endpoint *to)
{
	int err = route_to(s, to);

	if (err)
		return err;
	s->remote = *to;
	s->local.ip = source_for(s, &to->ip);
	err = inet_autobind(s);
	if (err)
		return err == -EAGAIN ? -EADDRNOTAVAIL : err;
	s->fin = s->time_wait = false;
	WRITE_ONCE(s->shut, 0);
	WRITE_ONCE(s->state, TCP_SYN_SENT);
	s->connecting = true;
	return 0;
}

/* Find the listener at `to` and call it. What becomes of it is in the state and the error. */
static int call(struct isock *s, const struct endpoint *from, const struct endpoint *to)
{
	struct isock *l scoped(isock_put) = port_find(&s->net->tcp, from, to);
	int err = -ECONNREFUSED;

	if (l && l != s) {
		if (!prepare_embryo(s, l))
			return -ENOBUFS;
		mutex_lock(&l->lock);
		err = call_locked(s, l, to);
		mutex_unlock(&l->lock);
	}
	if (err) {
		hang_up(s);
		connect_failed(s, -err);
	} else {
		wake_up_all(&l->read_wait);
	}
	return 0;
}

/* The result of a connection that was begun. */
static int finish_connect(struct isock *s, u64 until)
{
	u64 give_up = ktime_get() + CONNECT_NS, end = MIN(until, give_up);
	int err = socket_wait(&s->write_wait, end, READ_ONCE(s->state) != TCP_SYN_SENT);

	if (err == -EAGAIN && until >= give_up) {
		hang_up(s);
		connect_failed(s, ETIMEDOUT);
	} else if (err) {
		return err == -EAGAIN ? -EINPROGRESS : until == TIME_FOREVER ? -ERESTARTSYS : err;
	}
	guard_mutex(&s->lock);
	s->connecting = false;
	if (s->state != TCP_CLOSE)
		return 0;
	s->shut = 0;
	return socket_take_error(&s->base) ?: -ECONNABORTED;
}

static int disconnect(struct isock *s);

static int tcp_connect(struct socket *base, const union address *addr, u32 len, u64 until)
{
	struct isock *s = isock_of(base);
	struct endpoint from, to;
	bool begin;
	int err = 0;

	if (len < sizeof(addr->family))
		return -EINVAL;
	if (addr->family == AF_UNSPEC)
		return disconnect(s);
	mutex_lock(&s->lock);
	begin = !s->connecting;
	if (begin) {
		err = s->state != TCP_CLOSE || s->peer ? -EISCONN
						       : read_endpoint(s, &to, addr, len);
		if (!err)
			err = start_connect(s, &to);
		from = s->local;
	}
	mutex_unlock(&s->lock);
	if (!err && begin) {
		err = call(s, &from, &to);
		if (err)
			connect_failed(s, -err);
		else if (!until) /* on Linux the answer comes just after the call */
			return -EINPROGRESS;
	}
	if (err)
		return err;
	if (!until && READ_ONCE(s->state) == TCP_SYN_SENT)
		return -EALREADY;
	return finish_connect(s, until ?: 1);
}

static struct socket *tcp_accept(struct socket *base, u64 until)
{
	struct isock *s = isock_of(base), *n;
	int err;

	guard_mutex(&s->lock);
	while (s->state == TCP_LISTEN && list_empty(&s->backlog)) {
		err = socket_wait_unlocked(&s->lock, &s->read_wait, until,
					   !list_empty(&s->backlog) ||
						   READ_ONCE(s->state) != TCP_LISTEN);
		if (err)
			return ERR_PTR(err);
	}
	if (s->state != TCP_LISTEN)
		return ERR_PTR(-EINVAL);
	n = list_take_first(&s->backlog, struct isock, in_backlog);
	s->backlog_nr--;
	admit_callers(s);
	return &n->base;
}

/* ---- the end ---- */

void tcp_fin_received(struct isock *s)
{
	mutex_lock(&s->lock);
	if (s->state != TCP_CLOSE) {
		s->fin = true;
		WRITE_ONCE(s->shut, s->shut | SHUT_RECEIVE);
	}
	if (s->state == TCP_ESTABLISHED) {
		WRITE_ONCE(s->state, TCP_CLOSE_WAIT);
	} else if (s->state == TCP_FIN_WAIT2) {
		s->time_wait = true;
		WRITE_ONCE(s->state, TCP_CLOSE);
	}
	mutex_unlock(&s->lock);
	wake_both(s);
}

void tcp_reset(struct isock *s)
{
	mutex_lock(&s->lock);
	if (s->state != TCP_CLOSE) {
		socket_set_error(&s->base, s->state == TCP_CLOSE_WAIT ? EPIPE : ECONNRESET);
		s->time_wait = false;
		WRITE_ONCE(s->state, TCP_CLOSE);
		WRITE_ONCE(s->shut, SHUT_BOTH);
	}
	mutex_unlock(&s->lock);
	wake_both(s);
}

/* This side sends no more. The lock is held. Returns whether the peer has to be told. */
static bool send_fin(struct isock *s)
{
	if (s->state == TCP_ESTABLISHED)
		WRITE_ONCE(s->state, TCP_FIN_WAIT2);
	else if (s->state == TCP_CLOSE_WAIT)
		WRITE_ONCE(s->state, TCP_CLOSE);
	else
		return false;
	return true;
}

/* Stop listening. The connections not yet accepted are reset, the callers refused. */
static void stop_listening(struct isock *s)
{
	struct list_head orphans = LIST_HEAD_INIT(orphans), callers = LIST_HEAD_INIT(callers);
	struct isock *n;

	mutex_lock(&s->lock);
	if (s->state == TCP_LISTEN) {
		WRITE_ONCE(s->state, TCP_CLOSE);
		s->base.listens = false;
		port_unlisten(s);
		list_splice_tail(&s->backlog, &orphans);
		s->backlog_nr = 0;
	}
	mutex_unlock(&s->lock);
	while ((n = list_take_first(&orphans, struct isock, in_backlog)) != NULL) {
		n->base.opt.bits |= SO_BIT(SO_LINGER); /* reset it */
		n->base.opt.linger = 0;
		tcp_ops.close(&n->base);
	}
	for (;;) {
		mutex_lock(&s->lock);
		n = list_take_first(&s->callers, struct isock, in_backlog);
		mutex_unlock(&s->lock);
		if (!n)
			break;
		hang_up(n);
		connect_failed(n, ECONNREFUSED);
		wake_both(n);
		isock_put(n);
	}
	wake_both(s);
}

static int tcp_shutdown(struct socket *base, u32 how)
{
	struct isock *s = isock_of(base), *peer = NULL;
	int err = 0;

	if (READ_ONCE(s->state) == TCP_LISTEN) {
		if (how & SHUT_RECEIVE)
			stop_listening(s);
		return 0;
	}
	mutex_lock(&s->lock);
	WRITE_ONCE(s->shut, s->shut | how);
	if (s->state == TCP_CLOSE || s->state == TCP_SYN_SENT)
		err = -ENOTCONN;
	else if ((how & SHUT_SEND) && send_fin(s))
		peer = isock_get(s->peer);
	mutex_unlock(&s->lock);
	if (peer)
		tcp_fin_received(peer);
	isock_put(peer);
	wake_both(s);
	return err;
}

/* End the connection, with a reset if `hard`, or the attempt to make one. Drops what was not read.
 * Another thread may have made a listener of it meanwhile, which stays. */
static void end_connection(struct isock *s, bool hard)
{
	struct list_head unread = LIST_HEAD_INIT(unread);
	struct isock *peer, *embryo;
	bool tell, active;

	hang_up_and_lock(s);
	if (s->state == TCP_LISTEN) {
		mutex_unlock(&s->lock);
		return;
	}
	embryo = take_embryo(s);
	hard |= s->bytes || s->urgent;
	list_splice_tail(&s->queue, &unread);
	s->bytes = 0;
	s->urgent = NULL;
	s->urgent_unread = false;
	active = s->state == TCP_ESTABLISHED;
	tell = s->state != TCP_CLOSE;
	if (active && !hard)
		s->time_wait = true;
	if (hard)
		s->time_wait = false;
	WRITE_ONCE(s->state, TCP_CLOSE);
	WRITE_ONCE(s->shut, SHUT_BOTH);
	peer = s->peer;
	WRITE_ONCE(s->peer, NULL);
	mutex_unlock(&s->lock);
	packets_free(&unread);
	if (peer && tell && hard)
		tcp_reset(peer);
	else if (peer && tell)
		tcp_fin_received(peer);
	isock_put(peer);
	isock_put(embryo);
	wake_both(s);
}

static int disconnect(struct isock *s)
{
	if (READ_ONCE(s->state) == TCP_LISTEN)
		stop_listening(s);
	end_connection(s, true);
	guard_mutex(&s->lock);
	if (s->state != TCP_CLOSE || s->peer) /* another thread uses it again */
		return 0;
	s->shut = 0;
	s->connecting = s->fin = false;
	s->remote.port = 0;
	socket_set_error(&s->base, 0);
	inet_unbind(s);
	return 0;
}

static void tcp_close(struct socket *base)
{
	struct isock *s = isock_of(base);

	stop_listening(s);
	end_connection(s, socket_option(base, SO_LINGER) && !base->opt.linger);
	mutex_lock(&s->lock);
	port_release(s);
	mutex_unlock(&s->lock);
	isock_put(s);
}

static void tcp_buffers_changed(struct socket *base)
{
	struct isock *s = isock_of(base);

	guard_mutex(&s->lock);
	if (s->peer) {
		WRITE_ONCE(s->peer->window, READ_ONCE(base->opt.rcvbuf));
		wake_up_all(&s->peer->write_wait);
	}
	wake_up_all(&s->write_wait);
}

struct socket_list tcp_sockets = SOCKET_LIST_INIT(tcp_sockets);

const struct socket_ops tcp_ops = {
	.list = &tcp_sockets,
	.bind = inet_bind,
	.listen = tcp_listen,
	.connect = tcp_connect,
	.accept = tcp_accept,
	.name = inet_name,
	.shutdown = tcp_shutdown,
	.send = tcp_send,
	.receive = tcp_receive,
	.poll = tcp_poll,
	.ioctl = tcp_ioctl,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.buffers_changed = tcp_buffers_changed,
	.close = tcp_close,
};
