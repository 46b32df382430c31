/* signalfd(2): signals of all kinds read from a descriptor, in threads, over fork, in epoll sets.
 */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

static sigset_t set_of(int a, int b, int c)
{
	sigset_t set;

	sigemptyset(&set);
	if (a)
		sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	if (c)
		sigaddset(&set, c);
	return set;
}

static void say_next(const char *what, int fd)
{
	struct signalfd_siginfo info[3];
	ssize_t n = read(fd, info, sizeof(info));

	if (n < 0) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	say("%s: %zd of %zu", what, n / (ssize_t)sizeof(info[0]), n % sizeof(info[0]));
	for (size_t i = 0; i < n / sizeof(info[0]); i++) {
		const struct signalfd_siginfo *s = &info[i];

		say("  %s, code %d, errno %d, pid %s, uid %u, fd %d, band %#x, overrun %u, trap %u, "
		    "status %d, int %d, ptr %#llx, address %#llx, call %d, arch %#x",
		    signal_name((int)s->ssi_signo), s->ssi_code, s->ssi_errno,
		    !s->ssi_pid                        ? "0"
		    : s->ssi_pid == (uint32_t)getpid() ? "mine"
						       : "another",
		    s->ssi_uid, s->ssi_fd, s->ssi_band, s->ssi_overrun, s->ssi_trapno,
		    s->ssi_status, s->ssi_int, (unsigned long long)s->ssi_ptr,
		    (unsigned long long)s->ssi_addr, s->ssi_syscall, s->ssi_arch);
	}
}

static void errors(void)
{
	sigset_t set = set_of(SIGUSR1, 0, 0);
	int p[2], fd;
	char small[127];

	say("-- errors");
	pipe(p);
	RESULT(signalfd(-2, &set, 0));
	RESULT(signalfd(99, &set, 0));
	RESULT(signalfd(p[0], &set, 0));
	RESULT(signalfd(-1, &set, 1));
	RESULT(syscall(SYS_signalfd4, -1, &set, 7, 0));
	RESULT(syscall(SYS_signalfd4, -1, 8, 8, 0));
	fd = (int)syscall(SYS_signalfd, -1, &set, 8);
	RESULT(read(fd, small, sizeof(small)));
	RESULT(write(fd, small, 8));
	close(fd);
	close(p[0]);
	close(p[1]);
}

static void kinds(void)
{
	sigset_t set = set_of(SIGUSR1, SIGCHLD, SIGRTMIN + 3), all;
	union sigval value = {.sival_ptr = (void *)0x1234567890};
	struct pollfd p = {.events = POLLIN | POLLOUT};
	struct sigevent ev = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 77};
	struct itimerspec its = {.it_value.tv_nsec = 1000000};
	timer_t timer;
	int fd;
	pid_t pid;

	say("-- kinds of signals");
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigprocmask(SIG_BLOCK, &all, NULL);
	p.fd = fd = signalfd(-1, &set, SFD_NONBLOCK);
	RESULT(poll(&p, 1, 0));
	say_next("none", fd);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	RESULT(poll(&p, 1, 0));
	say("%#x", p.revents);
	say_next("kill", fd);
	sigqueue(getpid(), SIGRTMIN + 3, value);
	sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 5});
	raise(SIGUSR1);
	say_next("three", fd);
	say_next("none", fd);
	pid = must_fork();
	if (pid == 0)
		_exit(42);
	p.events = POLLIN;
	RESULT(poll(&p, 1, 10000));
	say_next("a child's end", fd);
	reap("child", pid);
	kill(getpid(), SIGUSR2);
	RESULT(poll(&p, 1, 0));
	set = set_of(SIGUSR2, SIGKILL, 0);
	RESULT(signalfd(fd, &set, SFD_CLOEXEC) ==
	       fd); /* flags are looked at only when it is made */
	RESULT(fcntl(fd, F_GETFD));
	RESULT(poll(&p, 1, 0));
	say_next("another set", fd);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &its, NULL);
	RESULT(poll(&p, 1, 10000));
	say_next("a timer", fd);
	timer_delete(timer);
	kill(getpid(), SIGUSR2);
	if (read(fd, (void *)8, 128) < 0)
		say("bad address: %s", error_name(errno));
	close(fd);
}

static void *sends(void *arg)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	usleep(20000);
	kill(getpid(), SIGUSR2);
	return NULL;
}

static void waiting(void)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2, 0);
	pthread_t self = pthread_self(), other;
	int fd = signalfd(-1, &set, 0), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	pid_t pid;

	say("-- waiting");
	pthread_create(&other, NULL, sends, &self);
	say_next("to this thread", fd);
	say_next("to the process", fd);
	pthread_join(other, NULL);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	RESULT(epoll_wait(ep, &ev, 1, 0));
	pthread_create(&other, NULL, sends, &self);
	RESULT(epoll_wait(ep, &ev, 1, 10000));
	pthread_join(other, NULL);
	say_next("both", fd);
	RESULT(epoll_wait(ep, &ev, 1, 0));
	pid = must_fork();
	if (pid == 0) { /* the child reads its own signals */
		raise(SIGUSR2);
		say_next("the child's", fd);
		_exit(0);
	}
	reap("child", pid);
	pid = must_fork();
	if (pid == 0) {
		alarm(1);
		say_next("not reached", fd);
		_exit(0);
	}
	reap("child", pid);
	close(fd);
	close(ep);
}

/* A set outlives the process that put its signalfd in. */
static void set_outlives(void)
{
	sigset_t set = set_of(SIGUSR1, 0, 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	pid_t pid;

	say("-- a set outlives its maker");
	pid = must_fork();
	if (pid == 0)
		_exit(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0);
	reap("child", pid);
	kill(getpid(), SIGUSR1);
	say_next("mine", fd);
	RESULT(epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev));
	close(fd);
	close(ep);
}

int main(void)
{
	alarm(60);
	errors();
	kinds();
	waiting();
	set_outlives();
	return 0;
}
