/* Priorities and policies: sched(7), getpriority(2). */
#include "kernel/lib/syscall.h"
#include "kernel/sharing.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

/* Find a task, or current if pid is 0; with a reference. ERR_PTR: -EINVAL, -ESRCH. */
static struct task *sched_target(pid_t pid)
{
	if (pid < 0)
		return ERR_PTR(-EINVAL);
	if (pid)
		return find_get_task(pid) ?: ERR_PTR(-ESRCH);
	get_task(current);
	return current;
}

/* May current change p's scheduling? Root may, and the same user. */
static bool may_schedule(struct task *p)
{
	const struct cred *me = current->cred;
	struct cred *its scoped(put_cred) = task_get_cred(p);

	return cred_is_root(me) || me->euid == its->euid || me->euid == its->uid;
}

static bool is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static u64 limit_of(const struct task *p, int resource)
{
	return READ_ONCE(p->signal->rlim[resource].rlim_cur);
}

/* Is `nice` better than p's, and than RLIMIT_NICE allows? The limit counts 1 … 40 for 19 … -20. */
static bool nice_needs_privilege(const struct task *p, int nice)
{
	return nice < PRIO_TO_NICE(p->static_prio) && (u64)(20 - nice) > limit_of(p, RLIMIT_NICE);
}

/* Must the caller be root? Yes for a policy or priority beyond both the present one and the limits,
 * and to clear reset-on-fork. */
static bool needs_privilege(const struct task *p, const struct sched_attr *a, bool reset)
{
	u64 rt_limit = limit_of(p, RLIMIT_RTPRIO);

	if (is_rt((int)a->sched_policy)) {
		if ((int)a->sched_policy != p->policy && !rt_limit)
			return true;
		if ((int)a->sched_priority > p->rt_priority && a->sched_priority > rt_limit)
			return true;
	} else if (nice_needs_privilege(p, a->sched_nice)) {
		return true;
	}
	return p->reset_on_fork && !reset;
}

#define POLICY_KEPT (-1)

/* sched_setscheduler(2) and sched_setparam(2), whose a->size is 0, keep the nice value. */
static long set_attr(struct task *p, struct sched_attr *a)
{
	bool reset = a->sched_flags & SCHED_FLAG_RESET_ON_FORK;

	if (!a->size || (a->sched_flags & SCHED_FLAG_KEEP_PARAMS))
		a->sched_nice = PRIO_TO_NICE(p->static_prio);
	if (a->sched_flags & SCHED_FLAG_KEEP_PARAMS)
		a->sched_priority = p->rt_priority;
	if ((int)a->sched_policy == POLICY_KEPT) {
		a->sched_policy = p->policy;
		reset = p->reset_on_fork;
	}
	if (!sched_policy_valid((int)a->sched_policy, (int)a->sched_priority) ||
	    (a->sched_flags & ~(u64)SCHED_FLAG_ALL))
		return -EINVAL;
	if (!may_schedule(p) || (!cred_is_root(current->cred) && needs_privilege(p, a, reset)))
		return -EPERM;
	if (a->sched_flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP; /* as a Linux without CONFIG_UCLAMP_TASK */
	if (a->sched_flags & SCHED_FLAG_KEEP_PARAMS)
		a->sched_policy = p->policy; /* on Linux the policy is a parameter too */
	return sched_set_attr(p, (int)a->sched_policy, (int)a->sched_priority, a->sched_nice,
			      reset);
}

static long set_attr_of(pid_t pid, struct sched_attr *a)
{
	struct task *p scoped(put_task) = sched_target(pid);

	return IS_ERR(p) ? PTR_ERR(p) : set_attr(p, a);
}

static long set_scheduler(pid_t pid, int policy, const int __user *upriority)
{
	struct sched_attr a = {.sched_policy = (u32)policy};

	if (!upriority || pid < 0)
		return -EINVAL;
	if (get_user(a.sched_priority, (const u32 __user *)upriority))
		return -EFAULT;
	if (policy != POLICY_KEPT && (policy & SCHED_RESET_ON_FORK)) {
		a.sched_policy &= ~(u32)SCHED_RESET_ON_FORK;
		a.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	}
	return set_attr_of(pid, &a);
}

long sys_sched_setscheduler(pid_t pid, int policy, const int __user *upriority)
{
	return policy < 0 ? -EINVAL : set_scheduler(pid, policy, upriority);
}

long sys_sched_setparam(pid_t pid, const int __user *upriority)
{
	return set_scheduler(pid, POLICY_KEPT, upriority);
}

/* On -E2BIG the size of the kernel's structure is stored in uattr->size. */
static long copy_attr(struct sched_attr *a, struct sched_attr __user *uattr)
{
	u32 size;
	long err;

	if (get_user(size, &uattr->size))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	err = size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE
		      ? -E2BIG
		      : copy_struct_from_user(a, sizeof(*a), uattr, size);
	if (err == -E2BIG && put_user((u32)sizeof(*a), &uattr->size))
		return -EFAULT;
	if (!err && (a->sched_flags & SCHED_FLAG_UTIL_CLAMP) && size < SCHED_ATTR_SIZE_VER1)
		return -EINVAL;
	a->size = sizeof(*a);
	a->sched_nice = MIN(MAX(a->sched_nice, -20), 19);
	return err;
}

long sys_sched_setattr(pid_t pid, struct sched_attr __user *uattr, unsigned int flags)
{
	struct sched_attr a = {0};
	long err;

	if (!uattr || pid < 0 || flags)
		return -EINVAL;
	err = copy_attr(&a, uattr);
	if (err)
		return err;
	if ((int)a.sched_policy < 0)
		return -EINVAL;
	if (a.sched_flags & SCHED_FLAG_KEEP_POLICY)
		a.sched_policy = (u32)POLICY_KEPT;
	return set_attr_of(pid, &a);
}

long sys_sched_getattr(pid_t pid, struct sched_attr __user *uattr, unsigned int size,
		       unsigned int flags)
{
	struct sched_attr a = {.size = MIN(size, (unsigned int)sizeof(a))};

	if (!uattr || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags)
		return -EINVAL;
	struct task *p scoped(put_task) = sched_target(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	a.sched_policy = p->policy;
	a.sched_flags = p->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	if (is_rt(p->policy))
		a.sched_priority = p->rt_priority;
	else
		a.sched_nice = PRIO_TO_NICE(p->static_prio);
	return copy_to_user(uattr, &a, a.size) ? -EFAULT : 0;
}

long sys_sched_getscheduler(pid_t pid)
{
	struct task *p scoped(put_task) = sched_target(pid);

	if (IS_ERR(p))
		return PTR_ERR(p);
	return p->policy | (p->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(pid_t pid, int __user *upriority)
{
	if (!upriority)
		return -EINVAL;
	struct task *p scoped(put_task) = sched_target(pid);
	return IS_ERR(p) ? PTR_ERR(p) : put_user(p->rt_priority, upriority);
}

static long priority_bound(int policy, int rt)
{
	if (is_rt(policy))
		return rt;
	return policy == SCHED_NORMAL || policy == SCHED_BATCH ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(int policy)
{
	return priority_bound(policy, MAX_RT_PRIO - 1);
}

long sys_sched_get_priority_min(int policy)
{
	return priority_bound(policy, 1);
}

long sys_sched_rr_get_interval(pid_t pid, struct timespec __user *interval)
{
	struct task *p scoped(put_task) = sched_target(pid);
	struct timespec ts = {0};
	u64 ns;

	if (IS_ERR(p))
		return PTR_ERR(p);
	ns = p->policy == SCHED_FIFO ? 0 : (u64)task_timeslice(p);
	ts.tv_sec = ns / NSEC_PER_SEC;
	ts.tv_nsec = ns % NSEC_PER_SEC;
	return copy_to_user(interval, &ts, sizeof(ts)) ? -EFAULT : 0;
}

/* ---- affinity: sched_setaffinity(2), getcpu(2) ---- */

/* Unlike the calls above, these return -ESRCH for a negative pid. */
static struct task *affinity_target(pid_t pid)
{
	return pid < 0 ? ERR_PTR(-ESRCH) : sched_target(pid);
}

/* CPUs beyond the end of a short mask are not in it; what a long one says of CPUs that no machine
 * has is ignored. */
long sys_sched_setaffinity(pid_t pid, unsigned int len, const unsigned long __user *umask)
{
	struct cpumask mask = {0};

	if (copy_from_user(&mask, umask, MIN(len, (unsigned int)sizeof(mask))))
		return -EFAULT;
	struct task *p scoped(put_task) = affinity_target(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	return may_schedule(p) ? sched_set_affinity(p, mask) : -EPERM;
}

/* The raw call returns the number of bytes written: the words that have a CPU. */
long sys_sched_getaffinity(pid_t pid, unsigned int len, unsigned long __user *umask)
{
	const size_t size = BITS_TO_WORDS(nr_cpus) * sizeof(u64);

	if (len < size || len % sizeof(*umask))
		return -EINVAL;
	struct task *p scoped(put_task) = affinity_target(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	struct cpumask mask = sched_get_affinity(p);
	return copy_to_user(umask, &mask, size) ? -EFAULT : (long)size;
}

/* The third argument is ignored since Linux 2.6.24. There is one node. */
long sys_getcpu(unsigned int __user *cpu, unsigned int __user *node,
		void __user *cache __maybe_unused)
{
	unsigned int here = READ_ONCE(current->cpu);

	if (cpu && put_user(here, cpu))
		return -EFAULT;
	return node && put_user(0u, node) ? -EFAULT : 0;
}

struct nice_walk {
	int nice; /* what to set */
	int best; /* the lowest found */
	bool set, found;
	uid_t uid; /* PRIO_USER: whose */
	long err;
};

static long set_one_nice(struct task *p, int nice)
{
	if (!may_schedule(p))
		return -EPERM;
	if (!cred_is_root(current->cred) && nice_needs_privilege(p, nice))
		return -EACCES;
	set_user_nice(p, nice);
	return 0;
}

static void visit(struct task *p, struct nice_walk *w)
{
	int nice = PRIO_TO_NICE(p->static_prio);

	if (!w->found || nice < w->best)
		w->best = nice;
	w->found = true;
	if (w->set) {
		long err = set_one_nice(p, w->nice);

		w->err = w->err ? w->err : err;
	}
}

static void visit_threads(struct task *leader, struct nice_walk *w)
{
	struct task *t;

	list_for_each_entry (t, &leader->signal->threads, thread_node)
		visit(t, w);
}

static void visit_number(pid_t nr, struct nice_walk *w)
{
	struct task *p scoped(put_task) = find_get_task(nr ? nr : current->pid_nr);

	if (p)
		visit(p, w);
}

static void visit_group(pid_t nr, struct nice_walk *w)
{
	struct pid *pgrp =
		find_get_pid(nr ? nr : READ_ONCE(current->signal->group_nr[PIDTYPE_PGID]));
	struct task *p;

	if (!pgrp)
		return;
	spin_lock(&tasklist_lock);
	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
		visit_threads(p, w);
	spin_unlock(&tasklist_lock);
	put_pid(pgrp);
}

/* A child that is forked meanwhile may be missed, as on Linux. */
static void visit_if_users(struct task *leader, void *walk)
{
	struct nice_walk *w = walk;
	struct cred *its scoped(put_cred) = task_get_cred(leader);

	if (its->uid == w->uid)
		visit_threads(leader, w);
}

static long do_priority(int which, int who, struct nice_walk *w)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_USER) {
		w->uid = who ? (uid_t)who : current->cred->uid;
		visit_processes(visit_if_users, w);
	} else if (which == PRIO_PGRP) {
		visit_group(who, w);
	} else {
		visit_number(who, w);
	}
	return w->found ? w->err : -ESRCH;
}

/* The raw call returns 20 - nice, so that no value looks like an error. */
long sys_getpriority(int which, int who)
{
	struct nice_walk w = {0};
	long err = do_priority(which, who, &w);

	return err ? err : 20 - w.best;
}

long sys_setpriority(int which, int who, int nice)
{
	struct nice_walk w = {.set = true, .nice = MIN(MAX(nice, -20), 19)};

	return do_priority(which, who, &w);
}
