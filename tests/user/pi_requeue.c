/* FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: from a condition variable to its PI lock. */
#include "check.h"

#include <linux/futex.h>

struct shared {
	uint32_t cond, lock, other;
	int order[4], n, ready;
};
static struct shared *sh;

static long futex(uint32_t *word, int op, uint32_t val, const void *timeout, uint32_t *word2,
		  uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static long wait_requeue(const struct timespec *until)
{
	return futex(&sh->cond, FUTEX_WAIT_REQUEUE_PI, 0, until, &sh->lock, 0);
}

static long requeue(long max)
{
	return futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)max, &sh->lock, 0);
}

static long lock(void)
{
	return futex(&sh->lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}

static long unlock(void)
{
	return futex(&sh->lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void say_lock(const char *what)
{
	uint32_t val = __atomic_load_n(&sh->lock, __ATOMIC_SEQ_CST), tid = val & FUTEX_TID_MASK;

	say("%s: %s%s%s", what,
	    !tid                        ? "nobody"
	    : tid == (uint32_t)getpid() ? "we"
					: "another",
	    val & FUTEX_WAITERS ? ", waiters" : "", val & FUTEX_OWNER_DIED ? ", owner died" : "");
}

static void errors(void)
{
	struct timespec bad = {.tv_nsec = -1}, past = {.tv_nsec = 1};

	RESULT(futex(&sh->cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &sh->cond, 0));
	RESULT(futex(&sh->cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &sh->lock, 0));
	RESULT(wait_requeue(&bad));
	RESULT(wait_requeue(&past));
	RESULT(futex(&sh->cond, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, &past, &sh->lock,
		     0));
	RESULT(futex((void *)16, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &sh->lock, 0));
	RESULT(futex(&sh->cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (void *)17, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &sh->cond, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 0, (void *)1, &sh->lock, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &sh->lock, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)-1, &sh->lock, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &sh->lock, 7));
	RESULT(futex((void *)16, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &sh->lock, 0));
	RESULT(requeue(1));
	say_lock("nobody waits");
}

static void wait_ready(int n)
{
	while (__atomic_load_n(&sh->ready, __ATOMIC_SEQ_CST) != n)
		sleep_ms(1);
}

static void handler(int sig)
{
	(void)sig;
}

/* Waits on `cond`, and gives the lock back when it has it. */
static pid_t start_waiter(int nr, long timeout_ms)
{
	pid_t pid;

	sh->ready = 0;
	pid = must_fork();
	if (pid == 0) {
		struct sigaction sa = {.sa_handler = handler};
		struct timespec ts;
		long ret;

		sigaction(SIGUSR1, &sa, NULL);
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += timeout_ms / 1000;
		__atomic_store_n(&sh->ready, nr + 1, __ATOMIC_SEQ_CST);
		ret = wait_requeue(timeout_ms ? &ts : NULL);
		if (ret) {
			say("waiter: %s", error_name(errno));
			_exit(10);
		}
		sh->order[sh->n++] = nr;
		if ((sh->lock & FUTEX_TID_MASK) != (uint32_t)getpid())
			_exit(1);
		_exit(unlock() ? 2 : 0);
	}
	wait_ready(nr + 1);
	sleep_ms(60);
	return pid;
}

static void broadcast(bool locked)
{
	pid_t pid[3];

	sh->n = 0;
	for (int i = 0; i < 3; i++)
		pid[i] = start_waiter(i, 0);
	RESULT(futex(&sh->cond, FUTEX_WAKE, 1, NULL, NULL, 0));
	RESULT(futex(&sh->cond, FUTEX_REQUEUE, 1, (void *)1, &sh->other, 0));
	RESULT(futex(&sh->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &sh->other, 0));
	if (locked)
		RESULT(lock());
	say("requeued: %ld", requeue(1000));
	if (locked) {
		say_lock("requeued");
		RESULT(unlock());
	}
	for (int i = 0; i < 3; i++)
		reap("waiter", pid[i]);
	say("order: %d %d %d", sh->order[0], sh->order[1], sh->order[2]);
	say_lock("at the end");
}

static void one_by_one(void)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++)
		pid[i] = start_waiter(i, 0);
	for (int i = 0; i < 3; i++) {
		say("requeued: %ld", requeue(0));
		reap("waiter", pid[i]);
		say_lock("one by one");
	}
}

/* A signal before and after the requeueing: the call is made again, or says so. */
static void interrupted(void)
{
	pid_t pid = start_waiter(0, 0);

	kill(pid, SIGUSR1);
	sleep_ms(30);
	RESULT(lock());
	RESULT(requeue(1));
	kill(pid, SIGUSR1);
	reap("interrupted", pid);
	say_lock("before");
	RESULT(unlock());

	pid = start_waiter(0, 0);
	RESULT(lock());
	RESULT(requeue(1));
	kill(pid, SIGKILL);
	reap("killed", pid);
	RESULT(unlock());
	say_lock("after");
}

static void times_out_on_the_lock(void)
{
	pid_t pid = start_waiter(0, 1000);

	RESULT(lock());
	RESULT(requeue(1));
	reap("timed out", pid);
	RESULT(unlock());
}

/* The owner dies with waiters that were moved to its lock. */
static void owner_dies(void)
{
	pid_t pid = start_waiter(0, 0), owner = must_fork();

	if (owner == 0) {
		if (lock())
			_exit(1);
		_exit(requeue(1) == 1 ? 0 : 2);
	}
	reap("owner", owner);
	reap("waiter", pid);
	say_lock("at the end");
}

int main(void)
{
	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	errors();
	broadcast(true);
	broadcast(false);
	one_by_one();
	interrupted();
	times_out_on_the_lock();
	owner_dies();
	return 0;
}
