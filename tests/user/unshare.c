/* unshare(2) and CLOSE_RANGE_UNSHARE: afterwards what one does is not seen by the other. */
#include "check.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sys/sem.h>

#define SHARED (CLONE_FILES | CLONE_FS | CLONE_SYSVSEM)

static pid_t clone_sharing(unsigned long flags)
{
	return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

/* ---- what the parent sees of what its child does ---- */

static void child_acts(unsigned long flags)
{
	if (flags && unshare(flags)) {
		say("  unshare: %s", error_name(errno));
		_exit(1);
	}
	dup2(1, 50);
	close(51);
	if (chdir("/tmp"))
		_exit(1);
	umask(0123);
	_exit(0);
}

static void with(const char *what, unsigned long flags)
{
	char cwd[64];
	mode_t mask;
	pid_t pid;

	say("%s", what);
	if (chdir("/dev"))
		_exit(1);
	umask(022);
	dup2(1, 51);
	pid = clone_sharing(SHARED);
	if (pid == 0)
		child_acts(flags);
	reap("  child", pid);
	mask = umask(022);
	say("  fd 50 %s, fd 51 %s, in %s, umask %03o", fcntl(50, F_GETFD) >= 0 ? "open" : "closed",
	    fcntl(51, F_GETFD) >= 0 ? "open" : "closed", getcwd(cwd, sizeof(cwd)), mask);
	close(50);
	close(51);
}

static void check_parts(void)
{
	with("nothing", 0);
	with("CLONE_FILES", CLONE_FILES);
	with("CLONE_FS", CLONE_FS);
	with("both", CLONE_FILES | CLONE_FS);
	with("CLONE_SYSVSEM", CLONE_SYSVSEM);
	with("CLONE_VM alone", CLONE_VM);
}

/* ---- semaphores: what is undone, and when ---- */

static int value(int id)
{
	return semctl(id, 0, GETVAL);
}

static void add(int id, int n)
{
	struct sembuf op = {.sem_op = n, .sem_flg = SEM_UNDO};

	if (semop(id, &op, 1))
		say("  semop: %s", error_name(errno));
}

static void check_undo(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	struct gate done = gate_make(), go = gate_make();
	pid_t pid;

	semctl(id, 0, SETVAL, 10);
	pid = clone_sharing(CLONE_SYSVSEM);
	if (pid == 0) {
		add(id, 1);
		RESULT(unshare(CLONE_SYSVSEM));
		say("  after unshare: %d", value(id));
		add(id, 5);
		gate_open(&done);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&done);
	say("  now: %d", value(id));
	add(id, 100);
	gate_open(&go);
	reap("  child", pid);
	say("  after it: %d", value(id));
	RESULT(unshare(CLONE_SYSVSEM));
	say("  after ours: %d", value(id));
	semctl(id, 0, IPC_RMID);
}

/* ---- close_range ---- */

static void close_in_child(unsigned int flags)
{
	pid_t pid;

	dup2(1, 60);
	dup2(1, 61);
	pid = clone_sharing(CLONE_FILES);
	if (pid == 0) {
		long r = syscall(SYS_close_range, 60, ~0U, flags);

		say("  close_range: %s, 60 %s", r ? error_name(errno) : "ok",
		    fcntl(60, F_GETFD) < 0            ? "closed"
		    : fcntl(60, F_GETFD) & FD_CLOEXEC ? "cloexec"
						      : "open");
		_exit(0);
	}
	reap("  child", pid);
	say("  60 %s, 61 %s", fcntl(60, F_GETFD) < 0 ? "closed" : "open",
	    fcntl(61, F_GETFD) < 0 ? "closed" : "open");
	say("  cloexec %d", fcntl(61, F_GETFD) == FD_CLOEXEC);
	close(60);
	close(61);
}

static void check_close_range(void)
{
	for (unsigned int flags = 0; flags < 10; flags++) {
		say("flags %u", flags);
		close_in_child(flags);
	}
	RESULT(syscall(SYS_close_range, 5, 4, CLOSE_RANGE_UNSHARE));
}

/* ---- with threads ---- */

static struct gate thread_go, thread_done;
static void *leaves(void *unused)
{
	char cwd[64];

	RESULT(unshare(CLONE_FILES | CLONE_FS));
	RESULT(unshare(CLONE_THREAD));
	RESULT(unshare(CLONE_SIGHAND));
	RESULT(unshare(CLONE_VM));
	RESULT(chdir("/tmp"));
	close(70);
	gate_open(&thread_done);
	gate_wait(&thread_go);
	say("  the thread is in %s", getcwd(cwd, sizeof(cwd)));
	return unused;
}

static void check_threads(void)
{
	pthread_t t;
	char cwd[64];

	thread_go = gate_make();
	thread_done = gate_make();
	RESULT(chdir("/"));
	dup2(1, 70);
	pthread_create(&t, NULL, leaves, NULL);
	gate_wait(&thread_done);
	say("  the other is in %s, fd 70 %s", getcwd(cwd, sizeof(cwd)),
	    fcntl(70, F_GETFD) >= 0 ? "open" : "closed");
	RESULT(unshare(CLONE_THREAD));
	gate_open(&thread_go);
	pthread_join(t, NULL);
	/* The thread is gone, or will be in a moment. */
	for (int i = 0; i < 1000 && unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM); i++)
		sleep_ms(1);
	RESULT(unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
}

static void check_errors(void)
{
	RESULT(unshare(0));
	RESULT(unshare(CLONE_VFORK));
	RESULT(unshare(CLONE_SETTLS));
	RESULT(unshare(CLONE_PARENT));
	RESULT(unshare(SIGCHLD));
	RESULT(syscall(SYS_unshare, 1UL << 40));
	RESULT(unshare(CLONE_FILES));
}

int main(void)
{
	check_parts();
	say("semaphores");
	check_undo();
	check_close_range();
	say("threads");
	in_child("threads", check_threads);
	check_errors();
	return 0;
}
