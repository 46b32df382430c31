/* Events of perf_event_open(2): what a user may learn of programs that have more rights, and how
 * many a user may have. */
#include "attack.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define FOLDER "/tmp/under_counts"
#define HELPER FOLDER "/helper"
#define PAGES  256

static int event_open(pid_t pid, bool inherit, bool on_exec)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_PAGE_FAULTS,
				       .exclude_kernel = 1,
				       .inherit = inherit,
				       .disabled = on_exec,
				       .enable_on_exec = on_exec};

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t count(int fd)
{
	uint64_t value = 0;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

/* What the helper, exec'ed from a set-user-id file of root's, does in secret. */
static int helper(void)
{
	char *at = mmap(NULL, PAGES * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	madvise(at, PAGES * 4096UL, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		((volatile char *)at)[i * 4096] = 1;
	say("euid %d", geteuid());
	return 0;
}

static void count_helper(void)
{
	prctl(PR_SET_DUMPABLE, 1); /* else nobody may look at the children */
	for (int on_exec = 0; on_exec < 2; on_exec++) {
		struct gate go = gate_make();
		pid_t pid = must_fork();
		int fd;

		if (pid == 0) {
			gate_wait(&go);
			execl(HELPER, HELPER, "work", NULL);
			_exit(1);
		}
		fd = event_open(pid, true, on_exec);
		say("event: %s", fd >= 0 ? "ok" : error_name(errno));
		gate_open(&go);
		reap("helper", pid);
		TRUTH(count(fd) < PAGES);
		close(fd);
	}
}

/* The event is opened while the exec is on its way. */
static void race(void)
{
	int caught = 0;

	prctl(PR_SET_DUMPABLE, 1);
	for (int i = 0; i < 60; i++) {
		pid_t pid = must_fork();
		int fd, null;

		if (pid == 0) {
			null = open("/dev/null", O_WRONLY);
			dup2(null, STDOUT_FILENO);
			execl(HELPER, HELPER, "work", NULL);
			_exit(1);
		}
		for (int spin = 0; spin < i * 50; spin++)
			__asm__ volatile("pause");
		fd = event_open(pid, true, false);
		while (waitpid(pid, NULL, 0) < 0)
			;
		caught += fd >= 0 && count(fd) >= PAGES;
		if (fd >= 0)
			close(fd);
	}
	say("counted a program with more rights: %d", caught);
}

/* As many events as there are descriptors, and children that inherit them. */
static void many(void)
{
	int opened = 0, forked = 0;
	pid_t pid;

	while (opened < 1000 && event_open(0, true, false) >= 0)
		opened++;
	while (forked < 40 && (pid = fork()) >= 0) {
		if (pid == 0) {
			pause();
			_exit(0);
		}
		forked++;
	}
	TRUTH(opened > 100 && forked > 0);
	kill(0, SIGKILL);
}

static void many_in_group(void)
{
	setpgid(0, 0);
	many();
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return helper();
	alarm(60);
	root_folder(FOLDER);
	copy_self(HELPER, 0, 0, 04755);
	as_user("count a set-id program", count_helper);
	as_user("while it begins", race);
	as_user("many", many_in_group);
	say("event on root: %s", event_open(0, false, false) >= 0 ? "ok" : error_name(errno));
	MUST(unlink(HELPER));
	MUST(rmdir(FOLDER));
	return 0;
}
