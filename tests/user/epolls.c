/* epoll(7), level-triggered. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int ep;

static long control(int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};

	return epoll_ctl(ep, op, fd, &ev);
}

static void show(const char *what, int max)
{
	struct epoll_event ev[8];
	uint32_t seen[16] = {0};
	int n = epoll_wait(ep, ev, max, 0);
	char text[128] = "";

	for (int i = 0; i < n; i++)
		seen[ev[i].data.u64 % 16] = ev[i].events;
	for (int i = 0; i < 16; i++)
		if (seen[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %d:%x", i,
				 seen[i]);
	say("%s: %d%s", what, n, n < 0 ? error_name(errno) : text);
}

static void check_set(void)
{
	int p[2], e = eventfd(0, EFD_NONBLOCK), copy;
	uint64_t one = 1;

	pipe(p);
	RESULT(control(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	RESULT(control(EPOLL_CTL_ADD, p[1], EPOLLOUT, 2));
	RESULT(control(EPOLL_CTL_ADD, e, EPOLLIN, 3));
	RESULT(control(EPOLL_CTL_ADD, e, EPOLLIN, 3));
	show("room", 8);
	write(p[1], "x", 1);
	write(e, &one, 8);
	show("all", 8);
	show("all, still", 8);
	say("two at most: %d", epoll_wait(ep, (struct epoll_event[2]){{0}}, 2, 0));
	RESULT(control(EPOLL_CTL_MOD, e, EPOLLIN | EPOLLOUT | EPOLLONESHOT, 4));
	show("one-shot", 8);
	show("and off", 8);
	RESULT(control(EPOLL_CTL_MOD, e, EPOLLIN, 5));
	show("on again", 8);
	RESULT(control(EPOLL_CTL_DEL, p[1], 0, 0));
	RESULT(control(EPOLL_CTL_DEL, p[1], 0, 0));
	RESULT(control(EPOLL_CTL_MOD, p[1], EPOLLIN, 0));
	close(p[1]);
	show("hung up", 8);
	copy = dup(p[0]);
	close(p[0]);
	show("there is another", 8); /* the opening lives on */
	close(copy);
	show("gone", 8);
	close(e);
	show("none", 8);
}

static void nothing(int sig)
{
	(void)sig;
}

static void check_waiting(void)
{
	struct epoll_event ev;
	struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	struct gate ready = gate_make();
	int p[2];
	pid_t pid;

	pipe(p);
	RESULT(epoll_wait(ep, &ev, 1, 10));
	control(EPOLL_CTL_ADD, p[0], EPOLLIN, 7);
	RESULT(epoll_wait(ep, &ev, 1, 10));
	pid = must_fork();
	if (pid == 0) {
		gate_wait(&ready);
		sleep_ms(20);
		write(p[1], "x", 1);
		_exit(0);
	}
	gate_open(&ready);
	RESULT(epoll_wait(ep, &ev, 1, -1));
	say("%x %d", ev.events, (int)ev.data.u64);
	reap("writer", pid);
	control(EPOLL_CTL_DEL, p[0], 0, 0);
	pid = must_fork(); /* what is added while somebody waits, counts */
	if (pid == 0) {
		sleep_ms(20);
		_exit(control(EPOLL_CTL_ADD, p[0], EPOLLIN, 8) ? 1 : 0);
	}
	RESULT(epoll_wait(ep, &ev, 1, -1));
	say("%x %d", ev.events, (int)ev.data.u64);
	reap("adder", pid);
	control(EPOLL_CTL_DEL, p[0], 0, 0);
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	RESULT(epoll_wait(ep, &ev, 1, -1));
	close(p[0]), close(p[1]);
}

/* A wait does not keep a file open whose last descriptor is closed meanwhile. */
static void check_close_while_waiting(void)
{
	struct epoll_event ev;
	int p[2];
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	control(EPOLL_CTL_ADD, p[1], EPOLLPRI, 1);
	pid = must_fork();
	if (pid == 0) {
		struct pollfd peer = {.fd = p[0], .events = POLLIN};

		sleep_ms(50); /* the parent has closed its own, and waits */
		close(p[1]);
		_exit(poll(&peer, 1, 500));
	}
	close(p[0]), close(p[1]);
	RESULT(epoll_wait(ep, &ev, 1, 1000));
	reap("peer", pid);
}

static void check_errors(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int file = open("/proc/self/exe", O_RDONLY);

	RESULT(epoll_create(0));
	RESULT(epoll_create1(1));
	RESULT(control(EPOLL_CTL_ADD, file, EPOLLIN, 0));
	RESULT(control(EPOLL_CTL_ADD, 99, EPOLLIN, 0));
	RESULT(control(EPOLL_CTL_ADD, ep, EPOLLIN, 0));
	RESULT(control(9, 1, EPOLLIN, 0));
	RESULT(epoll_ctl(1, EPOLL_CTL_ADD, file, &ev));
	RESULT(epoll_ctl(99, EPOLL_CTL_ADD, 1, &ev));
	RESULT(epoll_wait(ep, &ev, 0, 0));
	RESULT(epoll_wait(ep, &ev, -1, 0));
	RESULT(epoll_wait(1, &ev, 1, 0));
	RESULT(epoll_wait(99, &ev, 1, 0));
	RESULT(read(ep, &ev, 1));
}

int main(void)
{
	ep = epoll_create1(EPOLL_CLOEXEC);
	say("cloexec %d", fcntl(ep, F_GETFD));
	check_set();
	check_waiting();
	check_close_while_waiting();
	check_errors();
	return 0;
}
