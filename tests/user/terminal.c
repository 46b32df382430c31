/* The terminal: what ioctl(2) says of it, and who may read from it. */
#include "check.h"

#include <sys/ioctl.h>
#include <termios.h>

static void check_not_a_terminal(void)
{
	struct termios t;
	struct winsize w;
	int fd[2], null = open("/dev/null", O_RDWR),
		   file = open("/tmp/term", O_RDWR | O_CREAT, 0600);

	if (pipe(fd) != 0)
		return;
	RESULT(ioctl(fd[0], TCGETS, &t));
	RESULT(ioctl(null, TCGETS, &t));
	RESULT(ioctl(file, TCGETS, &t));
	RESULT(ioctl(fd[0], TIOCGWINSZ, &w));
	RESULT(ioctl(99, TCGETS, &t));
	RESULT(tcgetpgrp(fd[0]));
	unlink("/tmp/term");
}

static void check_terminal(void)
{
	struct termios t, changed;
	struct winsize w;

	RESULT(isatty(0));
	RESULT(isatty(1));
	RESULT(tcgetattr(0, &t));
	say("ICANON %d, ECHO %d, ISIG %d, OPOST %d", !!(t.c_lflag & ICANON), !!(t.c_lflag & ECHO),
	    !!(t.c_lflag & ISIG), !!(t.c_oflag & OPOST));
	say("VINTR %d, VSUSP %d, VEOF %d, VERASE %d", t.c_cc[VINTR], t.c_cc[VSUSP], t.c_cc[VEOF],
	    t.c_cc[VERASE]);
	changed = t;
	changed.c_lflag &= ~(ICANON | ECHO);
	changed.c_cc[VMIN] = 0;
	changed.c_cc[VTIME] = 1;
	RESULT(tcsetattr(0, TCSANOW, &changed));
	struct termios got;
	RESULT(tcgetattr(0, &got));
	say("ICANON %d, ECHO %d", !!(got.c_lflag & ICANON), !!(got.c_lflag & ECHO));
	char c;
	RESULT(read(0, &c, 1)); /* nothing typed: VTIME runs out */
	RESULT(tcsetattr(0, TCSADRAIN, &t));
	RESULT(ioctl(0, TIOCGWINSZ, &w));
	RESULT(ioctl(0, 0x5499, &w));
	RESULT(ioctl(0, TCGETS, (void *)8));
}

static void background_write(void)
{
	struct termios t;

	setpgid(0, 0);
	/* Changing the terminal from the background stops the group. */
	tcgetattr(0, &t);
	tcsetattr(0, TCSANOW, &t);
	_exit(3);
}

static void check_background(void)
{
	int status;
	pid_t pid;

	TRUTH(tcgetpgrp(0) == getpgrp());
	pid = must_fork();
	if (pid == 0) {
		char c;
		setpgid(0, 0);
		RESULT(read(0, &c, 1));
		_exit(2);
	}
	waitpid(pid, &status, WUNTRACED);
	say_status("background reader", status);
	kill(pid, SIGKILL);
	reap("background reader", pid);

	pid = must_fork();
	if (pid == 0)
		background_write();
	waitpid(pid, &status, WUNTRACED);
	say_status("background tcsetattr", status);
	kill(pid, SIGKILL);
	reap("background tcsetattr", pid);

	pid = must_fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTTIN, SIG_IGN);
		char c;
		RESULT(read(0, &c, 1));
		signal(SIGTTOU, SIG_IGN);
		RESULT(tcsetpgrp(0, getpgrp()));
		TRUTH(tcgetpgrp(0) == getpid());
		_exit(0);
	}
	reap("takes the foreground", pid);
	signal(SIGTTOU, SIG_IGN);
	RESULT(tcsetpgrp(0, getpgrp()));
	RESULT(tcsetpgrp(0, 999999));
	TRUTH(tcgetpgrp(0) == getpgrp());
}

static void without_terminal(void)
{
	say("setsid: %s", setsid() == getpid() ? "ok" : "no");
	RESULT(open("/dev/tty", O_RDWR));
}

int main(void)
{
	check_not_a_terminal();
	check_terminal();
	check_background();
	in_child("no terminal", without_terminal);
	WHETHER(open("/dev/tty", O_RDWR));
	return 0;
}
