/* The memory of another process: /proc/PID/mem, process_vm_readv(2), process_vm_writev(2); and
 * kcmp(2). */
#include "tracing.h"

#include <linux/kcmp.h>

static volatile long variable = 11;
static volatile long *constant; /* in a page that may only be read */

static void make_constant(void)
{
	constant = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*constant = 22;
	mprotect((void *)constant, 4096, PROT_READ);
}

static long *shared_read_only;

static void looks(void)
{
	raise(SIGUSR1);
	say("tracee: %ld %ld", variable, *constant);
}

static int open_mem(pid_t pid, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, flags);
}

static void proc_mem(void)
{
	pid_t pid;
	long word = 33, again = 0;
	int fd;

	say("-- /proc/PID/mem");
	shared_read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = start_traced(looks);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	fd = open_mem(pid, O_RDWR);
	say_whether("open", fd);
	say_result("read", pread(fd, &again, sizeof(again), (off_t)&variable));
	say("%ld", again);
	say_result("write", pwrite(fd, &word, sizeof(word), (off_t)&variable));
	say_result("write a constant", pwrite(fd, &word, sizeof(word), (off_t)constant));
	say_result("write shared memory", pwrite(fd, &word, sizeof(word), (off_t)shared_read_only));
	say_result("read nothing mapped", pread(fd, &again, sizeof(again), 16));
	say_whether("seek", lseek(fd, (off_t)&variable, SEEK_SET));
	say_result("read there", read(fd, &again, sizeof(again)));
	say("%ld", again);
	say_result("seek to the end", lseek(fd, 0, SEEK_END));
	say("here: %ld %ld", variable, *constant);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	say_result("it has ended", pread(fd, &again, sizeof(again), (off_t)&variable));
	close(fd);
	say_whether("open what is gone", open_mem(pid, O_RDONLY));
	fd = open_mem(getpid(), O_RDWR);
	say_result("our own constant", pwrite(fd, &word, sizeof(word), (off_t)constant));
	say("here: %ld", *constant);
	close(fd);
}

static char buffer[3 * 4096], far[3 * 4096];

static void waits(void)
{
	raise(SIGSTOP);
	say("child: %c %c", buffer[0], buffer[5000]);
}

static void process_vm(void)
{
	pid_t pid;
	struct iovec local[2] = {{far, 10}, {far + 100, 20}},
		     remote[2] = {{buffer, 4}, {buffer + 4000, 200}};
	struct iovec bad = {(void *)16, 8}, none = {far, 0}, huge = {far, (size_t)-1};
	int status;

	say("-- process_vm_readv");
	memset(buffer, 'b', sizeof(buffer));
	pid = must_fork();
	if (pid == 0) {
		waits();
		_exit(0);
	}
	waitpid(pid, &status, WUNTRACED);
	memset(far, 'f', sizeof(far));
	say_result("read", process_vm_readv(pid, local, 2, remote, 2, 0));
	say("%c %c %c %c", far[9], far[10], far[119], far[120]);
	local[0] = (struct iovec){far, sizeof(far)};
	remote[0] = (struct iovec){buffer, sizeof(buffer)};
	memset(far, 'f', sizeof(far));
	say_result("write", process_vm_writev(pid, local, 1, remote, 1, 0));
	say("here: %c", buffer[0]);
	say_result("bad remote address", process_vm_readv(pid, local, 1, &bad, 1, 0));
	say_result("bad local address", process_vm_readv(pid, &bad, 1, remote, 1, 0));
	remote[0].iov_len = 8;
	remote[1] = bad;
	say_result("then a bad one", process_vm_readv(pid, local, 1, remote, 2, 0));
	say_result("flags", process_vm_readv(pid, local, 1, remote, 1, 1));
	say_result("nothing", process_vm_readv(pid, &none, 1, remote, 1, 0));
	say_result("too many", process_vm_readv(pid, local, 1025, remote, 1, 0));
	say_result("too many there", process_vm_readv(pid, local, 1, remote, 1025, 0));
	say_result("a bad length", process_vm_readv(pid, &huge, 1, remote, 1, 0));
	say_result("nobody", process_vm_readv(4000000, local, 1, remote, 1, 0));
	say_result("read-only",
		   process_vm_writev(pid, local, 1, &(struct iovec){(void *)constant, 8}, 1, 0));
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	say_status("child", status);
}

static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
	return syscall(SYS_kcmp, a, b, type, x, y);
}

static void comparisons(void)
{
	int fd = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY), copy = dup(fd);
	pid_t me = getpid(), pid = must_fork();
	long forth, back;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	say("-- kcmp");
	say_result("a copy", kcmp(me, me, KCMP_FILE, fd, copy));
	say_result("inherited", kcmp(me, pid, KCMP_FILE, fd, fd));
	forth = kcmp(me, me, KCMP_FILE, fd, other);
	back = kcmp(me, me, KCMP_FILE, other, fd);
	say("another: %d, an order: %d", forth != 0, forth + back == 3);
	say_result("closed", kcmp(me, me, KCMP_FILE, fd, 999));
	say_result("own memory", kcmp(me, me, KCMP_VM, 0, 0));
	say("child's memory: %d", kcmp(me, pid, KCMP_VM, 0, 0) != 0);
	say("child's files: %d", kcmp(me, pid, KCMP_FILES, 0, 0) != 0);
	say("child's handlers: %d", kcmp(me, pid, KCMP_SIGHAND, 0, 0) != 0);
	say_result("io", kcmp(me, pid, KCMP_IO, 0, 0));
	say_result("semaphores", kcmp(me, pid, KCMP_SYSVSEM, 0, 0));
	say_result("bad type", kcmp(me, me, 99, 0, 0));
	say_result("nobody", kcmp(me, 4000000, KCMP_VM, 0, 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	alarm(60);
	make_constant();
	proc_mem();
	process_vm();
	comparisons();
	return 0;
}
