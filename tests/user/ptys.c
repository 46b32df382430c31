/* Pseudo-terminals: pty(7), ptmx(4). One process has the master, its children the slave. */
#include "check.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int open_master(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY);

	if (m < 0) {
		say("posix_openpt: %s", error_name(errno));
		_exit(1);
	}
	return m;
}

/* What the master reads, with control characters spelt out. */
static void say_read(const char *what, int fd)
{
	char buf[256], text[1024];
	ssize_t n = read(fd, buf, sizeof(buf));
	int used = 0;

	if (n < 0) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used,
				 buf[i] < ' ' || buf[i] == 127 ? "<%d>" : "%c", buf[i]);
	text[used] = 0;
	say("%s: %zd %s", what, n, text);
}

static void say_poll(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	int n = poll(&p, 1, 0);

	say("%s: %d%s%s%s%s", what, n, p.revents & POLLIN ? " in" : "",
	    p.revents & POLLOUT ? " out" : "", p.revents & POLLERR ? " err" : "",
	    p.revents & POLLHUP ? " hup" : "");
}

static void check_names(void)
{
	int m = open_master(), n = -1, s, on = 1;
	struct stat st;
	char name[64];

	RESULT(ioctl(m, TIOCGPTN, &n));
	say("name: %s", ptsname_r(m, name, sizeof(name)) == 0 && n >= 0 ? "ok" : "none");
	WHETHER(open(name, O_RDWR | O_NOCTTY));
	WHETHER(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	RESULT(grantpt(m));
	RESULT(unlockpt(m));
	s = open(name, O_RDWR | O_NOCTTY);
	TRUTH(s >= 0);
	fstat(s, &st);
	say("a device: %d, major %u, isatty %d %d", S_ISCHR(st.st_mode),
	    (unsigned)(st.st_rdev >> 8), isatty(s), isatty(m));
	TRUTH(ttyname(s) && strcmp(ttyname(s), name) == 0);
	RESULT(ioctl(m, TIOCSPTLCK, &on));
	WHETHER(open(name, O_RDWR | O_NOCTTY));
	RESULT(ioctl(m, TIOCSPTLCK, (void *)8));
	RESULT(ioctl(m, TIOCSPGRP, &on));
	RESULT(ioctl(s, TIOCGPTN, &n));
	RESULT(unlink(name));
	RESULT(mkdir("/dev/pts/d", 0700));
	RESULT(open("/dev/pts/f", O_CREAT | O_RDWR, 0600));
	close(m);
	RESULT(access(name, F_OK));
	RESULT(open(name, O_RDWR));
	close(s);
}

static void check_modes(void)
{
	int m, s, n;
	struct termios t;
	struct winsize ws = {0};

	if (openpty(&m, &s, NULL, NULL, NULL) != 0) {
		say("openpty: %s", error_name(errno));
		return;
	}
	tcgetattr(s, &t);
	say("modes %o %o %o %o", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	RESULT(ioctl(s, TIOCGWINSZ, &ws));
	say("size %d %d", ws.ws_row, ws.ws_col);
	write(m, "one\ntwo\x7f\x7f", 9);
	say_read("echo", m);
	ioctl(s, FIONREAD, &n);
	say("%d bytes in a line", n);
	say_read("line", s);
	write(m, "o\nthree\n", 8);
	say_read("line", s);
	say_read("line", s);
	say_read("echo", m);
	write(s, "a\tb\n", 4);
	say_read("output", m);
	write(m, "\x04", 1);
	say_read("end of file", s);
	cfmakeraw(&t);
	RESULT(tcsetattr(m, TCSANOW, &t)); /* of the slave, also through the master */
	write(m, "\x03raw\r", 5);
	say_read("raw", s);
	write(s, "x\ny", 3);
	say_read("raw output", m);
	t.c_cflag &= ~(tcflag_t)CSIZE;
	RESULT(tcsetattr(s, TCSANOW, &t));
	tcgetattr(s, &t);
	say("always eight bits: %d", (t.c_cflag & CSIZE) == CS8);
	fcntl(m, F_SETFL, O_NONBLOCK);
	say_read("nothing", m);
	say_poll("master", m);
	say_poll("slave", s);
	write(m, "z", 1);
	say_poll("slave with input", s);
	RESULT(tcflush(s, TCIFLUSH));
	say_poll("slave without", s);
	close(s);
	say_poll("no slave", m);
	say_read("no slave", m);
	close(m);
}

static volatile sig_atomic_t hups, conts, winches;

static void count(int sig)
{
	if (sig == SIGHUP)
		hups++;
	else if (sig == SIGCONT)
		conts++;
	else
		winches++;
}

/* The leader of the session: told of the size, of ^C, and of the end. */
static void leader(struct gate *ready, struct gate *done)
{
	struct winsize ws;
	int status, tty;

	signal(SIGHUP, count);
	signal(SIGCONT, count);
	signal(SIGWINCH, count);
	tty = open("/dev/tty", O_RDWR);
	say("/dev/tty: %s, sid ours %d, in front %d", tty >= 0 ? "ok" : error_name(errno),
	    tcgetsid(0) == getpid(), tcgetpgrp(0) == getpid());
	close(tty);
	gate_open(ready);
	while (!winches)
		usleep(1000);
	ioctl(0, TIOCGWINSZ, &ws);
	say("size %d %d", ws.ws_row, ws.ws_col);
	pid_t child = must_fork();
	if (child == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpid());
		signal(SIGHUP, SIG_DFL);
		gate_open(ready);
		for (;;)
			pause();
	}
	waitpid(child, &status, WUNTRACED);
	say_status("child", status); /* ^Z */
	gate_open(ready);
	while (!hups || !conts)
		usleep(1000);
	say("hung up");
	say_read("read", 0);
	WHETHER(write(0, "x", 1));
	RESULT(tcgetattr(0, &(struct termios){0}));
	RESULT(tcgetpgrp(0));
	say_poll("slave", 0);
	RESULT(open("/dev/tty", O_RDWR));
	gate_open(done);
	_exit(0); /* and with it goes the child, stopped as it is */
}

static void check_session(void)
{
	struct gate ready = gate_make(), done = gate_make();
	struct winsize ws = {.ws_row = 12, .ws_col = 34};
	int m = -1, s;
	pid_t pid, front = 0;
	char c;

	if (openpty(&m, &s, NULL, NULL, NULL) != 0)
		return;
	pid = must_fork();
	if (pid == 0) {
		close(m);
		setsid();
		RESULT(ioctl(s, TIOCSCTTY, 0));
		RESULT(ioctl(s, TIOCSCTTY, 0));
		dup2(s, 0);
		close(s);
		leader(&ready, &done);
	}
	close(s);
	gate_wait(&ready);
	RESULT(ioctl(m, TIOCGPGRP, &front));
	say("the child is in front: %d", front == pid);
	if (ioctl(m, TIOCSWINSZ, &ws)) /* the child says what it sees of it */
		say("TIOCSWINSZ: %s", error_name(errno));
	gate_wait(&ready);
	write(m, "\x1a", 1);
	gate_wait(&ready);
	say_read("echo", m);
	close(m);
	gate_wait(&done);
	reap("leader", pid);
	/* the last writing end of `ready` goes with the child: only then this reads its end */
	close(ready.fd[1]);
	say("child gone: %zd", read(ready.fd[0], &c, 1));
}

/* A session leader gets the terminal he opens, unless he says no. */
static void opens_slave(void)
{
	int m = open_master(), fd;
	char name[64];

	unlockpt(m);
	ptsname_r(m, name, sizeof(name));
	setsid();
	RESULT(open("/dev/tty", O_RDWR));
	fd = open(name, O_RDWR | O_NOCTTY);
	RESULT(tcgetsid(fd));
	close(open(name, O_RDWR));
	TRUTH(tcgetsid(fd) == getpid());
	WHETHER(open("/dev/tty", O_RDWR));
	RESULT(ioctl(fd, TIOCNOTTY));
	RESULT(open("/dev/tty", O_RDWR));
	signal(SIGHUP, SIG_IGN);
}

/* More than the buffers hold goes through, in both directions. */
static void check_bulk(void)
{
	enum {
		TOTAL = 300000
	};
	static char buf[5000];
	struct termios t;
	int m, s;
	long got = 0, sum = 0;
	pid_t pid;

	openpty(&m, &s, NULL, NULL, NULL);
	tcgetattr(s, &t);
	cfmakeraw(&t);
	tcsetattr(s, TCSANOW, &t);
	pid = must_fork();
	if (pid == 0) {
		close(m);
		while (got < TOTAL) { /* sends back what it is told */
			ssize_t n = read(s, buf, sizeof(buf));
			if (n <= 0)
				_exit(2);
			for (ssize_t k = 0, w; k < n; k += w)
				if ((w = write(s, buf + k, (size_t)(n - k))) < 0)
					_exit(3);
			got += n;
		}
		_exit(0);
	}
	close(s);
	if (fork() == 0) {
		for (long i = 0; i < TOTAL; i++) {
			char c = (char)(i % 251);
			buf[i % 5000] = c;
			if (i % 5000 == 4999 && write(m, buf, 5000) != 5000)
				_exit(4);
		}
		_exit(0);
	}
	while (got < TOTAL) {
		ssize_t n = read(m, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, got++)
			sum += (unsigned char)buf[i] == got % 251;
	}
	say("%ld bytes, %ld right", got, sum);
	reap("echo", pid);
	wait(NULL);
	close(m);
}

/* forkpty(3): as script(1) and terminal emulators use it. */
static void check_forkpty(void)
{
	struct winsize ws = {.ws_row = 25, .ws_col = 81};
	char text[256];
	ssize_t n, got = 0;
	int m, status;
	pid_t pid = forkpty(&m, NULL, NULL, &ws);

	if (pid == 0) {
		struct winsize mine = {0};
		char line[32];

		ioctl(0, TIOCGWINSZ, &mine);
		n = read(0, line, sizeof(line));
		printf("%d %d, %zd\n", mine.ws_row, mine.ws_col, n);
		fflush(stdout);
		_exit(7);
	}
	write(m, "hello\n", 6);
	while ((n = read(m, text + got, sizeof(text) - (size_t)got - 1)) > 0)
		got += n;
	say("then %s", n < 0 ? error_name(errno) : "end");
	text[got] = 0;
	for (ssize_t i = 0; i < got; i++)
		if (text[i] == '\r')
			text[i] = '!';
	say("%s", text);
	waitpid(pid, &status, 0);
	say_status("forkpty", status);
	close(m);
}

int main(void)
{
	alarm(20);
	check_names();
	check_modes();
	check_session();
	in_child("opens", opens_slave);
	check_bulk();
	check_forkpty();
	return 0;
}
