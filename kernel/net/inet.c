/* AF_INET and AF_INET6: making sockets, binding, names. ip(7), ipv6(7) */
#include "kernel/net/inet.h"
#include "mm/slab.h"

static struct kmem_cache *isock_cache;

void inet_init(void)
{
	isock_cache = kmem_cache_create("inet", sizeof(struct isock), 0);
	ports_init();
}

struct isock *isock_create(int family, int type, int protocol)
{
	struct isock *s = kmem_cache_zalloc(isock_cache);
	bool tcp = type == SOCK_STREAM;

	if (!s)
		return NULL;
	refcount_set(&s->count, 1);
	mutex_init(&s->lock, LOCK_PIPE);
	socket_setup(&s->base, tcp ? &tcp_ops : &udp_ops, family, type, protocol);
	if (tcp) {
		s->base.opt.sndbuf = 16384;
		s->base.opt.rcvbuf = 131072;
	}
	s->net = &init_net;
	s->state = TCP_CLOSE;
	s->local.ip = s->remote.ip = family == AF_INET ? mapped(INADDR_ANY) : in6_any;
	inet_options_init(s);
	list_init(&s->queue);
	list_init(&s->backlog);
	list_init(&s->callers);
	list_init(&s->in_backlog);
	wait_queue_init(&s->read_wait);
	wait_queue_init(&s->write_wait);
	return s;
}

void isock_put(struct isock *s)
{
	if (!s || !refcount_dec_and_test(&s->count))
		return;
	socket_gone(&s->base);
	kfree(s->ip.groups);
	kmem_cache_free(isock_cache, s);
}

struct ports *ports_of(struct isock *s)
{
	return s->base.type == SOCK_STREAM ? &s->net->tcp : &s->net->udp;
}

/* An address that a socket may be bound to. */
static bool may_bind(const struct isock *s, const struct in6_addr *ip)
{
	if (ip_is_any(ip) || ip_is_local(ip))
		return true;
	return s->base.type == SOCK_DGRAM && (ip_is_multicast(ip) || ip_is_broadcast(ip));
}

/* 0.0.0.0 of a socket of AF_INET6 is the mapped one. */
static int check_bind(const struct isock *s, struct endpoint *at, const union address *addr,
		      u32 len)
{
	int err = 0;

	/* AF_UNSPEC with the address any is taken for AF_INET: as on Linux */
	if (s->base.family == AF_INET && len >= sizeof(addr->in) && addr->family == AF_UNSPEC &&
	    !addr->in.sin_addr.s_addr)
		*at = (struct endpoint){mapped(INADDR_ANY), ntohs(addr->in.sin_port)};
	else
		err = read_endpoint(s, at, addr, len);
	if (err)
		return err;
	if (ip_is_v4(&at->ip) && s->base.family == AF_INET6 && v6_only(s))
		return -EINVAL;
	if (!may_bind(s, &at->ip) && !(s->ip.bits & IP_BIT(IP_FREEBIND)))
		return -EADDRNOTAVAIL;
	if (at->port && at->port < FIRST_ANYBODY && !cred_is_root(current->cred))
		return -EACCES;
	return 0;
}

int inet_bind(struct socket *base, const union address *addr, u32 len)
{
	struct isock *s = isock_of(base);
	struct endpoint at;
	int err;

	guard_mutex(&s->lock);
	err = check_bind(s, &at, addr, len);
	if (err)
		return err;
	if (s->claim || s->state != TCP_CLOSE)
		return -EINVAL;
	err = port_claim(s, &at, true);
	if (err)
		return err;
	s->local.ip = at.ip;
	s->bound_ip = !ip_is_any(&at.ip);
	s->bound_port = at.port != 0;
	if (base->type == SOCK_DGRAM)
		port_receive(s, NULL);
	return 0;
}

int inet_autobind(struct isock *s)
{
	struct endpoint at = {.ip = s->local.ip};
	int err = s->claim ? 0 : port_claim(s, &at, false);

	if (err == -EADDRINUSE)
		return -EAGAIN;
	if (!err && s->base.type == SOCK_DGRAM && !s->claim->receiver)
		port_receive(s, NULL);
	return err;
}

void inet_unbind(struct isock *s)
{
	if (!s->bound_ip)
		s->local.ip = s->base.family == AF_INET ? mapped(INADDR_ANY) : in6_any;
	if (s->bound_port)
		return;
	port_release(s);
	s->local.port = 0;
}

int inet_name(struct socket *base, union address *to, enum name_of which)
{
	struct isock *s = isock_of(base);

	guard_mutex(&s->lock);
	if (which == NAME_OWN)
		return (int)write_endpoint(s, &s->local, to);
	if (!s->remote.port || (which == NAME_PEER && base->type == SOCK_STREAM &&
				(s->state == TCP_CLOSE || s->state == TCP_SYN_SENT)))
		return -ENOTCONN;
	return (int)write_endpoint(s, &s->remote, to);
}

struct socket *inet_create(int family, int type, int protocol)
{
	int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	struct isock *s;

	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return ERR_PTR(type == SOCK_RAW ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT);
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return ERR_PTR(-EINVAL);
	if (protocol && protocol != own)
		return ERR_PTR(-EPROTONOSUPPORT);
	s = isock_create(family, type, own);
	return s ? &s->base : ERR_PTR(-ENOMEM);
}
