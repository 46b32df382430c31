/*
 * The requests of ptrace(2).
 *
 * Most of them need a tracee that is stopped for its tracer. While one works on it the tracee is
 * frozen: not even SIGKILL lets it run, so its registers and its siginfo stay as they are.
 */
#include "kernel/ptrace/request.h"

#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/sharing.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

#include <linux/audit.h>

#define OPTIONS_MASK (0xffUL | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP)

/* ---- holding the tracee still ---- */

/* Change the state of a stopped tracee. False: it was another one. */
static bool change_state(struct task *p, u32 from, u32 to)
{
	return __atomic_compare_exchange_n(&p->state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Wait until it has left its CPU. False: it was killed on the way to its sleep. */
static bool wait_asleep(const struct task *p)
{
	while (READ_ONCE(p->state) == TASK_FROZEN) {
		if (!READ_ONCE(p->array) && !__atomic_load_n(&p->on_cpu, __ATOMIC_ACQUIRE))
			return true;
		current->state = TASK_UNINTERRUPTIBLE;
		schedule_until(ktime_get() + NSEC_PER_MSEC / 8);
	}
	return false;
}

/* p may run by now, may have another tracer, and may have been reaped. */
static void unfreeze(struct task *p)
{
	u64 flags;
	struct sighand *sh = lock_sighand(p, &flags);

	if (!sh)
		return;
	if (p->traced && p->parent == current && change_state(p, TASK_FROZEN, TASK_TRACED) &&
	    fatal_signal_pending(p))
		signal_wake_up(p, true);
	unlock_sighand(sh, flags);
}

static bool try_freeze(struct task *p)
{
	guard_spin(&tasklist_lock);

	if (!is_traced(p) || p->parent != current || p->exit_state)
		return false;
	guard_irq(&p->sighand->lock);
	return !p->trace.listening && !fatal_signal_pending(p) &&
	       change_state(p, TASK_TRACED, TASK_FROZEN);
}

/* 0, or -ESRCH: p is no stopped tracee of current. */
static long freeze(struct task *p)
{
	if (!try_freeze(p))
		return -ESRCH;
	if (wait_asleep(p))
		return 0;
	unfreeze(p);
	return -ESRCH;
}

/* ---- memory ---- */

size_t ptrace_access_memory(struct task *p, u64 addr, void *buf, size_t n, bool write)
{
	struct mm *mm = task_get_mm(p);
	size_t done = 0;

	if (!mm)
		return 0;
	/* The program may have become one that its tracer may not read. */
	if (READ_ONCE(mm->dumpable) || (p->traced & TRACE_TRUSTED))
		done = mm_access_forced(mm, addr, buf, n, write);
	mm_put(mm);
	return done;
}

static long peek(struct task *p, u64 addr, u64 __user *to)
{
	u64 word;

	if (ptrace_access_memory(p, addr, &word, sizeof(word), false) != sizeof(word))
		return -EIO;
	return put_user(word, to);
}

static long poke(struct task *p, u64 addr, u64 word)
{
	return ptrace_access_memory(p, addr, &word, sizeof(word), true) == sizeof(word) ? 0 : -EIO;
}

/* ---- signals ---- */

static long put_siginfo(siginfo_t __user *to, const ksiginfo_t *info)
{
	u64 words[SIGINFO_WORDS] = {0};

	memcpy(words, info, sizeof(*info));
	return copy_to_user(to, words, sizeof(words)) ? -EFAULT : 0;
}

static long get_siginfo(struct task *p, siginfo_t __user *to)
{
	return p->trace.info ? put_siginfo(to, p->trace.info) : -EINVAL;
}

static long set_siginfo(struct task *p, const siginfo_t __user *from)
{
	ksiginfo_t info;

	if (copy_from_user(&info, from, sizeof(info)))
		return -EFAULT;
	if (!p->trace.info)
		return -EINVAL;
	*p->trace.info = info;
	return 0;
}

/* The siginfo number `n` of a queue. False: it has fewer. */
static bool peek_queue(struct task *p, bool shared, u64 n, ksiginfo_t *info)
{
	struct sigpending *pending = shared ? &p->signal->shared : &p->pending;
	struct sigqueue *q;
	guard_irq(&p->sighand->lock);

	list_for_each_entry (q, &pending->queue, link)
		if (n-- == 0) {
			*info = q->info;
			return true;
		}
	return false;
}

static long peek_siginfo(struct task *p, const void __user *uargs, siginfo_t __user *to)
{
	struct ptrace_peeksiginfo_args args;
	ksiginfo_t info;
	int i;

	if (copy_from_user(&args, uargs, sizeof(args)))
		return -EFAULT;
	if ((args.flags & ~PTRACE_PEEKSIGINFO_SHARED) || args.nr < 0)
		return -EINVAL;
	for (i = 0; i < args.nr && !signal_pending(current); i++) {
		if (args.off + i < args.off ||
		    !peek_queue(p, args.flags & PTRACE_PEEKSIGINFO_SHARED, args.off + i, &info))
			break;
		if (put_siginfo(to + i, &info))
			return i ?: -EFAULT;
	}
	return i;
}

static long get_mask(struct task *p, u64 size, sigset_t64 __user *to)
{
	if (size != sizeof(sigset_t64))
		return -EINVAL;
	return put_user(p->work & WORK_RESTORE_SIGMASK ? p->saved_sigmask : p->blocked, to);
}

static long set_mask(struct task *p, u64 size, const sigset_t64 __user *from)
{
	sigset_t64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, from, sizeof(set)))
		return -EFAULT;
	task_clear_work(p, WORK_RESTORE_SIGMASK);
	guard_irq(&p->sighand->lock);
	p->blocked = set & ~SIG_KERNEL_ONLY;
	recalc_sigpending_of(p);
	return 0;
}

/* ---- what it stopped for ---- */

static u8 call_op(const struct task *p)
{
	if (!p->trace.info)
		return PTRACE_SYSCALL_INFO_NONE;
	if (p->trace.info->si_code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
		return PTRACE_SYSCALL_INFO_SECCOMP;
	if (p->trace.info->si_code != (SIGTRAP | 0x80))
		return PTRACE_SYSCALL_INFO_NONE;
	return p->trace.message == PTRACE_EVENTMSG_SYSCALL_ENTRY ? PTRACE_SYSCALL_INFO_ENTRY
								 : PTRACE_SYSCALL_INFO_EXIT;
}

static long get_syscall_info(struct task *p, u64 size, void __user *to)
{
	const struct pt_regs *regs = task_pt_regs(p);
	struct ptrace_syscall_info info = {.op = call_op(p),
					   .arch = AUDIT_ARCH_X86_64,
					   .instruction_pointer = regs->rip,
					   .stack_pointer = regs->rsp};
	const u64 args[] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
	size_t known = offsetof(struct ptrace_syscall_info, entry);

	switch (info.op) {
	case PTRACE_SYSCALL_INFO_SECCOMP:
		info.seccomp.ret_data = (u32)p->trace.message;
		known = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(u32);
		goto call;
	case PTRACE_SYSCALL_INFO_ENTRY:
		known = offsetof(struct ptrace_syscall_info, entry) + sizeof(info.entry);
call:
		info.entry.nr = (int)regs->orig_rax;
		memcpy(info.entry.args, args, sizeof(args));
		break;
	case PTRACE_SYSCALL_INFO_EXIT:
		info.exit.rval = (long)regs->rax;
		info.exit.is_error = regs->rax >= -4095UL;
		known = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
	}
	return copy_to_user(to, &info, MIN(size, known)) ? -EFAULT : (long)known;
}

static long get_rseq(struct task *p, u64 size, void __user *to)
{
	const struct ptrace_rseq_configuration conf = {
		.rseq_abi_pointer = p->rseq.area,
		.rseq_abi_size = p->rseq.len,
		.signature = p->rseq.sig,
	};

	return copy_to_user(to, &conf, MIN(size, sizeof(conf))) ? -EFAULT : (long)sizeof(conf);
}

/* May current ask for these options? 0; -EINVAL: unknown ones. -EPERM: a tracer without privilege,
 * or with filters of its own, would free its tracee of them. */
static long check_options(u64 options)
{
	struct task *me = current;

	if (options & ~OPTIONS_MASK)
		return -EINVAL;
	if (!(options & PTRACE_O_SUSPEND_SECCOMP))
		return 0;
	return cred_is_root(me->cred) && !seccomp_mode(me) && !seccomp_suspended(me) ? 0 : -EPERM;
}

static long set_options(struct task *p, u64 options)
{
	long err = check_options(options);

	if (err)
		return err;
	guard_irq(&p->sighand->lock);
	p->trace.options = (u32)options;
	return 0;
}

/* ---- going on ---- */

static long go_on(struct task *p, long request, u64 sig)
{
	bool step = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP;
	bool emu = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
	u32 watch = (request == PTRACE_SYSCALL ? SYSCALL_TRACE : 0) | (emu ? SYSCALL_EMU : 0);

	if (sig && (sig > _NSIG))
		return -EIO;
	syscall_watch(p, watch, (SYSCALL_TRACE | SYSCALL_EMU) & ~watch);
	if (step)
		ptrace_enable_step(p);
	else
		ptrace_disable_step(p);
	guard_irq(&p->sighand->lock);
	p->trace.code = (int)sig;
	try_to_wake_up(p, TASK_FROZEN);
	return 0;
}

static bool is_seized(const struct task *p)
{
	return p->traced & TRACE_SEIZED;
}

/* PTRACE_LISTEN: from a stop of the group, without letting it run. */
static long listen(struct task *p)
{
	guard_irq(&p->sighand->lock);

	if (!is_seized(p) || !p->trace.info || p->trace.info->si_code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	p->trace.listening = true;
	if (p->jobctl & JOBCTL_TRAP_NOTIFY) /* it has ended meanwhile */
		try_to_wake_up(p, TASK_FROZEN);
	return 0;
}

/* For tracees that need not be stopped. */
static long interrupt(struct task *p)
{
	guard_spin(&tasklist_lock);

	if (!is_traced(p) || p->parent != current)
		return -ESRCH;
	if (!is_seized(p))
		return -EIO;
	if (p->exit_state)
		return 0;
	guard_irq(&p->sighand->lock);
	guarded(p, jobctl) |= JOBCTL_TRAP_STOP;
	signal_wake_up(p, false);
	if (p->trace.listening)
		try_to_wake_up(p, TASK_TRACED);
	return 0;
}

static bool is_tracee(struct task *p)
{
	guard_spin(&tasklist_lock);
	return is_traced(p) && p->parent == current;
}

static long kill_tracee(struct task *p)
{
	if (!is_tracee(p))
		return -ESRCH;
	(void)send_signal(SIGKILL, NULL, p, true); /* it may have ended meanwhile */
	return 0;
}

static long attach(struct task *p, u64 addr, u64 data, bool seize)
{
	long err;

	if (seize && (addr || (data & ~OPTIONS_MASK)))
		return -EIO;
	err = seize ? check_options(data) : 0;
	if (err)
		return err;
	return ptrace_attach(p, TRACE_ON | (seize ? TRACE_SEIZED : 0), seize ? (u32)data : 0);
}

/* A request about a frozen tracee, which may run again afterwards. */
static long request_of(struct task *p, long request, u64 addr, u64 data)
{
	void __user *to = (void __user *)data;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(p, addr, to);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke(p, addr, data);
	case PTRACE_OLDSETOPTIONS:
	case PTRACE_SETOPTIONS:
		return set_options(p, data);
	case PTRACE_GETEVENTMSG:
		return put_user(p->trace.message, (u64 __user *)to);
	case PTRACE_GETSIGINFO:
		return get_siginfo(p, to);
	case PTRACE_SETSIGINFO:
		return set_siginfo(p, to);
	case PTRACE_PEEKSIGINFO:
		return peek_siginfo(p, (const void __user *)addr, to);
	case PTRACE_GETSIGMASK:
		return get_mask(p, addr, to);
	case PTRACE_SETSIGMASK:
		return set_mask(p, addr, to);
	case PTRACE_GET_SYSCALL_INFO:
		return get_syscall_info(p, addr, to);
	case PTRACE_GET_RSEQ_CONFIGURATION:
		return get_rseq(p, addr, to);
	case PTRACE_SECCOMP_GET_FILTER:
		return seccomp_copy_program(p, addr, to);
	case PTRACE_SECCOMP_GET_METADATA:
		return seccomp_copy_metadata(p, addr, to);
	case PTRACE_LISTEN:
		return listen(p);
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_SYSEMU:
	case PTRACE_SYSEMU_SINGLESTEP:
		return go_on(p, request, data);
	case PTRACE_DETACH:
		return data > _NSIG ? -EIO : ptrace_detach(p, (int)data);
	default:
		return arch_ptrace(p, request, addr, data);
	}
}

static long frozen_request(struct task *p, long request, u64 addr, u64 data)
{
	long ret = freeze(p);

	if (ret)
		return ret;
	ret = request_of(p, request, addr, data);
	unfreeze(p); /* if it does not run again */
	return ret;
}

long sys_ptrace(long request, long pid, unsigned long addr, unsigned long data)
{
	struct task *p scoped(put_task) = NULL;

	if (request == PTRACE_TRACEME)
		return ptrace_traceme();
	p = pid > 0 && pid <= INT32_MAX ? find_get_task((pid_t)pid) : NULL;
	if (!p)
		return -ESRCH;
	switch (request) {
	case PTRACE_ATTACH:
		return attach(p, 0, 0, false);
	case PTRACE_SEIZE:
		return attach(p, addr, data, true);
	case PTRACE_INTERRUPT:
		return interrupt(p);
	case PTRACE_KILL:
		return kill_tracee(p);
	default:
		return frozen_request(p, request, addr, data);
	}
}
