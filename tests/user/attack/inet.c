/* An ordinary user wears out TCP and UDP: connections never accepted, ends that race each
 * other, ports, options with wild values, unread bytes of closed sockets. */
#include "attack.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define RACERS 4
#define ROUNDS 150

static struct sockaddr_in server;

static int open_listener(int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(server);

	server = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	MUST(bind(fd, (void *)&server, sizeof(server)));
	MUST(listen(fd, backlog));
	MUST(getsockname(fd, (void *)&server, &len));
	return fd;
}

static void rights(void)
{
	struct sockaddr_in low = server;
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	low.sin_port = htons(80);
	RESULT(bind(fd, (void *)&low, sizeof(low)));
	RESULT(setsockopt(fd, SOL_SOCKET, SO_MARK, &one, sizeof(one)));
	RESULT(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &one, sizeof(one)));
	close(fd);
}

/* One step of a client: whatever comes of it, the kernel stays whole. */
static void step(unsigned int n)
{
	static char data[20000];
	int fd = socket(AF_INET, SOCK_STREAM | (n & 1 ? SOCK_NONBLOCK : 0), 0);
	struct linger hard = {1, 0};
	struct timeval tv = {0, 20000};

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	connect(fd, (void *)&server, sizeof(server));
	if (n & 2)
		send(fd, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n & 4)
		send(fd, "u", 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n & 8)
		shutdown(fd, (int)(n >> 4 & 1));
	if (n & 32)
		connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
	if (n & 64)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (n & 128)
		listen(fd, 1);
	recv(fd, data, 10, MSG_DONTWAIT | (n & 256 ? MSG_PEEK : 0));
	close(fd);
}

static void server_step(int l, unsigned int n)
{
	char data[1000];
	int fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (n & 1)
		recv(fd, data, sizeof(data), n & 2 ? MSG_OOB : 0);
	if (n & 4)
		send(fd, data, sizeof(data), MSG_NOSIGNAL);
	if (n & 8)
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

/* Clients and servers race; at times the listener itself is closed and opened again. */
static void races(void)
{
	for (int round = 0; round < 3; round++) {
		int l = open_listener(round ? 1 : 50);

		fcntl(l, F_SETFL, O_NONBLOCK);
		for (int r = 0; r < RACERS; r++)
			if (must_fork() == 0) {
				for (unsigned int i = 0; i < ROUNDS; i++)
					if (r & 1)
						step(i * 7919 + (unsigned int)r);
					else
						server_step(l, i);
				_exit(0);
			}
		if (round == 2) {
			sleep_ms(20);
			shutdown(l, SHUT_RD);
		}
		close(l);
		for (int r = 0; r < RACERS; r++)
			wait(NULL);
	}
	say("the races are over");
}

/* Sockets that all threads use at once, each as a caller and as a listener. */
#define SHARED 3
static int shared[SHARED];
static struct sockaddr_in names[SHARED];
static volatile bool stop;

static void shared_step(unsigned int n)
{
	struct sockaddr_in *to = &names[n / 8 % SHARED];
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = shared[n / 64 % SHARED], got;
	char byte = 0;

	switch (n % 8) {
	case 0:
	case 1:
	case 2:
		connect(fd, (void *)to, sizeof(*to));
		break;
	case 3:
		connect(fd, &none, sizeof(none));
		break;
	case 4:
		listen(fd, (int)(n / 512 % 2));
		break;
	case 5:
		got = accept(fd, NULL, NULL);
		if (got >= 0)
			close(got);
		break;
	case 6:
		send(fd, &byte, 1, MSG_NOSIGNAL | (n & 512 ? MSG_OOB : 0));
		recv(fd, &byte, 1, n & 1024 ? MSG_OOB : 0);
		break;
	default:
		shutdown(fd, (int)(n / 512 % 3));
	}
}

static void *share(void *arg)
{
	unsigned int n = (unsigned int)(long)arg;

	while (!stop) {
		n = n * 1664525 + 1013904223;
		shared_step(n >> 8);
	}
	return NULL;
}

/* Each socket is bound, so that it can be called whenever it happens to listen. */
static void one_descriptor(void)
{
	pthread_t threads[RACERS];
	socklen_t len = sizeof(names[0]);

	for (int i = 0; i < SHARED; i++) {
		shared[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		names[i] = (struct sockaddr_in){.sin_family = AF_INET,
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		MUST(bind(shared[i], (void *)&names[i], sizeof(names[i])));
		MUST(getsockname(shared[i], (void *)&names[i], &len));
	}
	for (long r = 0; r < RACERS; r++)
		pthread_create(&threads[r], NULL, share, (void *)r);
	sleep_ms(1000);
	for (int i = 0; i < SHARED; i++) /* while they are used */
		close(shared[i]);
	sleep_ms(20);
	stop = true;
	for (int r = 0; r < RACERS; r++)
		pthread_join(threads[r], NULL);
	say("the threads are done");
}

/* Bytes in connections that are never accepted, whose other end is closed. */
static void unread(void)
{
	static char data[100000];
	int l = open_listener(4096), sent = 0;

	for (int i = 0; i < 200; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(fd, (void *)&server, sizeof(server));
		sent += send(fd, data, sizeof(data), MSG_NOSIGNAL) > 0;
		close(fd);
	}
	say("%s", sent ? "sent" : "nothing was sent");
	close(l);
}

/* Options of all levels, with values of all kinds. */
static void options(void)
{
	static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6,
				     IPPROTO_UDP};
	static const int values[] = {0, 1, -1, 0x7fffffff, (int)0x80000000};
	int fds[3] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_DGRAM, 0),
		      socket(AF_UNIX, SOCK_STREAM, 0)};
	char room[300];

	for (unsigned int f = 0; f < 3; f++)
		for (unsigned int l = 0; l < 5; l++)
			for (int name = 0; name < 90; name++)
				for (unsigned int v = 0; v < 5; v++) {
					long many[16] = {values[v], values[v], values[v]};
					socklen_t len = sizeof(room);

					setsockopt(fds[f], levels[l], name, &values[v],
						   sizeof(int));
					setsockopt(fds[f], levels[l], name, many, sizeof(many));
					setsockopt(fds[f], levels[l], name, many, v);
					setsockopt(fds[f], levels[l], name, (void *)8, 16);
					getsockopt(fds[f], levels[l], name, room, &len);
					len = v;
					getsockopt(fds[f], levels[l], name, room, &len);
				}
	say("the options are set");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* Requests with wild lengths. */
static void netlink(void)
{
	struct {
		struct nlmsghdr h;
		char more[100];
	} m = {.h = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	char room[8192];

	for (unsigned int len = 0; len < 200; len++)
		for (int type = 14; type < 32; type++) {
			m.h.nlmsg_len = len % 3 ? len : 0xfffffff0 + len;
			m.h.nlmsg_type = (unsigned short)type;
			send(fd, &m, len % 100, 0);
			while (recv(fd, room, sizeof(room), MSG_DONTWAIT) > 0)
				;
		}
	say("the requests are answered");
	close(fd);
}

static void attack(void)
{
	signal(SIGPIPE, SIG_IGN);
	close(open_listener(1));
	rights();
	races();
	one_descriptor();
	unread();
	options();
	netlink();
}

int main(void)
{
	as_id("attack", USER, attack);
	return 0;
}
