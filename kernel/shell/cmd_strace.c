/*
 * strace: the system calls of what a command makes run, by name, with their arguments and results.
 *
 * It reads the records of kernel/trace while the command runs. It follows the puppets and what the
 * shell starts, and from there each fork. A call is shown when it returns, or when its task ends.
 */
#include "kernel/kthread.h"
#include "kernel/lib/syscall.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"

#define MAX_FOLLOWED 256
#define POLL_NS      (2 * NSEC_PER_MSEC)

static struct {
	u64 seq;     /* of the next record */
	u64 gap;     /* of the last record that was lost */
	pid_t shell; /* follow its children too; 0: no */
	bool stop;   /* a word: the command has ended */
	size_t n;
	struct followed {
		pid_t pid;
		bool in_call;
		u64 since;              /* the record of the call that it is in */
		u64 arg[TRACE_NUMBERS]; /* the call's number and arguments */
		char str[TRACE_STRING], str2[TRACE_STRING];
	} task[MAX_FOLLOWED];
} tracing; /* by the shell's thread, or while a command runs by print_calls() */

/* ---- who is followed ---- */

static struct followed *find(pid_t pid)
{
	for (size_t i = 0; i < tracing.n; i++)
		if (tracing.task[i].pid == pid)
			return &tracing.task[i];
	return NULL;
}

static void follow(pid_t pid)
{
	if (find(pid))
		return;
	if (tracing.n == MAX_FOLLOWED) {
		console_printf("strace: too many tasks to follow %d\n", pid);
		return;
	}
	tracing.task[tracing.n++] = (struct followed){.pid = pid};
}

static void follow_puppets(void)
{
	struct puppet *p;
	guard_spin(&puppets_lock);

	list_for_each_entry (p, &puppets, link)
		if (p->task && tracing.n < MAX_FOLLOWED)
			tracing.task[tracing.n++] = (struct followed){.pid = p->task->pid_nr};
}

/* ---- records ---- */

static void print_call(struct followed *f, const char *result)
{
	const char *strings[] = {f->str, f->str2};
	char text[384]; /* two strings, each byte of them in octal, and four numbers */

	if (!f->in_call || f->since < tracing.gap) /* its end, and another call, may be lost */
		return;
	f->in_call = false;
	call_text(text, sizeof(text), (long)f->arg[0], f->arg + 1, strings);
	console_printf("%d: %s = %s\n", f->pid, text, result);
}

static void enter(struct followed *f, const struct trace_view *r)
{
	f->in_call = r->arg[0] != NR_PUPPET_NEXT; /* the shell's own business */
	f->since = r->seq;
	memcpy(f->arg, r->arg, sizeof(f->arg));
	memcpy(f->str, r->str, sizeof(f->str));
	memcpy(f->str2, r->str2, sizeof(f->str2));
}

static void leave(struct followed *f, long result)
{
	char text[32];

	if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)
		print_call(f, "? a signal came");
	else
		print_call(f, result_text(text, sizeof(text), result));
}

static void forget(struct followed *f)
{
	*f = tracing.task[--tracing.n];
}

static void end(struct followed *f, int status)
{
	char how[48];

	print_call(f, "?");
	console_printf("%d: +++ %s +++\n", f->pid, describe_end(status, how, sizeof(how)));
	forget(f);
}

/* A thread that is not the leader has called exec: the leader is gone, and the thread has its
 * number from now on. */
static void renumber(pid_t old_pid, pid_t pid)
{
	struct followed *leader = find(pid), *f = find(old_pid);

	if (old_pid == pid || !f)
		return;
	console_printf("%d: +++ becomes %d by exec +++\n", old_pid, pid);
	f->pid = pid;
	if (leader)
		forget(leader);
}

static void look_at(const struct trace_view *r)
{
	struct followed *f;

	if (r->id == TRACE_sched_process_exec)
		renumber((pid_t)r->arg[1], r->pid);
	f = find(r->pid);
	if (r->id == TRACE_sched_process_fork &&
	    (f || (tracing.shell && (pid_t)r->arg[0] == tracing.shell)))
		follow((pid_t)r->arg[1]);
	if (!f)
		return;
	switch (r->id) {
	case TRACE_sys_enter:
		enter(f, r);
		break;
	case TRACE_sys_exit:
		leave(f, (long)r->arg[1]);
		break;
	case TRACE_signal_deliver:
		console_printf("%d: --- %s ---\n", f->pid, signal_name((int)r->arg[0]));
		break;
	case TRACE_sched_process_exit:
		end(f, (int)r->arg[2]);
		break;
	default:
		break;
	}
}

/* Show what was recorded since the last look. */
static void drain(void)
{
	u64 lost = 0;
	struct trace_view r;

	for (u64 last = trace_next_seq(); tracing.seq < last; tracing.seq++)
		if (trace_get(tracing.seq, &r)) {
			look_at(&r);
		} else {
			tracing.gap = tracing.seq;
			lost++;
		}
	if (lost)
		console_printf("strace: %lu records of the trace are lost\n", lost);
}

/* ---- the command ---- */

static int print_calls(void *unused __maybe_unused)
{
	while (!READ_ONCE(tracing.stop)) {
		drain();
		sleep_ns(POLL_NS);
	}
	return 0;
}

static void begin(void)
{
	tracing.n = 0;
	tracing.shell = 0;
	tracing.stop = false;
	trace_watch_begin();
	tracing.seq = trace_next_seq();
}

static int strace_command(int argc, char **argv)
{
	struct task *printer;
	int status;

	begin();
	tracing.shell = current->pid_nr;
	follow_puppets();
	printer = kthread_create(print_calls, NULL, "strace");
	if (IS_ERR(printer)) {
		tracing.shell = 0;
		trace_watch_end();
		return shell_fail("strace: no memory for its thread\n");
	}
	status = shell_run_words(argc, argv, false);
	WRITE_ONCE(tracing.stop, true);
	kthread_join(printer);
	trace_watch_end();
	drain();
	return status;
}

/* Follow a task that runs already, until it ends or ^C. */
static int strace_task(pid_t pid)
{
	struct task *t scoped(put_task) = find_get_task(pid);

	if (t == NULL)
		return shell_fail("strace: there is no task %d\n", pid);
	begin();
	follow(pid);
	while (!READ_ONCE(t->exit_state) && !shell_interrupted()) {
		sleep_ns(POLL_NS);
		drain();
	}
	trace_watch_end();
	drain();
	return 0;
}

SHELL_COMMAND(strace, "trace", 1, ANY, "strace COMMAND... | strace PID",
	      "the system calls of a command's programs and puppets, or of a task until ^C")
{
	u64 pid;

	if (tracing.shell && !tracing.stop)
		return shell_fail("strace: it runs already\n");
	if (shell_background())
		return shell_error(STATUS_USAGE, "strace: it runs in the foreground only\n");
	if (argc == 2 && parse_u64(argv[1], &pid) == 0 && pid <= PID_MAX_LIMIT)
		return strace_task((pid_t)pid);
	return strace_command(argc - 1, argv + 1);
}
