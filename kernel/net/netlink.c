/*
 * AF_NETLINK, NETLINK_ROUTE: the interface lo, its addresses and routes, as ip(8) and getifaddrs(3)
 * ask for them. netlink(7), rtnetlink(7)
 *
 * A request is answered while it is sent: the answers wait in the socket's own queue.
 */
#include "kernel/fs/poll/poll.h"
#include "kernel/net/inet.h"
#include "mm/slab.h"

#include <linux/rtnetlink.h>

#define ANSWER_SIZE   1024
#define ARPHRD_LO     772
#define LO_FLAGS      0x10049 /* IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP */
#define QUEUE_MOST    64      /* answers that wait */
#define STATE_UNKNOWN 0       /* operational state of lo: as on Linux */

struct nlsock {
	struct socket base;
	struct mutex lock; /* LOCK_PIPE */
	u32 port;          /* lock; 0: not bound */
	u32 queued;        /* lock */
	struct list_head queue;
	struct wait_queue read_wait;
};

/* Messages being written. */
struct answer {
	size_t len;
	char data[ANSWER_SIZE];
};

static const struct socket_ops netlink_ops;

static struct nlsock *nlsock_of(struct socket *s)
{
	return container_of(s, struct nlsock, base);
}

/* ---- writing ---- */

static void *put_bytes(struct answer *a, const void *data, size_t n)
{
	void *at = a->data + a->len;

	memset(at, 0, NLMSG_ALIGN(n));
	if (data)
		memcpy(at, data, n);
	a->len += NLMSG_ALIGN(n);
	return at;
}

static struct nlmsghdr *begin(struct answer *a, const struct nlmsghdr *request, u32 port, int type,
			      u32 flags)
{
	struct nlmsghdr h = {.nlmsg_type = (u16)type,
			     .nlmsg_flags = (u16)flags,
			     .nlmsg_seq = request->nlmsg_seq,
			     .nlmsg_pid = port};

	return put_bytes(a, &h, sizeof(h));
}

static void end(struct answer *a, struct nlmsghdr *h)
{
	h->nlmsg_len = (u32)(a->data + a->len - (char *)h);
}

static void put_attribute(struct answer *a, int type, const void *data, size_t n)
{
	struct rtattr r = {.rta_len = (u16)RTA_LENGTH(n), .rta_type = (u16)type};

	put_bytes(a, &r, sizeof(r));
	put_bytes(a, data, n);
}

static void put_u32(struct answer *a, int type, u32 value)
{
	put_attribute(a, type, &value, sizeof(value));
}

static void put_link(struct answer *a, const struct nlmsghdr *request, u32 port, u32 flags)
{
	struct nlmsghdr *h = begin(a, request, port, RTM_NEWLINK, flags);
	struct ifinfomsg i = {.ifi_type = ARPHRD_LO, .ifi_index = 1, .ifi_flags = LO_FLAGS};
	struct rtnl_link_stats64 none = {0};
	u8 state = STATE_UNKNOWN, hardware[6] = {0};

	put_bytes(a, &i, sizeof(i));
	put_attribute(a, IFLA_IFNAME, "lo", 3);
	put_u32(a, IFLA_TXQLEN, 1000);
	put_attribute(a, IFLA_OPERSTATE, &state, sizeof(state));
	put_u32(a, IFLA_MTU, LO_MTU);
	put_attribute(a, IFLA_QDISC, "noqueue", 8);
	put_attribute(a, IFLA_ADDRESS, hardware, sizeof(hardware));
	put_attribute(a, IFLA_BROADCAST, hardware, sizeof(hardware));
	put_attribute(a, IFLA_STATS64, &none, sizeof(none));
	end(a, h);
}

static void put_address_of(struct answer *a, const struct nlmsghdr *request, u32 port, int family,
			   u32 flags)
{
	struct nlmsghdr *h = begin(a, request, port, RTM_NEWADDR, flags);
	bool four = family == AF_INET;
	struct ifaddrmsg i = {.ifa_family = (u8)family,
			      .ifa_prefixlen = four ? 8 : 128,
			      .ifa_flags = IFA_F_PERMANENT,
			      .ifa_scope = RT_SCOPE_HOST,
			      .ifa_index = 1};
	u32 lo = htonl(INADDR_LOOPBACK);
	struct ifa_cacheinfo for_ever = {.ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX};

	put_bytes(a, &i, sizeof(i));
	if (four) {
		put_u32(a, IFA_ADDRESS, lo);
		put_u32(a, IFA_LOCAL, lo);
		put_attribute(a, IFA_LABEL, "lo", 3);
	} else {
		put_attribute(a, IFA_ADDRESS, &in6_loopback, sizeof(in6_loopback));
	}
	put_u32(a, IFA_FLAGS, IFA_F_PERMANENT);
	put_attribute(a, IFA_CACHEINFO, &for_ever, sizeof(for_ever));
	end(a, h);
}

/* A route of the table `local` to an address of lo. */
static void put_route(struct answer *a, const struct nlmsghdr *request, u32 port, u32 net, u8 bits,
		      u32 flags)
{
	struct nlmsghdr *h = begin(a, request, port, RTM_NEWROUTE, flags);
	struct rtmsg r = {.rtm_family = AF_INET,
			  .rtm_dst_len = bits,
			  .rtm_table = RT_TABLE_LOCAL,
			  .rtm_protocol = RTPROT_KERNEL,
			  .rtm_scope = RT_SCOPE_HOST,
			  .rtm_type = RTN_LOCAL};

	put_bytes(a, &r, sizeof(r));
	put_u32(a, RTA_TABLE, RT_TABLE_LOCAL);
	put_u32(a, RTA_DST, htonl(net));
	put_u32(a, RTA_PREFSRC, htonl(INADDR_LOOPBACK));
	put_u32(a, RTA_OIF, 1);
	end(a, h);
}

static void put_done(struct answer *a, const struct nlmsghdr *request, u32 port)
{
	struct nlmsghdr *h = begin(a, request, port, NLMSG_DONE, NLM_F_MULTI);

	put_bytes(a, &(int){0}, sizeof(int));
	end(a, h);
}

static void put_error(struct answer *a, const struct nlmsghdr *request, u32 port, int err)
{
	struct nlmsghdr *h = begin(a, request, port, NLMSG_ERROR, err ? 0 : NLM_F_CAPPED);
	struct nlmsgerr e = {.error = err, .msg = *request};

	put_bytes(a, &e, sizeof(e));
	end(a, h);
}

/* ---- requests ---- */

/* Which link is asked for, by index or name? 0: lo; -ENODEV; -EINVAL. */
static int find_link(const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	const struct rtattr *r = (const struct rtattr *)(i + 1);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*i));

	if (left < 0)
		return -EINVAL;
	if (i->ifi_index > 0)
		return i->ifi_index == 1 ? 0 : -ENODEV;
	while (left >= (int)sizeof(*r) && r->rta_len >= sizeof(*r) && r->rta_len <= left) {
		if (r->rta_type == IFLA_IFNAME)
			return r->rta_len >= RTA_LENGTH(3) && !memcmp(r + 1, "lo", 3) ? 0 : -ENODEV;
		left -= (int)RTA_ALIGN(r->rta_len);
		r = (const struct rtattr *)((const char *)r + RTA_ALIGN(r->rta_len));
	}
	return -EINVAL;
}

/* Write the answer to one request. `family`: of struct rtgenmsg. */
static void answer_request(struct answer *a, const struct nlmsghdr *h, u8 family, u32 port)
{
	bool dump = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	u32 flags = dump ? NLM_F_MULTI : 0;
	int err = h->nlmsg_type == RTM_GETLINK && !dump ? find_link(h) : 0;

	if (err) {
		put_error(a, h, port, err);
		return;
	}
	if (h->nlmsg_type == RTM_GETLINK) {
		put_link(a, h, port, flags);
	} else if (h->nlmsg_type == RTM_GETADDR && dump) {
		if (family == AF_UNSPEC || family == AF_INET)
			put_address_of(a, h, port, AF_INET, flags);
		if (family == AF_UNSPEC || family == AF_INET6)
			put_address_of(a, h, port, AF_INET6, flags);
	} else if (h->nlmsg_type == RTM_GETROUTE && dump) {
		if (family == AF_UNSPEC || family == AF_INET) {
			put_route(a, h, port, 0x7f000000, 8, flags);
			put_route(a, h, port, INADDR_LOOPBACK, 32, flags);
		}
	} else if (h->nlmsg_type == NLMSG_NOOP) {
		return;
	} else if (!cred_is_root(current->cred) && (h->nlmsg_type & 3) != 2) {
		put_error(a, h, port, -EPERM);
		return;
	} else {
		put_error(a, h, port, -EOPNOTSUPP);
		return;
	}
	if (dump)
		put_done(a, h, port);
	else if (h->nlmsg_flags & NLM_F_ACK)
		put_error(a, h, port, 0);
}

/* Give the socket a number of its own. */
static void netlink_autobind(struct nlsock *s)
{
	static u32 last = 0x80000000; /* atomic */

	if (!s->port)
		s->port = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

/* Queue the answer. The lock is held. */
static int queue_answer(struct nlsock *s, struct answer *a)
{
	struct packet *p;
	struct uio io;

	if (s->queued >= QUEUE_MOST)
		return -ENOBUFS;
	uio_init_kernel(&io, a->data, a->len);
	p = packet_create(&io, a->len);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	list_add_tail(&p->link, &s->queue);
	s->queued++;
	return 0;
}

static int handle(struct nlsock *s, const char *data, size_t n)
{
	struct answer *a scoped(kfree) = kmalloc(sizeof(*a));
	int err = 0;

	if (!a)
		return -ENOBUFS;
	while (!err && n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)data;
		size_t step;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > n)
			break;
		a->len = 0;
		if (h->nlmsg_flags & NLM_F_REQUEST)
			answer_request(a, h, h->nlmsg_len > sizeof(*h) ? (u8)data[sizeof(*h)] : 0,
				       s->port);
		if (a->len)
			err = queue_answer(s, a);
		step = MIN((size_t)NLMSG_ALIGN(h->nlmsg_len), n);
		data += step;
		n -= step;
	}
	return err;
}

static ssize_t netlink_send(struct socket *base, struct uio *io, const struct outgoing *out)
{
	struct nlsock *s = nlsock_of(base);
	size_t n = io->left;
	int err;

	if (out->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (out->len && (out->len < sizeof(out->to->nl) || out->to->family != AF_NETLINK))
		return -EINVAL;
	if (out->len && out->to->nl.nl_pid)
		return -ECONNREFUSED; /* no other process listens */
	if (n > PAGE_SIZE)
		return -EMSGSIZE;
	char *data scoped(kfree) = kmalloc(MAX(n, sizeof(struct nlmsghdr)));
	if (!data)
		return -ENOBUFS;
	if (uio_fetch(io, data, n) < n)
		return -EFAULT;
	mutex_lock(&s->lock);
	netlink_autobind(s);
	err = handle(s, data, n);
	mutex_unlock(&s->lock);
	wake_up_all(&s->read_wait);
	return err ? err : (ssize_t)n;
}

static ssize_t netlink_receive(struct socket *base, struct uio *io, struct incoming *in)
{
	struct nlsock *s = nlsock_of(base);
	u64 until = receive_until(base, in->flags);
	struct packet *p;
	size_t n;
	ssize_t ret;

	if (in->flags & MSG_OOB)
		return -EOPNOTSUPP;
	guard_mutex(&s->lock);
	while (list_empty(&s->queue)) {
		int err = socket_wait_unlocked(&s->lock, &s->read_wait, until,
					       !list_empty(&s->queue));

		if (err)
			return err;
	}
	p = list_first_entry(&s->queue, struct packet, link);
	n = MIN(io->left, (size_t)p->len);
	ret = (ssize_t)(in->flags & MSG_TRUNC ? p->len : n);
	if (n < p->len)
		in->got |= MSG_TRUNC;
	if (uio_store(io, p->data, n) < n)
		ret = -EFAULT;
	if (in->name) {
		in->name->nl = (struct sockaddr_nl){.nl_family = AF_NETLINK};
		in->len = sizeof(in->name->nl);
	}
	if (!(in->flags & MSG_PEEK)) {
		list_del_init(&p->link);
		s->queued--;
		packet_free(p);
	}
	return ret;
}

/* ---- the family ---- */

/* Any number that a program chooses is its own: answers go by the socket. There are no events of
 * the groups. */
static int netlink_bind(struct socket *base, const union address *addr, u32 len)
{
	struct nlsock *s = nlsock_of(base);

	if (len < sizeof(addr->nl) || addr->family != AF_NETLINK)
		return -EINVAL;
	guard_mutex(&s->lock);
	if (s->port && addr->nl.nl_pid && addr->nl.nl_pid != s->port)
		return -EINVAL;
	if (addr->nl.nl_pid)
		s->port = addr->nl.nl_pid;
	netlink_autobind(s);
	return 0;
}

static int netlink_connect(struct socket *base, const union address *addr, u32 len,
			   u64 until __maybe_unused)
{
	if (len < sizeof(addr->family))
		return -EINVAL;
	if (addr->family == AF_UNSPEC)
		return 0;
	if (addr->nl.nl_pid)
		return -ECONNREFUSED;
	return netlink_bind(base, &(union address){.nl = {.nl_family = AF_NETLINK}},
			    sizeof(struct sockaddr_nl));
}

static int netlink_name(struct socket *base, union address *to, enum name_of which)
{
	struct nlsock *s = nlsock_of(base);

	guard_mutex(&s->lock);
	to->nl = (struct sockaddr_nl){.nl_family = AF_NETLINK,
				      .nl_pid = which == NAME_OWN ? s->port : 0};
	return sizeof(to->nl);
}

static int netlink_listen(struct socket *base __maybe_unused, int backlog __maybe_unused)
{
	return -EOPNOTSUPP;
}

static struct socket *netlink_accept(struct socket *base __maybe_unused, u64 until __maybe_unused)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static int netlink_shutdown(struct socket *base __maybe_unused, u32 how __maybe_unused)
{
	return -EOPNOTSUPP;
}

static u32 netlink_poll(struct socket *base, struct poll_table *pt)
{
	struct nlsock *s = nlsock_of(base);

	poll_wait(pt, &s->read_wait);
	return POLLOUT | POLLWRNORM | POLLWRBAND |
	       (list_empty(&s->queue) ? 0 : POLLIN | POLLRDNORM);
}

static long netlink_ioctl(struct socket *base __maybe_unused, unsigned int cmd __maybe_unused,
			  unsigned long arg __maybe_unused)
{
	return -ENOTTY;
}

static void netlink_buffers_changed(struct socket *base __maybe_unused)
{
}

static void netlink_close(struct socket *base)
{
	struct nlsock *s = nlsock_of(base);

	socket_gone(base);
	packets_free(&s->queue);
	kfree(s);
}

static struct socket_list netlink_sockets = SOCKET_LIST_INIT(netlink_sockets);

static const struct socket_ops netlink_ops = {
	.list = &netlink_sockets,
	.bind = netlink_bind,
	.listen = netlink_listen,
	.connect = netlink_connect,
	.accept = netlink_accept,
	.name = netlink_name,
	.shutdown = netlink_shutdown,
	.send = netlink_send,
	.receive = netlink_receive,
	.poll = netlink_poll,
	.ioctl = netlink_ioctl,
	.buffers_changed = netlink_buffers_changed,
	.close = netlink_close,
};

struct socket *netlink_create(int type, int protocol)
{
	struct nlsock *s;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	if (protocol != NETLINK_ROUTE)
		return ERR_PTR(-EPROTONOSUPPORT);
	s = kzalloc(sizeof(*s));
	if (!s)
		return ERR_PTR(-ENOMEM);
	mutex_init(&s->lock, LOCK_PIPE);
	list_init(&s->queue);
	wait_queue_init(&s->read_wait);
	socket_setup(&s->base, &netlink_ops, AF_NETLINK, type, protocol);
	return &s->base;
}
