/* The account of what is in use: what `mem` shows, and what must be as before when a test ends. */
#include "kernel/shell/account.h"

#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/log.h"
#include "kernel/pid.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/page.h"
#include "mm/slab.h"

static void add_pages(const struct kmem_cache_info *info, void *sum)
{
	*(u64 *)sum += info->pages;
}

#define SETTLE_NS (100 * NSEC_PER_MSEC)

/* A task that its parent has reaped may still be on its last way through schedule(), on another
 * CPU, or be looked at by somebody: its stack is about to be freed. */
static void wait_for_the_dead(void)
{
	u64 until = ktime_get() + SETTLE_NS;

	while (atomic_read(&nr_task_structs) > atomic_read(&nr_threads) && ktime_get() < until)
		sleep_ns(NSEC_PER_MSEC / 10);
}

/* On each CPU: what it keeps for itself. */
static void drain_cpu(void *unused __maybe_unused)
{
	leave_borrowed_mm();
	slab_shrink();
}

void account_take(struct account *a)
{
	u64 held = 0;

	wait_for_the_dead();
	drain_task_cache();
	on_each_cpu(drain_cpu, NULL);
	/* Pages of half-empty slabs count as free: which slab a live object happens to keep is no
	 * leak, and a leaked object is seen in slab_objects. */
	kmem_cache_foreach(add_pages, &held);
	a->free_pages = nr_free_pages() + held;
	a->slab_objects = slab_active_objects();
	a->tasks = (u64)atomic_read(&nr_threads);
	a->pids = (u64)READ_ONCE(init_pidmap.nr_used);
	a->files = nr_open_files();
}

static bool same(const char *what, u64 before, u64 after)
{
	if (before != after)
		console_printf("# account: %s: %lu before, %lu after\n", what, before, after);
	return before == after;
}

bool account_equal(const struct account *before, const struct account *after)
{
	bool ok = same("free pages", before->free_pages, after->free_pages);

	ok &= same("slab objects", before->slab_objects, after->slab_objects);
	ok &= same("tasks", before->tasks, after->tasks);
	ok &= same("pids", before->pids, after->pids);
	return same("open files", before->files, after->files) && ok;
}
