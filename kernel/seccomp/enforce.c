/* What the filters of a task say about a system call, and doing it: seccomp(2). */
#include "kernel/exit.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/filter.h"
#include "kernel/seccomp/notify.h"
#include "kernel/signal/sigqueue.h"

#include <linux/audit.h>

#define ERRNO_MAX 4095

/* Make the task go on as if its call had not been seen: the number stands in rax again. */
static void send_sigsys(struct pt_regs *regs, u32 data)
{
	ksiginfo_t info;

	regs->rax = regs->orig_rax;
	sigqueue_info(&info, SIGSYS, SYS_SECCOMP);
	info.si_errno = (int)data;
	info.si_call_addr = (void *)regs->rip;
	info.si_syscall = (int)regs->orig_rax;
	info.si_arch = AUDIT_ARCH_X86_64;
	force_sig_info(&info);
}

/* Ask each filter. The least value wins, as a signed number; of equal ones that of the newest
 * filter, *which. */
static u32 run_filters(const struct seccomp_data *data, const struct seccomp_filter **which)
{
	u32 worst = SECCOMP_RET_ALLOW;

	*which = NULL;
	for (const struct seccomp_filter *f = READ_ONCE(current->seccomp); f; f = f->prev) {
		u32 value = bpf_run(f->prog, data);

		if ((s32)(value & SECCOMP_RET_ACTION_FULL) <
		    (s32)(worst & SECCOMP_RET_ACTION_FULL)) {
			worst = value;
			*which = f;
		}
	}
	return worst;
}

static bool ask_filters(struct pt_regs *regs, bool traced);

/* SECCOMP_RET_TRACE: the tracer may change the call, or its number to -1. */
static bool ask_tracer(struct pt_regs *regs, u32 data)
{
	if (!is_traced(current) || !(READ_ONCE(current->trace.options) & PTRACE_O_TRACESECCOMP)) {
		regs->rax = -ENOSYS;
		return false;
	}
	task_set_work(current, WORK_FRAME); /* the tracer may change registers */
	ptrace_event(PTRACE_EVENT_SECCOMP, data);
	if (fatal_signal_pending(current) || (int)regs->orig_rax < 0)
		return false;
	return ask_filters(regs, true);
}

/* `traced`: the tracer has been asked already. */
static bool ask_filters(struct pt_regs *regs, bool traced)
{
	const struct seccomp_data data = {
		.nr = (int)regs->orig_rax,
		.arch = AUDIT_ARCH_X86_64,
		.instruction_pointer = regs->rip,
		.args = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9},
	};
	const struct seccomp_filter *f;
	u32 value = run_filters(&data, &f);
	u32 action = value & SECCOMP_RET_ACTION_FULL;

	value &= SECCOMP_RET_DATA;
	if (likely(action == SECCOMP_RET_ALLOW))
		return true;
	if (action == SECCOMP_RET_TRACE && traced)
		return true;
	seccomp_log(data.nr, action, f->log);
	switch (action) {
	case SECCOMP_RET_LOG:
		return true;
	case SECCOMP_RET_TRACE:
		return ask_tracer(regs, value);
	case SECCOMP_RET_USER_NOTIF:
		return seccomp_notify(f->listener, &data, f->killable, regs);
	case SECCOMP_RET_ERRNO:
		regs->rax = -(u64)MIN(value, (u32)ERRNO_MAX);
		return false;
	case SECCOMP_RET_TRAP:
		send_sigsys(regs, value);
		return false;
	case SECCOMP_RET_KILL_THREAD:
		do_exit(SIGSYS);
	default:
		do_group_exit(SIGSYS);
	}
}

/* SECCOMP_MODE_STRICT */
static bool strict_permits(int nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_write:
	case __NR_exit:
	case __NR_rt_sigreturn:
		return true;
	default:
		seccomp_log(nr, SECCOMP_RET_KILL_THREAD, false);
		do_exit(SIGKILL);
	}
}

bool seccomp_permits(struct pt_regs *regs)
{
	if (unlikely(seccomp_suspended(current)))
		return true;
	if (seccomp_mode(current) == SECCOMP_MODE_STRICT)
		return strict_permits((int)regs->orig_rax);
	return ask_filters(regs, false);
}
