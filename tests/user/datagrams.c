/* How many datagrams wait to be read from one AF_UNIX socket, and what a sender sees of it:
 * unix(7), max_dgram_qlen. */
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static int limit; /* one more than this can wait */
static long id;   /* in all names */

static void read_limit(void)
{
	FILE *f = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");

	if (!f || fscanf(f, "%d", &limit) != 1)
		_exit(98);
	fclose(f);
	say("limit: %s", limit >= 0 && limit < 200 ? "as expected" : "odd");
}

static socklen_t address(struct sockaddr_un *a, char name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	snprintf(a->sun_path + 1, 40, "datagrams %ld", id);
	a->sun_path[40] = name;
	return offsetof(struct sockaddr_un, sun_path) + 41;
}

static int bound(char name)
{
	struct sockaddr_un a;
	socklen_t n = address(&a, name);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (bind(s, (void *)&a, n))
		_exit(97);
	return s;
}

static int connected(int s, char name)
{
	struct sockaddr_un a;
	socklen_t n = address(&a, name);

	if (s < 0)
		s = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (connect(s, (void *)&a, n))
		say("connect: %s", error_name(errno));
	return s;
}

static int disconnect(int s)
{
	struct sockaddr_un a = {.sun_family = AF_UNSPEC};

	return connect(s, (void *)&a, sizeof(a.sun_family));
}

static const char *out(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	poll(&p, 1, 0);
	return p.revents & POLLOUT ? "ready" : "not ready";
}

static const char *result(ssize_t n)
{
	return n < 0 ? error_name(errno) : "sent";
}

/* Datagrams until one does not fit, but not for ever: beyond the limit. */
static void fill(const char *what, int s, int most)
{
	int n = 0;

	while (n < most && send(s, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		n++;
	if (n == most)
		say("%s: no limit in number", what);
	else
		say("%s: limit%+d, then %s; for poll %s", what, n - limit, error_name(errno),
		    out(s));
}

static void attempt(const char *what, int s)
{
	const char *ready = out(s);

	say("%s: %s, then %s", what, ready, result(send(s, "x", 1, MSG_DONTWAIT)));
}

static int empty(int s)
{
	char c;
	int n = 0;

	while (recv(s, &c, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static void counts(void)
{
	int most = limit + 30, a = bound('a'), b = bound('b'), s = connected(-1, 'a'),
	    t = connected(-1, 'a'), p[2];
	struct sockaddr_un addr;
	socklen_t len = address(&addr, 'a');

	fill("one way", s, most);
	attempt("another sender", t);
	say("by name: %s", result(sendto(b, "y", 1, MSG_DONTWAIT, (void *)&addr, len)));
	say("by name: for poll %s", out(b));
	say("came: limit%+d", empty(a) - limit);
	say("ready again: %s %s", out(s), out(t));
	fill("one way, again", s, most);
	char c;
	recv(a, &c, 1, MSG_PEEK);
	attempt("looked at", s);
	recv(a, &c, 1, 0);
	attempt("taken", s);
	recv(a, &c, 0, 0);
	attempt("taken in part", s);
	empty(a);
	connected(a, 'b');
	connected(b, 'a');
	fill("each other", b, most);
	say("a stranger: %s", result(send(s, "x", 1, MSG_DONTWAIT)));
	close(s), close(t), close(a), close(b);

	a = bound('c');
	connected(a, 'c');
	fill("itself", a, most);
	close(a);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
	fill("pair", p[0], most);
	close(p[0]), close(p[1]);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
	fill("packets", p[0], most);
	close(p[0]), close(p[1]);
}

/* ---- what waits is woken ---- */

static int report[2];

/* A child that sends, polls or waits by epoll, and says what came of it. */
static pid_t waiting(int s, const char *how, int receiver)
{
	pid_t pid = must_fork();

	if (pid)
		return pid;
	close(receiver);
	if (!strcmp(how, "send")) {
		say("  send: %s", result(send(s, "w", 1, MSG_NOSIGNAL)));
	} else if (!strcmp(how, "poll")) {
		struct pollfd p = {.fd = s, .events = POLLOUT};

		say("  poll: %d", poll(&p, 1, -1));
	} else {
		struct epoll_event e = {.events = EPOLLOUT};
		int ep = epoll_create1(0);

		epoll_ctl(ep, EPOLL_CTL_ADD, s, &e);
		say("  epoll: %d", epoll_wait(ep, &e, 1, -1));
	}
	if (write(report[1], "r", 1) != 1)
		_exit(1);
	_exit(0);
}

static void still_waits(const char *what)
{
	struct pollfd p = {.fd = report[0], .events = POLLIN};

	if (poll(&p, 1, 30))
		say("%s: DID NOT WAIT", what);
}

static void ended(pid_t pid)
{
	char c;

	if (read(report[0], &c, 1) != 1)
		_exit(96);
	waitpid(pid, NULL, 0);
}

static void wakes(const char *how, const char *by)
{
	int a = bound('a'), b = bound('b'), s = connected(-1, 'a');
	pid_t pid;
	char c;

	fill("full", s, limit + 30);
	pid = waiting(s, how, a);
	still_waits(how);
	say("%s, %s", how, by);
	if (!strcmp(by, "read"))
		recv(a, &c, 1, 0);
	else if (!strcmp(by, "close"))
		close(a);
	else if (!strcmp(by, "another peer"))
		connected(s, 'b');
	else if (!strcmp(by, "no peer"))
		disconnect(s);
	ended(pid);
	close(s), close(a), close(b);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction act = {.sa_handler = on_alarm};
	int a = bound('a'), s = connected(-1, 'a'), status;
	pid_t pid;

	fill("full", s, limit + 30);
	pid = must_fork();
	if (!pid) {
		sigaction(SIGALRM, &act, NULL);
		struct itimerval often = {{0, 20000}, {0, 20000}};
		setitimer(ITIMER_REAL, &often, NULL);
		say("a signal: %s", result(send(s, "x", 1, 0)));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(a), close(s);
}

/* More senders than there is room for: all of them come through. */
static void crowd(void)
{
	int a = bound('a'), seen = 0, n = limit + 20;
	char c;

	for (int i = 0; i < n; i++)
		if (must_fork() == 0) {
			int s = connected(-1, 'a');

			for (int k = 0; k < 3; k++)
				if (send(s, "x", 1, 0) != 1)
					_exit(1);
			_exit(0);
		}
	while (seen < 3 * n && recv(a, &c, 1, 0) == 1)
		seen++;
	for (int status; wait(&status) > 0;)
		if (status)
			say("a sender failed");
	say("crowd: %s", seen == 3 * n ? "all came" : "NOT ALL");
	close(a);
}

/* ---- a peer is left ---- */

static int pending_error(int s)
{
	int err = -1;
	socklen_t n = sizeof(err);

	getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &n);
	return err;
}

static void leaves(const char *what, bool mutual, bool unread, char next)
{
	int a = bound('a'), b = bound('b'), c = bound('c');

	connected(a, 'b');
	if (mutual)
		connected(b, 'a');
	if (unread) {
		struct sockaddr_un addr;
		socklen_t len = address(&addr, 'a');
		sendto(b, "x", 1, 0, (void *)&addr, len);
	}
	if (next == '!')
		close(b);
	if (next == '-')
		say("%s: disconnect %d", what, disconnect(a));
	else if (next == '!')
		say("%s: send %s", what, result(send(a, "x", 1, 0)));
	else
		connected(a, next);
	say("%s: own error %d", what, pending_error(a));
	say("%s: peer's error %d", what, next == '!' ? 0 : pending_error(b));
	say("%s: %d to read", what, empty(a));
	close(a), close(b), close(c);
}

static void shut_down(void)
{
	int a = bound('a'), s = connected(-1, 'a');
	bool empty_ok = true;
	char c;

	fill("full", s, limit + 30);
	shutdown(a, SHUT_RD);
	say("shut: %s", result(send(s, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL)));
	for (int i = 0; i < limit + 1; i++)
		empty_ok &= recv(a, &c, 1, MSG_DONTWAIT) == 1;
	say("came: %s", empty_ok ? "all" : "not all");
	say("nothing left: %s", result(recv(a, &c, 1, MSG_DONTWAIT)));
	say("at the end: %zd", recv(a, &c, 1, 0));
	close(a), close(s);
}

int main(void)
{
	static const char *const hows[] = {"send", "poll", "epoll"};

	if (pipe(report))
		return 1;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	id = now.tv_sec * 1000000000 +
	     now.tv_nsec; /* abstract names belong to a network namespace */
	read_limit();
	counts();
	for (int i = 0; i < 3; i++) {
		wakes(hows[i], "read");
		wakes(hows[i], "close");
	}
	wakes("poll", "another peer");
	wakes("epoll", "no peer");
	interrupted();
	crowd();
	leaves("plain", false, false, 'c');
	leaves("plain, unread", false, true, 'c');
	leaves("mutual", true, false, 'c');
	leaves("mutual, unread", true, true, 'c');
	leaves("mutual, unread, same", true, true, 'b');
	leaves("mutual, unread, gone", true, true, '-');
	leaves("unread, dead", false, true, '!');
	shut_down();
	return 0;
}
