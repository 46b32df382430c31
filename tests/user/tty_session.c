/* Sessions and their terminal: who is sent SIGHUP and SIGCONT when, and who may put what in front.
 * credentials(7), tcsetpgrp(3), tcflow(3), ioctl_tty(2). */
#include "check.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

/* A new session with a pseudo-terminal of its own. */
static void new_session(void)
{
	setsid();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master))
		_exit(1);
	slave = open(ptsname(master), O_RDWR);
}

/* ---- signals ---- */

static struct gate acted, said; /* the leader has done it; a listener has spoken */

/* Says which of SIGHUP and SIGCONT came before SIGTERM did. */
static pid_t listener(const char *what, bool group)
{
	int ready[2], none;
	pid_t pid;
	char c;

	(void)!pipe(ready);
	pid = must_fork();
	if (pid == 0) {
		bool hup = false, cont = false;
		sigset_t set;

		if (group)
			setpgid(0, 0);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigaddset(&set, SIGCONT);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGTTOU);
		sigprocmask(SIG_BLOCK, &set, NULL);
		(void)!write(ready[1], "x", 1);
		do {
			sigwait(&set, &none);
			hup |= none == SIGHUP;
			cont |= none == SIGCONT;
		} while (none != SIGTERM);
		sigpending(&set); /* SIGTERM is taken before SIGCONT */
		cont |= sigismember(&set, SIGCONT);
		say("  %s: %s%s", what, hup ? "SIGHUP " : "", cont ? "SIGCONT" : "");
		gate_open(&said);
		_exit(0);
	}
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static pid_t *listeners;

/* The leader of a session, with a listener in front, one behind and one in its own group. */
static void leader(const char *how)
{
	pid_t front;

	new_session();
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	listeners[0] = listener("with the leader", false);
	listeners[1] = front = listener("in front", true);
	listeners[2] = listener("behind", true);
	tcsetpgrp(slave, front);
	if (strcmp(how, "gives it up") == 0)
		RESULT(ioctl(slave, TIOCNOTTY));
	if (strncmp(how, "is hung up", 10) == 0)
		close(master);
	if (strstr(how, "exits"))
		_exit(0);
	gate_open(&acted);
	pause();
}

static void signals(const char *how)
{
	bool exits = strstr(how, "exits");
	pid_t pid;

	say("a leader that %s", how);
	pid = must_fork();
	if (pid == 0)
		leader(how);
	if (exits)
		waitpid(pid, NULL, 0);
	else
		gate_wait(&acted);
	for (int i = 0; i < 3; i++) {
		kill(listeners[i], SIGTERM);
		gate_wait(&said);
	}
	if (!exits) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* ---- tcsetpgrp ---- */

static void set_front(const char *what, pid_t pid)
{
	int r = tcsetpgrp(slave, pid), err = errno;

	say("  %s: %s, %s", what, r ? error_name(err) : "ok",
	    tcgetpgrp(slave) == pid ? "in front" : "not in front");
}

static void fronts(void)
{
	pid_t leads, none, other, gone;

	new_session();
	signal(SIGTTOU, SIG_IGN);
	leads = must_fork();
	if (leads == 0) {
		setpgid(0, 0);
		pause();
	}
	setpgid(leads, leads);
	none = must_fork();
	if (none == 0)
		pause();
	other = must_fork();
	if (other == 0) {
		setsid();
		pause();
	}
	gone = must_fork();
	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	sleep_ms(30);
	set_front("a group of the session", leads);
	set_front("a process that leads none", none);
	set_front("one of another session", other);
	set_front("one of yet another session", getppid());
	set_front("no process", gone);
	set_front("0", 0);
	set_front("-5", -5);
	set_front("the own", getpid());
	RESULT(ioctl(slave, TIOCSPGRP, (void *)8));
	kill(leads, SIGKILL);
	kill(none, SIGKILL);
	kill(other, SIGKILL);
	while (wait(NULL) > 0)
		;
}

/* ---- TIOCSCTTY ---- */

static void on_master(void)
{
	setsid();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(master);
	unlockpt(master);
	RESULT(ioctl(master, TIOCSCTTY, 0));
	WHETHER(open("/dev/tty", O_RDWR));
	RESULT(ioctl(master, TIOCSCTTY, 0));
}

static void without_reading(void)
{
	int fd;

	setsid();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(master);
	unlockpt(master);
	fd = open(ptsname(master), O_WRONLY);
	WHETHER(open("/dev/tty", O_RDWR));
	chmod(ptsname(master), 0666);
	if (setuid(1000))
		_exit(1);
	RESULT(ioctl(fd, TIOCSCTTY, 0));
	fd = open(ptsname(master), O_RDONLY | O_NOCTTY);
	RESULT(ioctl(fd, TIOCSCTTY, 0));
}

/* ---- tcflow ---- */

static void say_ready(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	say("  %s:%s%s", what, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "");
}

static void say_bytes(const char *what, int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	snprintf(buf + 40, 20, n < 0 ? "%s" : "", error_name(errno));
	say("  %s: %zd%s", what, n, n < 0 ? buf + 40 : "");
	for (ssize_t i = 0; i < n; i++)
		say("    %d", buf[i]);
}

/* One end stops and goes on, then asks the other to: its characters arrive there. */
static void flow(const char *name, int end, const char *other_reads, int other)
{
	RESULT(tcflow(end, TCOOFF));
	say_ready(name, end);
	WHETHER(write(end, "a", 1));
	RESULT(tcflow(end, TCOON));
	say_ready(name, end);
	RESULT(write(end, "b", 1));
	say_bytes(other_reads, other);
	RESULT(tcflow(end, TCIOFF));
	say_bytes(other_reads, other);
	RESULT(tcflow(end, TCION));
	say_bytes(other_reads, other);
	RESULT(tcflow(end, 9));
}

static void flows(void)
{
	struct termios raw;

	new_session();
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	fcntl(master, F_SETFL, O_NONBLOCK);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	flow("slave", slave, "master reads", master);
	flow("master", master, "slave reads", slave);
	/* With IXON the characters themselves work, but for ^Q against tcflow(). */
	raw.c_iflag |= IXON;
	tcsetattr(slave, TCSANOW, &raw);
	RESULT(write(master, "\023", 1));
	say_ready("slave after ^S", slave);
	RESULT(write(master, "\021", 1));
	say_ready("slave after ^Q", slave);
	RESULT(tcflow(slave, TCOOFF));
	RESULT(write(master, "\021", 1));
	say_ready("slave after TCOOFF and ^Q", slave);
	RESULT(tcflow(slave, TCOON));
	say_ready("slave after TCOON", slave);
	RESULT(write(master, "\023", 1));
	RESULT(tcflow(slave, TCOON));
	say_ready("slave after ^S and TCOON", slave);
}

int main(void)
{
	listeners = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	acted = gate_make();
	said = gate_make();
	signals("exits");
	signals("gives it up");
	signals("is hung up");
	signals("is hung up and exits");
	in_child("tcsetpgrp", fronts);
	in_child("TIOCSCTTY on a master", on_master);
	in_child("TIOCSCTTY without reading", without_reading);
	in_child("tcflow", flows);
	return 0;
}
