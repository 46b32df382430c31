/* How much fits into an AF_UNIX socket before a send would block: socket(7), SO_SNDBUF. */
#include "check.h"

#include <sys/socket.h>

static char bytes[220000];

/* Send messages of one size until none fits. */
static void fill(int type, int sndbuf, size_t size)
{
	socklen_t len = sizeof(sndbuf);
	long total = 0, sends = 0;
	int s[2], err;
	ssize_t n;

	socketpair(AF_UNIX, type, 0, s);
	if (sndbuf)
		setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	getsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &sndbuf, &len);
	while ((n = send(s[1], bytes, size, MSG_DONTWAIT)) > 0) {
		total += n;
		sends++;
	}
	err = errno;
	say("type %d, buffer %d, size %zu: %ld bytes, %ld sends, %s", type, sndbuf, size, total,
	    sends, err == EMSGSIZE ? "too long" : error_name(err));
	/* all of it comes out again, and then as much fits */
	while (total > 0 && (n = recv(s[0], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		total -= n;
	say("left %ld, again %zd", total, send(s[1], bytes, size, MSG_DONTWAIT));
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	static const int buffers[] = {0, 1, 2304, 2500, 4096, 20000, 100000};
	static const size_t sizes[] = {1,     100,   191,   192,   193,   700,   704,   705,
				       1728,  1729,  2240,  2241,  3776,  3777,  7000,  9000,
				       16064, 16065, 30000, 36544, 36545, 65536, 100001};

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t b = 0; b < sizeof(buffers) / sizeof(buffers[0]); b++)
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
				fill(types[t], buffers[b], sizes[i]);
	return 0;
}
