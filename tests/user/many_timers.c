/* Very many timers at once: each fires once, whatever becomes of the others. */
#include "check.h"

#define MANY 999

static int ids[MANY];
static int taken[MANY];

static long create(clockid_t clock, int value, int *id)
{
	struct sigevent ev;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGRTMIN;
	ev.sigev_value.sival_int = value;
	return syscall(SYS_timer_create, clock, &ev, id);
}

static long set(int id, long ns, int flags)
{
	struct itimerspec val = {.it_value = {ns / 1000000000, ns % 1000000000}};

	return syscall(SYS_timer_settime, id, flags, &val, NULL);
}

static void create_all(clockid_t clock)
{
	sigset_t rt;
	int made = 0;

	sigemptyset(&rt);
	sigaddset(&rt, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &rt, NULL);
	for (int i = 0; i < MANY; i++)
		made += create(clock, i, &ids[i]) == 0;
	say("made %d", made);
}

static void burn_ms(long ms)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

/* The signals that come until there are `n` of them, or none comes any more. A tick handles so many
 * timers on CPU clocks at most, and a machine that is busy elsewhere may lose ticks: so for those
 * (`burns`) this uses some time while it waits. */
static void take(int n, bool burns)
{
	int once = 0, more = 0, left = n, patience = 200;
	struct timespec soon = {0, 50000000}, none = {0, 50000000};
	siginfo_t info;
	sigset_t rt;

	sigemptyset(&rt);
	sigaddset(&rt, SIGRTMIN);
	while (left > 0 && patience > 0) {
		if (sigtimedwait(&rt, &info, &soon) != SIGRTMIN) {
			burn_ms(burns ? 25 : 0);
			patience--;
			continue;
		}
		taken[info.si_value.sival_int]++;
		left--;
	}
	if (sigtimedwait(&rt, &info, &none) >= 0)
		say("and more");
	for (int i = 0; i < MANY; i++) {
		once += taken[i] == 1;
		more += taken[i] > 1;
	}
	say("%d fired once, %d more often", once, more);
}

/* All at the same moment: more than one tick is to handle. */
static void at_once(clockid_t clock)
{
	struct timespec now;
	int armed = 0;

	create_all(clock);
	clock_gettime(clock, &now);
	for (int i = 0; i < MANY; i++)
		armed += set(ids[i], now.tv_sec * 1000000000L + now.tv_nsec + 200000000L,
			     TIMER_ABSTIME) == 0;
	say("armed %d", armed);
	burn_ms(700);
	take(MANY, clock != CLOCK_MONOTONIC);
}

static void of_the_process(void)
{
	at_once(CLOCK_PROCESS_CPUTIME_ID);
}

static void of_the_thread(void)
{
	at_once(CLOCK_THREAD_CPUTIME_ID);
}

static void of_the_wall(void)
{
	at_once(CLOCK_MONOTONIC);
}

static int order(int i) /* each once, far from the last */
{
	return i * 617 % MANY;
}

/* Some will never fire: they are disarmed or deleted, or set to another time, in no order. */
static void mixed(clockid_t clock)
{
	int deleted = 0, disarmed = 0, none = 0;
	struct itimerspec val;

	create_all(clock);
	for (int i = 0; i < MANY; i++)
		set(ids[order(i)], 1000000000L * (1 + i % 7), 0);
	for (int i = 0; i < MANY; i++) {
		int id = ids[order(i)];

		if (order(i) % 3 == 0)
			deleted += syscall(SYS_timer_delete, id) == 0;
		else if (order(i) % 3 == 1)
			disarmed += set(id, 0, 0) == 0;
		else
			set(id, 1000000L * (1 + order(i) % 50), 0);
	}
	say("deleted %d, disarmed %d", deleted, disarmed);
	for (int i = 0; i < MANY; i++)
		none += syscall(SYS_timer_gettime, ids[i], &val) == -1 && errno == EINVAL;
	say("gone %d", none);
	burn_ms(150);
	take(MANY / 3, clock != CLOCK_MONOTONIC);
}

static void mixed_of_the_process(void)
{
	mixed(CLOCK_PROCESS_CPUTIME_ID);
}

static void mixed_of_the_thread(void)
{
	mixed(CLOCK_THREAD_CPUTIME_ID);
}

static void mixed_of_the_wall(void)
{
	mixed(CLOCK_MONOTONIC);
}

/* Those of a child's time, and the child ends. */
static void of_a_child(void)
{
	clockid_t clock;
	struct gate g = gate_make();
	pid_t pid = must_fork();
	int deleted = 0;

	if (pid == 0) {
		gate_wait(&g);
		burn_ms(300);
		_exit(0);
	}
	clock_getcpuclockid(pid, &clock);
	create_all(clock);
	for (int i = 0; i < MANY; i++)
		set(ids[order(i)], i % 2 ? 50000000 : 100000000000, 0);
	gate_open(&g);
	take(MANY / 2, false);
	reap("child", pid);
	for (int i = 0; i < MANY; i++)
		deleted += syscall(SYS_timer_delete, ids[i]) == 0;
	say("deleted %d", deleted);
}

int main(void)
{
	in_child("of the process", of_the_process);
	in_child("of the thread", of_the_thread);
	in_child("of the wall", of_the_wall);
	in_child("mixed, of the process", mixed_of_the_process);
	in_child("mixed, of the thread", mixed_of_the_thread);
	in_child("mixed, of the wall", mixed_of_the_wall);
	in_child("of a child", of_a_child);
	return 0;
}
