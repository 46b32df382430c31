/* Set-user-id programs: what their caller may leave behind for them, and what it may not. */
#include "attack.h"

#include <pthread.h>
#include <sys/auxv.h>

#define FOLDER "/tmp/setid_exec"
#define HELPER FOLDER "/helper"

/* ---- what the helper, exec'ed from a file of root's, finds ---- */

static void helper_state(void)
{
	struct rlimit stack;
	int death = -1;

	getrlimit(RLIMIT_STACK, &stack);
	prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
	say("uid %d euid %d gid %d egid %d secure %lu", getuid(), geteuid(), getgid(), getegid(),
	    getauxval(AT_SECURE));
	say("dumpable %d, death signal %d", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death);
	if (stack.rlim_cur == RLIM_INFINITY)
		say("stack unlimited");
	else
		say("stack %lu KiB", (unsigned long)stack.rlim_cur >> 10);
	WHETHER(open(FOLDER "/secret", O_RDONLY));
}

/* With rights: nothing outside may move the working directory. */
static void helper_directory(void)
{
	char path[256];

	if (geteuid() != 0)
		_exit(0);
	MUST(chdir("/"));
	for (int i = 0; i < 200; i++) {
		sched_yield();
		if (!getcwd(path, sizeof(path)) || strcmp(path, "/") != 0)
			_exit(77);
	}
	_exit(0);
}

/* With rights: a descriptor opened now is in no other process's table. */
static void helper_files(int fd)
{
	if (geteuid() != 0)
		_exit(0);
	MUST(dup2(open(FOLDER "/secret", O_RDONLY), 100));
	for (int i = 0; i < 50; i++)
		sched_yield();
	(void)!write(fd, "x", 1);
	sleep_ms(20);
	_exit(0);
}

static void helper_uid(void)
{
	say("euid %d", geteuid());
}

/* ---- the state that exec leaves ---- */

static void look(void)
{
	execl(HELPER, HELPER, "state", NULL);
	say("exec: %s", error_name(errno));
}

static void prepared(void)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_STACK, &unlimited);
	prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
	look();
}

static void without_new_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	look();
}

static void sharing_directory(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		sleep_ms(100);
		_exit(0);
	}
	look();
}

static void sharing_files(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		sleep_ms(100);
		_exit(0);
	}
	look();
}

/* The leader has ended: it still counts as a thread, and uses no directory any more. */
static void *outlives_leader(void *unused)
{
	(void)unused;
	sleep_ms(20);
	sharing_directory();
	_exit(1);
}

static void sharing_without_leader(void)
{
	pthread_t t;

	pthread_create(&t, NULL, outlives_leader, NULL);
	pthread_exit(NULL);
}

/* A thread that has been joined shares nothing any more, however long the rest of its end takes:
 * here a large file of its own is freed. */
static void *with_a_large_file(void *unused)
{
	int fd;

	(void)unused;
	MUST(syscall(SYS_unshare, CLONE_FILES));
	fd = syscall(SYS_memfd_create, "large", 0);
	MUST(fd);
	MUST(fallocate(fd, 0, 0, 32 << 20));
	return NULL;
}

static void after_a_join(void)
{
	pthread_t t;

	pthread_create(&t, NULL, with_a_large_file, NULL);
	pthread_join(t, NULL);
	execl(HELPER, HELPER, "has_rights", NULL);
}

#define JOINS 20
static void many_joins(void)
{
	int with = 0;

	for (int i = 0; i < JOINS; i++) {
		int status;
		pid_t pid = must_fork();

		if (pid == 0) {
			become(USER);
			after_a_join();
			_exit(1);
		}
		waitpid(pid, &status, 0);
		with += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	say("%d of %d had the rights", with, JOINS);
}

static void real_and_effective(void)
{
	execl(HELPER, HELPER, "again", NULL);
}

static void states(const char *what, mode_t mode)
{
	say("%s", what);
	MUST(chown(HELPER, 0, 0));
	MUST(chmod(HELPER, mode));
	as_user("plain", look);
	as_user("with limits and a death signal", prepared);
	as_user("no_new_privs", without_new_privileges);
	as_user("directory shared", sharing_directory);
	as_user("descriptors shared", sharing_files);
	as_user("directory shared, leader gone", sharing_without_leader);
}

/* ---- races ---- */

static long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int shared;
static long join_at;
static void *join_late(void *unused)
{
	pin(1);
	while (now_us() < join_at)
		;
	if (syscall(SYS_clone, shared | SIGCHLD, 0, 0, 0, 0) == 0) {
		for (int i = 0; i < 300; i++) {
			(void)!chdir("/tmp");
			if (fcntl(100, F_GETFD) >= 0)
				_exit(kill(getppid(), SIGUSR2));
			sched_yield();
		}
		_exit(0);
	}
	pause();
	return unused;
}

/* Execs while another thread makes a process that shares what exec looked at: a little later each
 * time. */
static void join_meanwhile(const char *what)
{
	int moved = 0, stolen = 0, status, p[2];
	long until = now_us() + 8000000;
	char fd[8];

	for (int i = 0; i < 150 && now_us() < until; i++) {
		MUST(pipe(p));
		pid_t pid = must_fork();

		if (pid == 0) {
			pthread_t t;

			snprintf(fd, sizeof(fd), "%d", p[1]);
			join_at = now_us() + 2000 + i * 8;
			pthread_create(&t, NULL, join_late, NULL);
			pin(0);
			while (now_us() < join_at - i * 8)
				;
			execl(HELPER, HELPER, what, fd, NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		moved += WIFEXITED(status) && WEXITSTATUS(status) == 77;
		stolen += WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2;
		close(p[0]);
		close(p[1]);
	}
	say("%s: moved %d, stolen %d", what, moved, stolen);
}

static void join_directory(void)
{
	shared = CLONE_FS;
	join_meanwhile("directory");
}

static void join_files(void)
{
	shared = CLONE_FILES;
	join_meanwhile("files");
}

/* Root gives the file away and takes it back, and marks it while it is the user's. */
static void chown_forever(const char *path)
{
	for (;;) {
		(void)!chown(path, USER, -1);
		chmod(path, 04755);
		(void)!chown(path, 0, -1);
	}
}

static void exec_own_program(void)
{
	volatile int won = 0;

	pin(0);
	volatile long until = now_us() + 8000000;
	for (volatile int i = 0; i < 4000 && now_us() < until; i++) {
		pid_t pid = vfork();
		int status;

		if (pid == 0) {
			execl(HELPER, HELPER, "won", NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			won++;
	}
	say("root's rights by the own program: %d", won);
}

static void check_chown_race(void)
{
	pid_t root;

	MUST(chown(HELPER, USER, -1));
	root = must_fork();
	if (root == 0) {
		pin(1);
		chown_forever(HELPER);
	}
	as_user("exec of a file that changes hands", exec_own_program);
	kill(root, SIGKILL);
	waitpid(root, NULL, 0);
}

static int helper(char **argv)
{
	if (strcmp(argv[1], "state") == 0)
		helper_state();
	else if (strcmp(argv[1], "directory") == 0)
		helper_directory();
	else if (strcmp(argv[1], "files") == 0)
		helper_files(atoi(argv[2]));
	else if (strcmp(argv[1], "won") == 0)
		return geteuid() == 0 ? 77 : 0;
	else if (strcmp(argv[1], "has_rights") == 0)
		return geteuid() != 0;
	else if (strcmp(argv[1], "again") == 0)
		look();
	helper_uid();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return helper(argv);
	root_folder(FOLDER);
	MUST(close(open(FOLDER "/secret", O_CREAT | O_WRONLY, 0600)));
	copy_self(HELPER, 0, 0, 04755);
	states("set-user-id", 04755);
	states("set-group-id", 02755);
	states("neither", 0755);
	states("neither, not readable", 0711);
	states("set-user-id, not readable", 04711);
	MUST(chmod(HELPER, 04755));
	as_user("exec by a program that has rights", real_and_effective);
	many_joins();
	as_user("sharers of the directory", join_directory);
	as_user("sharers of the descriptors", join_files);
	check_chown_race();
	return 0;
}
