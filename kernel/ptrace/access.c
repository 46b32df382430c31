/* Who may look into another process or trace it: ptrace(2), "Ptrace access mode checking". */
#include "kernel/lib/tunable.h"
#include "kernel/ptrace/ptrace.h"
#include "mm/mm.h"

#include <linux/prctl.h>

/* Yama's scope (Linux: Documentation/admin-guide/LSM/Yama.rst). */
long ptrace_scope;
TUNABLE(ptrace_scope, "kernel.yama.ptrace_scope", ptrace_scope, 0, 3, NULL,
	"who may trace: 0 as ptrace(2) says, 1 only ancestors, 2 only root, 3 nobody");

/* Is `p` in the process `above`, or forked by it or its descendants? Caller holds tasklist_lock. */
static bool descends_from(const struct task *p, const struct signal *above)
{
	for (; p != &init_task; p = p->real_parent)
		if (p->signal == above)
			return true;
	return false;
}

static bool is_allowed(const struct signal *tracee)
{
	struct task *tracer = tracee->may_trace ? pid_in_tree(tracee->may_trace) : NULL;

	return tracee->any_may_trace || (tracer && descends_from(current, tracer->signal));
}

static bool scope_allows(const struct task *p)
{
	switch (READ_ONCE(ptrace_scope)) {
	case 0:
		return true;
	case 1: {
		guard_spin(&tasklist_lock);
		return descends_from(p, current->signal) || is_allowed(p->signal);
	}
	default:
		return false;
	}
}

static bool same_ids(const struct cred *its, uid_t uid, gid_t gid)
{
	return uid == its->uid && uid == its->euid && uid == its->suid && gid == its->gid &&
	       gid == its->egid && gid == its->sgid;
}

bool ptrace_may_access(struct task *p, u32 access_mode)
{
	const struct cred *me = current->cred;
	bool by_uid = access_mode & ACCESS_BY_UID, allowed;

	if (p->signal == current->signal)
		return true;
	if ((access_mode & ACCESS_ATTACH) && READ_ONCE(ptrace_scope) == 3)
		return false;
	if (cred_is_root(me))
		return true;
	spin_lock(&p->lock);
	allowed = same_ids(p->cred, by_uid ? me->uid : me->fsuid, by_uid ? me->gid : me->fsgid) &&
		  !cred_is_root(p->cred) && (!p->mm || READ_ONCE(p->mm->dumpable));
	spin_unlock(&p->lock);
	return allowed && (!(access_mode & ACCESS_ATTACH) || scope_allows(p));
}

long ptrace_allow(unsigned long nr)
{
	struct signal *sig = current->signal;
	struct pid *pid = NULL, *old;

	if (nr && nr != (unsigned long)PR_SET_PTRACER_ANY) {
		pid = nr <= INT32_MAX ? find_get_pid((pid_t)nr) : NULL;
		if (!pid)
			return -EINVAL;
	}
	spin_lock(&tasklist_lock);
	old = sig->may_trace;
	sig->may_trace = pid;
	sig->any_may_trace = nr == (unsigned long)PR_SET_PTRACER_ANY;
	spin_unlock(&tasklist_lock);
	put_pid(old);
	return 0;
}
