/* Names of signals and clone flags: what people type, and what they are told. */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "kernel/shell/shell.h"

#define N(x) [x] = #x

static const char *const signals[_NSIG + 1] = {
	N(SIGHUP),  N(SIGINT),    N(SIGQUIT), N(SIGILL),  N(SIGTRAP),   N(SIGABRT), N(SIGBUS),
	N(SIGFPE),  N(SIGKILL),   N(SIGUSR1), N(SIGSEGV), N(SIGUSR2),   N(SIGPIPE), N(SIGALRM),
	N(SIGTERM), N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP),   N(SIGTSTP), N(SIGTTIN),
	N(SIGTTOU), N(SIGURG),    N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH),
	N(SIGIO),   N(SIGPWR),    N(SIGSYS),
};

static const struct {
	const char *name;
	u64 bit;
} flags[] = {
#define F(x)          \
	{             \
#x, x \
	}
	F(CLONE_VM),
	F(CLONE_FS),
	F(CLONE_FILES),
	F(CLONE_SIGHAND),
	F(CLONE_PIDFD),
	F(CLONE_PTRACE),
	F(CLONE_VFORK),
	F(CLONE_PARENT),
	F(CLONE_THREAD),
	F(CLONE_NEWNS),
	F(CLONE_SYSVSEM),
	F(CLONE_SETTLS),
	F(CLONE_PARENT_SETTID),
	F(CLONE_CHILD_CLEARTID),
	F(CLONE_DETACHED),
	F(CLONE_UNTRACED),
	F(CLONE_CHILD_SETTID),
	F(CLONE_NEWCGROUP),
	F(CLONE_NEWUTS),
	F(CLONE_NEWIPC),
	F(CLONE_NEWUSER),
	F(CLONE_NEWPID),
	F(CLONE_NEWNET),
	F(CLONE_IO),
	F(CLONE_CLEAR_SIGHAND),
	F(CLONE_INTO_CGROUP),
	F(CLONE_NEWTIME),
#undef F
};

const char *signal_name(int sig)
{
	if (sig > 0 && sig <= _NSIG && signals[sig])
		return signals[sig];
	return sig >= 32 && sig <= _NSIG ? "real-time signal" : "unknown signal";
}

int signal_number(const char *name)
{
	u64 n;

	if (parse_u64(name, &n) == 0)
		return n <= _NSIG ? (int)n : -1;
	for (int sig = 1; sig <= _NSIG; sig++)
		if (signals[sig] &&
		    (strcmp(name, signals[sig]) == 0 || strcmp(name, signals[sig] + 3) == 0))
			return sig;
	return -1;
}

u64 clone_flag(const char *name, bool *stopped)
{
	if (strcmp(name, "CLONE_STOPPED") == 0)
		*stopped = true;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(name, flags[i].name) == 0)
			return flags[i].bit;
	return 0;
}

void clone_flags_foreach(void (*fn)(const char *name, void *), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		fn(flags[i].name, arg);
	fn("CLONE_STOPPED", arg);
}

const char *describe_end(int status, char *buf, size_t n)
{
	if ((status & 0x7f) == 0)
		snprintf(buf, n, "exited with status %d", status >> 8 & 0xff);
	else
		snprintf(buf, n, "was killed by %s (%d)", signal_name(status & 0x7f),
			 status & 0x7f);
	return buf;
}

int status_of_end(int status)
{
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}
