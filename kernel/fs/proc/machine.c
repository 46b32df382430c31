/* The files about the machine: stat, meminfo, uptime, loadavg, cpuinfo, interrupts. proc(5) */
#include "kernel/fork.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/sched/load.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/tree.h"

#define NR_VECTORS 256
#define ISA_VECTOR 32
#define ISA_LINES  16

/* user nice system idle iowait irq softirq steal guest guest_nice. No device waits, and an
 * interrupt counts towards the time that it interrupts. */
static void cpu_line(struct seq *s, const struct cpu_times *t)
{
	seq_printf(s, " %lu %lu %lu %lu 0 0 0 0 0 0\n", ticks(t->user), ticks(t->nice),
		   ticks(t->system), ticks(t->idle));
}

static struct cpu_times sum_times(void)
{
	struct cpu_times sum = {}, t;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		cpu_times(cpu, &t);
		sum.user += t.user;
		sum.nice += t.nice;
		sum.system += t.system;
		sum.idle += t.idle;
	}
	return sum;
}

static u64 line_count(u8 vector)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		n += arch_irq_count(cpu, vector);
	return n;
}

static void intr_line(struct seq *s)
{
	u64 total = 0;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		total += READ_ONCE(cpus[cpu].irqs);
	seq_printf(s, "intr %lu", total);
	for (u32 line = 0; line < ISA_LINES; line++)
		seq_printf(s, " %lu", line_count((u8)(ISA_VECTOR + line)));
	seq_puts(s, "\n");
}

int proc_show_stat(struct seq *s, const struct proc_node *node __maybe_unused)
{
	struct cpu_times sum = sum_times(), t;

	seq_puts(s, "cpu ");
	cpu_line(s, &sum);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		cpu_times(cpu, &t);
		seq_printf(s, "cpu%u", cpu);
		cpu_line(s, &t);
	}
	intr_line(s);
	seq_printf(s, "ctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %lu\nprocs_blocked 0\n",
		   nr_context_switches(), (ktime_get_real() - ktime_get()) / NSEC_PER_SEC,
		   READ_ONCE(total_forks), nr_running_tasks());
	return 0;
}

int proc_show_uptime(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 now = ktime_get() / (NSEC_PER_SEC / 100);
	u64 idle = sum_times().idle / (NSEC_PER_SEC / 100);

	seq_printf(s, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
	return 0;
}

int proc_show_loadavg(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 load[NR_LOADS];

	load_averages(load);
	for (int i = 0; i < NR_LOADS; i++) {
		u64 v = load[i] + LOAD_ONE / 200; /* to the nearest hundredth */

		seq_printf(s, "%lu.%02lu ", v >> LOAD_SHIFT,
			   ((v & (LOAD_ONE - 1)) * 100) >> LOAD_SHIFT);
	}
	seq_printf(s, "%lu/%d %d\n", nr_running_tasks(), atomic_read(&nr_threads),
		   READ_ONCE(init_pidmap.last_pid));
	return 0;
}

/* False: `t` has no memory; a leader may end before its threads. */
static bool add_data_pages(struct task *t, u64 *pages)
{
	struct mm *mm;

	spin_lock(&t->lock);
	mm = t->mm;
	if (mm)
		*pages += READ_ONCE(mm->nr_data);
	spin_unlock(&t->lock);
	return mm;
}

/* A vfork child, which borrows its parent's memory, does not count. */
static void add_committed(struct task *leader, void *pages)
{
	struct task *t;

	if (READ_ONCE(leader->vfork_parent))
		return;
	list_for_each_entry (t, &leader->signal->threads, thread_node)
		if (add_data_pages(t, pages))
			break;
}

static void memory_line(struct seq *s, const char *name, u64 pages)
{
	seq_printf(s, "%-15s %8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

/* Files are in memory, so their pages are Shmem and cannot be reclaimed. */
int proc_show_meminfo(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 free = nr_free_pages(), shared = (u64)atomic_read(&nr_object_pages);
	u64 slab = slab_pages(), committed = 0; /* the private writable memory of all processes */

	visit_processes(add_committed, &committed);
	memory_line(s, "MemTotal:", nr_total_pages());
	memory_line(s, "MemFree:", free);
	memory_line(s, "MemAvailable:", free > PAGE_RESERVE ? free - PAGE_RESERVE : 0);
	memory_line(s, "Buffers:", 0);
	memory_line(s, "Cached:", shared);
	memory_line(s, "SwapCached:", 0);
	memory_line(s, "SwapTotal:", 0);
	memory_line(s, "SwapFree:", 0);
	memory_line(s, "Dirty:", 0);
	memory_line(s, "Writeback:", 0);
	memory_line(s, "Shmem:", shared);
	memory_line(s, "Slab:", slab);
	memory_line(s, "SReclaimable:", 0);
	memory_line(s, "SUnreclaim:", slab);
	memory_line(s, "KernelStack:",
		    (u64)atomic_read(&nr_task_structs) * (KERNEL_STACK_SIZE / PAGE_SIZE));
	memory_line(s, "PageTables:", (u64)atomic_read(&nr_table_pages));
	memory_line(s, "Committed_AS:", committed + shared);
	return 0;
}

int proc_show_vmstat(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "nr_free_pages %lu\nnr_shmem %d\nnr_page_table_pages %d\n", nr_free_pages(),
		   atomic_read(&nr_object_pages), atomic_read(&nr_table_pages));
	seq_puts(s, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n"); /* no disk, no swap */
	return 0;
}

int proc_show_cpuinfo(struct seq *s, const struct proc_node *node __maybe_unused)
{
	const size_t room = 1024;
	char *flags scoped(kfree) = kmalloc(room);
	struct cpu_identity id;

	if (!flags)
		return -ENOMEM;
	arch_cpu_identity(&id);
	arch_cpu_flags(flags, room);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\n", cpu,
			   id.vendor, id.family);
		seq_printf(s, "model\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n", id.model,
			   *id.model_name ? id.model_name : "unknown", id.stepping);
		seq_printf(
			s,
			"microcode\t: %#x\napicid\t\t: %u\nfpu\t\t: yes\nwp\t\t: yes\nflags\t\t:%s\n",
			id.microcode, cpus[cpu].apic_id, flags);
		seq_printf(s, "address sizes\t: %u bits physical, 48 bits virtual\n\n",
			   id.phys_bits);
	}
	return 0;
}

int proc_show_interrupts(struct seq *s, const struct proc_node *node __maybe_unused)
{
	char tag[8], about[48];

	seq_printf(s, "%4s", "");
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		seq_printf(s, "       CPU%u", cpu);
	seq_puts(s, "\n");
	for (u32 v = 0; v < NR_VECTORS; v++) {
		if (!arch_irq_label((u8)v, tag, sizeof(tag), about, sizeof(about)) ||
		    (v < ISA_VECTOR + ISA_LINES && !line_count((u8)v)))
			continue;
		seq_printf(s, "%3s:", tag);
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			seq_printf(s, " %10u", arch_irq_count(cpu, (u8)v));
		seq_printf(s, "  %s\n", about);
	}
	return 0;
}
