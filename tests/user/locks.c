/* Locks on files: fcntl(2) of processes and of openings, flock(2). */
#include "check.h"

#include <sys/file.h>

static int fd;
static void *volatile bad_pointer = (void *)8;

static struct flock range(short type, off_t start, off_t len)
{
	return (struct flock){.l_type = type, .l_start = start, .l_len = len};
}

static long set(int cmd, short type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	return fcntl(fd, cmd, &l);
}

/* What somebody else would find in the way, byte by byte: r, w or '.'. */
static void show(const char *what, int bytes)
{
	char text[64];

	fflush(stdout);
	pid_t parent = getpid(), pid = must_fork();
	if (pid == 0) {
		for (int i = 0; i < bytes; i++) {
			struct flock l = range(F_WRLCK, i, 1);

			if (fcntl(fd, F_GETLK, &l) != 0)
				text[i] = '?';
			else if (l.l_type == F_UNLCK)
				text[i] = '.';
			else
				text[i] = (char)((l.l_type == F_RDLCK ? 'r' : 'w') -
						 (l.l_pid == parent ? 0 : 32));
		}
		text[bytes] = 0;
		say("%s: %s", what, text);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void check_ranges(void)
{
	struct flock l;

	RESULT(set(F_SETLK, F_WRLCK, 2, 12));
	show("one", 16);
	RESULT(set(F_SETLK, F_RDLCK, 5, 3));
	show("three", 16);
	RESULT(set(F_SETLK, F_UNLCK, 6, 6));
	show("two and a half", 16);
	RESULT(set(F_SETLK, F_WRLCK, 5, 7));
	show("joined", 16);
	RESULT(set(F_SETLK, F_RDLCK, 0, 0));
	show("all", 16);
	RESULT(set(F_SETLK, F_UNLCK, 3, -2));
	show("backwards", 16);
	RESULT(set(F_SETLK, F_UNLCK, 0, 0));
	show("none", 16);
	lseek(fd, 4, SEEK_SET);
	l = range(F_WRLCK, 1, 2);
	l.l_whence = SEEK_CUR;
	RESULT(fcntl(fd, F_SETLK, &l));
	l = range(F_WRLCK, -2, 0);
	l.l_whence = SEEK_END;
	RESULT(fcntl(fd, F_SETLK, &l));
	show("relative", 16);
	close(dup(fd)); /* any close will do */
	show("closed", 16);
	RESULT(set(F_SETLK, F_WRLCK, -1, 1));
	RESULT(set(F_SETLK, F_WRLCK, 5, -6));
	RESULT(set(F_SETLK, F_WRLCK, 1, 0x7fffffffffffffffL));
	RESULT(set(F_SETLK, F_WRLCK, 2, 0x7fffffffffffffffL));
	RESULT(set(F_SETLK, 77, 0, 1));
	RESULT(set(F_GETLK, F_UNLCK, 0, 1));
	l = range(F_WRLCK, 0, 1);
	l.l_whence = 9;
	RESULT(fcntl(fd, F_SETLK, &l));
	RESULT(fcntl(fd, F_SETLK, bad_pointer));
	RESULT(fcntl(fd, F_GETLK, &l));
	int ro = open("data", O_RDONLY);
	l = range(F_WRLCK, 0, 1);
	RESULT(fcntl(ro, F_SETLK, &l));
	RESULT(fcntl(ro, F_GETLK, &l));
	l = range(F_RDLCK, 0, 1);
	RESULT(fcntl(ro, F_SETLK, &l));
	close(ro);
}

static void check_between_processes(void)
{
	struct gate ready = gate_make(), go = gate_make();
	pid_t pid = must_fork();
	struct flock l;

	if (pid == 0) {
		RESULT(set(F_SETLK, F_WRLCK, 0, 10));
		gate_open(&ready);
		gate_wait(&go);
		set(F_SETLK, F_UNLCK, 0, 10);
		if (set(F_SETLK, F_RDLCK, 20, 5))
			_exit(1);
		gate_open(&ready);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&ready);
	RESULT(set(F_SETLK, F_RDLCK, 5, 1));
	l = range(F_RDLCK, 3, 100);
	fcntl(fd, F_GETLK, &l);
	say("in the way: type %d, %ld for %ld, the child's %d", l.l_type, (long)l.l_start,
	    (long)l.l_len, l.l_pid == pid);
	gate_open(&go);
	RESULT(set(F_SETLKW, F_WRLCK, 0, 10));
	gate_wait(&ready);
	RESULT(set(F_SETLK, F_RDLCK, 22, 1));
	RESULT(set(F_SETLK, F_WRLCK, 22, 1));
	gate_open(&go);
	RESULT(set(F_SETLKW, F_WRLCK, 22, 1)); /* until it ends */
	reap("child", pid);
	set(F_SETLK, F_UNLCK, 0, 0);
}

static void nothing(int sig)
{
	(void)sig;
}

static void check_deadlock(void)
{
	struct gate ready = gate_make();
	pid_t pid;

	set(F_SETLK, F_WRLCK, 0, 1);
	pid = must_fork();
	if (pid == 0) {
		set(F_SETLK, F_WRLCK, 1, 1);
		gate_open(&ready);
		_exit(set(F_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
	}
	gate_wait(&ready);
	sleep_ms(30); /* until it waits */
	RESULT(set(F_SETLKW, F_WRLCK, 1, 1));
	set(F_SETLK, F_UNLCK, 0, 1);
	reap("the other", pid);
	/* interrupted */
	set(F_SETLK, F_WRLCK, 0, 1);
	pid = must_fork();
	if (pid == 0) {
		struct sigaction sa = {.sa_handler = nothing};

		sigaction(SIGALRM, &sa, NULL);
		alarm(1);
		RESULT(set(F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	reap("interrupted", pid);
	set(F_SETLK, F_UNLCK, 0, 0);
}

static void check_openings(void)
{
	int other = open("data", O_RDWR), same = dup(fd);
	struct flock l = range(F_WRLCK, 0, 4);

	RESULT(fcntl(fd, F_OFD_SETLK, &l));
	RESULT(fcntl(same, F_OFD_SETLK, &l));
	RESULT(fcntl(other, F_OFD_SETLK, &l));
	RESULT(fcntl(other, F_SETLK, &l));
	RESULT(fcntl(other, F_OFD_GETLK, &l));
	say("type %d, pid %d", l.l_type, l.l_pid);
	RESULT(fcntl(other, F_OFD_SETLK, &l));
	close(same); /* not the last */
	l = range(F_RDLCK, 0, 4);
	RESULT(fcntl(other, F_OFD_SETLK, &l));
	l = range(F_UNLCK, 0, 4);
	RESULT(fcntl(fd, F_OFD_SETLK, &l));
	l = range(F_RDLCK, 0, 4);
	RESULT(fcntl(other, F_OFD_SETLK, &l));
	close(other);
	l = range(F_WRLCK, 0, 4);
	RESULT(fcntl(fd, F_OFD_SETLK, &l));
	l = range(F_UNLCK, 0, 4);
	RESULT(fcntl(fd, F_OFD_SETLK, &l));
}

static void check_flock(void)
{
	int a = open("data", O_RDONLY), b = open("data", O_RDONLY), c = dup(a), path;
	struct flock l = range(F_WRLCK, 0, 0);
	pid_t pid;

	RESULT(flock(a, LOCK_SH));
	RESULT(flock(b, LOCK_SH | LOCK_NB));
	RESULT(flock(b, LOCK_EX | LOCK_NB));
	RESULT(flock(a, LOCK_EX | LOCK_NB)); /* b has lost its own by asking for more */
	RESULT(flock(c, LOCK_EX | LOCK_NB));
	RESULT(fcntl(fd, F_SETLK, &l)); /* neither knows of the other */
	RESULT(flock(a, 0));
	RESULT(flock(a, 16));
	RESULT(flock(99, LOCK_EX));
	path = open("data", O_PATH);
	RESULT(flock(path, LOCK_EX));
	RESULT(fcntl(path, F_SETLK, &l));
	RESULT(fcntl(path, F_SETFL, 0));
	close(a);
	RESULT(flock(b, LOCK_SH | LOCK_NB));
	RESULT(flock(c, LOCK_UN));
	RESULT(flock(b, LOCK_SH | LOCK_NB));
	RESULT(flock(c, LOCK_SH));
	pid = must_fork();
	if (pid == 0) {
		sleep_ms(20);
		_exit(flock(c, LOCK_UN)); /* it is the parent's as well */
	}
	RESULT(flock(b, LOCK_EX));
	reap("child", pid);
	RESULT(flock(b, LOCK_UN));
	RESULT(flock(b, LOCK_UN));
	close(b), close(c), close(path);
}

static void say_first(const char *what, short type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	if (fcntl(fd, F_GETLK, &l) != 0)
		say("%s: %s", what, error_name(errno));
	else
		say("%s: type %d at %ld, %ld", what, l.l_type, (long)l.l_start, (long)l.l_len);
}

/* Child processes that hold locks, until the gate is closed. */
static pid_t holder(struct gate *ready, struct gate *end, const struct flock *locks, int n)
{
	pid_t pid = must_fork();
	char c;

	if (pid)
		return gate_wait(ready), pid;
	close(end->fd[1]);
	for (int i = 0; i < n; i++) {
		struct flock l = locks[i];

		if (fcntl(fd, F_SETLK, &l))
			say("holder: %s", error_name(errno));
	}
	gate_open(ready);
	read(end->fd[0], &c, 1);
	_exit(0);
}

/* Which of several locks F_GETLK finds: an owner's by start, owners in the order they came. */
static void check_first_conflict(void)
{
	struct gate ready = gate_make(), end = gate_make();
	struct flock first[] = {range(F_WRLCK, 60, 5), range(F_RDLCK, 20, 5),
				range(F_WRLCK, 40, 9), range(F_RDLCK, 44, 2),
				range(F_UNLCK, 62, 1), range(F_WRLCK, 18, 4)};
	struct flock second[] = {range(F_RDLCK, 30, 5), range(F_RDLCK, 10, 2),
				 range(F_RDLCK, 22, 2), range(F_WRLCK, 80, 0)};

	set(F_SETLK, F_UNLCK, 0, 0);
	holder(&ready, &end, first, 6);
	holder(&ready, &end, second, 4);
	say_first("all", F_WRLCK, 0, 0);
	say_first("to read", F_RDLCK, 0, 0);
	for (int at = 0; at < 90; at += 3)
		say_first("from there on", at % 2 ? F_WRLCK : F_RDLCK, at, 0);
	for (int at = 0; at < 90; at += 3)
		say_first("a piece", at % 2 ? F_RDLCK : F_WRLCK, at, 7);
	close(end.fd[1]);
	wait(NULL);
	wait(NULL);
	say_first("none", F_WRLCK, 0, 0);
}

int main(void)
{
	alarm(20);
	if (chdir("/tmp"))
		return 1;
	fd = open("data", O_RDWR | O_CREAT, 0600);
	write(fd, "0123456789", 10);
	check_ranges();
	check_between_processes();
	check_deadlock();
	check_openings();
	check_flock();
	check_first_conflict();
	return 0;
}
