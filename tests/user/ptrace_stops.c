/* The stops of a tracee, one after the other: ptrace(2). */
#include "tracing.h"

static volatile int handled;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled = sig;
	say("tracee: %s, code %d", signal_name(sig), info->si_code);
}

static void handle(int sig)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(sig, &sa, NULL);
}

/* ---- system calls ---- */

static void two_calls(void)
{
	getppid();
	syscall(SYS_dup2, -1, 7, 33, 44, 55, 66);
}

static void say_call(pid_t pid)
{
	struct ptrace_syscall_info info;
	long n = trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (unsigned long)&info);

	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		say("entry, %ld bytes: %s %lld %lld %lld %lld", n,
		    info.entry.nr == SYS_getppid ? "getppid"
		    : info.entry.nr == SYS_dup2  ? "dup2"
						 : "another call",
		    info.entry.nr == SYS_dup2 ? (long long)info.entry.args[0] : 0,
		    info.entry.nr == SYS_dup2 ? (long long)info.entry.args[2] : 0,
		    info.entry.nr == SYS_dup2 ? (long long)info.entry.args[4] : 0,
		    info.entry.nr == SYS_dup2 ? (long long)info.entry.args[5] : 0);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		say("exit, %ld bytes: error %d, %lld", n, info.exit.is_error,
		    info.exit.is_error ? (long long)info.exit.rval : 0);
	else
		say("op %d, %ld bytes", info.op, n);
}

static void calls(void)
{
	pid_t pid = start_traced(two_calls);
	int status;

	say("-- calls");
	say_call(pid);
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	do {
		say_result("go on", trace(PTRACE_SYSCALL, pid, 0, 0));
		status = see("calls", pid);
		if (WIFSTOPPED(status))
			say_call(pid);
	} while (WIFSTOPPED(status));
}

/* Another number, no call at all, another result. */
static void change_calls(void)
{
	say("getppid as getpid: %s", syscall(SYS_getppid) == getpid() ? "yes" : "no");
	errno = 0;
	say_result("not made", syscall(SYS_close, 1));
	say("with another result: %ld", syscall(SYS_close, -1));
	say("one that is absent: %s", syscall(1000) ? error_name(errno) : "made");
}

static void set_reg(pid_t pid, size_t offset, unsigned long value)
{
	if (trace(PTRACE_POKEUSR, pid, offset, value))
		say("poke: %s", error_name(errno));
}

static void changed_calls(void)
{
	pid_t pid = start_traced(change_calls);
	size_t nr_at = offsetof(struct user, regs.orig_rax),
	       ret_at = offsetof(struct user, regs.rax);
	int status, changes = 0;

	say("-- changed calls");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	for (;;) {
		struct ptrace_syscall_info info;

		trace(PTRACE_SYSCALL, pid, 0, 0);
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			break;
		trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (unsigned long)&info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getppid)
			set_reg(pid, nr_at, SYS_getpid);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_close &&
		    info.entry.args[0] == 1)
			set_reg(pid, nr_at, -1);
		if (info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval == -EBADF &&
		    changes++ == 0)
			set_reg(pid, ret_at, 1234);
	}
	say_stop("changed", status);
}

static void emulated(void)
{
	say("getpid: %ld", syscall(SYS_getpid)); /* its write is emulated, too */
	handled = 1;
}

static void emulation(void)
{
	pid_t pid = start_traced(emulated);
	int status, n = 0;

	say("-- emulation");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	for (;;) {
		trace(PTRACE_SYSEMU, pid, 0, 0);
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			break;
		n++;
		long nr = ({
			unsigned long word = 0;
			trace(PTRACE_PEEKUSR, pid, offsetof(struct user, regs.orig_rax),
			      (unsigned long)&word);
			(long)word;
		});
		if (nr == SYS_getpid)
			set_reg(pid, offsetof(struct user, regs.rax), 77);
		else if (nr == SYS_write) { /* let this one be made: step back, and go on */
			trace(PTRACE_KILL, pid, 0, 0);
			say("a write: the second call was number %d", n);
		}
	}
	say_stop("emulation", status);
}

/* A signal given at the stop of a call is the kernel's. */
static void signal_at_a_call(void)
{
	pid_t pid;

	say("-- a signal at a call");
	for (int at_exit = 0; at_exit < 2; at_exit++) {
		siginfo_t info;

		pid = start_traced(two_calls);
		for (int i = 0; i <= at_exit; i++) {
			trace(PTRACE_SYSCALL, pid, 0, 0);
			await_stop(pid);
		}
		trace(PTRACE_CONT, pid, 0, SIGUSR1);
		see("tracee", pid);
		trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
		say("code %#x, from %d", info.si_code, info.si_pid);
		trace(PTRACE_CONT, pid, 0, SIGUSR1);
		see("tracee", pid);
	}
}

/* ---- signals ---- */

static void three_signals(void)
{
	handle(SIGUSR1);
	handle(SIGUSR2);
	raise(SIGUSR1);
	say("handled %d", handled == SIGUSR1);
	handled = 0;
	raise(SIGUSR1);
	say("handled %d", handled == SIGUSR1);
	kill(getpid(), SIGUSR1);
	say("handled %d", handled == SIGUSR2);
	raise(SIGCHLD); /* ignored, but its tracer sees it */
	raise(SIGTERM);
}

static void say_info(pid_t pid)
{
	siginfo_t info = {0};
	long ret = trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);

	if (ret)
		say("no siginfo: %s", error_name(errno));
	else
		say("siginfo: %s, code %#x, from itself: %d", signal_name(info.si_signo),
		    info.si_code, info.si_pid == pid);
}

static void signals(void)
{
	pid_t pid = start_traced(three_signals);
	static const int pass[] = {SIGUSR1, 0, SIGUSR2, SIGCHLD, SIGTERM};

	say("-- signals");
	say_info(pid);
	trace(PTRACE_CONT, pid, 0, 0);
	for (int i = 0; i < 5; i++) {
		see("signals", pid);
		say_info(pid);
		trace(PTRACE_CONT, pid, 0, pass[i]);
	}
	see("signals", pid);
}

static void one_signal(void)
{
	handle(SIGUSR1);
	raise(SIGUSR1);
}

static void changed_siginfo(void)
{
	pid_t pid = start_traced(one_signal);
	siginfo_t info;

	say("-- changed siginfo");
	trace(PTRACE_CONT, pid, 0, 0);
	see("siginfo", pid);
	trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
	info.si_code = -42;
	say_result("set", trace(PTRACE_SETSIGINFO, pid, 0, (unsigned long)&info));
	trace(PTRACE_CONT, pid, 0, SIGUSR1);
	see("siginfo", pid);
}

static void faults(void)
{
	volatile int *volatile low = (volatile int *)16;

	handle(SIGSEGV);
	*low = 1;
}

static void a_fault(void)
{
	pid_t pid = start_traced(faults);
	siginfo_t info;

	say("-- a fault");
	trace(PTRACE_CONT, pid, 0, 0);
	see("fault", pid);
	trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
	say("%s at %p, code %d", signal_name(info.si_signo), info.si_addr, info.si_code);
	trace(PTRACE_KILL, pid, 0, 0);
	see("fault", pid);
}

static void blocks(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR2);
	raise(SIGSTOP);
	say("after");
}

static void queues_and_masks(void)
{
	pid_t pid = start_traced(blocks);
	struct __ptrace_peeksiginfo_args {
		uint64_t off;
		uint32_t flags;
		int32_t nr;
	} args = {.nr = 4};
	siginfo_t info[4];
	uint64_t mask = 0;
	long n;

	say("-- queues and masks");
	trace(PTRACE_CONT, pid, 0, 0);
	see("mask", pid);
	n = trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)info);
	say("private: %ld, %s", n, signal_name(info[0].si_signo));
	args.flags = 1;
	n = trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)info);
	say("shared: %ld, %s", n, signal_name(info[0].si_signo));
	args.flags = 2;
	say_result("bad flags",
		   trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)info));
	say_result("bad size", trace(PTRACE_GETSIGMASK, pid, 4, (unsigned long)&mask));
	say_result("mask", trace(PTRACE_GETSIGMASK, pid, 8, (unsigned long)&mask));
	say("mask %#lx", (unsigned long)mask);
	mask = ~(1UL << (SIGUSR2 - 1));
	say_result("set", trace(PTRACE_SETSIGMASK, pid, 8, (unsigned long)&mask));
	say_result("mask", trace(PTRACE_GETSIGMASK, pid, 8, (unsigned long)&mask));
	say("mask %#lx", (unsigned long)mask);
	trace(PTRACE_CONT, pid, 0, 0);
	see("mask", pid);
	trace(PTRACE_CONT, pid, 0, SIGUSR2);
	see("mask", pid);
}

/* ---- group stops ---- */

static void pauses(void)
{
	for (;;)
		pause();
}

static void state_of(pid_t pid)
{
	char path[64], text[2048] = "", *at, *tracer;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		say("no status");
	close(fd);
	at = strstr(text, "State:");
	tracer = strstr(text, "TracerPid:");
	say("state %c, traced by us: %d", at ? at[7] : '?',
	    tracer && atoi(tracer + 10) == getpid());
}

static void group_stops(void)
{
	pid_t pid;

	say("-- group stops");
	pid = start_seized(pauses, 0);
	say_result("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
	see("group", pid);
	say_info(pid);
	state_of(pid);
	trace(PTRACE_CONT, pid, 0, 0);
	usleep(20000);
	kill(pid, SIGSTOP);
	see("group", pid);
	say_info(pid);
	trace(PTRACE_CONT, pid, 0, SIGSTOP);
	see("group", pid);
	say_info(pid);
	say_result("listen", trace(PTRACE_LISTEN, pid, 0, 0));
	state_of(pid);
	say_result("a request meanwhile", trace(PTRACE_CONT, pid, 0, 0));
	kill(pid, SIGCONT);
	see("group", pid);
	say_info(pid);
	trace(PTRACE_CONT, pid, 0, 0);
	see("group", pid);
	trace(PTRACE_CONT, pid, 0, SIGCONT);
	say_result("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
	see("group", pid);
	say_result("detach", trace(PTRACE_DETACH, pid, 0, 0));
	kill(pid, SIGTERM);
	see("group", pid);
}

static void attaching(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		pauses();
	say("-- attaching");
	say_result("attach", trace(PTRACE_ATTACH, pid, 0, 0));
	see("attached", pid);
	say_info(pid);
	say_result("again", trace(PTRACE_ATTACH, pid, 0, 0));
	say_result("seize", trace(PTRACE_SEIZE, pid, 0, 0));
	say_result("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
	say_result("detach with a bad signal", trace(PTRACE_DETACH, pid, 0, 65));
	say_result("detach", trace(PTRACE_DETACH, pid, 0, 0));
	usleep(20000);
	state_of(pid);

	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	say_stop("stopped", status);
	say_result("attach", trace(PTRACE_ATTACH, pid, 0, 0));
	see("attached", pid);
	say_info(pid);
	trace(PTRACE_CONT, pid, 0, 0);
	see("attached", pid);
	say_info(pid);
	say_result("detach", trace(PTRACE_DETACH, pid, 0, 0));
	usleep(20000);
	state_of(pid);
	kill(pid, SIGCONT);
	usleep(20000);
	state_of(pid);
	kill(pid, SIGKILL);
	see("attached", pid);
}

static void errors(void)
{
	pid_t pid = fork(), stranger;
	unsigned long word;

	if (pid == 0)
		pauses();
	say("-- errors");
	say_result("nobody", trace(PTRACE_ATTACH, 4000000, 0, 0));
	say_result("ourselves", trace(PTRACE_ATTACH, getpid(), 0, 0));
	say_result("not ours", trace(PTRACE_CONT, pid, 0, 0));
	say_result("kill not ours", trace(PTRACE_KILL, pid, 0, 0));
	say_result("seize with an address", trace(PTRACE_SEIZE, pid, 1, 0));
	say_result("seize with bad options", trace(PTRACE_SEIZE, pid, 0, 1 << 15));
	say_result("seize", trace(PTRACE_SEIZE, pid, 0, 0));
	say_result("it runs",
		   trace(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&word));
	stranger = fork();
	if (stranger == 0) {
		say_result("a second tracer", trace(PTRACE_ATTACH, pid, 0, 0));
		say_result("not its tracer", trace(PTRACE_INTERRUPT, pid, 0, 0));
		say_result("traceme", trace(PTRACE_TRACEME, 0, 0, 0));
		say_result("traceme again", trace(PTRACE_TRACEME, 0, 0, 0));
		_exit(0);
	}
	see("stranger", stranger);
	trace(PTRACE_INTERRUPT, pid, 0, 0);
	see("tracee", pid);
	say_result("bad request", trace(9999, pid, 0, 0));
	say_result("bad options", trace(PTRACE_SETOPTIONS, pid, 0, 1 << 15));
	say_result("bad signal", trace(PTRACE_CONT, pid, 0, 65));
	say_result("bad address", trace(PTRACE_PEEKDATA, pid, 16, (unsigned long)&word));
	say_result("write there", trace(PTRACE_POKEDATA, pid, 16, 1));
	say_result("to a bad address", trace(PTRACE_PEEKDATA, pid, (unsigned long)&word, 16));
	say_result("no message", trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&word));
	kill(pid, SIGKILL);
	see("tracee", pid);
	say_result("it is gone", trace(PTRACE_CONT, pid, 0, 0));
}

int main(void)
{
	alarm(60);
	calls();
	changed_calls();
	emulation();
	signal_at_a_call();
	signals();
	changed_siginfo();
	a_fault();
	queues_and_masks();
	group_stops();
	attaching();
	errors();
	return 0;
}
