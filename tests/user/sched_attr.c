/* sched_setattr(2), sched_getattr(2), and SCHED_RESET_ON_FORK. */
#include "check.h"

#include <linux/types.h>

struct attr {
	__u32 size, policy;
	__u64 flags;
	__s32 nice;
	__u32 priority;
	__u64 runtime, deadline, period;
	__u32 util_min, util_max;
	char more[512];
};

#define RESET_ON_FORK 1
#define KEEP_POLICY   8
#define KEEP_PARAMS   16

static long set_attr(struct attr *a)
{
	return syscall(SYS_sched_setattr, 0, a, 0);
}
static long get_attr(struct attr *a, unsigned int size)
{
	return syscall(SYS_sched_getattr, 0, a, size, 0);
}

static void say_attr(const char *what)
{
	struct attr a = {0};

	if (get_attr(&a, 48))
		say("%s: %s", what, error_name(errno));
	else
		say("%s: size %u, policy %u, flags %llu, nice %d, priority %u", what, a.size,
		    a.policy, a.flags, a.nice, a.priority);
}

static void sizes(void)
{
	struct attr a = {.nice = 3};
	char page[8192] = {0};

	for (unsigned int size = 0; size <= 57; size += size < 47 ? 47 : 1) {
		a.size = size;
		say("setattr of size %u: %s", size, set_attr(&a) ? error_name(errno) : "ok");
		if (a.size != size)
			say("  it should be %u", a.size);
	}
	a.size = 400;
	RESULT(set_attr(&a));
	a.more[100] = 1;
	RESULT(set_attr(&a));
	say("  it should be %u", a.size);
	*(__u32 *)page = 4096;
	RESULT(set_attr((struct attr *)page));
	*(__u32 *)page = 4097;
	RESULT(set_attr((struct attr *)page));
	RESULT(get_attr(&a, 0));
	RESULT(get_attr(&a, 47));
	RESULT(get_attr(&a, 48));
	say("size %u", a.size);
	RESULT(get_attr(&a, 56));
	say("size %u", a.size);
	RESULT(get_attr((struct attr *)page, 4096));
	say("size %u", *(__u32 *)page);
	RESULT(get_attr((struct attr *)page, 4097));
}

static void bad_calls(void)
{
	struct attr a = {.size = 48};

	RESULT(syscall(SYS_sched_setattr, 0, NULL, 0));
	RESULT(syscall(SYS_sched_setattr, 0, (void *)16, 0));
	RESULT(syscall(SYS_sched_setattr, 0, &a, 1));
	RESULT(syscall(SYS_sched_setattr, -1, &a, 0));
	RESULT(syscall(SYS_sched_setattr, 999999, &a, 0));
	RESULT(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
	RESULT(syscall(SYS_sched_getattr, 0, (void *)16, 48, 0));
	RESULT(syscall(SYS_sched_getattr, 0, &a, 48, 1));
	RESULT(syscall(SYS_sched_getattr, -1, &a, 48, 0));
	RESULT(syscall(SYS_sched_getattr, 999999, &a, 48, 0));
	a = (struct attr){.size = 48, .policy = 77};
	RESULT(set_attr(&a));
	a.policy = -1;
	RESULT(set_attr(&a));
	a.policy = 6; /* SCHED_DEADLINE without a deadline */
	RESULT(set_attr(&a));
	a = (struct attr){.size = 48, .policy = SCHED_FIFO};
	RESULT(set_attr(&a));
	a.priority = 100;
	RESULT(set_attr(&a));
	a = (struct attr){.size = 48, .priority = 1};
	RESULT(set_attr(&a));
	a = (struct attr){.size = 48, .flags = 1 << 20};
	RESULT(set_attr(&a));
	a.flags = 0x20; /* utilisation clamps are not in 48 bytes */
	RESULT(set_attr(&a));
}

static void policies(void)
{
	struct attr a = {.size = 48, .nice = 5};

	say_attr("at first");
	RESULT(set_attr(&a));
	say_attr("nice 5");
	RESULT(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	a = (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 10, .nice = -3};
	RESULT(set_attr(&a));
	say_attr("fifo");
	a = (struct attr){.size = 48, .flags = KEEP_POLICY, .priority = 20};
	RESULT(set_attr(&a));
	say_attr("policy kept");
	a = (struct attr){.size = 48, .policy = SCHED_RR, .flags = KEEP_PARAMS};
	RESULT(set_attr(&a));
	say_attr("parameters kept");
	a = (struct attr){.size = 48, .nice = -100};
	RESULT(set_attr(&a));
	say_attr("nice -100");
	a = (struct attr){.size = 48, .policy = SCHED_BATCH, .nice = 100};
	RESULT(set_attr(&a));
	say_attr("batch, nice 100");
	a = (struct attr){.flags = KEEP_POLICY | KEEP_PARAMS | RESET_ON_FORK};
	RESULT(set_attr(&a));
	say_attr("all kept");
}

static void show(void)
{
	say_attr("child");
	RESULT(syscall(SYS_sched_getscheduler, 0) & 0xff);
}

static void reset_on_fork(void)
{
	struct attr a = {.size = 48, .policy = SCHED_RR, .priority = 5, .flags = RESET_ON_FORK};
	int priority = 7, none = 0;

	RESULT(set_attr(&a));
	say_attr("rr, reset");
	RESULT(syscall(SYS_sched_getscheduler, 0));
	in_child("of rr", show);
	RESULT(syscall(SYS_sched_setparam, 0, &priority));
	say_attr("setparam");
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | 0x40000000, &none));
	RESULT(setpriority(PRIO_PROCESS, 0, -5));
	in_child("of nice -5", show);
	RESULT(setpriority(PRIO_PROCESS, 0, 5));
	in_child("of nice 5", show);
	RESULT(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none));
	say_attr("no more");
}

static void as_user(void)
{
	struct attr a = {.size = 48, .nice = 2};
	int none = 0;

	syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | 0x40000000, &none);
	if (setuid(1000))
		_exit(1);
	a.flags = RESET_ON_FORK;
	RESULT(set_attr(&a));
	a.nice = 1;
	RESULT(set_attr(&a));
	a = (struct attr){.size = 48, .nice = 2};
	RESULT(set_attr(&a)); /* would take the flag back */
	a = (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 1, .flags = RESET_ON_FORK};
	RESULT(set_attr(&a));
	a.policy = 77;
	RESULT(set_attr(&a));
	a = (struct attr){.size = 48, .policy = SCHED_BATCH, .nice = 3, .flags = RESET_ON_FORK};
	RESULT(set_attr(&a));
	RESULT(syscall(SYS_sched_setattr, 1, &a, 0));
	say_attr("user");
}

int main(void)
{
	in_child("sizes", sizes);
	in_child("bad calls", bad_calls);
	in_child("policies", policies);
	in_child("reset on fork", reset_on_fork);
	in_child("user", as_user);
	return 0;
}
