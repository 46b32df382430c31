/* Filters of system calls: who may set them, which programs are accepted, what each action does,
 * and what children inherit. seccomp(2). */
#include "filters.h"

#include <ucontext.h>

/* Call getppid, to which the filters of these tests do something. */
static void try_call(const char *what)
{
	errno = 0;
	say_whether(what, syscall(SYS_getppid));
}

static void allow(void)
{
	FILTER(filter, RETURN(SECCOMP_RET_ALLOW));

	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter));
}

/* ---- who may ---- */

static void as_nobody(void)
{
	if (setgid(1000) || setuid(1000))
		say("no setuid");
	FILTER(filter, RETURN(SECCOMP_RET_ALLOW));
	FILTER(wrong, RETURN(SECCOMP_RET_ALLOW), LOAD(nr));

	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &wrong));
	RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	no_new_privs();
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &wrong));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter));
	RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	RESULT(prctl(PR_GET_SECCOMP));
	RESULT(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
	RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
}

static void arguments(void)
{
	unsigned short sizes[3] = {0};
	FILTER(filter, RETURN(SECCOMP_RET_ALLOW));
	struct sock_fprog empty = {0, filter_prog}, bad = {1, NULL}, longest = {4097, filter_prog};

	RESULT(prctl(PR_GET_SECCOMP));
	RESULT(prctl(PR_GET_SECCOMP, 1, 2, 3, 4));
	RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
	RESULT(prctl(PR_SET_SECCOMP, 0));
	RESULT(prctl(PR_SET_SECCOMP, 3, &filter));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &empty));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &bad));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &longest));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 1U << 31, &filter));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter));
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
	RESULT(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL));
	RESULT(seccomp(SECCOMP_SET_MODE_STRICT, 0, &filter));
	RESULT(seccomp(77, 0, NULL));
	RESULT(seccomp(SECCOMP_GET_NOTIF_SIZES, 1, sizes));
	RESULT(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, NULL));
	RESULT(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, sizes));
	say("sizes %d %d %d", sizes[0], sizes[1], sizes[2]);
	RESULT(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL));
	RESULT(prctl(PR_GET_SECCOMP));
}

static void actions(void)
{
	static const unsigned int values[] = {
		SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_TRAP,         SECCOMP_RET_ERRNO,
		SECCOMP_RET_USER_NOTIF,   SECCOMP_RET_TRACE,
		SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW,
		SECCOMP_RET_ERRNO + 1,    SECCOMP_RET_ALLOW - 0x10000};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		unsigned int value = values[i];

		errno = 0;
		long result = seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &value);
		say("action %#x: %s", value, result ? error_name(errno) : "ok");
	}
}

/* ---- programs ---- */

struct sample {
	const char *what;
	struct sock_filter prog[4];
	int len;
};

static const struct sample samples[] = {
	{"no return at the end", {LOAD(nr)}, 1},
	{"return A",
	 {BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0)},
	 2},
	{"return X", {BPF_STMT(BPF_RET | BPF_X, 0)}, 1},
	{"unaligned load", {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"last word", {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"load beyond", {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"ancillary load",
	 {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_CPU), RETURN(SECCOMP_RET_ALLOW)},
	 2},
	{"load of a byte", {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"indirect load", {BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"length", {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"length to X", {BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"header length", {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"memory before a store", {BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"memory after it",
	 {BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LDX | BPF_MEM, 15), RETURN(SECCOMP_RET_ALLOW)},
	 3},
	{"word 16", {BPF_STMT(BPF_ST, 16), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"a store on one way only",
	 {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 1),
	  BPF_STMT(BPF_LD | BPF_MEM, 1), RETURN(SECCOMP_RET_ALLOW)},
	 4},
	{"division by 0", {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"division by X",
	 {BPF_STMT(BPF_LDX | BPF_IMM, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
	  RETURN(SECCOMP_RET_ALLOW)},
	 3},
	{"remainder", {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"xor", {BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 3), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"negation", {BPF_STMT(BPF_ALU | BPF_NEG, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"negation of X", {BPF_STMT(BPF_ALU | BPF_NEG | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"shift by 32", {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"shift by 31", {BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"jump to the end", {BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"jump", {BPF_STMT(BPF_JMP | BPF_JA, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"jump back", {BPF_STMT(BPF_JMP | BPF_JA, -1), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"jump if false to the end",
	 {BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1), RETURN(SECCOMP_RET_ALLOW)},
	 2},
	{"unknown jump", {BPF_JUMP(BPF_JMP | 0x50, 0, 0, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
	{"A to X and back",
	 {BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0),
	  RETURN(SECCOMP_RET_ALLOW)},
	 3},
	{"unknown code", {BPF_STMT(0x100 | BPF_RET | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW)}, 2},
};

static void programs(void)
{
	no_new_privs();
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sock_fprog prog = {(unsigned short)samples[i].len,
					  (struct sock_filter *)samples[i].prog};

		errno = 0;
		say_result(samples[i].what, seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
	}
}

/* A program that sees its data: the number of the call, the machine, an argument of 64 bits. */
static void data(void)
{
	FILTER(filter, LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0),
	       RETURN(SECCOMP_RET_ALLOW), LOAD(arch),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	       RETURN(SECCOMP_RET_ERRNO | 1000), LOAD(args[5]),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x89abcdef, 0, 3),
	       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
	       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x01234567, 0, 1),
	       RETURN(SECCOMP_RET_ERRNO | 1001), RETURN(SECCOMP_RET_ERRNO | 1002));

	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter));
	RESULT(syscall(SYS_getpriority, 1, 2, 3, 4, 5, 0x0123456789abcdefL));
	RESULT(syscall(SYS_getpriority, 1, 2, 3, 4, 5, 0x1123456789abcdefL));
	RESULT(syscall(SYS_getpriority, 0, 0, 3, 4, 5, 6L));
}

/* Arithmetic: the result is the error that the call returns. */
static void result_of(const char *what, struct sock_filter a, struct sock_filter b,
		      struct sock_filter c)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		FILTER(filter, LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
		       RETURN(SECCOMP_RET_ALLOW), a, b, c,
		       BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff),
		       BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		       BPF_STMT(BPF_RET | BPF_A, 0));

		seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter);
		syscall(SYS_getppid);
		say("%s: %d", what, errno);
		_exit(0);
	}
	reap(what, pid);
}

static void arithmetic(void)
{
	struct sock_filter a = BPF_STMT(BPF_LD | BPF_IMM, 1000);
	struct sock_filter minus = BPF_STMT(BPF_LD | BPF_IMM, -1000);
	struct sock_filter seven = BPF_STMT(BPF_LDX | BPF_IMM, 7);
	struct sock_filter zero = BPF_STMT(BPF_LDX | BPF_IMM, 0);
	struct sock_filter much = BPF_STMT(BPF_LDX | BPF_IMM, 33);
	struct sock_filter code = {0};
	static const struct {
		const char *name;
		int op;
	} ops[] = {{"add", BPF_ADD}, {"sub", BPF_SUB}, {"mul", BPF_MUL},
		   {"div", BPF_DIV}, {"or", BPF_OR},   {"and", BPF_AND},
		   {"xor", BPF_XOR}, {"lsh", BPF_LSH}, {"rsh", BPF_RSH}};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		code.code = (unsigned short)(BPF_ALU | BPF_X | ops[i].op);
		result_of(ops[i].name, a, seven, code);
		result_of("of a negative number", minus, seven, code);
	}
	code.code = BPF_ALU | BPF_NEG;
	result_of("neg", minus, zero, code);
	code.code = BPF_ALU | BPF_LSH | BPF_X;
	result_of("a shift by 33", a, much, code);
	code.code = BPF_ALU | BPF_DIV | BPF_X;
	result_of("division by zero", a, zero, code);
}

/* ---- actions ---- */

static void killed(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0);
	try_call("kill_process");
}

static void killed_thread(void)
{
	signal(SIGSYS, SIG_IGN);
	set_filter(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
	try_call("kill_thread");
}

static void killed_by_unknown(void)
{
	set_filter(SYS_getppid, 0x00020000, 0);
	try_call("unknown action");
}

static void errnos(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
	try_call("errno");
	set_filter(SYS_getuid, SECCOMP_RET_ERRNO | 0xffff, 0);
	RESULT(syscall(SYS_getuid));
	set_filter(SYS_getgid, SECCOMP_RET_ERRNO, 0);
	RESULT(syscall(SYS_getgid));
	set_filter(SYS_getsid, SECCOMP_RET_TRACE | 5, 0);
	RESULT(syscall(SYS_getsid, 0));
	set_filter(SYS_getpgrp, SECCOMP_RET_USER_NOTIF | 5, 0);
	RESULT(syscall(SYS_getpgrp));
	RESULT(set_filter(SYS_geteuid, SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG));
	WHETHER(syscall(SYS_geteuid));
	RESULT(set_filter(1000, SECCOMP_RET_ERRNO | 77, SECCOMP_FILTER_FLAG_SPEC_ALLOW));
	RESULT(syscall(1000));
	RESULT(syscall(1001));
	set_filter(-1, SECCOMP_RET_ERRNO | 78, 0);
	RESULT(syscall(-1));
}

/* Each pair of actions in both orders: the more severe one wins, of equals the newest. */
static void order(void)
{
	static const unsigned int values[] = {SECCOMP_RET_ERRNO | 1000, SECCOMP_RET_ERRNO | 1001,
					      SECCOMP_RET_TRACE, SECCOMP_RET_LOG,
					      SECCOMP_RET_ALLOW};
	const int n = sizeof(values) / sizeof(values[0]);

	for (int i = 0; i < n * n; i++) {
		pid_t pid = must_fork();

		if (pid == 0) {
			set_filter(SYS_getppid, values[i / n], 0);
			set_filter(SYS_getppid, values[i % n], 0);
			errno = 0;
			int failed = syscall(SYS_getppid) == -1;
			say("%#x, then %#x: %s", values[i / n], values[i % n],
			    failed ? error_name(errno) : "ok");
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

static volatile int signals;
static volatile unsigned long new_result;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	signals++;
	say("%s code %d errno %d call %d arch %#x", signal_name(sig), info->si_code, info->si_errno,
	    info->si_syscall, info->si_arch);
	say("address is rip: %d, rax %lld",
	    (unsigned long)info->si_call_addr == (unsigned long)uc->uc_mcontext.gregs[REG_RIP],
	    (long long)uc->uc_mcontext.gregs[REG_RAX]);
	if (new_result)
		uc->uc_mcontext.gregs[REG_RAX] = (long long)new_result;
}

static void trapped(void)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	set_filter(SYS_getppid, SECCOMP_RET_TRAP | 1234, 0);
	RESULT(syscall(SYS_getppid));
	new_result = 4321;
	RESULT(syscall(SYS_getppid));
	new_result = -(unsigned long)EXDEV;
	RESULT(syscall(SYS_getppid));
	say("%d signals", signals);
	signal(SIGSYS, SIG_IGN);
	RESULT(syscall(SYS_getppid));
}

static void trapped_blocked(void)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
	sigset_t set;

	sigaction(SIGSYS, &action, NULL);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_filter(SYS_getppid, SECCOMP_RET_TRAP, 0);
	RESULT(syscall(SYS_getppid));
}

/* ---- strict mode ---- */

static void strict(void)
{
	RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 5, 6, 7));
	say("still writing");
	syscall(SYS_exit, 5);
}

static void strict_getpid(void)
{
	RESULT(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
	syscall(SYS_getpid);
	say("not reached");
}

static void strict_exit_group(void)
{
	seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	_exit(0);
}

static void on_usr1(int sig)
{
	say("%s", signal_name(sig));
}

/* A handler runs in strict mode: it may return. */
static void strict_handler(void)
{
	pid_t parent = getpid();
	struct gate set = gate_make(), sent = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		gate_wait(&set);
		kill(parent, SIGUSR1);
		gate_open(&sent);
		_exit(0);
	}
	signal(SIGUSR1, on_usr1);
	seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	gate_open(&set);
	gate_wait(&sent);
	syscall(SYS_exit, 6);
}

/* ---- children ---- */

static char *self;

static void inherited(void)
{
	set_filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
	pid_t pid = must_fork();
	if (pid == 0) {
		RESULT(prctl(PR_GET_SECCOMP));
		try_call("child");
		set_filter(SYS_getuid, SECCOMP_RET_ERRNO | EFBIG, 0);
		RESULT(syscall(SYS_getuid));
		_exit(0);
	}
	reap("child", pid);
	WHETHER(syscall(SYS_getuid));
	pid = vfork();
	if (pid == 0) {
		execl(self, self, "try", NULL);
		_exit(1);
	}
	reap("exec after vfork", pid);
	no_new_privs();
	execl(self, self, "try", NULL);
}

/* Lines of a file in /proc that begin with one of these words. */
static void show(const char *path, const char *word)
{
	char line[256];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, word, strlen(word)) == 0) {
			line[strcspn(line, "\n")] = 0;
			say("%s", line);
		}
	if (f)
		fclose(f);
	else
		say("%s: %s", path, error_name(errno));
}

static void status(void)
{
	show("/proc/self/status", "Seccomp");
	set_filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
	set_filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
	show("/proc/self/status", "Seccomp");
	struct gate done = gate_make();
	pid_t pid = must_fork();
	if (pid == 0) {
		gate_wait(&done);
		_exit(0);
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	show(path, "Seccomp");
	gate_open(&done);
	reap("child", pid);
	show("/proc/sys/kernel/seccomp/actions_avail", "");
}

/* ---- limits ---- */

/* There is an end to a chain of filters, and what is over it changes nothing. */
static void long_chain(void)
{
	static struct sock_filter prog[4096];
	struct sock_fprog longest = {4096, prog};
	int n = 0;

	for (int i = 0; i < 4096; i++)
		prog[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	while (n < 100 && seccomp(SECCOMP_SET_MODE_FILTER, 0, &longest) == 0)
		n++;
	say("an end: %d, %s", n < 100, error_name(errno));
	try_call("a call through all of them");
	prog[0] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EXDEV);
	RESULT(seccomp(SECCOMP_SET_MODE_FILTER, 0, &longest));
	try_call("the same");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		try_call("after exec");
		RESULT(prctl(PR_GET_SECCOMP));
		return 0;
	}
	(void)argv;
	self = realpath("/proc/self/exe", NULL);
	in_child("nobody", as_nobody);
	in_child("arguments", arguments);
	in_child("allow", allow);
	in_child("actions", actions);
	in_child("programs", programs);
	in_child("data", data);
	arithmetic();
	in_child("kill_process", killed);
	in_child("kill_thread", killed_thread);
	in_child("unknown action", killed_by_unknown);
	in_child("errnos", errnos);
	order();
	in_child("trap", trapped);
	in_child("trap, blocked", trapped_blocked);
	in_child("strict", strict);
	in_child("strict, getpid", strict_getpid);
	in_child("strict, exit_group", strict_exit_group);
	in_child("strict, handler", strict_handler);
	in_child("inherited", inherited);
	in_child("status", status);
	in_child("long chain", long_chain);
	return 0;
}
