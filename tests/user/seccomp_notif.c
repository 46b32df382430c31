/* Another process answers system calls: seccomp_unotify(2). */
#include "filters.h"

#include <poll.h>
#include <sys/ioctl.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define LISTEN SECCOMP_FILTER_FLAG_NEW_LISTENER

static int listener;

/* Start a child whose calls getppid this process answers, and that runs `fn`. It shares its
 * descriptors until the listener is there. */
static pid_t start_target(unsigned int flags, void (*fn)(void))
{
	struct gate set = gate_make(), mine = gate_make();
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		int fd = (int)set_filter(SYS_getppid, SECCOMP_RET_USER_NOTIF, LISTEN | flags);

		if (write(set.fd[1], &fd, sizeof(fd)) != sizeof(fd))
			_exit(90);
		if (unshare(CLONE_FILES))
			say("unshare: %s", error_name(errno));
		close(fd);
		gate_open(&mine);
		fn();
		_exit(0);
	}
	if (read(set.fd[0], &listener, sizeof(listener)) != sizeof(listener))
		_exit(91);
	gate_wait(&mine);
	for (int i = 0; i < 2; i++) {
		close(set.fd[i]);
		close(mine.fd[i]);
	}
	return pid;
}

static void show_poll(const char *when)
{
	struct pollfd p = {.fd = listener, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	say("%s: poll %#x", when, p.revents);
}

static struct seccomp_notif received;

static long receive(void)
{
	memset(&received, 0, sizeof(received));
	errno = 0;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &received);
}

/* Says only what went wrong: the target goes on at once, and says something too. */
static void answer_flags(__s64 value, int error, unsigned int flags)
{
	struct seccomp_notif_resp resp = {
		.id = received.id, .val = value, .error = error, .flags = flags};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp))
		say("answer: %s", error_name(errno));
}

static void answer(__s64 value, int error)
{
	answer_flags(value, error, 0);
}

static void valid(const char *when)
{
	errno = 0;
	say_result(when, ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &received.id));
}

/* ---- simple calls ---- */

static void calls(void)
{
	RESULT(syscall(SYS_getppid, 11, 12, 13, 14, 15, 16));
	RESULT(syscall(SYS_getppid));
	say("really: %d", syscall(SYS_getppid) > 1);
	RESULT(syscall(SYS_getppid));
}

static void simple(void)
{
	struct seccomp_notif dirty = {.id = 5};
	struct seccomp_notif_resp none = {.id = 0};
	pid_t pid = start_target(0, calls);

	RESULT(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &dirty));
	RESULT(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, NULL));
	RESULT(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, NULL));
	RESULT(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 2));
	RESULT(ioctl(listener, SECCOMP_IO(20), 0));
	say_result("receive", receive());
	say("its thread: %d, flags %u", received.pid == (unsigned int)pid, received.flags);
	say("call %d, arch %#x, arguments %llu %llu %llu %llu %llu %llu", received.data.nr,
	    received.data.arch, received.data.args[0], received.data.args[1], received.data.args[2],
	    received.data.args[3], received.data.args[4], received.data.args[5]);
	none.id = received.id + 1000;
	RESULT(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &none));
	show_poll("received");
	valid("valid");
	answer_flags(0, 0, 2);
	answer_flags(7, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	answer(1234, 0);
	receive();
	answer(5, -EXDEV);
	receive();
	answer_flags(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	receive();
	answer(-1, 0);
	reap("target", pid);
	show_poll("target gone");
	say_result("receive", receive());
	valid("valid");
	answer(0, 0);
	close(listener);
}

/* ---- ends ---- */

static void one_call(void)
{
	RESULT(syscall(SYS_getppid));
}

static void listener_closed(void)
{
	pid_t pid = start_target(0, calls);

	receive();
	close(listener);
	reap("target", pid);
}

static void target_killed(void)
{
	pid_t pid = start_target(0, one_call);

	receive();
	valid("valid");
	kill(pid, SIGKILL);
	reap("target", pid);
	valid("valid");
	answer(0, 0);
	show_poll("killed");
	close(listener);
}

static void killed_before(void)
{
	pid_t pid = start_target(0, one_call);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	say("poll: %d", poll(&p, 1, -1));
	show_poll("not received");
	kill(pid, SIGKILL);
	reap("target", pid);
	show_poll("killed");
	say_result("receive", receive());
	say_result("receive", receive());
	close(listener);
}

/* ---- signals ---- */

static void on_signal(int sig)
{
	say("handler of %s", signal_name(sig));
}

static void calls_with_handlers(void)
{
	struct sigaction restarts = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction interrupts = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &interrupts, NULL);
	sigaction(SIGUSR2, &restarts, NULL);
	RESULT(syscall(SYS_getppid));
	RESULT(syscall(SYS_getppid));
}

static void interrupted(void)
{
	pid_t pid = start_target(0, calls_with_handlers);
	__u64 first;

	receive();
	kill(pid, SIGUSR1);
	receive(); /* the next call */
	first = received.id;
	valid("valid");
	kill(pid, SIGUSR2);
	receive(); /* the same call again */
	say("another id: %d", first != received.id);
	answer(5, 0);
	reap("target", pid);
	close(listener);
}

static void killable(void)
{
	pid_t pid = start_target(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, calls_with_handlers);

	receive();
	kill(pid, SIGUSR1);
	sleep_ms(20);
	valid("still valid");
	answer(6, 0);
	receive();
	kill(pid, SIGKILL);
	reap("target", pid);
	close(listener);
}

/* ---- descriptors ---- */

static int given;

static void reads_descriptor(void)
{
	char text[16] = {0};

	RESULT(syscall(SYS_getppid)); /* descriptors are added meanwhile */
	say("descriptor 50: %s, FD_CLOEXEC %d", read(50, text, 3) == 3 ? text : error_name(errno),
	    fcntl(50, F_GETFD));
	say("descriptor 51: FD_CLOEXEC %d", fcntl(51, F_GETFD));
	int fd = (int)syscall(SYS_getppid); /* the descriptor itself is the result */
	say("the new one: %s", read(fd, text, 3) == 3 ? text : error_name(errno));
	RESULT(syscall(SYS_getppid)); /* it replaces what is there */
	say("descriptor 50: %s", read(50, text, 3) == 3 ? text : error_name(errno));
	RESULT(syscall(SYS_getppid));
}

static long add(unsigned int flags, unsigned int newfd, unsigned int newfd_flags)
{
	struct seccomp_notif_addfd a = {.id = received.id,
					.flags = flags,
					.srcfd = (unsigned int)given,
					.newfd = newfd,
					.newfd_flags = newfd_flags};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
}

static void descriptors(void)
{
	int ends[2];
	pid_t pid = start_target(0, reads_descriptor);

	if (pipe(ends) || write(ends[1], "onetwothrfou", 12) != 12)
		say("no pipe");
	given = ends[0];
	RESULT(add(0, 0, 0));
	receive();
	RESULT(add(4, 0, 0));
	RESULT(add(0, 50, 0));
	RESULT(add(0, 0, 1));
	RESULT(add(SECCOMP_ADDFD_FLAG_SETFD, 50, O_CLOEXEC));
	RESULT(add(SECCOMP_ADDFD_FLAG_SETFD, 51, 0));
	RESULT(add(SECCOMP_ADDFD_FLAG_SETFD, 1U << 30, 0));
	RESULT(add(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, 1U << 30, 0));
	RESULT(ioctl(listener, SECCOMP_IOW(3, char), 0));
	given = 999;
	RESULT(add(0, 0, 0));
	given = ends[0];
	answer(0, 0);
	receive();
	if (add(SECCOMP_ADDFD_FLAG_SEND, 0, 0) < 0)
		say("add: %s", error_name(errno));
	receive();
	given = open("/dev/null", O_RDONLY);
	RESULT(add(SECCOMP_ADDFD_FLAG_SETFD, 50, 0));
	answer(0, 0);
	receive();
	given = listener;
	WHETHER(add(0, 0, 0)); /* its own listener: closed by its end */
	close(listener);
	kill(pid, SIGKILL);
	reap("target", pid);
	close(ends[0]);
	close(ends[1]);
}

/* ---- several filters ---- */

static void two_listeners(void)
{
	int fd = (int)set_filter(SYS_getppid, SECCOMP_RET_USER_NOTIF, LISTEN);

	RESULT(set_filter(SYS_getuid, SECCOMP_RET_USER_NOTIF, LISTEN));
	RESULT(set_filter(SYS_getuid, SECCOMP_RET_USER_NOTIF, 0));
	say("FD_CLOEXEC %d", fcntl(fd, F_GETFD));
	close(fd);
	RESULT(syscall(SYS_getppid));
	RESULT(syscall(SYS_getuid));
	fd = (int)set_filter(SYS_getgid, SECCOMP_RET_USER_NOTIF, LISTEN);
	say("after the first is closed: %d", fd >= 0);
	set_filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
	RESULT(syscall(SYS_getppid));
}

static void no_descriptor(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_NOFILE, &none);
	RESULT(set_filter(SYS_getppid, SECCOMP_RET_USER_NOTIF, LISTEN));
	RESULT(prctl(PR_GET_SECCOMP));
}

/* Many targets wait at once, and are answered in any order. */
static void twice_its_number(void)
{
	long nr = syscall(SYS_getppid);

	_exit((int)nr);
}

static void many_calls(void)
{
	for (int i = 0; i < 20; i++)
		if (must_fork() == 0)
			twice_its_number();
	int sum = 0, status;
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	say("sum %d", sum);
}

static void many(void)
{
	__u64 ids[20];
	pid_t pid = start_target(0, many_calls);

	for (int i = 0; i < 20; i++) {
		receive();
		ids[i] = received.id; /* in the order of their calls */
	}
	for (int i = 19; i >= 0; i--) {
		struct seccomp_notif_resp resp = {.id = ids[i], .val = i};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp))
			say("answer: %s", error_name(errno));
	}
	reap("target", pid);
	close(listener);
}

int main(void)
{
	alarm(60);
	simple();
	listener_closed();
	target_killed();
	killed_before();
	interrupted();
	killable();
	descriptors();
	in_child("two listeners", two_listeners);
	in_child("no descriptor", no_descriptor);
	many();
	return 0;
}
