/* Looking at memory: vm, mem, slabs, tlb. cmd_pt.c shows the page tables. */
#include "kernel/sharing.h"
#include "kernel/shell/account.h"
#include "kernel/shell/shell.h"
#include "mm/mm.h"
#include "mm/slab.h"

static void vm_line(const struct area *a, void *unused __maybe_unused)
{
	const char *name = a->obj                  ? a->obj->name
			   : a->flags & AREA_STACK ? "[stack]"
			   : a->flags & AREA_HEAP  ? "[heap]"
						   : "anonymous";

	console_printf("%012lx-%012lx %c%c%c%c %8lu KiB %s\n", a->start, a->end,
		       a->flags & AREA_READ ? 'r' : '-', a->flags & AREA_WRITE ? 'w' : '-',
		       a->flags & AREA_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
		       (a->end - a->start) / 1024, name);
}

static void vm_stats(const struct mm *mm)
{
	const struct mm_stats *s = &mm->stats;

	if (s->tables_shared | s->tables_copied | s->pages_shared)
		console_printf(
			"made by a fork that shared %lu tables and copied %lu (sharing %lu pages one by one)\n",
			s->tables_shared, s->tables_copied, s->pages_shared);
	console_printf(
		"since it was made: faults: %lu; zero pages: %lu, file pages: %lu; copied on write: tables: %lu, pages: %lu; "
		"pages found to be the last reference: %lu\n",
		s->faults, s->zero_pages, s->file_pages, s->cow_tables, s->cow_pages,
		s->cow_reused);
}

SHELL_COMMAND(vm, "look", 0, 1, "vm [PID]",
	      "the areas of an address space, and what happened in it")
{
	struct task *t scoped(put_task) = NULL;
	int status = task_of_argument("vm", argv[1], &t);

	if (status)
		return status;
	struct mm *mm scoped(mm_put) = task_get_mm(t);
	if (mm == NULL)
		return shell_fail("vm: task %d has no address space of its own\n", t->pid_nr);
	console_printf("task %d: %lu areas, %lu KiB resident, used by %u task(s)\n", t->pid_nr,
		       mm_area_count(mm), mm_resident(mm) * (PAGE_SIZE / 1024),
		       refcount_read(&mm->users) - 1);
	mm_foreach_area(mm, vm_line, NULL);
	vm_stats(mm);
	return 0;
}

SHELL_COMMAND(mem, "look", 0, 0, "mem",
	      "what is in use: physical memory, slab caches, tasks, pids, open files")
{
	struct account now;

	account_take(&now); /* also empties the caches of freed stacks and slabs */
	console_printf(
		"total %10lu KiB\nfree  %10lu KiB (%lu pages)\nslabs %10lu KiB in %lu objects\n",
		nr_total_pages() * (PAGE_SIZE / 1024), nr_free_pages() * (PAGE_SIZE / 1024),
		nr_free_pages(), slab_pages() * (PAGE_SIZE / 1024), slab_active_objects());
	console_printf("tasks %lu, pids %lu, open files %lu\n", now.tasks, now.pids, now.files);
	return 0;
}

static void slab_line(const struct kmem_cache_info *info, void *unused __maybe_unused)
{
	console_printf("%-20s %6lu %8lu %8lu %6lu\n", info->name, info->size, info->active,
		       info->total, info->pages);
}

SHELL_COMMAND(slabs, "look", 0, 0, "slabs",
	      "the slab caches: size of an object, how many are in use and have room, pages")
{
	console_printf("%-20s %6s %8s %8s %6s\n", "CACHE", "SIZE", "ACTIVE", "TOTAL", "PAGES");
	kmem_cache_foreach(slab_line, NULL);
	return 0;
}

SHELL_COMMAND(tlb, "look", 0, 0, "tlb",
	      "TLB flushes of each CPU, and how many others had to be asked for them")
{
	console_printf("%-6s %10s %12s %12s\n", "CPU", "FLUSHES", "CPUS ASKED", "SPARED");
	for (u32 i = 0; i < nr_cpus; i++) {
		u64 flushes, asked;

		arch_tlb_counts(i, &flushes, &asked);
		console_printf("%-6u %10lu %12lu %12lu\n", i, flushes, asked,
			       flushes * (nr_cpus - 1) - asked);
	}
	return 0;
}
