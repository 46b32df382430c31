/*
 * reached [ROUNDS]: processes that exec, unshare, change their ids, share handlers and end, while
 * others reach for them by their numbers: with signals, limits, priorities, clocks, and through
 * /proc. Two of them live all the while, though a thread takes the leader's place over and over: to
 * reach for these must never fail.
 */
#include "../check.h"

#include <pthread.h>
#include <sys/wait.h>

#define REACHERS 3
#define VICTIMS  6
#define LASTING  2 /* of the victims: they end when they are killed */

static pid_t victim[VICTIMS];
static const char *self;
static uint64_t state;
static int failures;

static unsigned int pick(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 24) % n;
}

/* ---- victims ---- */

static void *exec_again(void *role)
{
	execl(self, self, "victim", role, NULL);
	_exit(1);
}

/* The leader waits in exit, or is still on its way there, when the thread takes its place. */
static void exec_by_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, exec_again, "0") != 0)
		_exit(1);
	if (pick(2))
		pthread_exit(NULL);
	for (;;)
		pause();
}

static void *leave_what_is_shared(void *unused)
{
	for (int i = 0; i < 8; i++) {
		unshare(pick(2) ? CLONE_FILES : CLONE_FS);
		close(open("/proc/self/status", O_RDONLY));
		if (chdir(pick(2) ? "/proc" : "/"))
			break;
	}
	return unused;
}

static void unshare_in_threads(void)
{
	pthread_t t[3];
	int n = 0;

	while (n < 3 && pthread_create(&t[n], NULL, leave_what_is_shared, NULL) == 0)
		n++;
	leave_what_is_shared(NULL);
	if (pick(2))
		_exit(0); /* with the threads in the middle of it */
	while (n)
		pthread_join(t[--n], NULL);
	_exit(0);
}

static void change_ids(void)
{
	for (int i = 0; i < 20; i++)
		if (syscall(SYS_setresuid, -1, i % 2, -1) || syscall(SYS_setpgid, 0, 0))
			break;
	_exit(0);
}

static int exec_or_end(void *unused)
{
	(void)unused;
	if (pick(2))
		execl(self, self, "nothing", NULL);
	_exit(0);
}

/* The child shares memory and handlers until it execs; so does a parent that goes first. */
static void share_handlers(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	pid_t pid =
		clone(exec_or_end, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);

	if (pid > 0 && pick(2))
		waitpid(pid, NULL, 0);
	if (pick(2))
		execl(self, self, "nothing", NULL);
	_exit(0);
}

static void vfork_and_end(void)
{
	for (volatile int i = 0; i < 4; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execl(self, self, "nothing", NULL);
			_exit(0);
		}
		if (pid > 0 && i % 2)
			waitpid(pid, NULL, 0);
	}
	_exit(0);
}

static void live(int role)
{
	static void (*const lives[])(void) = {unshare_in_threads, change_ids, share_handlers,
					      vfork_and_end};

	if (role < LASTING)
		exec_by_thread();
	lives[pick(4)]();
}

/* ---- those that reach for them ---- */

static void expect(bool lasting, bool ok, const char *what)
{
	if (!lasting || ok)
		return;
	say("%s: a process that lives was not found: %s", what, error_name(errno));
	failures++;
}

static void send_signals(pid_t pid, bool lasting)
{
	union sigval value = {.sival_int = 1};

	expect(lasting, kill(pid, 0) == 0, "kill 0");
	expect(lasting, kill(pid, SIGURG) == 0, "kill");
	expect(lasting, syscall(SYS_tgkill, pid, pid, SIGWINCH) == 0, "tgkill");
	expect(lasting, syscall(SYS_tkill, pid, SIGCONT) == 0, "tkill");
	expect(lasting, sigqueue(pid, SIGCHLD, value) == 0, "sigqueue");
}

static void ask_and_set(pid_t pid, bool lasting)
{
	struct rlimit limit;
	struct timespec time;
	clockid_t clock;
	cpu_set_t cpus;
	size_t len;
	void *list;

	expect(lasting, prlimit(pid, RLIMIT_STACK, NULL, &limit) == 0, "prlimit");
	if (prlimit(pid, RLIMIT_CORE, NULL, &limit) == 0)
		expect(lasting, prlimit(pid, RLIMIT_CORE, &limit, NULL) == 0, "prlimit to set");
	expect(lasting, getpgid(pid) > 0, "getpgid");
	expect(lasting, getsid(pid) > 0, "getsid");
	errno = 0;
	expect(lasting, getpriority(PRIO_PROCESS, pid) != -1 || !errno, "getpriority");
	expect(lasting, setpriority(PRIO_PROCESS, pid, 0) == 0, "setpriority");
	expect(lasting, sched_getaffinity(pid, sizeof(cpus), &cpus) == 0, "sched_getaffinity");
	expect(lasting, syscall(SYS_get_robust_list, pid, &list, &len) == 0, "get_robust_list");
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &time);
}

static void look(pid_t pid)
{
	static const char *const names[] = {"status",  "maps",      "stat", "limits",
					    "cmdline", "oom_score", "comm"};
	static const char *const links[] = {"cwd", "root", "exe", "fd/0", "fd/1"};
	char path[64], text[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid,
		 names[pick(sizeof(names) / sizeof(names[0]))]);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid,
		 links[pick(sizeof(links) / sizeof(links[0]))]);
	(void)!readlink(path, text, sizeof(text));
}

static void reach(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		unsigned int n = pick(VICTIMS);
		bool lasting = n < LASTING;
		/* What a short life forks has one of the next numbers. */
		pid_t pid = lasting ? victim[n] : victim[n] + (pid_t)pick(60);

		switch (pick(3)) {
		case 0:
			send_signals(pid, lasting);
			break;
		case 1:
			ask_and_set(pid, lasting);
			break;
		default:
			look(pid);
		}
	}
	_exit(failures > 0);
}

static pid_t start(int role)
{
	pid_t pid = must_fork();

	state += 1000003;
	if (pid == 0)
		live(role);
	return pid;
}

/* Short lives are followed by others until those that reach are done. */
static int keep_alive(int reachers)
{
	int status, bad = 0;

	while (reachers) {
		pid_t pid = wait(&status);
		int role = 0;

		while (role < VICTIMS && victim[role] != pid)
			role++;
		if (role < VICTIMS) {
			bad += role < LASTING;
			victim[role] = start(role);
		} else {
			reachers--;
			bad += status != 0;
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000, bad;

	self = argv[0];
	state = 88172645463325252UL + (uint64_t)getpid() * 7919 + (uint64_t)time(NULL);
	if (argc > 2)
		live(atoi(argv[2]));
	if (rounds == 0)
		return 0; /* "nothing" */
	for (int i = 0; i < VICTIMS; i++)
		victim[i] = start(i);
	for (int i = 0; i < REACHERS; i++) {
		state += 7368787;
		if (must_fork() == 0)
			reach(rounds);
	}
	bad = keep_alive(REACHERS);
	for (int i = 0; i < VICTIMS; i++)
		kill(victim[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	say("reached: %s", bad ? "NOT ALWAYS" : "always");
	return bad != 0;
}
