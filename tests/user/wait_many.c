/* Waiting among very many children: for some of them, and for stops and continues. */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define MANY 300

static pid_t pids[MANY];

/* Children that end when the gate opens; every `step`-th is in the group of the first of those. */
static void start(struct gate *g, int n, int step, pid_t *group)
{
	*group = 0;
	for (int i = 0; i < n; i++) {
		pids[i] = must_fork();
		if (pids[i] == 0) {
			gate_wait(g);
			_exit(i % 7);
		}
		if (step && i % step == step - 1) {
			setpgid(pids[i], *group);
			if (!*group)
				*group = pids[i];
		}
	}
}

static void open_for(struct gate *g, int n)
{
	while (n-- > 0)
		gate_open(g);
}

static int place_of(pid_t pid)
{
	for (int i = 0; i < MANY; i++)
		if (pids[i] == pid)
			return i;
	return -1;
}

static void reap_all(int n)
{
	int reaped = 0, status, right = 0;
	pid_t pid;

	while ((pid = wait(&status)) > 0) {
		reaped++;
		right += WIFEXITED(status) && WEXITSTATUS(status) == place_of(pid) % 7;
	}
	say("%d reaped, %d as they should, of %d; then %s", reaped, right, n, error_name(errno));
}

static void a_group(void)
{
	struct gate g = gate_make();
	int status, got = 0, right = 0;
	pid_t group, pid;

	start(&g, MANY, 100, &group);
	RESULT(waitpid(-group, &status, WNOHANG));
	RESULT(waitpid(-group, &status, WNOHANG | WUNTRACED | WCONTINUED));
	RESULT(waitpid(-pids[0], &status, WNOHANG));
	open_for(&g, MANY);
	while ((pid = waitpid(-group, &status, 0)) > 0) {
		got++;
		right += place_of(pid) % 100 == 99 && WEXITSTATUS(status) == place_of(pid) % 7;
	}
	say("%d, %d right; then %s", got, right, error_name(errno));
	reap_all(MANY - got);
}

/* Each stop and each continue is told once, to any kind of wait. */
static void jobs(void)
{
	struct gate g = gate_make();
	int status, stopped = 0, continued = 0, killed = 0;
	siginfo_t info;
	pid_t group, pid;

	start(&g, MANY, 3, &group);
	RESULT(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED));
	kill(-group, SIGSTOP);
	while (stopped < MANY / 3 && (pid = waitpid(-1, &status, WUNTRACED)) > 0)
		stopped += WIFSTOPPED(status) && place_of(pid) % 3 == 2;
	say("%d stopped", stopped);
	RESULT(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED));
	RESULT(waitpid(-group, &status, WNOHANG | WUNTRACED | WCONTINUED));
	kill(-group, SIGCONT);
	RESULT(waitpid(-1, &status, WNOHANG | WUNTRACED));
	memset(&info, 0, sizeof(info));
	RESULT(waitid(P_ALL, 0, &info, WCONTINUED | WNOWAIT));
	TRUTH(place_of(info.si_pid) % 3 == 2); /* which one is not promised: CAVEATS.md, Tasks */
	RESULT(waitid(P_PID, pids[5], &info, WCONTINUED | WNOHANG));
	say("the other: %d", place_of(info.si_pid));
	while (continued < MANY / 3 - 1 && (pid = waitpid(-group, &status, WCONTINUED)) > 0)
		continued += WIFCONTINUED(status) && place_of(pid) % 3 == 2;
	say("%d continued", continued);
	RESULT(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED));
	kill(-group, SIGSTOP);
	RESULT(waitid(P_PGID, group, &info, WSTOPPED | WNOWAIT));
	kill(-group, SIGKILL);
	while (killed < MANY / 3 && (pid = waitpid(-1, &status, WUNTRACED)) > 0)
		killed += WIFSIGNALED(status) && place_of(pid) % 3 == 2;
	say("%d killed", killed);
	open_for(&g, MANY);
	reap_all(MANY / 3 * 2);
}

/* Stopped children whose parent ends are the reaper's to wait for. */
static void of_another(void)
{
	struct gate g = gate_make(), told = gate_make();
	int status, stopped = 0, continued = 0, ended = 0;
	pid_t group, parent;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	parent = must_fork();
	if (parent == 0) {
		start(&g, 100, 1, &group);
		for (int i = 0; i < 100; i++)
			kill(pids[i], SIGSTOP);
		for (int i = 0; i < 100; i++) /* nobody is told of these */
			waitid(P_PID, pids[i], &(siginfo_t){0}, WSTOPPED | WNOWAIT);
		for (int i = 0; i < 50; i++) /* but of these */
			waitpid(pids[i], &status, WUNTRACED);
		_exit(write(told.fd[1], &group, sizeof(group)) != sizeof(group));
	}
	waitpid(parent, &status, 0);
	say_status("parent", status);
	while (waitpid(-1, &status, WUNTRACED | WNOHANG) > 0)
		stopped += WIFSTOPPED(status);
	say("stopped %d", stopped);
	RESULT(read(told.fd[0], &group, sizeof(group)));
	kill(-group, SIGCONT);
	while (continued < 100 && waitpid(-1, &status, WCONTINUED) > 0)
		continued += WIFCONTINUED(status);
	say("continued %d", continued);
	open_for(&g, 100);
	while (waitpid(-1, &status, WUNTRACED | WCONTINUED) > 0)
		ended += WIFEXITED(status);
	say("ended %d", ended);
}

/* A stop that a parent has seen, however early, is then seen by a wait for any child of its reaper.
 */
static void seen_early(void)
{
	volatile pid_t *stopped =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, found = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 100; i++) {
		pid_t parent = must_fork();

		if (parent == 0) {
			siginfo_t info = {0};
			pid_t child = must_fork();

			while (child == 0)
				pause();
			*stopped = child;
			kill(child, SIGSTOP);
			while (!info.si_pid)
				waitid(P_PID, child, &info, WSTOPPED | WNOWAIT | WNOHANG);
			_exit(0);
		}
		waitpid(parent, &status, 0);
		found += waitpid(-1, &status, WUNTRACED | WNOHANG) > 0 && WIFSTOPPED(status);
		kill(*stopped, SIGKILL);
		waitpid(*stopped, &status, 0);
	}
	say("found %d", found);
}

static void *executes(void *arg)
{
	execl("/proc/self/exe", "wait_many", "ends", NULL);
	return arg;
}

/* A process is found by its pid also while a thread of it takes over that number by exec. */
static void across_exec(void)
{
	int status, found = 0;

	for (int i = 0; i < 50; i++) {
		pid_t child = must_fork(), got;
		pthread_t thread;

		if (child == 0) {
			pthread_create(&thread, NULL, executes, NULL);
			for (;;)
				pause();
		}
		while ((got = waitpid(child, &status, WNOHANG)) == 0)
			continue;
		found += got == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	say("found across exec: %d", found);
}

/* Clones are found among others, and others among clones. */
static void clones(void)
{
	struct gate g = gate_make();
	int status, ended = 0;
	pid_t group, clone_pid;

	start(&g, 200, 0, &group);
	RESULT(waitpid(-1, &status, WNOHANG | __WCLONE));
	clone_pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (clone_pid == 0) {
		gate_wait(&g);
		_exit(5);
	}
	RESULT(waitpid(-1, &status, WNOHANG | __WCLONE));
	open_for(&g, 201);
	TRUTH(waitpid(-1, &status, __WCLONE) == clone_pid);
	say_status("clone", status);
	RESULT(waitpid(-1, &status, __WCLONE));
	while (wait(&status) > 0)
		ended++;
	say("%d others", ended);
}

/* ---- several threads wait at once, while the children come and go ---- */

static struct gate all_go;
static int taken, errors;

static void *take_group(void *group)
{
	int status;

	while (waitpid(-(pid_t)(long)group, &status, 0) > 0)
		__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
	if (errno != ECHILD)
		errors++;
	return NULL;
}

static void by_threads(void)
{
	pid_t group;
	pthread_t threads[4];

	all_go = gate_make();
	start(&all_go, MANY, 2, &group);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, take_group, (void *)(long)group);
	for (int i = 0; i < MANY; i += 2) {
		kill(pids[i], SIGSTOP);
		kill(pids[i], SIGCONT);
	}
	open_for(&all_go, MANY);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	say("%d taken, %d errors", taken, errors);
	reap_all(MANY / 2);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "ends") == 0)
		return 7;
	in_child("a group", a_group);
	in_child("jobs", jobs);
	in_child("of another", of_another);
	in_child("seen early", seen_early);
	in_child("across exec", across_exec);
	in_child("clones", clones);
	in_child("by threads", by_threads);
	return 0;
}
