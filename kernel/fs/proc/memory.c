/* The files about memory: meminfo, vmstat, buddyinfo, slabinfo. proc(5) */
#include "kernel/fork.h"
#include "kernel/fs/proc/proc.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/tree.h"

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

static u64 stack_pages(void)
{
	return (u64)atomic_read(&nr_task_structs) * (KERNEL_STACK_SIZE / PAGE_SIZE);
}

/* Kinds of memory that do not exist. */
static void show_none(struct seq *s)
{
	static const char *const names[] = {
		"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		memory_line(s, names[i], 0);
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
	memory_line(s, "KReclaimable:", 0);
	memory_line(s, "Slab:", slab);
	memory_line(s, "SReclaimable:", 0);
	memory_line(s, "SUnreclaim:", slab);
	memory_line(s, "KernelStack:", stack_pages());
	memory_line(s, "PageTables:", (u64)atomic_read(&nr_table_pages));
	show_none(s);
	memory_line(s, "Committed_AS:", committed + shared);
	memory_line(s, "VmallocTotal:", (VMALLOC_END - VMALLOC_BASE) >> PAGE_SHIFT);
	memory_line(s, "VmallocChunk:", 0);
	memory_line(s, "AnonHugePages:", 0);
	memory_line(s, "ShmemHugePages:", 0);
	memory_line(s, "ShmemPmdMapped:", 0);
	seq_puts(s, "HugePages_Total:       0\nHugePages_Free:        0\n"
		    "HugePages_Rsvd:        0\nHugePages_Surp:        0\n");
	memory_line(s, "Hugepagesize:", 512);
	memory_line(s, "Hugetlb:", 0);
	return 0;
}

/* Of Linux's counters those that are kept, and those of disks and swap, which do not exist. */
int proc_show_vmstat(struct seq *s, const struct proc_node *node __maybe_unused)
{
	int shared = atomic_read(&nr_object_pages);

	seq_printf(s, "nr_free_pages %lu\nnr_slab_reclaimable 0\nnr_slab_unreclaimable %lu\n",
		   nr_free_pages(), slab_pages());
	seq_printf(s, "nr_file_pages %d\nnr_dirty 0\nnr_writeback 0\nnr_shmem %d\n", shared,
		   shared);
	seq_printf(s, "nr_kernel_stack %lu\nnr_page_table_pages %d\nnr_swapcached 0\n",
		   stack_pages() * (PAGE_SIZE / 1024), atomic_read(&nr_table_pages));
	seq_puts(s, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgmajfault 0\n");
	return 0;
}

/* All memory is one zone here. */
int proc_show_buddyinfo(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 counts[MAX_ORDER + 1];

	free_blocks(counts);
	seq_puts(s, "Node 0, zone   Normal ");
	for (int order = 0; order <= MAX_ORDER; order++)
		seq_printf(s, "%6lu ", counts[order]);
	seq_puts(s, "\n");
	return 0;
}

static void slab_line(const struct kmem_cache_info *c, void *seq)
{
	u64 slabs = c->pages / c->slab_pages;

	seq_printf(seq, "%-17s %6lu %6lu %6zu %4u %4u", c->name, c->active, c->total, c->size,
		   c->slab_objects, c->slab_pages);
	seq_puts(seq, " : tunables    0    0    0");
	seq_printf(seq, " : slabdata %6lu %6lu %6u\n", slabs, slabs, 0);
}

int proc_show_slabinfo(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_puts(s, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
		    "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
		    "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	kmem_cache_foreach(slab_line, s);
	return 0;
}
