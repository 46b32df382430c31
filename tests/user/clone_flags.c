/* clone(2) and clone3(2): each flag by its effect, and the combinations that are refused. */
#include "check.h"

#include <linux/sched.h>
#include <sys/prctl.h>

#define STACK_SIZE 65536
static char stack[STACK_SIZE] __attribute__((aligned(64)));

static volatile int word;
static int pipe_fd[2];
static volatile pid_t tid_word;

/* The child starts on `stack_top` with nothing of the parent's frame: fn must not return. */
static long clone_with_stack(unsigned long flags, int (*fn)(void *), void *arg,
			     volatile pid_t *ptid, volatile pid_t *ctid, unsigned long tls)
{
	return clone((int (*)(void *))fn, stack + STACK_SIZE, (int)flags, arg, ptid, (void *)tls,
		     ctid);
}

static void finish(const char *what, long pid, int options)
{
	int status;

	if (pid < 0) {
		say("%s: %s", what, error_name(errno));
		return;
	}
	if (waitpid(pid, &status, options) != pid)
		say("%s: waitpid: %s", what, error_name(errno));
	else
		say_status(what, status);
}

static int set_word(void *arg)
{
	word = (int)(long)arg;
	return 3;
}

static void check_vm(void)
{
	word = 1;
	finish("without CLONE_VM", clone_with_stack(SIGCHLD, set_word, (void *)2L, NULL, NULL, 0),
	       0);
	say("word is %d", word);
	finish("CLONE_VM",
	       clone_with_stack(CLONE_VM | SIGCHLD, set_word, (void *)2L, NULL, NULL, 0), 0);
	say("word is %d", word);
}

static int open_one(void *arg)
{
	(void)arg;
	return dup(1) >= 0 ? 0 : 1;
}

static int lowest_free(void)
{
	int fd = dup(1);

	close(fd);
	return fd;
}

static void check_files(void)
{
	int before = lowest_free();

	finish("without CLONE_FILES", clone_with_stack(SIGCHLD, open_one, NULL, NULL, NULL, 0), 0);
	say("descriptors of ours: %d more", lowest_free() - before);
	finish("CLONE_FILES",
	       clone_with_stack(CLONE_FILES | SIGCHLD, open_one, NULL, NULL, NULL, 0), 0);
	say("descriptors of ours: %d more", lowest_free() - before);
	close(before);
}

static int go_to_dev(void *arg)
{
	(void)arg;
	umask(027);
	return chdir("/dev");
}

static void say_fs(void)
{
	char path[64] = "";
	mode_t mask = umask(0);

	umask(mask);
	if (getcwd(path, sizeof(path)) == NULL)
		say("getcwd: %s", error_name(errno));
	say("in %s, umask %03o", path, (unsigned int)mask);
}

static void check_fs(void)
{
	if (chdir("/") != 0)
		_exit(1);
	umask(022);
	finish("without CLONE_FS", clone_with_stack(SIGCHLD, go_to_dev, NULL, NULL, NULL, 0), 0);
	say_fs();
	finish("CLONE_FS", clone_with_stack(CLONE_FS | SIGCHLD, go_to_dev, NULL, NULL, NULL, 0), 0);
	say_fs();
	umask(022);
}

static int ignore_term(void *arg)
{
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	return 0;
}

static void check_sighand(void)
{
	struct sigaction sa;

	finish("CLONE_VM alone",
	       clone_with_stack(CLONE_VM | SIGCHLD, ignore_term, NULL, NULL, NULL, 0), 0);
	sigaction(SIGTERM, NULL, &sa);
	say("SIGTERM %s", sa.sa_handler == SIG_IGN ? "ignored" : "not ignored");
	finish("CLONE_SIGHAND",
	       clone_with_stack(CLONE_VM | CLONE_SIGHAND | SIGCHLD, ignore_term, NULL, NULL, NULL,
				0),
	       0);
	sigaction(SIGTERM, NULL, &sa);
	say("SIGTERM %s", sa.sa_handler == SIG_IGN ? "ignored" : "not ignored");
	signal(SIGTERM, SIG_DFL);
}

static int check_own_tid(void *arg)
{
	(void)arg;
	return tid_word == (pid_t)syscall(SYS_gettid) ? 0 : 1;
}

static void check_tids(void)
{
	volatile pid_t parent_word = 0;
	long pid;

	pid = clone_with_stack(CLONE_PARENT_SETTID | SIGCHLD, set_word, NULL, &parent_word, NULL,
			       0);
	say("CLONE_PARENT_SETTID stored the pid: %s", parent_word == pid ? "yes" : "NO");
	finish("child", pid, 0);
	tid_word = 0;
	pid = clone_with_stack(CLONE_CHILD_SETTID | SIGCHLD, check_own_tid, NULL, NULL, &tid_word,
			       0);
	finish("CLONE_CHILD_SETTID", pid, 0);
	say("our copy: %s", tid_word == 0 ? "untouched" : "CHANGED");
	tid_word = 77;
	pid = clone_with_stack(CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, set_word, NULL, NULL,
			       &tid_word, 0);
	finish("CLONE_CHILD_CLEARTID", pid, 0);
	say("cleared at exit: %s", tid_word == 0 ? "yes" : "NO");
	tid_word = 77;
	pid = clone_with_stack(CLONE_CHILD_CLEARTID | SIGCHLD, set_word, NULL, NULL, &tid_word, 0);
	finish("CLONE_CHILD_CLEARTID without CLONE_VM", pid, 0);
	say("our copy: %s", tid_word == 77 ? "untouched" : "CHANGED");
}

static int report_parent(void *arg)
{
	return getppid() == (pid_t)(long)arg ? 0 : 1;
}

static void check_parent(void)
{
	/* The grandchild is our own child: it has the same parent as the one that made it. */
	struct gate made = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		long sibling = clone_with_stack(CLONE_PARENT | SIGCHLD, report_parent,
						(void *)(long)getppid(), NULL, NULL, 0);
		if (write(made.fd[1], &sibling, sizeof(sibling)) != sizeof(sibling))
			_exit(1);
		say_whether("its maker waits for it", waitpid(sibling, NULL, 0));
		_exit(0);
	}
	long sibling = 0;
	if (read(made.fd[0], &sibling, sizeof(sibling)) != sizeof(sibling))
		_exit(1);
	finish("maker", pid, 0);
	finish("CLONE_PARENT", sibling, __WALL);
}

static void check_exit_signal(void)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	finish("SIGUSR2 as exit signal", clone_with_stack(SIGUSR2, set_word, NULL, NULL, NULL, 0),
	       __WCLONE);
	sigpending(&pending);
	say("pending: SIGUSR2 %d, SIGCHLD %d", sigismember(&pending, SIGUSR2),
	    sigismember(&pending, SIGCHLD));
}

static void check_vfork_flag(void)
{
	word = 1;
	long pid = clone_with_stack(CLONE_VM | CLONE_VFORK | SIGCHLD, set_word, (void *)9L, NULL,
				    NULL, 0);
	say("CLONE_VFORK: when clone() is back, word is %d", word);
	finish("vforked", pid, 0);
}

static volatile int thread_facts;
static pid_t main_pid, main_tid;

static int thread_body(void *arg)
{
	(void)arg;
	int facts = 0;

	if (syscall(SYS_getpid) == main_pid)
		facts |= 1;
	if (syscall(SYS_gettid) != main_tid)
		facts |= 2;
	if (syscall(SYS_getppid) == syscall(SYS_getppid))
		facts |= 4;
	thread_facts = facts;
	syscall(SYS_exit, 5); /* this thread alone */
	return 0;
}

static void check_thread(void)
{
	main_pid = getpid();
	main_tid = syscall(SYS_gettid);
	tid_word = 1;
	long tid = clone_with_stack(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
					    CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
				    thread_body, NULL, NULL, &tid_word, 0);
	if (tid < 0) {
		say("CLONE_THREAD: %s", error_name(errno));
		return;
	}
	say_whether("a thread is nobody's child", waitpid(tid, NULL, __WALL));
	while (tid_word != 0)
		sched_yield();
	say("CLONE_THREAD: same pid %d, other tid %d", thread_facts & 1, thread_facts >> 1 & 1);
}

static void refused(const char *what, unsigned long flags)
{
	long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	say("clone %s: %s", what, pid == -1 ? error_name(errno) : "NOT refused");
	if (pid > 0)
		waitpid(pid, NULL, __WALL);
}

static void check_refused(void)
{
	refused("SIGHAND without VM", CLONE_SIGHAND | SIGCHLD);
	refused("THREAD without SIGHAND", CLONE_THREAD | SIGCHLD);
	refused("THREAD and VM without SIGHAND", CLONE_THREAD | CLONE_VM | SIGCHLD);
	refused("THREAD and SIGHAND without VM", CLONE_THREAD | CLONE_SIGHAND);
	refused("NEWNS and FS", CLONE_NEWNS | CLONE_FS | SIGCHLD);
	refused("NEWUSER and FS", CLONE_NEWUSER | CLONE_FS | SIGCHLD);
	refused("NEWIPC and SYSVSEM", CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD);
	refused("NEWPID and THREAD", CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
	refused("PIDFD and PARENT_SETTID", CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD);
}

static void refused3(const char *what, struct clone_args *args, size_t size)
{
	long pid = syscall(SYS_clone3, args, size);

	if (pid == 0)
		_exit(0);
	say("clone3 %s: %s", what, pid == -1 ? error_name(errno) : "NOT refused");
	if (pid > 0)
		waitpid(pid, NULL, __WALL);
}

static void check_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	char longer[sizeof(args) + 8];
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(12);
	finish("clone3", pid, 0);
	pid = syscall(SYS_clone3, &args, 64);
	if (pid == 0)
		_exit(13);
	finish("clone3 of the first version", pid, 0);

	refused3("too short", &args, 56);
	refused3("far too long", &args, 5000);
	refused3("bad pointer", (struct clone_args *)16, sizeof(args));
	memset(longer, 0, sizeof(longer));
	memcpy(longer, &args, sizeof(args));
	pid = syscall(SYS_clone3, longer, sizeof(longer));
	if (pid == 0)
		_exit(14);
	finish("clone3, longer with zeros", pid, 0);
	longer[sizeof(longer) - 1] = 1;
	refused3("longer with something", (struct clone_args *)longer, sizeof(longer));

	args = (struct clone_args){.exit_signal = 65};
	refused3("exit signal 65", &args, sizeof(args));
	args = (struct clone_args){.flags = SIGCHLD};
	refused3("exit signal in the flags", &args, sizeof(args));
	args = (struct clone_args){.flags = 1ULL << 40};
	refused3("unknown flag", &args, sizeof(args));
	args = (struct clone_args){.flags = CLONE_DETACHED, .exit_signal = SIGCHLD};
	refused3("CLONE_DETACHED", &args, sizeof(args));
	args = (struct clone_args){.exit_signal = SIGCHLD, .stack_size = 4096};
	refused3("stack size without stack", &args, sizeof(args));
	args = (struct clone_args){.exit_signal = SIGCHLD, .stack = (uintptr_t)stack};
	refused3("stack without size", &args, sizeof(args));
	args = (struct clone_args){.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
				   .exit_signal = SIGCHLD};
	refused3("exit signal of a thread", &args, sizeof(args));
	args = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
	refused3("exit signal with CLONE_PARENT", &args, sizeof(args));
	args = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM};
	refused3("SIGHAND and CLEAR_SIGHAND", &args, sizeof(args));
	args = (struct clone_args){.exit_signal = SIGCHLD, .set_tid_size = 33};
	refused3("33 tids", &args, sizeof(args));
	args = (struct clone_args){.exit_signal = SIGCHLD, .set_tid = 16};
	refused3("tids without a number of them", &args, sizeof(args));
}

static void check_detached(void)
{
	finish("CLONE_DETACHED is ignored",
	       clone_with_stack(CLONE_DETACHED | SIGCHLD, set_word, NULL, NULL, NULL, 0), 0);
}

int main(void)
{
	if (pipe(pipe_fd) != 0)
		return 1;
	check_vm();
	check_files();
	in_child("CLONE_FS", check_fs);
	check_sighand();
	check_tids();
	check_parent();
	in_child("exit signal", check_exit_signal);
	check_vfork_flag();
	check_thread();
	check_refused();
	check_clone3();
	check_detached();
	return 0;
}
