/* Process, group and session ids: credentials(7). */
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

long sys_getpid(void)
{
	return current->tgid_nr;
}

long sys_gettid(void)
{
	return current->pid_nr;
}

long sys_getppid(void)
{
	return READ_ONCE(current->ppid_nr);
}

long sys_set_tid_address(int __user *tidptr)
{
	current->clear_child_tid = tidptr;
	return current->pid_nr;
}

/* The number of a task's group or session; pid 0 is current. -ESRCH. */
static long get_group(pid_t pid, enum pid_type type)
{
	if (pid == 0)
		return READ_ONCE(current->signal->group_nr[type]);
	struct task *p scoped(put_task) = find_get_task(pid);
	return p ? READ_ONCE(p->signal->group_nr[type]) : -ESRCH;
}

long sys_getpgid(pid_t pid)
{
	return get_group(pid, PIDTYPE_PGID);
}

long sys_getsid(pid_t pid)
{
	return get_group(pid, PIDTYPE_SID);
}

static void change_pid(struct task *p, enum pid_type type, struct pid *pid)
{
	if (p->pids[type] == pid)
		return;
	detach_pid(p, type);
	attach_pid(p, type, pid);
}

/* May current move `p` into group `pgid`? Sets *pgrp. The caller holds tasklist_lock. */
static long check_setpgid(struct task *p, pid_t pgid, struct pid **pgrp)
{
	struct task *me = current->group_leader, *member;

	if (!p || !thread_group_leader(p))
		return p ? -EINVAL : -ESRCH;
	if (p->real_parent->signal == current->signal) {
		if (p->pids[PIDTYPE_SID] != me->pids[PIDTYPE_SID])
			return -EPERM;
		if (!(p->flags & PF_FORKNOEXEC))
			return -EACCES;
	} else if (p != me) {
		return -ESRCH;
	}
	if (p->signal->session_leader)
		return -EPERM;
	*pgrp = p->pids[PIDTYPE_PID];
	if (pgid == p->pid_nr)
		return 0;
	/* An existing group of the same session. */
	*pgrp = find_get_pid(pgid);
	member = first_in_group(*pgrp, PIDTYPE_PGID);
	put_pid(*pgrp); /* its members keep it while the lock is held */
	return member && member->pids[PIDTYPE_SID] == me->pids[PIDTYPE_SID] ? 0 : -EPERM;
}

long sys_setpgid(pid_t pid, pid_t pgid)
{
	struct pid *pgrp;
	struct task *p;
	long err;

	if (pid == 0)
		pid = current->tgid_nr;
	if (pgid == 0)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	guard_spin(&tasklist_lock);
	p = find_in_tree(pid);
	err = check_setpgid(p, pgid, &pgrp);
	if (!err)
		change_pid(p, PIDTYPE_PGID, pgrp);
	return err;
}

long sys_setsid(void)
{
	struct task *leader = current->group_leader;
	struct pid *sid = leader->pids[PIDTYPE_PID];

	guard_spin(&tasklist_lock);
	/* Not for the leader of a session or a process group: it would leave its members behind. */
	if (leader->signal->session_leader || first_in_group(sid, PIDTYPE_PGID))
		return -EPERM;
	leader->signal->session_leader = true;
	WRITE_ONCE(leader->signal->tty, NULL);
	change_pid(leader, PIDTYPE_SID, sid);
	change_pid(leader, PIDTYPE_PGID, sid);
	return sid->nr;
}
