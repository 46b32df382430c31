/*
 * trace_stress ROUNDS SEED: in each round some tracers make random requests about processes that
 * fork, exec, stop, and start threads, while others kill tracers and tracees at random moments.
 * Each round must end with nobody left.
 */
#include "../random.h"
#include "../tracing.h"

#include <pthread.h>
#include <sys/prctl.h>

#define TRACERS    3
#define STEPS      150
#define NR_VICTIMS 8

static pid_t *victims; /* shared: processes that may be killed; 0: none yet */

static void be_a_victim(void)
{
	victims[below(NR_VICTIMS)] = getpid();
}

/* ---- the tracees ---- */

static const char *self;
static volatile long written; /* and watched */

static void *thread(void *arg)
{
	for (int i = below(20); i > 0; i--)
		getppid();
	if (below(8) == 0)
		execl(self, self, "0", "0", NULL);
	return arg;
}

__attribute__((noreturn)) static void live(int depth)
{
	pthread_t t;
	pid_t pid;

	be_a_victim();
	for (int i = below(12); i > 0; i--) {
		switch (below(8)) {
		case 0:
			if (depth < 3 && (pid = fork()) >= 0) {
				if (pid == 0) {
					random_state += getpid();
					live(depth + 1);
				}
				waitpid(pid, NULL, below(2) ? WNOHANG : 0);
			}
			break;
		case 1:
			if (depth < 3 && (pid = vfork()) == 0)
				_exit(0);
			break;
		case 2:
			if (pthread_create(&t, NULL, thread, NULL) == 0 && below(2))
				pthread_join(t, NULL);
			break;
		case 3:
			raise(SIGSTOP); /* the tracers and killers continue it */
			break;
		case 4:
			raise(below(2) ? SIGUSR1 : SIGCHLD);
			break;
		case 5:
			usleep(below(3000));
			break;
		default:
			written = i;
			getppid();
		}
	}
	if (below(6) == 0)
		execl(self, self, "0", "0", NULL);
	_exit(3);
}

/* ---- a tracer ---- */

static const long requests[] = {
	PTRACE_CONT,        PTRACE_CONT,
	PTRACE_SYSCALL,     PTRACE_SYSCALL,
	PTRACE_SINGLESTEP,  PTRACE_SYSEMU,
	PTRACE_LISTEN,      PTRACE_DETACH,
	PTRACE_KILL,        PTRACE_INTERRUPT,
	PTRACE_SETOPTIONS,  PTRACE_GETEVENTMSG,
	PTRACE_PEEKUSR,     PTRACE_GET_SYSCALL_INFO,
	PTRACE_PEEKSIGINFO, PTRACE_POKEUSR,
};

static void request(pid_t pid)
{
	static char room[4096];
	long r = requests[below(sizeof(requests) / sizeof(requests[0]))];
	static const int signals[] = {0, 0, 0, SIGUSR1, SIGSTOP, SIGCONT, SIGCHLD};

	if (r == PTRACE_SETOPTIONS)
		trace(r, pid, 0, rnd() & (0xff | (below(4) ? 0 : PTRACE_O_EXITKILL)));
	else if (r == PTRACE_POKEUSR) {
		trace(r, pid, offsetof(struct user, u_debugreg[0]), (unsigned long)&written);
		trace(r, pid, offsetof(struct user, u_debugreg[7]), below(2) ? 0xd0001 : 0);
	} else if (r == PTRACE_CONT || r == PTRACE_SYSCALL || r == PTRACE_SINGLESTEP ||
		   r == PTRACE_DETACH || r == PTRACE_SYSEMU)
		trace(r, pid, 0, (unsigned long)signals[below(7)]);
	else
		trace(r, pid, below(2) ? 64 : 0, (unsigned long)room);
}

static void tracer(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		random_state += getpid();
		if (below(2))
			trace(PTRACE_TRACEME, 0, 0, 0);
		live(0);
	}
	be_a_victim();
	for (int i = 0; i < STEPS; i++) {
		pid_t got = waitpid(-1, &status, __WALL | WNOHANG | (below(2) ? WUNTRACED : 0));

		if (got > 0 && WIFSTOPPED(status))
			pid = got;
		if (below(10) == 0)
			trace(below(2) ? PTRACE_SEIZE : PTRACE_ATTACH, victims[below(NR_VICTIMS)],
			      0, 0);
		request(pid);
		if (below(8) == 0)
			request(victims[below(NR_VICTIMS)]);
		if (got <= 0)
			usleep(below(200));
	}
	_exit(0);
}

/* ---- a round ---- */

static void killer(void)
{
	static const int signals[] = {SIGKILL, SIGKILL, SIGCONT, SIGSTOP, SIGTERM, SIGCONT};

	for (int i = 0; i < 30; i++) {
		pid_t pid = victims[below(NR_VICTIMS)];

		usleep(below(3000));
		if (pid > 0)
			kill(pid, signals[below(6)]);
	}
	_exit(0);
}

/* The processes of a round are one group, whose leader starts them. */
static void play(void)
{
	memset(victims, 0, NR_VICTIMS * sizeof(*victims));
	setpgid(0, 0);
	for (int i = 0; i < TRACERS + 1; i++) {
		if (fork() == 0) {
			random_state += (uint64_t)i << 32;
			if (i < TRACERS)
				tracer();
			killer();
		}
	}
	_exit(0);
}

/* This process inherits what its descendants leave. */
static void end_round(pid_t group)
{
	usleep(below(150000));
	while (waitpid(-1, NULL, __WALL | WNOHANG) >= 0 || errno != ECHILD) {
		kill(-group, below(2) ? SIGKILL : SIGTERM);
		kill(-group, SIGCONT);
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit = {200, 200};
	int rounds = argc > 1 ? atoi(argv[1]) : 0;

	if (rounds == 0)
		return 0;
	self = argv[0];
	random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	setrlimit(RLIMIT_NPROC, &limit);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	victims = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < rounds; i++) {
		pid_t group = fork();

		if (group == 0) {
			random_state += (uint64_t)i << 40;
			play();
		}
		end_round(group);
	}
	say("%d rounds, all ended", rounds);
	return 0;
}
