/* /proc/PID: one process, or one thread. proc(5) has the formats. */
#include "kernel/coredump/coredump.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/sharing.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* Show the process's memory by show_mm(): nothing for kernel threads and ended processes. The
 * address space is taken first, so the permission checked is the one for that space. */
static int show_of_mm(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);
	struct mm *mm scoped(mm_put) = p ? task_get_mm(p) : NULL;

	if (!p)
		return -ESRCH;
	if (node->entry->guarded && !proc_may_look(p))
		return -EACCES;
	return mm ? node->entry->show_mm(s, mm) : 0;
}

/* Write the memory from `start` to `end`, as far as it can be read. */
static int show_memory(struct seq *s, struct mm *mm, u64 start, u64 end)
{
	char *page scoped(kfree) = kmalloc(PAGE_SIZE);

	if (!page)
		return -ENOMEM;
	while (start < end) {
		size_t n = MIN(end - start, PAGE_SIZE), got = mm_access(mm, start, page, n, false);

		seq_write(s, page, got);
		if (got < n)
			break;
		start += n;
	}
	return 0;
}

/* A title written over the arguments, and perhaps the environment: one string, a page at most. */
static int show_title(struct seq *s, struct mm *mm)
{
	u64 end = mm->env_start == mm->arg_end ? MAX(mm->env_end, mm->arg_end) : mm->arg_end;
	size_t room = MIN(end - mm->arg_start, PAGE_SIZE), got;
	char *page scoped(kfree) = kmalloc(PAGE_SIZE);

	if (!page)
		return -ENOMEM;
	got = mm_access(mm, mm->arg_start, page, room, false);
	seq_write(s, page, MIN(strnlen(page, got) + 1, got));
	return 0;
}

/* The arguments. If their last byte is not 0, a title was written over them. */
static int show_arguments(struct seq *s, struct mm *mm)
{
	char last = 0;

	if (mm->arg_start >= mm->arg_end)
		return 0;
	if (mm_access(mm, mm->arg_end - 1, &last, 1, false) == 1 && last)
		return show_title(s, mm);
	return show_memory(s, mm, mm->arg_start, mm->arg_end);
}

static int show_environment(struct seq *s, struct mm *mm)
{
	return show_memory(s, mm, mm->env_start, mm->env_end);
}

/* The auxiliary vector as given to the program, with AT_NULL. */
static int show_vector(struct seq *s, struct mm *mm)
{
	size_t n = 0;

	while (n < AUXV_WORDS && mm->auxv[n] != AT_NULL)
		n += 2;
	if (n < AUXV_WORDS)
		seq_write(s, mm->auxv, (n + 2) * sizeof(mm->auxv[0]));
	return 0;
}

/* The function that sleeps; "0": not asleep, or not visible to the reader. */
static int show_wchan(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);
	char name[80] = "0", *plus;
	u64 addr;

	if (!p)
		return -ESRCH;
	if (proc_may_look(p) && task_stack_trace(p, &addr, 1)) {
		symbol_name(addr, name, sizeof(name));
		plus = strchr(name, '+');
		if (plus)
			*plus = '\0';
	}
	seq_puts(s, name);
	return 0;
}

static int show_comm(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%s\n", p->comm);
	return 0;
}

/* Only a thread of the same process may rename a thread. */
static int store_comm(const struct proc_node *node, char *text)
{
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	if (p->signal != current->signal)
		return -EINVAL;
	strlcpy(p->comm, text, sizeof(p->comm));
	return 0;
}

static int show_core_filter(struct seq *s, struct mm *mm)
{
	seq_printf(s, "%08x\n", core_filter_get(mm));
	return 0;
}

static int store_core_filter(const struct proc_node *node, char *text)
{
	struct task *p scoped(put_task) = proc_task(node);
	struct mm *mm scoped(mm_put) = p ? task_get_mm(p) : NULL;
	u64 filter;
	int err = parse_u64(proc_trim(text), &filter);

	if (err || filter > UINT32_MAX)
		return err ?: -ERANGE;
	if (!p)
		return -ESRCH;
	if (mm)
		core_filter_set(mm, (u32)filter);
	return 0;
}

static void show_limit(struct seq *s, u64 value)
{
	if (value == RLIM64_INFINITY)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", value);
}

static int show_limits(struct seq *s, const struct proc_node *node)
{
	static const struct {
		const char *name, *unit;
	} rows[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit64 r = p->signal->rlim[i];

		seq_printf(s, "%-25s ", rows[i].name);
		show_limit(s, r.rlim_cur);
		show_limit(s, r.rlim_max);
		seq_printf(s, "%-10s\n", rows[i].unit);
	}
	return 0;
}

/* The call that it sleeps in, with its arguments; where it was interrupted, with -1; or "running".
 */
static int show_syscall(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task_to_trace(node);
	const struct pt_regs *regs;

	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	regs = task_pt_regs(p);
	if (p->flags & PF_KTHREAD)
		seq_puts(s, "-1 0x0 0x0\n");
	else if (READ_ONCE(p->state) == TASK_RUNNING)
		seq_puts(s, "running\n");
	else if (in_trap(p))
		seq_printf(s, "-1 0x%lx 0x%lx\n", regs->rsp, regs->rip);
	else
		seq_printf(s, "%d 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n",
			   (int)regs->orig_rax, regs->rdi, regs->rsi, regs->rdx, regs->r10,
			   regs->r8, regs->r9, regs->rsp, regs->rip);
	return 0;
}

static const struct proc_dir task_dir;

#define PROC_OF_MM(nm, md, guard, fn)                                                         \
	{                                                                                     \
		.name = (nm), .mode = S_IFREG | (md), .guarded = (guard), .show = show_of_mm, \
		.show_mm = (fn)                                                               \
	}
#define PROC_OF_MOUNTS(nm, fn)                                                               \
	{                                                                                    \
		.name = (nm), .mode = S_IFREG | 0444, .show = (fn), .poll = proc_mounts_poll \
	}
/* The entries that a process shares with each thread. */
#define PER_THREAD                                                                                 \
	PROC_FILE("stat", proc_show_pid_stat), PROC_FILE("status", proc_show_status),              \
		PROC_FILE("statm", proc_show_statm), PROC_FILE("wchan", show_wchan),               \
		PROC_OF_MM("auxv", 0400, true, show_vector),                                       \
		{.name = "mem", .mode = S_IFREG | 0600, .fops = &proc_mem_ops},                    \
		{.name = "pagemap", .mode = S_IFREG | 0400, .fops = &proc_pagemap_ops},            \
		PROC_SECRET("syscall", show_syscall), PROC_SECRET("stack", proc_show_stack),       \
		PROC_SECRET("personality", proc_show_personality),                                 \
		PROC_SECRET("io", proc_show_io), PROC_FILE("sched", proc_show_sched),              \
		PROC_OF_MM("maps", 0444, true, proc_show_maps),                                    \
		PROC_OF_MM("smaps", 0444, true, proc_show_smaps),                                  \
		PROC_OF_MM("smaps_rollup", 0444, true, proc_show_smaps_rollup),                    \
		PROC_OF_MM("cmdline", 0444, false, show_arguments),                                \
		PROC_OF_MM("environ", 0400, true, show_environment),                               \
		PROC_FILE("limits", show_limits), PROC_FILE("oom_score", proc_show_oom_score),     \
		PROC_OF_MOUNTS("mounts", proc_show_mounts),                                        \
		PROC_OF_MOUNTS("mountinfo", proc_show_mountinfo),                                  \
		PROC_NUMBERED("fd", 0500, proc_fd_dir),                                            \
		{.name = "fdinfo",                                                                 \
		 .mode = S_IFDIR | 0555,                                                           \
		 .guarded = true,                                                                  \
		 .dir = &proc_fdinfo_dir},                                                         \
		PROC_NUMBERED("attr", 0555, proc_attr_dir),                                        \
		PROC_LINK("exe", proc_file_readlink, proc_file_jump),                              \
		PROC_LINK("cwd", proc_place_readlink, proc_place_jump),                            \
		PROC_LINK("root", proc_place_readlink, proc_place_jump, .arg = "root"),            \
		PROC_WRITABLE("oom_score_adj", proc_show_oom_score_adj, proc_store_oom_score_adj), \
		PROC_WRITABLE("oom_adj", proc_show_oom_adj, proc_store_oom_adj),                   \
		PROC_WRITABLE("loginuid", proc_show_loginuid, proc_store_loginuid),                \
		PROC_FILE("sessionid", proc_show_sessionid),                                       \
		PROC_WRITABLE("comm", show_comm, store_comm)

static const struct proc_entry thread_entries[] = {
	PER_THREAD,
	PROC_FILE("children", proc_show_children),
};
static const struct proc_entry pid_entries[] = {
	PER_THREAD,
	PROC_NUMBERED("task", 0555, task_dir),
	PROC_TEXT("cgroup", ""), /* there are no hierarchies */
	PROC_SECRET("mountstats", proc_show_mountstats),
	{.name = "timerslack_ns",
	 .mode = S_IFREG | 0666,
	 .show = proc_show_timerslack,
	 .store = proc_store_timerslack},
	{.name = "coredump_filter",
	 .mode = S_IFREG | 0644,
	 .show = show_of_mm,
	 .show_mm = show_core_filter,
	 .store = store_core_filter},
};
const struct proc_dir proc_pid_dir = {.entries = pid_entries, .nr = ARRAY_SIZE(pid_entries)};
static const struct proc_entry thread_entry = PROC_DIR("", thread_entries);

static struct dentry *thread_find(struct dentry *dir, const struct qname *name)
{
	struct task *leader scoped(put_task) = proc_task(proc_node_of(dir->inode));
	struct dentry *d;
	u32 nr;

	if (!leader || !proc_number(name, &nr))
		return NULL;
	struct task *p scoped(put_task) = find_get_task((pid_t)nr);
	struct pid *pid scoped(put_pid) =
		p && p->signal == leader->signal ? find_get_pid((pid_t)nr) : NULL;
	if (!pid)
		return NULL;
	d = proc_make(dir, name, &thread_entry, pid, 0);
	if (!IS_ERR(d))
		((struct proc_node *)d->inode->private)->thread = true;
	return d;
}

static bool thread_next(const struct proc_node *dir, u32 *n)
{
	struct task *leader scoped(put_task) = proc_task(dir), *t;
	struct sighand *sh;
	u32 best = 0;
	u64 flags;

	if (!leader)
		return false;
	sh = lock_sighand(leader, &flags);
	if (sh) {
		list_for_each_entry (t, &leader->signal->threads, thread_node)
			if ((u32)t->pid_nr >= *n && (!best || (u32)t->pid_nr < best))
				best = (u32)t->pid_nr;
		unlock_sighand(sh, flags);
	}
	*n = best;
	return best != 0;
}

static const struct proc_dir task_dir = {
	.find = thread_find, .next = thread_next, .each = &thread_entry};
