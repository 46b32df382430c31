/* futex(2) without the C library in between, and robust locks whose owners die. */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>

struct shared {
	uint32_t a, b;
	int woken;
};
static struct shared *shared;

static long futex(uint32_t *word, int op, uint32_t val, long val2, uint32_t *word2, uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, val2, word2, val3);
}

static void errors(void)
{
	static uint32_t word = 5;
	struct timespec tenth = {.tv_nsec = 1000}, bad = {.tv_nsec = 1000000000};

	RESULT(futex(&word, FUTEX_WAIT, 4, 0, NULL, 0));
	RESULT(futex(&word, FUTEX_WAIT, 5, (long)&tenth, NULL, 0));
	RESULT(futex(&word, FUTEX_WAIT_PRIVATE, 5, (long)&tenth, NULL, 0));
	RESULT(futex(&word, FUTEX_WAIT, 5, (long)&bad, NULL, 0));
	RESULT(futex(&word, FUTEX_WAIT_BITSET, 5, (long)&tenth, NULL, 1));
	RESULT(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, (long)&tenth, NULL, 1));
	RESULT(futex(&word, FUTEX_WAIT_BITSET, 5, (long)&tenth, NULL, 0));
	RESULT(futex(&word, FUTEX_WAKE_BITSET, 1, 0, NULL, 0));
	RESULT(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 5, 0, NULL, 0));
	RESULT(futex((uint32_t *)16, FUTEX_WAIT, 5, 0, NULL, 0));
	RESULT(futex((uint32_t *)16, FUTEX_WAKE, 1, 0, NULL, 0));
	RESULT(futex((uint32_t *)16, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0));
	RESULT(futex((uint32_t *)-16, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0));
	RESULT(futex(&word, FUTEX_CMP_REQUEUE, 1, 1, &word + 1, 4));
	RESULT(futex(&word, FUTEX_CMP_REQUEUE, 1, 1, &word + 1, 5));
	RESULT(futex(&word, FUTEX_REQUEUE, -1, 1, &word + 1, 0));
	RESULT(futex(&word, FUTEX_REQUEUE, 1, -1, &word + 1, 0));
	RESULT(futex(&word, 77, 1, 0, NULL, 0));
}

static void wake_op(uint32_t op, int arg, uint32_t start)
{
	uint32_t a = 0, b = start;
	long ret = futex(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(op, arg, FUTEX_OP_CMP_EQ, 0));

	say("op %u, %d on %#x: %ld, then %#x", op, arg, start, ret, b);
}

static void wake_ops(void)
{
	static uint32_t zero;

	wake_op(FUTEX_OP_SET, 7, 1);
	wake_op(FUTEX_OP_ADD, -1, 0);
	wake_op(FUTEX_OP_OR, 0x12, 0xf00);
	wake_op(FUTEX_OP_ANDN, 0x0f, 0xff);
	wake_op(FUTEX_OP_XOR, 0xff, 0xf0f);
	wake_op(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 20, 1);
	RESULT(futex(&zero, FUTEX_WAKE_OP, 1, 1, &zero, 0x70000000));
	RESULT(futex(&zero, FUTEX_WAKE_OP, 1, 1, (uint32_t *)16, 0));
}

static void *map_shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Children sleep on one word; how many are asleep only the wakes can tell. */
static void start_sleepers(pid_t *pid, int n)
{
	for (int i = 0; i < n; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			long ret = futex(&shared->a, FUTEX_WAIT, 0, 0, NULL, 0);
			__atomic_add_fetch(&shared->woken, 1, __ATOMIC_SEQ_CST);
			_exit(ret ? 1 : 0);
		}
	}
	/* Requeueing onto itself wakes nobody and counts the sleepers. */
	while (futex(&shared->a, FUTEX_REQUEUE, 0, 1000, &shared->a, 0) != n)
		sleep_ms(1);
}

static void requeue(void)
{
	pid_t pid[5];

	start_sleepers(pid, 5);
	RESULT(futex(&shared->a, FUTEX_CMP_REQUEUE, 1, 2, &shared->b, 0));
	RESULT(futex(&shared->b, FUTEX_WAKE, 100, 0, NULL, 0));
	RESULT(futex(&shared->a, FUTEX_REQUEUE, 0, 1, &shared->b, 0));
	shared->b = 3;
	RESULT(futex(&shared->a, FUTEX_WAKE_OP, 1, 1, &shared->b,
		     FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GE, 3)));
	for (int i = 0; i < 5; i++)
		reap("sleeper", pid[i]);
	say("%d woke, the word is %u", shared->woken, shared->b);
}

/* ---- robust locks ---- */

static pthread_mutex_t *lock;
static char *own_path;

static void make_lock(int type, int pshared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setpshared(&attr, pshared);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
}

static void dies_with_lock(void)
{
	pthread_mutex_lock(lock);
}

static void is_killed_with_lock(void)
{
	pthread_mutex_lock(lock);
	kill(getpid(), SIGKILL);
}

static void execs_with_lock(void)
{
	char *argv[] = {own_path, "end", NULL};

	pthread_mutex_lock(lock);
	execv(own_path, argv);
	_exit(3);
}

static void take_over(void)
{
	int err = pthread_mutex_lock(lock);

	say("lock: %s", err == EOWNERDEAD ? "the owner died" : err ? "another error" : "ours");
	if (err == EOWNERDEAD)
		say("consistent: %d", pthread_mutex_consistent(lock));
	say("unlock: %d", pthread_mutex_unlock(lock));
	say("lock again: %d", pthread_mutex_lock(lock));
	say("unlock: %d", pthread_mutex_unlock(lock));
}

static void *thread_dies_with_lock(void *arg)
{
	pthread_mutex_lock(lock);
	return arg;
}

static void *waits_for_lock(void *arg)
{
	(void)arg;
	take_over();
	return NULL;
}

static void robust(void)
{
	pthread_t thread;

	make_lock(PTHREAD_MUTEX_NORMAL, PTHREAD_PROCESS_SHARED);
	in_child("exits with the lock", dies_with_lock);
	take_over();
	in_child("is killed with the lock", is_killed_with_lock);
	take_over();
	in_child("execs with the lock", execs_with_lock);
	take_over();
	make_lock(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PROCESS_PRIVATE);
	pthread_create(&thread, NULL, thread_dies_with_lock, NULL);
	pthread_join(thread, NULL);
	take_over();
	/* Nobody makes it consistent: it is lost. */
	make_lock(PTHREAD_MUTEX_NORMAL, PTHREAD_PROCESS_SHARED);
	in_child("exits with the lock", dies_with_lock);
	say("owner died: %s", pthread_mutex_lock(lock) == EOWNERDEAD ? "yes" : "NO");
	pthread_mutex_unlock(lock);
	say("lost: %s", pthread_mutex_lock(lock) == ENOTRECOVERABLE ? "yes" : "NO");
}

/* The owner dies while others already sleep. */
static void robust_waiters(void)
{
	pthread_t thread;
	struct gate held = gate_make();
	pid_t pid;

	make_lock(PTHREAD_MUTEX_NORMAL, PTHREAD_PROCESS_SHARED);
	pid = must_fork();
	if (pid == 0) {
		pthread_mutex_lock(lock);
		gate_open(&held);
		pause();
	}
	gate_wait(&held);
	pthread_create(&thread, NULL, waits_for_lock, NULL);
	sleep_ms(30);
	kill(pid, SIGTERM);
	pthread_join(thread, NULL);
	reap("owner", pid);
}

/* ---- lists that lead nowhere ---- */

static struct robust_list_head head;
static struct robust_list circle[2];

static void hostile(struct robust_list *first, long offset, struct robust_list *pending)
{
	head = (struct robust_list_head){{first}, offset, pending};
	if (syscall(SYS_set_robust_list, &head, sizeof(head)))
		say("set_robust_list: %s", error_name(errno));
}

static void circular(void)
{
	circle[0].next = &circle[1];
	circle[1].next = &circle[0];
	hostile(&circle[0], 8, NULL);
}
static void unmapped(void)
{
	hostile((void *)0x123, 1 << 30, (void *)8);
}
static void kernel_address(void)
{
	hostile((void *)-4096L, -4096, (void *)0xffffffff80000000);
}
static void crooked(void)
{
	hostile(&head.list, 1, (void *)((char *)&circle + 3));
}
static void no_head(void)
{
	syscall(SYS_set_robust_list, (void *)0xffff800000000000, sizeof(head));
}

int main(int argc, char **argv)
{
	void *out;
	size_t len;

	if (argc > 1)
		return 0; /* after exec */
	own_path = argv[0];
	shared = map_shared(4096);
	lock = (void *)((char *)shared + 1024);
	errors();
	wake_ops();
	requeue();
	RESULT(syscall(SYS_set_robust_list, &head, 23));
	RESULT(syscall(SYS_get_robust_list, 0, &out, (void *)8));
	RESULT(syscall(SYS_get_robust_list, 0, &out, &len));
	say("length %zu", len);
	RESULT(syscall(SYS_get_robust_list, 999999, &out, &len));
	robust();
	robust_waiters();
	in_child("circular", circular);
	in_child("unmapped", unmapped);
	in_child("kernel's", kernel_address);
	in_child("crooked", crooked);
	in_child("no head", no_head);
	return 0;
}
