/* TCP on the loopback interface: tcp(7). */
#include "inet.h"

static char buf[4096];

static void unconnected(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	say_poll("new", s);
	say("state %d", tcp_state(s));
	NET(read(s, buf, 1));
	NET(send(s, buf, 1, MSG_NOSIGNAL));
	NET(accept(s, NULL, NULL));
	NET(shutdown(s, SHUT_RDWR));
	NET(shutdown(s, 3));
	say_address("own", &(union name){.in = own_name(s).in});
	NET(getpeername(s, &(struct sockaddr){0}, &(socklen_t){16}));
	close(s);
	NET(socket(AF_INET, SOCK_SEQPACKET, 0));
	NET(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	NET(socket(AF_INET, SOCK_STREAM, -1));
	NET(socket(AF_INET, 11, 0));
	NET(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}));
}

static void listening(void)
{
	int l = listener(1), s;
	union name n = own_name(l);

	say_poll("listener", l);
	say("state %d, accepts %d", tcp_state(l), option(l, SOL_SOCKET, SO_ACCEPTCONN));
	NET(read(l, buf, 1));
	NET(send(l, buf, 1, MSG_NOSIGNAL));
	NET(connect(l, &n.any, sizeof(n.in)));
	NET(ioctl(l, FIONREAD, buf));
	fcntl(l, F_SETFL, O_NONBLOCK);
	NET(accept(l, NULL, NULL));
	s = connected_to(l);
	say_poll("called", l);
	NET(listen(s, 1));
	NET(bind(s, &n.any, sizeof(n.in)));
	NET(connect(s, &n.any, sizeof(n.in)));
	NET(shutdown(l, SHUT_RD));
	say_poll("stopped", l);
	say_poll("not accepted", s);
	NET(read(s, buf, 1));
	NET(read(s, buf, 1));
	NET(accept(l, NULL, NULL));
	close(s), close(l);
	s = socket(AF_INET, SOCK_STREAM, 0);
	NET(listen(s, 1));
	TRUTH(port_of(s) != 0);
	close(s);
}

static void backlog(void)
{
	int l = listener(1), s[5];
	union name n = own_name(l);

	for (int i = 0; i < 5; i++) {
		s[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		NET(connect(s[i], &n.any, sizeof(n.in)));
		say_poll("caller", s[i]);
	}
	NET(connect(s[0], &n.any, sizeof(n.in)));
	NET(connect(s[0], &n.any, sizeof(n.in)));
	NET(connect(s[4], &n.any, sizeof(n.in)));
	NET(send(s[4], "x", 1, MSG_NOSIGNAL));
	NET(recv(s[4], buf, 1, 0));
	close(s[3]);
	close(l);
	say_poll("closed", s[0]);
	for (int i = 0; i < 5; i++)
		if (i != 3)
			close(s[i]);
}

static void refused(void)
{
	int l = listener(1), s;
	union name n = own_name(l);

	close(l);
	s = socket(AF_INET, SOCK_STREAM, 0);
	NET(connect(s, &n.any, sizeof(n.in)));
	say_poll("refused", s);
	NET(connect(s, &n.any, sizeof(n.in)));
	close(s);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	NET(connect(s, &n.any, sizeof(n.in)));
	say_poll("refused", s);
	NET(option(s, SOL_SOCKET, SO_ERROR));
	NET(option(s, SOL_SOCKET, SO_ERROR));
	say_poll("told", s);
	NET(send(s, "x", 1, MSG_NOSIGNAL));
	NET(recv(s, buf, 1, 0));
	close(s);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	NET(connect(s, &n.any, sizeof(n.in)));
	sleep_ms(10);
	NET(connect(s, &n.any, sizeof(n.in)));
	close(s);
	n = ip4("127.0.0.1", 0);
	n.any.sa_family = AF_INET6;
	s = socket(AF_INET, SOCK_STREAM, 0);
	NET(connect(s, &n.any, sizeof(n.in)));
	NET(connect(s, &n.any, 1));
	NET(connect(s, &n.any, 200));
	close(s);
}

/* ---- the end of a connection ---- */

static int c[2];

static void peer_closes(void)
{
	tcp_pair(c);
	close(c[1]);
	say_poll("peer closed", c[0]);
	say("state %d", tcp_state(c[0]));
	NET(read(c[0], buf, 1));
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	say_poll("reset", c[0]);
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	NET(read(c[0], buf, 1));
	NET(option(c[0], SOL_SOCKET, SO_ERROR));
	say("state %d", tcp_state(c[0]));
	NET(getpeername(c[0], &(struct sockaddr){0}, &(socklen_t){16}));
	close(c[0]);
}

static void unread(void)
{
	tcp_pair(c);
	NET(write(c[0], "abc", 3));
	NET(write(c[1], "defg", 4));
	close(c[1]);
	say_poll("reset", c[0]);
	NET(read(c[0], buf, 9));
	NET(read(c[0], buf, 9));
	NET(read(c[0], buf, 9));
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	close(c[0]);
	tcp_pair(c);
	NET(write(c[0], "abc", 3));
	close(c[1]);
	sleep_ms(10);
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	NET(read(c[0], buf, 9));
	close(c[0]);
}

static void half_closed(void)
{
	tcp_pair(c);
	NET(shutdown(c[0], SHUT_WR));
	say_poll("shut", c[0]);
	say_poll("its peer", c[1]);
	say("states %d %d", tcp_state(c[0]), tcp_state(c[1]));
	NET(send(c[0], "x", 1, MSG_NOSIGNAL));
	NET(read(c[1], buf, 1));
	NET(write(c[1], "hey", 3));
	say_poll("answered", c[0]);
	NET(read(c[0], buf, 9));
	NET(shutdown(c[1], SHUT_WR));
	say_poll("shut", c[0]);
	say_poll("shut", c[1]);
	NET(shutdown(c[0], SHUT_RD));
	NET(getpeername(c[0], &(struct sockaddr){0}, &(socklen_t){16}));
	close(c[0]), close(c[1]);

	tcp_pair(c);
	NET(shutdown(c[0], SHUT_RD));
	say_poll("not reading", c[0]);
	say_poll("its peer", c[1]);
	NET(read(c[0], buf, 1));
	NET(write(c[1], "abc", 3));
	sleep_ms(10);
	NET(read(c[0], buf, 9));
	NET(read(c[0], buf, 9));
	close(c[0]), close(c[1]);
}

static void hard_close(void)
{
	struct linger now = {1, 0};

	tcp_pair(c);
	setsockopt(c[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c[1]);
	say_poll("reset", c[0]);
	NET(read(c[0], buf, 1));
	close(c[0]);
	tcp_pair(c);
	NET(connect(c[1], &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
	say_poll("disconnected", c[0]);
	say("state %d", tcp_state(c[1]));
	NET(read(c[0], buf, 1));
	close(c[0]), close(c[1]);
}

static void broken_pipe(void)
{
	tcp_pair(c);
	shutdown(c[0], SHUT_WR);
	write(c[0], "x", 1);
}

/* ---- bytes ---- */

static void reading(void)
{
	int n = 0;
	char oob = 0;

	tcp_pair(c);
	NET(write(c[0], "abc", 3));
	NET(write(c[0], "def", 3));
	sleep_ms(10);
	NET(ioctl(c[1], FIONREAD, &n));
	say("%d to read", n);
	NET(recv(c[1], buf, 5, MSG_PEEK));
	say("%.5s", buf);
	NET(recv(c[1], buf, 2, MSG_TRUNC));
	NET(recv(c[1], buf, 9, 0));
	say("%.4s", buf);
	NET(recv(c[1], buf, 9, MSG_DONTWAIT));
	if (must_fork() == 0) {
		write(c[0], "12", 2);
		sleep_ms(20);
		write(c[0], "345", 3);
		_exit(0);
	}
	NET(recv(c[1], buf, 4, MSG_WAITALL));
	wait(NULL);
	NET(recv(c[1], buf, 4, 0));
	NET(send(c[0], buf, 0, 0));
	/* urgent data */
	NET(send(c[0], "ab", 2, 0));
	NET(send(c[0], "cd", 2, MSG_OOB));
	NET(send(c[0], "ef", 2, 0));
	say_poll("urgent", c[1]);
	NET(ioctl(c[1], SIOCATMARK, &n));
	say("at mark %d", n);
	NET(recv(c[1], buf, 100, 0));
	say("%.3s", buf);
	NET(ioctl(c[1], SIOCATMARK, &n));
	say("at mark %d", n);
	say_poll("at the mark", c[1]);
	NET(recv(c[1], &oob, 1, MSG_OOB));
	say("%c", oob);
	NET(recv(c[1], &oob, 1, MSG_OOB));
	say_poll("taken", c[1]);
	NET(recv(c[1], buf, 100, 0));
	say("%.2s", buf);
	NET(recv(c[1], &oob, 1, MSG_OOB));
	n = 1;
	setsockopt(c[1], SOL_SOCKET, SO_OOBINLINE, &n, sizeof(n));
	NET(send(c[0], "gh", 2, MSG_OOB));
	say_poll("inline", c[1]);
	NET(recv(c[1], buf, 100, 0));
	NET(recv(c[1], buf, 100, 0));
	NET(recv(c[1], &oob, 1, MSG_OOB));
	close(c[0]), close(c[1]);
}

static void urgent_state(void)
{
	int n = 0, mark = 0;

	sleep_ms(5);
	ioctl(c[1], FIONREAD, &n);
	ioctl(c[1], SIOCATMARK, &mark);
	say_poll("urgent", c[1]);
	say("%d to read, at mark %d", n, mark);
}

static void read_some(int flags)
{
	char got[10] = "";

	NET(recv(c[1], got, 9, flags));
	say("'%s'", got);
}

/* One urgent byte after another, the older one read or not, alone or behind others. */
static void urgent_again(int take_first, const char *before)
{
	tcp_pair(c);
	fcntl(c[1], F_SETFL, O_NONBLOCK);
	if (before[0])
		NET(send(c[0], before, strlen(before), 0));
	NET(send(c[0], "a", 1, MSG_OOB));
	urgent_state();
	if (take_first)
		read_some(MSG_OOB);
	NET(send(c[0], "b", 1, MSG_OOB));
	urgent_state();
	read_some(0);
	urgent_state();
	read_some(0);
	read_some(MSG_OOB);
	read_some(0);
	urgent_state();
	NET(send(c[0], "xyz", 3, 0));
	urgent_state();
	read_some(0);
	read_some(0);
	close(c[0]), close(c[1]);
}

/* SO_OOBINLINE is set, or reset, while the byte waits. */
static void inline_later(int on)
{
	tcp_pair(c);
	fcntl(c[1], F_SETFL, O_NONBLOCK);
	setsockopt(c[1], SOL_SOCKET, SO_OOBINLINE, &(int){!on}, sizeof(int));
	NET(send(c[0], "ab", 2, MSG_OOB));
	sleep_ms(5);
	setsockopt(c[1], SOL_SOCKET, SO_OOBINLINE, &(int){on}, sizeof(int));
	for (int i = 0; i < 3; i++)
		recv(c[1], buf, 9, 0);
	NET(send(c[0], "c", 1, 0));
	sleep_ms(5);
	read_some(0);
	read_some(0);
	close(c[0]), close(c[1]);
}

/* As much as there is room for, then all of it back. */
static void filling(void)
{
	static char big[100000];
	long sent = 0, got = 0, n;

	tcp_pair(c);
	fcntl(c[0], F_SETFL, O_NONBLOCK);
	while ((n = write(c[0], big, sizeof(big))) > 0)
		sent += n;
	say("full: %s", net_error(errno));
	say_poll("full", c[0]);
	TRUTH(sent > 100000);
	shutdown(c[0], SHUT_WR);
	while ((n = read(c[1], big, sizeof(big))) > 0)
		got += n;
	NET(n);
	TRUTH(got == sent);
	close(c[0]), close(c[1]);

	/* more than fits, to a reader that is slow to begin */
	tcp_pair(c);
	if (must_fork() == 0) {
		close(c[0]);
		sleep_ms(50);
		for (got = 0; (n = read(c[1], buf, sizeof(buf))) > 0; got += n)
			;
		say("the child got %ld", got);
		_exit(0);
	}
	close(c[1]);
	for (int i = 0; i < 100; i++)
		if (write(c[0], big, sizeof(big)) != (ssize_t)sizeof(big))
			say("short");
	close(c[0]);
	wait(NULL);
}

/* A reader that waits for more than the buffers hold, and a writer that waits for room. */
static void wait_all(int lowat)
{
	static char big[1 << 20];

	tcp_pair(c);
	if (must_fork() == 0) {
		close(c[1]);
		sleep_ms(10);
		if (write(c[0], big, sizeof(big)) != (ssize_t)sizeof(big))
			say("short");
		sleep_ms(10);
		_exit(0);
	}
	close(c[0]);
	setsockopt(c[1], SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	NET(recv(c[1], big, sizeof(big), MSG_WAITALL));
	NET(read(c[1], big, sizeof(big)));
	wait(NULL);
	close(c[1]);
}

int main(void)
{
	unconnected();
	listening();
	backlog();
	refused();
	peer_closes();
	unread();
	half_closed();
	hard_close();
	in_child("broken pipe", broken_pipe);
	reading();
	for (int taken = 0; taken < 2; taken++) {
		urgent_again(taken, "");
		urgent_again(taken, "12");
		inline_later(taken);
	}
	filling();
	wait_all(1);
	wait_all(10000);
	return 0;
}
