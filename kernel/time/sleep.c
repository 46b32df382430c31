/* Sleeping for a time. The system calls are in kernel/timers/sleep_calls.c. */
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

struct sleeper {
	struct timer timer;
	struct task *task;
};

static void sleep_is_over(struct timer *t)
{
	wake_up_process(container_of(t, struct sleeper, timer)->task);
}

/* How much later than asked a sleep may end: PR_SET_TIMERSLACK(2const). Without slack a task that
 * sleeps for microseconds would leave other tasks on its CPU no time to do what it waits for. */
static u64 slack(const struct task *p)
{
	return (p->flags & PF_KTHREAD) || p->prio < MAX_RT_PRIO ? 0 : p->timer_slack;
}

__sched static u64 schedule_by_timer(u64 expires)
{
	struct sleeper s = {.task = current};
	u64 now;

	if (expires <= ktime_get()) {
		current->state = TASK_RUNNING;
		return 0;
	}
	timer_init(&s.timer, sleep_is_over);
	timer_start(&s.timer, time_add(expires, slack(current)));
	schedule();
	timer_cancel(&s.timer); /* the timer is on this stack */
	now = ktime_get();
	return expires > now ? expires - now : 0;
}

__sched u64 schedule_until(u64 expires)
{
	if (expires != TIME_FOREVER)
		return schedule_by_timer(expires);
	schedule();
	return TIME_FOREVER;
}

__sched void sleep_ns(u64 ns)
{
	u64 until = time_add(ktime_get(), ns);

	do
		current->state = TASK_UNINTERRUPTIBLE;
	while (schedule_until(until) != 0);
}
