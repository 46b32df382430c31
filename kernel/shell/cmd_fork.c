/* fork, vfork and clone, on the selected puppet. */
#include "kernel/shell/report.h"

/* flags 0: fork or vfork, which have no flags to show. */
static int fork_by_puppet(const char *what, const struct puppet_order *order, u64 flags,
			  bool stopped)
{
	struct puppet *p scoped(puppet_put) = puppet_ready();
	struct fork_base before;
	struct call c;
	int status;

	if (p == NULL)
		return STATUS_FAILED;
	fork_base_take(&before, p);
	p->clone_stopped = stopped;
	call_puppet(&c, p, order);
	p->clone_stopped = false;
	if (c.end != CALL_GONE) /* else puppets_news() tells */
		report_fork(what, &c, &before, flags, stopped);
	status = c.end == CALL_GONE || (c.end == CALL_DONE && c.result < 0) ? STATUS_FAILED : 0;
	call_finish(&c);
	return status;
}

SHELL_COMMAND(fork, "make", 0, 0, "fork",
	      "the selected puppet calls fork(2); its child is a puppet too")
{
	return fork_by_puppet("fork", &(struct puppet_order){.nr = __NR_fork}, 0, false);
}

SHELL_COMMAND(vfork, "make", 0, 0, "vfork",
	      "vfork(2): the parent sleeps until the child execs or exits")
{
	return fork_by_puppet("vfork", &(struct puppet_order){.nr = __NR_vfork}, 0, false);
}

/* "SIGUSR1", or a number: the exit signal's byte. */
static bool exit_signal_of(const char *word, u64 *signal)
{
	int sig;

	if (parse_u64(word, signal) == 0)
		return *signal <= CSIGNAL;
	sig = signal_number(word);
	*signal = (u64)sig;
	return sig > 0;
}

/* Parse "CLONE_VM,CLONE_FILES,SIGCHLD". Prints what is wrong and returns false. */
static bool parse_clone_flags(char *text, u64 *flags, u64 *signal, bool *stopped)
{
	while (text) {
		char *comma = strchr(text, ',');
		u64 bit;

		if (comma)
			*comma++ = '\0';
		bit = clone_flag(text, stopped);
		if (bit)
			*flags |= bit;
		else if (strcmp(text, "CLONE_STOPPED") != 0 && !exit_signal_of(text, signal)) {
			console_printf("clone: there is no flag and no signal '%s'\n", text);
			return false;
		}
		text = comma;
	}
	return true;
}

SHELL_COMMAND(clone, "make", 1, 1, "clone FLAG,FLAG...[,SIGNAL]",
	      "clone(2) with CLONE_* flags and an exit signal (SIGCHLD if none; 0: silent)")
{
	u64 flags = 0, signal = SIGCHLD;
	struct puppet_order order = {.nr = __NR_clone};
	bool stopped = false;

	if (!parse_clone_flags(argv[1], &flags, &signal, &stopped))
		return STATUS_USAGE;
	if (flags >> 32) /* only clone3 takes 64 bits; clone would ignore the upper half */
		return shell_error(
			STATUS_USAGE,
			"clone: such a flag exists only in clone3(2), which the shell cannot call\n");
	/* Thread ids are stored in the puppet's data page, behind the word of peek and poke. */
	order.arg[0] = flags | signal;
	order.arg[2] = PUPPET_DATA + 8;
	order.arg[3] = PUPPET_DATA + 16;
	return fork_by_puppet("clone", &order, flags | signal | 1, stopped);
}
