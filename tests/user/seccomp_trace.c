/* SECCOMP_RET_TRACE, and what a tracer can read of the filters: ptrace(2). */
#include "tracing.h"

#include "filters.h"

static void run_until(pid_t pid, long request)
{
	if (trace(request, pid, 0, 0))
		say("go on: %s", error_name(errno));
}

static void say_message(pid_t pid)
{
	unsigned long word = 0;
	struct ptrace_syscall_info info = {0};
	long n;

	trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&word);
	n = trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (unsigned long)&info);
	say("message %lu, size %ld, op %d", word, n, info.op);
	if (info.op != PTRACE_SYSCALL_INFO_EXIT)
		say("call %lld, data %u", (long long)info.entry.nr,
		    info.op == PTRACE_SYSCALL_INFO_SECCOMP ? info.seccomp.ret_data : 0);
}

static void set_reg(pid_t pid, size_t reg, long value)
{
	if (trace(PTRACE_POKEUSR, pid, reg, (unsigned long)value))
		say("poke: %s", error_name(errno));
}
#define NR         offsetof(struct user_regs_struct, orig_rax)
#define RESULT_REG offsetof(struct user_regs_struct, rax)

/* ---- the tracees ---- */

static void calls(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_TRACE | 77, 0);
	set_filter(SYS_getuid, SECCOMP_RET_ERRNO | EXDEV, 0);
	RESULT(syscall(SYS_getppid));
	RESULT(syscall(SYS_getppid));
	RESULT(syscall(SYS_getppid));
	RESULT(syscall(SYS_getppid) > 0);
}

static void calls_and_dies(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_TRACE, 0);
	set_filter(SYS_getuid, SECCOMP_RET_KILL_PROCESS, 0);
	syscall(SYS_getppid);
	say("not reached");
}

/* ---- the tracers ---- */

static void tracer(void)
{
	pid_t pid = start_traced(calls);

	say("-- a tracer");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid); /* the call is not made */
	say_message(pid);
	set_reg(pid, NR, -1);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid); /* nor this one, and there is a result */
	set_reg(pid, NR, -1);
	set_reg(pid, RESULT_REG, 1234);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid); /* it becomes another call, of which the filters are asked */
	set_reg(pid, NR, SYS_getuid);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid); /* the call as it is */
	run_until(pid, PTRACE_SYSCALL);
	see("tracee", pid);
	say_message(pid);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void without_option(void)
{
	pid_t pid = start_traced(calls);

	say("-- without the option");
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void changed_to_fatal(void)
{
	pid_t pid = start_traced(calls_and_dies);

	say("-- changed to a fatal call");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	set_reg(pid, NR, SYS_getuid);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void killed_in_stop(void)
{
	pid_t pid = start_traced(calls_and_dies);

	say("-- killed in the stop");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	kill(pid, SIGKILL);
	see("tracee", pid);
}

static void one_call(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_TRACE | 5, 0);
	kill(getpid(), SIGSTOP); /* unlike raise(3) it makes no other call afterwards */
	RESULT(syscall(SYS_getppid) > 0);
}

/* PTRACE_SYSCALL stops before the filters are asked, and they see what the tracer has changed. */
static void entry_first(void)
{
	pid_t pid = start_traced(one_call);

	say("-- the entry stop comes first");
	trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	for (int i = 0; i < 4; i++) {
		run_until(pid, PTRACE_SYSCALL);
		see("tracee", pid);
		say_message(pid);
	}
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void errno_call(void)
{
	set_filter(SYS_getuid, SECCOMP_RET_ERRNO | EXDEV, 0);
	kill(getpid(), SIGSTOP); /* unlike raise(3) it makes no other call afterwards */
	RESULT(syscall(SYS_getppid));
}

static void entry_changes(void)
{
	pid_t pid = start_traced(errno_call);

	say("-- the entry stop changes the call");
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	run_until(pid, PTRACE_SYSCALL);
	see("tracee", pid);
	set_reg(pid, NR, SYS_getuid);
	run_until(pid, PTRACE_SYSCALL);
	see("tracee", pid);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void traps(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_TRAP | 9, 0);
	RESULT(syscall(SYS_getppid));
}

/* The tracer sees SIGSYS, and may suppress it. */
static void trap(void)
{
	pid_t pid = start_traced(traps);
	siginfo_t info = {0};

	say("-- a trap");
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
	say("code %d, errno %d, call %d", info.si_code, info.si_errno, info.si_syscall);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

/* ---- reading the filters ---- */

static void two_filters(void)
{
	FILTER(first, LOAD(nr), RETURN(SECCOMP_RET_ALLOW));
	FILTER(second, RETURN(SECCOMP_RET_ALLOW));

	seccomp(SECCOMP_SET_MODE_FILTER, 0, &first);
	seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &second);
	raise(SIGSTOP);
}

static void read_filter(pid_t pid, unsigned long index)
{
	struct sock_filter prog[8] = {0};
	long n = trace(PTRACE_SECCOMP_GET_FILTER, pid, index, 0);

	say("filter %lu: %s %ld", index, n < 0 ? error_name(errno) : "length", n);
	trace(PTRACE_SECCOMP_GET_FILTER, pid, index, (unsigned long)prog);
	for (long i = 0; i < n; i++)
		say("%#x %d %d %#x", prog[i].code, prog[i].jt, prog[i].jf, prog[i].k);
}

static void read_flags(pid_t pid, unsigned long index, unsigned long size)
{
	struct {
		__u64 index, flags;
	} data = {index, 99};
	long n = trace(PTRACE_SECCOMP_GET_METADATA, pid, size, (unsigned long)&data);

	say("flags of %lu: %s %ld, %llu", index, n < 0 ? error_name(errno) : "size", n,
	    (unsigned long long)data.flags);
}

static void read_filters(void)
{
	pid_t pid = start_traced(two_filters);

	say("-- reading filters");
	read_filter(pid, 0);
	read_flags(pid, 0, 16);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	for (unsigned long i = 0; i < 4; i++) {
		read_filter(pid, i);
		read_flags(pid, i, 16);
	}
	read_flags(pid, 1, 8);
	read_flags(pid, 1, 7);
	read_flags(pid, 1, 100);
	say_result("bad address", trace(PTRACE_SECCOMP_GET_FILTER, pid, 0, 8));
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

/* Each of many filters is found by its number. */
#define MANY 100

static void many_filters(void)
{
	for (unsigned int i = 0; i < MANY; i++)
		set_filter(1000 + i, SECCOMP_RET_ALLOW, 0);
	kill(getpid(), SIGSTOP);
}

static void read_many(void)
{
	struct sock_filter prog[8];
	int found = 0;
	pid_t pid = start_traced(many_filters);

	say("-- reading many filters");
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
	for (unsigned int i = 0; i < MANY; i++) {
		trace(PTRACE_SECCOMP_GET_FILTER, pid, i, (unsigned long)prog);
		found += prog[1].k == 1000 + i;
	}
	say("%d found", found);
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

/* ---- filters suspended ---- */

/* It sets its filter while it has none to obey. */
static void suspended_calls(void)
{
	set_filter(SYS_getuid, SECCOMP_RET_ERRNO | EXDEV, 0);
	RESULT(syscall(SYS_getuid));
	kill(getpid(), SIGSTOP);
	RESULT(syscall(SYS_getuid));
	kill(getpid(), SIGSTOP);
	RESULT(syscall(SYS_getuid));
}

static void suspended_strict(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	RESULT(syscall(SYS_getppid) > 0);
	kill(getpid(), SIGSTOP);
	syscall(SYS_getppid);
	say("not reached");
}

static void pause_forever(void)
{
	for (;;)
		pause();
}

static void suspend(pid_t pid, unsigned long options)
{
	say_result("options", trace(PTRACE_SETOPTIONS, pid, 0, options));
	run_until(pid, PTRACE_CONT);
	see("tracee", pid);
}

static void suspended(void)
{
	pid_t pid = start_traced(suspended_calls);

	say("-- suspended");
	suspend(pid, PTRACE_O_SUSPEND_SECCOMP);
	suspend(pid, 0);
	suspend(pid, PTRACE_O_SUSPEND_SECCOMP);
	pid = start_traced(suspended_strict);
	suspend(pid, PTRACE_O_SUSPEND_SECCOMP);
	suspend(pid, 0);
}

/* A tracer that detaches gives the tracee its filters back. */
static void suspended_no_more(void)
{
	pid_t pid = start_traced(suspended_calls);

	say("-- suspended, then let go");
	suspend(pid, PTRACE_O_SUSPEND_SECCOMP);
	kill(pid, SIGCONT);
	if (trace(PTRACE_DETACH, pid, 0, 0))
		say("detach: %s", error_name(errno));
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	see("child", pid);
}

/* Neither a user may suspend filters nor a tracer that has some. */
static void may_not_suspend(void)
{
	pid_t pid;

	say("-- may not suspend");
	pid = fork();
	if (pid == 0) {
		pid_t tracee = start_traced(pause_forever), other;

		set_filter(SYS_getuid, SECCOMP_RET_ERRNO | EXDEV, 0);
		say_result("own filter",
			   trace(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_SUSPEND_SECCOMP));
		other = fork();
		if (other == 0)
			pause_forever();
		say_result("seize", trace(PTRACE_SEIZE, other, 0, PTRACE_O_SUSPEND_SECCOMP));
		kill(tracee, SIGKILL);
		kill(other, SIGKILL);
		_exit(0);
	}
	see("tracer", pid);
	pid = fork();
	if (pid == 0) {
		pid_t tracee;

		if (setresuid(1000, 1000, 1000))
			_exit(1);
		tracee = start_traced(pause_forever);
		say_result("user", trace(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_SUSPEND_SECCOMP));
		kill(tracee, SIGKILL);
		_exit(0);
	}
	see("tracer", pid);
}

int main(void)
{
	alarm(60);
	tracer();
	without_option();
	changed_to_fatal();
	killed_in_stop();
	entry_first();
	entry_changes();
	trap();
	read_filters();
	read_many();
	suspended();
	suspended_no_more();
	may_not_suspend();
	return 0;
}
