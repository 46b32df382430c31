/* eventfd(2). */
#include "check.h"

#include <poll.h>
#include <sys/eventfd.h>

static void say_poll(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	say("%s:%s%s", what, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "");
}

static long take(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? (long)n : -1;
}

static long put(int fd, uint64_t n)
{
	return write(fd, &n, sizeof(n));
}

int main(void)
{
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), sem;
	char path[64], text[64] = {0};
	struct stat st;
	pid_t pid;

	say_poll("three", fd);
	RESULT(put(fd, 4));
	RESULT(take(fd));
	RESULT(take(fd));
	say_poll("none", fd);
	RESULT(put(fd, -1));
	RESULT(put(fd, -2));
	say_poll("full", fd);
	RESULT(put(fd, 1));
	RESULT(put(fd, 0));
	RESULT(read(fd, text, 4));
	RESULT(write(fd, text, 4));
	RESULT(lseek(fd, 0, SEEK_SET));
	RESULT(take(fd) == -2);
	RESULT(eventfd(0, 2));
	fstat(fd, &st);
	say("mode %o, flags %o", st.st_mode, fcntl(fd, F_GETFL));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readlink(path, text, sizeof(text) - 1);
	say("%s", text);
	RESULT(open(path, O_RDWR));

	sem = eventfd(2, EFD_SEMAPHORE);
	RESULT(take(sem));
	RESULT(take(sem));
	pid = must_fork();
	if (pid == 0)
		_exit(take(sem) == 1 ? 0 : 1); /* waits */
	sleep_ms(10);
	RESULT(put(sem, 1));
	reap("waiter", pid);
	RESULT(put(sem, -2));
	pid = must_fork();
	if (pid == 0)
		_exit(put(sem, 1) == 8 ? 0 : 1); /* waits for room */
	sleep_ms(10);
	RESULT(take(sem));
	reap("writer", pid);
	return 0;
}
