/*
 * trace_storm SEED [PASSES]: for each kind of stop, and each way to end the tracing there, a tracer
 * waits for a stop of that kind, then the tracee, the tracer or both are killed, or the tracer
 * leaves. What the tracee becomes is checked: killed, or alive and not stopped. SEED decides what
 * else goes on meanwhile, and in which order.
 */
#include "../random.h"
#include "../tracing.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>

enum stop {
	SIGNAL_DELIVERY,
	GROUP_STOP,
	CALL_ENTER,
	CALL_EXIT,
	FORKED,
	VFORKED,
	CLONED,
	EXECED,
	VFORK_ENDED,
	EXITS,
	FILTERED,
	INTERRUPTED,
	STEPPED,
	CHILD_STARTS,
	NR_STOPS
};

enum end {
	TRACEE_KILLED,
	TRACER_EXITS,
	TRACER_KILLED,
	TRACER_KILLED_ANYTIME,
	BOTH_KILLED,
	TRACEE_KILLED_AS_IT_GOES_ON,
	DETACHED,
	NR_ENDS
};

#define ALL_EVENTS                                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT |                      \
	 PTRACE_O_TRACESECCOMP)

static struct shared {
	volatile pid_t tracer, tracee;    /* 0: not started */
	volatile int reached;             /* the tracee stands in the stop */
	volatile int killed;              /* SIGKILL is sent to the tracee, or is sure to be */
	volatile int stop, end, exitkill; /* of this round */
} * shared;

static const char *self;

/* ---- the tracee: it comes to each kind of stop, and ends with 7 ---- */

static void *thread(void *arg)
{
	getppid();
	return arg;
}

static void filter_getpgrp(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(program) / sizeof(program[0]), program};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

__attribute__((noreturn)) static void be_traced(const int *go)
{
	pthread_t t;
	pid_t pid;
	char c;

	close(go[1]); /* so that the read ends with the tracer */
	if (read(go[0], &c, 1) != 1)
		_exit(9);
	raise(SIGWINCH);
	raise(SIGSTOP);
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(10);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(11);
	if (pthread_create(&t, NULL, thread, NULL) || pthread_join(t, NULL))
		_exit(12);
	filter_getpgrp();
	syscall(SYS_getpgrp);
	execl(self, self, "end", NULL);
	_exit(13);
}

/* ---- the tracer ---- */

static enum stop kind_of(pid_t pid, int status, bool *in_call)
{
	int sig = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
		return FORKED;
	case PTRACE_EVENT_VFORK:
		return VFORKED;
	case PTRACE_EVENT_CLONE:
		return CLONED;
	case PTRACE_EVENT_EXEC:
		return EXECED;
	case PTRACE_EVENT_VFORK_DONE:
		return VFORK_ENDED;
	case PTRACE_EVENT_EXIT:
		return EXITS;
	case PTRACE_EVENT_SECCOMP:
		return FILTERED;
	case PTRACE_EVENT_STOP:
		return pid != shared->tracee ? CHILD_STARTS
		       : sig == SIGTRAP      ? INTERRUPTED
					     : GROUP_STOP;
	}
	if (sig == (SIGTRAP | 0x80)) {
		*in_call = !*in_call;
		return *in_call ? CALL_ENTER : CALL_EXIT;
	}
	return sig == SIGTRAP ? STEPPED : SIGNAL_DELIVERY;
}

/* Let it go on, so that it comes to a stop of the kind that is looked for. */
static void go_on(pid_t pid, int status, enum stop wanted)
{
	int sig = WSTOPSIG(status);
	long request = wanted == CALL_ENTER || wanted == CALL_EXIT ? PTRACE_SYSCALL
		       : wanted == STEPPED && !shared->reached     ? PTRACE_SINGLESTEP
								   : PTRACE_CONT;

	if (status >> 16 || sig & 0x80 || sig == SIGTRAP)
		sig = 0;
	if (wanted == INTERRUPTED && below(3) == 0)
		trace(PTRACE_INTERRUPT, shared->tracee, 0, 0);
	trace(request, pid, 0, (unsigned long)sig);
}

static void end_it(enum end end, pid_t pid, int status, enum stop wanted)
{
	shared->reached = 1;
	if (below(2))
		usleep(below(300));
	switch (end) {
	case TRACER_EXITS:
		_exit(0);
	case TRACER_KILLED:
		kill(getpid(), SIGKILL);
		break;
	case BOTH_KILLED:
		shared->killed = 1;
		kill(shared->tracee, SIGKILL);
		kill(getpid(), SIGKILL);
		break;
	case TRACEE_KILLED_AS_IT_GOES_ON: /* by the program's first process */
		go_on(pid, status, wanted);
		break;
	case DETACHED:
		if (trace(PTRACE_DETACH, pid, 0, 0))
			_exit(14);
		if (wanted == GROUP_STOP)
			kill(pid, SIGCONT);
		break;
	default:
		shared->killed = 1;
		kill(shared->tracee, SIGKILL);
	}
}

__attribute__((noreturn)) static void be_tracer(enum stop wanted, enum end end, bool exitkill)
{
	bool in_call = false, done = false;
	int skip = (int)below(wanted == STEPPED || wanted == CALL_ENTER || wanted == CALL_EXIT ? 20
											       : 1);
	int go[2], status;
	pid_t pid, left = 0;

	if (pipe(go) || (pid = fork()) < 0)
		_exit(8);
	if (pid == 0)
		be_traced(go);
	if (trace(PTRACE_SEIZE, pid, 0, ALL_EVENTS | (exitkill ? PTRACE_O_EXITKILL : 0)))
		_exit(8);
	shared->tracee = pid;
	if (write(go[1], "", 1) != 1)
		_exit(8);
	if (wanted == INTERRUPTED || wanted == STEPPED || wanted == CALL_ENTER ||
	    wanted == CALL_EXIT)
		trace(PTRACE_INTERRUPT, pid, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL | WUNTRACED)) > 0) {
		enum stop kind;

		if (!WIFSTOPPED(status)) {
			if (pid == shared->tracee)
				_exit(WIFSIGNALED(status) ? 100 + WTERMSIG(status)
							  : WEXITSTATUS(status));
			continue;
		}
		if (pid == left) {
			kill(pid, SIGCONT); /* an ordinary child, stopped */
			continue;
		}
		if (pid == shared->tracee || status >> 16)
			kind = kind_of(pid, status, &in_call);
		else
			kind = NR_STOPS;
		if (kind == wanted && !done && skip-- <= 0) {
			done = true;
			if (end == DETACHED)
				left = pid;
			end_it(end, pid, status, wanted);
			if (end != TRACEE_KILLED_AS_IT_GOES_ON)
				continue;
		}
		go_on(pid, status, wanted);
	}
	_exit(99);
}

/* ---- a round ---- */

static bool may_be(int of_tracee, enum stop stop, enum end end, bool exitkill)
{
	bool killed = of_tracee == SIGKILL, lived = of_tracee == 7 << 8;

	switch (end) {
	case TRACEE_KILLED:
	case BOTH_KILLED:
		return killed || (stop == EXITS && lived);
	case TRACER_EXITS:
	case TRACER_KILLED:
		/* On Linux a step of a tracer that has ended may kill by SIGTRAP. */
		if (!exitkill)
			return lived || (stop == STEPPED && of_tracee == SIGTRAP);
		return killed || (stop == EXITS && lived);
	case DETACHED:
		return lived;
	default: /* whichever comes first */
		return killed || lived || (stop == STEPPED && of_tracee == SIGTRAP);
	}
}

/* The first process also inherits a tracee whose tracer has ended. */
static void play(enum stop stop, enum end end, bool exitkill)
{
	int status, of_tracee = -1, of_tracer = -1;
	bool may_kill = end == TRACEE_KILLED_AS_IT_GOES_ON || end == TRACER_KILLED_ANYTIME;
	pid_t pid;

	*shared = (struct shared){.stop = stop, .end = end, .exitkill = exitkill};
	pid = fork();
	if (pid < 0)
		_exit(98);
	if (pid == 0) {
		random_state += (uint64_t)stop << 40 | (uint64_t)end << 48;
		be_tracer(stop, end, exitkill);
	}
	shared->tracer = pid;
	if (end == TRACER_KILLED_ANYTIME) {
		usleep(below(8000));
		kill(pid, SIGKILL);
	}
	while ((pid = waitpid(-1, &status,
			      __WALL | WUNTRACED | (may_kill && !shared->killed ? WNOHANG : 0))) >=
	       0) {
		if (pid == 0) {
			if (end == TRACEE_KILLED_AS_IT_GOES_ON && shared->reached) {
				shared->killed = 1;
				kill(shared->tracee, SIGKILL);
			} else if (end == TRACER_KILLED_ANYTIME) {
				may_kill = false;
			}
			sched_yield();
		} else if (WIFSTOPPED(status)) {
			kill(pid, SIGCONT);
		} else if (pid == shared->tracer) {
			of_tracer = status;
		} else if (pid == shared->tracee) {
			of_tracee = status;
		}
	}
	if (of_tracee == -1 && WIFEXITED(of_tracer)) { /* the tracer saw its end */
		int code = WEXITSTATUS(of_tracer);

		of_tracee = code > 100 ? code - 100 : code << 8;
	}
	if (end == TRACER_KILLED_ANYTIME && (!shared->tracee || of_tracee == -1))
		return; /* before it began, or after the tracer had reaped the tracee */
	if (shared->reached || end == TRACER_KILLED_ANYTIME) {
		if (may_be(of_tracee, stop, end, exitkill))
			return;
	}
	say("stop %d, end %d, exitkill %d: the tracee's status is %#x", stop, end, exitkill,
	    of_tracee);
	exit(1);
}

static void never_ends(int sig)
{
	(void)sig;
	say("stop %d, end %d, exitkill %d: the round does not end", shared->stop, shared->end,
	    shared->exitkill);
	_exit(2);
}

int main(int argc, char **argv)
{
	int passes = argc > 2 ? atoi(argv[2]) : 1, rounds = 0;

	if (argc > 1 && !strcmp(argv[1], "end"))
		return 7;
	self = argv[0];
	random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 1;
	signal(SIGALRM, never_ends);
	for (int i = 0; i < passes; i++) {
		for (int n = 0; n < NR_STOPS * NR_ENDS * 2; n++, rounds++) {
			alarm(60);
			play((enum stop)(n / 2 / NR_ENDS), (enum end)(n / 2 % NR_ENDS), n & 1);
		}
	}
	say("%d rounds, all ended as they must", rounds);
	return 0;
}
