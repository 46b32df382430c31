/* Stopping and continuing processes. */
#include "check.h"

static int status;

static void check_each_stop_signal(void)
{
	static const int list[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		pid_t pid = must_fork();
		if (pid == 0) {
			setpgid(0, 0);
			kill(getpid(), list[i]);
			_exit(6);
		}
		waitpid(pid, &status, WUNTRACED);
		say_status(signal_name(list[i]), status);
		kill(pid, SIGCONT);
		reap("after SIGCONT", pid);
	}
}

/* A stop that is pending goes away when SIGCONT comes, and the other way round. */
static void check_they_cancel(void)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGTSTP);
	sigpending(&pending);
	TRUTH(sigismember(&pending, SIGTSTP));
	kill(getpid(), SIGCONT);
	sigpending(&pending);
	TRUTH(!sigismember(&pending, SIGTSTP));
	TRUTH(sigismember(&pending, SIGCONT));
	kill(getpid(), SIGTSTP);
	sigpending(&pending);
	TRUTH(!sigismember(&pending, SIGCONT));
	kill(getpid(), SIGCONT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say("not stopped");
}

/* While stopped only SIGKILL and SIGCONT act; the rest waits. */
static void check_signals_while_stopped(void)
{
	pid_t pid = must_fork();

	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGTERM);
	sleep_ms(20);
	say_result("still there", waitpid(pid, &status, WNOHANG));
	kill(pid, SIGCONT);
	reap("after SIGCONT", pid);
}

/* A stop in the middle of a sleep does not shorten it. */
static void check_sleep_goes_on(void)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		struct timespec before, after, pause_time = {.tv_nsec = 300000000};
		clock_gettime(CLOCK_MONOTONIC, &before);
		gate_open(&ready);
		int result = nanosleep(&pause_time, NULL);
		clock_gettime(CLOCK_MONOTONIC, &after);
		long ms = (after.tv_sec - before.tv_sec) * 1000 +
			  (after.tv_nsec - before.tv_nsec) / 1000000;
		say("nanosleep: %d, long enough: %s", result, ms >= 299 ? "yes" : "NO");
		_exit(0);
	}
	gate_wait(&ready);
	sleep_ms(50);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	say_status("sleeper", status);
	kill(pid, SIGCONT);
	reap("sleeper", pid);
}

static void check_wait_goes_on(void)
{
	/* The parent sleeps in waitpid() while it is stopped and continued. */
	struct gate go = gate_make(), ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		pid_t child = must_fork();
		if (child == 0) {
			gate_wait(&go);
			_exit(8);
		}
		gate_open(&ready);
		reap("grandchild", child);
		_exit(0);
	}
	gate_wait(&ready);
	sleep_ms(30);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, &status, WCONTINUED);
	say_status("waiter", status);
	gate_open(&go);
	reap("waiter", pid);
}

static void check_no_stop_notice(void)
{
	/* SA_NOCLDSTOP: no SIGCHLD for stops; wait4 still tells. */
	struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int with = 0; with < 2; with++) {
		sa.sa_flags = with ? SA_NOCLDSTOP : 0;
		sigaction(SIGCHLD, &sa, NULL);
		pid_t pid = must_fork();
		if (pid == 0) {
			raise(SIGSTOP);
			_exit(0);
		}
		siginfo_t info;
		waitid(P_PID, pid, &info, WSTOPPED);
		sigpending(&pending);
		say("%s: SIGCHLD pending %d", with ? "SA_NOCLDSTOP" : "without it",
		    sigismember(&pending, SIGCHLD));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		/* Forget the pending one. */
		signal(SIGCHLD, SIG_IGN);
		signal(SIGCHLD, SIG_DFL);
	}
}

int main(void)
{
	check_each_stop_signal();
	in_child("cancelling", check_they_cancel);
	check_signals_while_stopped();
	check_sleep_goes_on();
	check_wait_goes_on();
	in_child("notices", check_no_stop_notice);
	return 0;
}
