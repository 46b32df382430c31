/*
 * The stops of a tracee: ptrace(2), "Stopped states".
 *
 * A stop sets the state TASK_TRACED and a code for wait(2) under sighand->lock, tells the tracer,
 * and sleeps. The tracer's next request that lets it run leaves a signal in `code`.
 */
#include "kernel/exit.h"
#include "kernel/lib/log.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/signal/core.h"
#include "kernel/signal/group_exit.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/trace/trace.h"

void syscall_watch(struct task *p, u32 set, u32 clear)
{
	u32 old = __atomic_fetch_or(&p->syscall_work, set, __ATOMIC_SEQ_CST);

	if (set && !old)
		atomic_inc(&syscalls_watched);
	old = __atomic_fetch_and(&p->syscall_work, ~clear, __ATOMIC_SEQ_CST);
	if (old && !(old & ~clear))
		atomic_dec(&syscalls_watched);
}

/* Tell whom a stop of `p` concerns. Caller holds tasklist_lock. */
static void tell_of_stop(struct task *p, int why, bool group_stopped)
{
	if (p->traced)
		notify_tracer(p, why);
	if (group_stopped)
		become_job(p->group_leader); /* its parent may outlive the tracer */
	if (group_stopped && (!p->traced || traced_by_stranger(p)))
		notify_parent_stop_locked(p, CLD_STOPPED);
}

/* After a stop, and before the task does anything else. */
static int resume(struct task *p)
{
	int sig;
	guard_irq(&p->sighand->lock);

	sig = p->trace.code;
	p->trace.code = 0;
	p->trace.message = 0;
	p->trace.info = NULL;
	p->trace.listening = false;
	recalc_sigpending_of(p);
	return sig;
}

int ptrace_stop(int code, int why, u64 message, ksiginfo_t *info, u64 flags)
{
	struct task *p = current;
	bool group_stopped = false;

	if (!p->traced || fatal_signal_pending(p)) {
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		return code;
	}
	p->trace.code = code;
	p->trace.message = message;
	p->trace.info = info;
	if (why == CLD_STOPPED && (p->jobctl & JOBCTL_STOP_PENDING))
		group_stopped = leave_group_stop(p);
	guarded(p, jobctl) &= ~JOBCTL_TRAP_STOP;
	if (info && info->si_code >> 8 == PTRACE_EVENT_STOP)
		p->jobctl &= ~JOBCTL_TRAP_NOTIFY;
	set_special_state(TASK_TRACED);
	spin_unlock_irqrestore(&p->sighand->lock, flags);

	spin_lock(&tasklist_lock);
	tell_of_stop(p, why, group_stopped);
	/* Before the tracer runs, which would have to wait until this task is asleep. */
	spin_unlock_no_resched(&tasklist_lock);
	schedule();
	return resume(p);
}

/* A stop that is no signal's, with a siginfo that says which. */
static int stop_with_info(int code, int why, u64 message, u64 flags)
{
	ksiginfo_t info;

	sigqueue_user_info(&info, SIGTRAP, code);
	info.si_pid = current->pid_nr;
	info.si_signo = code & 0x7f;
	return ptrace_stop(code, why, message, &info, flags);
}

static int notify(int code, u64 message)
{
	return stop_with_info(code, CLD_TRAPPED, message,
			      spin_lock_irqsave(&current->sighand->lock));
}

void ptrace_tell_event(int event, u64 message)
{
	if ((READ_ONCE(current->trace.options) >> event & 1))
		notify(SIGTRAP | event << 8, message);
}

void ptrace_exec_event(pid_t old_tid)
{
	struct task *p = current;

	if (!is_traced(p))
		return;
	if (READ_ONCE(p->trace.options) & PTRACE_O_TRACEEXEC)
		ptrace_event(PTRACE_EVENT_EXEC, old_tid);
	else if (!(p->traced & TRACE_SEIZED)) /* ptrace(2), PTRACE_TRACEME */
		send_sig_self(SIGTRAP);
}

void ptrace_exit_event(int code, bool group)
{
	struct task *p = current;
	u64 flags;

	if (!(READ_ONCE(p->trace.options) & PTRACE_O_TRACEEXIT))
		return;
	flags = spin_lock_irqsave(&p->sighand->lock);
	if (guarded(p, jobctl) & JOBCTL_CORE)
		core_join(p);
	if (group && !p->signal->group_exit)
		begin_group_exit(p, code);
	if (p->signal->group_exit)
		code = p->signal->group_exit_code;
	p->pending.set &= ~sigmask(SIGKILL); /* it is being obeyed: only a stop is left before */
	stop_with_info(SIGTRAP | PTRACE_EVENT_EXIT << 8, CLD_TRAPPED, code, flags);
}

/* ---- group stops ---- */

void ptrace_trap_notify(struct task *p)
{
	guarded(p, jobctl) |= JOBCTL_TRAP_NOTIFY;
	signal_wake_up(p, false);
	if (p->trace.listening)
		try_to_wake_up(p, TASK_TRACED);
}

void ptrace_trap(u64 flags)
{
	struct task *p = current;
	struct signal *sig = p->signal;
	int stop = sig->stop_count || sig->stopped ? sig->stop_code : SIGTRAP;

	if (p->traced & TRACE_SEIZED)
		stop_with_info(stop | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0, flags);
	else
		ptrace_stop(sig->stop_code, CLD_STOPPED, 0, NULL, flags);
}

/* ---- signals ---- */

/* The tracer chose this signal instead: it is the sender. */
static void from_tracer(ksiginfo_t *info, int sig)
{
	struct task *tracer;
	guard_spin(&tasklist_lock);

	tracer = current->parent;
	sigqueue_info(info, sig, SI_USER);
	info->si_pid = tracer->tgid_nr;
	guard_spin(&tracer->lock);
	info->si_uid = tracer->cred->uid;
}

int ptrace_signal(int sig, ksiginfo_t *info, u64 *flags)
{
	struct task *p = current;
	u32 continues = p->signal->continues;

	sig = ptrace_stop(sig, CLD_TRAPPED, 0, info, *flags);
	if (sig && sig != info->si_signo)
		from_tracer(info, sig);
	*flags = spin_lock_irqsave(&p->sighand->lock);
	if (!sig)
		return 0;
	/* As in default_stop(): a SIGCONT has cancelled the stop. */
	if ((sigmask(sig) & SIG_DEFAULT_STOP) && p->signal->continues != continues &&
	    signal_handler(p->sighand, sig) == (u64)SIG_DFL)
		return 0;
	if ((p->blocked & sigmask(sig)) || fatal_signal_pending(p)) {
		send_signal_locked(sig, info, p, false);
		return 0;
	}
	return sig;
}

void ptrace_enable_step(struct task *p)
{
	syscall_watch(p, SYSCALL_STEP, 0);
	arch_enable_step(p);
}

void ptrace_disable_step(struct task *p)
{
	syscall_watch(p, 0, SYSCALL_STEP);
	arch_disable_step(p);
}

void ptrace_step_stop(void)
{
	notify(SIGTRAP, 0);
}

/* ---- system calls ---- */

void ptrace_call_stop(u64 which)
{
	bool marked = READ_ONCE(current->trace.options) & PTRACE_O_TRACESYSGOOD;
	int sig;

	if (!is_traced(current))
		return;
	task_set_work(current, WORK_FRAME); /* the tracer may change registers */
	sig = notify(SIGTRAP | (marked ? 0x80 : 0), which);
	/* The code is no signal if the tracer ended before it saw the stop. */
	if (valid_signal(sig) && !fatal_signal_pending(current))
		send_signal(sig, NULL, current, false);
}
