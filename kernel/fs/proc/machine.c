/* The files about the machine: stat, uptime, loadavg, cpuinfo, interrupts, softirqs. proc(5) */
#include "kernel/fork.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/sched/load.h"
#include "mm/slab.h"

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
	seq_printf(s,
		   "ctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %lu\nprocs_blocked 0\n"
		   "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
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

/* Which package and core a CPU is in, and how many CPUs and cores the package has. */
static void show_place(struct seq *s, u32 cpu)
{
	struct cpu_place mine = arch_cpu_place(cpu);
	struct cpumask cores = {};
	u32 siblings = 0, nr_cores = 0;

	for (u32 other = 0; other < nr_cpus; other++) {
		struct cpu_place its = arch_cpu_place(other);

		if (its.package != mine.package)
			continue;
		siblings++;
		if (!bitmap_test(cores.bits, its.core % MAX_CPUS)) {
			bitmap_set(cores.bits, its.core % MAX_CPUS);
			nr_cores++;
		}
	}
	seq_printf(s, "physical id\t: %u\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
		   mine.package, siblings, mine.core, nr_cores);
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
		seq_printf(s, "microcode\t: %#x\n", id.microcode);
		show_place(s, cpu);
		seq_printf(s, "apicid\t\t: %u\nfpu\t\t: yes\nwp\t\t: yes\nflags\t\t:%s\n",
			   cpus[cpu].apic_id, flags);
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

/* There are none: the work is done in the interrupts themselves, or by kernel threads. */
int proc_show_softirqs(struct seq *s, const struct proc_node *node __maybe_unused)
{
	static const char *const names[] = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
					    "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};

	seq_printf(s, "%20s", "");
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		seq_printf(s, "CPU%-8u", cpu);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		seq_printf(s, "\n%12s:", names[i]);
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			seq_printf(s, " %10u", 0);
	}
	seq_puts(s, "\n");
	return 0;
}
