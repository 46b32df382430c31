/*
 * Gives orders to puppets and waits for the results.
 *
 * After an order the shell waits until every puppet is at rest: idle, asleep in a call, stopped, or
 * gone. It waits for all, because one order can set several in motion: the exit of a vfork's child
 * releases the parent too. A puppet counts as asleep if two looks, a poll interval apart, find it
 * asleep and it has not run in between.
 */
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"

#define POLL_NS (2 * NSEC_PER_MSEC)

struct puppet *selected;

/* ---- waiting ---- */

static bool task_sleeps(const struct task *t)
{
	u32 state = READ_ONCE(t->state);

	return state != TASK_RUNNING && !READ_ONCE(t->on_cpu);
}

/* A traced one may be on its way to a stop although it has no order. puppets_lock is held. */
static bool is_idle(const struct puppet *p)
{
	return p->state == PUPPET_GONE ||
	       (p->state == PUPPET_IDLE && !(p->task && is_traced(p->task)));
}

/* Is the puppet at rest? Notes its number of switches for the next look. puppets_lock is held. */
static bool at_rest(struct puppet *p)
{
	const struct task *t = p->task;
	u64 switches;
	bool still;

	if (is_idle(p) || !t || READ_ONCE(t->exit_state))
		return true;
	switches = t->nvcsw + t->nivcsw + 1;
	still = task_sleeps(t) && p->quiet_switches == switches;
	p->quiet_switches = task_sleeps(t) ? switches : 0;
	return still;
}

static bool all_at_rest(void)
{
	struct puppet *p;
	bool rest = true;

	guard_spin(&puppets_lock);
	list_for_each_entry (p, &puppets, link)
		rest &= at_rest(p);
	return rest;
}

/* Cheap enough for every wake-up; the poll finds blocked puppets. */
static bool all_idle(void)
{
	struct puppet *p;
	bool idle = true;

	guard_spin(&puppets_lock);
	list_for_each_entry (p, &puppets, link)
		idle &= is_idle(p);
	return idle;
}

bool wait_for_rest(void)
{
	for (;;) {
		u64 until = ktime_get() + POLL_NS; /* the macro evaluates it more than once */

		if (wait_event_until(&puppet_events, all_idle(), until) || all_at_rest())
			return true;
		if (shell_interrupted())
			return false;
	}
}

/* ---- orders ---- */

static const char *call_name(long nr, char *buf, size_t n)
{
	const struct syscall_info *info = nr >= 0 ? syscall_info((unsigned long)nr) : NULL;

	if (info)
		return info->name;
	if (nr == PUPPET_PEEK || nr == PUPPET_POKE || nr == PUPPET_TOUCH)
		return nr == PUPPET_PEEK ? "peek" : nr == PUPPET_POKE ? "poke" : "touch";
	snprintf(buf, n, "call %ld", nr);
	return buf;
}

/* Why a puppet cannot take an order now; NULL if it can. */
static const char *not_ready(const struct puppet *p, const struct task *t)
{
	if (READ_ONCE(p->state) == PUPPET_GONE || t == NULL)
		return "is gone";
	if (READ_ONCE(t->state) == TASK_STOPPED)
		return "is stopped: `kill SIGCONT PID` continues it";
	if (stopped_for_tracer(t))
		return "is stopped for its tracer: `TRACER: ptrace cont PID` lets it run";
	if (READ_ONCE(p->state) == PUPPET_NEW)
		return "has not come to user mode yet";
	return READ_ONCE(p->state) == PUPPET_IDLE ? NULL : "is busy";
}

/* Print why the puppet cannot take an order; false if it can. */
static bool tell_not_ready(struct puppet *p)
{
	struct task *t scoped(put_task) = puppet_task(p);
	const char *why = not_ready(p, t);
	char buf[24];

	if (why && READ_ONCE(p->state) == PUPPET_BUSY && t->state != TASK_STOPPED &&
	    !stopped_for_tracer(t))
		shell_fail(
			"puppet %d is blocked in %s: give the order to another one (`PID: command`)\n",
			t->pid_nr, call_name(p->order.nr, buf, sizeof(buf)));
	else if (why)
		shell_fail("puppet %d %s\n", t ? t->pid_nr : p->pid, why);
	return why != NULL;
}

struct puppet *puppet_ready(void)
{
	puppets_news();
	if (selected == NULL) {
		shell_fail("there is no puppet, and no memory for one\n");
		return NULL;
	}
	if (tell_not_ready(selected))
		return NULL;
	puppet_get(selected);
	return selected;
}

static enum call_end how_it_ended(struct call *c, u64 done_before)
{
	if (READ_ONCE(c->p->state) == PUPPET_GONE)
		return CALL_GONE;
	if (c->p->nr_done > done_before)
		return CALL_DONE;
	if (READ_ONCE(c->task->state) == TASK_STOPPED || stopped_for_tracer(c->task))
		return CALL_STOPPED;
	return CALL_BLOCKED;
}

void call_puppet(struct call *c, struct puppet *p, const struct puppet_order *order)
{
	u64 done_before = p->nr_done;

	puppet_get(p);
	c->p = p;
	c->task = puppet_task(p);
	c->result = 0;
	c->seq = trace_next_seq();
	puppet_give(p, order);
	if (!wait_for_rest() && p->nr_done == done_before) {
		c->end = CALL_INTERRUPTED;
		return;
	}
	c->end = how_it_ended(c, done_before);
	if (c->end == CALL_DONE) {
		c->result = p->result;
		p->told = true; /* the caller prints it */
	}
}

void call_finish(struct call *c)
{
	if (c->task)
		put_task(c->task);
	puppet_put(c->p);
}

enum call_end order_puppet(struct puppet *p, const struct puppet_order *order, long *result)
{
	struct call c;

	call_puppet(&c, p, order);
	*result = c.result;
	call_finish(&c);
	return c.end;
}

void print_result(const struct puppet *p, long nr, long result)
{
	char buf[24];
	const char *name = call_name(nr, buf, sizeof(buf));

	if (result < 0 && result >= -MAX_ERRNO)
		console_printf("%d: %s = %ld (%s)\n", p->pid, name, result, errno_name(-result));
	else if (result < 0 || result > 99999)
		console_printf("%d: %s = %#lx\n", p->pid, name, result);
	else
		console_printf("%d: %s = %ld\n", p->pid, name, result);
}

long call_simple(struct puppet *p, bool quiet, long nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	static const char *const where[] = {[CALL_BLOCKED] = "blocked",
					    [CALL_STOPPED] = "stopped",
					    [CALL_INTERRUPTED] = "still"};
	struct puppet_order order = {.nr = nr, .arg = {a0, a1, a2, a3}};
	char buf[24];
	long result;
	enum call_end end = order_puppet(p, &order, &result);

	if (end == CALL_GONE)
		return 0; /* puppets_news() tells */
	if (end != CALL_DONE) {
		console_printf(
			"%d: %s in %s%s\n", p->pid, where[end], call_name(nr, buf, sizeof(buf)),
			end == CALL_BLOCKED ? "; its result will be told when it comes" : "");
		return -ERESTARTSYS;
	}
	if (!quiet || (result < 0 && result >= -MAX_ERRNO))
		print_result(p, nr, result);
	return result;
}
