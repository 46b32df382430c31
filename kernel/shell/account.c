/* The account of resources in use: `mem` prints it, and it must be unchanged when a test ends. */
#include "kernel/shell/account.h"

#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/log.h"
#include "kernel/pid.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/page.h"
#include "mm/slab.h"

#define SETTLE_NS (100 * NSEC_PER_MSEC)

/* Wait until reaped tasks are freed: one may be in its last schedule(), or still referenced. */
static void wait_for_the_dead(void)
{
	u64 until = ktime_get() + SETTLE_NS;

	while (atomic_read(&nr_task_structs) > atomic_read(&nr_threads) && ktime_get() < until)
		sleep_ns(NSEC_PER_MSEC / 10);
}

/* Free what this CPU caches. */
static void drain_cpu(void *unused __maybe_unused)
{
	leave_borrowed_mm();
	slab_shrink();
}

void account_take(struct account *a)
{
	wait_for_the_dead();
	drain_task_cache();
	on_each_cpu(drain_cpu, NULL);
	/* Pages of slabs count as free: slab_objects shows a leaked object. */
	a->free_pages = nr_free_pages() + slab_pages();
	a->slab_objects = slab_active_objects();
	a->tasks = (u64)atomic_read(&nr_threads);
	a->pids = (u64)pidmap_used(&init_pidmap);
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
