/* signal(7): default actions, ignoring, blocking, what is pending, and what fork and exec keep. */
#include "check.h"

static const char *program;

static int number;

static void raise_it(void)
{
	kill(getpid(), number);
	_exit(50);
}

static void check_default_actions(void)
{
	for (number = 1; number <= 64; number++) {
		if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN ||
		    number == SIGTTOU || number == 32 || number == 33)
			continue; /* these stop; those are the C library's own */
		in_child(signal_name(number), raise_it);
	}
}

static void ignore_it(void)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	if (sigaction(number, &sa, NULL) != 0) {
		say("ignoring %s: %s", signal_name(number), error_name(errno));
		_exit(51);
	}
	kill(getpid(), number);
	_exit(52);
}

static void check_ignoring(void)
{
	static const int list[] = {SIGTERM, SIGINT,  SIGSEGV, SIGTSTP, SIGCHLD,
				   SIGKILL, SIGSTOP, 0,       65,      40};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		number = list[i];
		in_child(signal_name(number), ignore_it);
	}
}

static void check_blocking(void)
{
	sigset_t set, pending, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGKILL); /* silently not blocked */
	RESULT(sigprocmask(SIG_BLOCK, &set, &old));
	TRUTH(!sigismember(&old, SIGUSR1));
	sigprocmask(SIG_BLOCK, NULL, &old);
	TRUTH(sigismember(&old, SIGUSR1));
	TRUTH(!sigismember(&old, SIGKILL));
	sigpending(&pending);
	TRUTH(!sigismember(&pending, SIGUSR1));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigpending(&pending);
	TRUTH(sigismember(&pending, SIGUSR1));
	TRUTH(!sigismember(&pending, SIGTERM));
	pid_t pid = must_fork();
	if (pid == 0) {
		sigpending(&pending);
		say("child: pending SIGUSR1 inherited: %d", sigismember(&pending, SIGUSR1));
		sigprocmask(SIG_BLOCK, NULL, &old);
		say("child: mask inherited: %d", sigismember(&old, SIGTERM));
		_exit(0);
	}
	reap("child", pid);
	/* Ignoring a signal throws away what is pending of it. */
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	TRUTH(!sigismember(&pending, SIGUSR1));
	signal(SIGUSR1, SIG_DFL);
	RESULT(sigprocmask(SIG_UNBLOCK, &set, NULL));
	kill(getpid(), SIGTERM);
	say("not reached");
}

static void check_unblocking_kills(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGHUP);
	say("both wait");
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL); /* the lower number first */
	say("not reached");
}

static void check_bad_mask_calls(void)
{
	sigset_t set;

	sigemptyset(&set);
	RESULT(sigprocmask(99, &set, NULL));
	RESULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
	RESULT(syscall(SYS_rt_sigprocmask, 99, NULL, NULL, 8));
	RESULT(syscall(SYS_rt_sigaction, SIGTERM, NULL, NULL, 4));
	RESULT(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
	RESULT(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
	RESULT(syscall(SYS_rt_sigaction, SIGKILL, NULL, NULL, 8));
	RESULT(syscall(SYS_rt_sigpending, &set, 16));
	RESULT(syscall(SYS_rt_sigsuspend, &set, 4));
}

static void check_kill_errors(void)
{
	RESULT(kill(getpid(), 0));
	RESULT(kill(getpid(), -1));
	RESULT(kill(getpid(), 65));
	RESULT(kill(999999, 0));
	RESULT(kill(999999, SIGTERM));
	RESULT(kill(-999999, SIGTERM));
	RESULT(syscall(SYS_tgkill, getpid(), getpid(), 0));
	RESULT(syscall(SYS_tgkill, getpid(), 999999, 0));
	RESULT(syscall(SYS_tgkill, 0, getpid(), 0));
	RESULT(syscall(SYS_tgkill, getpid(), -1, 0));
	RESULT(syscall(SYS_tkill, getpid(), 0));
	RESULT(syscall(SYS_tkill, 0, 0));
	pid_t pid = must_fork();
	if (pid == 0)
		_exit(0);
	siginfo_t info;
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	say_whether("kill of a zombie", kill(pid, SIGTERM));
	reap("zombie", pid);
	say_whether("kill of what was a zombie", kill(pid, 0));
}

static void check_sigchld(void)
{
	int status;

	signal(SIGCHLD, SIG_IGN);
	pid_t pid = must_fork();
	if (pid == 0)
		_exit(1);
	say_whether("ignored SIGCHLD: waitpid", waitpid(pid, &status, 0));
	say_whether("and for any", wait(NULL));

	struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
	sigaction(SIGCHLD, &sa, NULL);
	pid = must_fork();
	if (pid == 0)
		_exit(1);
	say_whether("SA_NOCLDWAIT: waitpid", waitpid(pid, &status, 0));
	signal(SIGCHLD, SIG_DFL);

	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = must_fork();
	if (pid == 0)
		_exit(4);
	siginfo_t info;
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	sigpending(&pending);
	TRUTH(sigismember(&pending, SIGCHLD));
	reap("SIGCHLD blocked", pid);
}

static void show_inherited(void)
{
	sigset_t set;
	struct sigaction sa;

	sigprocmask(SIG_BLOCK, NULL, &set);
	say("after exec: SIGUSR1 blocked %d, SIGUSR2 blocked %d", sigismember(&set, SIGUSR1),
	    sigismember(&set, SIGUSR2));
	sigpending(&set);
	say("after exec: SIGUSR1 pending %d", sigismember(&set, SIGUSR1));
	sigaction(SIGTERM, NULL, &sa);
	say("after exec: SIGTERM %s", sa.sa_handler == SIG_IGN ? "ignored" : "not ignored");
	sigaction(SIGINT, NULL, &sa);
	say("after exec: SIGINT %s", sa.sa_handler == SIG_DFL ? "default" : "not default");
}

static void check_exec(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGTERM, SIG_IGN);
	kill(getpid(), SIGUSR1);
	execl(program, program, "inherited", (char *)NULL);
	say("exec: %s", error_name(errno));
}

static void check_sigaction_old(void)
{
	struct sigaction sa = {.sa_handler = SIG_IGN}, old;

	sigaction(SIGUSR1, &sa, NULL);
	memset(&old, 0xff, sizeof(old));
	sigaction(SIGUSR1, NULL, &old);
	TRUTH(old.sa_handler == SIG_IGN);
	sa.sa_handler = SIG_DFL;
	sigaction(SIGUSR1, &sa, &old);
	TRUTH(old.sa_handler == SIG_IGN);
	sigaction(SIGUSR1, NULL, &old);
	TRUTH(old.sa_handler == SIG_DFL);
}

/* A signal reaches a process that sleeps in the kernel. */
static void check_wakes_sleepers(void)
{
	static const char *const what[] = {"pause", "nanosleep", "read of a pipe", "wait"};

	for (int i = 0; i < 4; i++) {
		struct gate ready = gate_make(), never = gate_make();
		pid_t pid = must_fork();
		if (pid == 0) {
			pid_t child = i == 3 ? must_fork() : 0;
			if (i == 3 && child == 0) {
				gate_wait(&never);
				_exit(0);
			}
			gate_open(&ready);
			if (i == 0)
				pause();
			else if (i == 1)
				sleep_ms(100000);
			else if (i == 2)
				gate_wait(&never);
			else
				waitpid(child, NULL, 0);
			_exit(1);
		}
		gate_wait(&ready);
		sleep_ms(30); /* most likely asleep by now; if not, the result is the same */
		kill(pid, SIGTERM);
		reap(what[i], pid);
		gate_open(&never);
	}
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 2) {
		show_inherited();
		return 0;
	}
	check_default_actions();
	check_ignoring();
	in_child("blocking", check_blocking);
	in_child("unblocking", check_unblocking_kills);
	in_child("bad calls", check_bad_mask_calls);
	check_kill_errors();
	in_child("SIGCHLD", check_sigchld);
	in_child("exec", check_exec);
	in_child("sigaction", check_sigaction_old);
	check_wakes_sleepers();
	return 0;
}
