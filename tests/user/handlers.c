/* Signal handlers: when they run, what they are told, and how an interrupted call goes on. */
#include "check.h"

#include <setjmp.h>
#include <ucontext.h>

static volatile sig_atomic_t seen[65], order[16], nr_seen;
static siginfo_t last;

static void note(int sig)
{
	seen[sig]++;
	if (nr_seen < 16)
		order[nr_seen++] = sig;
}

static void note_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last = *info;
	note(sig);
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	sigaction(sig, &sa, NULL);
}

static void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};

	sigaction(sig, &sa, NULL);
}

static void check_simple(void)
{
	handle(SIGUSR1, note, 0);
	RESULT(raise(SIGUSR1));
	RESULT(kill(getpid(), SIGUSR1));
	say("seen %d", (int)seen[SIGUSR1]);
	handle(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction sa;
	sigaction(SIGUSR1, NULL, &sa);
	say("seen %d, SA_RESETHAND: default again %d", (int)seen[SIGUSR1],
	    sa.sa_handler == SIG_DFL);
}

static void check_info(void)
{
	handle_info(SIGUSR2, note_info, 0);
	kill(getpid(), SIGUSR2);
	say("kill: signo %d, code %d, from us %d, uid %d", last.si_signo, last.si_code,
	    last.si_pid == getpid(), (int)last.si_uid);
	raise(SIGUSR2);
	say("raise: code %d, from us %d", last.si_code, last.si_pid == getpid());
	handle_info(SIGCHLD, note_info, 0);
	pid_t pid = must_fork();
	if (pid == 0)
		_exit(17);
	reap("child", pid);
	say("SIGCHLD: code %d, status %d, of the child %d", last.si_code, last.si_status,
	    last.si_pid == pid);
	signal(SIGCHLD, SIG_DFL);
	handle_info(SIGPIPE, note_info, 0);
	int fds[2];
	RESULT(pipe(fds));
	close(fds[0]);
	RESULT(write(fds[1], "x", 1));
	say("SIGPIPE: code %d, from us %d, uid %d", last.si_code, last.si_pid == getpid(),
	    (int)last.si_uid);
	close(fds[1]);
	signal(SIGPIPE, SIG_DFL);
}

/* While a handler runs its own signal waits, and those of sa_mask. */
static void nested(int sig)
{
	note(sig);
	if (seen[SIGUSR1] > 1) /* ran again: once is enough */
		return;
	raise(SIGUSR1);
	raise(SIGTERM);
	say("in the handler: SIGUSR1 ran %d times, SIGTERM %d", (int)seen[SIGUSR1],
	    (int)seen[SIGTERM]);
}
static void check_masks(void)
{
	struct sigaction sa = {.sa_handler = nested};
	sigset_t set;

	memset((void *)seen, 0, sizeof(seen));
	handle(SIGTERM, note, 0);
	sigaddset(&sa.sa_mask, SIGTERM);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	say("afterwards: SIGUSR1 %d, SIGTERM %d", (int)seen[SIGUSR1], (int)seen[SIGTERM]);
	sigprocmask(SIG_BLOCK, NULL, &set);
	say("mask restored: %d", !sigismember(&set, SIGUSR1) && !sigismember(&set, SIGTERM));

	memset((void *)seen, 0, sizeof(seen));
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	say("SA_NODEFER: SIGUSR1 %d", (int)seen[SIGUSR1]);
}

/* Blocked ones are delivered together: the last to be set up runs first, so the highest number is
 * seen first. */
static void check_order(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	handle(SIGUSR1, note, 0);
	handle(SIGUSR2, note, 0);
	handle(SIGRTMAX, note, 0);
	nr_seen = 0;
	for (int i = 0; i < 3; i++)
		kill(getpid(), SIGRTMAX);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	say("%d deliveries:", (int)nr_seen);
	for (int i = 0; i < nr_seen; i++)
		say("  %s", order[i] == SIGRTMAX ? "SIGRTMAX" : signal_name(order[i]));
}

static void *fault_address;
static sigjmp_buf escape;
static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	say("%s, code %d, address %s", signal_name(sig), info->si_code,
	    info->si_addr == fault_address ? "right" : "WRONG");
	siglongjmp(escape, 1);
}
static void provoke(void *address)
{
	fault_address = address;
	if (sigsetjmp(escape, 1) == 0)
		*(volatile char *)address = 1;
}
static void check_faults(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	handle_info(SIGSEGV, on_fault, 0);
	provoke((void *)16);
	provoke(page + 5);
	munmap(page, 4096);
	provoke(page + 7);
	provoke((void *)16); /* once more: the mask was restored */
	handle_info(SIGFPE, on_fault, 0);
	handle_info(SIGILL, on_fault, 0);
	if (sigsetjmp(escape, 1) == 0) {
		__asm__ volatile("lea 1f(%%rip), %0\n1:" : "=r"(fault_address));
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; 1: ud2"
				 : "=m"(fault_address)::"rax", "memory");
	}
	signal(SIGSEGV, SIG_DFL);
}

/* The handler may change what it returns to. */
static void skip_instruction(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	note(sig);
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	uc->uc_mcontext.gregs[REG_RBX] = 4711;
}
static void check_context(void)
{
	long value = 1;

	handle_info(SIGILL, skip_instruction, 0);
	__asm__ volatile("mov %0, %%rbx; ud2; mov %%rbx, %0" : "+r"(value)::"rbx");
	say("register as the handler left it: %ld", value);
}

static void check_alternate_stack(void)
{
	static char space[65536];
	stack_t stack = {.ss_sp = space, .ss_size = sizeof(space)}, old;

	RESULT(sigaltstack(&stack, NULL));
	RESULT(sigaltstack(NULL, &old));
	say("flags %d, size %ld", old.ss_flags, (long)old.ss_size);
	stack.ss_size = 100;
	RESULT(sigaltstack(&stack, NULL));
	stack.ss_flags = 0x40;
	RESULT(sigaltstack(&stack, NULL));
}
static int overflow(int n)
{
	volatile char frame[4096];

	frame[0] = n;
	if (n < 0)
		return 0;
	return overflow(n + 1) + frame[0];
}
static void on_overflow(int sig)
{
	say("%s handled on the alternate stack", signal_name(sig));
	_exit(31);
}
static void overflows(void)
{
	static char space[65536];
	stack_t stack = {.ss_sp = space, .ss_size = sizeof(space)};

	sigaltstack(&stack, NULL);
	handle(SIGSEGV, on_overflow, SA_ONSTACK);
	_exit(overflow(0));
}

/* A call that sleeps, interrupted by a handler: with SA_RESTART it goes on, where signal(7) says
 * so. */
static void interrupted(const char *what, int flags, int which)
{
	struct gate g = gate_make(), ready = gate_make();

	seen[SIGUSR1] = 0;
	pid_t pid = must_fork();
	if (pid == 0) {
		struct timespec ts = {.tv_nsec = 200000000};
		char c;
		long result = -1;
		pid_t child = 0;
		handle(SIGUSR1, note, flags);
		if (which == 3 && (child = must_fork()) == 0) {
			gate_wait(&g);
			_exit(0);
		}
		gate_open(&ready);
		errno = 0;
		if (which == 0)
			result = read(g.fd[0], &c, 1);
		else if (which == 1)
			result = nanosleep(&ts, NULL);
		else if (which == 2)
			result = pause();
		else
			result = waitpid(child, NULL, 0) == child ? 0 : -1;
		say("%s: %ld %s, handler ran %d", what, result, result < 0 ? error_name(errno) : "",
		    (int)seen[SIGUSR1]);
		_exit(0);
	}
	gate_wait(&ready);
	sleep_ms(60);
	kill(pid, SIGUSR1);
	sleep_ms(60);
	gate_open(&g);
	reap(what, pid);
}

static void check_suspend(void)
{
	sigset_t set, none;

	handle(SIGUSR1, note, 0);
	seen[SIGUSR1] = 0;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	RESULT(sigsuspend(&none));
	sigprocmask(SIG_BLOCK, NULL, &set);
	say("handler ran %d, blocked again %d", (int)seen[SIGUSR1], sigismember(&set, SIGUSR1));
}

static void clobber(int sig)
{
	double d[4] = {1, 2, 3, 4};

	note(sig);
	__asm__ volatile("movups %0, %%xmm3\n\tfninit\n\tfldpi" ::"m"(d) : "xmm3", "st");
}
static void check_registers(void)
{
	unsigned long in[2] = {0x1111222233334444, 0x5555666677778888}, out[2];
	long pid = getpid(), result;

	handle(SIGUSR1, clobber, 0);
	__asm__ volatile("movups %3, %%xmm3\n\tsyscall\n\tmovups %%xmm3, %1"
			 : "=a"(result), "=m"(out)
			 : "0"(62L), "m"(in), "D"(pid), "S"(10L)
			 : "rcx", "r11", "xmm3", "memory");
	say("kill: %ld, vector register kept: %d", result, in[0] == out[0] && in[1] == out[1]);
}

static void check_exec_resets(const char *program)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		handle(SIGUSR1, note, 0);
		execl(program, program, "after exec", (char *)NULL);
		_exit(1);
	}
	reap("exec", pid);
}

static void say_action(const char *who, int sig)
{
	struct sigaction sa;

	sigaction(sig, NULL, &sa);
	say("%s: %s is %s, flags %#x, SIGUSR2 %sin its mask", who, signal_name(sig),
	    sa.sa_handler == SIG_DFL   ? "default"
	    : sa.sa_handler == SIG_IGN ? "ignored"
				       : "handled",
	    (unsigned)sa.sa_flags & (SA_RESETHAND | SA_RESTART | SA_NOCLDSTOP),
	    sigismember(&sa.sa_mask, SIGUSR2) ? "" : "not ");
}

/* What is set for one of two is not set for the other, whoever sets it first. */
static void check_inherited(void)
{
	struct sigaction sa = {.sa_handler = note, .sa_flags = SA_RESTART};
	int gate[2];
	char c;
	pid_t pid;

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGHUP, SIG_IGN);
	pid = must_fork();
	if (pid == 0) {
		say_action("child", SIGUSR1);
		say_action("child", SIGHUP);
		signal(SIGUSR1, SIG_IGN);
		signal(SIGHUP, SIG_DFL);
		say_action("child, changed", SIGUSR1);
		say_action("child, changed", SIGHUP);
		_exit(0);
	}
	reap("child", pid);
	say_action("parent", SIGUSR1);
	say_action("parent", SIGHUP);

	if (pipe(gate) != 0)
		_exit(1);
	pid = must_fork();
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &c, 1) != 0)
			_exit(1);
		say_action("second child", SIGUSR1);
		raise(SIGUSR1);
		say("second child: seen %d", seen[SIGUSR1] != 0);
		_exit(0);
	}
	close(gate[0]);
	seen[SIGUSR1] = 0;
	sa.sa_flags = SA_RESETHAND;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	say("parent: seen %d", (int)seen[SIGUSR1]);
	say_action("parent, after SA_RESETHAND", SIGUSR1);
	close(gate[1]);
	reap("second child", pid);
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		say_action("after exec", SIGUSR1);
		say_action("after exec", SIGHUP);
		return 0;
	}
	check_simple();
	check_info();
	check_masks();
	in_child("order", check_order);
	in_child("faults", check_faults);
	in_child("context", check_context);
	in_child("alternate stack", check_alternate_stack);
	in_child("overflow", overflows);
	interrupted("read", 0, 0);
	interrupted("read, SA_RESTART", SA_RESTART, 0);
	interrupted("nanosleep", 0, 1);
	interrupted("nanosleep, SA_RESTART", SA_RESTART, 1);
	interrupted("pause, SA_RESTART", SA_RESTART, 2);
	interrupted("waitpid", 0, 3);
	interrupted("waitpid, SA_RESTART", SA_RESTART, 3);
	in_child("sigsuspend", check_suspend);
	check_registers();
	in_child("inherited", check_inherited);
	signal(SIGHUP, SIG_IGN);
	check_exec_resets(argv[0]);
	return 0;
}
