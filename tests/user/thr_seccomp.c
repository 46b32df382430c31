/* Filters and threads: SECCOMP_FILTER_FLAG_TSYNC, and which threads an action ends. seccomp(2). */
#include "threads.h"

#include "filters.h"

#define TSYNC SECCOMP_FILTER_FLAG_TSYNC
#define DENY  (SECCOMP_RET_ERRNO | EXDEV)

static struct gate ready, go, done, leave;

static void make_gates(void)
{
	ready = gate_make();
	go = gate_make();
	done = gate_make();
	leave = gate_make();
}

static void show_call(const char *who)
{
	errno = 0;
	say_whether(who, syscall(SYS_getppid));
}

static pid_t other_tid;

/* A thread that is there while filters are set, then makes the call. */
static void *other(void *own)
{
	other_tid = (pid_t)syscall(SYS_gettid);
	if (own)
		set_filter(SYS_getuid, *(unsigned int *)own, 0);
	gate_open(&ready);
	gate_wait(&go);
	show_call("other thread");
	say("no_new_privs %d, mode %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	    prctl(PR_GET_SECCOMP));
	gate_open(&done);
	gate_wait(&leave);
	return NULL;
}

static pthread_t start_other(unsigned int *own)
{
	pthread_t t;

	make_gates();
	t = start(other, own);
	gate_wait(&ready);
	return t;
}

static void end_other(pthread_t t)
{
	gate_open(&go);
	gate_wait(&done);
	gate_open(&leave);
	say_join("other thread", t);
}

static void alone(void)
{
	pthread_t t = start_other(NULL);

	RESULT(set_filter(SYS_getppid, DENY, 0));
	show_call("first thread");
	end_other(t);
}

static void together(void)
{
	pthread_t t = start_other(NULL);

	no_new_privs();
	RESULT(set_filter(SYS_getppid, DENY, TSYNC));
	show_call("first thread");
	end_other(t);
}

static void diverged(void)
{
	unsigned int allow = SECCOMP_RET_ALLOW;
	pthread_t t = start_other(&allow);
	long ret = set_filter(SYS_getppid, DENY, TSYNC);

	say("its thread id: %d", ret == other_tid);
	RESULT(set_filter(SYS_getppid, DENY, TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
	show_call("first thread");
	end_other(t);
}

/* A thread with an older part of the chain gets the rest. */
static void catches_up(void)
{
	pthread_t t;

	set_filter(SYS_getuid, DENY, 0);
	t = start_other(NULL);
	for (int i = 0; i < 40; i++)
		set_filter(SYS_getgid, DENY, 0);
	RESULT(set_filter(SYS_getppid, DENY, TSYNC));
	end_other(t);
}

/* A thread that is ahead cannot be brought back. */
static void is_ahead(void)
{
	unsigned int allow = SECCOMP_RET_ALLOW;
	pthread_t t;

	set_filter(SYS_getgid, DENY, 0);
	t = start_other(&allow);
	say("its thread id: %d", set_filter(SYS_getppid, DENY, TSYNC) == other_tid);
	end_other(t);
}

static void with_listener(void)
{
	pthread_t t = start_other(NULL);
	int fd = (int)set_filter(SYS_getppid, SECCOMP_RET_USER_NOTIF,
				 TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
					 SECCOMP_FILTER_FLAG_NEW_LISTENER);

	say("a descriptor: %d", fd > 2);
	close(fd);
	end_other(t);
}

static void *makes_call(void *arg)
{
	(void)arg;
	other_tid = (pid_t)syscall(SYS_gettid);
	gate_open(&ready);
	show_call("not reached");
	return NULL;
}

static void kill_thread(void)
{
	make_gates();
	set_filter(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
	start(makes_call, NULL);
	gate_wait(&ready);
	/* pthread_join() need not notice such an end */
	while (syscall(SYS_tgkill, getpid(), other_tid, 0) == 0)
		sleep_ms(1);
	say("first thread goes on");
}

static void kill_process(void)
{
	pthread_t t;

	make_gates();
	set_filter(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0);
	t = start(makes_call, NULL);
	say_join("killed thread", t);
}

static void *waits(void *arg)
{
	(void)arg;
	gate_wait(&go);
	return NULL;
}

/* The first thread dies, the process goes on until the other ends. */
static void *last_thread(void *arg)
{
	(void)arg;
	gate_wait(&go);
	sleep_ms(20);
	say("the other thread is still there");
	_exit(7);
}

static void kill_leader(void)
{
	make_gates();
	start(last_thread, NULL);
	set_filter(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
	gate_open(&go);
	show_call("not reached");
}

static void strict_in_thread(void)
{
	make_gates();
	pthread_t t = start(waits, NULL);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	gate_open(&go);
	(void)t;
	syscall(SYS_exit, 3);
}

/* Threads set filters for all while others come and go, and make calls. */
static volatile bool over;

static void *comes_and_goes(void *arg)
{
	(void)arg;
	syscall(SYS_getgid);
	return NULL;
}

static void *starts_threads(void *arg)
{
	(void)arg;
	while (!over)
		join(start(comes_and_goes, NULL));
	return NULL;
}

static void *forks(void *arg)
{
	(void)arg;
	while (!over) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return NULL;
}

static void storm(void)
{
	pthread_t a = start(starts_threads, NULL), b = start(forks, NULL);
	int failed = 0;

	for (int i = 0; i < 100; i++)
		failed += set_filter(SYS_getuid, DENY, TSYNC) != 0;
	over = true;
	join(a);
	join(b);
	say("failed: %d", failed);
	RESULT(syscall(SYS_getuid));
}

int main(void)
{
	in_child("alone", alone);
	in_child("together", together);
	in_child("diverged", diverged);
	in_child("catches up", catches_up);
	in_child("is ahead", is_ahead);
	in_child("with a listener", with_listener);
	in_child("kill_thread", kill_thread);
	in_child("kill_process", kill_process);
	in_child("kill_thread for the first", kill_leader);
	in_child("strict", strict_in_thread);
	in_child("storm", storm);
	return 0;
}
