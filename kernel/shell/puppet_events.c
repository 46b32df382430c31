/* News of puppets: late results, ends, and the selection. */
#include "kernel/ptrace/ptrace.h"
#include "kernel/shell/shell.h"
#include "kernel/wait.h"

static bool is_vfork(const struct puppet_order *o)
{
	return o->nr == __NR_vfork || (o->nr == __NR_clone && (o->arg[0] & CLONE_VFORK));
}

static void tell_result(struct puppet *p)
{
	if (is_vfork(&p->order) && p->result > 0)
		console_printf(
			"%d: released: its child %ld has let go of the memory; the call returned %ld\n",
			p->pid, p->result, p->result);
	else if (p->order.nr == __NR_wait4 && p->result > 0)
		tell_wait(p, p->result);
	else
		print_result(p, p->order.nr, p->result);
	p->told = true;
}

/* Reap a puppet that the shell started, which is its child. */
static bool reap(pid_t pid)
{
	struct wait_result r;

	return do_wait(PIDTYPE_PID, pid, WEXITED | WNOHANG | __WALL, &r) > 0;
}

/* Report that the puppet became another program, which may have ended since. */
static void tell_exec(const struct puppet *p, const struct task *t)
{
	char how[48] = "";

	if (t && READ_ONCE(t->exit_state))
		describe_end(t->exit_code, how, sizeof(how));
	console_printf("%d: no puppet any more: it became %s%s%s\n", p->pid,
		       t ? t->comm : "another program", *how ? ", which " : "", how);
}

static void tell_end(const struct puppet *p)
{
	struct task *t scoped(put_task) = find_get_task(p->pid);
	const char *waits = "";
	char how[48];
	bool zombie = t && READ_ONCE(t->exit_state) == TASK_ZOMBIE;

	if (!p->exited) {
		tell_exec(p, t);
		return;
	}
	zombie = !reap(p->pid) && zombie;
	if (zombie && t->real_parent == current)
		job_add(t); /* its tracer is busy, and first to see the end */
	if (zombie)
		waits = is_traced(t) ? "; a zombie until its tracer waits"
				     : "; a zombie until its parent waits";
	console_printf("%d: %s%s\n", p->pid, describe_end(p->exit_code, how, sizeof(how)), waits);
}

static bool has_news(const struct puppet *p, bool gone)
{
	if (gone)
		return p->state == PUPPET_GONE;
	return p->state == PUPPET_IDLE && !p->told && p->nr_done > 0;
}

/* The first puppet with news, with a reference. Ends come before the results that they caused. */
static struct puppet *next_news(void)
{
	struct puppet *p;

	guard_spin(&puppets_lock);
	for (int pass = 0; pass < 2; pass++)
		list_for_each_entry (p, &puppets, link)
			if (has_news(p, pass == 0)) {
				puppet_get(p);
				return p;
			}
	return NULL;
}

static void select_puppet(struct puppet *p)
{
	puppet_put(selected);
	selected = p;
}

/* The selected puppet is gone: select the oldest live one, or start one. */
static void select_another(void)
{
	pid_t old = selected ? selected->pid : 0;
	struct puppet *p = puppet_find(0);
	bool fresh = p == NULL;
	int err = fresh ? puppet_start(&p) : 0;

	select_puppet(err ? NULL : p);
	if (err)
		console_printf("no memory for a puppet: %s\n", errno_name(-err));
	else if (old || !fresh)
		console_printf("%s puppet %d\n", fresh ? "started and selected" : "selected",
			       p->pid);
}

void puppets_news(void)
{
	struct puppet *p;

	tracers_news();
	while ((p = next_news()) != NULL) {
		if (p->state == PUPPET_IDLE) {
			tell_result(p);
		} else {
			tell_end(p);
			puppet_forget(p);
		}
		puppet_put(p);
		tracers_news(); /* of one whose result is told now */
	}
	if (selected == NULL || READ_ONCE(selected->state) == PUPPET_GONE)
		select_another();
}

int puppet_select(pid_t pid)
{
	struct puppet *p = puppet_find(pid);

	if (p == NULL)
		return -ESRCH;
	select_puppet(p);
	return 0;
}
