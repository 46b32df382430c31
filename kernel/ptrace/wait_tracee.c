/* What a tracer's wait(2) sees: the stops of its tracees, and their ends. */
#include "kernel/exit.h"
#include "kernel/lib/log.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/wait_query.h"

static bool matches(const struct wait_query *q, const struct task *p)
{
	return q->type != PIDTYPE_PGID || p->group_leader->pids[PIDTYPE_PGID]->nr == q->nr;
}

/* The tracer has seen the end of a process that another one forked: now that one may see it. */
static enum wait_verdict pass_on(struct wait_query *q, struct task *p)
{
	fill_end(q->out, p);
	ptrace_unlink(p);
	if (do_notify_parent(p, p->exit_signal)) {
		guarded(p, exit_state) = TASK_DEAD;
		task_charge(p);
		q->release = p;
		return WAIT_RELEASE;
	}
	return WAIT_FOUND;
}

static enum wait_verdict look_at_end(struct wait_query *q, struct task *p)
{
	if (!(q->options & WEXITED))
		return WAIT_NOT_OURS;
	if (q->options & WNOWAIT) {
		fill_end(q->out, p);
		return WAIT_FOUND;
	}
	if (thread_group_leader(p) && traced_by_stranger(p))
		return pass_on(q, p);
	guarded(p, exit_state) = TASK_DEAD;
	if (thread_group_leader(p)) {
		q->reap = p;
		return WAIT_FOUND;
	}
	fill_end(q->out, p);
	task_charge(p);
	q->release = p;
	return WAIT_RELEASE;
}

/* A stop is reported whether or not the wait asks for stops. */
static enum wait_verdict look_at_traced_stop(struct wait_query *q, struct task *p)
{
	int code;
	guard_irq(&p->sighand->lock);

	code = p->trace.code;
	if (!(p->state & (TASK_TRACED | TASK_FROZEN)) || p->trace.listening || !code)
		return WAIT_LATER;
	fill_result(q->out, p, CLD_TRAPPED, code << 8 | 0x7f);
	if (!(q->options & WNOWAIT))
		p->trace.code = 0;
	return WAIT_FOUND;
}

enum wait_verdict look_at_tracee(struct wait_query *q, struct task *p)
{
	struct signal *sig = p->signal;

	if (!matches(q, p) || p->exit_state == TASK_DEAD)
		return WAIT_NOT_OURS;
	if (p->exit_state == TASK_ZOMBIE)
		return thread_group_leader(p) && sig->nr_threads > 1 ? WAIT_LATER
								     : look_at_end(q, p);
	if (look_at_traced_stop(q, p) == WAIT_FOUND)
		return WAIT_FOUND;
	if (!(q->options & WCONTINUED))
		return WAIT_LATER;
	guard_irq(&p->sighand->lock);
	if (!sig->continued)
		return WAIT_LATER;
	fill_result(q->out, p, CLD_CONTINUED, 0xffff);
	sig->continued = q->options & WNOWAIT;
	return WAIT_FOUND;
}

enum wait_verdict look_at_tracees(struct wait_query *q, struct task *t)
{
	enum wait_verdict best = WAIT_NOT_OURS;
	struct task *p, *n;

	list_for_each_entry_safe (p, n, &t->tracees, trace.link) {
		best = MAX(best, look_at_tracee(q, p));
		if (best >= WAIT_FOUND)
			break;
	}
	return best;
}
