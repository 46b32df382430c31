/* UDP on the loopback interface: udp(7). */
#include "inet.h"

static char buf[70000];

static void unconnected(void)
{
	union name n = ip4("127.0.0.1", 9), zero = ip4("127.0.0.1", 0);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	say_poll("new", s);
	NET(send(s, "x", 1, 0));
	NET(recv(s, buf, 1, MSG_DONTWAIT));
	NET(shutdown(s, SHUT_RDWR));
	NET(listen(s, 1));
	NET(accept(s, NULL, NULL));
	NET(getpeername(s, &(struct sockaddr){0}, &(socklen_t){16}));
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	NET(sendto(s, "x", 1, 0, &zero.any, sizeof(zero.in)));
	NET(sendto(s, "x", 1, 0, &n.any, 4));
	NET(sendto(s, buf, 65508, 0, &n.any, sizeof(n.in)));
	n = ip4("255.255.255.255", 9);
	NET(sendto(s, "x", 1, 0, &n.any, sizeof(n.in)));
	NET(sendto(s, "x", 1, MSG_OOB, &n.any, sizeof(n.in)));
	close(s);
}

static void exchange(void)
{
	int a = bound(SOCK_DGRAM, ip4("127.0.0.1", 0)), b = socket(AF_INET, SOCK_DGRAM, 0), n = 0;
	union name to = own_name(a), from = {0};
	socklen_t len = sizeof(from);

	NET(sendto(b, "hello", 5, 0, &to.any, sizeof(to.in)));
	NET(sendto(b, "", 0, 0, &to.any, sizeof(to.in)));
	NET(sendto(b, "third", 5, 0, &to.any, sizeof(to.in)));
	say_poll("receiver", a);
	ioctl(a, FIONREAD, &n);
	say("%d to read", n);
	NET(recvfrom(a, buf, 3, MSG_PEEK | MSG_TRUNC, &from.any, &len));
	say_address("from", &from);
	TRUTH(ntohs(from.in.sin_port) == port_of(b));
	NET(recv(a, buf, 3, 0));
	NET(recv(a, buf, 9, 0));
	NET(recv(a, buf, 9, 0));
	say("%.5s", buf);
	NET(recv(a, buf, 9, MSG_DONTWAIT));
	memset(buf, 'x', sizeof(buf));
	NET(sendto(b, buf, 65507, 0, &to.any, sizeof(to.in)));
	NET(recv(a, buf, sizeof(buf), 0));
	close(a), close(b);
}

static void connected(void)
{
	int a = bound(SOCK_DGRAM, ip4("127.0.0.1", 0)), b = bound(SOCK_DGRAM, ip4("127.0.0.1", 0)),
	    c = socket(AF_INET, SOCK_DGRAM, 0);
	union name name_a = own_name(a), name_b = own_name(b);

	NET(connect(a, &name_b.any, sizeof(name_b.in)));
	NET(sendto(c, "stranger", 8, 0, &name_a.any, sizeof(name_a.in)));
	NET(recv(a, buf, 9, MSG_DONTWAIT));
	NET(sendto(b, "peer", 4, 0, &name_a.any, sizeof(name_a.in)));
	NET(recv(a, buf, 9, MSG_DONTWAIT));
	NET(send(a, "back", 4, 0));
	NET(recv(b, buf, 9, MSG_DONTWAIT));
	NET(connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
	NET(sendto(c, "stranger", 8, 0, &name_a.any, sizeof(name_a.in)));
	NET(recv(a, buf, 9, MSG_DONTWAIT));
	NET(send(a, "x", 1, 0));
	/* to a port without a socket */
	NET(connect(a, &name_b.any, sizeof(name_b.in)));
	close(b);
	NET(send(a, "x", 1, 0));
	say_poll("refused", a);
	NET(send(a, "x", 1, 0));
	NET(send(a, "x", 1, 0));
	sleep_ms(10);
	NET(recv(a, buf, 1, MSG_DONTWAIT));
	NET(recv(a, buf, 1, MSG_DONTWAIT));
	NET(send(a, "x", 1, 0));
	sleep_ms(10);
	NET(option(a, SOL_SOCKET, SO_ERROR));
	NET(option(a, SOL_SOCKET, SO_ERROR));
	NET(shutdown(a, SHUT_RD));
	say_poll("not reading", a);
	NET(recv(a, buf, 1, 0));
	NET(shutdown(a, SHUT_WR));
	say_poll("shut", a);
	NET(send(a, "x", 1, MSG_NOSIGNAL));
	close(a), close(c);
}

static void control(int family)
{
	union name at = family == AF_INET ? ip4("127.0.0.1", 0) : ip6("::1", 0);
	int a = bound(SOCK_DGRAM, at), b = socket(family, SOCK_DGRAM, 0), on = 1;
	char data[64];
	struct iovec iov = {buf, 10};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = data,
			   .msg_controllen = sizeof(data)};
	bool four = family == AF_INET;

	NET(setsockopt(a, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_PKTINFO : IPV6_RECVPKTINFO,
		       &on, sizeof(on)));
	at = own_name(a);
	NET(sendto(b, "x", 1, 0, &at.any, four ? sizeof(at.in) : sizeof(at.in6)));
	NET(recvmsg(a, &m, 0));
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		unsigned char *d = CMSG_DATA(h);

		say("level %d type %d len %d", h->cmsg_level, h->cmsg_type, (int)h->cmsg_len);
		for (size_t i = 0; i < h->cmsg_len - CMSG_LEN(0); i++)
			say(" %u", d[i]);
	}
	close(a), close(b);
}

static void groups(void)
{
	union name group = ip4("224.0.0.199", 0);
	int a = bound(SOCK_DGRAM, ip4("0.0.0.0", 0)), b = bound(SOCK_DGRAM, ip4("127.0.0.1", 0));
	struct ip_mreq m = {.imr_multiaddr = group.in.sin_addr};

	m.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
	group.in.sin_port = htons((uint16_t)port_of(a));
	NET(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)));
	NET(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)));
	NET(setsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &m.imr_interface, 4));
	NET(sendto(b, "group", 5, 0, &group.any, sizeof(group.in)));
	sleep_ms(10);
	NET(recv(a, buf, 9, MSG_DONTWAIT));
	NET(setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof(m)));
	NET(setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof(m)));
	m.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
	NET(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)));
	close(a), close(b);
}

static void mixed(void)
{
	int a = bound(SOCK_DGRAM, ip6("::", 0)), b = socket(AF_INET, SOCK_DGRAM, 0);
	union name to = ip4("127.0.0.1", port_of(a)), from = {0};
	socklen_t len = sizeof(from);

	NET(sendto(b, "four", 4, 0, &to.any, sizeof(to.in)));
	NET(recvfrom(a, buf, 9, 0, &from.any, &len));
	say_address("from", &from);
	NET(sendto(a, "back", 4, 0, &from.any, sizeof(from.in6)));
	NET(recv(b, buf, 9, 0));
	close(a), close(b);
}

/* IP_FREEBIND allows any address, but nothing is sent from one of another machine. */
static void foreign_source(void)
{
	union name far = ip4("10.99.98.97", 0), to = ip4("127.0.0.1", 9);

	for (int udp = 0; udp < 2; udp++) {
		int s = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

		setsockopt(s, IPPROTO_IP, IP_FREEBIND, &(int){1}, sizeof(int));
		NET(bind(s, &far.any, sizeof(far.in)));
		if (udp)
			NET(sendto(s, "x", 1, 0, &to.any, sizeof(to.in)));
		NET(connect(s, &to.any, sizeof(to.in)));
		close(s);
	}
}

int main(void)
{
	foreign_source();
	unconnected();
	exchange();
	connected();
	control(AF_INET);
	control(AF_INET6);
	groups();
	mixed();
	return 0;
}
