/* Which socket may have which address and port: ip(7), ipv6(7), socket(7). */
#include "inet.h"

static int on = 1;

static int open_with(int family, int type, int reuse)
{
	int fd = socket(family, type, 0);

	if (reuse)
		setsockopt(fd, SOL_SOCKET, reuse, &on, sizeof(on));
	return fd;
}

/* Bind two sockets to the same port. */
static void two(const char *what, int type, int reuse, union name a, union name b, bool listens)
{
	int one = open_with(a.any.sa_family, type, reuse),
	    other = open_with(b.any.sa_family, type, reuse), err;

	err = bind(one, &a.any, sizeof(a));
	if (err)
		say("%s: first %s", what, net_error(errno));
	if (listens)
		listen(one, 1);
	b.in.sin_port = htons((uint16_t)port_of(one));
	err = bind(other, &b.any, sizeof(b));
	say("%s: %s", what, err ? net_error(errno) : "ok");
	if (!err && listens)
		NET(listen(other, 1));
	close(one), close(other);
}

static void conflicts(void)
{
	union name any = ip4("0.0.0.0", 0), lo = ip4("127.0.0.1", 0), other = ip4("127.0.0.2", 0);
	union name any6 = ip6("::", 0), lo6 = ip6("::1", 0), mapped = ip6("::ffff:127.0.0.1", 0);

	for (int udp = 0; udp < 2; udp++) {
		int type = udp ? SOCK_DGRAM : SOCK_STREAM;

		say("%s", udp ? "udp" : "tcp");
		two("same", type, 0, lo, lo, false);
		two("any", type, 0, lo, any, false);
		two("two addresses", type, 0, lo, other, true);
		two("reuse", type, SO_REUSEADDR, lo, lo, false);
		if (!udp) {
			two("reuse, listens", type, SO_REUSEADDR, lo, lo, true);
			two("reuse port, listens", type, SO_REUSEPORT, lo, lo, true);
		}
		two("reuse port", type, SO_REUSEPORT, lo, any, false);
		two("any6, any", type, 0, any6, any, false);
		two("any6, lo", type, 0, any6, lo, false);
		two("lo6, lo", type, 0, lo6, lo, false);
		two("lo6, any6", type, 0, lo6, any6, false);
		two("mapped, lo", type, 0, mapped, lo, false);
		two("mapped, any6", type, 0, mapped, any6, false);
	}
}

static void addresses(void)
{
	union name n = ip4("10.99.98.97", 0), six = ip6("::", 0), wrong = ip4("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fd6;

	NET(bind(fd, &n.any, sizeof(n.in)));
	NET(bind(fd, &n.any, 8));
	NET(bind(fd, &six.any, sizeof(six.in6)));
	wrong.any.sa_family = 77;
	NET(bind(fd, &wrong.any, sizeof(wrong.in)));
	wrong = ip4("0.0.0.0", 0);
	wrong.any.sa_family = AF_UNSPEC;
	NET(bind(fd, &wrong.any, sizeof(wrong.in)));
	NET(bind(fd, &wrong.any, sizeof(wrong.in)));
	TRUTH(port_of(fd) >= 1024);
	close(fd);
	fd6 = socket(AF_INET6, SOCK_STREAM, 0);
	wrong = ip4("127.0.0.1", 0);
	NET(bind(fd6, &wrong.any, sizeof(wrong.in)));
	setsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	six = ip6("::ffff:127.0.0.1", 0);
	NET(bind(fd6, &six.any, sizeof(six.in6)));
	six = ip6("::", 0);
	NET(bind(fd6, &six.any, sizeof(six.in6)));
	NET(setsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	close(fd6);
}

static void low_ports(void)
{
	union name n = ip4("127.0.0.1", 999);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (setuid(65534))
		_exit(1);
	NET(bind(fd, &n.any, sizeof(n.in)));
}

/* The side that closes first keeps the port for a while. */
static void time_wait(void)
{
	for (int first = 0; first < 2; first++) {
		int l = listener(5), s = connected_to(l), c = accept(l, NULL, NULL);
		union name n = own_name(l);
		int again;

		close(l);
		close(first ? c : s);
		sleep_ms(10);
		close(first ? s : c);
		sleep_ms(10);
		again = socket(AF_INET, SOCK_STREAM, 0);
		say("%s closed first", first ? "server" : "client");
		NET(bind(again, &n.any, sizeof(n.in)));
		close(again);
	}
	for (int first = 0; first < 2; first++) {
		int l = open_with(AF_INET, SOCK_STREAM, SO_REUSEADDR), s, c, again;
		union name n = ip4("127.0.0.1", 0);

		bind(l, &n.any, sizeof(n.in));
		listen(l, 5);
		n = own_name(l);
		s = connected_to(l);
		c = accept(l, NULL, NULL);
		close(l);
		if (first)
			close(c);
		again = open_with(AF_INET, SOCK_STREAM, SO_REUSEADDR);
		NET(bind(again, &n.any, sizeof(n.in)));
		NET(listen(again, 5));
		close(again);
		if (!first)
			close(c);
		close(s);
	}
}

/* Connect families and addresses. */
static void reach(const char *what, union name at, union name to, int v6only)
{
	int l = socket(at.any.sa_family, SOCK_STREAM, 0), s, c = -1;
	union name n = {0};
	socklen_t len = sizeof(n);

	if (at.any.sa_family == AF_INET6)
		setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(l, &at.any, sizeof(at)) || listen(l, 5))
		say("%s: %s", what, net_error(errno));
	to.in.sin_port = htons((uint16_t)port_of(l));
	s = socket(to.any.sa_family, SOCK_STREAM, 0);
	if (connect(s, &to.any, sizeof(to))) {
		say("%s: %s", what, net_error(errno));
	} else {
		c = accept(l, &n.any, &len);
		say("%s: %d bytes", what, (int)len);
		say_address("caller", &n);
		n = own_name(s);
		say_address("its own name", &n);
		n = own_name(c);
		say_address("accepted at", &n);
	}
	close(l), close(s), close(c);
}

static void reaching(void)
{
	union name any = ip4("0.0.0.0", 0), lo = ip4("127.0.0.1", 0), far = ip4("127.1.2.3", 0);
	union name any6 = ip6("::", 0), lo6 = ip6("::1", 0), mapped = ip6("::ffff:127.0.0.1", 0);

	reach("any, lo", any, lo, 0);
	reach("any, far", any, far, 0);
	reach("any, any", any, any, 0);
	reach("lo, far", lo, far, 0);
	reach("far, far", far, far, 0);
	reach("any6, lo6", any6, lo6, 0);
	reach("any6, any6", any6, any6, 0);
	reach("any6, lo", any6, lo, 0);
	reach("any6, mapped", any6, mapped, 0);
	reach("v6 only, lo", any6, lo, 1);
	reach("v6 only, lo6", any6, lo6, 1);
	reach("lo6, lo", lo6, lo, 0);
	reach("mapped, lo", mapped, lo, 0);
	reach("lo, mapped", lo, mapped, 0);
}

/* Ports of the system's choice are in the range that /proc tells. */
static void range(void)
{
	int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY);
	char text[32] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	say("%zd bytes: %s", n, text);
	close(fd);
	for (int udp = 0; udp < 2; udp++) {
		bool inside = true;

		for (int i = 0; i < 50; i++) {
			int s = bound(udp ? SOCK_DGRAM : SOCK_STREAM, ip4("127.0.0.1", 0));

			inside &= port_of(s) >= 32768 && port_of(s) < 61000;
			close(s);
		}
		say("%s: %s", udp ? "udp" : "tcp", inside ? "in the range" : "outside");
	}
}

int main(void)
{
	conflicts();
	addresses();
	in_child("nobody", low_ports);
	time_wait();
	reaching();
	range();
	return 0;
}
