/*
 * What a fork costs a process that has many of something: `growth KIND=N ...`.
 *
 *   memory=MiB  written pages          areas=N  mappings, each unlike its neighbours
 *   tasks=N     live, idle children    files=N  open files
 *   threads=N   of this process        cpus=N   nothing: the machine has them
 *   watches=N   descriptors in an epoll set
 *   mappings=N  mappings with holes between them
 *
 * `room` before them raises the limits of the whole machine to 400,000 tasks and mappings.
 *
 * For each it prints "growth KIND N MEDIAN LEAST", ticks of the time-stamp counter for fork, exit
 * in the child, and wait; for tasks also "growth create N EACH EACH", "growth reap N EACH EACH" and
 * "growth bytes N EACH EACH" (memory of a live one), and "growth wait N MEDIAN LEAST" for the wait
 * for one that has ended, "wait_jobs" for asking which have stopped when none has. For watches it
 * prints "growth close N MEDIAN LEAST", and the same with "epoll_ctl" (an item goes and comes
 * again) and "epoll_wait" (none is ready). For mappings it is "mmap" (where the kernel likes),
 * "mmap_fixed" and "munmap" in the middle of them, and "mprotect" of one. What cannot be had is
 * "missing KIND N ERRNO". Runs as pid 1, and then switches the machine off at the end, or as an
 * ordinary program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 15
#define WARM    3 /* rounds before them */
#define MIB     (1024UL * 1024)
#define PAGE    4096UL

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The system calls themselves: what a C library does around fork is not the kernel's. */
static long raw_fork(void)
{
	return syscall(SYS_fork);
}

static void print_median(const char *kind, long n, uint64_t *took)
{
	qsort(took, SAMPLES, sizeof(*took), by_size);
	printf("growth %s %ld %llu %llu\n", kind, n, (unsigned long long)took[SAMPLES / 2],
	       (unsigned long long)took[0]);
}

static int measure(const char *kind, long n)
{
	uint64_t took[SAMPLES];

	for (int i = -WARM; i < SAMPLES; i++) {
		uint64_t begin = ticks();
		long pid = raw_fork();

		if (pid == 0)
			syscall(SYS_exit_group, 0);
		if (pid < 0)
			return errno;
		syscall(SYS_wait4, pid, NULL, 0, NULL);
		if (i >= 0)
			took[i] = ticks() - begin;
	}
	print_median(kind, n, took);
	return 0;
}

static int scratch; /* a descriptor for what is measured */

/* The same of one call, each time after what prepares it. 0, or an errno of either. */
static int measure_call(const char *kind, long n, long (*prepare)(void), long (*call)(void))
{
	uint64_t took[SAMPLES];

	for (int i = -WARM; i < SAMPLES; i++) {
		if (prepare && prepare() < 0)
			return errno;
		uint64_t begin = ticks();

		if (call() < 0)
			return errno;
		if (i >= 0)
			took[i] = ticks() - begin;
	}
	print_median(kind, n, took);
	return 0;
}

static int with_memory(long n)
{
	char *p = mmap(NULL, n * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	madvise(p, n * MIB, MADV_NOHUGEPAGE); /* pages of 4 KiB everywhere */
	for (unsigned long i = 0; i < n * MIB; i += PAGE)
		p[i] = 1;
	return measure("memory", n);
}

static int with_areas(long n)
{
	for (long i = 0; i < n; i++) {
		int prot = i & 1 ? PROT_READ : PROT_READ | PROT_WRITE;
		char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return errno;
		if (prot & PROT_WRITE)
			*p = 1;
	}
	return measure("areas", n);
}

static char *mapped; /* every other page, and the one in the middle */
static char *in_middle;
static char *anywhere; /* two pages, which fit into no hole */

static long unmap_middle(void)
{
	return munmap(in_middle, PAGE);
}

static long map_middle(void)
{
	return mmap(in_middle, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static long unmap_anywhere(void)
{
	return anywhere ? munmap(anywhere, 2 * PAGE) : 0;
}

static long map_anywhere(void)
{
	anywhere = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return anywhere == MAP_FAILED ? -1 : 0;
}

static long protect_middle(void)
{
	static int turn;

	return mprotect(in_middle, PAGE, turn++ & 1 ? PROT_READ : PROT_NONE);
}

static int with_mappings(long n)
{
	int err;

	mapped = mmap(NULL, 2 * n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED || munmap(mapped, 2 * n * PAGE))
		return errno;
	for (long i = 0; i < n; i++)
		if (mmap(mapped + 2 * i * PAGE, PAGE, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			return errno;
	in_middle = mapped + n / 2 * 2 * PAGE;
	err = measure_call("munmap", n, map_middle, unmap_middle);
	if (!err)
		err = measure_call("mmap_fixed", n, unmap_middle, map_middle);
	if (!err)
		err = measure_call("mprotect", n, NULL, protect_middle);
	return err ? err : measure_call("mmap", n, unmap_anywhere, map_anywhere);
}

static int with_files(long n)
{
	struct rlimit most = {n + 32, n + 32};
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	if (fd < 0 || setrlimit(RLIMIT_NOFILE, &most) < 0)
		return errno;
	for (long i = 3 + 1; i < n; i++)
		if (dup(fd) < 0)
			return errno;
	return measure("files", n);
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int with_threads(long n)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 4 * PAGE);
	for (long i = 1; i < n; i++) {
		int err = pthread_create(&thread, &small, sleep_on, NULL);

		if (err)
			return err;
	}
	return measure("threads", n);
}

/* ---- epoll ---- */

static int set;

static long open_scratch(void)
{
	return scratch = open("/", O_RDONLY | O_DIRECTORY);
}

static long close_scratch(void)
{
	return syscall(SYS_close, scratch);
}

static long change_item(void)
{
	struct epoll_event ev = {.events = EPOLLIN};

	if (syscall(SYS_epoll_ctl, set, EPOLL_CTL_DEL, scratch, &ev) < 0)
		return -1;
	return syscall(SYS_epoll_ctl, set, EPOLL_CTL_ADD, scratch, &ev);
}

static long wait_for_none(void)
{
	struct epoll_event ev[8];

	return syscall(SYS_epoll_wait, set, ev, 8, 0);
}

static int with_watches(long n)
{
	struct rlimit most = {n + 32, n + 32};
	struct epoll_event ev = {.events = EPOLLIN};
	int ends[2], err;

	set = epoll_create1(0);
	if (set < 0 || pipe(ends) < 0 || setrlimit(RLIMIT_NOFILE, &most) < 0)
		return errno;
	for (long i = 0; i < n; i++) {
		int fd = dup(ends[0]);

		if (fd < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) < 0)
			return errno;
		if (i == n / 2)
			scratch = fd;
	}
	err = measure_call("epoll_ctl", n, NULL, change_item);
	if (!err)
		err = measure_call("epoll_wait", n, NULL, wait_for_none);
	return err ? err : measure_call("close", n, open_scratch, close_scratch);
}

/* ---- tasks ---- */

/* A child that has ended by the time this returns. */
static long end_a_child(void)
{
	siginfo_t info;
	long pid = raw_fork();

	if (pid == 0)
		syscall(SYS_exit_group, 0);
	return pid < 0 ? -1 : syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, NULL);
}

static long wait_for_any(void)
{
	return syscall(SYS_wait4, -1, NULL, 0, NULL);
}

static long ask_for_jobs(void)
{
	return syscall(SYS_wait4, -1, NULL, WNOHANG | WUNTRACED | WCONTINUED, NULL);
}

static unsigned long free_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? info.freeram * info.mem_unit : 0;
}

static void each(const char *what, long n, uint64_t sum)
{
	printf("growth %s %ld %llu %llu\n", what, n, (unsigned long long)sum / n,
	       (unsigned long long)sum / n);
}

/* Children that wait for the other end of a pipe to close. */
static int with_tasks(long n)
{
	int gate[2], ready[2], err = 0;
	long made = 0;
	char c = 0;

	if (pipe(gate) < 0 || pipe(ready) < 0)
		return errno;
	unsigned long before = free_memory();
	uint64_t begin = ticks();
	for (; made < n && !err; made++) {
		long pid = raw_fork();

		if (pid == 0) {
			syscall(SYS_close, gate[1]);
			syscall(SYS_write, ready[1], &c, 1);
			syscall(SYS_read, gate[0], &c, 1);
			syscall(SYS_exit_group, 0);
		}
		if (pid < 0) {
			err = errno;
			break;
		}
		if (read(ready[0], &c, 1) != 1) /* it has come to where it waits */
			err = errno;
	}
	if (!err) {
		each("create", n, ticks() - begin);
		each("bytes", n, before - free_memory());
		err = measure("tasks", n);
		if (!err)
			err = measure_call("wait_jobs", n, NULL, ask_for_jobs);
		if (!err)
			err = measure_call("wait", n, end_a_child, wait_for_any);
	}
	begin = ticks();
	close(gate[1]);
	for (long i = 0; i < made; i++)
		syscall(SYS_wait4, -1, NULL, 0, NULL);
	if (!err)
		each("reap", n, ticks() - begin);
	return err;
}

static int with_cpus(long n)
{
	return measure("cpus", n);
}

static const struct {
	const char *name;
	int (*run)(long n);
} kinds[] = {
	{"memory", with_memory},   {"areas", with_areas},       {"tasks", with_tasks},
	{"files", with_files},     {"threads", with_threads},   {"cpus", with_cpus},
	{"watches", with_watches}, {"mappings", with_mappings},
};

/* In a process of its own, which leaves nothing to the next one. */
static void run_one(const char *argument)
{
	const char *equals = strchr(argument, '=');
	long n = equals ? atol(equals + 1) : 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t length = strlen(kinds[i].name);

		if (n <= 0 || strncmp(argument, kinds[i].name, length) != 0 ||
		    argument[length] != '=')
			continue;
		fflush(stdout); /* or the child prints it, too */
		pid_t pid = fork();
		if (pid == 0) {
			int err = kinds[i].run(n);

			if (err)
				printf("missing %s %ld %d\n", kinds[i].name, n, err);
			exit(0);
		}
		int status = -1;
		if (pid > 0)
			waitpid(pid, &status, 0);
		if (status != 0)
			printf("missing %s %ld status %d\n", kinds[i].name, n, status);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

/* Only when asked for: it changes the machine that this runs on. */
static void room_for_tasks(void)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_NPROC, &none);
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	write_file("/proc/sys/kernel/pid_max", "400000");
	write_file("/proc/sys/kernel/threads-max", "400000");
	write_file("/proc/sys/vm/max_map_count", "400000");
}

static void run(int argc, char **argv)
{
	uint64_t begin = ticks();
	struct timespec pause_time = {0, 10 * 1000 * 1000};
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &to);
	while ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec <
	       pause_time.tv_nsec);
	printf("info tsc_per_us %llu\n", (unsigned long long)((ticks() - begin) / 10000));
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "room") == 0)
			room_for_tasks();
		else
			run_one(argv[i]);
	}
	printf("growth done\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 65536);
	if (getpid() != 1) {
		run(argc, argv);
		return 0;
	}
	pid_t pid = fork(); /* measured in an ordinary process */
	if (pid == 0) {
		run(argc, argv);
		_exit(0);
	}
	while (wait(NULL) != pid)
		;
	struct timespec a_while = {0, 300 * 1000 * 1000};
	nanosleep(&a_while, NULL); /* for the serial port */
	reboot(RB_POWER_OFF);
	return 1;
}
