/* AF_UNIX sockets: unix(7). */
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static int *volatile bad_pointer = (int *)8;

#define START offsetof(struct sockaddr_un, sun_path)

static socklen_t named(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return (socklen_t)(START + strlen(path) + 1);
}

/* The name behind an '@' is abstract. */
static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
	socklen_t len = named(a, name);

	a->sun_path[0] = 0;
	return len - 1;
}

static void say_poll(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	int n = poll(&p, 1, 0);

	say("%s: %d%s%s%s%s%s", what, n, p.revents & POLLIN ? " in" : "",
	    p.revents & POLLOUT ? " out" : "", p.revents & POLLERR ? " err" : "",
	    p.revents & POLLHUP ? " hup" : "", p.revents & POLLRDHUP ? " rdhup" : "");
}

static void say_name(const char *what, int err, const struct sockaddr_un *a, socklen_t len)
{
	if (err)
		say("%s: %s", what, error_name(errno));
	else if (len <= START)
		say("%s: len %u family %d", what, len, a->sun_family);
	else
		say("%s: len %u %s%.*s", what, len, a->sun_path[0] ? "" : "@",
		    (int)(len - START - (a->sun_path[0] ? 0 : 1)),
		    a->sun_path + (a->sun_path[0] ? 0 : 1));
}

static void say_names(int fd)
{
	struct sockaddr_un a = {0};
	socklen_t len = sizeof(a);
	int err = getsockname(fd, (void *)&a, &len);

	say_name("own name", err, &a, len);
	len = sizeof(a);
	memset(&a, 0, sizeof(a));
	err = getpeername(fd, (void *)&a, &len);
	say_name("peer", err, &a, len);
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -errno;
}

static void check_making(void)
{
	int fds[2], s;
	struct stat st;

	RESULT(socket(AF_UNIX, 0, 0));
	RESULT(socket(AF_UNIX, 77, 0));
	RESULT(socket(AF_UNIX, SOCK_RDM, 0));
	RESULT(socket(AF_UNIX, SOCK_STREAM, 5));
	RESULT(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
	RESULT(socket(12345, SOCK_STREAM, 0));
	RESULT(socketpair(AF_UNIX, SOCK_STREAM, 0, bad_pointer));
	RESULT(accept4(0, NULL, NULL, 1));
	RESULT(listen(0, 1));
	RESULT(listen(99, 1));
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fstat(s, &st);
	say("mode %o, cloexec %d, flags %o", st.st_mode, fcntl(s, F_GETFD), fcntl(s, F_GETFL));
	say_poll("fresh stream", s);
	say_names(s);
	RESULT(read(s, fds, 1));
	RESULT(write(s, fds, 1));
	RESULT(lseek(s, 0, SEEK_CUR));
	RESULT(accept(s, NULL, NULL));
	RESULT(listen(s, 1));
	RESULT(shutdown(s, 5));
	say("type %d, domain %d, accepts %d, error %d, sndbuf %d, passcred %d", option(s, SO_TYPE),
	    option(s, SO_DOMAIN), option(s, SO_ACCEPTCONN), option(s, SO_ERROR),
	    option(s, SO_SNDBUF), option(s, SO_PASSCRED));
	fds[0] = 10000;
	RESULT(setsockopt(s, SOL_SOCKET, SO_SNDBUF, fds, 4));
	RESULT(setsockopt(s, SOL_SOCKET, SO_SNDBUF, fds, 3));
	RESULT(setsockopt(s, SOL_SOCKET, SO_SNDBUF, NULL, 4));
	RESULT(setsockopt(s, 6, 1, fds, 4));
	say("sndbuf %d", option(s, SO_SNDBUF));
	close(s);
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	say_poll("fresh datagram", s);
	RESULT(write(s, fds, 1));
	RESULT(listen(s, 1));
	RESULT(accept(s, NULL, NULL));
	close(s);
}

static void check_stream_pair(void)
{
	char buf[64] = {0};
	int p[2], n;

	RESULT(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	say_names(p[0]);
	RESULT(write(p[0], "hello", 5));
	RESULT(write(p[0], " world", 6));
	say_poll("with input", p[1]);
	ioctl(p[1], FIONREAD, &n);
	say("%d wait", n);
	RESULT(recv(p[1], buf, 4, MSG_PEEK));
	RESULT(recv(p[1], buf, 8, MSG_WAITALL));
	say("%.8s", buf);
	RESULT(read(p[1], buf, sizeof(buf)));
	say("%.3s", buf);
	RESULT(recv(p[1], buf, 1, MSG_DONTWAIT));
	RESULT(write(p[1], bad_pointer, 5));
	RESULT(sendto(p[1], "x", 1, 0, (void *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 2));
	RESULT(shutdown(p[0], SHUT_WR));
	say_poll("writer shut", p[0]);
	say_poll("reader", p[1]);
	RESULT(read(p[1], buf, 1));
	signal(SIGPIPE, SIG_IGN);
	RESULT(write(p[0], "x", 1));
	RESULT(write(p[1], "back", 4));
	RESULT(read(p[0], buf, sizeof(buf)));
	RESULT(write(p[1], "unread", 6));
	close(p[0]);
	say_poll("peer closed", p[1]);
	say("error %d", option(p[1], SO_ERROR) == ECONNRESET);
	RESULT(read(p[1], buf, 1));
	RESULT(write(p[1], "x", 1));
	RESULT(send(p[1], "x", 1, MSG_NOSIGNAL));
	say_names(p[1]);
	close(p[1]);
}

static void dies_of_sigpipe(void)
{
	int p[2];

	signal(SIGPIPE, SIG_DFL);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	close(p[1]);
	RESULT(send(p[0], "x", 1, MSG_NOSIGNAL));
	write(p[0], "x", 1);
}

static void check_records(int type)
{
	char buf[64] = {0};
	struct iovec iov = {buf, 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int p[2], n;

	RESULT(socketpair(AF_UNIX, type, 0, p));
	RESULT(write(p[0], "first", 5));
	RESULT(write(p[0], "", 0));
	RESULT(write(p[0], "third", 5));
	ioctl(p[1], FIONREAD, &n);
	say("%d wait", n);
	RESULT(recvmsg(p[1], &m, MSG_PEEK));
	say("flags %x, %.3s", m.msg_flags, buf);
	RESULT(recv(p[1], buf, 2, MSG_TRUNC));
	RESULT(recv(p[1], buf, sizeof(buf), 0));
	RESULT(read(p[1], buf, sizeof(buf)));
	RESULT(recv(p[1], buf, sizeof(buf), MSG_DONTWAIT));
	RESULT(send(p[1], buf, 400000, 0));
	close(p[0]);
	RESULT(send(p[1], "x", 1, MSG_NOSIGNAL));
	RESULT(send(p[1], "x", 1, MSG_NOSIGNAL));
	say_poll("alone", p[1]);
	RESULT(recv(p[1], buf, sizeof(buf), MSG_DONTWAIT));
	close(p[1]);
}

/* A server by name, in this process and a child. */
static void check_server(int type, const char *path)
{
	struct sockaddr_un a, from;
	socklen_t len = *path == '@' ? abstract(&a, path) : named(&a, path), flen = sizeof(from);
	struct ucred cred;
	int l = socket(AF_UNIX, type, 0), c, s;
	char buf[32] = {0};
	struct stat st;
	pid_t pid;

	RESULT(connect(l, (void *)&a, len));
	RESULT(listen(l, 2));
	RESULT(bind(l, (void *)&a, 1));
	RESULT(bind(l, (void *)&a, 200));
	RESULT(bind(l, (void *)&a, len));
	RESULT(bind(l, (void *)&a, len));
	c = socket(AF_UNIX, type, 0);
	RESULT(bind(c, (void *)&a, len));
	RESULT(connect(c, (void *)&a, len));
	if (*path != '@') {
		stat(path, &st);
		say("mode %o", st.st_mode);
		RESULT(open(path, O_RDWR));
	}
	RESULT(listen(l, 2));
	say_poll("nobody yet", l);
	fcntl(l, F_SETFL, O_NONBLOCK);
	RESULT(accept(l, NULL, NULL));
	fcntl(l, F_SETFL, 0);
	pid = must_fork();
	if (pid == 0) {
		RESULT(connect(c, (void *)&a, len));
		RESULT(connect(c, (void *)&a, len));
		say_names(c);
		send(c, "ping", 4, 0);
		recv(c, buf, sizeof(buf), 0);
		say("client got %s", buf);
		_exit(0);
	}
	s = accept(l, (void *)&from, &flen);
	recv(s, buf, sizeof(buf), 0);
	TRUTH(s >= 0);
	say_name("client", 0, &from, flen);
	say("server got %s", buf);
	say_names(s);
	flen = sizeof(cred);
	RESULT(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &flen));
	say("credentials of the client: %d %d", cred.pid == pid, cred.uid == getuid());
	send(s, "pong", 5, 0);
	reap("client", pid);
	close(s);
	/* one that is never accepted */
	RESULT(connect(c, (void *)&a, len));
	say_poll("somebody", l);
	close(l);
	RESULT(read(c, buf, 1));
	close(c);
	c = socket(AF_UNIX, type, 0);
	RESULT(connect(c, (void *)&a, len));
	RESULT(connect(c, (void *)&a, 1));
	a.sun_family = AF_INET;
	RESULT(connect(c, (void *)&a, len));
	close(c);
	if (*path != '@')
		unlink(path);
}

static void check_full_backlog(void)
{
	struct sockaddr_un a;
	socklen_t len = abstract(&a, "@full");
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c[4];
	pid_t pid;

	bind(l, (void *)&a, len);
	listen(l, 1);
	for (int i = 0; i < 4; i++) {
		c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		RESULT(connect(c[i], (void *)&a, len));
	}
	pid = must_fork();
	if (pid == 0) {
		fcntl(c[3], F_SETFL, 0);
		_exit(connect(c[3], (void *)&a, len) ? errno : 0); /* waits */
	}
	sleep_ms(20);
	WHETHER(accept(l, NULL, NULL));
	reap("waited", pid);
	close(l);
	for (int i = 0; i < 4; i++)
		close(c[i]);
	RESULT(connect(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&a, len));
}

static void check_datagrams(void)
{
	struct sockaddr_un a, b, from;
	socklen_t la = abstract(&a, "@one"), lb = named(&b, "two"), len = sizeof(from);
	int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0),
	    any = socket(AF_UNIX, SOCK_DGRAM, 0), stream = socket(AF_UNIX, SOCK_STREAM, 0);
	char buf[16] = {0};

	bind(one, (void *)&a, la);
	bind(two, (void *)&b, lb);
	RESULT(bind(any, (void *)&a, sizeof(sa_family_t)));
	getsockname(any, (void *)&from, &len);
	say("autobound: len %u, %d", len, from.sun_path[0]);
	RESULT(sendto(any, "to one", 6, 0, (void *)&a, la));
	RESULT(sendto(two, "again", 5, 0, (void *)&a, la));
	len = sizeof(from);
	RESULT(recvfrom(one, buf, sizeof(buf), 0, (void *)&from, &len));
	len = sizeof(from);
	RESULT(recvfrom(one, buf, sizeof(buf), 0, (void *)&from, &len));
	say_name("from", 0, &from, len);
	RESULT(connect(stream, (void *)&b, lb));
	RESULT(connect(one, (void *)&b, lb));
	RESULT(sendto(any, "x", 1, 0, (void *)&a, la)); /* `one` talks to `two` only */
	RESULT(send(one, "hi", 2, 0));
	RESULT(recv(two, buf, sizeof(buf), 0));
	a.sun_family = AF_UNSPEC;
	RESULT(connect(one, (void *)&a, la));
	RESULT(send(one, "hi", 2, 0));
	a.sun_family = AF_UNIX;
	unlink("two");
	RESULT(sendto(one, "x", 1, 0, (void *)&b, lb));
	close(open("two", O_CREAT | O_RDWR, 0600));
	RESULT(sendto(one, "x", 1, 0, (void *)&b, lb));
	unlink("two");
	RESULT(shutdown(one, SHUT_RD));
	RESULT(read(one, buf, 1));
	RESULT(sendto(two, "x", 1, MSG_NOSIGNAL, (void *)&a, la));
	close(one), close(two), close(any), close(stream);
}

/* ---- what travels along ---- */

union control {
	struct cmsghdr align;
	char bytes[256];
};

static ssize_t send_files(int s, const int *fds, int n, const char *text)
{
	union control c = {0};
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &c,
			   .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	return sendmsg(s, &m, 0);
}

/* How many files came, the first in *fd. */
static int receive_files(int s, int *fd, size_t room, int flags)
{
	union control c = {0};
	char buf[16];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};
	ssize_t n = recvmsg(s, &m, flags);
	int files = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		say("control: level %d type %d len %zu", h->cmsg_level, h->cmsg_type,
		    (size_t)h->cmsg_len);
		if (h->cmsg_type == SCM_RIGHTS) {
			files = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(fd, CMSG_DATA(h), sizeof(int));
			for (int i = 1; i < files; i++)
				close(((int *)CMSG_DATA(h))[i]);
		}
	}
	say("%zd bytes, %d files, flags %x, control %zu", n, files, m.msg_flags & ~MSG_CMSG_CLOEXEC,
	    (size_t)m.msg_controllen);
	return files;
}

/* How many files may be on their way to nobody: as many as descriptors, and one. Root may more. */
static void too_many_on_their_way(void)
{
	struct rlimit limit = {.rlim_cur = 24, .rlim_max = 24};
	char buf[8];
	int s[2], n = 0, got;

	setrlimit(RLIMIT_NOFILE, &limit);
	setresuid(54321, 54321, 54321);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	while (n < 100 && send_files(s[0], &s[0], 1, "x") == 1)
		n++;
	say("%d files on their way, then %s", n, error_name(errno));
	recv(s[1], buf, 1, 0);
	RESULT(send_files(s[0], &s[0], 1, "x"));
	RESULT(send_files(s[0], &s[0], 1, "x"));
	receive_files(s[1], &got, 256, MSG_PEEK);
	RESULT(send_files(s[0], &s[0], 1, "x"));
	close(s[0]);
	close(s[1]);
}

static void check_rights(int type)
{
	int s[2], p[2], got = -1, bad = 99;
	char buf[8] = {0};
	struct rlimit few, many;

	socketpair(AF_UNIX, type, 0, s);
	pipe(p);
	RESULT(send_files(s[0], p, 2, "two"));
	close(p[0]);
	if (receive_files(s[1], &got, 256, MSG_CMSG_CLOEXEC)) {
		RESULT(fcntl(got, F_GETFD));
		write(p[1], "pipe", 4);
		RESULT(read(got, buf, 8));
		send_files(s[0], &got, 1, "a");
		send(s[0], "b", 1, 0);
		close(got);
		receive_files(s[1], &got, CMSG_LEN(3), 0); /* no room for any */
		if (type == SOCK_STREAM)
			receive_files(s[1], &got, 0, 0);
		else
			RESULT(recv(s[1], buf, 8, 0));
		errno = 0;
		RESULT(write(p[1], "x", 1));
	}
	RESULT(send_files(s[0], &bad, 1, "x"));
	/* nobody reads these: they go with the socket */
	pipe(p);
	send_files(s[0], &p[1], 1, "x");
	send_files(s[0], &s[0], 1, "x");
	close(p[1]);
	getrlimit(RLIMIT_NOFILE, &many);
	few = many;
	few.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &few);
	receive_files(s[1], &got, 256, 0); /* no descriptor is free */
	setrlimit(RLIMIT_NOFILE, &many);
	RESULT(read(p[0], buf, 1));
	close(s[1]);
	RESULT(fcntl(s[0], F_GETFD));
	close(s[0]);
	close(p[0]);
}

static void check_credentials(void)
{
	union control c = {0};
	char buf[16];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	struct ucred u;
	int s[2], on = 1;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	RESULT(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	if (fork() == 0) {
		write(s[0], "child", 5);
		_exit(0);
	}
	wait(NULL);
	write(s[0], "parent", 6);
	for (int i = 0; i < 2; i++) { /* not mixed, for they come from two */
		m.msg_controllen = sizeof(c);
		RESULT(recvmsg(s[1], &m, 0));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		if (!h)
			continue;
		memcpy(&u, CMSG_DATA(h), sizeof(u));
		say("type %d, from ourselves %d, root %d", h->cmsg_type, u.pid == getpid(),
		    u.uid == 0);
	}
	m.msg_controllen = CMSG_SPACE(sizeof(u));
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	h->cmsg_len = CMSG_LEN(sizeof(u));
	u = (struct ucred){.pid = getpid(), .uid = 1234, .gid = 0};
	memcpy(CMSG_DATA(h), &u, sizeof(u));
	iov.iov_len = 3;
	if (fork() == 0) {
		setuid(1000);
		RESULT(sendmsg(s[0], &m, 0));
		h->cmsg_len = 5;
		RESULT(sendmsg(s[0], &m, 0));
		h->cmsg_len = CMSG_LEN(sizeof(u));
		h->cmsg_type = 77;
		RESULT(sendmsg(s[0], &m, 0));
		_exit(0);
	}
	wait(NULL);
	close(s[0]);
	close(s[1]);
}

/* Through a small buffer, with more than one on each side. */
static void check_bulk(void)
{
	enum {
		TOTAL = 4 << 20
	};
	static char buf[70000];
	int s[2], one = 1;
	long got = 0, right = 0, pos = 0;
	ssize_t n;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &one, sizeof(one));
	pid = must_fork();
	if (pid == 0) {
		close(s[1]);
		while (pos < TOTAL) {
			size_t len = (size_t)(pos * 7 % 65000 + 1);

			if (pos + (long)len > TOTAL)
				len = (size_t)(TOTAL - pos);
			for (size_t i = 0; i < len; i++)
				buf[i] = (char)((pos + (long)i) % 251);
			if (write(s[0], buf, len) != (ssize_t)len)
				_exit(1);
			pos += (long)len;
		}
		_exit(0);
	}
	close(s[0]);
	while ((n = read(s[1], buf, (size_t)(got % 9000 + 1))) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			right += (unsigned char)buf[i] == got % 251;
	say("%ld bytes, %ld right", got, right);
	reap("writer", pid);
	close(s[1]);
}

/* Two that listen try to connect to each other, at the same time and over and over: they cannot,
 * and neither may wait for the other. */
static void check_listeners(void)
{
	struct sockaddr_un a[2];
	socklen_t len[2] = {abstract(&a[0], "@left"), abstract(&a[1], "@right")};
	int s[2], refused = 0, mine;

	for (int i = 0; i < 2; i++) {
		s[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(s[i], (void *)&a[i], len[i]);
		listen(s[i], 1);
	}
	RESULT(connect(s[0], (void *)&a[0], len[0]));
	RESULT(connect(s[0], (void *)&a[1], len[1]));
	pid_t pid = must_fork();
	mine = pid == 0;
	for (int i = 0; i < 3000; i++)
		refused += connect(s[mine], (void *)&a[!mine], len[!mine]) < 0 && errno == EINVAL;
	if (pid == 0)
		_exit(refused != 3000);
	say("%d refused", refused);
	reap("the other one", pid);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	alarm(30);
	umask(022);
	check_making();
	check_stream_pair();
	in_child("sigpipe", dies_of_sigpipe);
	check_records(SOCK_DGRAM);
	check_records(SOCK_SEQPACKET);
	check_server(SOCK_STREAM, "@abstract");
	check_server(SOCK_STREAM, "server");
	check_server(SOCK_SEQPACKET, "server");
	check_full_backlog();
	check_listeners();
	check_datagrams();
	check_rights(SOCK_STREAM);
	check_rights(SOCK_DGRAM);
	in_child("files on their way", too_many_on_their_way);
	check_credentials();
	check_bulk();
	return 0;
}
