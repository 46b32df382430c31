/* Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2), sysinfo(2). */
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/sched/load.h"
#include "kernel/sharing.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

/* Copy the limits that the mm enforces: mm/ does not know tasks. The caller holds sighand->lock, so
 * that the last CPU to set a limit is the last to copy it. */
static void limits_to_mm(struct mm *mm, const struct rlimit64 *rlim)
{
	WRITE_ONCE(mm->limit_stack, rlim[RLIMIT_STACK].rlim_cur);
	WRITE_ONCE(mm->limit_data, rlim[RLIMIT_DATA].rlim_cur);
	WRITE_ONCE(mm->limit_as, rlim[RLIMIT_AS].rlim_cur);
}

/* Get and set a limit; either pointer may be NULL. -ESRCH if `p` was reaped meanwhile. */
static long do_prlimit(struct task *p, unsigned int resource, const struct rlimit64 *set,
		       struct rlimit64 *old)
{
	struct rlimit64 *rlim;
	struct sighand *sh;
	long err = 0;
	u64 flags;

	if (resource >= RLIM_NLIMITS || (set && set->rlim_cur > set->rlim_max))
		return -EINVAL;
	if (set && resource == RLIMIT_NOFILE && set->rlim_max > READ_ONCE(nr_open))
		return -EPERM;
	struct mm *mm scoped(mm_put) = set ? process_get_mm(p) : NULL;
	sh = lock_sighand(p, &flags);
	if (!sh)
		return -ESRCH;
	rlim = &p->signal->rlim[resource];
	if (old)
		*old = *rlim;
	if (set && set->rlim_max > rlim->rlim_max && !cred_is_root(current->cred))
		err = -EPERM;
	else if (set)
		*rlim = *set;
	if (mm && !err)
		limits_to_mm(mm, p->signal->rlim);
	unlock_sighand(sh, flags);
	return err;
}

long sys_getrlimit(unsigned int resource, struct rlimit64 __user *urlim)
{
	struct rlimit64 r;
	long err = do_prlimit(current, resource, NULL, &r);

	if (!err && copy_to_user(urlim, &r, sizeof(r)))
		return -EFAULT;
	return err;
}

long sys_setrlimit(unsigned int resource, const struct rlimit64 __user *urlim)
{
	struct rlimit64 r;

	if (copy_from_user(&r, urlim, sizeof(r)))
		return -EFAULT;
	return do_prlimit(current, resource, &r, NULL);
}

/* prlimit(2): a program that has, or may get, other rights than its user's is not the user's. */
static bool may_set_limits(const struct cred *me, const struct cred *its)
{
	return cred_is_root(me) ||
	       (me->uid == its->uid && me->uid == its->euid && me->uid == its->suid &&
		me->gid == its->gid && me->gid == its->egid && me->gid == its->sgid);
}

/* Find the task of prlimit(2); with a reference. -ESRCH; -EPERM unless root or the same user. */
static struct task *prlimit_target(pid_t pid)
{
	const struct cred *me = current->cred;
	struct task *p;

	if (pid == 0 || pid == current->pid_nr) {
		get_task(current);
		return current;
	}
	p = find_get_task(pid);
	if (!p)
		return ERR_PTR(-ESRCH);
	struct cred *its scoped(put_cred) = task_get_cred(p);
	if (may_set_limits(me, its))
		return p;
	put_task(p);
	return ERR_PTR(-EPERM);
}

long sys_prlimit64(pid_t pid, unsigned int resource, const struct rlimit64 __user *unew,
		   struct rlimit64 __user *uold)
{
	struct rlimit64 new, old;
	struct task *p;
	long err;

	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	do { /* again if exec by another thread replaced the leader that was found */
		p = prlimit_target(pid);
		if (IS_ERR(p))
			return PTR_ERR(p);
		err = do_prlimit(p, resource, unew ? &new : NULL, uold ? &old : NULL);
		put_task(p);
	} while (err == -ESRCH);
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

/* The usage of current's process, and of its reaped children. */
static void own_usage(struct usage *self, struct usage *children)
{
	struct signal *sig = current->signal;
	u64 flags = spin_lock_irqsave(&current->sighand->lock);

	process_usage(sig, self);
	*children = sig->children;
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	self->max_pages = MAX(self->max_pages, mm_peak_resident(current->mm));
}

long sys_getrusage(int who, struct rusage __user *ru)
{
	struct usage self, children;

	own_usage(&self, &children);
	switch (who) {
	case RUSAGE_SELF:
		return put_rusage(ru, &self);
	case RUSAGE_CHILDREN:
		return put_rusage(ru, &children);
	case RUSAGE_THREAD:
		children.max_pages = self.max_pages; /* memory is the process's */
		task_usage(current, &self);
		self.max_pages = children.max_pages;
		return put_rusage(ru, &self);
	default:
		return -EINVAL;
	}
}

long sys_times(struct tms __user *buf)
{
	const u64 tick = NSEC_PER_SEC / USER_HZ;
	struct usage self, children;
	struct tms t;

	own_usage(&self, &children);
	t = (struct tms){.tms_utime = self.utime / tick,
			 .tms_stime = self.stime / tick,
			 .tms_cutime = children.utime / tick,
			 .tms_cstime = children.stime / tick};
	if (buf && copy_to_user(buf, &t, sizeof(t)))
		return -EFAULT;
	return ktime_get() / tick;
}

long sys_sysinfo(struct sysinfo __user *uinfo)
{
	u64 load[NR_LOADS];
	struct sysinfo info;

	memset(&info, 0, sizeof(info));
	info.uptime = (ktime_get() + NSEC_PER_SEC - 1) / NSEC_PER_SEC; /* as Linux rounds it */
	info.totalram = nr_total_pages() * PAGE_SIZE;
	info.freeram = nr_free_pages() * PAGE_SIZE;
	info.sharedram = (u64)atomic_read(&nr_object_pages) * PAGE_SIZE;
	load_averages(load);
	for (int i = 0; i < NR_LOADS; i++)
		info.loads[i] = load[i] << (SI_LOAD_SHIFT - LOAD_SHIFT);
	info.procs = (u16)MIN((u32)atomic_read(&nr_threads), (u32)UINT16_MAX);
	info.mem_unit = 1;
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}
