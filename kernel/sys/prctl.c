/* A process's own settings: prctl(2), personality(2). */
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/sys/capability.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <linux/personality.h>
#include <linux/prctl.h>

static long set_name(const char __user *uname)
{
	char name[TASK_COMM_LEN];
	long n = strncpy_from_user(name, uname, sizeof(name) - 1);

	if (n < 0)
		return n;
	name[sizeof(name) - 1] = '\0';
	strlcpy(current->comm, name, sizeof(current->comm));
	return 0;
}

static long get_name(char __user *uname)
{
	char name[TASK_COMM_LEN] = {0};

	strlcpy(name, current->comm, sizeof(name));
	return copy_to_user(uname, name, sizeof(name)) ? -EFAULT : 0;
}

static long set_death_signal(unsigned long sig)
{
	if (sig && !(sig <= _NSIG && valid_signal((int)sig)))
		return -EINVAL;
	WRITE_ONCE(current->pdeath_signal, (int)sig);
	return 0;
}

static long set_dumpable(unsigned long value)
{
	if (value > 1) /* 2 cannot be set by a program */
		return -EINVAL;
	WRITE_ONCE(current->mm->dumpable, value);
	return 0;
}

/* Only ids decide what is permitted (capability.c): no securebit can be set. */
static long set_securebits(unsigned long bits)
{
	if (!cred_is_root(current->cred))
		return -EPERM;
	return bits ? -EINVAL : 0;
}

/* No capability is inheritable, so none may become ambient. */
static long ambient(unsigned long op, unsigned long cap)
{
	if (op == PR_CAP_AMBIENT_CLEAR_ALL)
		return cap ? -EINVAL : 0;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_IS_SET || op == PR_CAP_AMBIENT_LOWER)
		return 0;
	return op == PR_CAP_AMBIENT_RAISE ? -EPERM : -EINVAL;
}

static long set_seccomp(unsigned long mode, void __user *prog)
{
	if (mode == SECCOMP_MODE_STRICT)
		return sys_seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	return mode == SECCOMP_MODE_FILTER ? sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, prog)
					   : -EINVAL;
}

/* The options whose other arguments must be zero. */
static long prctl_strict(int option, unsigned long arg2)
{
	switch (option) {
	case PR_SET_NO_NEW_PRIVS:
		if (arg2 != 1)
			return -EINVAL;
		current->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return arg2 ? -EINVAL : current->no_new_privs;
	case PR_GET_THP_DISABLE: /* there are no huge pages to disable */
		return arg2 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

long sys_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
	       unsigned long arg5)
{
	switch (option) {
	case PR_SET_NAME:
		return set_name((const char __user *)arg2);
	case PR_GET_NAME:
		return get_name((char __user *)arg2);
	case PR_SET_PDEATHSIG:
		return set_death_signal(arg2);
	case PR_GET_PDEATHSIG:
		return put_user(current->pdeath_signal, (int __user *)arg2) ? -EFAULT : 0;
	case PR_SET_CHILD_SUBREAPER:
		WRITE_ONCE(current->signal->child_subreaper, arg2 != 0);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user((int)current->signal->child_subreaper, (int __user *)arg2) ? -EFAULT
											   : 0;
	case PR_SET_DUMPABLE:
		return set_dumpable(arg2);
	case PR_GET_DUMPABLE:
		return READ_ONCE(current->mm->dumpable);
	case PR_SET_TIMERSLACK:
		current->timer_slack = (long)arg2 > 0 ? arg2 : current->default_slack;
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)current->timer_slack;
	case PR_SET_TIMING:
		return arg2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_GET_TID_ADDRESS:
		return put_user(current->clear_child_tid, (int __user *__user *)arg2) ? -EFAULT : 0;
	case PR_SET_KEEPCAPS:
		return arg2 ? -EINVAL : 0;
	case PR_GET_KEEPCAPS:
	case PR_GET_SECUREBITS:
		return 0;
	case PR_SET_SECUREBITS:
		return set_securebits(arg2);
	case PR_CAPBSET_DROP:
		return cred_is_root(current->cred) ? -EINVAL : -EPERM;
	case PR_CAPBSET_READ:
		return arg2 > CAP_LAST_CAP ? -EINVAL : 1;
	case PR_SET_PTRACER:
		return ptrace_allow(arg2);
	case PR_SET_SECCOMP:
		return set_seccomp(arg2, (void __user *)arg3);
	case PR_GET_SECCOMP:
		return seccomp_mode(current);
	case PR_CAP_AMBIENT:
		return arg4 || arg5 ? -EINVAL : ambient(arg2, arg3);
	default:
		return arg3 || arg4 || arg5 ? -EINVAL : prctl_strict(option, arg2);
	}
}

/* Only 64-bit Linux, with or without random addresses; the other values mean other systems. */
long sys_personality(unsigned int persona)
{
	u32 old = current->personality;

	if (persona == 0xffffffff)
		return old;
	if (persona & ~(u32)ADDR_NO_RANDOMIZE)
		return -EINVAL;
	current->personality = persona;
	return old;
}
