/* Names of signals and clone flags, for input and output. */
#include "kernel/shell/shell.h"

/* From the UAPI headers: tools/uapi-links. */
static const char *const signals[_NSIG + 1] = {
#include <signal_names.inc>
};
static const struct {
	const char *name;
	u64 bit;
} flags[] = {
#include <clone_flags.inc>
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
