/* A pointer that leads nowhere is EFAULT, in every call that takes one, and the process goes on. */
#include "check.h"

#include <poll.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static long bad; /* the pointer tried */
static int fd, pipe_fd[2];
static pid_t zombie;

#define CALL(name, ...)                                                               \
	do {                                                                          \
		errno = 0;                                                            \
		long result = syscall(SYS_##name, __VA_ARGS__);                       \
		say(#name "(" #__VA_ARGS__ "): %s", result == -1  ? error_name(errno) \
						    : result == 0 ? "0"               \
								  : "more");          \
	} while (0)

static void path_calls(void)
{
	CALL(open, bad, O_RDONLY, 0);
	CALL(openat, AT_FDCWD, bad, O_RDONLY, 0);
	CALL(stat, "/", bad);
	CALL(stat, bad, bad);
	CALL(lstat, "/", bad);
	CALL(fstat, fd, bad);
	CALL(newfstatat, AT_FDCWD, bad, bad, 0);
	CALL(newfstatat, AT_FDCWD, "/", bad, 0);
	CALL(access, bad, 0);
	CALL(faccessat, AT_FDCWD, bad, 0);
	CALL(chdir, bad);
	CALL(mkdir, bad, 0755);
	CALL(mkdirat, AT_FDCWD, bad, 0755);
	CALL(rmdir, bad);
	CALL(unlink, bad);
	CALL(unlinkat, AT_FDCWD, bad, 0);
	CALL(rename, bad, "/tmp/x");
	CALL(rename, "/tmp", bad);
	CALL(link, bad, "/tmp/x");
	CALL(symlink, bad, "/tmp/x");
	CALL(symlink, "x", bad);
	CALL(readlink, bad, bad, 10);
	CALL(chmod, bad, 0);
	CALL(truncate, bad, 0);
	CALL(getcwd, bad, 100);
	CALL(execve, bad, 0, 0);
	CALL(execve, "/bin/busybox", bad, 0);
	CALL(utimensat, AT_FDCWD, "/tmp", bad, 0);
	CALL(futimesat, AT_FDCWD, "/tmp", bad);
	CALL(utimes, "/tmp", bad);
	CALL(utime, "/tmp", bad);
}

static void data_calls(void)
{
	struct iovec v = {.iov_base = (void *)bad, .iov_len = 10};

	CALL(read, fd, bad, 10);
	CALL(pread64, fd, bad, 10, 0L);
	CALL(write, pipe_fd[1], bad, 10);
	CALL(readv, fd, bad, 1);
	CALL(readv, fd, &v, 1);
	CALL(writev, pipe_fd[1], bad, 1);
	CALL(writev, pipe_fd[1], &v, 1);
	CALL(pipe, bad);
	CALL(pipe2, bad, 0);
	CALL(poll, bad, 1, 0);
	CALL(ppoll, bad, 1, 0, 0, 8);
	CALL(getdents64, fd, bad, 100);
	CALL(ioctl, pipe_fd[0], FIONREAD, bad);
	CALL(sendfile, pipe_fd[1], fd, bad, 10);
}

static void task_calls(void)
{
	CALL(wait4, zombie, bad, WNOHANG, 0);
	CALL(waitid, P_ALL, 0, bad, WEXITED | WNOHANG | WNOWAIT, 0);
	CALL(rt_sigaction, SIGTERM, bad, 0, 8);
	CALL(rt_sigaction, SIGTERM, 0, bad, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, bad, 0, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, 0, bad, 8);
	CALL(rt_sigpending, bad, 8);
	CALL(rt_sigsuspend, bad, 8);
	CALL(sigaltstack, bad, 0);
	CALL(sigaltstack, 0, bad);
	CALL(clone3, bad, 88);
	CALL(uname, bad);
	CALL(getrlimit, RLIMIT_STACK, bad);
	CALL(setrlimit, RLIMIT_STACK, bad);
	CALL(prlimit64, 0, RLIMIT_STACK, bad, 0);
	CALL(prlimit64, 0, RLIMIT_STACK, 0, bad);
	CALL(getrusage, RUSAGE_SELF, bad);
	CALL(sysinfo, bad);
	CALL(times, bad);
	CALL(sched_setparam, 0, bad);
	CALL(sched_getparam, 0, bad);
	CALL(sched_setscheduler, 0, SCHED_OTHER, bad);
	CALL(sched_rr_get_interval, 0, bad);
}

static void time_calls(void)
{
	CALL(nanosleep, bad, 0);
	CALL(clock_gettime, CLOCK_MONOTONIC, bad);
	CALL(clock_getres, CLOCK_MONOTONIC, bad);
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, bad, 0);
	CALL(gettimeofday, bad, 0);
	CALL(futex, bad & ~3L, 0 /* FUTEX_WAIT */, 1, 0, 0, 0);
}

/* A buffer that begins well and runs into nothing: what fits is done. */
static void across_the_edge(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	int zero = open("/dev/zero", O_RDONLY);
	int file = open("/tmp/edge", O_RDWR | O_CREAT | O_TRUNC, 0644);
	memset(page, 'e', 4096);
	RESULT(write(file, page + 4000, 96));
	RESULT(write(file, page + 4096, 1));
	RESULT(pread(file, page + 4096 - 5, 5, 0));
	RESULT(read(zero, page + 4096, 10));
	/* A path may end just at the edge, but not run over it. */
	strcpy(page + 4096 - 5, "/tmp");
	RESULT(access(page + 4096 - 5, F_OK));
	page[4095] = '/';
	RESULT(access(page + 4096 - 5, F_OK));
	close(file);
	close(zero);
	unlink("/tmp/edge");
}

int main(void)
{
	static const long pointers[] = {16, 0x00007ffffffff000L, (long)0xffff888000000000UL,
					0x1234567812345678L};

	fd = open("/bin/busybox", O_RDONLY);
	if (pipe(pipe_fd) != 0)
		return 1;
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		bad = pointers[i];
		say("pointer %#lx", (unsigned long)bad);
		zombie = must_fork();
		if (zombie == 0)
			_exit(0);
		siginfo_t info;
		waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
		path_calls();
		data_calls();
		task_calls();
		time_calls();
	}
	across_the_edge();
	return 0;
}
