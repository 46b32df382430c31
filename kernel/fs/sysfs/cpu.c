/* /sys/devices/system/cpu and node: how many CPUs there are, which of them share a core or a
 * package, and the one memory node. */
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/lib/cpumask.h"
#include "mm/page.h"

/* ---- one CPU: its number is node->fd ---- */

static int show_core_id(struct seq *s, const struct proc_node *node)
{
	seq_printf(s, "%u\n", arch_cpu_place(node->fd).core);
	return 0;
}

static int show_package_id(struct seq *s, const struct proc_node *node)
{
	seq_printf(s, "%u\n", arch_cpu_place(node->fd).package);
	return 0;
}

/* The CPUs of the same package, or of the same core if the entry has an argument. */
static struct cpumask siblings(const struct proc_node *node)
{
	struct cpu_place mine = arch_cpu_place(node->fd);
	struct cpumask m = {};

	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		struct cpu_place its = arch_cpu_place(cpu);

		if (its.package == mine.package && (!node->entry->arg || its.core == mine.core))
			bitmap_set(m.bits, cpu);
	}
	return m;
}

static int show_siblings(struct seq *s, const struct proc_node *node)
{
	struct cpumask m = siblings(node);

	proc_show_cpumap(s, &m);
	return 0;
}

static int show_siblings_list(struct seq *s, const struct proc_node *node)
{
	struct cpumask m = siblings(node);

	proc_show_cpulist(s, &m);
	return 0;
}

#define OF_CORE(nm, fn)                                                                \
	{                                                                              \
		.name = (nm), .mode = S_IFREG | 0444, .show = (fn), .arg = "of a core" \
	}
/* Some have an older name as well. */
static const struct proc_entry topology_entries[] = {
	OF_CORE("core_cpus", show_siblings),
	OF_CORE("core_cpus_list", show_siblings_list),
	PROC_FILE("core_id", show_core_id),
	PROC_FILE("core_siblings", show_siblings),
	PROC_FILE("core_siblings_list", show_siblings_list),
	PROC_FILE("package_cpus", show_siblings),
	PROC_FILE("package_cpus_list", show_siblings_list),
	PROC_FILE("physical_package_id", show_package_id),
	OF_CORE("thread_siblings", show_siblings),
	OF_CORE("thread_siblings_list", show_siblings_list),
};
static const struct proc_entry cpu_entries[] = {SYS_DIR("topology", topology_entries)};
static const struct proc_entry cpu_entry = SYS_DIR("", cpu_entries);

/* "cpu" and a number. */
static struct dentry *cpu_find(struct dentry *dir, const struct qname *name)
{
	struct qname rest;
	u32 n;

	if (name->len <= 3 || memcmp(name->s, "cpu", 3))
		return NULL;
	rest = qname_of(name->s + 3, name->len - 3);
	if (!proc_number(&rest, &n) || n >= nr_cpus)
		return NULL;
	return proc_make(dir, name, &cpu_entry, NULL, n);
}

static bool cpu_next(const struct proc_node *dir __maybe_unused, u32 *n)
{
	return *n < nr_cpus;
}

/* ---- all CPUs: none can be added or removed ---- */

static int show_all_list(struct seq *s, const struct proc_node *node __maybe_unused)
{
	proc_show_cpulist(s, &cpu_online_mask);
	return 0;
}

static int show_all(struct seq *s, const struct proc_node *node __maybe_unused)
{
	proc_show_cpumap(s, &cpu_online_mask);
	return 0;
}

static int show_kernel_max(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%d\n", MAX_CPUS - 1);
	return 0;
}

static const struct proc_entry cpus_entries[] = {
	PROC_TEXT("isolated", "\n"),          PROC_FILE("kernel_max", show_kernel_max),
	PROC_TEXT("offline", "\n"),           PROC_FILE("online", show_all_list),
	PROC_FILE("possible", show_all_list), PROC_FILE("present", show_all_list),
};
const struct proc_dir sysfs_cpu_dir = {.entries = cpus_entries,
				       .nr = ARRAY_SIZE(cpus_entries),
				       .find = cpu_find,
				       .next = cpu_next,
				       .each = &cpu_entry,
				       .prefix = "cpu"};

/* ---- the memory node ---- */

static int show_node_memory(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 total = nr_total_pages(), free = nr_free_pages();

	seq_printf(s, "Node 0 MemTotal:       %8lu kB\n", total * (PAGE_SIZE / 1024));
	seq_printf(s, "Node 0 MemFree:        %8lu kB\n", free * (PAGE_SIZE / 1024));
	seq_printf(s, "Node 0 MemUsed:        %8lu kB\n", (total - free) * (PAGE_SIZE / 1024));
	return 0;
}

static const struct proc_entry node0_entries[] = {
	PROC_FILE("cpulist", show_all_list),
	PROC_FILE("cpumap", show_all),
	PROC_TEXT("distance", "10\n"),
	PROC_FILE("meminfo", show_node_memory),
};
static const struct proc_entry node_entries[] = {
	PROC_TEXT("has_cpu", "0\n"),
	PROC_TEXT("has_memory", "0\n"),
	PROC_TEXT("has_normal_memory", "0\n"),
	SYS_DIR("node0", node0_entries),
	PROC_TEXT("online", "0\n"),
	PROC_TEXT("possible", "0\n"),
};
const struct proc_dir sysfs_node_dir = {.entries = node_entries, .nr = ARRAY_SIZE(node_entries)};
