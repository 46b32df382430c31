/* Whom wait(2) reports a tracee to, and in which order: ptrace(2), wait(2). */
#include "tracing.h"

#include <pthread.h>

static void pauses(void)
{
	for (;;)
		pause();
}

/* The state that waitid(2) sees, without taking it if `keep`. */
static void look(const char *who, pid_t pid, int options)
{
	siginfo_t info = {0};
	int ret = waitid(P_PID, (id_t)pid, &info, options | WNOHANG);

	if (ret)
		say("%s: %s", who, error_name(errno));
	else if (!info.si_pid)
		say("%s: nothing", who);
	else
		say("%s: code %d, status %#x", who, info.si_code, info.si_status);
}

/* ---- options ---- */

static void options(void)
{
	pid_t pid = start_seized(pauses, PTRACE_O_TRACESYSGOOD);

	say("-- options of wait");
	trace(PTRACE_INTERRUPT, pid, 0, 0);
	usleep(20000);
	look("only ends", pid, WEXITED | WNOWAIT);
	look("stops", pid, WSTOPPED | WNOWAIT);
	look("stops again", pid, WSTOPPED);
	look("it is taken", pid, WSTOPPED | WEXITED);
	trace(PTRACE_CONT, pid, 0, 0);
	trace(PTRACE_INTERRUPT, pid, 0, 0);
	usleep(20000);
	look("clones", pid, WSTOPPED | __WCLONE);
	trace(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGKILL);
	usleep(20000);
	look("end", pid, WEXITED | WNOWAIT);
	look("end", pid, WEXITED);
	look("gone", pid, WEXITED);
}

/* ---- another process is the parent ---- */

static int ids[2];

static void stranger(void)
{
	pid_t parent, pid;
	int from_parent[2], status;
	char c;

	say("-- the parent is another process");
	if (pipe(ids) || pipe(from_parent))
		return;
	parent = fork();
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0)
			pauses();
		if (write(ids[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		/* A stop of the group is the parent's too. */
		waitpid(child, &status, WUNTRACED);
		c = WIFSTOPPED(status) ? (char)WSTOPSIG(status) : 0;
		if (write(from_parent[1], &c, 1) != 1)
			_exit(2);
		waitpid(child, &status, 0);
		_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 99);
	}
	if (read(ids[0], &pid, sizeof(pid)) != sizeof(pid))
		return;
	trace(PTRACE_SEIZE, pid, 0, 0);
	kill(pid, SIGTSTP);
	see("tracer", pid);
	trace(PTRACE_CONT, pid, 0, SIGSTOP);
	see("tracer", pid);
	if (read(from_parent[0], &c, 1) != 1)
		say("no byte");
	say("its parent saw it stopped by %s", signal_name(c));
	trace(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGKILL);
	usleep(50000);
	say("-- the tracer takes the end first");
	see("tracer", pid);
	see("parent itself", parent);
	look("no tracee any more", pid, WEXITED);
}

/* ---- the tracer detaches from, or leaves, what has ended ---- */

static void left_zombie(void)
{
	pid_t parent, pid, tracer;
	int status, go[2];
	char c;

	if (pipe(ids) || pipe(go))
		return;
	parent = fork();
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0)
			pauses();
		if (write(ids[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		usleep(20000);
		say("parent, while it is traced: %d", waitpid(child, &status, WNOHANG));
		waitpid(child, &status, 0);
		say_stop("parent", status);
		_exit(0);
	}
	if (read(ids[0], &pid, sizeof(pid)) != sizeof(pid))
		return;
	tracer = fork();
	if (tracer == 0) {
		trace(PTRACE_SEIZE, pid, 0, 0);
		kill(pid, SIGTERM);
		see("tracer", pid);
		trace(PTRACE_CONT, pid, 0, SIGTERM);
		usleep(20000);
		if (write(go[1], "x", 1) != 1)
			_exit(3);
		usleep(60000);
		_exit(0); /* without a wait */
	}
	waitpid(tracer, &status, 0);
	see("parent itself", parent);
}

/* ---- a wait for any child, the last of which has ended but is the tracer's first ---- */

static int any_child(void)
{
	int status;

	say("-- the parent waits for any child");
	say("at once: %d", waitpid(-1, &status, WNOHANG));
	return waitpid(-1, &status, 0) > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 99;
}

static void last_child(void)
{
	pid_t parent, pid;
	siginfo_t info;
	int go[2];
	char c;

	if (pipe(ids) || pipe(go))
		return;
	parent = fork();
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0)
			pauses();
		if (write(ids[1], &child, sizeof(child)) != sizeof(child) ||
		    read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(any_child());
	}
	if (read(ids[0], &pid, sizeof(pid)) != sizeof(pid))
		return;
	trace(PTRACE_SEIZE, pid, 0, 0);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	if (write(go[1], "x", 1) != 1)
		return;
	usleep(50000);
	see("tracer", pid);
	see("parent itself", parent);
}

/* ---- threads of the tracer ---- */

static pid_t tracee;

static void *other_thread(void *arg)
{
	int status;

	(void)arg;
	say("another thread, its own only: %s",
	    waitpid(tracee, &status, __WNOTHREAD | WNOHANG) == -1 ? error_name(errno) : "found");
	say("another thread: %d", waitpid(tracee, &status, __WALL) == tracee);
	say("its request: %s", trace(PTRACE_CONT, tracee, 0, 0) ? error_name(errno) : "ok");
	return NULL;
}

static void threads(void)
{
	pthread_t t;

	tracee = start_seized(pauses, 0);
	say("-- threads of the tracer");
	trace(PTRACE_INTERRUPT, tracee, 0, 0);
	pthread_create(&t, NULL, other_thread, NULL);
	pthread_join(t, NULL);
	say_result("ours", trace(PTRACE_CONT, tracee, 0, 0));
	kill(tracee, SIGKILL);
	see("tracee", tracee);
}

/* ---- SIGCHLD ---- */

static volatile int seen_code, seen_status;

static void on_child(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	seen_code = info->si_code;
	seen_status = info->si_status;
}

/* The signal comes a moment after the stop. */
static void say_seen(void)
{
	usleep(10000);
	say("code %d, status %d", seen_code, seen_status);
}

/* The status in SIGCHLD is 0 once the parent has waited for the stop. */
static void seize_stopped(bool waited)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		pauses();
	kill(pid, SIGSTOP);
	if (waited)
		waitpid(pid, &status, WUNTRACED);
	else
		waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WSTOPPED | WNOWAIT);
	say_seen();
	seen_code = 0;
	say_result(waited ? "seize after a wait" : "seize", trace(PTRACE_SEIZE, pid, 0, 0));
	see("tracee", pid);
	say_seen();
	kill(pid, SIGKILL);
	see("tracee", pid);
}

static void signals(void)
{
	struct sigaction sa = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	pid = start_seized(pauses, 0);
	say("-- SIGCHLD");
	trace(PTRACE_INTERRUPT, pid, 0, 0);
	see("tracee", pid);
	say_seen();
	trace(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGUSR1);
	see("tracee", pid);
	say_seen();
	trace(PTRACE_CONT, pid, 0, SIGUSR1);
	see("tracee", pid);
	say_seen();
	seize_stopped(false);
	seize_stopped(true);
	sa.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &sa, NULL);
	seen_code = 0;
	pid = start_seized(pauses, 0);
	trace(PTRACE_INTERRUPT, pid, 0, 0);
	see("tracee", pid);
	say("SA_NOCLDSTOP: code %d", seen_code);
	kill(pid, SIGKILL);
	see("tracee", pid);
	signal(SIGCHLD, SIG_IGN);
	pid = start_seized(pauses, 0);
	kill(pid, SIGKILL);
	see("tracee, SIGCHLD ignored", pid);
	signal(SIGCHLD, SIG_DFL);
}

/* ---- a killed tracee, in each stop ---- */

static void forks_and_ends(void)
{
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	raise(SIGUSR1);
}

static void killed_in_stops(void)
{
	say("-- killed in each of its stops");
	for (int n = 1; n < 12; n++) {
		pid_t pid = start_traced(forks_and_ends), child;
		int status = 0, i;

		trace(PTRACE_SETOPTIONS, pid, 0,
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT);
		for (i = 0; i < n; i++) {
			if (trace(PTRACE_SYSCALL, pid, 0, 0))
				break;
			if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
				break;
			if (status >> 16 == PTRACE_EVENT_FORK) {
				unsigned long word;

				trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&word);
				child = (pid_t)word;
				waitpid(child, &status, __WALL);
				trace(PTRACE_DETACH, child, 0, 0);
			}
		}
		kill(pid, SIGKILL);
		for (;;) {
			if (waitpid(pid, &status, __WALL) != pid)
				break;
			if (!WIFSTOPPED(status))
				break;
			trace(PTRACE_CONT, pid, 0, 0);
		}
		say_stop("killed", status);
	}
}

int main(void)
{
	alarm(60);
	options();
	stranger();
	left_zombie();
	last_child();
	threads();
	signals();
	killed_in_stops();
	return 0;
}
