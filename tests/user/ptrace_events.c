/* Fork, vfork, clone, exec and exit under a tracer: ptrace(2), "PTRACE_EVENT stops". */
#include "tracing.h"

#include <pthread.h>

#define ALL_EVENTS                                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)

static unsigned long message(pid_t pid)
{
	unsigned long word = 0;

	if (trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&word))
		say("no message: %s", error_name(errno));
	return word;
}

static void go_on(pid_t pid)
{
	if (trace(PTRACE_CONT, pid, 0, 0))
		say("go on: %s", error_name(errno));
}

/* ---- what the tracees do ---- */

static void forks(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(3);
	waitpid(pid, &status, 0);
	say("tracee: child exited with %d", WEXITSTATUS(status));
	_exit(4);
}

static void vforks(void)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0)
		_exit(5);
	waitpid(pid, &status, 0);
	say("tracee: child exited with %d", WEXITSTATUS(status));
	_exit(6);
}

static void clones(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0); /* no exit signal: "clone" */
	int status;

	if (pid == 0)
		_exit(7);
	waitpid(pid, &status, __WALL);
	say("tracee: child exited with %d", WEXITSTATUS(status));
	_exit(8);
}

static void untraced(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
	int status;

	if (pid == 0)
		_exit(9);
	waitpid(pid, &status, 0);
	say("tracee: child exited with %d", WEXITSTATUS(status));
}

static int child_number[2];

static void traced_clone(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(10);
	if (write(child_number[1], &pid, sizeof(pid)) != sizeof(pid))
		_exit(94);
	_exit(wait(NULL) == pid ? 14 : 15);
}

static char *self;

static void executes(void)
{
	char *argv[] = {self, "exit", NULL}, *envp[] = {NULL};

	execve("/nonexistent", argv, envp);
	execve(self, argv, envp);
}

/* ---- one parent, one child ---- */

/* Follow a parent and the child that it makes: every stop of the one, then of the other. */
static void follow(const char *what, void (*fn)(void), bool seized, unsigned long options)
{
	pid_t pid, child;
	int status;

	say("-- %s, %s", what, seized ? "seized" : "traced by its parent");
	if (seized) {
		pid = start_seized(fn, options);
	} else {
		pid = start_traced(fn);
		trace(PTRACE_SETOPTIONS, pid, 0, options);
		go_on(pid);
	}
	for (;;) {
		status = see("parent", pid);
		if (!WIFSTOPPED(status))
			break;
		int event = status >> 16;
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		    event == PTRACE_EVENT_CLONE) {
			child = (pid_t)message(pid);
			see("child", child);
			siginfo_t info = {0};
			trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info);
			say("child: code %#x", info.si_code);
			go_on(child);
			if (options & PTRACE_O_TRACEEXIT) {
				see("child", child);
				say("exit message %#lx", message(child));
				go_on(child);
			}
			see("child", child);
		} else if (event == PTRACE_EVENT_EXIT) {
			say("exit message %#lx", message(pid));
		} else if (event == PTRACE_EVENT_EXEC) {
			say("exec message is its tid: %d", message(pid) == (unsigned long)pid);
		}
		go_on(pid);
	}
}

/* CLONE_PTRACE: the child is traced although no event was asked for. */
static void clone_ptrace(void)
{
	pid_t pid, child;

	if (pipe(child_number))
		return;
	pid = start_traced(traced_clone);
	say("-- CLONE_PTRACE");
	go_on(pid);
	if (read(child_number[0], &child, sizeof(child)) != sizeof(child))
		return;
	see("child", child);
	go_on(child);
	see("child", child);
	see("parent", pid);
	go_on(pid);
	see("parent", pid);
}

/* ---- threads ---- */

static void *thread_exec(void *arg)
{
	(void)arg;
	executes();
	return NULL;
}

static void exec_in_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread_exec, NULL);
	pthread_join(t, NULL);
}

static void exec_of_a_thread(void)
{
	pid_t pid = start_seized(exec_in_thread, ALL_EVENTS), tid;
	int status;

	say("-- exec by a thread");
	see("leader", pid);
	tid = (pid_t)message(pid);
	see("thread", tid);
	go_on(pid);
	go_on(tid);
	/* The leader is killed by the exec: its exit stop; then it is the thread's number, too. */
	see("leader", pid);
	say("exit message %#lx", message(pid));
	go_on(pid);
	status = see("leader", pid);
	say("event %d, message is the thread's id: %d", status >> 16,
	    message(pid) == (unsigned long)tid);
	say_result("the thread's id", trace(PTRACE_CONT, tid, 0, 0));
	go_on(pid);
	see("leader", pid);
	go_on(pid);
	see("leader", pid);
	say_result("wait for the thread's id", waitpid(tid, &status, __WALL));
}

static int barrier_pipe[2];

static void *thread_ends(void *arg)
{
	char c;

	(void)arg;
	if (read(barrier_pipe[0], &c, 1) != 1)
		say("no byte");
	return NULL;
}

static void ends_thread(void)
{
	pthread_t t;

	if (pipe(barrier_pipe))
		_exit(95);
	pthread_create(&t, NULL, thread_ends, NULL);
	if (write(barrier_pipe[1], "x", 1) != 1)
		say("no write");
	pthread_join(t, NULL);
}

static void end_of_a_thread(void)
{
	pid_t pid = start_seized(ends_thread, PTRACE_O_TRACECLONE), tid;

	say("-- end of a thread");
	see("leader", pid);
	tid = (pid_t)message(pid);
	see("thread", tid);
	go_on(tid);
	go_on(pid);
	see("thread", tid);
	see("leader", pid);
}

/* ---- a fork's child stops by SIGSTOP or an event, and then its own tracer's options are there
 * ---- */

static void forks_twice(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0)
			_exit(11);
		wait(NULL);
		_exit(12);
	}
	waitpid(pid, NULL, 0);
}

static void grandchildren(void)
{
	pid_t pid = start_seized(forks_twice, PTRACE_O_TRACEFORK), child, grandchild;

	say("-- grandchildren");
	see("parent", pid);
	child = (pid_t)message(pid);
	see("child", child);
	go_on(child);
	see("child", child);
	grandchild = (pid_t)message(child);
	see("grandchild", grandchild);
	go_on(grandchild);
	see("grandchild", grandchild);
	go_on(child);
	go_on(pid);
	see("child", child); /* SIGCHLD */
	go_on(child);
	see("child", child);
	see("parent", pid);
	go_on(pid);
	see("parent", pid);
}

/* ---- the tracer ends ---- */

static void pauses(void)
{
	for (;;)
		pause();
}

static void tracer_ends(bool kill_them)
{
	int ids[2];
	pid_t tracer, tracee = 0;

	say("-- the tracer ends%s", kill_them ? ", with EXITKILL" : "");
	if (pipe(ids))
		return;
	tracee = fork();
	if (tracee == 0)
		pauses();
	tracer = fork();
	if (tracer == 0) {
		trace(PTRACE_SEIZE, tracee, 0, kill_them ? PTRACE_O_EXITKILL : 0);
		trace(PTRACE_INTERRUPT, tracee, 0, 0);
		see("tracee", tracee);
		_exit(0);
	}
	see("tracer", tracer);
	if (!kill_them) {
		usleep(20000);
		say("still there: %d", kill(tracee, 0) == 0);
		kill(tracee, SIGTERM);
	}
	see("tracee", tracee);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 13;
	self = realpath("/proc/self/exe", NULL);
	(void)argv;
	alarm(60);
	for (int seized = 0; seized < 2; seized++) {
		follow("fork", forks, seized, ALL_EVENTS);
		follow("fork, no exit events", forks, seized, PTRACE_O_TRACEFORK);
		follow("vfork", vforks, seized, ALL_EVENTS);
		follow("clone", clones, seized, ALL_EVENTS);
		follow("CLONE_UNTRACED", untraced, seized, ALL_EVENTS);
		follow("exec", executes, seized, ALL_EVENTS);
		follow("exec without the option", executes, seized, 0);
	}
	clone_ptrace();
	exec_of_a_thread();
	end_of_a_thread();
	grandchildren();
	tracer_ends(false);
	tracer_ends(true);
	return 0;
}
