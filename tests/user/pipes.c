/* pipe(2): bytes in order, end of file, full and empty, broken. */
#include "check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static void check_basics(void)
{
	int fd[2];
	char buf[16] = "";

	RESULT(pipe(fd));
	RESULT(write(fd[1], "hello", 5));
	int waiting = -1;
	RESULT(ioctl(fd[0], FIONREAD, &waiting));
	say("waiting: %d", waiting);
	RESULT(read(fd[0], buf, 3));
	RESULT(read(fd[0], buf + 3, 10));
	say("read: %s", buf);
	RESULT(write(fd[0], "x", 1));
	RESULT(read(fd[1], buf, 1));
	RESULT(lseek(fd[0], 0, SEEK_CUR));
	RESULT(pread(fd[0], buf, 1, 0));
	RESULT(read(fd[0], buf, 0));
	close(fd[1]);
	RESULT(read(fd[0], buf, 1));
	close(fd[0]);
	RESULT(read(fd[0], buf, 1));
}

static void check_stat(void)
{
	int fd[2];
	struct stat st;

	if (pipe(fd) != 0)
		return;
	RESULT(fstat(fd[0], &st));
	TRUTH(S_ISFIFO(st.st_mode));
	TRUTH((st.st_mode & 07777) == 0600);
	struct stat other;
	fstat(fd[1], &other);
	TRUTH(st.st_ino == other.st_ino);
	TRUTH(isatty(fd[0]) == 0);
}

static void write_to_broken(void)
{
	int fd[2];

	if (pipe(fd) != 0)
		return;
	close(fd[0]);
	RESULT(write(fd[1], "x", 1));
}

static void check_broken(void)
{
	in_child("broken pipe", write_to_broken);
	signal(SIGPIPE, SIG_IGN);
	in_child("broken pipe, SIGPIPE ignored", write_to_broken);
	signal(SIGPIPE, SIG_DFL);
}

static void check_nonblocking(void)
{
	int fd[2];
	static char page[4096];
	long total = 0, n;
	char c;

	RESULT(pipe2(fd, O_NONBLOCK | O_CLOEXEC));
	RESULT(fcntl(fd[0], F_GETFD));
	RESULT(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	RESULT(read(fd[0], &c, 1));
	while ((n = write(fd[1], page, sizeof(page))) > 0)
		total += n;
	say("full after %ld: %s", total, error_name(errno));
	RESULT(write(fd[1], "x", 1));
	RESULT(read(fd[0], page, 4096));
	RESULT(write(fd[1], page, 4096));
	RESULT(write(fd[1], "x", 1));
	RESULT(pipe2(fd, 0x1));
	RESULT(pipe2((int *)8, 0));
	close(fd[0]);
	close(fd[1]);
}

static void check_big(void)
{
	/* More than fits: writer and reader take turns; the sum proves the order. */
	int fd[2];
	pid_t pid;

	if (pipe(fd) != 0)
		return;
	pid = must_fork();
	if (pid == 0) {
		static unsigned char block[10007];
		unsigned int x = 1;
		close(fd[0]);
		for (int i = 0; i < 100; i++) {
			for (size_t j = 0; j < sizeof(block); j++) {
				x = x * 1103515245 + 12345;
				block[j] = x >> 16;
			}
			if (write(fd[1], block, sizeof(block)) != (ssize_t)sizeof(block))
				_exit(1);
		}
		_exit(0);
	}
	close(fd[1]);
	unsigned int x = 1;
	long total = 0, wrong = 0, n;
	unsigned char buf[3001];
	while ((n = read(fd[0], buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++) {
			x = x * 1103515245 + 12345;
			wrong += buf[i] != (unsigned char)(x >> 16);
		}
		total += n;
	}
	say("%ld bytes, %ld of them wrong", total, wrong);
	reap("writer", pid);
	close(fd[0]);
}

/* Writes of up to PIPE_BUF bytes are not mixed with others'. */
static void check_atomic(void)
{
	enum {
		WRITERS = 4,
		ROUNDS = 50,
		SIZE = 512
	};
	int fd[2];
	pid_t pid[WRITERS];
	char block[SIZE];
	int mixed = 0, blocks = 0;

	if (pipe(fd) != 0)
		return;
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			memset(block, 'a' + i, sizeof(block));
			for (int r = 0; r < ROUNDS; r++)
				if (write(fd[1], block, sizeof(block)) != SIZE)
					_exit(1);
			_exit(0);
		}
	}
	close(fd[1]);
	for (;;) {
		size_t got = 0;
		ssize_t n;
		while (got < SIZE && (n = read(fd[0], block + got, SIZE - got)) > 0)
			got += n;
		if (got < SIZE)
			break;
		blocks++;
		for (size_t i = 1; i < SIZE; i++)
			if (block[i] != block[0]) {
				mixed++;
				break;
			}
	}
	say("%d blocks, %d mixed", blocks, mixed);
	for (int i = 0; i < WRITERS; i++)
		reap("writer", pid[i]);
	close(fd[0]);
}

static void say_poll(const char *what, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n = poll(&p, 1, 0);

	say("%s: poll %d%s%s%s%s%s", what, n, p.revents & POLLIN ? " IN" : "",
	    p.revents & POLLOUT ? " OUT" : "", p.revents & POLLHUP ? " HUP" : "",
	    p.revents & POLLERR ? " ERR" : "", p.revents & POLLNVAL ? " NVAL" : "");
}

static void check_poll(void)
{
	int fd[2];
	char c;

	if (pipe(fd) != 0)
		return;
	say_poll("empty, reading end", fd[0], POLLIN);
	say_poll("empty, writing end", fd[1], POLLOUT);
	if (write(fd[1], "x", 1) != 1)
		return;
	say_poll("one byte, reading end", fd[0], POLLIN);
	pid_t pid = must_fork();
	if (pid == 0) {
		sleep_ms(50);
		_exit(write(fd[1], "y", 1) == 1 ? 0 : 1);
	}
	RESULT(read(fd[0], &c, 1));
	struct pollfd p = {.fd = fd[0], .events = POLLIN};
	RESULT(poll(&p, 1, 5000)); /* sleeps until the child writes */
	reap("writer", pid);
	RESULT(read(fd[0], &c, 1));
	close(fd[1]);
	say_poll("no writer", fd[0], POLLIN);
	if (pipe(fd) != 0)
		return;
	int out = fd[1];
	close(fd[0]);
	say_poll("no reader", out, POLLOUT);
	say_poll("no such descriptor", 99, POLLIN);
	RESULT(poll(NULL, 0, 10));
	p.fd = -1;
	RESULT(poll(&p, 1, 0));
}

static void check_vectors(void)
{
	int fd[2];
	char a[3], b[4];

	if (pipe(fd) != 0)
		return;
	struct iovec out[3] = {{"one", 3}, {"", 0}, {"four", 4}};
	RESULT(writev(fd[1], out, 3));
	struct iovec in[2] = {{a, 3}, {b, 4}};
	RESULT(readv(fd[0], in, 2));
	say("%.3s %.4s", a, b);
	RESULT(writev(fd[1], out, 0));
	RESULT(writev(fd[1], out, -1));
	RESULT(writev(fd[1], out, 1025));
}

static void check_blocked_writer_killed(void)
{
	int fd[2];
	pid_t pid;

	if (pipe(fd) != 0)
		return;
	pid = must_fork();
	if (pid == 0) {
		static char big[1000000];
		close(fd[0]);
		_exit(write(fd[1], big, sizeof(big)) > 0 ? 1 : 2);
	}
	close(fd[1]);
	char c;
	RESULT(read(fd[0], &c, 1));
	close(fd[0]);
	reap("writer whose reader went away", pid);
}

/* /proc/self/fd/N of a pipe is the same pipe once more, and opening it waits for nobody. */
static void check_reopen(void)
{
	char path[64], buf[8] = "";
	int p[2];

	RESULT(pipe(p));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	int in = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[1]);
	close(p[0]);
	int out = open(path, O_WRONLY);
	close(p[1]);
	RESULT(write(out, "again", 5));
	RESULT(read(in, buf, sizeof(buf) - 1));
	say("%s", buf);
	close(out);
	RESULT(read(in, buf, sizeof(buf)));
	close(in);
}

/* What has to stay together is not torn by a bad address in the middle either. */
static void check_bad_address(void)
{
	int fd[2], inside;
	char *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED || munmap(mem + 4096, 4096) != 0 || pipe(fd) != 0)
		return;
	memset(mem, 'x', 4096);
	RESULT(write(fd[1], mem + 4096 - 50, 100));
	RESULT(write(fd[1], mem, 4090));
	RESULT(write(fd[1], mem + 4096 - 50, 100));
	struct iovec v[] = {{mem, 10}, {mem + 4096, 10}, {mem, 10}};
	RESULT(writev(fd[1], v, 3));
	RESULT(ioctl(fd[0], FIONREAD, &inside));
	say("inside: %d", inside);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	check_basics();
	check_stat();
	check_broken();
	check_nonblocking();
	check_big();
	check_atomic();
	check_poll();
	check_vectors();
	check_blocked_writer_killed();
	check_reopen();
	check_bad_address();
	return 0;
}
