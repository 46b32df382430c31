/*
 * Sockets that are on their way through each other, and that no descriptor leads to: what they hold
 * is let go of. Each circle has the writing end of a pipe in it, whose reader sees when it is.
 */
#include "attack.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define WAIT_MS 10000

static void send_fds(int to, const int *fds, int n)
{
	union {
		char room[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr h;
	} u;
	struct iovec byte = {"x", 1};
	struct msghdr m = {.msg_iov = &byte,
			   .msg_iovlen = 1,
			   .msg_control = u.room,
			   .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};

	memset(&u, 0, sizeof(u));
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(&u.h), fds, (size_t)n * sizeof(int));
	MUST(sendmsg(to, &m, 0));
}

static void send_fd(int to, int fd)
{
	send_fds(to, &fd, 1);
}

/* The first descriptor of the next message; -1. */
static int receive_fd(int from, int flags)
{
	union {
		char room[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr h;
	} u;
	char c;
	struct iovec byte = {&c, 1};
	struct msghdr m = {.msg_iov = &byte,
			   .msg_iovlen = 1,
			   .msg_control = u.room,
			   .msg_controllen = sizeof(u.room)};
	int fd = -1;

	if (recvmsg(from, &m, flags | MSG_DONTWAIT) == 1 && m.msg_controllen)
		memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	return fd;
}

/* Linux looks for circles when a socket is closed, Bident when a process ends. */
static void nudge(void)
{
	pid_t pid;
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	close(s[0]);
	close(s[1]);
	pid = must_fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static bool end_is_seen(int reader, int ms)
{
	struct pollfd p = {reader, POLLIN, 0};

	return poll(&p, 1, ms) == 1;
}

/* `make` gets a pipe's writing end and closes all that it opens beside it. */
static void circle(const char *what, void (*make)(int w))
{
	int p[2];

	MUST(pipe(p));
	make(p[1]);
	close(p[1]);
	nudge();
	say("%s: %s", what, end_is_seen(p[0], WAIT_MS) ? "freed" : "kept");
	close(p[0]);
}

static void in_itself(int w)
{
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	send_fds(s[0], (int[]){s[1], w, s[0]}, 3);
	close(s[0]);
	close(s[1]);
}

static void in_its_peer(int w)
{
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	send_fd(s[0], s[0]);
	send_fd(s[1], s[1]);
	send_fd(s[1], w);
	close(s[0]);
	close(s[1]);
}

/* Each in the queue of the next; the last holds the first. */
static void ring(int w)
{
	int s[20][2];

	for (int i = 0; i < 20; i++)
		MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s[i]));
	for (int i = 0; i < 20; i++)
		send_fd(s[(i + 1) % 20][0], s[i][1]);
	send_fd(s[7][0], w);
	for (int i = 0; i < 20; i++) {
		close(s[i][0]);
		close(s[i][1]);
	}
}

/* A listener whose queue of connections holds it. */
static void listener(int w)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t len = sizeof(name);

	MUST(bind(l, (struct sockaddr *)&name, sizeof(sa_family_t)));
	MUST(getsockname(l, (struct sockaddr *)&name, &len));
	MUST(listen(l, 5));
	MUST(connect(c, (struct sockaddr *)&name, len));
	send_fd(c, l);
	send_fd(c, c);
	send_fd(c, w);
	close(l);
	close(c);
}

/* What hangs on a circle, and is in none. */
static void tail(int w)
{
	int a[2], b[2], c[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, c));
	send_fd(c[0], w);
	send_fd(b[0], c[1]);
	send_fd(a[0], b[1]);
	send_fd(a[0], a[1]);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
		close(c[i]);
	}
}

static void many(int w)
{
	for (int i = 0; i < 3000; i++)
		in_itself(w);
}

/* A circle that a task can reach, by way of another socket, is not touched. */
static void reachable(void)
{
	int a[2], b[2], p[2], got, inner;
	ssize_t n;
	char c;

	MUST(pipe(p));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	send_fd(b[0], b[1]);
	send_fd(b[0], p[1]);
	send_fd(a[0], b[1]);
	close(b[0]);
	close(b[1]);
	close(p[1]);
	nudge();
	say("reachable: %s", end_is_seen(p[0], 200) ? "freed" : "kept");
	got = receive_fd(a[1], MSG_PEEK);
	close(a[0]);
	close(a[1]);
	nudge();
	say("peeked at: %s", end_is_seen(p[0], 200) ? "freed" : "kept");
	inner = receive_fd(got, 0);
	close(got);
	nudge();
	say("itself received: %s", end_is_seen(p[0], 200) ? "freed" : "kept");
	got = receive_fd(inner, 0);
	say("the pipe: %s", write(got, "!", 1) == 1 ? "written" : error_name(errno));
	close(got);
	close(inner);
	nudge();
	n = read(p[0], &c, 1);
	say("in the end: %zd, %zd", n, read(p[0], &c, 1));
	close(p[0]);
}

/* While circles come and go, and processes end, a socket that is handed on and on is never lost. */
static void handed_on(void)
{
	int a[2], b[2], fd, lost = 0;
	pid_t pid = must_fork();

	if (pid == 0)
		for (int null = open("/dev/null", O_RDONLY);;) {
			pid_t child = must_fork();

			if (child == 0) {
				in_itself(null);
				ring(null);
				_exit(0);
			}
			waitpid(child, NULL, 0);
		}
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	fd = b[1];
	send_fd(b[0], b[0]); /* so that it is in a circle with itself, but for `fd` */
	for (int i = 0; i < 3000; i++) {
		send_fd(a[0], fd);
		close(fd);
		fd = receive_fd(a[1], i % 3 == 0 ? MSG_PEEK : 0);
		if (i % 3 == 0)
			close(receive_fd(a[1], 0));
		lost += fd < 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(b[0]);
	b[0] = receive_fd(fd, 0);
	say("handed on: %d lost, %s", lost,
	    b[0] >= 0 && write(b[0], "!", 1) == 1 ? "alive" : "dead");
}

static void circles(void)
{
	circle("in itself", in_itself);
	circle("in its peer", in_its_peer);
	circle("ring", ring);
	circle("listener", listener);
	circle("tail", tail);
	circle("many", many);
	reachable();
	handed_on();
}

int main(void)
{
	as_user("user", circles);
	return 0;
}
