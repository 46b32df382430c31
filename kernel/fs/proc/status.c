/* /proc/PID/stat, status, statm: what ps and top read. proc(5). */
#include "kernel/fs/proc/snapshot.h"
#include "kernel/sys/capability.h"

/* The priority is 0 … 39 for nice values, -2 … -100 for real-time tasks: proc(5). */
int proc_show_pid_stat(struct seq *s, const struct proc_node *node)
{
	static const struct mm none;
	const struct mm *mm;
	struct look l;
	bool mine;

	if (look_begin(&l, node))
		return -ESRCH;
	mm = l.mm ? l.mm : &none;
	/* addresses only for readers that may look into the process */
	mine = l.mm && proc_may_look(l.task);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u %lu %lu 0 0 %lu %lu %ld %ld %d %d %d 0 %lu",
		   l.pid, l.comm, l.state, l.ppid, l.pgrp, l.session, l.tty, l.tpgid,
		   l.kthread ? 0x00200000 : 0x00400000, l.used.min_flt, l.children.min_flt,
		   ticks(l.used.utime), ticks(l.used.stime), ticks(l.children.utime),
		   ticks(l.children.stime), l.prio - MAX_RT_PRIO, l.nice, l.threads,
		   ticks(l.start));
	seq_printf(s, " %lu %lu %lu %lu %lu %lu 0 0", mm->nr_mapped * PAGE_SIZE,
		   l.rss.anon + l.rss.shared, l.rss_limit, mine ? mm->start_code : !!l.mm,
		   mine ? mm->end_code : !!l.mm, mine ? mm->start_stack : 0);
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

/* Pages by kind: sums over the areas. */
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

static void memory_line(struct seq *s, const char *name, u64 pages)
{
	seq_printf(s, "%s:\t%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

/* Pages of files count as shared: all files live in a tmpfs. */
static void show_memory(struct seq *s, const struct look *l)
{
	struct sizes z;

	measure(l->mm, &z);
	memory_line(s, "VmPeak", MAX(l->mm->peak_mapped, l->mm->nr_mapped));
	memory_line(s, "VmSize", l->mm->nr_mapped);
	memory_line(s, "VmLck", l->mm->nr_locked);
	memory_line(s, "VmPin", 0);
	memory_line(s, "VmHWM", mm_peak_resident(l->mm));
	memory_line(s, "VmRSS", l->rss.anon + l->rss.shared);
	memory_line(s, "RssAnon", l->rss.anon);
	memory_line(s, "RssFile", 0);
	memory_line(s, "RssShmem", l->rss.shared);
	memory_line(s, "VmData", z.data);
	memory_line(s, "VmStk", z.stack);
	memory_line(s, "VmExe", z.text);
	memory_line(s, "VmLib", z.lib);
	memory_line(s, "VmPTE", l->rss.tables);
	memory_line(s, "VmSwap", 0);
	memory_line(s, "HugetlbPages", 0);
	seq_puts(s, "CoreDumping:\t0\nTHP_enabled:\t0\n");
}

static const char *state_word(char state)
{
	static const char *const words['t' + 1] = {
		['R'] = "running", ['S'] = "sleeping",     ['D'] = "disk sleep", ['I'] = "idle",
		['T'] = "stopped", ['t'] = "tracing stop", ['Z'] = "zombie",
	};

	return words[(u8)state] ?: "dead";
}

static void show_signals(struct seq *s, const struct look *l)
{
	seq_printf(s, "Threads:\t%d\nSigQ:\t%d/%lu\n", l->threads,
		   atomic_read(&l->cred->user->sigpending),
		   (u64)l->task->signal->rlim[RLIMIT_SIGPENDING].rlim_cur);
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", l->pending, l->shared,
		   l->blocked);
	seq_printf(s, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", l->ignored, l->caught);
}

static void show_ids(struct seq *s, const struct look *l)
{
	const struct cred *c = l->cred;

	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		   c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", l->fd_room);
	for (int i = 0; i < c->ngroups; i++)
		seq_printf(s, "%s%u", i ? " " : "", c->groups[i]);
	seq_printf(s, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", l->tgid, l->pid,
		   l->pgrp, l->session);
}

static void show_privileges(struct seq *s, const struct look *l)
{
	seq_printf(s, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", 0UL,
		   cred_permitted(l->cred), cred_effective(l->cred));
	seq_printf(s,
		   "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t%d\n"
		   "Seccomp_filters:\t%u\n",
		   CAP_ALL, 0UL, l->no_new_privs, l->seccomp, l->nr_filters);
}

void proc_show_cpulist(struct seq *s, const struct cpumask *m)
{
	size_t from, end = 0;
	const char *comma = "";

	while ((from = bitmap_find_set(m->bits, MAX_CPUS, end)) < MAX_CPUS) {
		end = bitmap_find_clear(m->bits, MAX_CPUS, from);
		seq_printf(s, end - from > 1 ? "%s%zu-%zu" : "%s%zu", comma, from, end - 1);
		comma = ",";
	}
	seq_puts(s, "\n");
}

void proc_show_cpumap(struct seq *s, const struct cpumask *m)
{
	for (u32 words = (nr_cpus + 31) / 32, i = words; i-- > 0;) {
		u32 word = (u32)(m->bits[i / 2] >> i % 2 * 32);
		int digits = i == words - 1 ? (int)(nr_cpus - 32 * i + 3) / 4 : 8;

		seq_printf(s, i ? "%0*x," : "%0*x\n", digits, word);
	}
}

static void show_cpus(struct seq *s, const struct look *l)
{
	struct cpumask mask = sched_get_affinity(l->task);

	seq_puts(s, "Cpus_allowed:\t");
	proc_show_cpumap(s, &mask);
	seq_puts(s, "Cpus_allowed_list:\t");
	proc_show_cpulist(s, &mask);
	seq_puts(s, "Mems_allowed:\t1\nMems_allowed_list:\t0\n"); /* one node */
}

/* Escape line ends in the name, for the file has one entry a line. */
static void show_name(struct seq *s, const char *name)
{
	seq_puts(s, "Name:\t");
	for (; *name; name++)
		if (*name == '\n' || *name == '\\')
			seq_puts(s, *name == '\n' ? "\\n" : "\\\\");
		else
			seq_write(s, name, 1);
	seq_puts(s, "\n");
}

int proc_show_status(struct seq *s, const struct proc_node *node)
{
	struct look l;

	if (look_begin(&l, node))
		return -ESRCH;
	show_name(s, l.comm);
	if (l.has_umask)
		seq_printf(s, "Umask:\t%04o\n", l.umask);
	seq_printf(s, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		   l.state, state_word(l.state), l.tgid, l.pid, l.ppid, l.tracer);
	show_ids(s, &l);
	seq_printf(s, "Kthread:\t%d\n", l.kthread);
	if (l.mm)
		show_memory(s, &l);
	show_signals(s, &l);
	show_privileges(s, &l);
	show_cpus(s, &l);
	seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   l.voluntary, l.forced);
	look_end(&l);
	return 0;
}

int proc_show_statm(struct seq *s, const struct proc_node *node)
{
	struct sizes z = {};
	struct look l;

	if (look_begin(&l, node))
		return -ESRCH;
	if (l.mm)
		measure(l.mm, &z);
	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", l.mm ? l.mm->nr_mapped : 0,
		   l.rss.anon + l.rss.shared, l.rss.shared, z.text, z.data + z.stack);
	look_end(&l);
	return 0;
}
