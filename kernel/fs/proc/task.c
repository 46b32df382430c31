/* /proc/PID: what one process, or one thread, is doing. proc(5) has the formats. */
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/tty.h"
#include "kernel/lib/log.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* A copy of what is told of a task, taken under the locks at once. */
struct look {
	struct task *task; /* a reference */
	struct mm *mm;     /* a reference, or NULL */
	char comm[TASK_COMM_LEN];
	char state;
	bool kthread;
	pid_t pid, tgid, ppid, pgrp, session, tpgid;
	u32 tty;
	int threads, prio, nice, policy, rt_priority, exit_signal, exit_code;
	u32 cpu;
	u64 utime, stime, cutime, cstime, min_flt, cmin_flt, start;
	u64 voluntary, forced;
	sigset_t64 pending, shared, blocked, ignored, caught;
	u64 rss, rss_limit;
	u32 fd_room;
};

/* Handlers and pending signals; the caller holds tasklist_lock. */
static void look_at_signals(struct look *l, struct task *p)
{
	struct sighand *sh = p->sighand;
	u64 flags;

	if (!sh)
		return; /* it has been reaped */
	flags = spin_lock_irqsave(&sh->lock);
	l->pending = p->pending.set;
	l->shared = p->signal->shared.set;
	l->blocked = p->blocked;
	for (int i = 0; i < _NSIG; i++) {
		if (sh->action[i].handler == (u64)SIG_IGN)
			l->ignored |= 1UL << i;
		else if (sh->action[i].handler != (u64)SIG_DFL)
			l->caught |= 1UL << i;
	}
	spin_unlock_irqrestore(&sh->lock, flags);
}

/* One thread, or all of its group, the living and the gone; tasklist_lock is held. */
static void look_at_times(struct look *l, struct task *p, bool thread)
{
	struct signal *sig = p->signal;
	struct task *t;

	if (thread) {
		l->utime = p->utime;
		l->stime = p->stime;
		l->min_flt = p->min_flt;
		return;
	}
	l->utime = sig->utime;
	l->stime = sig->stime;
	l->min_flt = sig->min_flt;
	list_for_each_entry (t, &sig->threads, thread_node) {
		l->utime += t->utime;
		l->stime += t->stime;
		l->min_flt += t->min_flt;
	}
	l->cutime = sig->cutime;
	l->cstime = sig->cstime;
	l->cmin_flt = sig->cmin_flt;
}

static pid_t number_of(struct task *p, enum pid_type type)
{
	struct pid *pid = p->group_leader->pids[type];

	return pid ? pid->nr : 0;
}

static void look_at_task(struct look *l, struct task *p, bool thread)
{
	struct signal *sig = p->signal;

	spin_lock(&tasklist_lock);
	strlcpy(l->comm, p->comm, sizeof(l->comm));
	l->state = task_state_char(p);
	l->kthread = p->flags & PF_KTHREAD;
	l->pid = p->pid_nr;
	l->tgid = p->tgid_nr;
	l->ppid = p->real_parent->tgid_nr;
	l->pgrp = number_of(p, PIDTYPE_PGID);
	l->session = number_of(p, PIDTYPE_SID);
	tty_numbers(sig->tty, &l->tty, &l->tpgid);
	l->threads = sig->nr_threads;
	l->prio = p->prio;
	l->nice = PRIO_TO_NICE(p->static_prio);
	l->policy = p->policy;
	l->rt_priority = p->rt_priority;
	l->exit_signal = p->exit_signal;
	l->exit_code = p->exit_state ? p->exit_code : 0;
	l->cpu = p->cpu;
	l->start = p->start_time;
	l->voluntary = p->nvcsw;
	l->forced = p->nivcsw;
	l->rss_limit = sig->rlim[RLIMIT_RSS].rlim_cur;
	look_at_times(l, p, thread);
	look_at_signals(l, p);
	spin_unlock(&tasklist_lock);
}

/* 0 or -ESRCH; ends with look_end(). */
static int look_begin(struct look *l, const struct proc_node *node)
{
	struct files *files;

	memset(l, 0, sizeof(*l));
	l->task = proc_task(node);
	if (!l->task)
		return -ESRCH;
	look_at_task(l, l->task, node->thread);
	l->mm = task_get_mm(l->task);
	l->rss = l->mm ? mm_resident(l->mm) : 0;
	files = task_get_files(l->task);
	if (files) {
		l->fd_room = files_room(files);
		files_put(files);
	}
	return 0;
}

static void look_end(struct look *l)
{
	if (l->mm)
		mm_put(l->mm);
	put_task(l->task);
}

/* ---- stat ---- */

/* The priority as proc(5) has it: 0 … 39 of nice, -2 … -100 of real-time tasks. */
static int shown_priority(const struct look *l)
{
	return l->prio - MAX_RT_PRIO;
}

static int show_stat(struct seq *s, const struct proc_node *node)
{
	static const struct mm none;
	const struct mm *mm;
	struct look l;
	bool mine;

	if (look_begin(&l, node))
		return -ESRCH;
	mm = l.mm ? l.mm : &none;
	/* addresses are told only to who could find them out anyway */
	mine = l.mm && (cred_is_root(current->cred) || current->cred->euid == l.task->cred->euid);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u %lu %lu 0 0 %lu %lu %ld %ld %d %d %d 0 %lu",
		   l.pid, l.comm, l.state, l.ppid, l.pgrp, l.session, l.tty, l.tpgid,
		   l.kthread ? 0x00200000 : 0x00400000, l.min_flt, l.cmin_flt, ticks(l.utime),
		   ticks(l.stime), ticks(l.cutime), ticks(l.cstime), shown_priority(&l), l.nice,
		   l.threads, ticks(l.start));
	seq_printf(s, " %lu %lu %lu %lu %lu %lu 0 0", mm->nr_mapped * PAGE_SIZE, l.rss, l.rss_limit,
		   mine ? mm->start_code : !!l.mm, mine ? mm->end_code : !!l.mm,
		   mine ? mm->start_stack : 0);
	seq_printf(s, " %lu %lu %lu %lu %d 0 0 %d %u %d %d 0 0 0", l.pending & 0x7fffffff,
		   l.blocked & 0x7fffffff, l.ignored & 0x7fffffff, l.caught & 0x7fffffff,
		   l.state == 'S' || l.state == 'D', l.exit_signal, l.cpu, l.rt_priority, l.policy);
	seq_printf(s, " %lu %lu %lu %lu %lu %lu %lu %d\n", mine ? mm->start_data : 0,
		   mine ? mm->end_data : 0, mine ? mm->start_brk : 0, mine ? mm->arg_start : 0,
		   mine ? mm->arg_end : 0, mine ? mm->env_start : 0, mine ? mm->env_end : 0,
		   mine ? l.exit_code : 0);
	look_end(&l);
	return 0;
}

/* ---- status, statm ---- */

/* Pages by what they are: only sums over the areas, cheap to have. */
struct sizes {
	u64 stack, text, lib, data;
	const struct mm *mm;
};

static void add_area(const struct area *a, void *arg)
{
	struct sizes *z = arg;
	u64 n = (a->end - a->start) >> PAGE_SHIFT;

	if (a->flags & AREA_STACK)
		z->stack += n;
	else if ((a->flags & AREA_EXEC) && !(a->flags & AREA_WRITE) && a->file)
		*(a->start < z->mm->end_code && a->end > z->mm->start_code ? &z->text : &z->lib) +=
			n;
}

static void measure(struct mm *mm, struct sizes *z)
{
	*z = (struct sizes){.mm = mm, .data = mm->nr_data};
	mm_foreach_area(mm, add_area, z);
}

static u64 kib(u64 pages)
{
	return pages * (PAGE_SIZE / 1024);
}

static void show_status_memory(struct seq *s, const struct look *l)
{
	struct sizes z;

	measure(l->mm, &z);
	seq_printf(s, "VmSize:\t%8lu kB\nVmRSS:\t%8lu kB\n", kib(l->mm->nr_mapped), kib(l->rss));
	seq_printf(s,
		   "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\n"
		   "VmSwap:\t%8u kB\n",
		   kib(z.data), kib(z.stack), kib(z.text), kib(z.lib), 0);
}

static const char *state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 'Z':
		return "zombie";
	default:
		return "dead";
	}
}

static void show_status_signals(struct seq *s, const struct look *l)
{
	struct user *user = l->task->cred->user;

	seq_printf(s, "SigQ:\t%d/%lu\n", atomic_read(&user->sigpending),
		   (u64)l->task->signal->rlim[RLIMIT_SIGPENDING].rlim_cur);
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", l->pending, l->shared,
		   l->blocked);
	seq_printf(s, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", l->ignored, l->caught);
}

static void show_status_creds(struct seq *s, const struct look *l)
{
	const struct cred *c = l->task->cred;

	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		   c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", l->fd_room);
	for (int i = 0; i < c->ngroups; i++)
		seq_printf(s, "%s%u", i ? " " : "", c->groups[i]);
	seq_puts(s, " \n");
}

static int show_status(struct seq *s, const struct proc_node *node)
{
	struct look l;

	if (look_begin(&l, node))
		return -ESRCH;
	seq_printf(s, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n",
		   l.comm, l.state, state_word(l.state), l.tgid, l.pid, l.ppid);
	seq_puts(s, "TracerPid:\t0\n");
	show_status_creds(s, &l);
	if (l.mm)
		show_status_memory(s, &l);
	seq_printf(s, "Threads:\t%d\n", l.threads);
	show_status_signals(s, &l);
	seq_printf(s, "Cpus_allowed:\t%lx\n", sched_get_affinity(l.task));
	seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   l.voluntary, l.forced);
	look_end(&l);
	return 0;
}

static int show_statm(struct seq *s, const struct proc_node *node)
{
	struct sizes z = {};
	struct look l;

	if (look_begin(&l, node))
		return -ESRCH;
	if (l.mm)
		measure(l.mm, &z);
	seq_printf(s, "%lu %lu 0 %lu 0 %lu 0\n", l.mm ? l.mm->nr_mapped : 0, l.rss, z.text,
		   z.data + z.stack);
	look_end(&l);
	return 0;
}

/* ---- memory of the process ---- */

/* Its address space, with a reference; NULL for a kernel thread or one that has ended. -ESRCH. */
static int node_mm(const struct proc_node *node, struct mm **mm)
{
	struct task *p = proc_task(node);

	if (!p)
		return -ESRCH;
	*mm = task_get_mm(p);
	put_task(p);
	return 0;
}

static void show_area(const struct area *a, void *arg)
{
	struct seq *s = arg;
	char name[256] = "";
	u64 dev = 0, ino = 0;
	size_t from = s->len;

	if (a->file) {
		file_identity(a->file, &dev, &ino);
		file_path(a->file, name, sizeof(name));
	} else if (a->obj) {
		strlcpy(name, a->obj->name, sizeof(name));
	} else if (a->flags & AREA_STACK) {
		strlcpy(name, "[stack]", sizeof(name));
	} else if (a->flags & AREA_HEAP) {
		strlcpy(name, "[heap]", sizeof(name));
	}
	seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu ", a->start, a->end,
		   a->flags & AREA_READ ? 'r' : '-', a->flags & AREA_WRITE ? 'w' : '-',
		   a->flags & AREA_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
		   a->obj ? a->pgoff << PAGE_SHIFT : 0, dev >> 8, dev & 0xff, ino);
	if (*name)
		seq_printf(s, "%*s%s", s->len - from < 73 ? (int)(73 - (s->len - from)) : 0, "",
			   name);
	seq_puts(s, "\n");
}

static int show_maps(struct seq *s, const struct proc_node *node)
{
	struct mm *mm;
	int err = node_mm(node, &mm);

	if (!err && mm) {
		mm_foreach_area(mm, show_area, s);
		mm_put(mm);
	}
	return err;
}

/* The bytes from `start` to `end`, as far as they can be read. */
static int show_memory(struct seq *s, struct mm *mm, u64 start, u64 end)
{
	char *page = kmalloc(PAGE_SIZE);

	if (!page)
		return -ENOMEM;
	while (start < end) {
		size_t n = MIN(end - start, PAGE_SIZE), got = mm_access(mm, start, page, n, false);

		seq_write(s, page, got);
		if (got < n)
			break;
		start += n;
	}
	kfree(page);
	return 0;
}

static int show_strings(struct seq *s, const struct proc_node *node, bool environ)
{
	struct mm *mm;
	int err = node_mm(node, &mm);

	if (err || !mm)
		return err;
	err = environ ? show_memory(s, mm, mm->env_start, mm->env_end)
		      : show_memory(s, mm, mm->arg_start, mm->arg_end);
	mm_put(mm);
	return err;
}

static int show_cmdline(struct seq *s, const struct proc_node *node)
{
	return show_strings(s, node, false);
}

static int show_environ(struct seq *s, const struct proc_node *node)
{
	return show_strings(s, node, true);
}

/* ---- comm, limits ---- */

static int show_comm(struct seq *s, const struct proc_node *node)
{
	struct task *p = proc_task(node);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%s\n", p->comm);
	put_task(p);
	return 0;
}

/* Only a thread of the same process may rename one. */
static int store_comm(const struct proc_node *node, char *text)
{
	struct task *p = proc_task(node);
	int err = 0;

	if (!p)
		return -ESRCH;
	if (p->signal == current->signal)
		strlcpy(p->comm, text, sizeof(p->comm));
	else
		err = -EINVAL;
	put_task(p);
	return err;
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
	struct task *p = proc_task(node);

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
	put_task(p);
	return 0;
}

/* ---- threads ---- */

static const struct proc_dir task_dir;

#define PER_THREAD                                                                                \
	PROC_FILE("stat", 0444, show_stat), PROC_FILE("status", 0444, show_status),               \
		PROC_FILE("statm", 0444, show_statm), PROC_FILE("maps", 0444, show_maps),         \
		PROC_FILE("cmdline", 0444, show_cmdline),                                         \
		PROC_FILE("environ", 0400, show_environ), PROC_FILE("limits", 0444, show_limits), \
		PROC_FILE("mounts", 0444, proc_show_mounts), PROC_DIR("fd", 0500, proc_fd_dir),   \
		PROC_LINK("exe", proc_exe_readlink, proc_exe_jump),                               \
		PROC_LINK("cwd", proc_cwd_readlink, proc_cwd_jump),                               \
		PROC_LINK("root", proc_root_readlink, proc_root_jump),                            \
	{                                                                                         \
		.name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .store = store_comm    \
	}

static const struct proc_entry thread_entries[] = {PER_THREAD};
static const struct proc_entry pid_entries[] = {PER_THREAD, PROC_DIR("task", 0555, task_dir)};
static const struct proc_dir thread_dir = {.entries = thread_entries,
					   .nr = ARRAY_SIZE(thread_entries)};
const struct proc_dir proc_pid_dir = {.entries = pid_entries, .nr = ARRAY_SIZE(pid_entries)};
static const struct proc_entry thread_entry = PROC_DIR("", 0555, thread_dir);

static struct dentry *thread_find(struct dentry *dir, const struct qname *name)
{
	struct task *leader = proc_task(proc_node_of(dir->inode)), *p = NULL;
	struct dentry *d = NULL;
	struct pid *pid;
	u32 nr;

	if (leader && proc_number(name, &nr))
		p = find_get_task((pid_t)nr);
	pid = p && p->signal == leader->signal ? find_get_pid((pid_t)nr) : NULL;
	if (pid) {
		d = proc_make(dir, name, &thread_entry, pid, 0);
		if (!IS_ERR(d))
			((struct proc_node *)d->inode->private)->thread = true;
		put_pid(pid);
	}
	if (p)
		put_task(p);
	if (leader)
		put_task(leader);
	return d;
}

static bool thread_next(const struct proc_node *dir, u32 *n)
{
	struct task *leader = proc_task(dir), *t;
	u32 best = 0;

	if (!leader)
		return false;
	spin_lock(&tasklist_lock);
	list_for_each_entry (t, &leader->signal->threads, thread_node)
		if ((u32)t->pid_nr >= *n && (!best || (u32)t->pid_nr < best))
			best = (u32)t->pid_nr;
	spin_unlock(&tasklist_lock);
	put_task(leader);
	*n = best;
	return best != 0;
}

static const struct proc_dir task_dir = {
	.find = thread_find, .next = thread_next, .each = &thread_entry};
