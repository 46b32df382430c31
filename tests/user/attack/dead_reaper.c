/* Children that end while their parent, its parent, the sub-reaper they go to and the leader of
 * their group end on another CPU: a task may be told of, reaped or looked at by /proc, and its
 * relatives may already be gone. Nothing may be used after it was freed; a debug build would see
 * it. */
#include "attack.h"

#include <dirent.h>
#include <pthread.h>

#define ROUNDS 12
#define KIDS   40

static void kids(int n)
{
	for (int i = 0; i < n; i++)
		if (fork() == 0)
			_exit(0);
}

/* The children become zombies of a parent that does not wait; it ends, and so does the reaper that
 * they go to, which wants no zombies. */
static void reaper_ends(void)
{
	struct gate g = gate_make();

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0) {
		pin(0);
		signal(SIGCHLD, SIG_DFL);
		kids(KIDS);
		sleep_ms(5);
		gate_open(&g);
		_exit(0);
	}
	pin(1);
	gate_wait(&g);
	_exit(0);
}

/* The same with a chain of sub-reapers, which end from the outermost to the innermost. */
static void chain_ends(void)
{
	struct gate g = gate_make();
	char c;

	for (int depth = 0; depth < 6; depth++) {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		if (depth & 1)
			signal(SIGCHLD, SIG_IGN);
		if (fork() != 0) {
			pin(depth);
			close(g.fd[1]);
			(void)!read(g.fd[0], &c, 1);
			_exit(0);
		}
	}
	signal(SIGCHLD, SIG_DFL);
	kids(KIDS);
	sleep_ms(5);
	_exit(0); /* the last writer: all of them go on at once */
}

static void *thread_parent(void *arg)
{
	pin((int)(long)arg);
	kids(KIDS / 4);
	return NULL;
}

/* Children of threads of a process whose leader goes first. */
static void *last_thread(void *unused)
{
	pthread_t t[4];

	(void)unused;
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, thread_parent, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

static void leader_ends(void)
{
	pthread_t t;

	pthread_create(&t, NULL, last_thread, NULL);
	pthread_exit(NULL);
}

/* A process that execs in a thread: the leader is replaced while its children end. */
static void *exec_thread(void *unused)
{
	kids(KIDS / 4);
	execl("/proc/self/exe", "dead_reaper", "nothing", NULL);
	return unused;
}

static void leader_replaced(void)
{
	pthread_t t;

	kids(KIDS / 4);
	pthread_create(&t, NULL, exec_thread, NULL);
	for (;;)
		pause();
}

/* Looks at everything that /proc tells of everybody, until it is killed. */
static void look(void)
{
	static const char *const files[] = {"stat", "status", "wchan", "cmdline", "task"};
	char path[64], buf[4096];

	for (;;) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		while (d && (e = readdir(d)) != NULL) {
			for (int i = 0; e->d_name[0] >= '1' && e->d_name[0] <= '9' && i < 5; i++) {
				snprintf(path, sizeof(path), "/proc/%.10s/%s", e->d_name, files[i]);
				int fd = open(path, O_RDONLY);
				(void)!read(fd, buf, sizeof(buf));
				close(fd);
			}
		}
		if (d)
			closedir(d);
	}
}

static void round_of(void (*fn)(void))
{
	pid_t pid = must_fork(), waiter;

	if (pid == 0)
		fn();
	waiter = fork();
	if (waiter == 0) {
		kids(2);
		while (waitpid(-1, NULL, 0) > 0)
			;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	waitpid(waiter, NULL, 0);
}

static void attack(void)
{
	static void (*const ways[])(void) = {reaper_ends, chain_ends, leader_ends, leader_replaced};
	pid_t looker = must_fork();

	if (looker == 0)
		look();
	for (int i = 0; i < ROUNDS; i++)
		for (int w = 0; w < 4; w++)
			round_of(ways[w]);
	kill(looker, SIGKILL);
	waitpid(looker, NULL, 0);
	say("survived");
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	as_user("attack", attack);
	return 0;
}
