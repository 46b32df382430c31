/* vfork(2): the child borrows the parent's memory, and the parent waits until it is given back. */
#include "check.h"

static volatile int value;

static void check_exit(void)
{
	value = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		value = 2;
		_exit(5);
	}
	say("after the child's exit: value %d", value);
	reap("vfork and exit", pid);
}

static void check_parent_waits(void)
{
	struct timespec pause = {.tv_nsec = 100000000};

	value = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		syscall(SYS_nanosleep, &pause, NULL);
		value = 3; /* the parent would have looked long before */
		_exit(0);
	}
	say("after a slow child: value %d", value);
	reap("slow child", pid);
}

static void check_exec(const char *self)
{
	char *const argv[] = {(char *)self, "exit", "9", NULL};
	char *const envp[] = {NULL};

	value = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		value = 4;
		execve(self, argv, envp);
		_exit(100);
	}
	say("after exec: value %d", value);
	reap("vfork and exec", pid);
}

static void check_failed_exec(void)
{
	char *const argv[] = {"x", NULL};
	char *const envp[] = {NULL};

	value = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/no/such/program", argv, envp);
		value = errno;
		_exit(127);
	}
	say("a failed exec left: %s", error_name(value));
	reap("failed exec", pid);
}

static void check_killed(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		kill(getpid(), SIGKILL);
		for (;;)
			;
	}
	reap("killed child", pid);
}

/* The waiting parent itself can be killed: it must not wait for the child. */
static void check_parent_killed(void)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		pid_t grandchild = vfork();
		if (grandchild == 0) {
			struct timespec pause = {.tv_sec = 2};
			if (write(ready.fd[1], "x", 1) != 1)
				_exit(1);
			syscall(SYS_nanosleep, &pause, NULL);
			_exit(0);
		}
		_exit(grandchild > 0 ? 0 : 1);
	}
	gate_wait(&ready);
	kill(pid, SIGKILL);
	reap("killed while waiting for its vfork child", pid);
}

/* Memory made before vfork() is the same memory afterwards; descriptors are not shared. */
static void check_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY);
	pid_t pid = vfork();

	if (pid == 0) {
		close(fd);
		_exit(0);
	}
	reap("child that closes", pid);
	WHETHER(fcntl(fd, F_GETFD));
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return atoi(argv[2]);
	check_exit();
	check_parent_waits();
	check_exec(argv[0]);
	check_failed_exec();
	check_killed();
	check_parent_killed();
	check_descriptors();
	return 0;
}
