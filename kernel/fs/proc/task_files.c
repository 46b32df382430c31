/* /proc/PID: small files about one task. proc(5) has the formats. */
#include "kernel/fs/proc/proc.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"

#define STACK_MAX 64 /* as on Linux */

struct task *proc_task_to_trace(const struct proc_node *node)
{
	struct task *p = proc_task(node);

	if (!p)
		return ERR_PTR(-ESRCH);
	if (ptrace_may_access(p, ACCESS_BY_FSUID | ACCESS_ATTACH))
		return p;
	put_task(p);
	return ERR_PTR(-EPERM);
}

int proc_show_personality(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task_to_trace(node);

	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	seq_printf(s, "%08x\n", READ_ONCE(p->personality));
	return 0;
}

/* The kernel functions that a sleeping task is in. Addresses are not shown. */
int proc_show_stack(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task_to_trace(node);
	u64 pc[STACK_MAX];
	char name[80];
	u32 n;

	if (!cred_is_root(current->cred))
		return -EACCES;
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	n = task_stack_trace(p, pc, STACK_MAX);
	for (u32 i = 0; i < n; i++)
		seq_printf(s, "[<0>] %s\n", symbol_name(pc[i], name, sizeof(name)));
	return 0;
}

/* What the scheduler counts anyway. */
int proc_show_sched(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);
	u64 ns, voluntary, forced;

	if (!p)
		return -ESRCH;
	ns = task_runtime(p);
	voluntary = READ_ONCE(p->nvcsw);
	forced = READ_ONCE(p->nivcsw);
	seq_printf(s, "%s (%d, #threads: %d)\n", p->comm, p->pid_nr,
		   READ_ONCE(p->signal->nr_threads));
	seq_puts(s, "-------------------------------------------------------------------\n");
	seq_printf(s, "%-45s:%14lu.%06lu\n", "se.sum_exec_runtime", ns / NSEC_PER_MSEC,
		   ns % NSEC_PER_MSEC);
	seq_printf(s, "%-45s:%21lu\n", "se.nr_migrations", READ_ONCE(p->migrations));
	seq_printf(s, "%-45s:%21lu\n", "nr_switches", voluntary + forced);
	seq_printf(s, "%-45s:%21lu\n", "nr_voluntary_switches", voluntary);
	seq_printf(s, "%-45s:%21lu\n", "nr_involuntary_switches", forced);
	seq_printf(s, "%-45s:%21d\n", "policy", READ_ONCE(p->policy));
	seq_printf(s, "%-45s:%21d\n", "prio", READ_ONCE(p->prio));
	return 0;
}

/* There are no disks. What read(2) and write(2) moved is not counted. */
int proc_show_io(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	if (!proc_may_look(p))
		return -EACCES;
	seq_puts(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

static bool is_child_of(pid_t nr, const struct task *parent)
{
	struct task *p scoped(put_task) = find_get_task(nr);

	return p && READ_ONCE(p->real_parent) == parent;
}

/* In the order of their numbers. Takes no lock for long: there may be many processes. */
int proc_show_children(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	for (pid_t nr = 1; next_process(&nr); nr++)
		if (is_child_of(nr, p))
			seq_printf(s, "%d ", nr);
	return 0;
}

/* ---- timerslack_ns ---- */

/* The task, with a reference, if the caller may change how it is scheduled. ERR_PTR. */
static struct task *task_to_schedule(const struct proc_node *node)
{
	struct task *p = proc_task(node);

	if (!p)
		return ERR_PTR(-ESRCH);
	if (p == current || cred_is_root(current->cred))
		return p;
	put_task(p);
	return ERR_PTR(-EPERM);
}

int proc_show_timerslack(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = task_to_schedule(node);

	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	seq_printf(s, "%lu\n", READ_ONCE(p->timer_slack));
	return 0;
}

int proc_store_timerslack(const struct proc_node *node, char *text)
{
	u64 ns;
	int err = parse_u64(proc_trim(text), &ns);

	if (err)
		return err;
	struct task *p scoped(put_task) = task_to_schedule(node);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	WRITE_ONCE(p->timer_slack, ns ?: p->default_slack);
	return 0;
}

/* ---- loginuid, sessionid: set by the program that logs a user in; children inherit them ---- */

static int show_login(struct seq *s, const struct proc_node *node, size_t field)
{
	struct task *p scoped(put_task) = proc_task(node);
	struct cred *c scoped(put_cred) = p ? task_get_cred(p) : NULL;

	if (!c)
		return -ESRCH;
	seq_printf(s, "%u", *(const u32 *)((const char *)c + field));
	return 0;
}

int proc_show_loginuid(struct seq *s, const struct proc_node *node)
{
	return show_login(s, node, offsetof(struct cred, loginuid));
}

int proc_show_sessionid(struct seq *s, const struct proc_node *node)
{
	return show_login(s, node, offsetof(struct cred, sessionid));
}

/* A task's own only. Any user may set it once; from then on only root changes it. */
int proc_store_loginuid(const struct proc_node *node, char *text)
{
	static atomic_t sessions;
	struct task *p scoped(put_task) = proc_task(node);
	struct cred *c;
	u64 uid;

	if (p != current)
		return -EPERM;
	if (parse_u64(proc_trim(text), &uid) || uid > UINT32_MAX)
		return -EINVAL;
	if (p->cred->loginuid != LOGIN_UNSET && !cred_is_root(p->cred))
		return -EPERM;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	c->loginuid = (uid_t)uid;
	c->sessionid = uid == LOGIN_UNSET ? LOGIN_UNSET : (u32)atomic_add_return(&sessions, 1);
	commit_creds(c);
	return 0;
}

/* ---- attr ---- */

/* No security module: as Linux says without one. */
static int show_no_attr(struct seq *s __maybe_unused, const struct proc_node *node __maybe_unused)
{
	return -EINVAL;
}

static int store_no_attr(const struct proc_node *node __maybe_unused, char *text __maybe_unused)
{
	return -EINVAL;
}

#define ATTR(nm)                                                                                   \
	{                                                                                          \
		.name = (nm), .mode = S_IFREG | 0666, .show = show_no_attr, .store = store_no_attr \
	}
static const struct proc_entry attr_entries[] = {
	ATTR("current"),   PROC_FILE("prev", show_no_attr),
	ATTR("exec"),      ATTR("fscreate"),
	ATTR("keycreate"), ATTR("sockcreate"),
};
const struct proc_dir proc_attr_dir = {.entries = attr_entries, .nr = ARRAY_SIZE(attr_entries)};
