/* Sockets of AF_INET and AF_INET6 on the loopback interface, at ports of the system's choice. */
#pragma once

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Names for errors of sockets, which check.h does not have. */
__attribute__((unused)) static const char *net_error(int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {
		{ENOTSOCK, "ENOTSOCK"},
		{EDESTADDRREQ, "EDESTADDRREQ"},
		{EMSGSIZE, "EMSGSIZE"},
		{ENOPROTOOPT, "ENOPROTOOPT"},
		{EPROTONOSUPPORT, "EPROTONOSUPPORT"},
		{ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT"},
		{EAFNOSUPPORT, "EAFNOSUPPORT"},
		{EADDRINUSE, "EADDRINUSE"},
		{EADDRNOTAVAIL, "EADDRNOTAVAIL"},
		{ENETUNREACH, "ENETUNREACH"},
		{ECONNRESET, "ECONNRESET"},
		{EISCONN, "EISCONN"},
		{ENOTCONN, "ENOTCONN"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{EALREADY, "EALREADY"},
		{EINPROGRESS, "EINPROGRESS"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	return error_name(err);
}

__attribute__((unused)) static void net_result(const char *what, long result)
{
	int err = errno;

	if (result == -1)
		say("%s: %s", what, net_error(err));
	else
		say("%s: %ld", what, result);
}
#define NET(call) (errno = 0, net_result(#call, (long)(call)))

union name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

__attribute__((unused)) static union name ip4(const char *text, int port)
{
	union name n = {.in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}};

	inet_pton(AF_INET, text, &n.in.sin_addr);
	return n;
}

__attribute__((unused)) static union name ip6(const char *text, int port)
{
	union name n = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}};

	inet_pton(AF_INET6, text, &n.in6.sin6_addr);
	return n;
}

__attribute__((unused)) static union name own_name(int fd)
{
	union name n = {0};
	socklen_t len = sizeof(n);

	getsockname(fd, &n.any, &len);
	return n;
}

__attribute__((unused)) static int port_of(int fd)
{
	return ntohs(own_name(fd).in.sin_port); /* at the same place in both families */
}

/* Say the address, but not the port, which is another one each time. */
__attribute__((unused)) static void say_address(const char *what, const union name *n)
{
	char text[64] = "";

	if (n->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &n->in.sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &n->in6.sin6_addr, text, sizeof(text));
	say("%s: %s %s", what, text, n->in.sin_port ? "with a port" : "without a port");
}

__attribute__((unused)) static int bound(int type, union name n)
{
	int fd = socket(n.any.sa_family, type, 0);

	if (bind(fd, &n.any, n.any.sa_family == AF_INET ? sizeof(n.in) : sizeof(n.in6)))
		say("bind: %s", net_error(errno));
	return fd;
}

__attribute__((unused)) static int listener(int backlog)
{
	int fd = bound(SOCK_STREAM, ip4("127.0.0.1", 0));

	if (listen(fd, backlog))
		say("listen: %s", net_error(errno));
	return fd;
}

__attribute__((unused)) static int connected_to(int l)
{
	union name n = own_name(l);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, &n.any, sizeof(n.in)))
		say("connect: %s", net_error(errno));
	return fd;
}

/* Two ends of a connection. */
__attribute__((unused)) static void tcp_pair(int fds[2])
{
	int l = listener(5);

	fds[0] = connected_to(l);
	fds[1] = accept(l, NULL, NULL);
	close(l);
}

__attribute__((unused)) static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -errno : value;
}

/* The events of a socket, after a moment in which packets arrive on Linux. */
__attribute__((unused)) static void say_poll(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};

	sleep_ms(10);
	poll(&p, 1, 0);
	say("%s:%s%s%s%s%s%s", what, p.revents & POLLIN ? " in" : "",
	    p.revents & POLLOUT ? " out" : "", p.revents & POLLPRI ? " pri" : "",
	    p.revents & POLLERR ? " err" : "", p.revents & POLLHUP ? " hup" : "",
	    p.revents & POLLRDHUP ? " rdhup" : "");
}

__attribute__((unused)) static int tcp_state(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info.tcpi_state;
}
