/* Addresses of AF_INET and AF_INET6: ip(7), ipv6(7). */
#include "kernel/net/inet.h"

const struct in6_addr in6_any = {0};
const struct in6_addr in6_loopback = {.in6_u.u6_addr8 = {[15] = 1}};

struct in6_addr mapped(u32 ipv4)
{
	return (struct in6_addr){.in6_u.u6_addr32 = {0, 0, htonl(0xffff), htonl(ipv4)}};
}

bool ip_is_v4(const struct in6_addr *ip)
{
	const u32 *w = ip->in6_u.u6_addr32;

	return !w[0] && !w[1] && w[2] == htonl(0xffff);
}

u32 ip_v4(const struct in6_addr *ip)
{
	return ntohl(ip->in6_u.u6_addr32[3]);
}

bool ip_is_any(const struct in6_addr *ip)
{
	return ip_is_v4(ip) ? !ip_v4(ip) : same_ip(ip, &in6_any);
}

bool ip_is_local(const struct in6_addr *ip)
{
	return ip_is_v4(ip) ? ip_v4(ip) >> 24 == IS_LOOPBACK : same_ip(ip, &in6_loopback);
}

bool ip_is_multicast(const struct in6_addr *ip)
{
	return ip_is_v4(ip) ? ip_v4(ip) >> 28 == 0xe : ip->in6_u.u6_addr8[0] == 0xff;
}

bool ip_is_broadcast(const struct in6_addr *ip)
{
	return ip_is_v4(ip) && (ip_v4(ip) == 0xffffffff || ip_v4(ip) == 0x7fffffff);
}

/* An IPv4 address fits a socket of AF_INET6 only in its mapped form. */
int read_endpoint(const struct isock *s, struct endpoint *e, const union address *addr, u32 len)
{
	if (s->base.family == AF_INET) {
		if (len < sizeof(addr->in))
			return -EINVAL;
		if (addr->family != AF_INET)
			return -EAFNOSUPPORT;
		e->ip = mapped(ntohl(addr->in.sin_addr.s_addr));
		e->port = ntohs(addr->in.sin_port);
		return 0;
	}
	if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
		return -EINVAL;
	if (addr->family != AF_INET6)
		return -EAFNOSUPPORT;
	e->ip = addr->in6.sin6_addr;
	e->port = ntohs(addr->in6.sin6_port);
	return 0;
}

u32 write_endpoint(const struct isock *s, const struct endpoint *e, union address *to)
{
	if (s->base.family == AF_INET) {
		to->in = (struct sockaddr_in){.sin_family = AF_INET,
					      .sin_port = htons(e->port),
					      .sin_addr.s_addr = htonl(ip_v4(&e->ip))};
		return sizeof(to->in);
	}
	to->in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(e->port), .sin6_addr = e->ip};
	return sizeof(to->in6);
}

/* IP_FREEBIND lets one bind to an address of another machine; nothing is sent from there. */
bool may_send_from(const struct in6_addr *ip)
{
	return ip_is_any(ip) || ip_is_local(ip) || ip_is_multicast(ip) || ip_is_broadcast(ip);
}

int route_to(const struct isock *s, struct endpoint *to)
{
	bool v4 = ip_is_v4(&to->ip);

	if (v4 && s->base.family == AF_INET6 && v6_only(s))
		return -ENETUNREACH;
	if (s->claim && !same_ip(&s->local.ip, &in6_any) && ip_is_v4(&s->local.ip) != v4)
		return v4 ? -ENETUNREACH : -EINVAL;
	if (!may_send_from(&s->local.ip))
		return -ENETUNREACH;
	if (ip_is_any(&to->ip))
		to->ip = v4 ? mapped(INADDR_LOOPBACK) : in6_loopback;
	return ip_is_local(&to->ip) ? 0 : -ENETUNREACH;
}

struct in6_addr source_for(const struct isock *s, const struct in6_addr *to)
{
	if (!ip_is_any(&s->local.ip) && !ip_is_multicast(&s->local.ip))
		return s->local.ip;
	return ip_is_v4(to) ? mapped(INADDR_LOOPBACK) : in6_loopback;
}
