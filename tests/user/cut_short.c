/* Calls that would go on for long end early when a signal comes, and say how far they came:
 * signal(7), getrandom(2), read(2) of the memory devices. */
#include "check.h"

#include <sys/random.h>
#include <sys/time.h>
#include <sys/uio.h>

#define MIB   (1UL << 20)
#define PARTS 1024

static char part[MIB];
static struct iovec parts[PARTS];

static void on_alarm(int sig)
{
	(void)sig;
}

static void alarms(long usec)
{
	struct itimerval every = {{0, usec}, {0, usec}};

	setitimer(ITIMER_REAL, &every, NULL);
}

static void judge(const char *what, ssize_t got, size_t asked)
{
	alarms(0);
	say("%s: %s", what,
	    got <= 0              ? error_name(errno)
	    : (size_t)got < asked ? "cut short"
				  : "all of it");
}

static void vector_from(const char *name)
{
	int fd = open(name, O_RDONLY);

	alarms(1000);
	judge(name, readv(fd, parts, PARTS), PARTS * MIB);
	close(fd);
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	char *room =
		mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	sigaction(SIGALRM, &act, NULL);
	for (int i = 0; i < PARTS; i++)
		parts[i] = (struct iovec){part, MIB};
	vector_from("/dev/zero");
	vector_from("/dev/full");
	vector_from("/dev/urandom");
	alarms(1000);
	judge("getrandom", getrandom(room, 128 * MIB, 0), 128 * MIB);
	if (pipe(fds))
		return 1;
	alarms(1000);
	judge("a pipe", writev(fds[1], parts, PARTS), PARTS * MIB);
	return 0;
}
