/* The resource limits, each where it bites: getrlimit(2). RLIMIT_CPU is in cputimers.c,
 * RLIMIT_NPROC and the rules for changing limits in user_ids.c; those that only a mighty root can
 * raise in alone/rlimits_up.c. */
#include "check.h"

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	if (setrlimit(resource, &(struct rlimit){soft, hard}))
		_exit(77);
}

static void file_size(void)
{
	char buf[3000] = "";
	int fd = open("/tmp/limited", O_CREAT | O_RDWR, 0600);

	limit(RLIMIT_FSIZE, 4096, 8192);
	RESULT(write(fd, buf, 3000));
	RESULT(write(fd, buf, 3000)); /* as much as fits */
	signal(SIGXFSZ, SIG_IGN);
	RESULT(write(fd, buf, 1));
	RESULT(ftruncate(fd, 4097));
	RESULT(ftruncate(fd, 4096));
	RESULT(pwrite(fd, buf, 10, 4090));
	RESULT(pwrite(fd, buf, 10, 5000));
	signal(SIGXFSZ, SIG_DFL);
	RESULT(write(fd, buf, 1));
}

static void open_files(void)
{
	int n = 0, last = -1;

	limit(RLIMIT_NOFILE, 20, 20);
	for (int fd; (fd = open("/etc/passwd", O_RDONLY)) >= 0; n++)
		last = fd;
	say("last %d: %s", last, error_name(errno));
	RESULT(dup(0));
	RESULT(dup2(0, 20));
	RESULT(dup2(0, 19));
	RESULT(fcntl(0, F_DUPFD, 20));
	int fds[2];
	RESULT(pipe(fds));
}

static void data(void)
{
	limit(RLIMIT_DATA, 1 << 20, 1 << 20);
	TRUTH(mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
	TRUTH(errno == ENOMEM);
	TRUTH(mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	TRUTH(mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED);
	char *now = (char *)syscall(SYS_brk, 0);
	TRUTH((char *)syscall(SYS_brk, now + (2 << 20)) == now);
	TRUTH((char *)syscall(SYS_brk, now + 4096) == now + 4096);
}

static void address_space(void)
{
	limit(RLIMIT_AS, 64 << 20, 64 << 20);
	TRUTH(mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	char *p = mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRUTH(p != MAP_FAILED);
	TRUTH(mremap(p, 16 << 20, 64 << 20, MREMAP_MAYMOVE) == MAP_FAILED);
	RESULT(munmap(p, 16 << 20));
}

static int eat_stack(int n)
{
	volatile char room[16384];

	room[0] = (char)n;
	return n ? eat_stack(n - 1) + room[0] : 0;
}

static void stack(void)
{
	limit(RLIMIT_STACK, 1 << 20, 1 << 20);
	eat_stack(40);
	say("640 KiB are fine");
	eat_stack(80);
	say("NOT KILLED");
}

static void pending_signals(void)
{
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (setgid(4242) || setuid(4242)) /* a user without other signals */
		_exit(77);
	limit(RLIMIT_SIGPENDING, 5, 5);
	while (n < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = n}) == 0)
		n++;
	say("%d queued: %s", n, error_name(errno));
	RESULT(kill(getpid(), SIGUSR1)); /* need not be queued */
}

static volatile int xcpu;

static void on_xcpu(int sig)
{
	(void)sig;
	xcpu++;
}

/* Sleeping starts the count anew; without it comes SIGXCPU at the soft limit, death at the hard. */
static void realtime_time(void)
{
	struct sched_param param = {.sched_priority = 1};
	struct rlimit now;

	signal(SIGXCPU, on_xcpu);
	limit(RLIMIT_RTTIME, 200000, 1400000);
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param))
		_exit(77);
	for (int i = 0; i < 4; i++) {
		struct timespec start, t;

		clock_gettime(CLOCK_MONOTONIC, &start);
		do
			clock_gettime(CLOCK_MONOTONIC, &t);
		while ((t.tv_sec - start.tv_sec) * 1000000000L + t.tv_nsec - start.tv_nsec <
		       100000000);
		sleep_ms(5);
	}
	say("with sleep: %d", xcpu);
	while (!xcpu)
		;
	getrlimit(RLIMIT_RTTIME, &now);
	say("soft limit now %ld", (long)now.rlim_cur);
	for (;;)
		if (xcpu > 1)
			say("twice"), xcpu = 0;
}

int main(void)
{
	in_child("file size", file_size);
	in_child("open files", open_files);
	in_child("data", data);
	in_child("address space", address_space);
	in_child("stack", stack);
	in_child("pending signals", pending_signals);
	in_child("real-time time", realtime_time);
	return 0;
}
