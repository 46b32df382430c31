/* epoll(7): EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT with them, sets in sets, sets that are polled. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static long control(int ep, int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u64 = 7};

	return epoll_ctl(ep, op, fd, &ev);
}

static void show(const char *what, int ep)
{
	struct epoll_event ev[4];
	int n = epoll_wait(ep, ev, 4, 0);

	if (n < 0)
		say("%s: %s", what, error_name(errno));
	else if (n == 0)
		say("%s: nothing", what);
	else
		say("%s: %d, %#x", what, n, ev[0].events);
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		say("write: %s", error_name(errno));
}

static void take(int fd, size_t n)
{
	char buf[128];

	if (read(fd, buf, n) < 0)
		say("read: %s", error_name(errno));
}

static void edges_of_stream(const char *what, int to, int from)
{
	int ep = epoll_create1(0);

	say("-- edges of a %s", what);
	RESULT(control(ep, EPOLL_CTL_ADD, from, EPOLLIN | EPOLLRDHUP | EPOLLET));
	show("empty", ep);
	put(to, "abc");
	show("first write", ep);
	show("not read", ep);
	put(to, "def");
	show("second write", ep);
	take(from, 1);
	show("partly read", ep);
	take(from, 100);
	show("all read", ep);
	put(to, "ghi");
	show("third write", ep);
	RESULT(control(ep, EPOLL_CTL_MOD, from, EPOLLIN | EPOLLET));
	show("armed again", ep);
	show("and again", ep);
	RESULT(control(ep, EPOLL_CTL_MOD, from, EPOLLIN | EPOLLET | EPOLLONESHOT));
	show("one shot", ep);
	put(to, "jkl");
	show("it was one", ep);
	RESULT(control(ep, EPOLL_CTL_MOD, from, EPOLLIN));
	show("level", ep);
	show("level, still", ep);
	close(to);
	show("other end closed", ep);
	close(from);
	close(ep);
}

/* Both directions of one descriptor: an edge of one shows all that it is ready for. */
static void both_directions(void)
{
	int s[2], ep = epoll_create1(0), out = epoll_create1(0);

	say("-- both directions");
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	control(ep, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLOUT | EPOLLET);
	control(out, EPOLL_CTL_ADD, s[0], EPOLLOUT | EPOLLET);
	show("at first", ep);
	show("at first, for room", out);
	show("nothing new", ep);
	put(s[1], "x");
	show("data", ep);
	show("data are no room", out);
	take(s[0], 1);
	show("read", ep);
	shutdown(s[1], SHUT_WR);
	show("half closed", ep);
	close(s[1]);
	show("closed", ep);
	show("closed, for room", out);
	close(s[0]);
	close(ep);
	close(out);
}

static void of_eventfd(void)
{
	int ep = epoll_create1(0), e = eventfd(0, EFD_NONBLOCK);
	uint64_t n = 1;

	say("-- an eventfd");
	control(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLET);
	for (int i = 0; i < 3; i++) {
		if (write(e, &n, 8) != 8)
			say("write");
		show("added", ep);
		show("nothing new", ep);
	}
	if (read(e, &n, 8) == 8)
		say("%llu", (unsigned long long)n);
	show("read", ep);
	close(e);
	close(ep);
}

static void flags(void)
{
	int p[2], ep = epoll_create1(0), other = epoll_create1(0);

	say("-- flags");
	pipe(p);
	RESULT(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
	RESULT(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE));
	RESULT(control(ep, EPOLL_CTL_ADD, other, EPOLLIN | EPOLLEXCLUSIVE));
	RESULT(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET));
	RESULT(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN));
	RESULT(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE));
	put(p[1], "x");
	show("exclusive", ep);
	show("once", ep);
	RESULT(control(ep, EPOLL_CTL_DEL, p[0], EPOLLEXCLUSIVE));
	RESULT(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLWAKEUP | 0x800));
	show("unknown bits", ep);
	RESULT(control(ep, EPOLL_CTL_MOD, p[0], 0));
	show("no bits", ep);
	close(p[1]);
	show("no bits, hung up", ep);
	RESULT(control(ep, EPOLL_CTL_ADD, ep, EPOLLIN));
	RESULT(control(p[0], EPOLL_CTL_ADD, ep, EPOLLIN));
	RESULT(control(ep, 9, p[0], EPOLLIN));
	RESULT(control(ep, EPOLL_CTL_MOD, other, EPOLLIN));
	close(p[0]);
	close(ep);
	close(other);
}

/* Several sets wait for one pipe: how many of their waiters a write wakes. */
#define WAITERS 6
static void exclusive_waiters(uint32_t how)
{
	int p[2], woken[2], n = 0;
	struct pollfd pfd;
	pid_t pid[WAITERS];
	char c;

	pipe(p);
	pipe(woken);
	for (int i = 0; i < WAITERS; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			struct epoll_event ev;
			int ep = epoll_create1(0);

			control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | how);
			put(woken[1], "r");
			if (epoll_wait(ep, &ev, 1, -1) == 1)
				put(woken[1], "w");
			pause();
		}
	}
	for (int i = 0; i < WAITERS; i++)
		take(woken[0], 1);
	usleep(200000); /* they wait */
	put(p[1], "x");
	pfd = (struct pollfd){.fd = woken[0], .events = POLLIN};
	while (poll(&pfd, 1, 500) == 1 && read(woken[0], &c, 1) == 1)
		n++;
	say("%s: %s", how ? "exclusive" : "shared", n == WAITERS ? "all" : n == 1 ? "one" : "some");
	for (int i = 0; i < WAITERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	close(p[0]);
	close(p[1]);
	close(woken[0]);
	close(woken[1]);
}

/* ---- sets in sets ---- */

static void say_polled(const char *what, int ep)
{
	struct pollfd p = {.fd = ep, .events = POLLIN | POLLOUT};
	int n = poll(&p, 1, 0);

	say("%s: poll gives %d, %#x", what, n, p.revents);
}

static void nested(uint32_t inner_how, uint32_t outer_how)
{
	int p[2], inner = epoll_create1(0), outer = epoll_create1(0);

	say("-- a set in a set%s%s", inner_how ? ", edges inside" : "",
	    outer_how ? ", edges outside" : "");
	pipe(p);
	RESULT(control(inner, EPOLL_CTL_ADD, p[0], EPOLLIN | inner_how));
	RESULT(control(outer, EPOLL_CTL_ADD, inner, EPOLLIN | outer_how));
	say_polled("empty", inner);
	show("empty", outer);
	put(p[1], "a");
	show("outer", outer);
	show("outer, again", outer);
	say_polled("inner", inner);
	say_polled("outer", outer);
	show("inner", inner);
	show("inner, again", inner);
	show("outer, afterwards", outer);
	put(p[1], "b");
	show("outer, second write", outer);
	take(p[0], 100);
	say_polled("read", inner);
	show("outer, read", outer);
	put(p[1], "c");
	show("outer, third write", outer);
	close(p[1]);
	close(p[0]);
	say_polled("closed", inner);
	show("outer, closed", outer);
	close(inner);
	show("inner closed", outer);
	close(outer);
}

static void loops(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0), chain[12];

	say("-- loops");
	RESULT(control(a, EPOLL_CTL_ADD, b, EPOLLIN));
	RESULT(control(b, EPOLL_CTL_ADD, c, EPOLLIN));
	RESULT(control(c, EPOLL_CTL_ADD, a, EPOLLIN));
	RESULT(control(b, EPOLL_CTL_ADD, a, EPOLLIN));
	RESULT(control(a, EPOLL_CTL_ADD, c, EPOLLIN));
	RESULT(control(a, EPOLL_CTL_ADD, c, EPOLLIN));
	RESULT(control(a, EPOLL_CTL_DEL, b, EPOLLIN));
	RESULT(control(c, EPOLL_CTL_ADD, a, EPOLLIN));
	RESULT(control(a, EPOLL_CTL_DEL, c, EPOLLIN));
	RESULT(control(c, EPOLL_CTL_ADD, a, EPOLLIN));
	close(a);
	close(b);
	close(c);
	for (int i = 0; i < 12; i++)
		chain[i] = epoll_create1(0);
	for (int i = 0; i < 3; i++)
		RESULT(control(chain[i], EPOLL_CTL_ADD, chain[i + 1], EPOLLIN));
	for (int i = 3; i < 11; i++) /* the last of them goes too deep */
		errno = 0, control(chain[i], EPOLL_CTL_ADD, chain[i + 1], EPOLLIN);
	say("a long chain: %s", error_name(errno));
	for (int i = 0; i < 12; i++)
		close(chain[i]);
}

/* A task that waits in an outer set is woken by what happens to a file of an inner one. */
static void woken_through(uint32_t how)
{
	struct gate ready = gate_make();
	int p[2], set[3];
	struct epoll_event ev;
	pid_t pid;

	pipe(p);
	for (int i = 0; i < 3; i++)
		set[i] = epoll_create1(0);
	control(set[0], EPOLL_CTL_ADD, set[1], EPOLLIN | how);
	control(set[1], EPOLL_CTL_ADD, set[2], EPOLLIN | how);
	control(set[2], EPOLL_CTL_ADD, p[0], EPOLLIN | how);
	for (int i = 0; i < 5; i++) {
		pid = must_fork();
		if (pid == 0) {
			struct pollfd pfd = {.fd = set[0], .events = POLLIN};

			gate_open(&ready);
			if (i % 2)
				_exit(poll(&pfd, 1, 20000) == 1 ? 0 : 1);
			_exit(epoll_wait(set[0], &ev, 1, 20000) == 1 ? 0 : 1);
		}
		gate_wait(&ready);
		usleep(50000);
		put(p[1], "x");
		reap("woken through two sets", pid);
		take(p[0], 1);
		while (epoll_wait(set[0], &ev, 1, 0) == 1)
			for (int j = 1; j < 3; j++)
				epoll_wait(set[j], &ev, 1, 0);
	}
	for (int i = 0; i < 3; i++)
		close(set[i]);
	close(p[0]);
	close(p[1]);
}

/* One event wakes the task that waits for the set, and the one that polls it. */
static void both_are_woken(void)
{
	int p[2], ep = epoll_create1(0), ended = 0;
	struct pollfd pfd = {.fd = ep, .events = POLLIN};
	struct epoll_event ev;

	pipe(p);
	control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
	for (int i = 0; i < 40; i++) {
		struct gate ready = gate_make();
		pid_t waits = must_fork(), polls;

		if (waits == 0) {
			gate_open(&ready);
			_exit(epoll_wait(ep, &ev, 1, 10000) != 1);
		}
		polls = must_fork();
		if (polls == 0) {
			gate_open(&ready);
			_exit(poll(&pfd, 1, 10000) != 1);
		}
		gate_wait(&ready);
		gate_wait(&ready);
		usleep(i * 100);
		put(p[1], "x");
		for (int j = 0; j < 2; j++) {
			int status;

			waitpid(j ? waits : polls, &status, 0);
			ended += status == 0;
		}
		take(p[0], 1);
	}
	say("both are woken: %d of 80", ended);
	close(ep);
	close(p[0]);
	close(p[1]);
}

static void with_a_timespec(void)
{
	struct timespec zero = {0, 0}, some = {0, 20000000}, bad = {0, 1000000000};
	int ep = epoll_create1(0);
	struct epoll_event ev;

	say("-- epoll_pwait2");
	RESULT(syscall(441, ep, &ev, 1, &zero, NULL, 0));
	RESULT(syscall(441, ep, &ev, 1, &some, NULL, 0));
	RESULT(syscall(441, ep, &ev, 1, &bad, NULL, 0));
	RESULT(syscall(441, ep, &ev, 0, &zero, NULL, 0));
	RESULT(syscall(441, ep, &ev, 1, (void *)8, NULL, 0));
	RESULT(syscall(441, ep, &ev, 1, &zero, &bad, 4));
	RESULT(syscall(441, 99, &ev, 1, &zero, NULL, 0));
	close(ep);
}

int main(void)
{
	int s[2];

	alarm(60);
	pipe(s);
	edges_of_stream("pipe", s[1], s[0]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	edges_of_stream("stream socket", s[1], s[0]);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
	edges_of_stream("packet socket", s[1], s[0]);
	both_directions();
	of_eventfd();
	flags();
	exclusive_waiters(0);
	exclusive_waiters(EPOLLEXCLUSIVE);
	nested(0, 0);
	nested(EPOLLET, 0);
	nested(0, EPOLLET);
	nested(EPOLLET, EPOLLET);
	loops();
	woken_through(0);
	woken_through(EPOLLET);
	both_are_woken();
	with_a_timespec();
	return 0;
}
