/* Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2), sysinfo(2). */
#include "kernel/fs/fs.h"
#include "kernel/lib/string.h"
#include "kernel/sched/load.h"
#include "kernel/sigqueue.h"
#include "kernel/sys/rusage.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

/* The mm keeps its own copy of what it enforces: mm/ knows nothing of tasks. Caller holds
 * tasklist_lock. */
static void limits_to_mm(struct task *p)
{
	const struct rlimit64 *rlim = p->signal->rlim;

	struct mm *mm = NULL;
	struct task *t;

	/* The leader may have exited before its threads. */
	list_for_each_entry (t, &p->signal->threads, thread_node)
		if (t->mm)
			mm = t->mm;
	if (!mm)
		return;
	mm->limit_stack = rlim[RLIMIT_STACK].rlim_cur;
	mm->limit_data = rlim[RLIMIT_DATA].rlim_cur;
	mm->limit_as = rlim[RLIMIT_AS].rlim_cur;
}

/* Either pointer may be NULL; both are kernel memory. Caller holds tasklist_lock. */
static long prlimit_locked(struct task *p, unsigned int resource, const struct rlimit64 *new,
			   struct rlimit64 *old)
{
	struct rlimit64 *rlim;
	long err = 0;
	u64 flags;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (new &&new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new &&resource == RLIMIT_NOFILE &&new->rlim_max > NOFILE_MAX)
		return -EPERM;
	rlim = &p->signal->rlim[resource];
	flags = spin_lock_irqsave(&p->sighand->lock);
	if (old)
		*old = *rlim;
	if (new &&new->rlim_max > rlim->rlim_max && !cred_is_root(current->cred))
		err = -EPERM;
	else if (new)
		*rlim = *new;
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	if (new && !err)
		limits_to_mm(p);
	return err;
}

static long do_prlimit(struct task *p, unsigned int resource, const struct rlimit64 *new,
		       struct rlimit64 *old)
{
	long err;

	spin_lock(&tasklist_lock);
	err = p->sighand ? prlimit_locked(p, resource, new, old) : -ESRCH; /* reaped meanwhile */
	spin_unlock(&tasklist_lock);
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

/* With a reference. -EPERM unless root or the same user: prlimit(2). */
static struct task *prlimit_target(pid_t pid)
{
	const struct cred *me = current->cred;
	struct task *p;

	if (pid == 0 || pid == current->pid_nr) {
		get_task(current);
		return current;
	}
	spin_lock(&tasklist_lock);
	p = find_task(pid);
	if (!p || !p->sighand)
		p = ERR_PTR(-ESRCH);
	else if (!cred_is_root(me) && (me->uid != p->cred->uid || me->uid != p->cred->suid))
		p = ERR_PTR(-EPERM);
	else
		get_task(p);
	spin_unlock(&tasklist_lock);
	return p;
}

long sys_prlimit64(pid_t pid, unsigned int resource, const struct rlimit64 __user *unew,
		   struct rlimit64 __user *uold)
{
	struct rlimit64 new, old;
	struct task *p;
	long err;

	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	p = prlimit_target(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	err = do_prlimit(p, resource, unew ? &new : NULL, uold ? &old : NULL);
	put_task(p);
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

int put_rusage_times(struct rusage __user *uru, u64 utime, u64 stime, u64 min_flt)
{
	struct rusage ru;

	memset(&ru, 0, sizeof(ru));
	ru.ru_utime.tv_sec = utime / NSEC_PER_SEC;
	ru.ru_utime.tv_usec = utime % NSEC_PER_SEC / NSEC_PER_USEC;
	ru.ru_stime.tv_sec = stime / NSEC_PER_SEC;
	ru.ru_stime.tv_usec = stime % NSEC_PER_SEC / NSEC_PER_USEC;
	ru.ru_minflt = min_flt;
	return copy_to_user(uru, &ru, sizeof(ru)) ? -EFAULT : 0;
}

/* Of all threads of current's group, the living and the gone. */
static void group_times(u64 *utime, u64 *stime, u64 *min_flt)
{
	struct signal *sig = current->signal;
	struct task *t;

	spin_lock(&tasklist_lock);
	*utime = sig->utime;
	*stime = sig->stime;
	*min_flt = sig->min_flt;
	list_for_each_entry (t, &sig->threads, thread_node) {
		*utime += t->utime;
		*stime += t->stime;
		*min_flt += t->min_flt;
	}
	spin_unlock(&tasklist_lock);
}

long sys_getrusage(int who, struct rusage __user *ru)
{
	struct signal *sig = current->signal;
	u64 utime, stime, min_flt;

	switch (who) {
	case RUSAGE_SELF:
		group_times(&utime, &stime, &min_flt);
		return put_rusage_times(ru, utime, stime, min_flt);
	case RUSAGE_CHILDREN:
		return put_rusage_times(ru, sig->cutime, sig->cstime, sig->cmin_flt);
	case RUSAGE_THREAD:
		return put_rusage_times(ru, current->utime, current->stime, current->min_flt);
	default:
		return -EINVAL;
	}
}

long sys_times(struct tms __user *buf)
{
	const u64 tick = NSEC_PER_SEC / USER_HZ;
	struct signal *sig = current->signal;
	u64 utime, stime, min_flt;
	struct tms t;

	group_times(&utime, &stime, &min_flt);
	t = (struct tms){.tms_utime = utime / tick,
			 .tms_stime = stime / tick,
			 .tms_cutime = sig->cutime / tick,
			 .tms_cstime = sig->cstime / tick};
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
	info.procs = (u16)MIN((u32)atomic_read(&nr_threads), UINT16_MAX);
	info.mem_unit = 1;
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}
