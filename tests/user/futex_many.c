/* Very many that wait for one word: what moves or wakes them counts them right. */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>

#define MOST 400

static uint32_t a, b;
static int woken;
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

static void start_sleepers(uint32_t *word, int first, int n)
{
	start(sleep_on, word, first, n);
	while (asleep(word) != n)
		sleep_ms(1);
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

/* ---- to a lock with priority inheritance ---- */

static uint32_t pi_lock;
static int in_line, holders, most_holders;

static void *wait_for_lock(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&in_line, 1, __ATOMIC_SEQ_CST);
	if (futex(&a, FUTEX_WAIT_REQUEUE_PI, 0, 0, &pi_lock, 0) != 0)
		return NULL;
	if (__atomic_add_fetch(&holders, 1, __ATOMIC_SEQ_CST) > 1)
		most_holders = 2;
	woken++; /* the lock is ours */
	__atomic_sub_fetch(&holders, 1, __ATOMIC_SEQ_CST);
	futex(&pi_lock, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
	return NULL;
}

static void to_a_lock(bool held)
{
	long moved = 0, ret;

	start(wait_for_lock, NULL, 0, 150);
	if (held)
		RESULT(futex(&pi_lock, FUTEX_LOCK_PI, 0, 0, NULL, 0));
	while (__atomic_load_n(&in_line, __ATOMIC_SEQ_CST) != 150)
		sleep_ms(1);
	sleep_ms(50);
	RESULT(futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 1));
	ret = futex(&a, FUTEX_CMP_REQUEUE_PI, 1, 39, &pi_lock, 0);
	say("first %ld", ret);
	while (moved < 110 &&
	       (ret = futex(&a, FUTEX_CMP_REQUEUE_PI, 1, INT32_MAX, &pi_lock, 0)) >= 0)
		moved += ret;
	say("then %ld", moved);
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

int main(void)
{
	in_child("some woken, some moved", some_woken_some_moved);
	in_child("compared", compared);
	in_child("onto itself", onto_itself);
	in_child("both woken", both_woken);
	in_child("to a free lock", to_a_free_lock);
	in_child("to a held lock", to_a_held_lock);
	return 0;
}
