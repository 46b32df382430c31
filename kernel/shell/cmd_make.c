/* Orders to the selected puppet other than forks: exec, exit, wait, kill, sys, select. */
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/shell/shell.h"
#include "mm/mm.h"

/* ---- the scratch pages, which hold the strings of an order ---- */

struct scratch {
	struct mm *mm;
	u64 next;
};

/* Copy data to the scratch pages. Returns its address there, aligned to 8; 0: there is no room. */
static u64 scratch_put(struct scratch *s, const void *data, size_t n)
{
	u64 at = s->next;

	if (n > PUPPET_SCRATCH + PUPPET_SCRATCH_SIZE - at ||
	    mm_access(s->mm, at, (void *)data, n, true) != n)
		return 0;
	s->next = ALIGN_UP(at + n, 8);
	return at;
}

static u64 scratch_string(struct scratch *s, const char *text)
{
	return scratch_put(s, text, strlen(text) + 1);
}

/* A NULL-terminated vector of strings. */
static u64 scratch_vector(struct scratch *s, const char *const *strings)
{
	u64 pointers[SHELL_MAX_ARGS + 1];
	size_t n = 0;

	for (; strings[n] && n < SHELL_MAX_ARGS; n++) {
		pointers[n] = scratch_string(s, strings[n]);
		if (pointers[n] == 0)
			return 0;
	}
	pointers[n] = 0;
	return scratch_put(s, pointers, (n + 1) * sizeof(u64));
}

static bool exec_order(struct puppet_order *o, struct puppet *p, char **argv)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);
	struct scratch s = {mm, PUPPET_SCRATCH};

	if (!mm)
		return false;
	o->nr = __NR_execve;
	o->arg[0] = scratch_string(&s, argv[0]);
	o->arg[1] = scratch_vector(&s, (const char *const *)argv);
	o->arg[2] = scratch_vector(&s, shell_envp);
	return o->arg[0] && o->arg[1] && o->arg[2];
}

SHELL_COMMAND(exec, "make", 1, ANY, "exec PATH ARG...",
	      "execve(2): the puppet becomes that program, in the foreground unless &")
{
	struct puppet *p scoped(puppet_put) = puppet_ready();
	struct puppet_order order = {0};
	struct call c;
	int status = STATUS_FAILED;

	if (p == NULL)
		return STATUS_FAILED;
	if (!exec_order(&order, p, argv + 1))
		return shell_fail(
			"exec: the arguments are longer than the puppet's scratch pages\n");
	call_puppet(&c, p, &order);
	if (c.end == CALL_DONE) {
		print_result(p, __NR_execve, c.result);
	} else if (c.end == CALL_GONE && c.task) {
		job_add(c.task);
		/* A tracee may stop before its first instruction, and be continued from here. */
		status = shell_background() || is_traced(c.task) ? 0
								 : run_in_foreground(c.task, NULL);
		wait_for_rest(); /* a vfork's parent may have been released */
	}
	call_finish(&c);
	return status;
}

SHELL_COMMAND(exit, "make", 0, 1, "exit [N]", "_exit(2) with status N")
{
	u64 n = 0;

	if (argc == 2 && !number_argument("exit", argv[1], &n))
		return STATUS_USAGE;
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	call_simple(p, true, __NR_exit, n, 0, 0, 0);
	return 0;
}

SHELL_COMMAND(wait, "make", 0, 1, "wait [PID]", "wait4(2) for a child, or for any")
{
	pid_t pid = -1;
	long r;

	if (argc == 2 && !pid_argument("wait", argv[1], &pid))
		return STATUS_USAGE;
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	r = call_simple(p, true, __NR_wait4, (u64)pid, PUPPET_SCRATCH, 0, 0);
	if (r > 0)
		tell_wait(p, r);
	return r < 0 && r != -ERESTARTSYS ? STATUS_FAILED : 0;
}

/* Send a signal when the selected puppet cannot: else a stopped puppet could never be continued. */
static int kill_by_shell(int sig, pid_t pid)
{
	struct task *t scoped(put_task) = pid > 0 ? find_get_task(pid) : NULL;

	if (t == NULL)
		return shell_fail("kill: there is no task %d\n", pid);
	send_signal(sig, NULL, t, true);
	console_printf("kill: sent by the shell itself, for the selected puppet cannot\n");
	wait_for_rest();
	return 0;
}

static bool selected_is_idle(void)
{
	puppets_news();
	struct task *t scoped(put_task) = selected ? puppet_task(selected) : NULL;
	return t && READ_ONCE(selected->state) == PUPPET_IDLE &&
	       READ_ONCE(t->state) != TASK_STOPPED && !stopped_for_tracer(t);
}

SHELL_COMMAND(kill, "make", 2, 2, "kill SIG PID",
	      "kill(2): SIG by name or number; a negative PID is a process group")
{
	pid_t pid;
	int sig;
	long r;

	sig = signal_number(argv[1]);
	if (sig < 0)
		return shell_error(STATUS_USAGE, "kill: there is no signal '%s'\n", argv[1]);
	if (!pid_argument("kill", argv[2], &pid))
		return STATUS_USAGE;
	if (!selected_is_idle())
		return kill_by_shell(sig, pid);
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	r = call_simple(p, true, __NR_kill, (u64)pid, (u64)sig, 0, 0);
	if (r == 0)
		console_printf("%d: kill: sent %s to %d\n", p->pid,
			       sig ? signal_name(sig) : "nothing", pid);
	return r < 0 && r != -ERESTARTSYS ? STATUS_FAILED : 0;
}

/* A number is passed as it is; a quoted or any other word as the address of a string. */
static bool sys_arguments(struct puppet_order *o, struct puppet *p, int argc, char **argv)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);
	struct scratch s = {mm, PUPPET_SCRATCH};
	bool ok = mm != NULL;

	for (int i = 0; i < argc && ok; i++) {
		if (!word_quoted(argv[i]) && parse_word(argv[i], &o->arg[i]))
			continue;
		o->arg[i] = scratch_string(&s, argv[i]);
		ok = o->arg[i] != 0;
	}
	return ok;
}

SHELL_COMMAND(sys, "make", 1, ANY, "sys NAME ARG...",
	      "any system call: arguments are numbers, or strings in quotes")
{
	struct puppet_order order = {.nr = syscall_number(argv[1])};
	enum syscall_arg declared[SYSCALL_ARGS];
	enum call_end end;
	long result;

	if (order.nr < 0)
		return shell_error(STATUS_USAGE, "sys: there is no system call '%s'\n", argv[1]);
	if (argc - 2 > syscall_args((unsigned long)order.nr, declared))
		return shell_error(STATUS_USAGE, "sys: usage: sys %s (%s)\n", argv[1],
				   syscall_info((unsigned long)order.nr)->args);
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	if (!sys_arguments(&order, p, argc - 2, argv + 2))
		return shell_fail("sys: no room for the strings in the puppet's scratch pages\n");
	end = order_puppet(p, &order, &result);
	if (end == CALL_DONE)
		print_result(p, order.nr, result);
	else if (end != CALL_GONE)
		console_printf("%d: %s in %s\n", p->pid,
			       end == CALL_STOPPED ? "stopped" : "blocked", argv[1]);
	return end == CALL_DONE && result < 0 && result >= -MAX_ERRNO ? STATUS_FAILED : 0;
}

SHELL_COMMAND(select, "make", 1, 1, "select PID", "orders without `PID:` go to this puppet")
{
	pid_t pid;

	if (!pid_argument("select", argv[1], &pid))
		return STATUS_USAGE;
	if (puppet_select(pid) != 0)
		return shell_fail("select: there is no puppet %d\n", pid);
	console_printf("selected puppet %d\n", pid);
	return 0;
}

SHELL_COMMAND(use, "make", 1, 1, "use PID", "the same as select")
{
	return shell_cmd_select(argc, argv);
}
