/* The PI operations of futex(2) without the C library in between. */
#include "check.h"

#include <linux/futex.h>
#include <stddef.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

struct shared {
	uint32_t a, b;
	int order[8], n;
	int ready;
	struct robust_list_head head;
	struct robust_list entry;
	uint32_t robust_word; /* at a fixed distance from `entry` */
};
static struct shared *sh;

static long futex(uint32_t *word, int op, uint32_t val, const void *timeout, uint32_t *word2,
		  uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static uint32_t tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

/* A word in terms that do not change from run to run. */
static void say_word(const char *what, const uint32_t *word, uint32_t known)
{
	uint32_t val = __atomic_load_n(word, __ATOMIC_SEQ_CST), owner = val & FUTEX_TID_MASK;

	say("%s: %s%s%s", what,
	    !owner           ? "nobody"
	    : owner == known ? "the one"
			     : "another",
	    val & FUTEX_WAITERS ? ", waiters" : "", val & FUTEX_OWNER_DIED ? ", owner died" : "");
}

static long lock(uint32_t *word)
{
	return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}
static long trylock(uint32_t *word)
{
	return futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0);
}
static long unlock(uint32_t *word)
{
	return futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void bad_addresses(void)
{
	static uint32_t word[2];
	uint32_t *crooked = (uint32_t *)((char *)word + 1), *low = (uint32_t *)16;
	uint32_t *high = (uint32_t *)-16L;
	uint32_t *readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	RESULT(lock(crooked));
	RESULT(trylock(crooked));
	RESULT(unlock(crooked));
	RESULT(lock(low));
	RESULT(trylock(low));
	RESULT(unlock(low));
	RESULT(lock(high));
	RESULT(unlock(high));
	RESULT(lock(readonly));
	RESULT(futex(readonly, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	RESULT(trylock(readonly));
	RESULT(unlock(readonly));
}

static void alone(void)
{
	static uint32_t word;

	RESULT(unlock(&word));
	RESULT(lock(&word));
	say_word("locked", &word, tid());
	RESULT(lock(&word));
	RESULT(trylock(&word));
	RESULT(unlock(&word));
	say_word("unlocked", &word, tid());
	RESULT(trylock(&word));
	say_word("locked", &word, tid());
	word |= FUTEX_WAITERS;
	RESULT(unlock(&word));
	say_word("unlocked", &word, tid());
	word = FUTEX_OWNER_DIED;
	RESULT(lock(&word));
	say_word("after a death", &word, tid());
	RESULT(unlock(&word));
	say_word("unlocked", &word, tid());
	word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
	RESULT(trylock(&word));
	say_word("after a death", &word, tid());
	word = 0;
	word = 0x3ffffff;
	RESULT(lock(&word));
	say_word("nobody's", &word, 0x3ffffff);
	RESULT(trylock(&word));
	RESULT(unlock(&word));
}

static void times(void)
{
	static uint32_t word;
	struct timespec bad = {.tv_nsec = 1000000000}, past = {.tv_nsec = 1};

	RESULT(futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
	RESULT(futex(&word, FUTEX_LOCK_PI2, 0, &bad, NULL, 0));
	RESULT(futex(&word, FUTEX_LOCK_PI, 0, (void *)16, NULL, 0));
	RESULT(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	RESULT(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, &bad, NULL, 0));
	RESULT(futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	RESULT(futex(&word, FUTEX_TRYLOCK_PI, 0, &bad, NULL, 0));
	say_word("taken", &word, tid());
	word = 0;
	RESULT(futex(&word, FUTEX_LOCK_PI, 0, &past, NULL, 0));
	say_word("free: no time needed", &word, tid());
	word = 0;
	RESULT(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
	RESULT(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
	RESULT(futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
}

/* ---- two processes ---- */

static void set_ready(int n)
{
	__atomic_store_n(&sh->ready, n, __ATOMIC_SEQ_CST);
}
static void wait_ready(int n)
{
	while (__atomic_load_n(&sh->ready, __ATOMIC_SEQ_CST) != n)
		sleep_ms(1);
}

/* A child that holds `a` until it is told otherwise, then releases it or not. */
static pid_t start_holder(bool release)
{
	pid_t pid;

	set_ready(0);
	pid = must_fork();
	if (pid == 0) {
		if (lock(&sh->a))
			_exit(1);
		set_ready(1);
		wait_ready(2);
		_exit(release && unlock(&sh->a) ? 2 : 0);
	}
	wait_ready(1);
	return pid;
}

static void held_by_another(void)
{
	struct timespec ts;
	pid_t pid = start_holder(true);

	RESULT(trylock(&sh->a));
	say_word("after trylock", &sh->a, pid);
	RESULT(unlock(&sh->a));
	ts = ms_from_now(CLOCK_REALTIME, 5);
	RESULT(futex(&sh->a, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
	ts = ms_from_now(CLOCK_MONOTONIC, 5);
	RESULT(futex(&sh->a, FUTEX_LOCK_PI2, 0, &ts, NULL, 0));
	ts = ms_from_now(CLOCK_REALTIME, 5);
	RESULT(futex(&sh->a, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, 0));
	ts.tv_sec = ts.tv_nsec = 0;
	RESULT(futex(&sh->a, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
	ts.tv_sec = -1;
	RESULT(futex(&sh->a, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
	say_word("after time-outs", &sh->a, pid);
	set_ready(2);
	reap("holder", pid);
	say_word("released", &sh->a, pid);
}

static void owner_gone(void)
{
	pid_t pid = start_holder(false);

	set_ready(2);
	reap("holder", pid);
	say_word("not released", &sh->a, pid);
	RESULT(lock(&sh->a));
	say_word("waiters are marked all the same", &sh->a, pid);
	RESULT(trylock(&sh->a));
	sh->a = 0;
	/* A zombie is no owner either. */
	pid = start_holder(false);
	set_ready(2);
	siginfo_t info;
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	RESULT(lock(&sh->a));
	reap("holder", pid);
	sh->a = 0;
}

/* Waits for `a`, and notes when it gets it. */
static pid_t start_waiter(int nr, int fifo)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		struct sched_param param = {.sched_priority = fifo};

		if (fifo && syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param)) /* musl */
			_exit(4);
		set_ready(10 + nr);
		if (lock(&sh->a))
			_exit(1);
		sh->order[sh->n++] = nr;
		if ((sh->a & FUTEX_TID_MASK) != tid())
			_exit(2);
		_exit(unlock(&sh->a) ? 3 : 0);
	}
	wait_ready(10 + nr);
	sleep_ms(60); /* now it sleeps there */
	return pid;
}

static void handover(const char *what, const int fifo[4])
{
	pid_t pid[4];

	sh->n = 0;
	lock(&sh->a);
	for (int i = 0; i < 4; i++)
		pid[i] = start_waiter(i, fifo[i]);
	say_word("while they wait", &sh->a, tid());
	RESULT(unlock(&sh->a));
	for (int i = 0; i < 4; i++)
		reap("waiter", pid[i]);
	say("%s: %d %d %d %d", what, sh->order[0], sh->order[1], sh->order[2], sh->order[3]);
	say_word("at the end", &sh->a, 0);
}

/* An ordinary wake, too, is for the best first. */
static void ordinary_wake(const int fifo[4])
{
	pid_t pid[4];

	sh->n = 0;
	sh->b = 0;
	for (int i = 0; i < 4; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			struct sched_param param = {.sched_priority = fifo[i]};

			syscall(SYS_sched_setscheduler, 0, fifo[i] ? SCHED_FIFO : 0, &param);
			futex(&sh->b, FUTEX_WAIT, 0, NULL, NULL, 0);
			sh->order[sh->n++] = i;
			_exit(0);
		}
		while (futex(&sh->b, FUTEX_REQUEUE, 0, (void *)100, &sh->b, 0) != i + 1)
			sleep_ms(1);
	}
	for (int i = 0; i < 4; i++) {
		RESULT(futex(&sh->b, FUTEX_WAKE, 1, NULL, NULL, 0));
		while (__atomic_load_n(&sh->n, __ATOMIC_SEQ_CST) != i + 1)
			sleep_ms(1);
	}
	for (int i = 0; i < 4; i++)
		reap("woken", pid[i]);
	say("woken: %d %d %d %d", sh->order[0], sh->order[1], sh->order[2], sh->order[3]);
}

/* PI and other operations on one word. */
static void mixed(void)
{
	pid_t pid;

	sh->n = 0;
	lock(&sh->a);
	pid = start_waiter(0, 0);
	RESULT(futex(&sh->a, FUTEX_WAKE, 1, NULL, NULL, 0));
	RESULT(futex(&sh->a, FUTEX_REQUEUE, 1, (void *)1, &sh->b, 0));
	RESULT(futex(&sh->a, FUTEX_WAKE_OP, 1, NULL, &sh->b, FUTEX_OP(0, 1, 0, 5)));
	RESULT(unlock(&sh->a));
	reap("waiter", pid);

	sh->b = tid();
	set_ready(0);
	pid = must_fork();
	if (pid == 0) {
		set_ready(1);
		futex(&sh->b, FUTEX_WAIT, sh->b, NULL, NULL, 0);
		_exit(0);
	}
	wait_ready(1);
	while (futex(&sh->b, FUTEX_REQUEUE, 0, (void *)1, &sh->b, 0) != 1)
		sleep_ms(1);
	RESULT(unlock(&sh->b));
	sh->b = getppid();
	RESULT(lock(&sh->b));
	RESULT(trylock(&sh->b));
	RESULT(futex(&sh->b, FUTEX_WAKE, 1, NULL, NULL, 0));
	reap("sleeper", pid);
	sh->b = 0;
}

/* The parent holds `a` and wants `b`; the child the other way round. */
static void deadlock(void)
{
	pid_t pid;
	struct timespec ts;

	sh->a = sh->b = 0;
	set_ready(0);
	lock(&sh->a);
	pid = must_fork();
	if (pid == 0) {
		lock(&sh->b);
		set_ready(1);
		lock(&sh->a);
		unlock(&sh->a);
		_exit(unlock(&sh->b) ? 1 : 0);
	}
	wait_ready(1);
	while (!(__atomic_load_n(&sh->a, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
		sleep_ms(1);
	sleep_ms(10);
	RESULT(lock(&sh->b));
	ts = ms_from_now(CLOCK_REALTIME, 5);
	RESULT(futex(&sh->b, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
	RESULT(unlock(&sh->a));
	reap("other", pid);
	say_word("a", &sh->a, 0);
	say_word("b", &sh->b, 0);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = handler}; /* without SA_RESTART: it goes on anyway */
	pid_t pid;

	sh->a = 0;
	set_ready(0);
	lock(&sh->a);
	pid = must_fork();
	if (pid == 0) {
		sigaction(SIGUSR1, &sa, NULL);
		set_ready(1);
		RESULT(lock(&sh->a));
		say("handled %d", handled);
		_exit(unlock(&sh->a) ? 1 : 0);
	}
	wait_ready(1);
	sleep_ms(30);
	kill(pid, SIGUSR1);
	sleep_ms(30);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	sleep_ms(10);
	if (unlock(&sh->a))
		say("unlock: %s", error_name(errno));
	reap("interrupted", pid);
	/* One that is killed while it waits leaves no trace but the bit. */
	lock(&sh->a);
	pid = start_waiter(0, 0);
	kill(pid, SIGKILL);
	reap("killed", pid);
	say_word("after its death", &sh->a, tid());
	RESULT(unlock(&sh->a));
	say_word("unlocked", &sh->a, tid());
}

/* ---- death of an owner ---- */

enum death {
	DIES,
	DIES_ROBUST,
	EXECS,
};

static char *own_path;

static pid_t start_mortal(enum death how)
{
	pid_t pid;

	set_ready(0);
	sh->robust_word = 0;
	pid = must_fork();
	if (pid == 0) {
		char *argv[] = {own_path, "end", NULL};

		if (how == DIES_ROBUST) {
			sh->head.list.next = (void *)((char *)&sh->entry + 1); /* a PI lock */
			sh->head.list_op_pending = NULL;
			sh->entry.next = &sh->head.list;
			sh->head.futex_offset = offsetof(struct shared, robust_word) -
						offsetof(struct shared, entry);
			syscall(SYS_set_robust_list, &sh->head, sizeof(sh->head));
		}
		lock(&sh->robust_word);
		set_ready(1);
		wait_ready(2);
		if (how == EXECS)
			execv(own_path, argv);
		_exit(0);
	}
	wait_ready(1);
	return pid;
}

static void inherits(const char *what, enum death how)
{
	pid_t pid = start_mortal(how), heir[2];
	int status[3] = {-1, -1, -1};

	for (int i = 0; i < 2; i++) {
		heir[i] = must_fork();
		if (heir[i] == 0) {
			set_ready(20 + i);
			RESULT(lock(&sh->robust_word));
			say_word(what, &sh->robust_word, tid());
			_exit(unlock(&sh->robust_word) ? 1 : 0);
		}
		wait_ready(20 + i);
		sleep_ms(30);
	}
	set_ready(2);
	/* The heirs speak in the order of the lock; we, when all is over. */
	waitpid(pid, &status[2], 0);
	for (int i = 0; i < 2; i++)
		waitpid(heir[i], &status[i], 0);
	for (int i = 0; i < 3; i++)
		say_status(i < 2 ? "heir" : "owner", status[i]);
	say_word("at the end", &sh->robust_word, 0);
}

/* Nobody waits: the list alone tells of the death. */
static void found_dead(void)
{
	pid_t pid = start_mortal(DIES_ROBUST);

	set_ready(2);
	reap("owner", pid);
	say_word("dead", &sh->robust_word, pid);
	RESULT(lock(&sh->robust_word));
	say_word("taken", &sh->robust_word, tid());
	RESULT(unlock(&sh->robust_word));
	say_word("released", &sh->robust_word, tid());
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0; /* after exec */
	own_path = argv[0];
	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bad_addresses();
	alone();
	times();
	held_by_another();
	owner_gone();
	handover("equals", (const int[4]){0, 0, 0, 0});
	handover("by priority", (const int[4]){0, 10, 30, 20});
	ordinary_wake((const int[4]){0, 10, 30, 20});
	mixed();
	deadlock();
	interrupted();
	inherits("dies", DIES);
	inherits("dies with a list", DIES_ROBUST);
	inherits("execs", EXECS);
	found_dead();
	return 0;
}
