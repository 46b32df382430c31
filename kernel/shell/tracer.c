/* What puppets that trace hear of their tracees. Each waits by wait4(2) and asks by ptrace(2). */
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/shell/shell.h"
#include "mm/mm.h"

#define STOP_TEXT 192
#define CALL_TEXT 160 /* a name and six addresses */

bool puppet_read(struct puppet *p, u64 addr, void *buf, size_t n)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);

	return mm && mm_access(mm, addr, buf, n, false) == n;
}

long order_ptrace(struct puppet *p, long request, pid_t pid, u64 addr, u64 data)
{
	struct puppet_order order = {.nr = __NR_ptrace,
				     .arg = {(u64)request, (u64)pid, addr, data}};
	long result;

	return order_puppet(p, &order, &result) == CALL_DONE ? result : -ERESTARTSYS;
}

bool stopped_for_tracer(const struct task *t)
{
	return READ_ONCE(t->state) & (TASK_TRACED | TASK_FROZEN);
}

/* ---- what a stop was: ptrace(2), "Stopped states" ---- */

static const char *const events[] = {
	[PTRACE_EVENT_FORK] = "PTRACE_EVENT_FORK",
	[PTRACE_EVENT_VFORK] = "PTRACE_EVENT_VFORK",
	[PTRACE_EVENT_CLONE] = "PTRACE_EVENT_CLONE",
	[PTRACE_EVENT_EXEC] = "PTRACE_EVENT_EXEC",
	[PTRACE_EVENT_VFORK_DONE] = "PTRACE_EVENT_VFORK_DONE",
	[PTRACE_EVENT_EXIT] = "PTRACE_EVENT_EXIT",
	[PTRACE_EVENT_SECCOMP] = "PTRACE_EVENT_SECCOMP",
};

static void event_text(char *buf, size_t n, struct puppet *p, pid_t pid, int event)
{
	const char *what = event == PTRACE_EVENT_EXIT      ? "wait status"
			   : event == PTRACE_EVENT_EXEC    ? "former pid"
			   : event == PTRACE_EVENT_SECCOMP ? "data"
							   : "child";
	u64 message = 0;

	if (order_ptrace(p, PTRACE_GETEVENTMSG, pid, 0, PUPPET_ANSWER) == 0 &&
	    puppet_read(p, PUPPET_ANSWER, &message, sizeof(message)))
		snprintf(buf, n, "%s, %s %lu", events[event], what, message);
	else /* it was killed meanwhile */
		snprintf(buf, n, "%s", events[event]);
}

/* Describe a stop at a system call. False: it is another kind of stop. */
static bool syscall_text(char *buf, size_t n, struct puppet *p, pid_t pid)
{
	struct ptrace_syscall_info info = {0};
	char call[CALL_TEXT];

	if (order_ptrace(p, PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), PUPPET_ANSWER) <= 0 ||
	    !puppet_read(p, PUPPET_ANSWER, &info, sizeof(info)))
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		call_text(call, sizeof(call), (long)info.entry.nr, (const u64 *)info.entry.args,
			  NULL);
		snprintf(buf, n, "syscall-enter-stop, %s", call);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		snprintf(buf, n, "syscall-exit-stop, = %s",
			 result_text(call, sizeof(call), (long)info.exit.rval));
	}
	return info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_EXIT;
}

static void signal_text(char *buf, size_t n, struct puppet *p, pid_t pid, int sig)
{
	long err = order_ptrace(p, PTRACE_GETSIGINFO, pid, 0, PUPPET_ANSWER);
	ksiginfo_t info = {0};

	if (err == -EINVAL)
		snprintf(buf, n, "group-stop, %s", signal_name(sig));
	else if (err == 0 && puppet_read(p, PUPPET_ANSWER, &info, sizeof(info)) && sig == SIGTRAP &&
		 (info.si_code == TRAP_TRACE || info.si_code == TRAP_BRKPT))
		snprintf(buf, n, "single-stepped");
	else
		snprintf(buf, n, "signal-delivery-stop, %s", signal_name(sig));
}

static void stop_text(char *buf, size_t n, struct puppet *p, pid_t pid, int status)
{
	int sig = status >> 8 & 0x7f, event = status >> 16;

	if (event == PTRACE_EVENT_STOP && sig == SIGTRAP)
		snprintf(buf, n, "PTRACE_EVENT_STOP");
	else if (event == PTRACE_EVENT_STOP)
		snprintf(buf, n, "group-stop, %s", signal_name(sig));
	else if (event > 0 && event < (int)ARRAY_SIZE(events))
		event_text(buf, n, p, pid, event);
	else if (sig != SIGTRAP || !syscall_text(buf, n, p, pid))
		signal_text(buf, n, p, pid, sig);
}

/* ---- wait4 ---- */

void tell_wait(struct puppet *p, long pid)
{
	char how[STOP_TEXT];
	int status;

	if (!puppet_read(p, PUPPET_SCRATCH, &status, sizeof(status)))
		return;
	if ((status & 0xff) != 0x7f) {
		console_printf("%d: wait4 = %ld: it %s\n", p->pid, pid,
			       describe_end(status, how, sizeof(how)));
		return;
	}
	stop_text(how, sizeof(how), p, (pid_t)pid, status);
	console_printf("%d: wait4 = %ld: it stopped: %s\n", p->pid, pid, how);
}

/* Would wait4 of its tracer return at once, for a stop, or for an end that others are to reap?
 * tasklist_lock is held. */
static bool has_news(const struct task *t)
{
	if (guarded(t, exit_state))
		return t->exit_state == TASK_ZOMBIE &&
		       (!thread_group_leader(t) ||
			(t->signal->nr_threads == 1 && traced_by_stranger(t)));
	return READ_ONCE(t->state) == TASK_TRACED && READ_ONCE(t->trace.code) &&
	       !READ_ONCE(t->trace.listening);
}

/* Can it be given a wait4? A late result must be told first. puppets_lock is held. */
static bool can_wait(const struct puppet *p)
{
	return p->state == PUPPET_IDLE && (p->told || p->nr_done == 0) &&
	       READ_ONCE(p->task->state) != TASK_STOPPED && !stopped_for_tracer(p->task);
}

/* An idle puppet, with a reference, and the tracee that it can wait for; NULL: there is none. */
static struct puppet *next_tracer(pid_t *tracee)
{
	struct puppet *p;
	struct task *t;
	guard_spin(&tasklist_lock);
	guard_spin(&puppets_lock);

	list_for_each_entry (p, &puppets, link) {
		if (!can_wait(p))
			continue;
		list_for_each_entry (t, &p->task->tracees, trace.link) {
			if (!has_news(t))
				continue;
			*tracee = t->pid_nr;
			puppet_get(p);
			return p;
		}
	}
	return NULL;
}

void tracers_news(void)
{
	struct puppet *p;
	pid_t tracee;

	while ((p = next_tracer(&tracee)) != NULL) {
		struct puppet_order order = {
			.nr = __NR_wait4, .arg = {(u64)tracee, PUPPET_SCRATCH, WNOHANG | __WALL}};
		long got;
		bool done = order_puppet(p, &order, &got) == CALL_DONE && got > 0;

		if (done)
			tell_wait(p, got);
		puppet_put(p);
		if (!done)
			break;
	}
}
