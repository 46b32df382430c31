/* epoll(7): many sets, many items, and many threads at one set. */
#include "threads.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define MANY 3000 /* wake-ups go in batches, which this exceeds by far */

static int control(int ep, int op, int fd, uint32_t events, uint32_t data)
{
	struct epoll_event ev = {.events = events, .data.u32 = data};

	return epoll_ctl(ep, op, fd, &ev);
}

static int ready_in(int ep)
{
	struct epoll_event ev[16];

	return epoll_wait(ep, ev, 16, 0);
}

/* One file in many sets, and many descriptors of one file in one set. */
static void check_many_items(void)
{
	static struct epoll_event ev[MANY + 1];
	struct rlimit room = {MANY + 100, MANY + 100};
	int sets[20], p[2], first = -1, n = 0;

	setrlimit(RLIMIT_NOFILE, &room);
	pipe(p);
	for (int i = 0; i < 20; i++) {
		sets[i] = epoll_create1(0);
		n += control(sets[i], EPOLL_CTL_ADD, p[0], EPOLLIN, i) == 0;
	}
	say("in %d sets", n);
	for (n = 0; n < MANY; n++) {
		int fd = dup(p[0]);

		first = first < 0 ? fd : first;
		if (control(sets[0], EPOLL_CTL_ADD, fd, EPOLLIN, fd))
			break;
	}
	say("%d descriptors; none ready: %d", n, ready_in(sets[0]));
	write(p[1], "x", 1);
	say("all ready: %d", epoll_wait(sets[0], ev, MANY + 1, -1));
	n = 0;
	for (int i = 0; i < 20; i++)
		n += ready_in(sets[i]);
	say("in the sets: %d", n);
	RESULT(control(sets[0], EPOLL_CTL_DEL, first + 7, 0, 0));
	RESULT(control(sets[0], EPOLL_CTL_DEL, first + 7, 0, 0));
	RESULT(control(sets[0], EPOLL_CTL_ADD, first + 8, EPOLLIN, 0));
	say("one less: %d", epoll_wait(sets[0], ev, MANY + 1, -1));
	close(sets[1]);
	close(sets[2]);
	close(p[0]); /* its duplicates keep the opening, and so all items */
	say("still: %d %d", epoll_wait(sets[0], ev, MANY + 1, 0), ready_in(sets[3]));
	for (int i = 0; i < MANY; i++)
		close(first + i);
	say("gone: %d %d", epoll_wait(sets[0], ev, MANY + 1, 0), ready_in(sets[3]));
}

/* A descriptor that is used again is another file's: the old item stays while its file is open. */
static void check_descriptor_reuse(void)
{
	int ep = epoll_create1(0), p[2], q[2], copy, old;

	pipe(p);
	pipe(q);
	copy = dup(p[0]);
	old = p[0];
	control(ep, EPOLL_CTL_ADD, old, EPOLLIN, 1);
	dup2(q[0], old);
	RESULT(control(ep, EPOLL_CTL_MOD, old, EPOLLIN, 2));
	RESULT(control(ep, EPOLL_CTL_ADD, old, EPOLLIN, 3));
	RESULT(control(ep, EPOLL_CTL_MOD, copy, EPOLLIN, 4));
	write(p[1], "x", 1);
	say("the old one: %d", ready_in(ep));
	write(q[1], "x", 1);
	say("both: %d", ready_in(ep));
	close(copy);
	say("the new one: %d", ready_in(ep));
	if (fork() == 0) {
		close(old);
		close(q[0]);
		_exit(0);
	}
	wait(NULL);
	say("closed in a child only: %d", ready_in(ep));
}

/* What is told goes behind what else is ready, one at a time. */
static void check_turns(void)
{
	int ep = epoll_create1(0), e[3];
	struct epoll_event ev;
	char order[16] = "";

	for (int i = 0; i < 3; i++) {
		e[i] = eventfd(0, 0);
		control(ep, EPOLL_CTL_ADD, e[i], EPOLLIN, i);
	}
	for (int i = 2; i >= 0; i--)
		write(e[i], &(uint64_t){1}, 8);
	for (int i = 0; i < 7; i++) {
		epoll_wait(ep, &ev, 1, 0);
		order[i] = (char)('0' + ev.data.u32);
	}
	say("one at a time: %s", order);
}

static void check_modify(void)
{
	struct epoll_event *volatile nowhere = (void *)8;
	int ep = epoll_create1(0), s[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	RESULT(control(ep, EPOLL_CTL_ADD, s[0], 0, 0));
	say("no events: %d", ready_in(ep));
	RESULT(control(ep, EPOLL_CTL_MOD, s[0], EPOLLOUT, 0));
	say("room: %d", ready_in(ep));
	RESULT(control(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLONESHOT, 0));
	say("nothing to read: %d", ready_in(ep));
	write(s[1], "x", 1);
	say("once: %d", ready_in(ep));
	say("and not again: %d", ready_in(ep));
	write(s[1], "x", 1);
	close(s[1]);
	say("off, even for a hang-up: %d", ready_in(ep));
	RESULT(control(ep, EPOLL_CTL_MOD, s[0], EPOLLONESHOT, 0));
	say("hang-up, once: %d", ready_in(ep));
	say("and not again: %d", ready_in(ep));
	RESULT(epoll_wait(ep, nowhere, 1, 0));
	RESULT(control(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLONESHOT, 0));
	RESULT(epoll_wait(ep, nowhere, 1, 0));
	say("what could not be told is told later: %d", ready_in(ep));
}

/* ---- threads ---- */

#define THREADS 8
#define EVENTS  400

static int shared_set, source;

/* Each takes events, one read each, until the source says stop. The number it took. */
static void *consumer(void *unused)
{
	struct epoll_event ev;
	uint64_t value;
	long n = 0;

	(void)unused;
	while (epoll_wait(shared_set, &ev, 1, -1) == 1) {
		if (ev.data.u32 == 1)
			return (void *)n;
		n += read(source, &value, 8) == 8;
	}
	return (void *)-1L;
}

/* Every event is had by one thread, and no thread sleeps while there is one. */
static void check_sharing(void)
{
	pthread_t threads[THREADS];
	int stop = eventfd(0, 0);
	long sum = 0;

	source = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	shared_set = epoll_create1(0);
	control(shared_set, EPOLL_CTL_ADD, source, EPOLLIN, 0);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(consumer, NULL);
	for (int i = 0; i < EVENTS; i++)
		write(source, &(uint64_t){1}, 8);
	while (ready_in(shared_set))
		sched_yield();
	control(shared_set, EPOLL_CTL_ADD, stop, EPOLLIN, 1);
	write(stop, &(uint64_t){1}, 8); /* ends all: it stays ready */
	for (int i = 0; i < THREADS; i++)
		sum += join(threads[i]);
	say("%ld events taken", sum);
}

/* Files and sets come and go under those who wait for them. */
static int turning, churn_sets[4];

/* Another set under the same number: the old one ends. */
static void renew(int fd)
{
	int fresh = epoll_create1(0);

	dup2(fresh, fd);
	close(fresh);
}

static void *churner(void *arg)
{
	unsigned seed = (unsigned)(long)arg;

	for (int i = 0; i < 3000; i++) {
		int set = churn_sets[rand_r(&seed) % 4], p[2];

		if (pipe(p))
			continue;
		control(set, EPOLL_CTL_ADD, p[0], EPOLLIN, 0);
		control(churn_sets[rand_r(&seed) % 4], EPOLL_CTL_ADD, p[1], EPOLLOUT, 0);
		write(p[1], "x", 1);
		if (rand_r(&seed) % 2)
			control(set, EPOLL_CTL_DEL, p[0], 0, 0);
		if (rand_r(&seed) % 16 == 0)
			renew(churn_sets[rand_r(&seed) % 4]);
		close(p[rand_r(&seed) % 2]);
		ready_in(set);
		close(p[0]);
		close(p[1]);
	}
	return NULL;
}

static void *waiter(void *unused)
{
	struct epoll_event ev[4];

	(void)unused;
	while (__atomic_load_n(&turning, __ATOMIC_RELAXED))
		for (int i = 0; i < 4; i++)
			epoll_wait(churn_sets[i], ev, 4, 1);
	return NULL;
}

static void check_churn(void)
{
	pthread_t churners[3], waiters[2];

	turning = 1;
	for (int i = 0; i < 4; i++)
		churn_sets[i] = epoll_create1(0);
	for (long i = 0; i < 3; i++)
		churners[i] = start(churner, (void *)(i + 1));
	for (int i = 0; i < 2; i++)
		waiters[i] = start(waiter, NULL);
	for (int i = 0; i < 3; i++)
		join(churners[i]);
	turning = 0;
	for (int i = 0; i < 2; i++)
		join(waiters[i]);
	say("came and went");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	in_child("many items", check_many_items);
	in_child("reuse", check_descriptor_reuse);
	in_child("turns", check_turns);
	in_child("modify", check_modify);
	in_child("sharing", check_sharing);
	in_child("churn", check_churn);
	return 0;
}
