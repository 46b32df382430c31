/* Processes and threads that trace, stop, kill and leave each other at random: trace_storm SECONDS.
 */
#include "../check.h"

#include <linux/ptrace.h>
#include <pthread.h>
#include <sys/prctl.h>

#define PROCESSES 12

static pid_t *pids; /* shared: those that a storm may hit */
static unsigned int seed;

static unsigned int random_below(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void *idle_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		usleep(500);
	return NULL;
}

static void one_step(void)
{
	static const int requests[] = {
		PTRACE_CONT,        PTRACE_SYSCALL,    PTRACE_SINGLESTEP, PTRACE_DETACH,
		PTRACE_INTERRUPT,   PTRACE_LISTEN,     PTRACE_KILL,       PTRACE_ATTACH,
		PTRACE_SEIZE,       PTRACE_GETREGS,    PTRACE_GETSIGINFO, PTRACE_PEEKDATA,
		PTRACE_GETEVENTMSG, PTRACE_SETOPTIONS, PTRACE_POKEUSR,    31 /* SYSEMU */,
		PTRACE_CONT,        PTRACE_SEIZE,      PTRACE_CONT,       PTRACE_GETREGSET,
	};
	static char buffer[8192];
	pid_t pid = pids[random_below(PROCESSES)];
	int status, request = requests[random_below(sizeof(requests) / sizeof(requests[0]))];
	unsigned long data = (unsigned long)buffer, addr = (unsigned long)buffer;
	static const int signals[] = {SIGSTOP, SIGCONT, SIGUSR1, SIGTSTP, SIGTERM, SIGTRAP};
	pthread_t t;

	if (!pid)
		return;
	switch (random_below(10)) {
	case 0:
		kill(pid, signals[random_below(6)]);
		return;
	case 1:
		if (random_below(8) == 0)
			kill(pid, SIGKILL);
		return;
	case 2:
		pid = fork();
		if (pid == 0) {
			if (random_below(2))
				syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
			if (random_below(2))
				raise(SIGSTOP);
			_exit(0);
		}
		return;
	case 3:
		if (pthread_create(&t, NULL, idle_thread, NULL) == 0)
			pthread_detach(t);
		return;
	case 4:
		while (waitpid(-1, &status, __WALL | WNOHANG | WUNTRACED | WCONTINUED) > 0)
			if (WIFSTOPPED(status) && random_below(2))
				break;
		return;
	default:
		if (request == PTRACE_CONT || request == PTRACE_SYSCALL ||
		    request == PTRACE_SINGLESTEP || request == PTRACE_DETACH || request == 31)
			data = random_below(3) ? 0 : random_below(66);
		if (request == PTRACE_SETOPTIONS || request == PTRACE_SEIZE)
			data = random_below(256) | (random_below(4) ? 0 : PTRACE_O_EXITKILL);
		if (request == PTRACE_SEIZE)
			addr = 0;
		if (request == PTRACE_POKEUSR) {
			addr = 8 * random_below(120);
			data = random_below(2) ? (unsigned long)seed << 20 : random_below(1000);
		}
		syscall(SYS_ptrace, request, pid, addr, data);
	}
}

static void storm(int n, time_t end)
{
	seed = (unsigned int)getpid() * 2654435761u + (unsigned int)n;
	signal(SIGUSR1, SIG_IGN);
	while (time(NULL) < end)
		one_step();
	_exit(0);
}

/* What is left of the storm is killed: none of it may stay. */
int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
	int status;

	pids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 1;
	for (int n = 0; time(NULL) < end; n++) {
		int slot = n % PROCESSES;

		if (!pids[slot] || kill(pids[slot], 0)) {
			pid_t pid = fork();
			if (pid == 0)
				storm(n, end);
			pids[slot] = pid;
		}
		while (waitpid(-1, &status, __WALL | WNOHANG) > 0)
			;
		usleep(1000);
	}
	for (int i = 0; i < 200; i++) {
		kill(-1, SIGKILL);
		while (waitpid(-1, &status, __WALL | WNOHANG) > 0)
			;
		if (waitpid(-1, &status, __WALL | WNOHANG) < 0 && errno == ECHILD)
			break;
		usleep(10000);
	}
	say("all are gone: %s",
	    waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD ? "yes" : "NO");
	return 0;
}
