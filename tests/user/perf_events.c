/* perf_event_open(2): software events, on one task and on all that it forks. */
#include "check.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define PAGES 64

static int event_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group, long flags)
{
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, group, flags);
}

static struct perf_event_attr software(uint64_t config)
{
	return (struct perf_event_attr){.type = PERF_TYPE_SOFTWARE,
					.size = sizeof(struct perf_event_attr),
					.config = config};
}

static uint64_t count(int fd)
{
	uint64_t value = ~0UL;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		say("read: %s", error_name(errno));
	return value;
}

static void touch(int pages)
{
	size_t size = (size_t)pages * 4096;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(at, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)at)[i] = 1;
	munmap(at, size);
}

/* A count that other pages may have a small part in. */
static void say_faults(const char *what, uint64_t got, int pages)
{
	if (got >= (uint64_t)pages && got < (uint64_t)pages + 48)
		say("%s: about %d faults", what, pages);
	else
		say("%s: %lu faults", what, got);
}

/* ---- what is counted ---- */

static void faults(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);
	int fd, majors;

	attr.disabled = 1;
	fd = event_open(&attr, 0, -1, -1, 0);
	attr.disabled = 0;
	attr.config = PERF_COUNT_SW_PAGE_FAULTS_MAJ;
	majors = event_open(&attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	touch(PAGES);
	say("before it is on: %lu", count(fd));
	RESULT(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	touch(PAGES);
	say_faults("on", count(fd), PAGES);
	RESULT(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	touch(PAGES);
	say_faults("off again", count(fd), PAGES);
	RESULT(ioctl(fd, PERF_EVENT_IOC_RESET, 0));
	say("after a reset: %lu", count(fd));
	RESULT(fcntl(majors, F_GETFD));
	RESULT(fcntl(fd, F_GETFD));
	say("major faults: %lu", count(majors));
	close(fd);
	close(majors);
}

/* Faults of the program and of the kernel on its behalf. */
static void modes(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);
	size_t size = PAGES * 4096;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int user, kernel, zero = open("/dev/zero", O_RDONLY);

	madvise(at, size, MADV_NOHUGEPAGE);
	attr.exclude_kernel = 1;
	user = event_open(&attr, 0, -1, -1, 0);
	attr.exclude_kernel = 0;
	attr.exclude_user = 1;
	kernel = event_open(&attr, 0, -1, -1, 0);
	ioctl(user, PERF_EVENT_IOC_RESET, 0);
	ioctl(kernel, PERF_EVENT_IOC_RESET, 0);
	for (size_t i = 0; i < size / 2; i += 4096)
		if (read(zero, at + i, 1) != 1)
			say("read: %s", error_name(errno));
	for (size_t i = size / 2; i < size; i += 4096)
		((volatile char *)at)[i] = 1;
	say_faults("of the program", count(user), PAGES / 2);
	say_faults("of the kernel", count(kernel), PAGES / 2);
	close(user);
	close(kernel);
	close(zero);
	munmap(at, size);
}

static void switches(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_CONTEXT_SWITCHES);
	int fd = event_open(&attr, 0, -1, -1, 0), outside, migrations;

	attr.exclude_kernel = 1;
	outside = event_open(&attr, 0, -1, -1, 0);
	attr = software(PERF_COUNT_SW_CPU_MIGRATIONS);
	migrations = event_open(&attr, 0, -1, -1, 0);
	/* A sleep that is over before the task is switched away is no switch. */
	for (int i = 0; i < 1000 && count(fd) < 10; i++)
		sleep_ms(1);
	TRUTH(count(fd) >= 10);
	TRUTH(count(fd) < 1000);
	say("without the kernel: %lu", count(outside));
	TRUTH(count(migrations) < 1000);
	close(fd);
	close(outside);
	close(migrations);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void clocks(void)
{
	static const uint64_t kinds[] = {PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_TASK_CLOCK};

	for (int i = 0; i < 2; i++) {
		struct perf_event_attr attr = software(kinds[i]);
		uint64_t got[3], before, after;
		int fd;

		attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
		fd = event_open(&attr, 0, -1, -1, 0);
		before = cpu_ns();
		do
			after = cpu_ns();
		while (after - before < 20000000);
		RESULT(read(fd, got, sizeof(got)));
		say("clock %d", i);
		TRUTH(got[0] >= (after - before) / 2);
		TRUTH(got[0] < after - before + 1000000000);
		TRUTH(got[1] >= (after - before) / 2);
		TRUTH(got[1] == got[2]);
		close(fd);
	}
}

/* Events of which nothing ever happens. */
static void never(void)
{
	static const uint64_t kinds[] = {PERF_COUNT_SW_ALIGNMENT_FAULTS,
					 PERF_COUNT_SW_EMULATION_FAULTS, PERF_COUNT_SW_DUMMY};

	for (int i = 0; i < 3; i++) {
		struct perf_event_attr attr = software(kinds[i]);
		int fd = event_open(&attr, 0, -1, -1, 0);

		say("event %lu: %lu", kinds[i], count(fd));
		close(fd);
	}
}

/* ---- children ---- */

static int faults_of(pid_t pid, bool inherit, bool disabled)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);

	attr.inherit = inherit;
	attr.disabled = disabled;
	return event_open(&attr, pid, -1, -1, 0);
}

static void child_touches(void)
{
	touch(4 * PAGES);
}

static void grandchild_touches(void)
{
	in_child("grandchild", child_touches);
}

static void *thread_touches(void *unused)
{
	touch(4 * PAGES);
	return unused;
}

static void inheritance(void)
{
	int all = faults_of(0, true, false), own = faults_of(0, false, false);
	pthread_t thread;
	uint64_t before;

	in_child("child", child_touches);
	before = count(all);
	TRUTH(before >= 4 * PAGES);
	TRUTH(count(own) < 4 * PAGES);
	in_child("child", grandchild_touches);
	TRUTH(count(all) - before >= 4 * PAGES);
	before = count(all);
	if (pthread_create(&thread, NULL, thread_touches, NULL) == 0)
		pthread_join(thread, NULL);
	TRUTH(count(all) - before >= 4 * PAGES);
	TRUTH(count(own) < 4 * PAGES);
	RESULT(ioctl(all, PERF_EVENT_IOC_DISABLE, 0));
	before = count(all);
	in_child("child", child_touches);
	TRUTH(count(all) == before);
	close(all);
	close(own);
}

/* Only threads, not processes. */
static void inherited_by_threads(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);
	pthread_t thread;
	int fd;

	attr.inherit = attr.inherit_thread = 1;
	fd = event_open(&attr, 0, -1, -1, 0);
	in_child("child", child_touches);
	TRUTH(count(fd) < 4 * PAGES);
	if (pthread_create(&thread, NULL, thread_touches, NULL) == 0)
		pthread_join(thread, NULL);
	TRUTH(count(fd) >= 4 * PAGES);
	close(fd);
}

/* While the child lives: switched on and off from here. */
static void from_outside(void)
{
	struct gate turn[6];
	uint64_t before;
	pid_t pid;
	int fd;

	for (int i = 0; i < 6; i++)
		turn[i] = gate_make();
	pid = must_fork();
	if (pid == 0) {
		for (int i = 0; i < 6; i += 2) {
			gate_wait(&turn[i]);
			touch(4 * PAGES);
			gate_open(&turn[i + 1]);
		}
		pause();
	}
	fd = faults_of(pid, false, true);
	for (int i = 0; i < 6; i += 2) {
		before = count(fd);
		ioctl(fd, i == 2 ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
		gate_open(&turn[i]);
		gate_wait(&turn[i + 1]);
		say("%s: %s", i == 2 ? "on" : "off",
		    count(fd) - before >= 4 * PAGES ? "counts" : "does not count");
	}
	before = count(fd);
	kill(pid, SIGKILL);
	reap("child", pid);
	TRUTH(count(fd) == before); /* it was off */
	RESULT(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	TRUTH(count(fd) == before);
	close(fd);
}

static void on_exec(char *self)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);
	struct gate go = gate_make();
	int on, off, gone;
	pid_t pid = must_fork();

	if (pid == 0) {
		gate_wait(&go);
		touch(4 * PAGES);
		execl(self, self, "touch", NULL);
		_exit(1);
	}
	off = faults_of(pid, true, true);
	attr.disabled = attr.enable_on_exec = attr.inherit = 1;
	on = event_open(&attr, pid, -1, -1, 0);
	attr.disabled = attr.enable_on_exec = attr.inherit = 0;
	attr.remove_on_exec = 1;
	gone = event_open(&attr, pid, -1, -1, 0);
	gate_open(&go);
	reap("child", pid);
	TRUTH(count(on) >= PAGES);
	TRUTH(count(on) < 4 * PAGES);
	say("off: %lu", count(off));
	TRUTH(count(gone) >= 4 * PAGES);
	close(on);
	close(off);
	close(gone);
}

/* ---- groups ---- */

static void groups(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_DUMMY);
	uint64_t got[16], ids[2];
	int leader, member;

	attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED;
	attr.disabled = 1;
	leader = event_open(&attr, 0, -1, -1, 0);
	attr.disabled = 0;
	attr.config = PERF_COUNT_SW_PAGE_FAULTS;
	member = event_open(&attr, 0, -1, leader, 0);
	RESULT(ioctl(leader, PERF_EVENT_IOC_ID, &ids[0]));
	RESULT(ioctl(member, PERF_EVENT_IOC_ID, &ids[1]));
	touch(PAGES);
	RESULT(read(leader, got, sizeof(got)));
	say("%lu events, enabled for %lu, counted %lu and %lu", got[0], got[1], got[2], got[4]);
	TRUTH(got[3] == ids[0] && got[5] == ids[1]);
	RESULT(ioctl(leader, PERF_EVENT_IOC_ENABLE, 0));
	touch(PAGES);
	RESULT(read(member, got, sizeof(got)));
	say_faults("the leader is on", got[4], PAGES);
	TRUTH(got[1] > 0);
	RESULT(read(leader, got, 8));
	RESULT(event_open(&attr, 0, -1, member, 0));
	RESULT(event_open(&attr, getppid(), -1, leader, 0));
	attr.inherit = 1;
	RESULT(event_open(&attr, 0, -1, leader, 0));
	attr.inherit = 0;
	attr.pinned = 1;
	RESULT(event_open(&attr, 0, -1, leader, 0));
	RESULT(ioctl(leader, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP));
	RESULT(ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP));
	touch(PAGES);
	read(leader, got, sizeof(got));
	say("all are off: %lu", got[4]);
	/* The member goes on alone; it is still off. */
	close(leader);
	RESULT(ioctl(member, PERF_EVENT_IOC_ENABLE, 0));
	touch(PAGES);
	RESULT(read(member, got, sizeof(got)));
	say_faults("alone", got[2], PAGES);
	close(member);
}

/* ---- what is refused ---- */

static void errors(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_DUMMY);
	char large[4096 + 8] = {0};
	int fd = event_open(&attr, 0, -1, -1, 0);
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	uint64_t value;

	RESULT(read(fd, &value, 7));
	RESULT(syscall(SYS_read, fd, 8L, 8L));
	RESULT(write(fd, &value, 8));
	RESULT(poll(&poller, 1, 0));
	say("revents %#x", poller.revents);
	RESULT(ioctl(fd, PERF_EVENT_IOC_ID, 8));
	RESULT(ioctl(fd, PERF_EVENT_IOC_REFRESH, 1));
	RESULT(ioctl(fd, PERF_EVENT_IOC_PERIOD, &value));
	RESULT(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, -1L));
	RESULT(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, 0));
	RESULT(ioctl(fd, PERF_EVENT_IOC_PAUSE_OUTPUT, 1));
	RESULT(ioctl(fd, FIONREAD, &value));
	RESULT(event_open(&attr, 0, -1, 0, 0));
	RESULT(event_open(&attr, 0, -1, 999, 0));
	RESULT(event_open(&attr, 0, -1, -1, 16));
	RESULT(event_open(&attr, -1, -1, -1, 0));
	RESULT(event_open(&attr, -5, -1, -1, 0));
	RESULT(event_open(&attr, 4000000, -1, -1, 0));
	RESULT(event_open(&attr, 0, 1 << 20, -1, 0));
	RESULT(event_open((void *)8, 0, -1, -1, 0));
	attr.config = PERF_COUNT_SW_MAX;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.type = 4711;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.read_format = 1 << 10;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.sample_type = 1UL << 40;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.inherit_thread = 1;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.enable_on_exec = attr.remove_on_exec = 1;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr = software(PERF_COUNT_SW_DUMMY);
	attr.size = 0;
	WHETHER(event_open(&attr, 0, -1, -1, 0));
	attr.size = PERF_ATTR_SIZE_VER0 - 1;
	RESULT(event_open(&attr, 0, -1, -1, 0));
	TRUTH(attr.size >= PERF_ATTR_SIZE_VER7);
	memcpy(large, &attr, sizeof(attr));
	((struct perf_event_attr *)large)->size = 4096;
	WHETHER(event_open((void *)large, 0, -1, -1, 0));
	large[4000] = 1;
	RESULT(event_open((void *)large, 0, -1, -1, 0));
	large[4000] = 0;
	((struct perf_event_attr *)large)->size = 4097;
	RESULT(event_open((void *)large, 0, -1, -1, 0));
}

static void without_privilege(void)
{
	struct perf_event_attr attr = software(PERF_COUNT_SW_PAGE_FAULTS);
	pid_t parent = getppid();

	if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0)
		say("setresuid: %s", error_name(errno));
	RESULT(event_open(&attr, 0, -1, -1, 0));
	attr.exclude_kernel = 1;
	WHETHER(event_open(&attr, 0, -1, -1, 0));
	RESULT(event_open(&attr, parent, -1, -1, 0));
	RESULT(event_open(&attr, 1, -1, -1, 0));
	RESULT(event_open(&attr, -1, 0, -1, 0));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		touch(PAGES);
		return 0;
	}
	alarm(60);
	faults();
	modes();
	switches();
	clocks();
	never();
	inheritance();
	inherited_by_threads();
	from_outside();
	on_exec(argv[0]);
	groups();
	errors();
	in_child("a user", without_privilege);
	return 0;
}
