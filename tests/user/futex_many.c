/* Very many that wait for one word: what moves or wakes them counts them right. */
#include "check.h"

#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>

#define MOST 400

static uint32_t a, b;
static int woken, stop;
static pthread_t threads[MOST];

static long futex(uint32_t *word, int op, uint32_t val, long val2, uint32_t *word2, uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, val2, word2, val3);
}

static void *sleep_on(void *word)
{
	while (futex(word, FUTEX_WAIT, 0, 0, NULL, 0) != 0)
		;
	__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start(void *(*run)(void *), void *arg, int first, int n)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = first; i < first + n; i++)
		if (pthread_create(&threads[i], &attr, run, arg) != 0)
			_exit(9);
}

static void join(int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	say("%d woke", woken);
}

/* Requeueing onto itself wakes nobody and counts the sleepers. */
static long asleep(uint32_t *word)
{
	return futex(word, FUTEX_REQUEUE, 0, INT32_MAX, word, 0);
}

static void wait_asleep(uint32_t *word, int n)
{
	while (asleep(word) != n)
		sleep_ms(1);
}

static void start_sleepers(uint32_t *word, int first, int n)
{
	start(sleep_on, word, first, n);
	wait_asleep(word, n);
}

static void say_where(void)
{
	say("%ld wait for the first, %ld for the second", asleep(&a), asleep(&b));
}

static void end(int n)
{
	RESULT(futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
	RESULT(futex(&b, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
	join(n);
}

static void some_woken_some_moved(void)
{
	start_sleepers(&a, 0, 300);
	RESULT(futex(&a, FUTEX_REQUEUE, 10, 20, &b, 0));
	say_where();
	RESULT(futex(&a, FUTEX_REQUEUE, 70, 100, &b, 0));
	say_where();
	RESULT(futex(&a, FUTEX_REQUEUE, 64, 0, &b, 0));
	say_where();
	RESULT(futex(&a, FUTEX_REQUEUE, 1, INT32_MAX, &b, 0));
	say_where();
	RESULT(futex(&b, FUTEX_REQUEUE, 0, 128, &a, 0));
	say_where();
	end(300);
}

static void compared(void)
{
	start_sleepers(&a, 0, 200);
	RESULT(futex(&a, FUTEX_CMP_REQUEUE, 1, INT32_MAX, &b, 1));
	say_where();
	RESULT(futex(&a, FUTEX_CMP_REQUEUE, 1, INT32_MAX, &b, 0));
	say_where();
	end(200);
}

/* Onto itself: each is counted once, and some are woken. */
static void onto_itself(void)
{
	start_sleepers(&a, 0, 250);
	RESULT(futex(&a, FUTEX_REQUEUE, 100, 10, &a, 0));
	RESULT(futex(&a, FUTEX_REQUEUE, 64, 10, &a, 0));
	RESULT(futex(&a, FUTEX_CMP_REQUEUE, 1, INT32_MAX, &a, 0));
	say_where();
	end(250);
}

static void both_woken(void)
{
	uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
	uint32_t differs = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_NE, 0);

	start_sleepers(&a, 0, 200);
	start_sleepers(&b, 200, 200);
	RESULT(futex(&a, FUTEX_WAKE_OP, 10, 10, &b, differs));
	say_where();
	RESULT(futex(&a, FUTEX_WAKE_OP, 64, 20, &b, op));
	say_where();
	RESULT(futex(&a, FUTEX_WAKE_OP, 5, 150, &b, op));
	say_where();
	RESULT(futex(&a, FUTEX_WAKE_OP, INT32_MAX, INT32_MAX, &b, op));
	say_where();
	end(400);
}

static void none_and_fewer(void)
{
	uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);

	start_sleepers(&a, 0, 20);
	start_sleepers(&b, 20, 20);
	RESULT(futex(&a, FUTEX_WAKE, 0, 0, NULL, 0));
	RESULT(futex(&a, FUTEX_WAKE, -1, 0, NULL, 0));
	RESULT(futex(&a, FUTEX_WAKE_BITSET, 0, 0, NULL, 1));
	say_where();
	RESULT(futex(&a, FUTEX_WAKE_OP, 0, 0, &b, op));
	RESULT(futex(&a, FUTEX_WAKE_OP, -1, -5, &b, op));
	say_where();
	RESULT(futex(&a, FUTEX_REQUEUE, 0, 0, &b, 0));
	RESULT(futex(&a, FUTEX_REQUEUE, -1, 1, &b, 0));
	RESULT(futex(&a, FUTEX_REQUEUE, 1, -1, &b, 0));
	say_where();
	end(40);
}

/* ---- sleepers that go back to sleep at once ---- */

static void *sleep_again(void *word)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		futex(word, FUTEX_WAIT, 0, 0, NULL, 0);
	return NULL;
}

static void start_restless(uint32_t *word, int first, int n)
{
	start(sleep_again, word, first, n);
	wait_asleep(word, n);
}

static void end_restless(int n)
{
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	a = b = 1;
	futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0);
	futex(&b, FUTEX_WAKE, INT32_MAX, 0, NULL, 0);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* Each is woken once, however soon it sleeps again. */
static void woken_again(void)
{
	start_restless(&a, 0, MOST);
	for (int i = 0; i < 5; i++) {
		RESULT(futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
		wait_asleep(&a, MOST);
		RESULT(futex(&a, FUTEX_WAKE_BITSET, INT32_MAX, 0, NULL, 4));
		wait_asleep(&a, MOST);
		RESULT(futex(&a, FUTEX_WAKE, MOST + 50, 0, NULL, 0));
		wait_asleep(&a, MOST);
	}
	end_restless(MOST);
}

static void both_woken_again(void)
{
	uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);

	start_restless(&a, 0, 200);
	start_restless(&b, 200, 200);
	for (int i = 0; i < 5; i++) {
		RESULT(futex(&a, FUTEX_WAKE_OP, INT32_MAX, INT32_MAX, &b, op));
		wait_asleep(&a, 200);
		wait_asleep(&b, 200);
	}
	end_restless(MOST);
}

/* Those that are woken sleep on the first word again, and are not moved. */
static void moved_again(void)
{
	start_restless(&a, 0, MOST);
	for (int i = 0; i < 5; i++) {
		RESULT(futex(&a, FUTEX_CMP_REQUEUE, 200, INT32_MAX, &b, 0));
		wait_asleep(&a, 200);
		say_where();
		RESULT(futex(&b, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
		wait_asleep(&a, MOST);
		RESULT(futex(&a, FUTEX_REQUEUE, 200, INT32_MAX, &a, 0));
		wait_asleep(&a, MOST);
	}
	end_restless(MOST);
}

static int go;

static void *change_and_sleep(void *delay)
{
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		;
	for (volatile long i = 0; i < (long)delay; i++)
		;
	__atomic_store_n(&a, 1, __ATOMIC_SEQ_CST);
	futex(&a, FUTEX_WAIT, 1, 0, NULL, 0);
	return NULL;
}

/* A thread that found the word changed was not there when it was compared: 1 if it was moved. */
static int late_one_moved(long delay)
{
	long moved, others;

	a = go = 0;
	start_sleepers(&a, 0, MOST - 1);
	start(change_and_sleep, (void *)delay, MOST - 1, 1);
	sleep_ms(1);
	__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
	moved = futex(&a, FUTEX_CMP_REQUEUE, 0, INT32_MAX, &b, 0);
	while (asleep(&a) + asleep(&b) != MOST)
		sleep_ms(1);
	others = asleep(&b);
	futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0);
	futex(&b, FUTEX_WAKE, INT32_MAX, 0, NULL, 0);
	for (int i = 0; i < MOST; i++)
		pthread_join(threads[i], NULL);
	return moved >= 0 && others != MOST - 1;
}

static void late_one_stays(void)
{
	int lost = 0;

	for (long i = 0; i < 60; i++)
		lost += late_one_moved(i * 1000);
	say("%d late ones were moved", lost);
}

/* ---- to a lock with priority inheritance ---- */

static uint32_t pi_lock;
static int in_line, holders, most_holders;

static bool have_lock(void)
{
	__atomic_add_fetch(&in_line, 1, __ATOMIC_SEQ_CST);
	return futex(&a, FUTEX_WAIT_REQUEUE_PI, 0, 0, &pi_lock, 0) == 0;
}

static void *wait_for_lock(void *arg)
{
	(void)arg;
	if (!have_lock())
		return NULL;
	if (__atomic_add_fetch(&holders, 1, __ATOMIC_SEQ_CST) > 1)
		most_holders = 2;
	__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST); /* the lock is ours */
	__atomic_sub_fetch(&holders, 1, __ATOMIC_SEQ_CST);
	futex(&pi_lock, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
	return NULL;
}

static void *wait_for_lock_again(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		if (have_lock())
			futex(&pi_lock, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
	return NULL;
}

static bool sleeps(const char *tid)
{
	char path[64], stat[512], *end;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", tid);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
	}
	stat[n > 0 ? n : 0] = 0;
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static int all_that_sleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	if (!dir)
		_exit(8);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.' && sleeps(e->d_name);
	closedir(dir);
	return n;
}

/* Until `calls` to wait have begun, and `n` threads are asleep in theirs. */
static void wait_in_line(int calls, int n)
{
	while (__atomic_load_n(&in_line, __ATOMIC_SEQ_CST) != calls || all_that_sleep() != n)
		sleep_ms(1);
}

static void to_a_lock(bool held)
{
	start(wait_for_lock, NULL, 0, 150);
	if (held)
		RESULT(futex(&pi_lock, FUTEX_LOCK_PI, 0, 0, NULL, 0));
	wait_in_line(150, 150);
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 1));
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, 39, &pi_lock, 0));
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 0));
	if (held)
		RESULT(futex(&pi_lock, FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	join(150);
	say("%s at a time", most_holders ? "several" : "one");
}

static void to_a_free_lock(void)
{
	to_a_lock(false);
}

static void to_a_held_lock(void)
{
	to_a_lock(true);
}

/* Those that had the lock wait to be moved to it again, which takes another call. */
static void to_a_lock_again(void)
{
	start(wait_for_lock_again, NULL, 0, 150);
	for (int i = 1; i <= 5; i++) {
		wait_in_line(150 * i, 150);
		RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 0));
	}
	wait_in_line(150 * 6, 150);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 0));
	for (int i = 0; i < 150; i++)
		pthread_join(threads[i], NULL);
}

/* ---- the two kinds on one word ---- */

/* The error comes after some were woken or moved, and they stay so. */
static void moved_up_to_one_for_a_lock(void)
{
	start_sleepers(&a, 0, 100);
	start(wait_for_lock, NULL, 100, 1);
	wait_in_line(1, 101);
	RESULT(futex(&a, FUTEX_REQUEUE, 20, INT32_MAX, &b, 0));
	say("%ld wait for the second", asleep(&b));
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, 0, &pi_lock, 0));
	end(101);
}

static void woken_by(bool both)
{
	uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);

	start_sleepers(&a, 0, 100);
	start(wait_for_lock, NULL, 100, 1);
	wait_in_line(1, 101);
	if (both)
		RESULT(futex(&b, FUTEX_WAKE_OP, INT32_MAX, INT32_MAX, &a, op));
	else
		RESULT(futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, 0, &pi_lock, 0));
	end(101);
}

static void woken_up_to_one_for_a_lock(void)
{
	woken_by(false);
}

static void both_up_to_one_for_a_lock(void)
{
	woken_by(true);
}

static void one_that_sleeps_among_many(void)
{
	RESULT(futex(&pi_lock, FUTEX_LOCK_PI, 0, 0, NULL, 0));
	start(wait_for_lock, NULL, 0, 40);
	wait_in_line(40, 40);
	start(sleep_on, &a, 40, 1);
	wait_in_line(40, 41);
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 0));
	RESULT(futex(&pi_lock, FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	for (int i = 0; i < 40; i++)
		pthread_join(threads[i], NULL);
	RESULT(futex(&a, FUTEX_WAKE, INT32_MAX, 0, NULL, 0));
	pthread_join(threads[40], NULL);
	say("%d woke", woken);
}

int main(void)
{
	in_child("some woken, some moved", some_woken_some_moved);
	in_child("compared", compared);
	in_child("onto itself", onto_itself);
	in_child("both woken", both_woken);
	in_child("none and fewer", none_and_fewer);
	in_child("woken again", woken_again);
	in_child("both woken again", both_woken_again);
	in_child("moved again", moved_again);
	in_child("a late one stays", late_one_stays);
	in_child("to a free lock", to_a_free_lock);
	in_child("to a held lock", to_a_held_lock);
	in_child("to a lock again", to_a_lock_again);
	in_child("moved up to one for a lock", moved_up_to_one_for_a_lock);
	in_child("woken up to one for a lock", woken_up_to_one_for_a_lock);
	in_child("both up to one for a lock", both_up_to_one_for_a_lock);
	in_child("one that sleeps among many", one_that_sleeps_among_many);
	return 0;
}
