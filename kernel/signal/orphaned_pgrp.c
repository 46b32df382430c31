/*
 * Orphaned process groups: setpgid(2), credentials(7).
 *
 * A group is orphaned when no member has a parent outside the group but in the same session: then
 * no shell with job control could continue it. So the stop signals of the terminal do nothing to an
 * orphaned group, and a group with stopped members gets SIGHUP and SIGCONT when it is orphaned.
 */
#include "kernel/signal/orphaned_pgrp.h"

#include "kernel/task.h"

static bool in_same_session(const struct task *a, const struct task *b)
{
	return a->group_leader->pids[PIDTYPE_SID] == b->group_leader->pids[PIDTYPE_SID];
}

/* Would `pgrp` be orphaned if `ignored` were gone? */
static bool will_become_orphaned_pgrp(struct pid *pgrp, struct task *ignored)
{
	struct task *p;

	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID]) {
		struct task *parent = p->real_parent->group_leader;

		if (p == ignored || (p->exit_state && p->signal->nr_threads == 1) ||
		    parent == child_reaper)
			continue;
		if (parent->pids[PIDTYPE_PGID] != pgrp && in_same_session(parent, p))
			return false;
	}
	return true;
}

bool is_current_pgrp_orphaned(void)
{
	guard_spin(&tasklist_lock);
	return will_become_orphaned_pgrp(current->group_leader->pids[PIDTYPE_PGID], NULL);
}

static bool has_stopped_jobs(struct pid *pgrp)
{
	struct task *p;

	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
		if (p->signal->stopped)
			return true;
	return false;
}

bool kill_orphaned_pgrp(struct task *p, struct task *parent)
{
	struct pid *pgrp = p->group_leader->pids[PIDTYPE_PGID];
	struct task *ignored = parent ? NULL : p;

	parent = (parent ?: p->real_parent)->group_leader;
	if (parent->pids[PIDTYPE_PGID] == pgrp || !in_same_session(parent, p))
		return false;
	if (will_become_orphaned_pgrp(pgrp, ignored) && has_stopped_jobs(pgrp)) {
		kill_pgrp_locked(pgrp, SIGHUP, NULL);
		kill_pgrp_locked(pgrp, SIGCONT, NULL);
	}
	return true;
}
