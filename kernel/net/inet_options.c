/* Options of the levels IP, IPV6 and TCP: ip(7), ipv6(7), tcp(7). Most are a number or a bit. */
#include "kernel/net/inet.h"
#include "mm/slab.h"

#include <linux/ipv6.h>

#define SOL_IP   0
#define SOL_TCP  6
#define SOL_IPV6 41

#define DEFAULT_TTL 64
#define LO_MSS      65483 /* with IPv4: the MTU without headers and time stamps */
#define SYN_MSS     536   /* before a connection is made */

struct inet_option {
	u8 level, name;
	u16 number; /* where in struct isock its int is; 0: it is a bit */
	int min, max;
};

#define BIT_OF(lv, nm)                      \
	{                                   \
		.level = (lv), .name = (nm) \
	}
#define INT_OF(lv, nm, field, lo, hi)                                                              \
	{                                                                                          \
		.level = (lv), .name = (nm), .number = offsetof(struct isock, field), .min = (lo), \
		.max = (hi)                                                                        \
	}

/* Without a wire, many of them change nothing that can be seen, but are remembered. */
static const struct inet_option options[] = {
	INT_OF(SOL_IP, IP_TOS, ip.tos, 0, 255),
	INT_OF(SOL_IP, IP_TTL, ip.ttl, -1, 255),
	INT_OF(SOL_IP, IP_MULTICAST_TTL, ip.multicast_ttl, -1, 255),
	INT_OF(SOL_IP, IP_MTU_DISCOVER, ip.mtu_discover, 0, 5),
	BIT_OF(SOL_IP, IP_PKTINFO),
	BIT_OF(SOL_IP, IP_RECVERR),
	BIT_OF(SOL_IP, IP_RECVTTL),
	BIT_OF(SOL_IP, IP_RECVTOS),
	BIT_OF(SOL_IP, IP_FREEBIND),
	BIT_OF(SOL_IP, IP_MULTICAST_LOOP),
	INT_OF(SOL_IPV6, IPV6_TCLASS, ip.tclass, -1, 255),
	INT_OF(SOL_IPV6, IPV6_UNICAST_HOPS, ip.hops, -1, 255),
	INT_OF(SOL_IPV6, IPV6_MULTICAST_HOPS, ip.multicast_hops, -1, 255),
	INT_OF(SOL_IPV6, IPV6_MTU_DISCOVER, ip.mtu_discover6, 0, 5),
	INT_OF(SOL_IPV6, IPV6_MULTICAST_IF, ip.multicast_if, 0, 1),
	BIT_OF(SOL_IPV6, IPV6_V6ONLY),
	BIT_OF(SOL_IPV6, IPV6_RECVERR),
	BIT_OF(SOL_IPV6, IPV6_RECVPKTINFO),
	BIT_OF(SOL_IPV6, IPV6_RECVHOPLIMIT),
	BIT_OF(SOL_IPV6, IPV6_RECVTCLASS),
	BIT_OF(SOL_IPV6, IPV6_MULTICAST_LOOP),
	BIT_OF(SOL_TCP, TCP_NODELAY),
	BIT_OF(SOL_TCP, TCP_CORK),
	BIT_OF(SOL_TCP, TCP_QUICKACK),
	INT_OF(SOL_TCP, TCP_MAXSEG, tcp.maxseg, 88, 32767),
	INT_OF(SOL_TCP, TCP_KEEPIDLE, tcp.keepidle, 1, 32767),
	INT_OF(SOL_TCP, TCP_KEEPINTVL, tcp.keepintvl, 1, 32767),
	INT_OF(SOL_TCP, TCP_KEEPCNT, tcp.keepcnt, 1, 127),
	INT_OF(SOL_TCP, TCP_SYNCNT, tcp.syncnt, 1, 127),
	INT_OF(SOL_TCP, TCP_LINGER2, tcp.linger2, INT32_MIN, INT32_MAX),
	INT_OF(SOL_TCP, TCP_DEFER_ACCEPT, tcp.defer_accept, INT32_MIN, INT32_MAX),
	INT_OF(SOL_TCP, TCP_WINDOW_CLAMP, tcp.window_clamp, 0, INT32_MAX),
	INT_OF(SOL_TCP, TCP_USER_TIMEOUT, tcp.user_timeout, 0, INT32_MAX),
	INT_OF(SOL_TCP, TCP_NOTSENT_LOWAT, tcp.notsent_lowat, INT32_MIN, INT32_MAX),
};

void inet_options_init(struct isock *s)
{
	s->ip = (struct ip_options){
		.bits = IP_BIT(IP_MULTICAST_LOOP),
		.bits6 = IP_BIT(IPV6_MULTICAST_LOOP),
		.ttl = -1,
		.hops = -1,
		.multicast_ttl = 1,
		.multicast_hops = 1,
		.mtu_discover = 1,
		.mtu_discover6 = 1,
	};
	s->tcp = (struct tcp_options){
		.bits = IP_BIT(TCP_QUICKACK),
		.keepidle = 7200,
		.keepintvl = 75,
		.keepcnt = 9,
		.syncnt = 6,
		.linger2 = 60,
	};
}

static const struct inet_option *find_option(int level, int name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

/* The levels that the socket knows: 0, or the error for another one. */
static bool knows(const struct isock *s, int level)
{
	return level == SOL_IP || (level == SOL_TCP && s->base.type == SOCK_STREAM) ||
	       (level == SOL_IPV6 && s->base.family == AF_INET6);
}

static u64 *bits_of(struct isock *s, int level)
{
	return level == SOL_IP ? &s->ip.bits : level == SOL_IPV6 ? &s->ip.bits6 : &s->tcp.bits;
}

/* ---- groups ---- */

static u32 find_group(const struct isock *s, const struct in6_addr *group)
{
	u32 i;

	for (i = 0; i < s->ip.nr_groups; i++)
		if (same_ip(&s->ip.groups[i], group))
			break;
	return i;
}

bool inet_joined(struct isock *s, const struct in6_addr *group)
{
	guard_mutex(&s->lock);
	return find_group(s, group) < s->ip.nr_groups;
}

static int join(struct isock *s, const struct in6_addr *group)
{
	guard_mutex(&s->lock);
	if (find_group(s, group) < s->ip.nr_groups)
		return -EADDRINUSE;
	if (s->ip.nr_groups == MAX_GROUPS)
		return -ENOBUFS;
	if (!s->ip.groups)
		s->ip.groups = kmalloc(MAX_GROUPS * sizeof(*s->ip.groups));
	if (!s->ip.groups)
		return -ENOMEM;
	s->ip.groups[s->ip.nr_groups++] = *group;
	return 0;
}

static int leave(struct isock *s, const struct in6_addr *group)
{
	u32 i;

	guard_mutex(&s->lock);
	i = find_group(s, group);
	if (i == s->ip.nr_groups)
		return -EADDRNOTAVAIL;
	s->ip.groups[i] = s->ip.groups[--s->ip.nr_groups];
	return 0;
}

/* The interface is named by one of its addresses or by its index; there is only lo, to which no
 * route leads for groups. */
static int change_group(struct isock *s, const void __user *uvalue, u32 len, bool add)
{
	struct ip_mreqn m = {.imr_ifindex = 0};
	struct in6_addr group, through;

	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	if (copy_from_user(&m, uvalue, MIN((size_t)len, sizeof(m))))
		return -EFAULT;
	group = mapped(ntohl(m.imr_multiaddr.s_addr));
	through = mapped(ntohl(m.imr_address.s_addr));
	if (!ip_is_multicast(&group))
		return -EINVAL;
	if (m.imr_ifindex != 1 && (m.imr_ifindex || !ip_is_local(&through)))
		return -ENODEV;
	return add ? join(s, &group) : leave(s, &group);
}

static int change_group6(struct isock *s, const void __user *uvalue, u32 len, bool add)
{
	struct ipv6_mreq m;

	if (len < sizeof(m))
		return -EINVAL;
	if (copy_from_user(&m, uvalue, sizeof(m)))
		return -EFAULT;
	if (!ip_is_multicast(&m.ipv6mr_multiaddr) || ip_is_v4(&m.ipv6mr_multiaddr))
		return -EINVAL;
	if (m.ipv6mr_ifindex != 1)
		return -ENODEV;
	return add ? join(s, &m.ipv6mr_multiaddr) : leave(s, &m.ipv6mr_multiaddr);
}

static int choose_interface(struct isock *s, const void __user *uvalue, u32 len)
{
	struct ip_mreqn m = {.imr_ifindex = 0};
	struct in6_addr ip;

	if (len < sizeof(struct in_addr))
		return -EINVAL;
	if (copy_from_user(len < sizeof(struct ip_mreq) ? (void *)&m.imr_address : (void *)&m,
			   uvalue,
			   len < sizeof(struct ip_mreq) ? sizeof(struct in_addr)
							: MIN((size_t)len, sizeof(m))))
		return -EFAULT;
	ip = mapped(ntohl(m.imr_address.s_addr));
	if (!ip_is_any(&ip) && !ip_is_local(&ip) && m.imr_ifindex != 1)
		return -EADDRNOTAVAIL;
	WRITE_ONCE(s->ip.multicast_if, m.imr_ifindex == 1 || !ip_is_any(&ip));
	return 0;
}

/* ---- setting ---- */

/* Options of IP may be a byte. */
static int read_number(int level, const void __user *uvalue, u32 len, int *value)
{
	u8 byte;

	if (len >= sizeof(*value))
		return get_user(*value, (const int __user *)uvalue) ? -EFAULT : 0;
	if (level != SOL_IP || !len)
		return -EINVAL;
	if (get_user(byte, (const u8 __user *)uvalue))
		return -EFAULT;
	*value = byte;
	return 0;
}

static int set_congestion(const void __user *uvalue, u32 len)
{
	char name[16] = "";

	if (!len)
		return -EINVAL;
	if (copy_from_user(name, uvalue, MIN((size_t)len, sizeof(name) - 1)))
		return -EFAULT;
	return strcmp(name, "cubic") && strcmp(name, "reno") ? -ENOENT : 0;
}

static void set_bit(u64 *bits, int name, bool on)
{
	if (on)
		__atomic_or_fetch(bits, IP_BIT(name), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(bits, ~IP_BIT(name), __ATOMIC_RELAXED);
}

static int store_number(struct isock *s, const struct inet_option *o, int value)
{
	if (o->level == SOL_IP && o->name == IP_TOS)
		value &= s->base.type == SOCK_STREAM ? 0xfc : 0xff;
	if (value < o->min || value > o->max || (o->name == IP_TTL && !o->level && !value))
		return -EINVAL;
	WRITE_ONCE(*(int *)((char *)s + o->number), value);
	return 0;
}

int inet_set_option(struct socket *base, int level, int name, const void __user *uvalue, u32 len)
{
	struct isock *s = isock_of(base);
	const struct inet_option *o = find_option(level, name);
	int value, err;

	if (!knows(s, level))
		return -ENOPROTOOPT;
	if (level == SOL_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP))
		return change_group(s, uvalue, len, name == IP_ADD_MEMBERSHIP);
	if (level == SOL_IP && name == IP_MULTICAST_IF)
		return choose_interface(s, uvalue, len);
	if (level == SOL_IPV6 && (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP))
		return change_group6(s, uvalue, len, name == IPV6_ADD_MEMBERSHIP);
	if (level == SOL_TCP && name == TCP_CONGESTION)
		return set_congestion(uvalue, len);
	if (!o)
		return -ENOPROTOOPT;
	err = read_number(level, uvalue, len, &value);
	if (err)
		return err;
	if (o->number)
		return store_number(s, o, value);
	if (level == SOL_IPV6 && name == IPV6_V6ONLY && s->claim)
		return -EINVAL;
	set_bit(bits_of(s, level), name, value);
	return 0;
}

/* ---- getting ---- */

_Static_assert(sizeof(struct tcp_info) <= OPTION_SIZE, "TCP_INFO fits");

static int get_tcp_info(struct isock *s, struct tcp_info *to)
{
	enum tcp_state state = READ_ONCE(s->state);
	bool connected = state != TCP_CLOSE && state != TCP_LISTEN && state != TCP_SYN_SENT;

	memset(to, 0, sizeof(*to));
	to->tcpi_state = (u8)state;
	to->tcpi_rto = 200000;
	to->tcpi_ato = 40000;
	to->tcpi_snd_mss = to->tcpi_rcv_mss = connected ? LO_MSS : SYN_MSS;
	to->tcpi_advmss = to->tcpi_snd_mss;
	to->tcpi_pmtu = connected ? LO_MTU : 0;
	to->tcpi_snd_cwnd = 10;
	to->tcpi_snd_ssthresh = INT32_MAX;
	to->tcpi_rcv_space = READ_ONCE(s->base.opt.rcvbuf) / 2;
	to->tcpi_unacked = state == TCP_LISTEN ? READ_ONCE(s->backlog_nr) : 0;
	to->tcpi_sacked = state == TCP_LISTEN ? READ_ONCE(s->backlog_max) : 0;
	return MIN((int)sizeof(*to), OPTION_SIZE);
}

/* The value as it is shown, where that is not what was set. */
static int shown(const struct isock *s, const struct inet_option *o, int value)
{
	enum tcp_state state = READ_ONCE(s->state);

	if ((o->level == SOL_IP && o->name == IP_TTL) ||
	    (o->level == SOL_IPV6 && o->name == IPV6_UNICAST_HOPS))
		return value < 0 ? DEFAULT_TTL : value;
	if (o->level == SOL_TCP && o->name == TCP_MAXSEG)
		return state == TCP_CLOSE || state == TCP_LISTEN ? value ?: SYN_MSS : LO_MSS;
	return value;
}

int inet_get_option(struct socket *base, int level, int name, void *to, u32 room __maybe_unused)
{
	struct isock *s = isock_of(base);
	const struct inet_option *o = find_option(level, name);

	if (!knows(s, level))
		return level == SOL_TCP ? -EOPNOTSUPP : -ENOPROTOOPT;
	if (level == SOL_TCP && name == TCP_INFO)
		return get_tcp_info(s, to);
	if (level == SOL_TCP && name == TCP_CONGESTION) {
		memcpy(to, "cubic\0\0\0\0\0\0\0\0\0\0", 16);
		return 16;
	}
	if (level == SOL_IP && name == IP_MULTICAST_IF) {
		*(u32 *)to = READ_ONCE(s->ip.multicast_if) ? htonl(INADDR_LOOPBACK) : 0;
		return sizeof(u32);
	}
	if (!o)
		return -ENOPROTOOPT;
	if (o->number)
		*(int *)to = shown(s, o, READ_ONCE(*(int *)((char *)s + o->number)));
	else
		*(int *)to = (READ_ONCE(*bits_of(s, level)) & IP_BIT(name)) != 0;
	return sizeof(int);
}

/* ---- control messages ---- */

static void put_ipv4_control(struct isock *s, const struct packet *p, struct incoming *in)
{
	u64 bits = READ_ONCE(s->ip.bits);
	struct in_pktinfo info = {.ipi_ifindex = 1,
				  .ipi_spec_dst.s_addr = htonl(ip_v4(&p->to)),
				  .ipi_addr.s_addr = htonl(ip_v4(&p->to))};
	int ttl = DEFAULT_TTL;
	u8 tos = (u8)p->tos;

	if (ip_is_multicast(&p->to))
		info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK);
	if (bits & IP_BIT(IP_PKTINFO))
		put_cmsg(in, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	if (bits & IP_BIT(IP_RECVTTL))
		put_cmsg(in, SOL_IP, IP_TTL, &ttl, sizeof(ttl));
	if (bits & IP_BIT(IP_RECVTOS))
		put_cmsg(in, SOL_IP, IP_TOS, &tos, sizeof(tos));
}

static void put_ipv6_control(struct isock *s, const struct packet *p, struct incoming *in)
{
	u64 bits = READ_ONCE(s->ip.bits6);
	struct in6_pktinfo info = {.ipi6_ifindex = 1, .ipi6_addr = p->to};
	int hops = DEFAULT_TTL, tclass = p->tos;

	if (bits & IP_BIT(IPV6_RECVPKTINFO))
		put_cmsg(in, SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (bits & IP_BIT(IPV6_RECVHOPLIMIT))
		put_cmsg(in, SOL_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	if (bits & IP_BIT(IPV6_RECVTCLASS))
		put_cmsg(in, SOL_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
}

void inet_put_control(struct isock *s, const struct packet *p, struct incoming *in)
{
	if (!in->msg)
		return;
	if (wants_timestamp(&s->base))
		put_timestamp(&s->base, in, p->stamp);
	if (s->base.family == AF_INET6)
		put_ipv6_control(s, p, in);
	if (ip_is_v4(&p->to))
		put_ipv4_control(s, p, in);
}
