/* The options of sockets, and sending and receiving several messages: socket(7), recvmmsg(2). */
#include "check.h"

#include <grp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static int fds[2];

static void pair(int type)
{
	if (socketpair(AF_UNIX, type, 0, fds))
		_exit(1);
}

static void unpair(void)
{
	close(fds[0]), close(fds[1]);
}

static const struct {
	int name;
	const char *text;
	int value;
} numbers[] = {
#define NUMBER(name, value)        \
	{                          \
		name, #name, value \
	}
	NUMBER(SO_DEBUG, 0),       NUMBER(SO_REUSEADDR, 7),  NUMBER(SO_TYPE, 1),
	NUMBER(SO_ERROR, 1),       NUMBER(SO_DONTROUTE, 1),  NUMBER(SO_BROADCAST, 1),
	NUMBER(SO_SNDBUF, 20000),  NUMBER(SO_RCVBUF, 30000), NUMBER(SO_KEEPALIVE, -1),
	NUMBER(SO_OOBINLINE, 1),   NUMBER(SO_NO_CHECK, 1),   NUMBER(SO_PRIORITY, 6),
	NUMBER(SO_PASSCRED, 1),    NUMBER(SO_RCVLOWAT, 10),  NUMBER(SO_RCVLOWAT, 0),
	NUMBER(SO_RCVLOWAT, -1),   NUMBER(SO_SNDLOWAT, 10),  NUMBER(SO_TIMESTAMP, 1),
	NUMBER(SO_TIMESTAMPNS, 1), NUMBER(SO_ACCEPTCONN, 1), NUMBER(SO_PEERSEC, 1),
	NUMBER(SO_PASSSEC, 1),     NUMBER(SO_DOMAIN, 1),     NUMBER(SO_PROTOCOL, 1),
	NUMBER(SO_PEEK_OFF, 5),    NUMBER(SO_PEEK_OFF, -1),  NUMBER(SO_REUSEPORT, 1),
	NUMBER(SO_SNDBUF, 0),      NUMBER(SO_MARK, 3),       NUMBER(4711, 1),
#undef NUMBER
};

static void check_numbers(void)
{
	pair(SOCK_STREAM);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int value = numbers[i].value, name = numbers[i].name;
		socklen_t len = sizeof(value);
		char what[80];

		errno = 0;
		snprintf(what, sizeof(what), "set %s %d", numbers[i].text, value);
		say_result(what, setsockopt(fds[0], SOL_SOCKET, name, &value, len));
		value = -7;
		if (getsockopt(fds[0], SOL_SOCKET, name, &value, &len))
			say("get %s: %s", numbers[i].text, error_name(errno));
		else
			say("get %s: %d, %d bytes", numbers[i].text, value, (int)len);
	}
	unpair();
}

/* What only root may do. */
static void without_privilege(void)
{
	int one = 1, seven = 7, zero = 0;

	if (setuid(65534))
		_exit(1);
	pair(SOCK_STREAM);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_DEBUG, &one, sizeof(one)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_DEBUG, &zero, sizeof(zero)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_PRIORITY, &seven, sizeof(seven)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_MARK, &one, sizeof(one)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &one, sizeof(one)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUFFORCE, &one, sizeof(one)));
}

static void check_lengths(void)
{
	struct linger on = {1, 77}, got = {0, 0};
	int one = 1;
	socklen_t len;
	gid_t groups[64];

	pair(SOCK_STREAM);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &on, 4));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
	len = sizeof(got);
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_LINGER, &got, &len));
	say("linger %d %d, %u bytes", got.l_onoff, got.l_linger, len);
	on.l_onoff = 0;
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
	len = 4;
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_LINGER, &got, &len));
	say("linger %d, %u bytes", got.l_onoff, len);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, &one, 3));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, &one, -1));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &on, 8));
	RESULT(setsockopt(fds[0], 4712, 1, &one, 4));
	RESULT(getsockopt(fds[0], 4712, 1, &one, &len));
	len = 2;
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_TYPE, &one, &len));
	say("%u bytes", len);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &(int){400000}, 4));
	len = 4;
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &one, &len));
	say("send buffer %d", one);
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &one, &len));
	len = sizeof(groups);
	WHETHER(getsockopt(fds[0], SOL_SOCKET, SO_PEERGROUPS, groups, &len));
	TRUTH((int)(len / sizeof(gid_t)) == getgroups(64, groups));
	unpair();
}

static void check_groups(void)
{
	gid_t set[3] = {7, 8, 9}, got[3] = {0};
	socklen_t len = 8;
	int lone = socket(AF_UNIX, SOCK_STREAM, 0);

	RESULT(setgroups(3, set));
	pair(SOCK_STREAM);
	RESULT(setgroups(0, NULL));
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_PEERGROUPS, got, &len));
	say("%u bytes", len);
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_PEERGROUPS, got, &len));
	say("%u bytes: %u %u %u", len, got[0], got[1], got[2]);
	RESULT(getsockopt(lone, SOL_SOCKET, SO_PEERGROUPS, got, &len));
	unpair();
	close(lone);
}

/* ---- time-outs ---- */

static long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void timed(const char *what, long result, long since)
{
	long ms = ms_now() - since;
	int err = errno;

	say("%s: %s, %s", what, result < 0 ? error_name(err) : "ok",
	    ms < 90     ? "at once"
	    : ms < 5000 ? "in time"
			: "late");
}
#define TIMED(call)                        \
	do {                               \
		long start = ms_now();     \
		timed(#call, call, start); \
	} while (0)

static void on_alarm(int sig)
{
	(void)sig;
}

static void check_timeouts(void)
{
	struct timeval tv = {0, 100000}, bad = {0, 1000000}, negative = {-1, 0}, got;
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	static char buf[300000];
	socklen_t len = sizeof(got);
	int l, c;

	pair(SOCK_STREAM);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	RESULT(getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	say("%ld.%06ld, %u bytes", (long)got.tv_sec, (long)got.tv_usec, len);
	TIMED(read(fds[0], buf, 1));
	TIMED(recv(fds[0], buf, 1, MSG_DONTWAIT));
	TIMED(write(fds[0], buf, sizeof(buf)));
	TIMED(write(fds[0], buf, sizeof(buf)));
	write(fds[1], "abc", 3);
	TIMED(recv(fds[0], buf, 10, MSG_WAITALL));
	/* a call with a time-out is not restarted */
	tv.tv_sec = 30;
	sigaction(SIGALRM, &sa, NULL);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 100000}}, NULL);
	TIMED(read(fds[0], buf, 1));
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &negative, sizeof(negative)));
	TIMED(read(fds[0], buf, 1));
	unpair();

	pair(SOCK_DGRAM);
	tv.tv_sec = 0;
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	TIMED(read(fds[0], buf, 1));
	unpair();

	l = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(l, (void *)&name, sizeof(sa_family_t));
	len = sizeof(name);
	getsockname(l, (void *)&name, &len);
	RESULT(listen(l, 0));
	RESULT(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	TIMED(accept(l, NULL, NULL));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	RESULT(connect(c, (void *)&name, len));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	RESULT(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	TIMED(connect(c, (void *)&name, len));
	close(c), close(l);
}

/* ---- what options do ---- */

static void check_low_mark(void)
{
	char buf[10];
	int four = 4;

	pair(SOCK_STREAM);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_RCVLOWAT, &four, sizeof(four)));
	write(fds[1], "ab", 2);
	if (must_fork() == 0) {
		sleep_ms(100);
		write(fds[1], "cdef", 4);
		_exit(0);
	}
	RESULT(read(fds[0], buf, 10));
	wait(NULL);
	write(fds[1], "gh", 2);
	RESULT(read(fds[0], buf, 2));
	unpair();
}

static void check_peek_off(void)
{
	char buf[10] = "";
	int zero = 0;

	pair(SOCK_STREAM);
	write(fds[1], "abcd", 4);
	write(fds[1], "efgh", 4);
	RESULT(recv(fds[0], buf, 6, MSG_PEEK));
	say("%.6s", buf);
	RESULT(setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)));
	RESULT(recv(fds[0], buf, 3, MSG_PEEK));
	say("%.3s", buf);
	RESULT(recv(fds[0], buf, 3, MSG_PEEK));
	say("%.3s", buf);
	RESULT(recv(fds[0], buf, 4, 0));
	say("%.4s", buf);
	RESULT(recv(fds[0], buf, 9, MSG_PEEK));
	say("%.2s", buf);
	RESULT(recv(fds[0], buf, 9, MSG_PEEK | MSG_DONTWAIT));
	unpair();
}

static void check_timestamp(void)
{
	char data[8], control[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
	int one = 1, names[] = {SO_TIMESTAMP, SO_TIMESTAMPNS};

	for (int i = 0; i < 2; i++) {
		struct cmsghdr *h;

		pair(SOCK_DGRAM);
		RESULT(setsockopt(fds[0], SOL_SOCKET, names[i], &one, sizeof(one)));
		write(fds[1], "x", 1);
		m.msg_controllen = sizeof(control);
		RESULT(recvmsg(fds[0], &m, 0));
		h = CMSG_FIRSTHDR(&m);
		if (h) {
			long sec;

			memcpy(&sec, CMSG_DATA(h), sizeof(sec));
			say("level %d type %d len %d", h->cmsg_level, h->cmsg_type,
			    (int)h->cmsg_len);
			TRUTH(time(NULL) - sec < 100);
		}
		unpair();
	}
}

static void check_many(void)
{
	struct mmsghdr m[3] = {0};
	struct iovec iov[3];
	char data[3][8] = {"one", "three", "seven"};
	struct timespec ts = {0, 50000000};

	pair(SOCK_DGRAM);
	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){data[i], strlen(data[i])};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	RESULT(sendmmsg(fds[0], m, 3, 0));
	say("lengths %u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	for (int i = 0; i < 3; i++)
		iov[i].iov_len = 4;
	RESULT(recvmmsg(fds[1], m, 2, 0, NULL));
	say("%u %.3s %u %.4s flags %x", m[0].msg_len, data[0], m[1].msg_len, data[1],
	    m[1].msg_hdr.msg_flags);
	RESULT(recvmmsg(fds[1], m, 3, MSG_WAITFORONE, NULL));
	say("%u %.4s", m[0].msg_len, data[0]);
	RESULT(recvmmsg(fds[1], m, 3, MSG_DONTWAIT, NULL));
	RESULT(sendmmsg(fds[0], m, 2, 0));
	RESULT(recvmmsg(fds[1], m, 3, MSG_DONTWAIT, &ts));
	ts.tv_nsec = 2000000000;
	RESULT(recvmmsg(fds[1], m, 3, MSG_DONTWAIT, &ts));
	RESULT(sendmmsg(fds[0], (void *)8, 2, 0));
	RESULT(sendmmsg(-1, m, 2, 0));
	RESULT(sendmmsg(1, m, 2, 0));
	RESULT(sendmmsg(fds[0], m, 0, 0));
	close(fds[1]);
	RESULT(sendmmsg(fds[0], m, 2, 0));
	close(fds[0]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_numbers();
	in_child("nobody", without_privilege);
	check_lengths();
	check_groups();
	check_timeouts();
	check_low_mark();
	check_peek_off();
	check_timestamp();
	check_many();
	return 0;
}
