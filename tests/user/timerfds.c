/* timerfd_create(2): times out once and again, absolute and relative, read and polled. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define MS 1000000L

static long set(int fd, int flags, long value_ms, long interval_ms)
{
	struct itimerspec its = {
		.it_value = {value_ms / 1000, value_ms % 1000 * MS},
		.it_interval = {interval_ms / 1000, interval_ms % 1000 * MS},
	};

	return timerfd_settime(fd, flags, &its, NULL);
}

static void say_setting(const char *what, int fd)
{
	struct itimerspec its;

	if (timerfd_gettime(fd, &its))
		say("%s: %s", what, error_name(errno));
	else
		say("%s: %s, interval %ld.%09ld", what,
		    its.it_value.tv_sec || its.it_value.tv_nsec ? "armed" : "not armed",
		    (long)its.it_interval.tv_sec, its.it_interval.tv_nsec);
}

static void say_ticks(const char *what, int fd)
{
	unsigned long ticks = 99;
	ssize_t n = read(fd, &ticks, sizeof(ticks));

	if (n == sizeof(ticks))
		say("%s: %s", what, ticks == 1 ? "once" : "often");
	else
		say("%s: %s", what, n < 0 ? error_name(errno) : "short");
}

static void errors(void)
{
	struct itimerspec its = {.it_value = {1, 0}}, old;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), p[2];
	char small[7];

	say("-- errors");
	pipe(p);
	RESULT(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
	RESULT(timerfd_create(99, 0));
	RESULT(timerfd_create(CLOCK_MONOTONIC, 1));
	RESULT(timerfd_settime(fd, 4, &its, NULL));
	RESULT(timerfd_settime(p[0], 0, &its, NULL));
	RESULT(timerfd_settime(99, 0, &its, NULL));
	RESULT(timerfd_gettime(p[0], &old));
	RESULT(timerfd_gettime(99, &old));
	RESULT(timerfd_gettime(fd, (void *)8));
	RESULT(timerfd_settime(fd, 0, (void *)8, NULL));
	its.it_value.tv_nsec = 1000000000;
	RESULT(timerfd_settime(fd, 0, &its, NULL));
	its.it_value.tv_nsec = 0;
	its.it_interval.tv_nsec = -1;
	RESULT(timerfd_settime(fd, 0, &its, NULL));
	its.it_interval.tv_nsec = 0;
	RESULT(timerfd_settime(fd, 0, &its, (void *)8));
	RESULT(read(fd, small, sizeof(small)));
	RESULT(write(fd, &its, 8));
	RESULT(lseek(fd, 0, SEEK_SET) == -1 ? errno == ESPIPE : 2);
	close(fd);
	close(p[0]);
	close(p[1]);
}

static void once(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	say("-- once");
	RESULT(fcntl(fd, F_GETFD));
	say_setting("new", fd);
	say_ticks("new", fd);
	RESULT(poll(&p, 1, 0));
	RESULT(set(fd, 0, 30, 0));
	say_setting("set", fd);
	RESULT(poll(&p, 1, 5000));
	say("%#x", p.revents);
	say_setting("expired", fd);
	say_ticks("expired", fd);
	say_ticks("again", fd);
	RESULT(set(fd, 0, 10, 0));
	RESULT(poll(&p, 1, 5000));
	RESULT(set(fd, 0, 100000, 0)); /* what had expired is forgotten */
	say_ticks("set again", fd);
	RESULT(set(fd, 0, 0, 5));
	say_setting("off", fd);
	RESULT(poll(&p, 1, 50));
	close(fd);
}

static void again(int clock)
{
	int fd = timerfd_create(clock, 0);
	struct timespec now;
	struct itimerspec its = {.it_interval = {0, 5 * MS}}, old;

	say("-- again and again");
	RESULT(set(fd, 0, 5, 5));
	say_ticks("first", fd);
	usleep(60000);
	say_setting("later", fd);
	say_ticks("later", fd);
	usleep(60000);
	say_ticks("later", fd);
	clock_gettime(clock, &now);
	its.it_value = (struct timespec){now.tv_sec - 1, now.tv_nsec};
	RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, &old));
	say("old interval %ld", old.it_interval.tv_nsec);
	say_ticks("began a second ago", fd);
	its.it_interval.tv_nsec = 0;
	its.it_value = (struct timespec){1, 0};
	RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &its, NULL));
	say_ticks("long ago, once", fd);
	say_setting("long ago, once", fd);
	its.it_value = (struct timespec){INT64_MAX, 0};
	RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
	say_setting("never", fd);
	close(fd);
}

static void waited_for(void)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, 0), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	pid_t pid;

	say("-- waited for");
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	RESULT(set(fd, 0, 20, 20));
	RESULT(epoll_wait(ep, &ev, 1, 5000));
	RESULT(epoll_wait(ep, &ev, 1, 100)); /* it rests until it is read */
	say_ticks("read", fd);
	RESULT(epoll_wait(ep, &ev, 1, 5000));
	say_ticks("read", fd);
	pid = must_fork(); /* parent and child have one timer */
	if (pid == 0) {
		say_ticks("the child's", fd);
		_exit(0);
	}
	reap("child", pid);
	RESULT(set(fd, 0, 100000, 0));
	pid = must_fork();
	if (pid == 0) {
		alarm(1);
		say_ticks("not reached", fd);
		_exit(0);
	}
	reap("child", pid);
	close(fd);
	close(ep);
}

int main(void)
{
	alarm(60);
	errors();
	once();
	again(CLOCK_MONOTONIC);
	again(CLOCK_REALTIME);
	waited_for();
	return 0;
}
