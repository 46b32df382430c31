/* The table from system call numbers to functions, and counts of calls that do not exist. */
#include "kernel/attachment.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"
#include <linux/fcntl.h>

static long sys_absent(void);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* arguments that the other call lacks */
#define SYSCALL(nr, name, ...)
#define FORWARD(nr, name, call, ...) \
	long sys_##name(__VA_ARGS__) \
	{                            \
		return sys_##call;   \
	}
#include "kernel/sys/syscalls.def"
#undef SYSCALL

#pragma GCC diagnostic ignored "-Woverride-init" /* sys_absent first, then the calls that exist */
const syscall_fn syscall_handlers[NR_SYSCALLS] = {
	[0 ... NR_SYSCALLS - 1] = (syscall_fn)(void *)sys_absent,
#define SYSCALL(nr, name, ...) [nr] = (syscall_fn)(void *)sys_##name,
#include "kernel/sys/syscalls.def"
#undef SYSCALL
};
#pragma GCC diagnostic pop

static const struct syscall_info infos[NR_SYSCALLS] = {
#define SYSCALL(nr, name, ...)       [nr] = {#name, #__VA_ARGS__},
#define FORWARD(nr, name, call, ...) [nr] = {#name, #__VA_ARGS__},
#include "kernel/sys/syscalls.def"
#undef SYSCALL
};

/* What is missing in calls that are incomplete. */
static const char *const missing[NR_SYSCALLS] = {
#define SYSCALL(nr, name, ...)
#define PARTLY(name, what) [__NR_##name] = what,
#include "kernel/sys/syscalls.def"
#undef SYSCALL
};

/* Linux's names for all numbers: tools/uapi-links. */
static const char *const names[NR_SYSCALLS] = {
#include <syscall_names.inc>
};

/* How often each absent number was called; the last cell counts all numbers beyond the table. */
static u64 unimplemented[NR_SYSCALLS + 1];

const struct syscall_info *syscall_info(unsigned long nr)
{
	return nr < NR_SYSCALLS && infos[nr].name ? &infos[nr] : NULL;
}

/* Of one declaration, which a comma or the end follows. */
static enum syscall_arg arg_kind(const char *from, const char *end)
{
	static const char string[] = "const char __user *";
	size_t n = sizeof(string) - 1, stars = 0;

	for (const char *c = from; c < end; c++)
		stars += *c == '*';
	if (stars == 0)
		return ARG_NUMBER;
	return stars == 1 && strncmp(from, string, n) == 0 ? ARG_STRING : ARG_POINTER;
}

int syscall_args(unsigned long nr, enum syscall_arg args[SYSCALL_ARGS])
{
	const struct syscall_info *info = syscall_info(nr);
	const char *from = info ? info->args : "void", *end;
	int n = 0;

	for (int i = 0; i < SYSCALL_ARGS; i++)
		args[i] = ARG_NONE;
	if (strcmp(from, "void") == 0)
		return 0;
	for (; n < SYSCALL_ARGS; from = end + 2) { /* ", " */
		end = strchr(from, ',') ?: from + strlen(from);
		args[n++] = arg_kind(from, end);
		if (!*end)
			break;
	}
	return n;
}

const char *syscall_missing(unsigned long nr)
{
	return nr < NR_SYSCALLS ? missing[nr] : NULL;
}

const char *syscall_name(unsigned long nr)
{
	return nr < NR_SYSCALLS && names[nr] ? names[nr] : "?";
}

int syscall_number(const char *name)
{
	for (int nr = 0; nr < NR_SYSCALLS; nr++)
		if (infos[nr].name && strcmp(infos[nr].name, name) == 0)
			return nr;
	return -1;
}

void unimplemented_foreach(void (*fn)(unsigned long nr, u64 count, void *), void *arg)
{
	for (unsigned long nr = 0; nr <= NR_SYSCALLS; nr++)
		if (unimplemented[nr])
			fn(nr, unimplemented[nr], arg);
}

static noinline long absent_syscall(struct pt_regs *regs, unsigned long nr)
{
	long ret = current->attached ? current->attached->ops->call(regs, nr) : -ENOSYS;

	if (ret != -ENOSYS)
		return ret;
	__atomic_add_fetch(&unimplemented[MIN(nr, (unsigned long)NR_SYSCALLS)], 1,
			   __ATOMIC_RELAXED);
	return -ENOSYS;
}

static long sys_absent(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	return absent_syscall(regs, (unsigned long)(int)regs->orig_rax);
}

/* At a bad address the text is empty. */
static void copy_text(char text[TRACE_STRING], const char __user *from)
{
	if (strncpy_from_user(text, from, TRACE_STRING) < 0)
		text[0] = '\0';
	text[TRACE_STRING - 1] = '\0';
}

/* Record a call, with the strings that it is given: later they may be others. */
static noinline void trace_enter(const struct pt_regs *regs, unsigned long nr)
{
	const u64 arg[] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
	enum syscall_arg kind[SYSCALL_ARGS];
	char text[2][TRACE_STRING] = {{0}};
	int n = syscall_args(nr, kind);

	for (int i = 0, strings = 0; i < n && strings < 2; i++)
		if (kind[i] == ARG_STRING)
			copy_text(text[strings++], (const char __user *)arg[i]);
	trace_sys_enter(nr, arg, text[0], text[1]);
}

static long dispatch(struct pt_regs *regs, unsigned long nr)
{
	long ret;

	if (unlikely(trace_enabled))
		trace_enter(regs, nr);
	if (likely(nr < NR_SYSCALLS))
		ret = syscall_handlers[nr](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8,
					   regs->r9);
	else
		ret = absent_syscall(regs, nr);
	trace_sys_exit(nr, ret);
	return ret;
}

/* Before the call: a stop for the tracer (PTRACE_SYSCALL, PTRACE_SYSEMU), then the filters, which
 * see what the tracer has changed. False: the call is not made. */
static bool enter_watched(struct pt_regs *regs)
{
	u32 work = READ_ONCE(current->syscall_work);

	regs->rax = -ENOSYS; /* what a call that is not made returns, unless the tracer says more */
	if (work & (SYSCALL_TRACE | SYSCALL_EMU))
		ptrace_call_stop(PTRACE_EVENTMSG_SYSCALL_ENTRY);
	if ((work & SYSCALL_EMU) || fatal_signal_pending(current))
		return false;
	if ((work & SYSCALL_SECCOMP) && !seccomp_permits(regs))
		return false;
	return (int)regs->orig_rax != -1;
}

/* After the call. A single step over it ends here: the CPU traps only after the next instruction.
 */
static void leave_watched(u32 work)
{
	if (work & SYSCALL_STEP)
		force_sig_fault(SIGTRAP, TRAP_BRKPT, task_pt_regs(current)->rip);
	else if (work & SYSCALL_TRACE)
		ptrace_call_stop(PTRACE_EVENTMSG_SYSCALL_EXIT);
}

/* A call of a task with syscall_work. */
static noinline long watched_syscall(struct pt_regs *regs)
{
	u32 work;

	if (enter_watched(regs))
		regs->rax = dispatch(regs, (unsigned long)(int)regs->orig_rax);
	work = READ_ONCE(current->syscall_work);
	if (!(work & SYSCALL_EMU))
		leave_watched(work);
	return (long)regs->rax;
}

long do_syscall(struct pt_regs *regs, unsigned long nr)
{
	return unlikely(current->syscall_work) ? watched_syscall(regs) : dispatch(regs, nr);
}
