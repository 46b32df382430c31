/* The system calls around signals: masks, actions, kill and waiting. */
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time/timespec.h"

long sys_rt_sigaction(int sig, const struct k_sigaction __user *uact,
		      struct k_sigaction __user *uold, size_t sigsetsize)
{
	struct k_sigaction act, old;
	int err;

	if (sigsetsize != sizeof(sigset_t64))
		return -EINVAL;
	if (uact && copy_from_user(&act, uact, sizeof(act)))
		return -EFAULT;
	err = do_sigaction(sig, uact ? &act : NULL, &old);
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

long sys_rt_sigprocmask(int how, const sigset_t64 __user *uset, sigset_t64 __user *uold,
			size_t sigsetsize)
{
	sigset_t64 old = current->blocked, set;

	if (sigsetsize != sizeof(set))
		return -EINVAL;
	if (uset) {
		if (copy_from_user(&set, uset, sizeof(set)))
			return -EFAULT;
		if (how == SIG_BLOCK)
			set |= old;
		else if (how == SIG_UNBLOCK)
			set = old & ~set;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		set_current_blocked(set);
	}
	return uold && copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}

long sys_rt_sigpending(sigset_t64 __user *uset, size_t sigsetsize)
{
	sigset_t64 set;
	u64 flags;

	if (sigsetsize > sizeof(set))
		return -EINVAL;
	flags = spin_lock_irqsave(&current->sighand->lock);
	set = (current->pending.set | current->signal->shared.set) & current->blocked;
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	return copy_to_user(uset, &set, sigsetsize) ? -EFAULT : 0;
}

/* Sleep until there is a signal to handle. */
static long sleep_for_signal(void)
{
	for (;;) {
		current->state = TASK_INTERRUPTIBLE;
		if (signal_pending(current))
			break;
		schedule();
	}
	current->state = TASK_RUNNING;
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	return sleep_for_signal();
}

long sys_rt_sigsuspend(const sigset_t64 __user *uset, size_t sigsetsize)
{
	sigset_t64 set;

	if (sigsetsize != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	/* The handler runs under the new mask and returns to the old one. */
	current->saved_sigmask = current->blocked;
	set_current_blocked(set);
	task_set_work(current, WORK_RESTORE_SIGMASK);
	return sleep_for_signal();
}

/* Dequeue a pending signal of `set`. 0: there is none, and from now on a signal of `awaited` wakes
 * this task although it is blocked. */
static int take_or_await(sigset_t64 set, sigset_t64 awaited, ksiginfo_t *info)
{
	guard_irq(&current->sighand->lock);
	int sig = dequeue_signal(current, ~set, info);

	current->waited = sig ? 0 : awaited;
	return sig;
}

/* sigtimedwait(2): the number, -EAGAIN at `until`, -EINTR when another signal came. */
static long await_signal(sigset_t64 set, ksiginfo_t *info, u64 until)
{
	long ret, sig;

	for (;;) {
		current->state = TASK_INTERRUPTIBLE;
		ret = take_or_await(set, set, info);
		if (!ret && signal_pending(current))
			ret = -EINTR;
		else if (!ret && until <= ktime_get())
			ret = -EAGAIN;
		if (ret)
			break;
		schedule_until(until);
	}
	current->state = TASK_RUNNING;
	if (ret < 0) {
		/* A signal that this task waited for may have come just now. */
		sig = take_or_await(set, 0, info);
		if (sig)
			ret = sig;
	}
	return ret;
}

/* True: a bad address. */
static bool put_siginfo(siginfo_t __user *uinfo, const ksiginfo_t *info)
{
	return copy_to_user(uinfo, info, sizeof(*info)) ||
	       clear_user((char __user *)uinfo + sizeof(*info), sizeof(*uinfo) - sizeof(*info));
}

long sys_rt_sigtimedwait(const sigset_t64 __user *uset, siginfo_t __user *uinfo,
			 const struct timespec __user *timeout, size_t sigsetsize)
{
	u64 ns, until = TIME_FOREVER;
	ksiginfo_t info;
	sigset_t64 set;
	long ret;

	if (sigsetsize != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	if (timeout) {
		ret = get_timespec(&ns, timeout);
		if (ret)
			return ret;
		until = time_add(ktime_get(), ns);
	}
	ret = await_signal(set & ~SIG_KERNEL_ONLY, &info, until);
	if (ret > 0 && uinfo && put_siginfo(uinfo, &info))
		return -EFAULT;
	return ret;
}

bool on_alt_stack(u64 sp)
{
	return sp > current->sas_sp && sp - current->sas_sp <= current->sas_size;
}

long sys_sigaltstack(const stack_t __user *uss, stack_t __user *uold)
{
	bool in_use = on_alt_stack(task_pt_regs(current)->rsp);
	stack_t ss, old;

	memset(&old, 0, sizeof(old));
	old.ss_sp = (void *)current->sas_sp;
	old.ss_size = current->sas_size;
	old.ss_flags = current->sas_size == 0 ? SS_DISABLE : in_use ? SS_ONSTACK : 0;
	if (uss) {
		if (copy_from_user(&ss, uss, sizeof(ss)))
			return -EFAULT;
		if (in_use)
			return -EPERM;
		/* SS_AUTODISARM is not supported: refused, not ignored. */
		if (ss.ss_flags != SS_DISABLE && ss.ss_flags != SS_ONSTACK && ss.ss_flags != 0)
			return -EINVAL;
		if (ss.ss_flags == SS_DISABLE) {
			ss.ss_sp = NULL;
			ss.ss_size = 0;
		} else if (ss.ss_size < arch_min_sigstack()) {
			return -ENOMEM;
		}
		current->sas_sp = (u64)ss.ss_sp;
		current->sas_size = ss.ss_size;
	}
	return uold && copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}

/* Continue a call that sleeps by the clock after SIGSTOP and SIGCONT. */
long sys_restart_syscall(void)
{
	long (*fn)(struct task *) = current->restart_fn;

	return fn ? fn(current) : -EINTR;
}

/* ---- kill ---- */

static bool may_signal(struct task *p, int sig)
{
	const struct cred *me = current->cred, *to;
	bool ok = cred_is_root(me);

	if (!ok) {
		spin_lock(&p->lock);
		to = p->cred;
		ok = me->euid == to->suid || me->euid == to->uid || me->uid == to->suid ||
		     me->uid == to->uid;
		spin_unlock(&p->lock);
	}
	return ok || (sig == SIGCONT && READ_ONCE(p->signal->group_nr[PIDTYPE_SID]) ==
						READ_ONCE(current->signal->group_nr[PIDTYPE_SID]));
}

/* 0, or an error; signal 0 only asks. Caller has a reference to p, or holds tasklist_lock. */
static long kill_one(struct task *p, int sig, const ksiginfo_t *info, bool group)
{
	if (sig != 0 && !valid_signal(sig))
		return -EINVAL;
	if (!may_signal(p, sig))
		return -EPERM;
	return sig ? send_signal(sig, info, p, group) : 0;
}

/* Signal one process, or one thread (of the process `tgid`; -1: of any), by its number. When a
 * thread's exec takes the place of its leader, the task with this number is reaped and another task
 * gets the number: then look again. */
static long kill_number(pid_t nr, pid_t tgid, int sig, const ksiginfo_t *info, bool group)
{
	for (;;) {
		struct task *p scoped(put_task) = nr > 0 ? find_get_task(nr) : NULL;
		long ret;

		if (!p || (tgid != -1 && p->tgid_nr != tgid))
			return -ESRCH;
		ret = kill_one(p, sig, info, group);
		if (ret != -ESRCH)
			return ret;
	}
}

/* Signal current, which needs no permission and no reference. */
static long signal_self(int sig, const ksiginfo_t *info, bool group)
{
	if (!valid_signal(sig))
		return sig ? -EINVAL : 0;
	return send_signal(sig, info, current, group);
}

/* The result for several tasks, at first -ESRCH: 0 if one was signalled, else the last error. */
static long combine(long before, long err)
{
	return before ? err : 0;
}

static long kill_group(struct pid *pgrp, int sig, const ksiginfo_t *info)
{
	long ret = -ESRCH;
	struct task *p;

	if (pgrp)
		list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
			ret = combine(ret, kill_one(p, sig, info, true));
	return ret;
}

/* Signal all processes except the caller's own and kernel threads. */
static long kill_all(int sig, const ksiginfo_t *info)
{
	long ret = -ESRCH;
	struct task *p;
	int nr = 0;

	while ((p = next_leader(&nr)) != NULL)
		if (!(p->flags & PF_KTHREAD) && p->signal != current->signal)
			ret = combine(ret, kill_one(p, sig, info, true));
	return ret;
}

/* kill(2) with a pid of -1 (all), 0 (current's group) or less (group -pid). Under tasklist_lock. */
static long kill_many(pid_t pid, int sig, const ksiginfo_t *info)
{
	struct pid *pgrp scoped(put_pid) = pid < -1 ? find_get_pid(-pid) : NULL;

	if (pid == -1)
		return kill_all(sig, info);
	return kill_group(pid ? pgrp : current->group_leader->pids[PIDTYPE_PGID], sig, info);
}

long sys_kill(pid_t pid, int sig)
{
	ksiginfo_t info;

	if (pid == (pid_t)0x80000000)
		return -ESRCH;
	sigqueue_user_info(&info, sig, SI_USER);
	if (pid == current->pid_nr)
		return signal_self(sig, &info, true);
	if (pid > 0)
		return kill_number(pid, -1, sig, &info, true);
	guard_spin(&tasklist_lock);
	return kill_many(pid, sig, &info);
}

/* Signal one thread; tgid -1: of any group. */
static long do_tkill(pid_t tgid, pid_t tid, int sig)
{
	ksiginfo_t info;

	if (tid <= 0)
		return -EINVAL;
	sigqueue_user_info(&info, sig, SI_TKILL);
	if (tid == current->pid_nr && (tgid == -1 || tgid == current->tgid_nr))
		return signal_self(sig, &info, false);
	return kill_number(tid, tgid, sig, &info, false);
}

long sys_tkill(pid_t tid, int sig)
{
	return do_tkill(-1, tid, sig);
}

long sys_tgkill(pid_t tgid, pid_t tid, int sig)
{
	return tgid <= 0 ? -EINVAL : do_tkill(tgid, tid, sig);
}

/* ---- sigqueue(3) ---- */

/* The bytes behind the fields are not kept. They must be 0, unless si_code calls them unused. */
static long check_expansion(const ksiginfo_t *info, const siginfo_t __user *uinfo)
{
	_Static_assert(sizeof(*info) == sizeof(info->words), "the fields end where the words do");
	if (info->si_code >= SI_DETHREAD || info->si_code == SI_ASYNCNL)
		return 0;
	return check_zeroed((const char __user *)uinfo + sizeof(*info),
			    sizeof(*uinfo) - sizeof(*info));
}

/* Read what the sender says of the signal. -EPERM: it claims to be the kernel, kill or tkill. */
static long get_queue_info(ksiginfo_t *info, int sig, const siginfo_t __user *uinfo, pid_t pid)
{
	long err;

	if (copy_from_user(info, uinfo, sizeof(*info)))
		return -EFAULT;
	info->si_signo = sig;
	err = check_expansion(info, uinfo);
	if (err)
		return err;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != current->pid_nr)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(pid_t tgid, int sig, const siginfo_t __user *uinfo)
{
	ksiginfo_t info;
	long ret = get_queue_info(&info, sig, uinfo, tgid);

	return ret ? ret : kill_number(tgid, -1, sig, &info, true);
}

long sys_rt_tgsigqueueinfo(pid_t tgid, pid_t tid, int sig, const siginfo_t __user *uinfo)
{
	ksiginfo_t info;
	long ret;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	ret = get_queue_info(&info, sig, uinfo, tid);
	return ret ? ret : kill_number(tid, tgid, sig, &info, false);
}
