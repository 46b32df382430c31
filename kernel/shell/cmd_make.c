/* The other make-commands: what the selected puppet is told to do, but for the forks. */
#include <linux/mman.h>
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/report.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"

static bool number_argument(const char *command, const char *text, u64 *out)
{
	s64 v;

	if (parse_u64(text, out) == 0)
		return true;
	if (parse_s64(text, &v) == 0) {
		*out = (u64)v;
		return true;
	}
	console_printf("%s: '%s' is not a number\n", command, text);
	return false;
}

static bool pid_argument(const char *command, const char *text, pid_t *out)
{
	s64 v;

	if (parse_s64(text, &v) == 0 && v >= -PID_MAX_LIMIT && v <= PID_MAX_LIMIT) {
		*out = (pid_t)v;
		return true;
	}
	console_printf("%s: '%s' is not a pid\n", command, text);
	return false;
}

/* ---- the scratch pages, where the strings of an order lie ---- */

struct scratch {
	struct mm *mm; /* with a user reference */
	u64 next;
};

static bool scratch_open(struct scratch *s, struct puppet *p)
{
	struct task *t = puppet_task(p);

	s->mm = t ? task_get_mm(t) : NULL;
	s->next = PUPPET_SCRATCH;
	if (t)
		put_task(t);
	return s->mm != NULL;
}

static void scratch_close(struct scratch *s)
{
	mm_put(s->mm);
}

/* The address where it now lies, aligned to 8; 0 when there is no room. */
static u64 scratch_put(struct scratch *s, const void *data, size_t n)
{
	u64 at = s->next;

	if (n > PUPPET_SCRATCH + PUPPET_SCRATCH_SIZE - at)
		return 0;
	if (mm_access(s->mm, at, (void *)data, n, true) != n)
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

/* ---- exec, exit, wait, kill ---- */

static bool exec_order(struct puppet_order *o, struct puppet *p, char **argv)
{
	struct scratch s;

	if (!scratch_open(&s, p))
		return false;
	o->nr = __NR_execve;
	o->arg[0] = scratch_string(&s, argv[0]);
	o->arg[1] = scratch_vector(&s, (const char *const *)argv);
	o->arg[2] = scratch_vector(&s, shell_envp);
	scratch_close(&s);
	return o->arg[0] && o->arg[1] && o->arg[2];
}

SHELL_COMMAND(exec, "make", "exec PATH ARG...",
	      "execve(2): the puppet becomes that program, in the foreground unless &")
{
	struct puppet_order order = {0};
	struct puppet *p;
	struct call c;
	int status;

	if (argc < 2)
		return shell_usage("exec");
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	if (!exec_order(&order, p, argv + 1)) {
		puppet_put(p);
		return shell_fail(
			"exec: the arguments are longer than the puppet's scratch pages\n");
	}
	call_puppet(&c, p, &order);
	status = STATUS_FAILED;
	if (c.end == CALL_DONE) {
		print_result(p, __NR_execve, c.result);
	} else if (c.end == CALL_GONE && c.task) {
		job_add(c.task);
		status = shell_background() ? 0 : run_in_foreground(c.task, NULL);
		wait_for_rest(); /* a vfork's parent may have been released */
	}
	call_finish(&c);
	puppet_put(p);
	return status;
}

SHELL_COMMAND(exit, "make", "exit [N]", "_exit(2) with status N")
{
	u64 n = 0;
	struct puppet *p;

	if (argc > 2)
		return shell_usage("exit");
	if (argc == 2 && !number_argument("exit", argv[1], &n))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	call_simple(p, true, __NR_exit, n, 0, 0, 0);
	puppet_put(p);
	return 0;
}

void tell_wait(struct puppet *p, long pid)
{
	struct task *t = puppet_task(p);
	struct mm *mm = t ? task_get_mm(t) : NULL;
	char how[48];
	int status;

	if (mm && mm_access(mm, PUPPET_SCRATCH, &status, sizeof(status), false) == sizeof(status))
		console_printf("%d: wait4 = %ld: it %s\n", p->pid, pid,
			       describe_end(status, how, sizeof(how)));
	if (mm)
		mm_put(mm);
	if (t)
		put_task(t);
}

SHELL_COMMAND(wait, "make", "wait [PID]", "wait4(2) for a child, or for any")
{
	pid_t pid = -1;
	struct puppet *p;
	long r;

	if (argc > 2)
		return shell_usage("wait");
	if (argc == 2 && !pid_argument("wait", argv[1], &pid))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	r = call_simple(p, true, __NR_wait4, (u64)pid, PUPPET_SCRATCH, 0, 0);
	if (r > 0)
		tell_wait(p, r);
	puppet_put(p);
	return r < 0 && r != -ERESTARTSYS ? STATUS_FAILED : 0;
}

/* The selected puppet cannot: the shell sends it itself, or a stopped puppet could never be
 * continued. */
static int kill_by_shell(int sig, pid_t pid)
{
	struct task *t = pid > 0 ? find_get_task(pid) : NULL;

	if (t == NULL)
		return shell_fail("kill: there is no task %d\n", pid);
	send_signal(sig, NULL, t, true);
	put_task(t);
	console_printf("kill: sent by the shell itself, for the selected puppet cannot\n");
	wait_for_rest();
	return 0;
}

static bool selected_is_idle(void)
{
	struct task *t;
	bool idle;

	puppets_news();
	t = selected ? puppet_task(selected) : NULL;
	idle = t && READ_ONCE(selected->state) == PUPPET_IDLE &&
	       READ_ONCE(t->state) != TASK_STOPPED;
	if (t)
		put_task(t);
	return idle;
}

SHELL_COMMAND(kill, "make", "kill SIG PID",
	      "kill(2): SIG by name or number; a negative PID is a process group")
{
	struct puppet *p;
	pid_t pid;
	int sig;
	long r;

	if (argc != 3)
		return shell_usage("kill");
	sig = signal_number(argv[1]);
	if (sig < 0) {
		console_printf("kill: there is no signal '%s'\n", argv[1]);
		return STATUS_USAGE;
	}
	if (!pid_argument("kill", argv[2], &pid))
		return STATUS_USAGE;
	if (!selected_is_idle())
		return kill_by_shell(sig, pid);
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	r = call_simple(p, true, __NR_kill, (u64)pid, (u64)sig, 0, 0);
	if (r == 0)
		console_printf("%d: kill: sent %s to %d\n", p->pid,
			       sig ? signal_name(sig) : "nothing", pid);
	puppet_put(p);
	return r < 0 && r != -ERESTARTSYS ? STATUS_FAILED : 0;
}

/* ---- sys ---- */

static int declared_arguments(const char *args)
{
	int n = 1;

	if (strcmp(args, "void") == 0)
		return 0;
	for (; *args; args++)
		n += *args == ',';
	return n;
}

/* Numbers as they are, everything else, and what is quoted, as the address of a string. */
static bool sys_arguments(struct puppet_order *o, struct puppet *p, int argc, char **argv)
{
	struct scratch s;
	bool ok = true;

	if (!scratch_open(&s, p))
		return false;
	for (int i = 0; i < argc && ok; i++) {
		s64 v;

		if (!word_quoted(argv[i]) && (parse_u64(argv[i], &o->arg[i]) == 0))
			continue;
		if (!word_quoted(argv[i]) && parse_s64(argv[i], &v) == 0) {
			o->arg[i] = (u64)v;
			continue;
		}
		o->arg[i] = scratch_string(&s, argv[i]);
		ok = o->arg[i] != 0;
	}
	scratch_close(&s);
	return ok;
}

SHELL_COMMAND(sys, "make", "sys NAME ARG...",
	      "any system call: arguments are numbers, or strings in quotes")
{
	struct puppet_order order = {0};
	struct puppet *p;
	struct call c;
	long nr;

	if (argc < 2)
		return shell_usage("sys");
	nr = syscall_number(argv[1]);
	if (nr < 0) {
		console_printf("sys: there is no system call '%s'\n", argv[1]);
		return STATUS_USAGE;
	}
	if (argc - 2 > declared_arguments(syscall_info((unsigned long)nr)->args)) {
		console_printf("sys: usage: sys %s (%s)\n", argv[1],
			       syscall_info((unsigned long)nr)->args);
		return STATUS_USAGE;
	}
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	order.nr = nr;
	if (!sys_arguments(&order, p, argc - 2, argv + 2)) {
		puppet_put(p);
		return shell_fail("sys: no room for the strings in the puppet's scratch pages\n");
	}
	call_puppet(&c, p, &order);
	if (c.end == CALL_DONE)
		print_result(p, nr, c.result);
	else if (c.end != CALL_GONE)
		console_printf("%d: %s in %s\n", p->pid,
			       c.end == CALL_STOPPED ? "stopped" : "blocked", argv[1]);
	int status =
		c.end == CALL_DONE && c.result < 0 && c.result >= -MAX_ERRNO ? STATUS_FAILED : 0;

	call_finish(&c);
	puppet_put(p);
	return status;
}

/* ---- its own memory ---- */

/* [addr, addr + 8) may be accessed so, by the areas: an order that faults would kill the puppet. */
static bool may_access(const char *command, struct puppet *p, u64 addr, bool write)
{
	u32 need = write ? AREA_WRITE : AREA_READ;
	struct task *t = puppet_task(p);
	struct mm *mm = t ? task_get_mm(t) : NULL;
	struct area a;
	bool mapped = false, allowed = false;

	if (mm) {
		mapped = addr < TASK_SIZE - 8 && mm_find_area(mm, addr, &a) && addr >= a.start &&
			 addr + 8 <= a.end;
		allowed = mapped && (a.flags & need);
		mm_put(mm);
	}
	if (t)
		put_task(t);
	if (!mapped)
		console_printf("%s: %#lx is not mapped in puppet %d\n", command, addr, p->pid);
	else if (!allowed)
		console_printf("%s: %#lx may not be %s by puppet %d\n", command, addr,
			       write ? "written" : "read", p->pid);
	return allowed;
}

SHELL_COMMAND(peek, "make", "peek [ADDR]",
	      "the puppet reads the 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_PEEK, .arg = {PUPPET_DATA}};
	struct puppet *p;
	struct call c;
	int status = STATUS_FAILED;

	if (argc > 2)
		return shell_usage("peek");
	if (argc == 2 && !number_argument("peek", argv[1], &order.arg[0]))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	if (may_access("peek", p, order.arg[0], false)) {
		call_puppet(&c, p, &order);
		if (c.end == CALL_DONE) {
			console_printf("%d: [%#lx] = %lu (%#lx)\n", p->pid, order.arg[0],
				       (u64)c.result, (u64)c.result);
			status = 0;
		}
		call_finish(&c);
	}
	puppet_put(p);
	return status;
}

static void tell_poke(struct puppet *p, const struct puppet_order *o, const struct mm_stats *before,
		      const struct mm_stats *after)
{
	console_printf(
		"%d: [%#lx] = %lu; tables copied: %lu, pages copied: %lu, pages found to be its own: %lu\n",
		p->pid, o->arg[0], o->arg[1], after->cow_tables - before->cow_tables,
		after->cow_pages - before->cow_pages, after->cow_reused - before->cow_reused);
}

SHELL_COMMAND(poke, "make", "poke [ADDR] VALUE",
	      "the puppet writes 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_POKE, .arg = {PUPPET_DATA}};
	struct mm_stats before;
	struct puppet *p;
	struct mm *mm;
	struct call c;
	int status = STATUS_FAILED;

	if (argc < 2 || argc > 3)
		return shell_usage("poke");
	if ((argc == 3 && !number_argument("poke", argv[1], &order.arg[0])) ||
	    !number_argument("poke", argv[argc - 1], &order.arg[1]))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	mm = p->task ? task_get_mm(p->task) : NULL;
	if (mm && may_access("poke", p, order.arg[0], true)) {
		before = mm->stats;
		call_puppet(&c, p, &order);
		if (c.end == CALL_DONE) {
			tell_poke(p, &order, &before, &mm->stats);
			status = 0;
		}
		call_finish(&c);
	}
	if (mm)
		mm_put(mm);
	puppet_put(p);
	return status;
}

static int touch(struct puppet *p, u64 bytes)
{
	struct puppet_order order = {.nr = PUPPET_TOUCH};
	struct call c;
	long addr = call_simple(p, true, __NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS);

	if (addr < 0)
		return STATUS_FAILED;
	order.arg[0] = (u64)addr;
	order.arg[1] = bytes;
	call_puppet(&c, p, &order);
	if (c.end == CALL_DONE)
		console_printf("%d: mapped %#lx-%#lx and wrote %ld pages, %lu ns\n", p->pid,
			       (u64)addr, (u64)addr + bytes, c.result,
			       cycles_to_ns(p->end_cycles - p->start_cycles));
	int status = c.end == CALL_DONE ? 0 : STATUS_FAILED;

	call_finish(&c);
	return status;
}

SHELL_COMMAND(touch, "make", "touch MIB",
	      "the puppet maps MIB mebibytes and writes to each page of them in ring 3")
{
	u64 mib;
	struct puppet *p;
	int status;

	if (argc != 2)
		return shell_usage("touch");
	if (!number_argument("touch", argv[1], &mib))
		return STATUS_USAGE;
	if (mib == 0 || mib > (TASK_SIZE >> 20)) {
		console_printf("touch: %lu MiB is not a size\n", mib);
		return STATUS_USAGE;
	}
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	status = touch(p, mib << 20);
	puppet_put(p);
	return status;
}

/* ---- which one ---- */

static int select_command(int argc, char **argv)
{
	pid_t pid;

	if (argc != 2)
		return shell_usage("select");
	if (!pid_argument("select", argv[1], &pid))
		return STATUS_USAGE;
	if (puppet_select(pid) != 0)
		return shell_fail("select: there is no puppet %d\n", pid);
	console_printf("selected puppet %d\n", pid);
	return 0;
}

SHELL_COMMAND(select, "make", "select PID", "orders without `PID:` go to this puppet")
{
	return select_command(argc, argv);
}

SHELL_COMMAND(use, "make", "use PID", "the same as select")
{
	return select_command(argc, argv);
}
